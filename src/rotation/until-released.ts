import type { Backend } from './backend.ts'
import type { Context } from './context.ts'
import { notReleased } from './not-up.ts'
import { lookAgain } from './request.ts'
import type { ReturnStages } from './return-stages.ts'
import type { Returning } from './returning.ts'
import type { WaitOptions } from './wait.ts'

/** A check that still runs is over soon. Milliseconds. */
const PAUSE_MS = 200

/** A return with where its targets are. */
interface Return {
  readonly backends: readonly Backend[]
  readonly returning: Returning
  readonly stages: ReturnStages
}

/**
 * Waits until all targets are released: no check from before can bring them up any more, and HAProxy needs no
 * further request.
 *
 * @throws HaproxyError `not-up` when the time is up
 */
export async function untilReleased(
  { backends, returning, stages }: Return,
  { pollMs, timeoutMs }: WaitOptions,
  context: Context
): Promise<void> {
  const { clock, cancelled } = context
  const deadline = clock.now() + timeoutMs
  for (;;) {
    const progress = await returning.judge(backends)
    const isHeld = stages.pending.length > 0
    // What was asked for last is judged by one more look.
    if (!isHeld && progress !== 'acted') {
      return
    }
    if (isHeld && clock.now() >= deadline) {
      throw notReleased(stages, timeoutMs)
    }
    if (isHeld) {
      await clock.sleep(Math.min(pollMs, PAUSE_MS), cancelled)
    }
    await lookAgain(backends, context)
  }
}
