import { HaproxyError } from '../haproxy/errors.ts'

/** How long what was begun may go on after a cancel, in milliseconds; the runner sends SIGTERM after 7,500. */
const GRACE_MS = 4_000

/** The two moments of a cancel. */
export interface Cancellation {
  /** Fires with the first SIGINT or SIGTERM. */
  readonly cancelled: AbortSignal
  /** Fires when the run must be over. */
  readonly over: AbortSignal
}

/** Turns the signals with which the runner cancels a step into something that waits can listen to. */
export function listenForCancel(): Cancellation {
  const cancelled = new AbortController()
  const over = new AbortController()
  const onSignal = (signal: string): void => {
    cancelled.abort(new HaproxyError('cancelled', `Cancelled (${signal}).`))
    setTimeout(() => {
      over.abort(new HaproxyError('cancelled', `Cancelled (${signal}) and out of time.`))
    }, GRACE_MS).unref()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return { cancelled: cancelled.signal, over: over.signal }
}

/** How long a run may go on after its last line, in milliseconds, before it counts as hung. */
const HUNG_AFTER_MS = 250

/**
 * Ends a failed run that something still keeps alive. A name look-up that hangs cannot be aborted, and Node waits
 * for it even in `process.exit` (docs/architecture.md, "Cancel"), so only a signal ends the process.
 */
export function endIfHung(): void {
  if (process.exitCode === 1) {
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), HUNG_AFTER_MS).unref()
  }
}
