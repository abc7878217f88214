import type { AdminState } from '../haproxy/server.ts'
import { type Backend, targetsOf } from './backend.ts'
import { bringBack } from './bring-back.ts'
import type { BringBackOptions } from './options.ts'
import type { Context } from './context.ts'
import { restored } from './log-lines.ts'
import { lookAgain, refuseIfNotHeld, request } from './request.ts'

/** Puts servers back to an admin state; those that were ready pass a fresh check first, and HAProxy does the rest. */
export async function restore(
  state: AdminState,
  backends: readonly Backend[],
  options: BringBackOptions,
  context: Context
): Promise<void> {
  const targets = targetsOf(backends)
  if (targets.length === 0) {
    return
  }
  if (state === 'ready') {
    await bringBack(backends, { ...options, isAwaited: false }, context)
  } else {
    context.cancelled.throwIfAborted()
    await request(state, targets, context)
    await lookAgain(backends, context)
    refuseIfNotHeld(targets)
  }
  context.log.notice(...restored(state, targets))
}
