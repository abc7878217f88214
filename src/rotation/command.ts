import { changedNothing } from '../haproxy/errors.ts'
import type { Command } from '../haproxy/commands.ts'
import { type Backend, targetsOf } from './backend.ts'
import type { Context } from './context.ts'
import { askingFor } from './log-lines.ts'
import { lookAgain } from './request.ts'
import { retry } from './retry.ts'
import { settleAll } from './settle-all.ts'

/**
 * Carries out a command that is not an admin state (kill sessions, health and agent checks) on all backends
 * at once and looks at what came of it. There is nothing to roll back when one of them fails.
 */
export async function command(
  name: Command,
  backends: readonly Backend[],
  context: Context
): Promise<void> {
  context.cancelled.throwIfAborted()
  context.log.info(askingFor(name, targetsOf(backends)))
  await settleAll(backends, (backend) =>
    retry(
      () => backend.command(name, backend.targets, { signal: context.over }),
      context,
      // Sessions that came since would be killed too, so `shutdown` is repeated only if it never arrived.
      (error) => error.transient && (name !== 'shutdown' || changedNothing(error))
    )
  )
  await lookAgain(backends, context)
}
