import { HaproxyError } from '../haproxy/errors.ts'
import { canBe, isDrained, isOutOfRotation, shownAdminState } from '../haproxy/server.ts'
import { change, type Step, undo } from './change.ts'
import { everywhere } from './everywhere.ts'
import { namesOf, seenAs } from './describe.ts'
import { formatDuration } from './duration.ts'
import { guard, poolsAtStake } from './guard.ts'
import { type Pool, type Target, targetsOf } from './pool.ts'
import { Reask } from './reask.ts'
import type { Surroundings } from './surroundings.ts'
import { type Judgement, type OnLook, type Outcome, type Rhythm, watch } from './watch.ts'

/** What to do about servers that are not drained in time. */
export const ON_TIMEOUT = ['fail', 'restore', 'shutdown', 'continue'] as const
export type OnTimeout = (typeof ON_TIMEOUT)[number]

/** How to take servers out of rotation. */
export interface TakeOut {
  readonly state: 'drain' | 'maint'
  /** How many other servers of a backend must be serving. */
  readonly minUp: number
  /** How to wait until drained; undefined for not at all. */
  readonly wait: Rhythm | undefined
  /** Sessions and queued requests that may remain. */
  readonly maxSessions: number
  readonly onTimeout: OnTimeout
}

/** What must be asked for: nothing for targets that show the wanted state already. */
export function stepsOut(pools: readonly Pool[], state: 'drain' | 'maint'): Step[] {
  return targetsOf(pools)
    .filter(({ before }) => shownAdminState(before) !== state)
    .map((target) => ({ target, states: [state] }))
}

/**
 * Takes servers out of rotation and waits until they are drained. The guard is the caller's to ask before
 * this; it is asked again here after the change, for two runs that took out different servers at once.
 *
 * @throws HaproxyError; `not-drained` when the time is up
 */
export async function takeOut(
  pools: readonly Pool[],
  order: TakeOut,
  surroundings: Surroundings,
  onLook: OnLook
): Promise<void> {
  const steps = stepsOut(pools, order.state)
  const atStake = poolsAtStake(pools)
  const guardAgain = (): void => {
    guard(atStake, order.minUp)
  }
  if (steps.length > 0) {
    await change(steps, guardAgain, surroundings)
  }
  if (order.wait === undefined) {
    return
  }
  surroundings.log.phase('Waiting until drained')
  const drained = new Draining(pools, atStake, order, surroundings)
  const outcome = await watch(
    pools,
    order.wait,
    (seen) => drained.judge(seen),
    surroundings,
    onLook
  )
  if (!outcome.met) {
    await onTimeUp(pools, { ...order, wait: order.wait }, outcome, surroundings, onLook)
  }
}

/** Judges whether all targets are drained, and asks again for states that were lost meanwhile. */
class Draining {
  readonly #targets: readonly Target[]
  readonly #atStake: readonly Pool[]
  readonly #order: TakeOut
  readonly #reask: Reask
  readonly #surroundings: Surroundings

  constructor(
    pools: readonly Pool[],
    atStake: readonly Pool[],
    order: TakeOut,
    surroundings: Surroundings
  ) {
    this.#targets = targetsOf(pools)
    this.#atStake = atStake
    this.#order = order
    this.#reask = new Reask(surroundings)
    this.#surroundings = surroundings
  }

  async judge(seen: readonly Pool[]): Promise<Judgement> {
    let acted = false
    await everywhere(seen, async (pool) => {
      const lost = pool.targets.filter((target) => !this.#holds(target))
      if (lost.length > 0) {
        await this.#reask.ask(pool, this.#order.state, lost)
        acted = true
      } else if (this.#reask.happened(pool)) {
        await this.#guardAfterReask(pool)
      }
    })
    const met = this.#targets.every(({ now }) => isDrained(now, this.#order.maxSessions))
    return { met: met && !acted, acted }
  }

  /** A server that was asked to drain and that somebody put into maint is further out than it need be. */
  #holds({ now }: Target): boolean {
    return isOutOfRotation(now) && (this.#order.state === 'drain' || canBe(now, 'maint'))
  }

  /** What was lost and asked for again may have become one too many meanwhile. */
  async #guardAfterReask(pool: Pool): Promise<void> {
    if (!this.#atStake.includes(pool)) {
      return
    }
    try {
      guard([pool], this.#order.minUp)
    } catch (error) {
      await undo(pool.targets, this.#surroundings)
      throw error
    }
  }
}

/** A kill is over at once; the look after it and the settling take a little longer. Milliseconds. */
const AFTER_SHUTDOWN = 5_000

async function onTimeUp(
  pools: readonly Pool[],
  order: TakeOut & { readonly wait: Rhythm },
  outcome: Outcome,
  surroundings: Surroundings,
  onLook: OnLook
): Promise<void> {
  const { log, over } = surroundings
  const failure = notDrained(pools, order, outcome)
  switch (order.onTimeout) {
    case 'fail':
      throw failure
    case 'continue':
      log.warning(failure.message)
      return
    case 'restore':
      await undo(
        targetsOf(pools).filter(({ asked }) => asked !== undefined),
        surroundings
      )
      throw new HaproxyError(failure.problem, `${failure.message} What had changed was put back.`, {
        advice: 'Wait longer (wait-timeout), or allow a rest (max-sessions).',
        cause: failure
      })
    case 'shutdown': {
      log.warning(`${failure.message} Killing what is left.`)
      await everywhere(pools, async (pool) => {
        const busy = pool.targets.filter(({ now }) => !isDrained(now, order.maxSessions))
        if (busy.length > 0) {
          await pool.ask('shutdown', busy, { signal: over })
        }
      })
      const { wait } = order
      const grace = { ...wait, timeoutMs: AFTER_SHUTDOWN + wait.settleMs + 2 * wait.intervalMs }
      const draining = new Draining(pools, [], order, surroundings)
      const after = await watch(pools, grace, (seen) => draining.judge(seen), surroundings, onLook)
      if (!after.met) {
        const again = notDrained(pools, { ...order, wait: grace }, after)
        throw new HaproxyError(again.problem, `After its sessions were killed: ${again.message}`, {
          advice: again.advice
        })
      }
    }
  }
}

function notDrained(
  pools: readonly Pool[],
  { wait, maxSessions, state }: TakeOut & { readonly wait: Rhythm },
  { blind }: Outcome
): HaproxyError {
  const left = targetsOf(pools).filter(({ now }) => !isDrained(now, maxSessions))
  const told = left.map((target) => `${target.fullName} is ${seenAs(target)}`)
  const sticky =
    state === 'drain'
      ? ' Clients pinned to a server by cookie or stick table keep coming in drain; maint ends that.'
      : ''
  const reason =
    told.length > 0
      ? told.join('; ')
      : (blind?.message ??
        `${namesOf(targetsOf(pools))} drained, but not for the whole settle time.`)
  return new HaproxyError(
    'not-drained',
    `Not drained within ${formatDuration(wait.timeoutMs)}: ${reason.replace(/\.$/, '')}.`,
    {
      advice: `Wait longer (wait-timeout), allow a rest (max-sessions), or end it (on-timeout: shutdown).${sticky}`,
      cause: blind
    }
  )
}
