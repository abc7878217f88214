import type { Clock } from '../../src/rotation/context.ts'

/** A clock on which every sleep is over at once, with its time passed. */
export class FakeClock implements Clock {
  /** How long every sleep was asked to be, in milliseconds. */
  readonly sleeps: number[] = []
  /** Called with the time at the end of every sleep, before the sleeper wakes. */
  onWake: (now: number) => void = () => undefined
  #now: number

  /** @param start anything but 0, so that nobody can take the clock for a count from 0 */
  constructor(start = 5_000) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  /** Lets time pass while nobody sleeps: a request that takes this long. */
  pass(ms: number): void {
    this.#now += ms
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      signal.throwIfAborted()
      this.sleeps.push(ms)
      // Whole milliseconds, as timers count, or a rounding error ends a sleep too soon.
      this.#now += Math.ceil(Math.max(0, ms))
      this.onWake(this.#now)
      signal.throwIfAborted()
      resolve()
    })
  }
}
