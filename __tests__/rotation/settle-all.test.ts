import { describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import { settleAll } from '../../src/rotation/settle-all.ts'
import { failureIn } from '../haproxy/failure.ts'

const reset = new HaproxyError('reset', 'It was reset.')
const denied = new HaproxyError('DENY', 'It was denied.', { advice: 'Allow it.' })
const mistake = new TypeError('a mistake')

/** Work that rejects with what is an error, and resolves with anything else. */
function doing(...results: readonly (string | Error)[]): Promise<string[]> {
  return settleAll(results, (result) =>
    result instanceof Error ? Promise.reject(result) : Promise.resolve(result)
  )
}

describe('what is done for all', () => {
  test('gives what each gave, in their order', async () => {
    const slow = Promise.withResolvers<string>()
    const results = settleAll(['a', 'b'], async (one) => {
      if (one === 'a') {
        return slow.promise
      }
      slow.resolve('late')
      return Promise.resolve('early')
    })
    expect(await results).toEqual(['late', 'early'])
  })

  test('of none gives nothing', async () => {
    expect(await doing()).toEqual([])
  })

  test('is begun for all at once', async () => {
    const begun: string[] = []
    const all = settleAll(['a', 'b'], (one) => {
      begun.push(one)
      return Promise.resolve()
    })
    expect(begun).toEqual(['a', 'b'])
    await all
  })

  test('has ended for all when it fails for one', async () => {
    const ended: string[] = []
    const gate = Promise.withResolvers<undefined>()
    const all = settleAll(['bad', 'good'], async (one) => {
      if (one === 'bad') {
        throw reset
      }
      await gate.promise
      ended.push(one)
    })
    gate.resolve(undefined)
    await expect(all).rejects.toBe(reset)
    expect(ended).toEqual(['good'])
  })

  test.each([
    ['a failure', reset],
    ['a mistake of ours', mistake]
  ])('and fails once fails with it: %s', async (_, error) => {
    await expect(doing('a', error, 'b')).rejects.toBe(error)
  })

  test('and fails twice fails with the first, and the messages of both', async () => {
    const { problem, message, advice, cause } = await failureIn(doing(denied, 'a', reset))
    expect([problem, message, advice]).toEqual([
      'DENY',
      'It was denied. It was reset.',
      'Allow it.'
    ])
    expect((cause as AggregateError).errors).toEqual([denied, reset])
  })

  test.each<[string, Error, boolean]>([
    ['may pass where all of it may', new HaproxyError('refused', 'It was refused.'), true],
    ['does not pass where one failure does not', denied, false],
    ['does not pass where one is a mistake of ours', mistake, false]
  ])('and fails twice %s', async (_, second, transient) => {
    expect((await failureIn(doing(reset, second))).transient).toBe(transient)
  })

  test('and fails twice fails with what does not pass by itself, whichever came first', async () => {
    const { problem, message, advice } = await failureIn(doing(reset, denied))
    expect([problem, message, advice]).toEqual([
      'DENY',
      'It was reset. It was denied.',
      'Allow it.'
    ])
  })

  test('and fails twice in the same words says them once', async () => {
    const { message } = await failureIn(doing(reset, new HaproxyError('reset', 'It was reset.')))
    expect(message).toBe('It was reset.')
  })

  test('and fails by a mistake of ours first fails with that alone', async () => {
    await expect(doing(mistake, reset)).rejects.toBe(mistake)
  })
})
