import type { Command } from '../haproxy/stats-page.ts'
import { everywhere } from './everywhere.ts'
import { persist } from './persist.ts'
import { type Pool, targetsOf } from './pool.ts'
import { namesOf } from './describe.ts'
import type { Surroundings } from './surroundings.ts'
import { changedNothing } from '../haproxy/errors.ts'

/**
 * Carries out a command that is not an admin state (kill sessions, health and agent checks) on all pools
 * at once and looks at what came of it. There is nothing to put back when one of them fails.
 */
export async function command(
  pools: readonly Pool[],
  name: Command,
  surroundings: Surroundings
): Promise<void> {
  surroundings.cancelled.throwIfAborted()
  surroundings.log.info(`Asking for ${name}: ${namesOf(targetsOf(pools))}.`)
  await everywhere(pools, async (pool) => {
    await persist(
      () => pool.command(name, pool.targets, { signal: surroundings.over }),
      surroundings,
      // Sessions that came since would be killed too, so `shutdown` is repeated only if it never arrived.
      (error) => error.transient && (name !== 'shutdown' || changedNothing(error))
    )
    await persist(() => pool.look({ signal: surroundings.cancelled }), surroundings)
  })
}
