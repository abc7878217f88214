import type { Backend } from './backend.ts'
import type { Context } from './context.ts'
import { retry } from './retry.ts'
import { settleAll } from './settle-all.ts'

/** Checks on every backend, without changing anything, that a change would be accepted. */
export async function checkAdminAccess(
  backends: readonly Backend[],
  context: Context
): Promise<void> {
  const limits = { signal: context.cancelled }
  await settleAll(backends, ({ instance, name }) =>
    retry(() => instance.page.checkAdminAccess(name, limits), context)
  )
}
