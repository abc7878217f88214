import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type Cancellation, listenForCancel } from '../../src/runner/cancellation.ts'
import { cancel } from './in-process.ts'

let moments: Cancellation
beforeEach(() => {
  jest.useFakeTimers()
  moments = listenForCancel()
})
afterEach(() => {
  process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM')
  jest.useRealTimers()
})

/** Whether each of the two moments has come, and what is said then. */
function told(): (string | undefined)[] {
  return [moments.cancelled, moments.over].map(({ aborted, reason }) =>
    aborted ? (reason as Error).message : undefined
  )
}

describe('a cancel', () => {
  test('has not come without a signal, however long the run takes', () => {
    jest.advanceTimersByTime(3_600_000)
    expect(told()).toEqual([undefined, undefined])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s comes at once and ends what was begun 4 s later, before the runner kills after 7.5',
    (signal) => {
      cancel(signal)
      expect(told()).toEqual([`Cancelled (${signal}).`, undefined])
      jest.advanceTimersByTime(3_999)
      expect(told()).toEqual([`Cancelled (${signal}).`, undefined])
      jest.advanceTimersByTime(1)
      expect(told()).toEqual([`Cancelled (${signal}).`, `Cancelled (${signal}) and out of time.`])
    }
  )

  test('is the first signal’s: a second one neither hastens nor delays the end', () => {
    cancel('SIGINT')
    jest.advanceTimersByTime(2_000)
    cancel('SIGTERM')
    expect(told()).toEqual(['Cancelled (SIGINT).', undefined])
    jest.advanceTimersByTime(2_000)
    expect(told()).toEqual(['Cancelled (SIGINT).', 'Cancelled (SIGINT) and out of time.'])
    jest.advanceTimersByTime(2_000)
    expect(told()).toEqual(['Cancelled (SIGINT).', 'Cancelled (SIGINT) and out of time.'])
  })

  test('fails as nothing that could be tried again', () => {
    cancel()
    expect(moments.cancelled.reason).toMatchObject({ problem: 'cancelled', transient: false })
  })
})
