import { beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import { retry } from '../../src/rotation/retry.ts'
import { Stage } from './stage.ts'

let stage: Stage

beforeEach(() => {
  stage = new Stage()
})

const passing = new HaproxyError('reset', 'It was reset.')
const lasting = new HaproxyError('DENY', 'It was denied.')

/** Fails with these errors, one after the other, and then succeeds; tells how often it was tried. */
function failing(...errors: readonly Error[]): { attempt: () => Promise<string>; tries: number } {
  const deed = {
    tries: 0,
    attempt: () => {
      const error = errors[deed.tries]
      deed.tries += 1
      return error === undefined ? Promise.resolve('done') : Promise.reject(error)
    }
  }
  return deed
}

describe('what is tried', () => {
  test('and succeeds is tried once', async () => {
    const deed = failing()
    expect(await retry(deed.attempt, stage)).toBe('done')
    expect([deed.tries, stage.clock.sleeps, stage.lines]).toEqual([1, [], []])
  })

  test('and fails in a way that may pass is tried again after 250 ms', async () => {
    const deed = failing(passing)
    expect(await retry(deed.attempt, stage)).toBe('done')
    expect(stage.clock.sleeps).toEqual([250])
    expect(stage.lines).toEqual(['info: It was reset. Trying again in 250 ms.'])
  })

  test('and fails twice is tried a third time after another second', async () => {
    const deed = failing(passing, passing)
    expect(await retry(deed.attempt, stage)).toBe('done')
    expect(deed.tries).toBe(3)
    expect(stage.clock.sleeps).toEqual([250, 1_000])
    expect(stage.lines).toEqual([
      'info: It was reset. Trying again in 250 ms.',
      'info: It was reset. Trying again in 1000 ms.'
    ])
  })

  test('and fails three times is tried a fourth time after two and a half seconds', async () => {
    const deed = failing(passing, passing, passing)
    expect(await retry(deed.attempt, stage)).toBe('done')
    expect(deed.tries).toBe(4)
    expect(stage.clock.sleeps).toEqual([250, 1_000, 2_500])
    expect(stage.lines.at(-1)).toBe('info: It was reset. Trying again in 2500 ms.')
  })

  test('and fails four times has failed with the last error', async () => {
    const last = new HaproxyError('refused', 'It was refused.')
    const deed = failing(passing, passing, passing, last)
    await expect(retry(deed.attempt, stage)).rejects.toBe(last)
    expect(deed.tries).toBe(4)
    expect(stage.lines).toHaveLength(3)
  })

  test('and fails for good has failed at once', async () => {
    const deed = failing(lasting)
    await expect(retry(deed.attempt, stage)).rejects.toBe(lasting)
    expect([deed.tries, stage.clock.sleeps]).toEqual([1, []])
  })

  test('and fails for good the second time has failed then', async () => {
    const deed = failing(passing, lasting)
    await expect(retry(deed.attempt, stage)).rejects.toBe(lasting)
    expect(deed.tries).toBe(2)
  })

  test('and fails by a mistake of ours has failed at once', async () => {
    const mistake = Object.assign(new TypeError('a mistake'), { transient: true })
    const deed = failing(mistake)
    await expect(retry(deed.attempt, stage)).rejects.toBe(mistake)
    expect(deed.tries).toBe(1)
  })
})

describe('what may be repeated', () => {
  test('is for the caller to say', async () => {
    const deed = failing(lasting)
    const mayRepeat = (error: HaproxyError): boolean => error.problem === 'DENY'
    expect(await retry(deed.attempt, stage, mayRepeat)).toBe('done')
    expect(deed.tries).toBe(2)
  })

  test('is nothing when the caller says so, even of what may pass', async () => {
    const deed = failing(passing)
    await expect(retry(deed.attempt, stage, () => false)).rejects.toBe(passing)
    expect(deed.tries).toBe(1)
  })
})

describe('a cancel', () => {
  const reason = new Error('cancelled')

  test('before the failure ends it with that failure', async () => {
    const deed = failing(passing)
    stage.cancel.abort(reason)
    await expect(retry(deed.attempt, stage)).rejects.toBe(passing)
    expect([deed.tries, stage.clock.sleeps]).toEqual([1, []])
  })

  test('during the pause ends it with its reason', async () => {
    const deed = failing(passing)
    stage.clock.onWake = () => {
      stage.cancel.abort(reason)
    }
    await expect(retry(deed.attempt, stage)).rejects.toBe(reason)
    expect(deed.tries).toBe(1)
  })
})
