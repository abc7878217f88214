import { HaproxyError } from '../haproxy/errors.ts'
import { canBe, type Server, takesTraffic } from '../haproxy/server.ts'
import type { Backend } from './backend.ts'
import type { Context } from './context.ts'
import { backendsAtStake, servingIn, shortOf } from './guard.ts'
import { type MinUp, requiredIn } from './min-up.ts'
import { changedByOthers } from './other-hands.ts'
import { lookAgain, request } from './request.ts'
import { retry } from './retry.ts'
import { rollBackAfter } from './rollback.ts'
import { isReload } from './seen-process.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'
import { targetsToTakeOut } from './targets-to-take-out.ts'

/**
 * Claims servers that are about to be taken out, for runs that know nothing of one another: `drain` takes users away
 * from them, and ends without a trace. Of several that claim at the same moment, the one with the lowest name keeps
 * its claim, and all others withdraw (docs/several-repositories.md).
 *
 * @returns whether the servers are claimed; if they are not, they are as before
 * @throws HaproxyError where that fails or is cancelled; they are then as before too, or it says which are not
 */
export async function claim(
  backends: readonly Backend[],
  minUp: MinUp,
  context: Context
): Promise<boolean> {
  const targets = targetsToClaim(backends)
  try {
    await request('drain', targets, context)
    const isMine = await areEnough(backends, minUp, context, { targets, mayWait: isFirst })
    if (!isMine) {
      await withdraw(targets, context)
    }
    return isMine
  } catch (error) {
    throw error instanceof HaproxyError ? await rollBackAfter(error, targets, context) : error
  }
}

/** Only a server that takes traffic is claimed: a drain that `DOWN` hides is somebody else's. */
export function targetsToClaim(backends: readonly Backend[]): Target[] {
  return targetsToTakeOut(backends, 'drain').filter(({ before }) => takesTraffic(before))
}

/** Ends the drain without another look: until then users may have no server at all. */
async function withdraw(targets: readonly Target[], context: Context): Promise<void> {
  await settleAll(targets, async (target) => {
    await retry(() => target.backend.undo('start', target, { signal: context.over }), context)
    target.recordRollBack()
  })
}

/** Waits until other runs have withdrawn the claims that they made before they could see this one's. */
export async function othersWithdraw(
  backends: readonly Backend[],
  minUp: MinUp,
  context: Context
): Promise<void> {
  await areEnough(backends, minUp, context, { targets: [], mayWait: () => true })
}

/** How long others may take to withdraw, in milliseconds. */
export const WITHDRAWAL_MS = 3_000
/** The pause between two looks until they have, in milliseconds. */
const PAUSE_MS = 100
/** Where nobody serves, they get only as long as this many looks take. */
const FEW_LOOKS = 4
/** But at least this long, in milliseconds. */
const MIN_WITHDRAWAL_MS = 250

/** What is claimed, and what is to be waited for. */
interface Claim {
  readonly targets: readonly Target[]
  /** Whether these claimed servers of a backend are for others to give up. */
  readonly mayWait: (claimed: readonly Server[], backend: Backend) => boolean
}

/** Whether enough others serve, or do so as soon as those have withdrawn that may have claimed them. */
async function areEnough(
  backends: readonly Backend[],
  minUp: MinUp,
  context: Context,
  { targets, mayWait }: Claim
): Promise<boolean> {
  const { clock, cancelled } = context
  const began = clock.now()
  let lookMs: number | undefined
  for (;;) {
    const lookedAt = clock.now()
    await lookAgain(backends, context)
    lookMs ??= clock.now() - lookedAt
    if (await isLost(targets, context)) {
      return false
    }
    const short = shortOf(backendsAtStake(backends), minUp)
    const isHopeful = short.every((backend) => {
      const claimed = backend.others.filter(({ word }) => word === 'DRAIN')
      const wouldServe = servingIn(backend).length + claimed.length
      return wouldServe >= requiredIn(backend, minUp) && mayWait(claimed, backend)
    })
    const nobodyServes = short.some((backend) => servingIn(backend).length === 0)
    const limitMs = nobodyServes ? Math.max(MIN_WITHDRAWAL_MS, FEW_LOOKS * lookMs) : WITHDRAWAL_MS
    if (
      short.length === 0 ||
      !isHopeful ||
      clock.now() - began >= Math.min(limitMs, WITHDRAWAL_MS)
    ) {
      return short.length === 0
    }
    await clock.sleep(PAUSE_MS, cancelled)
  }
}

/**
 * Whether a reload has taken a claim.
 *
 * @throws HaproxyError `changed-meanwhile` where somebody else has, `several-haproxies`
 */
async function isLost(targets: readonly Target[], context: Context): Promise<boolean> {
  const lost = targets.filter(({ now }) => !canBe(now, 'drain'))
  const limits = { signal: context.cancelled }
  const groups = Map.groupBy(lost, ({ backend }) => backend.instance)
  await settleAll([...groups], async ([instance, mine]) => {
    const change = await instance.recheck(limits)
    if (!isReload(change)) {
      await instance.refuseIfSeveral(limits)
      throw changedByOthers(mine, change)
    }
  })
  return lost.length > 0
}

/** Whether the lowest name of all that are claimed is one of ours. */
function isFirst(claimed: readonly Server[], { targets, followers }: Backend): boolean {
  const ours = [...targets, ...followers].map(({ before }) => before.name)
  const [first] = [...ours, ...claimed.map(({ name }) => name)].sort()
  return ours.some((name) => name === first)
}
