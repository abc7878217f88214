import { isOutOfRotation } from '../haproxy/server.ts'
import { type Backend, followersOf, targetsOf } from '../rotation/backend.ts'
import { HEARTBEAT_MS, type Log, type Observer } from '../rotation/context.ts'
import { statesOf } from '../rotation/describe.ts'
import { formatDuration } from '../rotation/duration.ts'
import { troubleFirst } from '../rotation/fleet.ts'
import type { Outcome } from '../rotation/outcome.ts'
import { isChanged, type Target, wasTouched } from '../rotation/target.ts'
import { BakeReport } from './bake-report.ts'
import { badInWords, bakedInWords, isUnclear } from './bake-words.ts'
import { explainDoubt } from './doubts.ts'
import { explainFact } from './facts.ts'
import { failureSentence, failWith, reportFailure } from './failure.ts'
import { afterFailure, allUpInWords, foundInLines, statesInLine } from './fleet.ts'
import type { Inputs } from './inputs.ts'
import { log } from './log.ts'
import { withoutOnlyUrl } from './only-url.ts'
import { setOutputs } from './outputs.ts'
import { planInWords } from './plan-words.ts'
import { progressOf, takenAsFound } from './target-words.ts'
import {
  withoutSign,
  type Sample,
  type Summary,
  titleOf,
  titleOfFailure,
  writeSummary
} from './summary.ts'
import { whoBringsThemBack } from './way-back.ts'

/** Reports one run: its progress, and at the end its outputs, its summary and its last line. */
export class Report {
  /** Reports how waits and watches go. */
  readonly observer: Observer
  readonly #bake: BakeReport
  readonly #inputs: Inputs
  readonly #log: Log
  readonly #said = new Map<Target, string>()
  readonly #samples: Sample[] = []
  #backends: readonly Backend[] = []
  #waitedMs = 0
  #lastLineMs = 0

  constructor(inputs: Inputs, log: Log) {
    this.#inputs = inputs
    this.#log = log
    this.#bake = new BakeReport(inputs.bakeMs, log)
    const { onBakeLook, onBadTakeOut } = this.#bake
    this.observer = { onLook: this.#onLook, onBakeLook, onBadTakeOut }
  }

  /** What the run is about, as far as it was found. */
  get backends(): readonly Backend[] {
    return this.#backends
  }

  get #targets(): Target[] {
    return targetsOf(this.#backends)
  }

  /** The targets and those that follow them, whose sessions may be killed as well. */
  get #affected(): Target[] {
    return [...this.#targets, ...followersOf(this.#backends)]
  }

  /** Says what the run is about: the one place that always names the HAProxy. */
  found(backends: readonly Backend[]): void {
    this.#backends = backends
    foundInLines(this.#inputs, this.#targets).forEach((line) => {
      log.info(line)
    })
  }

  /** Says how a wait goes: a line for every change, and a heartbeat. */
  readonly #onLook: Observer['onLook'] = (elapsedMs, remainingMs) => {
    this.#waitedMs = elapsedMs
    const followers = followersOf(this.#backends)
    const watched = [...this.#targets, ...followers.filter(({ now }) => now.sessions > 0)]
    const sessions = watched
      .filter(({ now }) => isOutOfRotation(now))
      .reduce((sum, { now }) => sum + now.sessions + now.queue, 0)
    this.#samples.push({ elapsedMs, sessions })
    const time = `(${formatDuration(elapsedMs)} elapsed, ${formatDuration(remainingMs)} left)`
    const changed = watched.filter((target) => this.#said.get(target) !== progressOf(target))
    for (const target of changed) {
      this.#said.set(target, progressOf(target))
      this.#log.info(`${target.fullName} is ${progressOf(target)} ${time}.`)
    }
    if (changed.length > 0) {
      this.#lastLineMs = elapsedMs
    } else if (elapsedMs - this.#lastLineMs >= HEARTBEAT_MS) {
      this.#lastLineMs = elapsedMs
      this.#log.info(`Still waiting: ${statesOf(this.#targets)} ${time}.`)
    }
  }

  /** Ends the run with what was achieved; a green step that leaves a doubt warns of it. */
  succeed(outcome: Outcome): void {
    const sentence = withoutOnlyUrl(this.#achievement(outcome), this.#inputs)
    const facts = 'proof' in outcome ? outcome.proof.facts.map(explainFact) : []
    const title = withoutOnlyUrl(titleOf(outcome, this.#targets), this.#inputs)
    const isSafeToStop = outcome.kind === 'safe to stop'
    this.#publish(isSafeToStop, { ...this.#summary(sentence), title, facts })
    const hasDoubts = 'proof' in outcome && outcome.proof.doubts.length > 0
    if (hasDoubts || outcome.kind === 'not drained' || isUnclear(outcome)) {
      log.warning(sentence, withoutSign(title))
    } else {
      log.info(sentence)
    }
  }

  /** Ends the run with what went wrong, what state every server was left in, and what to do. */
  fail(error: unknown): void {
    const targets = this.#targets
    const more = [
      ...badInWords(error),
      this.#affected.some(wasTouched) ? '' : 'Nothing was changed.',
      ...afterFailure(error, this.#inputs, targets),
      whoBringsThemBack(targets, this.#inputs)
    ]
    const sentence = withoutOnlyUrl(failureSentence(error, ...more), this.#inputs)
    const title = titleOfFailure(error, targets)
    this.#publish(false, { ...this.#summary(sentence), title, facts: [] })
    failWith(error, sentence, withoutSign(title))
  }

  /** Reporting cannot undo what was done: what goes wrong with it is said before the last line. */
  #publish(isSafeToStop: boolean, summary: Summary): void {
    try {
      setOutputs(this.#targets, {
        waitedMs: this.#waitedMs,
        isChanged: this.#affected.some(isChanged),
        isSafeToStop
      })
    } catch (error) {
      reportFailure(error, 'So the outputs of this step are missing.')
    }
    writeSummary(summary)
  }

  #summary(sentence: string): Omit<Summary, 'title' | 'facts'> {
    const isLook = this.#inputs.action === 'status'
    const targets = isLook ? troubleFirst(this.#targets) : this.#targets
    const [waitedMs, samples, bakeChart] = [this.#waitedMs, this.#samples, this.#bake.chart]
    return { sentence, isLook, targets, waitedMs, samples, bakeChart }
  }

  #achievement(outcome: Outcome): string {
    const targets = this.#targets
    const states = statesInLine(this.#inputs, targets)
    const before = this.#affected.some(isChanged) ? '' : ', as before'
    const waited = `, waited ${formatDuration(this.#waitedMs)}`
    const { action } = this.#inputs
    switch (outcome.kind) {
      case 'observed':
        return `Seen: ${states}.`
      case 'all up':
        return allUpInWords(targets)
      case 'dry run':
        return `Dry run, nothing was changed: ${states}. A real run would ${planInWords(outcome.plan)}.`
      case 'commanded':
        return `HAProxy carried out ${action}: ${states}.`
      case 'requested':
        return action === 'ready'
          ? `Ready: ${states}${before}. This step did not wait until up.`
          : `Out of rotation: ${states}${before}. This step did not wait for sessions to end.`
      case 'not drained':
        return `Out of rotation but not drained: ${states}${waited}.`
      case 'safe to stop':
        return `Safe to stop: ${states}${before}${waited}.`
      case 'drained':
        return [
          action === 'maint'
            ? `Drained, but not proven safe to stop: ${states}${before}${waited}.`
            : `Drained: ${states}${before}${waited}. Pinned clients may come back; maint keeps them away.`,
          ...outcome.proof.doubts.map(explainDoubt)
        ].join(' ')
      case 'up':
        return `Back and taking traffic: ${states}${before}${waited}.${takenAsFound(targets)}${bakedInWords(outcome)}`
    }
  }
}
