import type { Server } from '../haproxy/server.ts'
import type { Context } from './context.ts'
import { endingDrain, FOR_FRESH_CHECK } from './log-lines.ts'
import { forEachBackend, request } from './request.ts'
import { retry } from './retry.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'

/**
 * Sets health to 0, in drain: HAProxy then sends a server no traffic until `rise` checks in a row have passed,
 * and needs no further request than the end of the drain (docs/haproxy-facts.md, "A fresh health check").
 */
export async function forceDown(targets: readonly Target[], context: Context): Promise<void> {
  // In drain before its health is 0 a server is open to pinned clients, so no backend waits for another.
  await forEachBackend(targets, async (_, group) => {
    await request('drain', group, context, FOR_FRESH_CHECK)
    await forceDownAgain(group, context)
  })
}

/** Sets health back to 0 where a check has raised it that may have begun before the server was forced down. */
export async function forceDownAgain(targets: readonly Target[], context: Context): Promise<void> {
  await forEachBackend(targets, (backend, group) =>
    retry(() => backend.forceDown(group, { signal: context.over }), context)
  )
}

/** Whether health is 0; an agent may hold the server down besides. */
export function isForcedDown({ status }: Server): boolean {
  return status === 'DOWN' || status === 'DOWN (agent)'
}

/** Whether a server is surely no longer in drain; `DOWN` hides that. */
export function hasLeftDrain({ word }: Server): boolean {
  return word === 'UP' || word === 'no check' || word === 'MAINT'
}

/**
 * Ends the drain of each target.
 *
 * @param onReleased called for each target whose drain was ended, even if another one fails
 * @returns the targets that were no longer in drain: a person, another job or a reload has ended it
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
