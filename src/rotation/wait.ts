import { HaproxyError, type Problem, SHUT_OUT } from '../haproxy/errors.ts'
import type { Backend } from './backend.ts'
import type { Context, OnLook } from './context.ts'
import { READABLE_AGAIN, retryingFor } from './log-lines.ts'

/** How to wait. All times in milliseconds. */
export interface WaitOptions {
  readonly timeoutMs: number
  /** The longest time between the beginnings of two looks; the first come sooner. */
  readonly pollMs: number
  /** Set where the first looks do not come sooner. */
  readonly isSteady?: true
  /** How long the awaited condition must hold, over at least two looks. */
  readonly settleMs: number
}

/** What one look shows: the condition holds, or not yet, or something was changed to make it hold. */
export type Progress = 'met' | 'waiting' | 'acted'

/** What is waited for. */
export interface Condition {
  /**
   * Judges what the last looks showed; what it throws ends the wait, unless it is transient.
   *
   * @param seen the backends that could be seen this time
   */
  judge(seen: readonly Backend[]): Promise<Progress>
  /** Whether it is really so, asked once it has held for the settle time. */
  confirm(): Promise<boolean>
}

/** One wait. */
interface Wait {
  readonly backends: readonly Backend[]
  readonly options: WaitOptions
  readonly condition: Condition
  readonly onLook: OnLook
}

/** How a wait ended. */
export interface WaitResult {
  readonly met: boolean
  /** How long was waited, in milliseconds. */
  readonly elapsedMs: number
  /** For how long the condition had held at the end, in milliseconds. */
  readonly settledMs: number
  /** Why the last look failed, or the condition could not be confirmed, if that was so. */
  readonly failure: HaproxyError | undefined
}

/** Why a wait ended without success: what was seen, or that nothing could be seen any more. */
export function whyNotMet(seen: readonly string[], { failure }: WaitResult): string {
  if (failure !== undefined) {
    return `the last look failed. ${failure.message}`
  }
  return `${seen.length > 0 ? seen.join('; ') : 'the condition held, but not for the whole settle time'}.`
}

/** The first look comes after this pause, and so does the one after a change. Milliseconds. */
const FIRST_PAUSE_MS = 100
/** Then a pause is this share of the time waited, up to the poll interval. */
const PAUSE_SHARE = 0.1
/** Pauses after failed looks grow up to this, in milliseconds. */
const MAX_PAUSE_MS = 10_000

/**
 * Looks at all backends at once, again and again, until a condition has held for the settle time, or the time
 * is up. One bad look is not an answer: a page that cannot be read only interrupts the condition.
 *
 * Begins by judging what the backends showed last, which costs no look.
 */
export async function waitUntil(wait: Wait, context: Context): Promise<WaitResult> {
  const { backends, options, condition, onLook } = wait
  const { clock, cancelled } = context
  const started = clock.now()
  const deadline = started + options.timeoutMs
  const poller = new Poller(backends, context)
  let lookedAt = started
  let seenAt = started
  let metSince: number | undefined
  let unconfirmed: HaproxyError | undefined
  for (;;) {
    onLook(clock.now() - started, Math.max(0, deadline - clock.now()))
    const progress = await poller.try(() => condition.judge(poller.seen), deadline)
    const settledMs = metSince === undefined ? 0 : lookedAt - metSince
    if (progress !== 'met' || poller.failure !== undefined) {
      metSince = undefined
      unconfirmed = undefined
    } else if (metSince === undefined) {
      metSince = seenAt
    } else if (settledMs >= options.settleMs) {
      if ((await poller.try(() => condition.confirm(), deadline)) === true) {
        return { met: true, elapsedMs: clock.now() - started, settledMs, failure: undefined }
      }
      metSince = undefined
      unconfirmed = poller.failure
    }
    if (lookedAt >= deadline) {
      const failure = poller.failure ?? unconfirmed
      return { met: false, elapsedMs: clock.now() - started, settledMs, failure }
    }
    const elapsed = progress === 'acted' ? 0 : lookedAt - started
    const next = Math.min(
      lookedAt + poller.backOff(pauseAfter(elapsed, options), options),
      metSince === undefined ? Infinity : metSince + options.settleMs,
      deadline
    )
    await clock.sleep(next - clock.now(), cancelled)
    lookedAt = clock.now()
    await poller.look(deadline)
    seenAt = clock.now()
  }
}

function pauseAfter(elapsedMs: number, { pollMs, isSteady }: WaitOptions): number {
  return isSteady ? pollMs : Math.min(pollMs, Math.max(FIRST_PAUSE_MS, elapsedMs * PAUSE_SHARE))
}

/** Problems that looking again cannot solve. */
const FATAL: ReadonlySet<Problem> = new Set(['several-processes', ...SHUT_OUT])
/** A look near the deadline still gets this long, in milliseconds. */
const MIN_LOOK_MS = 1_000

/** Looks at backends and remembers which of them could be seen. */
class Poller {
  /** The backends that the last look showed. */
  get seen(): readonly Backend[] {
    return this.#seen
  }

  /** Why the last look did not show all of them. */
  get failure(): HaproxyError | undefined {
    return this.#failures[0]
  }

  readonly #backends: readonly Backend[]
  readonly #context: Context
  #order: readonly Backend[]
  #seen: readonly Backend[]
  #failures: readonly HaproxyError[] = []
  /** How many looks have failed in a row. */
  #failed = 0
  #said = new Set<string>()

  constructor(backends: readonly Backend[], context: Context) {
    this.#backends = backends
    this.#order = backends
    this.#seen = backends
    this.#context = context
  }

  /** A pause doubles with every look that fails. */
  backOff(pauseMs: number, { pollMs }: WaitOptions): number {
    return this.#failed === 0
      ? pauseMs
      : Math.min(
          Math.max(pauseMs, FIRST_PAUSE_MS) * 2 ** this.#failed,
          Math.max(pollMs, MAX_PAUSE_MS)
        )
  }

  async look(deadline: number): Promise<void> {
    const { clock, cancelled } = this.#context
    const timeoutMs = Math.max(MIN_LOOK_MS, deadline - clock.now())
    const order = this.#order
    // Where HAProxies answer in turn, one order would show each backend at the same one of them every time.
    this.#order = order.toReversed()
    const looks = await Promise.allSettled(
      order.map((backend) => backend.look({ signal: cancelled, timeoutMs }))
    )
    cancelled.throwIfAborted()
    const seen = order.filter((_, index) => looks[index]?.status === 'fulfilled')
    this.#seen = this.#backends.filter((backend) => seen.includes(backend))
    this.#failures = looks.flatMap((look) => {
      if (look.status === 'fulfilled') {
        return []
      }
      if (!(look.reason instanceof HaproxyError) || FATAL.has(look.reason.problem)) {
        throw look.reason as Error
      }
      return [look.reason]
    })
  }

  /** Puts a question to the condition; a transient failure counts as a failed look. Logs what failed. */
  async try<T>(question: () => Promise<T>, deadline: number): Promise<T | undefined> {
    try {
      const answer = await question()
      this.#note(this.#failures, deadline)
      return answer
    } catch (error) {
      if (!(error instanceof HaproxyError) || !error.transient) {
        throw error
      }
      this.#note([error], deadline)
      return undefined
    }
  }

  #note(failures: readonly HaproxyError[], deadline: number): void {
    const { log, clock } = this.#context
    const remainingMs = deadline - clock.now()
    const messages = new Set(failures.map(({ message }) => message))
    for (const message of messages) {
      if (!this.#said.has(message) && remainingMs > 0) {
        log.info(retryingFor(message, remainingMs))
      }
    }
    if (this.#said.size > 0 && messages.size === 0) {
      log.info(READABLE_AGAIN)
    }
    this.#said = messages
    this.#failures = failures
    this.#failed = failures.length > 0 ? this.#failed + 1 : 0
  }
}
