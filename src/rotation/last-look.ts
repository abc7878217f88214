import { HaproxyError } from '../haproxy/errors.ts'
import type { Backend } from './backend.ts'
import type { Context } from './context.ts'

/** Long enough for a page that works, short enough for a run that is being cancelled. Milliseconds. */
const LOOK_MS = 500

/** Looks once more at backends whose state is not known, so that the report of them is true. */
export async function lastLook(backends: readonly Backend[], { over }: Context): Promise<void> {
  const unknown = backends.filter(({ targets }) => targets.some(({ isKnown }) => !isKnown))
  const looks = unknown.map((backend) => backend.look({ signal: over, timeoutMs: LOOK_MS }))
  for (const look of await Promise.allSettled(looks)) {
    // A page that still cannot be read leaves its targets unknown, and the report says so.
    if (look.status === 'rejected' && !(look.reason instanceof HaproxyError)) {
      throw look.reason
    }
  }
}
