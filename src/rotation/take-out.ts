import { HaproxyError } from '../haproxy/errors.ts'
import { canBe, isDrained, isOutOfRotation, shownAdminState } from '../haproxy/server.ts'
import type { Step } from './ask.ts'
import { change } from './change.ts'
import { settleAll } from './settle-all.ts'
import { count, seenAs } from './describe.ts'
import { formatDuration } from './duration.ts'
import { guard, poolsAtStake } from './guard.ts'
import { type Pool, type Target, targetsOf } from './pool.ts'
import { Reask } from './reask.ts'
import type { Log, Context } from './context.ts'
import { allOrNothing, undone } from './undo.ts'
import {
  type Judgement,
  type OnLook,
  type Outcome,
  type Rhythm,
  watch,
  whyNotMet
} from './watch.ts'

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
 * @returns whether they are drained; not so without a wait, or where the run is to go on after its time
 * @throws HaproxyError; `not-drained` when the time is up
 */
export async function takeOut(
  pools: readonly Pool[],
  order: TakeOut,
  context: Context,
  onLook: OnLook
): Promise<boolean> {
  const steps = stepsOut(pools, order.state)
  const atStake = poolsAtStake(pools)
  const guardAgain = (): void => {
    guard(atStake, order.minUp)
  }
  if (steps.length > 0) {
    await change(steps, guardAgain, context)
  }
  if (order.wait === undefined) {
    return false
  }
  context.log.phase('Waiting until drained')
  const waiting = { ...order, wait: order.wait }
  const outcome = await watchDraining(pools, atStake, waiting, context, onLook)
  return outcome.met || onTimeUp(pools, waiting, outcome, context, onLook)
}

type Waiting = TakeOut & { readonly wait: Rhythm }

/**
 * Whether a target is drained: what was asked for holds, and no more sessions are left than may remain. Where
 * none may, none may have come since the look before either: in drain the short requests of pinned clients go
 * on and would fall between two looks.
 */
function hasDrained(target: Target, { state, maxSessions }: TakeOut): boolean {
  const { now, arrived } = target
  return holds(target, state) && isDrained(now, maxSessions) && (maxSessions > 0 || arrived === 0)
}

/** Waits; when a state does not hold on one HAProxy, all get back what they had. */
async function watchDraining(
  pools: readonly Pool[],
  atStake: readonly Pool[],
  order: Waiting,
  context: Context,
  onLook: OnLook
): Promise<Outcome> {
  const draining = new Draining(pools, atStake, order, context)
  const judge = (seen: readonly Pool[]): Promise<Judgement> => draining.judge(seen)
  return allOrNothing(targetsOf(pools), context, () =>
    watch(pools, order.wait, judge, context, onLook)
  )
}

/** A server that was asked to drain and that somebody put into maint is further out than it need be. */
function holds({ now }: Target, state: 'drain' | 'maint'): boolean {
  return isOutOfRotation(now) && (state === 'drain' || canBe(now, 'maint'))
}

/** Judges whether all targets are drained, and asks again for states that were lost meanwhile. */
class Draining {
  readonly #targets: readonly Target[]
  readonly #atStake: readonly Pool[]
  readonly #order: TakeOut
  readonly #reask: Reask
  readonly #log: Log
  readonly #visited = new Set<Target>()
  #isFirst = true

  constructor(pools: readonly Pool[], atStake: readonly Pool[], order: TakeOut, context: Context) {
    this.#targets = targetsOf(pools)
    this.#atStake = atStake
    this.#order = order
    this.#reask = new Reask(context)
    this.#log = context.log
  }

  async judge(seen: readonly Pool[]): Promise<Judgement> {
    await settleAll(seen, async (pool) => {
      const inDoubt = this.#reask.inDoubt(pool)
      const lost = pool.targets.filter(
        (target) => inDoubt.includes(target) || !holds(target, this.#order.state)
      )
      if (lost.length > 0) {
        await this.#reask.ask(pool, this.#order.state, lost)
      } else if (this.#reask.happened(pool) && this.#atStake.includes(pool)) {
        // What was lost and asked for again may have become one too many meanwhile.
        guard([pool], this.#order.minUp)
      }
    })
    if (this.#isFirst) {
      // What came before the wait came when the servers were in rotation.
      this.#isFirst = false
      this.#targets.forEach((target) => (target.arrived = 0))
    }
    this.#tellOfVisitors()
    return { met: this.#targets.every((target) => hasDrained(target, this.#order)), acted: false }
  }

  #tellOfVisitors(): void {
    const { maxSessions } = this.#order
    for (const target of this.#targets) {
      const isVisited = maxSessions === 0 && isDrained(target.now, 0) && target.arrived > 0
      if (isVisited && !this.#visited.has(target)) {
        this.#visited.add(target)
        this.#log.info(
          `New sessions keep coming to ${target.fullName}, so it is not drained although none shows now.`
        )
      }
    }
  }
}

async function onTimeUp(
  pools: readonly Pool[],
  order: Waiting,
  outcome: Outcome,
  context: Context,
  onLook: OnLook
): Promise<boolean> {
  const failure = notDrained(pools, order, outcome)
  if (order.onTimeout === 'restore') {
    throw await undone(failure, targetsOf(pools), context)
  }
  // To go on, or to kill, takes certainty that the servers are out of rotation.
  const isOut =
    outcome.blind === undefined && targetsOf(pools).every((target) => holds(target, order.state))
  if (order.onTimeout === 'fail' || !isOut) {
    throw failure
  }
  if (order.onTimeout === 'continue') {
    context.log.warning(failure.message)
    return false
  }
  context.log.warning(`${failure.message} Killing what is left.`)
  await killSessions(pools, order.maxSessions, context)
  await waitAfterKill(pools, order, context, (elapsedMs, remainingMs) => {
    onLook(outcome.elapsedMs + elapsedMs, remainingMs)
  })
  return true
}

async function killSessions(
  pools: readonly Pool[],
  maxSessions: number,
  { over }: Context
): Promise<void> {
  await settleAll(pools, async ({ page, backend, targets }) => {
    const busy = targets.filter(({ now }) => !isDrained(now, maxSessions))
    if (busy.length > 0) {
      const names = busy.map(({ before }) => before.name)
      await page.ask('shutdown', backend, names, { signal: over })
    }
  })
}

/** A kill is over at once; the look after it and the settling take a little longer. Milliseconds. */
const AFTER_KILL = 5_000

async function waitAfterKill(
  pools: readonly Pool[],
  order: Waiting,
  context: Context,
  onLook: OnLook
): Promise<void> {
  const { settleMs, intervalMs } = order.wait
  const wait = { ...order.wait, timeoutMs: AFTER_KILL + settleMs + 2 * intervalMs }
  const outcome = await watchDraining(pools, [], { ...order, wait }, context, onLook)
  if (!outcome.met) {
    const failure = notDrained(pools, { ...order, wait }, outcome)
    throw new HaproxyError(failure.problem, `After its sessions were killed: ${failure.message}`, {
      advice: failure.advice
    })
  }
}

function notDrained(pools: readonly Pool[], order: Waiting, outcome: Outcome): HaproxyError {
  const { wait, state } = order
  const left = targetsOf(pools).filter((target) => !hasDrained(target, order))
  const seen = left.map((target) => {
    const visits =
      target.arrived > 0 ? `, and ${count(target.arrived, 'new session')} came to it` : ''
    return `${target.fullName} is ${seenAs(target)}${visits}`
  })
  const sticky =
    state === 'drain'
      ? ' Clients pinned to a server by cookie or stick table keep coming in drain; maint ends that.'
      : left.some(({ arrived }) => arrived > 0)
        ? ' `option persist` or `force-persist` in haproxy.cfg sends pinned clients even to a server in maint.'
        : ''
  return new HaproxyError(
    'not-drained',
    `Not drained within ${formatDuration(wait.timeoutMs)}: ${whyNotMet(seen, outcome)}`,
    {
      advice:
        outcome.blind?.advice ??
        `Wait longer (wait-timeout), allow a rest (max-sessions), or end it (on-timeout: shutdown).${sticky}`,
      cause: outcome.blind
    }
  )
}
