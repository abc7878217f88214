import { HaproxyError } from '../haproxy/errors.ts'
import { type Backend, targetsOf } from './backend.ts'
import { claim, targetsToClaim, WITHDRAWAL_MS } from './claim.ts'
import { type Context, HEARTBEAT_MS } from './context.ts'
import { formatDuration } from './duration.ts'
import type { Found } from './find.ts'
import { backendsAtStake, notServingIn, tooFewServe, shortOf } from './guard.ts'
import { CLAIM_WITHDRAWN, waitingForTurn } from './log-lines.ts'
import { canBeMet, type MinUp } from './min-up.ts'
import type { Target } from './target.ts'
import { type Condition, type Progress, waitUntil } from './wait.ts'

/** How to wait for a turn. All times in milliseconds. */
interface TurnOptions {
  readonly minUp: MinUp
  readonly timeoutMs: number
  /** The longest time between two looks. */
  readonly pollMs: number
  /** Called with the targets before each attempt to claim them. */
  readonly onClaim: (targets: readonly Target[]) => void
}

/** Targets that may be taken out now. */
export interface Turn {
  readonly found: Found
  /** Whether they had to be claimed, and are in drain: where they serve nobody, nothing is at stake. */
  readonly isClaimed: boolean
}

/** Runs that saw the same server come back pause for up to this long, so that few claim at once. Milliseconds. */
const SPREAD_MS = 1_000

/**
 * Waits until enough others serve, and claims the targets. Until then nothing is touched, but for claims that are
 * withdrawn because another run was first.
 *
 * @param search finds the targets as they are now
 * @throws HaproxyError `guard-refused` where too few others serve when the time is up, or at once where enough never
 *   can; `no-turn` where the time is up for another reason
 */
export async function takeTurn(
  search: () => Promise<Found>,
  options: TurnOptions,
  context: Context
): Promise<Turn> {
  const { minUp, timeoutMs, onClaim } = options
  const { clock, cancelled } = context
  const deadline = clock.now() + timeoutMs
  let found = await search()
  for (;;) {
    const never = backendsAtStake(found.backends).filter((backend) => !canBeMet(backend, minUp))
    if (never.length > 0) {
      throw tooFewServe(never, minUp)
    }
    await untilEnough(found.backends, options, deadline, context)
    await clock.sleep(Math.random() * SPREAD_MS, cancelled)
    found = await search()
    if (targetsOf(found.backends).some(({ before }) => before.word === 'DRAIN')) {
      // It may be another run's claim, which is no state to be put back to.
      await clock.sleep(WITHDRAWAL_MS, cancelled)
      found = await search()
    }
    const atStake = backendsAtStake(found.backends)
    if (atStake.length === 0) {
      return { found, isClaimed: false }
    }
    if (shortOf(atStake, minUp).length === 0) {
      onClaim(targetsToClaim(found.backends))
      if (await claim(found.backends, minUp, context)) {
        return { found, isClaimed: true }
      }
      onClaim([])
      context.log.info(CLAIM_WITHDRAWN)
    }
  }
}

/** Whether too few others serve now, and enough may do so later. */
export function mayWait(backends: readonly Backend[], minUp: MinUp): boolean {
  const short = shortOf(backendsAtStake(backends), minUp)
  return short.length > 0 && short.every((backend) => canBeMet(backend, minUp))
}

/** Looks until enough others serve. */
async function untilEnough(
  backends: readonly Backend[],
  { minUp, timeoutMs, pollMs }: TurnOptions,
  deadline: number,
  context: Context
): Promise<void> {
  const condition = new EnoughServe(backends, minUp)
  if (condition.isMet && context.clock.now() < deadline) {
    return
  }
  const wait = {
    backends,
    options: { timeoutMs: Math.max(0, deadline - context.clock.now()), pollMs, settleMs: 0 },
    condition,
    onLook: (_: number, remainingMs: number) => {
      condition.say(remainingMs, context)
    }
  }
  const { met, failure } = await waitUntil(wait, context)
  if (!met) {
    const noTurn = `No turn within ${formatDuration(timeoutMs)}: `
    if (failure !== undefined || condition.isMet) {
      const why = failure?.message ?? 'enough others serve now, but the time is up.'
      throw new HaproxyError('no-turn', `${noTurn}${why}`, {
        advice: failure?.advice,
        cause: failure
      })
    }
    const { message, advice } = tooFewServe(condition.short, minUp)
    throw new HaproxyError('guard-refused', `${noTurn}${message}`, { advice })
  }
}

/** The condition that enough others serve. */
class EnoughServe implements Condition {
  readonly #backends: readonly Backend[]
  readonly #minUp: MinUp
  #said = ''
  #saidAt = 0

  constructor(backends: readonly Backend[], minUp: MinUp) {
    this.#backends = backends
    this.#minUp = minUp
  }

  get short(): readonly Backend[] {
    return shortOf(backendsAtStake(this.#backends), this.#minUp)
  }

  get isMet(): boolean {
    return this.short.length === 0
  }

  judge(): Promise<Progress> {
    return Promise.resolve(this.isMet ? 'met' : 'waiting')
  }

  confirm(): Promise<boolean> {
    return Promise.resolve(true)
  }

  /** Says who is missing, when that has changed, and now and then. */
  say(remainingMs: number, { clock, log }: Context): void {
    const { short } = this
    const missing = short
      .flatMap((backend) =>
        notServingIn(backend).map(({ name, status }) => [backend.fullName, name, status])
      )
      .join()
    const isNew = missing !== this.#said
    if (short.length > 0 && (isNew || clock.now() - this.#saidAt >= HEARTBEAT_MS)) {
      this.#said = missing
      this.#saidAt = clock.now()
      log.info(waitingForTurn(remainingMs, tooFewServe(short, this.#minUp).message))
    }
  }
}
