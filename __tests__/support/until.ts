import { setTimeout as sleep } from 'node:timers/promises'

/** How {@link until} waits. */
export interface UntilOptions {
  /** Give up after so many milliseconds; 10 s by default. */
  readonly limitMs?: number
  /** Time between two looks, in milliseconds. */
  readonly everyMs?: number
  /** Text for the error when time is up: what was seen instead. */
  readonly seen?: () => string | Promise<string>
}

/** Waits until the predicate holds; throws when it does not hold in time. */
export async function until(
  predicate: () => boolean | Promise<boolean>,
  { limitMs = 10_000, everyMs = 20, seen = () => '' }: UntilOptions = {}
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await predicate())) {
    if (performance.now() > deadline) {
      throw new Error(`Not so within ${limitMs} ms: ${String(predicate)}\n${await seen()}`)
    }
    await sleep(everyMs)
  }
}
