import type { Server } from '../haproxy/server.ts'
import type { Context } from './context.ts'
import { endingDrain } from './log-lines.ts'
import { forEachBackend, request } from './request.ts'
import { retry } from './retry.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'

/**
 * Has health begin at 0, in drain: HAProxy then sends a server nobody until `rise` checks in a row have passed,
 * and needs no further request than the end of the drain (docs/haproxy-facts.md, "A fresh health check").
 */
export async function forceDown(targets: readonly Target[], context: Context): Promise<void> {
  // In drain before its health is 0 a server is open to pinned clients, so no backend waits for another.
  await forEachBackend(targets, async (_, group) => {
    await request('drain', group, context)
    await forceDownAgain(group, context)
  })
}

/** Takes back what a check has done for a server that may have begun before it was forced down. */
export async function forceDownAgain(targets: readonly Target[], context: Context): Promise<void> {
  await forEachBackend(targets, (backend, group) =>
    retry(() => backend.forceDown(group, { signal: context.over }), context)
  )
}

/** Whether health is 0; an agent may hold the server down besides. */
export function isForcedDown({ status }: Server): boolean {
  return status === 'DOWN' || status === 'DOWN (agent)'
}

/** Whether a server surely is in drain no more; `DOWN` hides it. */
export function hasLeftDrain({ word }: Server): boolean {
  return word === 'UP' || word === 'no check' || word === 'MAINT'
}

/**
 * Ends the drain of each target.
 *
 * @param onReleased called for each target of which it is done, even if another fails
 * @returns the targets that had none any more: a person, another job or a reload has ended it
 */
export async function release(
  targets: readonly Target[],
  onReleased: (target: Target) => void,
  context: Context
): Promise<Target[]> {
  if (targets.length > 0) {
    context.log.info(endingDrain(targets))
  }
  const lost = await settleAll(targets, async (target) => {
    const limits = { signal: context.over }
    if (await retry(() => target.backend.release(target, limits), context)) {
      onReleased(target)
      return []
    }
    return [target]
  })
  return lost.flat()
}
