import { isOut } from '../haproxy/server.ts'
import { type Backend, targetsOf } from './backend.ts'
import { othersWithdraw } from './claim.ts'
import type { Context } from './context.ts'
import { waitUntilDrained } from './drained.ts'
import { backendsAtStake, guard } from './guard.ts'
import type { TakeOutOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import { lookAgain, refuseIfLost, refuseIfOnlyHere, request } from './request.ts'
import { allOrNothing } from './rollback.ts'
import { targetsToTakeOut } from './targets-to-take-out.ts'

/**
 * Takes servers out of rotation and waits until they are drained. The caller asks the guard first; it is asked
 * again here after the change, for two runs may have taken out different servers at once.
 *
 * @throws HaproxyError; `not-drained` when the time is up
 */
export async function takeOut(
  backends: readonly Backend[],
  options: TakeOutOptions,
  context: Context
): Promise<Outcome> {
  context.cancelled.throwIfAborted()
  const { state, minUp } = options
  const targets = targetsToTakeOut(backends, state)
  await allOrNothing(targets, context, async () => {
    // A claim is a drain already.
    const asked = targets.filter(({ change }) => change.state !== state)
    await request(state, asked, context)
    if (asked.length > 0) {
      await lookAgain(backends, context)
    }
    await refuseIfLost(targets, context)
    await refuseIfOnlyHere(targetsOf(backends), (server) => isOut(server, state), context)
    if (options.isClaimed) {
      await othersWithdraw(backends, minUp, context)
    }
    guard(backendsAtStake(backends), minUp)
  })
  return options.isAwaited ? waitUntilDrained(backends, options, context) : { kind: 'requested' }
}
