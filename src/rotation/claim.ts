import { HaproxyError } from '../haproxy/errors.ts'
import type { Server } from '../haproxy/server.ts'
import type { Backend } from './backend.ts'
import type { Context } from './context.ts'
import { backendsAtStake, servingIn, shortOf } from './guard.ts'
import { type MinUp, requiredIn } from './min-up.ts'
import { lookAgain, refuseIfLost, request } from './request.ts'
import { retry } from './retry.ts'
import { rolledBack } from './rollback.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'
import { targetsToTakeOut } from './targets-to-take-out.ts'

/**
 * Claims servers that are about to be taken out, for runs that know nothing of one another: `drain` takes users away
 * from them, and ends without a trace. Of several that claim at the same moment, the one with the lowest name keeps
 * its claim, and all others withdraw (docs/several-repositories.md).
 *
 * @returns whether the servers are claimed; if they are not, they are as before
 * @throws HaproxyError where that fails or is cancelled, and then too they are as before, or it says which are not
 */
export async function claim(
  backends: readonly Backend[],
  minUp: MinUp,
  context: Context
): Promise<boolean> {
  const targets = targetsToTakeOut(backends, 'drain')
  try {
    await request('drain', targets, context)
    await lookAgain(backends, context)
    await refuseIfLost(targets, context)
    const isMine = await areEnough(backends, minUp, context, isFirst)
    if (!isMine) {
      await withdraw(targets, context)
    }
    return isMine
  } catch (error) {
    throw error instanceof HaproxyError ? await rolledBack(error, targets, context) : error
  }
}

/** Ends the drain without another look: until then users may have no server at all. */
async function withdraw(targets: readonly Target[], context: Context): Promise<void> {
  await settleAll(targets, async (target) => {
    await retry(() => target.backend.undo('start', target, { signal: context.over }), context)
    target.rolledBack()
  })
}

/** Waits until other runs have withdrawn the claims that they made before they could see this one's. */
export async function othersWithdraw(
  backends: readonly Backend[],
  minUp: MinUp,
  context: Context
): Promise<void> {
  await areEnough(backends, minUp, context, () => true)
}

/** How long others may take to withdraw, and the pause between two looks until they have. Milliseconds. */
const WITHDRAWAL = 3_000
const PAUSE = 100

/**
 * Whether enough others serve, or do so as soon as those have withdrawn that may have claimed them.
 *
 * @param mayWait whether these claimed servers of a backend are for others to give up
 */
async function areEnough(
  backends: readonly Backend[],
  minUp: MinUp,
  context: Context,
  mayWait: (claimed: readonly Server[], backend: Backend) => boolean
): Promise<boolean> {
  const { clock, cancelled } = context
  const deadline = clock.now() + WITHDRAWAL
  for (;;) {
    const short = shortOf(backendsAtStake(backends), minUp)
    const isHopeful = short.every((backend) => {
      const claimed = backend.others.filter(({ word }) => word === 'DRAIN')
      const wouldServe = servingIn(backend).length + claimed.length
      return wouldServe >= requiredIn(backend, minUp) && mayWait(claimed, backend)
    })
    if (short.length === 0 || !isHopeful || clock.now() >= deadline) {
      return short.length === 0
    }
    await clock.sleep(PAUSE, cancelled)
    await lookAgain(backends, context)
  }
}

/** Whether the lowest name of all that are claimed is one of ours. */
function isFirst(claimed: readonly Server[], { targets, followers }: Backend): boolean {
  const ours = [...targets, ...followers].map(({ before }) => before.name)
  const [first = ''] = [...ours, ...claimed.map(({ name }) => name)].sort()
  return ours.includes(first)
}
