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

/** Work that fails with these errors, one after the other, and then succeeds. */
function failing(...errors: readonly Error[]): { attempt: () => Promise<string>; tries: number } {
  const work = {
    tries: 0,
    attempt: () => {
      const error = errors[work.tries]
      work.tries += 1
      return error === undefined ? Promise.resolve('done') : Promise.reject(error)
    }
  }
  return work
}

describe('what is tried', () => {
  test('and succeeds is tried once', async () => {
    const work = failing()
    expect(await retry(work.attempt, stage)).toBe('done')
    expect([work.tries, stage.clock.sleeps, stage.lines]).toEqual([1, [], []])
  })

  test('and fails in a way that may pass is tried again after 250 ms', async () => {
    const work = failing(passing)
    expect(await retry(work.attempt, stage)).toBe('done')
    expect(stage.clock.sleeps).toEqual([250])
    expect(stage.lines).toEqual(['info: It was reset. Trying again in 250ms.'])
  })

  test('and fails twice is tried a third time after another second', async () => {
    const work = failing(passing, passing)
    expect(await retry(work.attempt, stage)).toBe('done')
    expect(work.tries).toBe(3)
    expect(stage.clock.sleeps).toEqual([250, 1_000])
    expect(stage.lines).toEqual([
      'info: It was reset. Trying again in 250ms.',
      'info: It was reset. Trying again in 1s.'
    ])
  })

  test('and fails three times is tried a fourth time after two and a half seconds', async () => {
    const work = failing(passing, passing, passing)
    expect(await retry(work.attempt, stage)).toBe('done')
    expect(work.tries).toBe(4)
    expect(stage.clock.sleeps).toEqual([250, 1_000, 2_500])
    expect(stage.lines.at(-1)).toBe('info: It was reset. Trying again in 2.5s.')
  })

  test('and fails four times has failed with the last error', async () => {
    const last = new HaproxyError('refused', 'It was refused.')
    const work = failing(passing, passing, passing, last)
    await expect(retry(work.attempt, stage)).rejects.toBe(last)
    expect(work.tries).toBe(4)
    expect(stage.lines).toHaveLength(3)
  })

  test('and fails for good has failed at once', async () => {
    const work = failing(lasting)
    await expect(retry(work.attempt, stage)).rejects.toBe(lasting)
    expect([work.tries, stage.clock.sleeps]).toEqual([1, []])
  })

  test('and fails for good the second time has failed then', async () => {
    const work = failing(passing, lasting)
    await expect(retry(work.attempt, stage)).rejects.toBe(lasting)
    expect(work.tries).toBe(2)
  })

  test('and fails by a mistake of ours has failed at once', async () => {
    const mistake = Object.assign(new TypeError('a mistake'), { transient: true })
    const work = failing(mistake)
    await expect(retry(work.attempt, stage)).rejects.toBe(mistake)
    expect(work.tries).toBe(1)
  })
})

describe('what may be repeated', () => {
  test('is for the caller to say', async () => {
    const work = failing(lasting)
    const mayRepeat = (error: HaproxyError): boolean => error.problem === 'DENY'
    expect(await retry(work.attempt, stage, mayRepeat)).toBe('done')
    expect(work.tries).toBe(2)
  })

  test('is nothing when the caller says so, even of what may pass', async () => {
    const work = failing(passing)
    await expect(retry(work.attempt, stage, () => false)).rejects.toBe(passing)
    expect(work.tries).toBe(1)
  })
})

describe('a cancel', () => {
  const reason = new Error('cancelled')

  test('before the failure ends it with that failure', async () => {
    const work = failing(passing)
    stage.cancel.abort(reason)
    await expect(retry(work.attempt, stage)).rejects.toBe(passing)
    expect([work.tries, stage.clock.sleeps]).toEqual([1, []])
  })

  test('during the pause ends it with its reason', async () => {
    const work = failing(passing)
    stage.clock.onWake = () => {
      stage.cancel.abort(reason)
    }
    await expect(retry(work.attempt, stage)).rejects.toBe(reason)
    expect(work.tries).toBe(1)
  })
})
