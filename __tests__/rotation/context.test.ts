import { describe, expect, test } from '@jest/globals'
import { systemClock } from '../../src/rotation/context.ts'

const never = (): AbortSignal => new AbortController().signal

describe("the machine's clock", () => {
  test.each([0.4, 1, 2.3, 3.9, 5])('sleeps no less than %d ms', async (ms) => {
    const slept = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const from = systemClock.now()
        await systemClock.sleep(ms, never())
        return systemClock.now() - from
      })
    )
    expect(Math.min(...slept)).toBeGreaterThanOrEqual(ms)
  })

  test.each([0, -1, -60_000])('need not sleep for %d ms', async (ms) => {
    await expect(systemClock.sleep(ms, never())).resolves.toBeUndefined()
  })

  test.each([0, 60_000])(
    'sleeps no longer than to a cancel: %d ms',
    async (ms) => {
      const trigger = new AbortController()
      const sleep = systemClock.sleep(ms, trigger.signal)
      const reason = new Error('cancelled')
      trigger.abort(reason)
      await expect(sleep).rejects.toBe(reason)
      await expect(systemClock.sleep(ms, trigger.signal)).rejects.toBe(reason)
    },
    5_000
  )
})
