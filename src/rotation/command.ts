import type { Command } from '../haproxy/stats-page.ts'
import { settleAll } from './settle-all.ts'
import { retry } from './retry.ts'
import { type Pool, targetsOf } from './pool.ts'
import { namesOf } from './describe.ts'
import type { Context } from './context.ts'
import { changedNothing } from '../haproxy/errors.ts'

/**
 * Carries out a command that is not an admin state (kill sessions, health and agent checks) on all pools
 * at once and looks at what came of it. There is nothing to put back when one of them fails.
 */
export async function command(
  pools: readonly Pool[],
  name: Command,
  context: Context
): Promise<void> {
  context.cancelled.throwIfAborted()
  context.log.info(`Asking for ${name}: ${namesOf(targetsOf(pools))}.`)
  await settleAll(pools, async (pool) => {
    await retry(
      () => pool.command(name, pool.targets, { signal: context.over }),
      context,
      // Sessions that came since would be killed too, so `shutdown` is repeated only if it never arrived.
      (error) => error.transient && (name !== 'shutdown' || changedNothing(error))
    )
    await retry(() => pool.look({ signal: context.cancelled }), context)
  })
}
