import { HaproxyError } from '../haproxy/errors.ts'
import { formatDuration } from './duration.ts'
import type { Instance } from './instance.ts'
import type { TakeOutOptions } from './options.ts'

/** How much earlier a process may have started than its uptime says, in milliseconds. */
const EARLIER_START_MS = 1_000
/** How old a look may be when a new process starts, to be certain of what the old one had then. Milliseconds. */
const RECENT_MS = 2_000
/** HAProxy pauses at most this long between two attempts to connect, and then a request shows nowhere. Milliseconds. */
const BETWEEN_ATTEMPTS_MS = 1_000

/** What one look showed of all targets on an instance. */
export interface Observation {
  /** When, on the run's clock, in milliseconds. */
  readonly at: number
  /** Whether all were in maint, and they and their followers had no session: nothing new could come. */
  readonly isIdle: boolean
}

/**
 * The processes of one instance from before its last reload. They serve their sessions to the end, and nothing
 * on the statistics page shows them (docs/haproxy-facts.md, "Reloads").
 */
export class OldProcesses {
  readonly instance: Instance
  readonly #hardStopAfterMs: number | undefined
  readonly #observations: Observation[] = []
  #goneAt: number
  #resetAt = -Infinity
  /** When the process that answers was first seen, and the one before it. */
  #firstSeenAt: readonly [now: number, before: number]

  /** @param hardStopAfterMs how long an old process may live on after a reload, where that is known */
  constructor(instance: Instance, hardStopAfterMs: number | undefined) {
    this.instance = instance
    this.#hardStopAfterMs = hardStopAfterMs
    this.#firstSeenAt = [instance.process?.firstSeenAt ?? -Infinity, -Infinity]
    this.#goneAt = this.#endOfThoseBefore(-Infinity)
  }

  /**
   * When none can hold a session any more, in milliseconds on the run's clock: Infinity where nothing can
   * tell, and -Infinity where nothing says that there is one.
   */
  get goneAt(): number {
    return this.#goneAt
  }

  remember(observation: Observation): void {
    this.#observations.push(observation)
  }

  /**
   * Records that a look showed counters that had begun anew: it may have shown another process already, even if
   * that one seems to have started later, as one does that was stalled.
   */
  countersReset(at: number): void {
    this.#resetAt = at
  }

  /**
   * Records that another process answers now.
   *
   * @param isKept whether the new process has the admin states that the old one had
   * @returns whether the old one may have sessions that nothing shows
   */
  replaced(isKept: boolean): boolean {
    const { startedAt = -Infinity, firstSeenAt = -Infinity } = this.instance.process ?? {}
    if (firstSeenAt !== this.#firstSeenAt[0]) {
      this.#firstSeenAt = [firstSeenAt, this.#firstSeenAt[0]]
    }
    const start = startedAt - EARLIER_START_MS
    const from = this.#firstSeenAt[1]
    const to = this.#resetAt > from ? this.#resetAt : Infinity
    const seen = this.#observations.filter(({ at }) => at >= from && at < to && at <= start)
    const last = seen.at(-1)
    const isRecent = last !== undefined && (isKept || last.at >= start - RECENT_MS)
    const isIdle = isRecent && idleFor(seen) >= BETWEEN_ATTEMPTS_MS
    if (!isIdle) {
      this.#goneAt = Math.max(this.#goneAt, this.#endOfThoseBefore(Infinity))
    }
    return !isIdle
  }

  #endOfThoseBefore(unknown: number): number {
    const { process } = this.instance
    return this.#hardStopAfterMs === undefined || process === undefined
      ? unknown
      : this.instance.oldProcessesGoneAt(process, this.#hardStopAfterMs)
  }
}

/**
 * Refuses a take-out that would end red in any case, and only after the whole wait: an old process may live on longer
 * than that.
 *
 * @throws HaproxyError `old-process`
 */
export function refuseIfOldProcessOutlasts(
  instances: readonly Instance[],
  { wait: { timeoutMs }, hardStopAfterMs }: Pick<TakeOutOptions, 'wait' | 'hardStopAfterMs'>
): void {
  const remaining = instances.map((instance) => {
    const goneAt = new OldProcesses(instance, hardStopAfterMs).goneAt
    return { name: instance.name, remainingMs: goneAt - instance.clock.now() }
  })
  const tooLong = remaining.filter(({ remainingMs }) => remainingMs > timeoutMs)
  if (tooLong.length > 0) {
    const seen = tooLong.map(
      ({ name, remainingMs }) =>
        `a process from before a reload may live on for ${formatDuration(remainingMs)} at ${name}`
    )
    throw new HaproxyError(
      'old-process',
      `A wait of ${formatDuration(timeoutMs)} could not end well: ${seen.join('; ')}.`
    )
  }
}

/** For how long all observations at the end were idle ones, in milliseconds. */
function idleFor(observations: readonly Observation[]): number {
  const idle = observations.slice(observations.findLastIndex(({ isIdle }) => !isIdle) + 1)
  return (idle.at(-1)?.at ?? 0) - (idle[0]?.at ?? Infinity)
}
