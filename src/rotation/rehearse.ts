import { settleAll } from './settle-all.ts'
import { retry } from './retry.ts'
import type { Pool } from './pool.ts'
import type { Context } from './context.ts'

/** Proves on every pool, without changing anything, that a change would be accepted. */
export async function rehearse(pools: readonly Pool[], context: Context): Promise<void> {
  const limits = { signal: context.cancelled }
  await settleAll(pools, (pool) => retry(() => pool.page.proveAdmin(pool.backend, limits), context))
}
