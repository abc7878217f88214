import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type Cancellation, endIfHung, listenForCancel } from '../../src/runner/cancellation.ts'
import { cancel } from './in-process.ts'

let moments: Cancellation

/** Whether each of the two moments has come, and what is said then. */
function said(): (string | undefined)[] {
  return [moments.cancelled, moments.over].map(({ aborted, reason }) =>
    aborted ? (reason as Error).message : undefined
  )
}

describe('a cancel', () => {
  beforeEach(() => {
    jest.useFakeTimers()
    moments = listenForCancel()
  })
  afterEach(() => {
    process.removeAllListeners('SIGINT').removeAllListeners('SIGTERM')
    jest.useRealTimers()
  })

  test('has not come without a signal, however long the run takes', () => {
    jest.advanceTimersByTime(3_600_000)
    expect(said()).toEqual([undefined, undefined])
  })

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'by %s comes at once and ends what was begun 4 s later, before the runner kills after 7.5',
    (signal) => {
      cancel(signal)
      expect(said()).toEqual([`Cancelled (${signal}).`, undefined])
      jest.advanceTimersByTime(3_999)
      expect(said()).toEqual([`Cancelled (${signal}).`, undefined])
      jest.advanceTimersByTime(1)
      expect(said()).toEqual([`Cancelled (${signal}).`, `Cancelled (${signal}) and out of time.`])
    }
  )

  test('is the first signal’s: a second one neither hastens nor delays the end', () => {
    cancel('SIGINT')
    jest.advanceTimersByTime(2_000)
    cancel('SIGTERM')
    expect(said()).toEqual(['Cancelled (SIGINT).', undefined])
    jest.advanceTimersByTime(2_000)
    expect(said()).toEqual(['Cancelled (SIGINT).', 'Cancelled (SIGINT) and out of time.'])
    jest.advanceTimersByTime(2_000)
    expect(said()).toEqual(['Cancelled (SIGINT).', 'Cancelled (SIGINT) and out of time.'])
  })

  test('fails as nothing that is worth a retry', () => {
    cancel()
    jest.advanceTimersByTime(4_000)
    const reasons = [moments.cancelled.reason, moments.over.reason] as unknown[]
    expect(reasons).toMatchObject(Array(2).fill({ problem: 'cancelled', transient: false }))
  })
})

describe('the end of a run', () => {
  const kill = jest.fn<typeof process.kill>(() => true)

  beforeEach(() => {
    jest.useFakeTimers()
    jest.spyOn(process, 'kill').mockImplementation(kill)
  })
  afterEach(() => {
    process.exitCode = undefined
    jest.useRealTimers()
    jest.restoreAllMocks()
    kill.mockClear()
  })

  test('is forced a quarter of a second after a failure', () => {
    process.exitCode = 1
    endIfHung()
    jest.advanceTimersByTime(249)
    expect(kill).not.toHaveBeenCalled()
    jest.advanceTimersByTime(1)
    expect(kill.mock.calls).toEqual([[process.pid, 'SIGKILL']])
  })

  test.each([undefined, 0])('is not forced after a success (exit code %s)', (code) => {
    process.exitCode = code
    endIfHung()
    jest.advanceTimersByTime(60_000)
    expect(kill).not.toHaveBeenCalled()
  })
})

describe('a process', () => {
  const source = fileURLToPath(new URL('../../src/runner/cancellation.ts', import.meta.url))

  /** How a process ends that does this. */
  async function end(work: string): Promise<unknown> {
    const program = `import { endIfHung, listenForCancel } from ${JSON.stringify(source)}\n${work}`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1' }
    })
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    return code ?? signal
  }

  const failed = 'process.exitCode = 1; endIfHung();'
  // Timers that keep a process alive.
  const timers = "process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length"

  test('that has failed ends as such, without a pause', async () => {
    expect(await end(`${failed} process.exitCode += ${timers}`)).toBe(1)
  })

  test('that has failed ends where something else never does, too', async () => {
    expect(await end(`setInterval(() => undefined, 60_000); ${failed}`)).toBe('SIGKILL')
  })

  test('that is cancelled is free to end before it must', async () => {
    const cancelled = "listenForCancel(); process.emit('SIGINT', 'SIGINT');"
    expect(await end(`${cancelled} process.exitCode = ${timers}`)).toBe(0)
  })
})
