import { HaproxyError, type Problem, SHUT_OUT } from '../haproxy/errors.ts'
import type { StatsPage } from '../haproxy/stats-page.ts'
import type { RequestLimits } from '../haproxy/transport.ts'
import type { Clock } from './context.ts'
import { isSame, type ProcessChange, type SeenProcess } from './seen-process.ts'
import { settleAll } from './settle-all.ts'

/** It takes this many looks to tell a process that was replaced from two that answer in turn. */
const LOOKS = 3
/** How long after its `hard-stop-after` an old process may still be seen to end, in milliseconds. */
const AFTER_HARD_STOP_MS = 1_000
/** How long before an old process gets its signal the uptime of the new one may begin, in milliseconds. */
export const LOADING_MS = 30_000

/** One HAProxy, named by its stats URL, and what is known of its process. */
export class Instance {
  readonly page: StatsPage
  /** The other addresses of its host, where that has several of one family. */
  readonly otherAddresses: readonly string[]
  readonly clock: Clock
  #first: SeenProcess | undefined
  #isShown = false
  #process: SeenProcess | undefined
  /** How far its count of time is behind the clock, as far as that was noticed, in milliseconds. */
  #lag = 0
  readonly #former: SeenProcess[] = []

  constructor(page: StatsPage, clock: Clock, otherAddresses: readonly string[] = []) {
    this.page = page
    this.clock = clock
    this.otherAddresses = otherAddresses
  }

  /** Its stats URL, the name for people. */
  get name(): string {
    return this.page.name
  }

  /** The process that answers, as far as it is known. */
  get process(): SeenProcess | undefined {
    return this.#process
  }

  /** Whether the page showed its process when it was last asked for. */
  get showsProcess(): boolean {
    return this.#isShown
  }

  /** The process that answered first. */
  get firstProcess(): SeenProcess | undefined {
    return this.#first
  }

  /**
   * Asks which process answers, before anything is changed.
   *
   * @param looks how often to ask at once: of two HAProxies that answer in turn, two looks show both
   * @throws HaproxyError `several-haproxies`, or a transient failure; a page that does not show the process leaves it
   *   unknown
   */
  async identify(limits: RequestLimits, looks = 1): Promise<void> {
    const [seen, ...others] = await settleAll(Array.from({ length: looks }), () =>
      this.#look(limits)
    )
    this.#process = seen
    if (seen && others.some((other) => other && !isSame(seen, other))) {
      await this.refuseIfSeveral(limits)
    }
    this.#first = this.#process
  }

  /**
   * Asks again which process answers.
   *
   * @throws HaproxyError `several-haproxies` when two of them answer in turn, or a transient failure
   */
  async recheck(limits: RequestLimits): Promise<ProcessChange> {
    const before = this.#process
    if (before === undefined) {
      return 'unknown'
    }
    for (let looks = 1; ; looks += 1) {
      const seen = await this.#look(limits)
      if (seen === undefined) {
        // What was known of it is no proof of what answers now.
        this.#process = undefined
        return 'unknown'
      }
      if (isSame(before, seen) && looks === 1) {
        this.#process = { ...before, lastSeenAt: seen.lastSeenAt }
        return 'same'
      }
      if ([before, ...this.#former].some((former) => isSame(former, seen))) {
        throw new HaproxyError(
          'several-haproxies',
          `Two HAProxies answer in turn at ${this.name}: its process is not the same from one look to the next, and then is again.`
        )
      }
      const isNewer = seen.startedAt >= before.lastSeenAt
      if (isNewer || looks === LOOKS) {
        this.#former.push(before)
        this.#process = seen
        this.#lag =
          isNewer || seen.pid !== before.pid ? 0 : this.#lag + seen.startedAt - before.startedAt
        return isNewer ? 'newer' : 'unclear'
      }
    }
  }

  /**
   * Looks into a change that does not show: two HAProxies that answer in turn show it at every other look.
   *
   * @throws HaproxyError `several-haproxies`
   */
  async refuseIfSeveral(limits: RequestLimits): Promise<void> {
    if (this.#process === undefined) {
      await this.identify(limits)
    }
    for (let looks = 0; looks <= LOOKS; looks += 1) {
      await this.recheck(limits)
    }
  }

  /**
   * Compares the process with those that answer at the other addresses of the host. Two that were started together
   * look like one, and then prove the same of older ones.
   *
   * @throws HaproxyError `several-haproxies` that names the addresses
   */
  async refuseIfOthersAnswer(limits: RequestLimits): Promise<void> {
    const here = this.#process
    const there = await settleAll(
      here === undefined ? [] : this.otherAddresses,
      async (address) => {
        const seen = await this.#look(limits, this.page.at(address))
        return here !== undefined && seen !== undefined && isSame(here, seen) ? [] : [address]
      }
    )
    if (there.flat().length > 0) {
      throw new HaproxyError(
        'several-haproxies',
        `The host of ${this.name} has several addresses, and they are several HAProxies: the process at ` +
          `${this.page.address ?? ''} is not the one at ${there.flat().join(', ')}.`
      )
    }
  }

  /**
   * How long something was ago by HAProxy's own count, in milliseconds: a process that was stalled counts less
   * than the clock does, in `lastchg` as in its uptime.
   *
   * @param at when it happened, on the run's clock
   * @param seenAt when it was looked at, on the run's clock
   */
  elapsedSince(at: number, seenAt = this.clock.now()): number {
    return seenAt - at - Math.max(0, this.#lag)
  }

  /**
   * When no process from before this one can be alive any more, on the run's clock: it ends `hardStopAfterMs`
   * after this one was loaded, and that was at the latest when it was first seen. Its uptime may begin before it
   * has read its configuration (docs/haproxy-facts.md, "Reloads").
   */
  oldProcessesGoneAt({ firstSeenAt, startedAt }: SeenProcess, hardStopAfterMs: number): number {
    return hardStopAfterMs + Math.min(firstSeenAt + AFTER_HARD_STOP_MS, startedAt + LOADING_MS)
  }

  /** Whether a page that has shown its process refuses this user now, as only another configuration makes it do. */
  #isRefusedSince({ problem }: HaproxyError, page: StatsPage): boolean {
    const refusals: readonly Problem[] = SHUT_OUT
    return page === this.page && this.#process !== undefined && refusals.includes(problem)
  }

  /** A page that refuses to show the process from the start, or shows none, leaves it unknown. */
  async #look(limits: RequestLimits, page = this.page): Promise<SeenProcess | undefined> {
    try {
      const process = await page.identify(limits)
      const now = this.clock.now()
      if (page === this.page) {
        this.#isShown = process !== undefined
      }
      return (
        process && {
          pid: process.pid,
          startedAt: now - process.uptimeMs,
          firstSeenAt: now,
          lastSeenAt: now
        }
      )
    } catch (error) {
      limits.signal.throwIfAborted()
      if (error instanceof HaproxyError && !error.transient && !this.#isRefusedSince(error, page)) {
        this.#isShown &&= page !== this.page
        return undefined
      }
      throw error
    }
  }
}

/** Whether two instances are one HAProxy, as far as their processes tell: one may be named by two URLs. */
export function areOne(one: Instance, other: Instance): boolean {
  return (
    one.process !== undefined && other.process !== undefined && isSame(one.process, other.process)
  )
}
