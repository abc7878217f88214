import { HaproxyError, type Problem } from '../haproxy/errors.ts'
import { formatDuration } from './duration.ts'
import type { Pool } from './pool.ts'
import type { Context } from './context.ts'

/** How to wait. All times in milliseconds. */
export interface Rhythm {
  readonly timeoutMs: number
  /** Time between the beginnings of two looks. */
  readonly intervalMs: number
  /** How long the awaited condition must hold, over at least two looks. */
  readonly settleMs: number
}

/** What a look is judged to show. */
export interface Judgement {
  readonly met: boolean
  /** Whether the judge changed something, so that the next look should come at once. */
  readonly acted: boolean
}

/** Told after every look, with times in milliseconds. */
export type OnLook = (elapsedMs: number, remainingMs: number) => void

/** How a wait ended. */
export interface Outcome {
  readonly met: boolean
  /** How long was waited, in milliseconds. */
  readonly elapsedMs: number
  /** Why the last look failed, if it did. */
  readonly blind: HaproxyError | undefined
}

/** Why a wait ended without success: what was seen, or that nothing could be seen any more. */
export function whyNotMet(seen: readonly string[], { blind }: Outcome): string {
  if (blind !== undefined) {
    return `it could not be seen at the end. ${blind.message}`
  }
  return `${seen.length > 0 ? seen.join('; ') : 'it was so, but not for the whole settle time'}.`
}

/** Pauses after failed looks grow up to this, in milliseconds. */
const LONGEST_PAUSE = 10_000
/** What no further look would find otherwise. */
const HOPELESS: ReadonlySet<Problem> = new Set(['several-processes', 'unauthorized', 'forbidden'])
/** A look near the deadline still gets this long, in milliseconds. */
const SHORTEST_LOOK = 1_000

/**
 * Looks at all pools at once, again and again, until a condition has held for the settle time, or the
 * time is up. One bad look is not an answer: a page that cannot be read only interrupts the condition.
 *
 * Begins by judging what the pools showed last, which costs no look.
 *
 * @param judge judges the pools that could be seen; what it throws ends the wait
 */
export async function watch(
  pools: readonly Pool[],
  rhythm: Rhythm,
  judge: (seen: readonly Pool[]) => Promise<Judgement>,
  context: Context,
  onLook: OnLook
): Promise<Outcome> {
  const { clock, cancelled } = context
  const started = clock.now()
  const deadline = started + rhythm.timeoutMs
  const witness = new Witness(pools, context)
  let lookedAt = started
  let met: { readonly since: number } | undefined
  for (;;) {
    const seenAt = clock.now()
    onLook(seenAt - started, Math.max(0, deadline - seenAt))
    const judgement = await judge(witness.seen)
    const now = clock.now()
    if (!judgement.met || witness.blind !== undefined) {
      met = undefined
    } else if (met !== undefined && lookedAt - met.since >= rhythm.settleMs) {
      return { met: true, elapsedMs: now - started, blind: undefined }
    } else {
      met ??= { since: now }
    }
    if (lookedAt >= deadline) {
      return { met: false, elapsedMs: now - started, blind: witness.blind }
    }
    const next = judgement.acted
      ? now
      : Math.min(
          lookedAt + Math.min(rhythm.intervalMs * witness.patience, longest(rhythm)),
          met === undefined ? Infinity : met.since + rhythm.settleMs,
          deadline
        )
    await clock.sleep(next - now, cancelled)
    lookedAt = clock.now()
    await witness.look(deadline - lookedAt)
  }
}

function longest({ intervalMs }: Rhythm): number {
  return Math.max(intervalMs, LONGEST_PAUSE)
}

/** Looks at pools and remembers which of them could be seen. */
class Witness {
  seen: readonly Pool[]
  blind: HaproxyError | undefined
  /** Doubles with every look that fails. */
  patience = 1
  readonly #pools: readonly Pool[]
  readonly #context: Context
  readonly #reloads: Map<Pool, number>
  #told = new Set<string>()

  constructor(pools: readonly Pool[], context: Context) {
    this.seen = pools
    this.#pools = pools
    this.#context = context
    this.#reloads = new Map(pools.map((pool) => [pool, pool.reloads]))
  }

  async look(remainingMs: number): Promise<void> {
    const { cancelled } = this.#context
    const limits = { signal: cancelled, timeoutMs: Math.max(SHORTEST_LOOK, remainingMs) }
    const looks = await Promise.allSettled(this.#pools.map((pool) => pool.look(limits)))
    cancelled.throwIfAborted()
    const errors = looks.flatMap((look) => {
      if (look.status === 'fulfilled') {
        return []
      }
      if (!(look.reason instanceof HaproxyError) || HOPELESS.has(look.reason.problem)) {
        throw look.reason as Error
      }
      return [look.reason]
    })
    this.seen = this.#pools.filter((_, index) => looks[index]?.status === 'fulfilled')
    this.blind = errors[0]
    this.patience = errors.length > 0 ? this.patience * 2 : 1
    this.#tell(errors, remainingMs)
  }

  #tell(errors: readonly HaproxyError[], remainingMs: number): void {
    const { log } = this.#context
    const messages = new Set(errors.map(({ message }) => message))
    for (const message of messages) {
      if (!this.#told.has(message) && remainingMs > 0) {
        log.info(`${message} Going on for up to ${formatDuration(remainingMs)}.`)
      }
    }
    if (this.#told.size > 0 && messages.size === 0) {
      log.info('The statistics page can be read again.')
    }
    this.#told = messages
    for (const pool of this.seen) {
      if (pool.reloads !== this.#reloads.get(pool)) {
        this.#reloads.set(pool, pool.reloads)
        log.warning(
          `HAProxy was reloaded or restarted: ${pool.name} counts its sessions from zero. Requests that ` +
            'the process of before still serves can no longer be seen; its `hard-stop-after` ends them.'
        )
      }
    }
  }
}
