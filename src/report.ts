import * as core from '@actions/core'
import { HaproxyError } from './haproxy/errors.ts'
import { type AdminState, isDrained, isUp, shownAdminState } from './haproxy/server.ts'
import { harmless, harmlessHtml } from './harmless.ts'
import { InputError } from './input-reader.ts'
import type { Inputs } from './inputs.ts'
import { namesOf, seenAs, statesOf } from './rotation/describe.ts'
import { formatDuration } from './rotation/duration.ts'
import { type Pool, type Target, targetsOf } from './rotation/pool.ts'
import type { Log } from './rotation/surroundings.ts'
import type { OnLook } from './rotation/watch.ts'

/** Everything that is said in the log passes here, and nothing of it can be a command. */
export const log: Log = {
  info: (text) => {
    core.info(harmless(text))
  },
  notice: (text) => {
    core.notice(harmless(text))
  },
  warning: (text) => {
    core.warning(harmless(text))
  }
}

/** Says what went wrong, as the step's last line, and has the step fail. Never throws. */
export function reportFailure(error: unknown, ...more: readonly string[]): void {
  if (error instanceof InputError) {
    error.problems.forEach((problem) => {
      core.error(harmless(problem))
    })
    const names = new Set(error.problems.map((problem) => problem.split(':')[0] ?? ''))
    core.setFailed(harmless(`Nothing was changed: please correct ${[...names].join(', ')}.`))
    return
  }
  if (!(error instanceof HaproxyError) && error instanceof Error) {
    core.debug(harmless(error.stack ?? ''))
  }
  const message = error instanceof Error ? error.message : String(error)
  core.setFailed(
    [message, ...more]
      .map(harmless)
      .filter((part) => part !== '')
      .join(' ')
  )
}

/** While nothing changes, a wait says so this often, in milliseconds. */
const HEARTBEAT = 30_000

/** Reports one run: its progress, how it ended, its outputs and its summary. */
export class Report {
  pools: readonly Pool[] = []
  readonly #inputs: Inputs
  readonly #told = new Map<Target, string>()
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

  /** Says in one sentence what was achieved, as the step's last line. */
  succeeded(): void {
    log.info(this.#achievement())
  }

  /** Says what went wrong, what state every server was left in, and what to do, as the step's last line. */
  failed(error: unknown): void {
    const targets = this.#targets
    const states = targets.length > 0 ? `Now ${statesOf(targets)}.` : ''
    const untouched = targets.every(({ asked }) => asked === undefined)
    const advice = error instanceof HaproxyError ? error.advice : ''
    reportFailure(error, untouched ? 'Nothing was changed.' : '', states, advice, this.#giveBack())
  }

  /** Sets the outputs and writes the summary, on failure too, as far as they are known. */
  async publish(): Promise<void> {
    setOutputs(this.#targets, this.#waitedMs)
    await writeSummary(this.#inputs.action, this.#targets, this.#waitedMs)
  }

  #achievement(): string {
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
        return targets.every(({ now }) => isDrained(now, maxSessions))
          ? `Safe to stop: ${states}${before}${waited}.`
          : `Out of rotation but not drained: ${states}${waited}.`
      case 'ready':
        return wait && targets.every(({ now }) => isUp(now))
          ? `Back and taking traffic: ${states}${before}${waited}.`
          : `Ready: ${states}${before}. Not waited until up.`
      case 'status':
        return `Seen: ${states}.`
      default:
        return `HAProxy carried out ${action}: ${states}.`
    }
  }

  /** What becomes of servers that a failed step leaves out of rotation. */
  #giveBack(): string {
    const { action, restore } = this.#inputs
    const out = this.#targets.filter(isChanged)
    if (out.length === 0 || (action !== 'drain' && action !== 'maint')) {
      return ''
    }
    return restore === 'never'
      ? `The post step will not bring ${namesOf(out)} back (restore: never).`
      : `The post step will bring ${namesOf(out)} back (restore: ${restore}).`
  }
}

function phrase(target: Target): string {
  const { check, checkFailed } = target.now
  return `${seenAs(target)}${checkFailed ? `, its last check says ${check}` : ''}`
}

/** Whether the run changed a target's admin state, or gave it another command, and left it so. */
export function isChanged({ asked, undone, before }: Target): boolean {
  return asked !== undefined && !undone && shownAdminState(before) !== asked
}

/** One target as the output `result` has it. */
interface Result {
  readonly instance: string
  readonly backend: string
  readonly server: string
  readonly previousStatus: string
  readonly status: string
  readonly previousAdminState: AdminState | null
  readonly adminState: AdminState | null
  readonly sessions: number
  readonly queue: number
  readonly check: string
  readonly changed: boolean
}

function setOutputs(targets: readonly Target[], waitedMs: number): void {
  const distinct = (texts: readonly string[]): string => [...new Set(texts)].join(', ')
  const outputs = {
    changed: targets.some(isChanged),
    status: distinct(targets.map(({ now }) => now.status)),
    'previous-status': distinct(targets.map(({ before }) => before.status)),
    sessions: targets.reduce((sum, { now }) => sum + now.sessions, 0),
    waited: (waitedMs / 1_000).toFixed(1),
    result: JSON.stringify(targets.map(resultOf))
  }
  for (const [name, value] of Object.entries(outputs)) {
    core.setOutput(name, value)
  }
}

function resultOf(target: Target): Result {
  const { pool, before, now } = target
  return {
    instance: pool.page.name,
    backend: before.backend,
    server: before.name,
    previousStatus: before.status,
    status: now.status,
    previousAdminState: shownAdminState(before) ?? null,
    adminState: shownAdminState(now) ?? null,
    sessions: now.sessions,
    queue: now.queue,
    check: now.check,
    changed: isChanged(target)
  }
}

async function writeSummary(
  title: string,
  targets: readonly Target[],
  waitedMs: number
): Promise<void> {
  // Without this file (another runner, an old server) the toolkit throws, and a report must not fail the deed.
  if (targets.length === 0 || !process.env['GITHUB_STEP_SUMMARY']) {
    return
  }
  const header = ['HAProxy', 'Backend', 'Server', 'Before', 'After', 'Sessions', 'Waited']
  const rows = targets.map(({ pool, before, now }) => [
    pool.page.name,
    before.backend,
    before.name,
    before.status,
    now.status,
    String(now.sessions),
    formatDuration(waitedMs)
  ])
  try {
    await core.summary
      .addHeading(harmlessHtml(title), 3)
      .addTable([
        header.map((data) => ({ data, header: true })),
        ...rows.map((row) => row.map((cell) => harmlessHtml(cell)))
      ])
      .write()
  } catch (error) {
    log.info(`The job summary could not be written: ${String(error)}.`)
  }
}
