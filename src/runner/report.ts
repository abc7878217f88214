import * as core from '@actions/core'
import { HaproxyError } from '../haproxy/errors.ts'
import { isOutOfRotation, takesTraffic } from '../haproxy/server.ts'
import { escapeForLog } from './escape.ts'
import { InputError } from './input-reader.ts'
import type { Inputs } from './inputs.ts'
import { endPhase, log } from './log.ts'
import { setOutputs } from './outputs.ts'
import { namesOf, seenAs, statesOf } from '../rotation/describe.ts'
import { formatDuration } from '../rotation/duration.ts'
import {
  isChanged,
  isMoved,
  type Pool,
  type Target,
  targetsOf,
  wasAsked
} from '../rotation/pool.ts'
import type { OnLook } from '../rotation/watch.ts'
import { type Sample, writeSummary } from './summary.ts'

/**
 * Says what went wrong, as the step's last line, and has the step fail.
 *
 * @returns that last line
 */
export function reportFailure(error: unknown, ...more: readonly string[]): string {
  endPhase()
  if (error instanceof InputError) {
    error.problems.forEach((problem) => {
      core.error(escapeForLog(problem))
    })
    const names = new Set(error.problems.map((problem) => problem.split(':')[0] ?? ''))
    const correct = `please correct ${[...names].join(', ')}.`
    return failWith(['Nothing was changed:', correct, ...more].join(' '))
  }
  if (!(error instanceof HaproxyError) && error instanceof Error) {
    core.debug(escapeForLog(error.stack ?? ''))
  }
  const message = error instanceof Error ? error.message : String(error)
  const ended = /[.!?]$/.test(message) ? message : `${message}.`
  return failWith([ended, ...more].filter((part) => part !== '').join(' '))
}

function failWith(sentence: string): string {
  core.setFailed(escapeForLog(sentence))
  return sentence
}

/** While nothing changes, a wait says so this often, in milliseconds. */
const HEARTBEAT = 30_000

/** Reports one run: its progress, how it ended, its outputs and its summary. */
export class Report {
  pools: readonly Pool[] = []
  readonly #inputs: Inputs
  readonly #told = new Map<Target, string>()
  readonly #samples: Sample[] = []
  #sentence = ''
  #waitedMs = 0
  #lastLineMs = 0

  constructor(inputs: Inputs) {
    this.#inputs = inputs
  }

  get #targets(): Target[] {
    return targetsOf(this.pools)
  }

  /** Tells what the run is about. */
  found(pools: readonly Pool[]): void {
    this.pools = pools
    log.info(`Found: ${statesOf(this.#targets)}.`)
  }

  /** Tells of a wait: a line for whatever changed, and a heartbeat. */
  readonly onLook: OnLook = (elapsedMs, remainingMs) => {
    this.#waitedMs = elapsedMs
    this.#samples.push({ elapsedMs, sessions: this.#sessionsLeft() })
    const time = `(${formatDuration(elapsedMs)} elapsed, ${formatDuration(remainingMs)} left)`
    const changed = this.#targets.filter((target) => this.#told.get(target) !== phrase(target))
    for (const target of changed) {
      this.#told.set(target, phrase(target))
      log.info(`${target.fullName} is ${phrase(target)} ${time}.`)
    }
    if (changed.length > 0) {
      this.#lastLineMs = elapsedMs
    } else if (elapsedMs - this.#lastLineMs >= HEARTBEAT) {
      this.#lastLineMs = elapsedMs
      log.info(`Still waiting: ${statesOf(this.#targets)} ${time}.`)
    }
  }

  /**
   * Says in one sentence what was achieved, as the step's last line.
   *
   * @param isMet whether what was waited for has come true
   */
  succeeded(isMet: boolean): void {
    endPhase()
    this.#sentence = this.#achievement(isMet)
    log.info(this.#sentence)
  }

  /** Says what went wrong, what state every server was left in, and what to do, as the step's last line. */
  failed(error: unknown): void {
    const targets = this.#targets
    const states = targets.length > 0 ? `Now ${statesOf(targets)}.` : ''
    const untouched = !targets.some(wasAsked)
    const advice = error instanceof HaproxyError ? error.advice : ''
    const changed = untouched ? 'Nothing was changed.' : ''
    this.#sentence = reportFailure(error, changed, states, advice, this.#giveBack())
  }

  /** Sets the outputs and writes the summary, on failure too, as far as they are known. */
  async publish(): Promise<void> {
    try {
      setOutputs(this.#targets, this.#waitedMs)
    } catch (error) {
      reportFailure(error, this.#sentence)
    }
    await writeSummary({
      title: `HAProxy: ${this.#inputs.action}${this.#inputs.dryRun ? ' (dry run)' : ''}`,
      sentence: this.#sentence,
      targets: this.#targets,
      waitedMs: this.#waitedMs,
      samples: this.#samples
    })
  }

  #sessionsLeft(): number {
    return this.#targets.reduce((sum, { now }) => sum + now.sessions + now.queue, 0)
  }

  #achievement(isMet: boolean): string {
    const { action, dryRun, wait, maxSessions } = this.#inputs
    const targets = this.#targets
    const states = statesOf(targets)
    const before = targets.some(isChanged) ? '' : ', as before'
    const waited = `, waited ${formatDuration(this.#waitedMs)}`
    if (dryRun) {
      return `Dry run, nothing was changed: ${states}.`
    }
    switch (action) {
      case 'drain':
      case 'maint':
        if (!wait) {
          return `Out of rotation: ${states}${before}. Not waited for sessions to end.`
        }
        if (!isMet) {
          return `Out of rotation but not drained: ${states}${waited}.`
        }
        if (this.pools.some(({ reloads, hasForgotten }) => reloads > 0 || hasForgotten)) {
          const certainty = this.pools.some(({ reloads }) => reloads > 0) ? 'was' : 'may have been'
          return (
            `Drained as far as can be seen: ${states}${waited}. HAProxy ${certainty} reloaded meanwhile, and requests ` +
            'that its old process still serves are not shown; its `hard-stop-after` ends them.'
          )
        }
        return maxSessions > 0
          ? `As drained as was asked (max-sessions: ${maxSessions}): ${states}${before}${waited}.`
          : `Safe to stop: ${states}${before}${waited}.`
      case 'ready':
        if (!isMet) {
          return `Ready: ${states}${before}. Not waited until up.`
        }
        return targets.every(({ now }) => takesTraffic(now))
          ? `Back and taking traffic: ${states}${before}${waited}.`
          : `Up, but with weight 0 no traffic comes: ${states}${before}${waited}.`
      case 'status':
        return `Seen: ${states}.`
      default:
        return `HAProxy carried out ${action}: ${states}.`
    }
  }

  /** What becomes of servers that a failed step leaves out of rotation. */
  #giveBack(): string {
    const { action, restore } = this.#inputs
    const held = this.#targets.filter(isHeld)
    if (action === 'ready' && held.length > 0) {
      return `Load balancing sends no user to ${namesOf(held)} until somebody asks for ready.`
    }
    const out = this.#targets.filter(isMoved)
    if (out.length === 0 || (action !== 'drain' && action !== 'maint')) {
      return ''
    }
    return restore === 'never'
      ? `The post step will not bring ${namesOf(out)} back (restore: never); action: ready does.`
      : `The post step will bring ${namesOf(out)} back (restore: ${restore}).`
  }
}

/** Whether a target is in the drain that this run asked for; a reload may have ended it unseen. */
function isHeld({ asked, undone, certain, now, pool }: Target): boolean {
  return asked === 'drain' && !undone && certain && isOutOfRotation(now) && pool.reloads === 0
}

/** How a target is told of while it is waited for; sessions count only where they are to end. */
function phrase(target: Target): string {
  const { now } = target
  const seen = isOutOfRotation(now) ? seenAs(target) : now.status
  return `${seen}${now.checkFailed ? `, its last check says ${now.check}` : ''}`
}
