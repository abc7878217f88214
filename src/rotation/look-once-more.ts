import { HaproxyError } from '../haproxy/errors.ts'
import type { Pool } from './pool.ts'
import type { Context } from './context.ts'

/** Long enough for a page that works, short enough for a run that is being cancelled. Milliseconds. */
const LOOK = 500

/** Looks once more at pools whose state is not known, so that the last word about them may be true. */
export async function lookOnceMore(pools: readonly Pool[], { over }: Context): Promise<void> {
  const unknown = pools.filter(({ targets }) => targets.some(({ certain }) => !certain))
  const looks = unknown.map((pool) => pool.look({ signal: over, timeoutMs: LOOK }))
  for (const look of await Promise.allSettled(looks)) {
    // A page that still cannot be read leaves its targets uncertain, and the report says so.
    if (look.status === 'rejected' && !(look.reason instanceof HaproxyError)) {
      throw look.reason
    }
  }
}
