import { addCounters, type Counter, type Counters, countedSince } from '../haproxy/counters.ts'
import type { Server } from '../haproxy/server.ts'

/** What a request met that did not end well, as HAProxy's columns tell it apart. */
export const FAILURES = [
  'serverErrors',
  'brokenAnswers',
  'refusedConnections',
  'redispatches',
  'unanswered'
] as const
export type Failure = (typeof FAILURES)[number]

/** What users met on some servers over some time, in requests; in TCP mode in sessions. */
export interface Traffic {
  readonly requests: number
  /** How many of them failed, one for each reason. */
  readonly failed: number
  readonly reasons: Readonly<Record<Failure, number>>
}

/** A request without an answer for this long has failed, for its user has left. Milliseconds. */
const UNANSWERED_AFTER_MS = 10_000

/** Adds up what is counted on servers from one look to the next. */
export class Counting {
  #since: Counters = {}
  /** How many more requests are in progress than when the count began. */
  #moreInProgress = 0
  /** The most requests that were in progress at any look. */
  #mostInProgress = 0
  /** How many requests had begun at each look of the last ten seconds, and at the last one before. */
  #begun: { readonly at: number; readonly requests: number }[] = []

  /** Adds what one server counted between two looks in a row. */
  add(before: Server, now: Server): void {
    this.#since = addCounters(this.#since, countedSince(before.counters, now.counters))
    this.#moreInProgress += now.sessions - before.sessions
  }

  /**
   * Ends a look at all servers.
   *
   * @param at when that was, on the run's clock, in milliseconds
   * @param inProgress how many requests it showed in progress on them; needed only where `inProgressPerRequest` is read
   */
  looked(at: number, inProgress = 0): void {
    this.#mostInProgress = Math.max(this.#mostInProgress, inProgress)
    const old = this.#begun.findLastIndex((look) => look.at <= at - UNANSWERED_AFTER_MS)
    this.#begun = [...this.#begun.slice(Math.max(0, old)), { at, requests: this.#requests }]
  }

  /**
   * How many requests were in progress for each that began: where answers take long, this is much. Without any traffic
   * there is nothing to compare with, so nothing says how long answers may take.
   */
  get inProgressPerRequest(): number {
    return this.#requests + this.#mostInProgress === 0
      ? Infinity
      : this.#mostInProgress / Math.max(1, this.#requests)
  }

  /**
   * What was counted up to the last look.
   *
   * @param inProgressPerRequest how many requests are in progress on the neighbours for each that began there: a server
   *   that was empty has first to come to as many, if its answers take as long
   */
  traffic(inProgressPerRequest = 0): Traffic {
    const reasons = {
      serverErrors: this.#count('hrsp_5xx'),
      brokenAnswers: this.#brokenAnswers,
      refusedConnections: this.#count('econ'),
      redispatches: this.#count('wredis'),
      unanswered:
        this.#requests === 0
          ? 0
          : Math.max(0, this.#unanswered - Math.ceil(inProgressPerRequest * this.#requests))
    }
    const failed = Object.values(reasons).reduce((sum, count) => sum + count, 0)
    return { requests: this.#requests, failed: Math.min(failed, this.#requests), reasons }
  }

  /** A retry counts as a session once more (docs/haproxy-facts.md, "Errors that users see"). */
  get #requests(): number {
    return Math.max(0, this.#count('stot') - this.#count('wretr'))
  }

  /** All answers that HAProxy has passed on; undefined in TCP mode, where it knows of none. */
  get #answers(): number | undefined {
    return this.#since.hrsp_2xx === undefined
      ? undefined
      : this.#count('hrsp_1xx', 'hrsp_2xx', 'hrsp_3xx', 'hrsp_4xx', 'hrsp_5xx', 'hrsp_other')
  }

  /**
   * A connection that was closed before the answer counts twice in many versions, so there are no more of these than
   * requests that ended without an answer, or in the middle of one, and no fewer than half of what is counted
   * (docs/haproxy-facts.md, "Errors that users see").
   */
  get #brokenAnswers(): number {
    const counted = this.#count('eresp')
    if (this.#answers === undefined) {
      return counted
    }
    const ended = this.#requests - this.#moreInProgress
    const elsewhere = this.#answers + this.#count('econ', 'wredis', 'cli_abrt')
    const most = ended - elsewhere + this.#count('srv_abrt')
    return Math.min(counted, Math.max(most, Math.ceil(counted / 2)))
  }

  /** The requests that began that long ago, less all that have ended by now: at least this many still wait. */
  get #unanswered(): number {
    const [first] = this.#begun
    const last = this.#begun.at(-1)
    const answers = this.#answers
    if (first === undefined || last === undefined || answers === undefined) {
      return 0
    }
    const isOld = first.at <= last.at - UNANSWERED_AFTER_MS
    const ended = answers + this.#brokenAnswers + this.#count('econ', 'wredis')
    return isOld ? Math.max(0, first.requests - ended) : 0
  }

  #count(...columns: readonly Counter[]): number {
    return columns.reduce((sum, column) => sum + (this.#since[column] ?? 0), 0)
  }
}
