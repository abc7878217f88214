import { setTimeout as sleep } from 'node:timers/promises'
import type { Baked } from './bake-verdict.ts'
import type { Target } from './target.ts'

/** Time, in milliseconds. */
export interface Clock {
  now(): number
  /** Resolves after at least this many milliseconds; rejects with the signal's reason as soon as that fires. */
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

/** Called after every look of a wait, with times in milliseconds. */
export type OnLook = (elapsedMs: number, remainingMs: number) => void

/** What is called while a step waits and watches. */
export interface Observer {
  readonly onLook: OnLook
  /** Called after every look of a watch of traffic. */
  readonly onBakeLook: (baked: Baked) => void
  /** Called when servers that did not bake well leave again; what it returns is called after every look at them. */
  readonly onBadTakeOut: (targets: readonly Target[]) => OnLook
}

const nothing = (): void => undefined

/** Ignores every call. */
export const NO_OBSERVER: Observer = {
  onLook: nothing,
  onBakeLook: nothing,
  onBadTakeOut: () => nothing
}

/** While nothing changes, a wait says so this often, in milliseconds. */
export const HEARTBEAT_MS = 30_000

/** What everything that takes time needs from outside. */
export interface Context {
  readonly clock: Clock
  readonly log: Log
  readonly observer: Observer
  /** Fires when the run is cancelled: nothing new is begun, no wait goes on. */
  readonly cancelled: AbortSignal
  /** Fires when a cancelled run must be over: even what was begun (a change, a roll-back) ends. */
  readonly over: AbortSignal
}
