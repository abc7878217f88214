import { everywhere } from './everywhere.ts'
import { persist } from './persist.ts'
import type { Pool } from './pool.ts'
import type { Surroundings } from './surroundings.ts'

/** Proves on every pool, without changing anything, that a change would be accepted. */
export async function rehearse(pools: readonly Pool[], surroundings: Surroundings): Promise<void> {
  const limits = { signal: surroundings.cancelled }
  await everywhere(pools, (pool) =>
    persist(() => pool.page.proveAdmin(pool.backend, limits), surroundings)
  )
}
