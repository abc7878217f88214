import { HaproxyError } from '../haproxy/errors.ts'
import type { Context } from './context.ts'
import { retryingIn } from './log-lines.ts'

/** Pauses before the attempts after the first, in milliseconds; together they outlast a quick restart. */
const PAUSES_MS = [250, 1_000, 2_500]

/**
 * Retries work up to three times, with growing pauses, when it failed in a way that may pass. Only for work
 * that may be done twice.
 */
export async function retry<T>(
  work: () => Promise<T>,
  { clock, log, cancelled }: Context,
  isRetryable: (error: HaproxyError) => boolean = (error) => error.transient
): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof HaproxyError) || !isRetryable(error) || cancelled.aborted) {
        throw error
      }
      log.info(retryingIn(error.message, pause))
      await clock.sleep(pause, cancelled)
    }
  }
  return work()
}
