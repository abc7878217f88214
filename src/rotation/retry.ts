import { HaproxyError } from '../haproxy/errors.ts'
import type { Context } from './context.ts'

/** Pauses before the attempts after the first, in milliseconds; together they outlast a quick restart. */
const PAUSES = [250, 1_000, 2_500]

/**
 * Tries something again, at most three times and after growing pauses, when it failed in a way that may pass.
 * Only for what does no harm when done twice.
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  { clock, log, cancelled }: Context,
  mayRepeat: (error: HaproxyError) => boolean = (error) => error.transient
): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof HaproxyError) || !mayRepeat(error) || cancelled.aborted) {
        throw error
      }
      log.info(`${error.message} Trying again in ${pause} ms.`)
      await clock.sleep(pause, cancelled)
    }
  }
  return attempt()
}
