import { setTimeout as sleep } from 'node:timers/promises'

/** Time, in milliseconds. */
export interface Clock {
  now(): number
  /** Resolves after at least so many milliseconds; rejects with the signal's reason as soon as that fires. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

/** The clock of the machine, which no change of the date can turn back. */
export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, signal) =>
    // Timers count whole milliseconds and may fire within the last one.
    sleep(Math.max(0, Math.ceil(ms) + 1), undefined, { signal }).catch(() => {
      signal.throwIfAborted()
    })
}

/** Where to say what is being done. */
export interface Log {
  info(text: string): void
  /** @param title a few words that tell it from others in a list */
  notice(text: string, title: string): void
  /** @param title a few words that tell it from others in a list */
  warning(text: string, title: string): void
}

/** While nothing changes, a wait says so this often, in milliseconds. */
export const HEARTBEAT = 30_000

/** What everything that takes time needs from outside. */
export interface Context {
  readonly clock: Clock
  readonly log: Log
  /** Fires when the run is cancelled: nothing new is begun, no wait goes on. */
  readonly cancelled: AbortSignal
  /** Fires when a cancelled run must be over: what was begun (a change, a roll-back) ends too. */
  readonly over: AbortSignal
}
