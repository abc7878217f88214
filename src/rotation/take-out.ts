import { canBe, ownAdminState } from '../haproxy/server.ts'
import { type Backend, backendsOf, instancesOf, targetsOf } from './backend.ts'
import type { Context } from './context.ts'
import { waitUntilDrained } from './drained.ts'
import { backendsAtStake, guard } from './guard.ts'
import type { TakeOut } from './order.ts'
import type { Outcome } from './outcome.ts'
import { isOut, lookAgain, refuseIfNotHeld, refuseIfOnlyHere, request } from './request.ts'
import { allOrNothing } from './rollback.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'
import type { OnLook } from './wait.ts'

/**
 * The targets that must be asked: not those that surely have the admin state of their own already. In `MAINT` a
 * server is further out than `drain` takes it.
 */
export function targetsToTakeOut(backends: readonly Backend[], state: 'drain' | 'maint'): Target[] {
  return targetsOf(backends).filter(({ before }) => {
    const own = ownAdminState(before)
    return own !== state && own !== 'maint'
  })
}

/**
 * Takes servers out of rotation and waits until they are drained. The guard is the caller's to ask before
 * this; it is asked again here after the change, for two runs that took out different servers at once.
 *
 * @throws HaproxyError; `not-drained` when the time is up
 */
export async function takeOut(
  backends: readonly Backend[],
  order: TakeOut,
  context: Context,
  onLook: OnLook
): Promise<Outcome> {
  context.cancelled.throwIfAborted()
  const { state, minUp, wait } = order
  const asked = targetsToTakeOut(backends, state)
  await allOrNothing(asked, context, async () => {
    await request(state, asked, context)
    if (asked.length > 0) {
      await lookAgain(backends, context)
    }
    await refuseIfLost(asked, context)
    await refuseIfOnlyHere(targetsOf(backends), (server) => isOut(server, state), context)
    guard(backendsAtStake(backends), minUp)
  })
  return wait === undefined
    ? { kind: 'requested' }
    : waitUntilDrained(backends, { ...order, wait }, context, onLook)
}

/** What does not show is looked into once more: it may show at another HAProxy that answers in turn. */
async function refuseIfLost(targets: readonly Target[], context: Context): Promise<void> {
  try {
    refuseIfNotHeld(targets)
  } catch (error) {
    const lost = targets.filter(({ now, change }) => !canBe(now, change.state ?? 'ready'))
    await settleAll(instancesOf(backendsOf(lost)), (instance) =>
      instance.refuseIfSeveral({ signal: context.cancelled })
    )
    throw error
  }
}
