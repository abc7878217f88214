import { afterEach, describe, expect, test } from '@jest/globals'
import { guard, poolsAtStake } from '../../src/rotation/guard.ts'
import type { Pool } from '../../src/rotation/pool.ts'
import { failureOf } from '../haproxy/failure.ts'
import type { Row } from '../haproxy/page-text.ts'
import { Stage, ToyPage } from './stage.ts'

const toys: ToyPage[] = []

afterEach(async () => {
  await Promise.all(toys.splice(0).map((toy) => toy.stop()))
})

async function poolOf(names: readonly string[], rows: readonly Row[]): Promise<Pool> {
  const toy = await ToyPage.start(rows)
  toys.push(toy)
  return toy.pool(names)
}

/** What the guard says about taking out server a; undefined when it lets it pass. */
async function verdict(
  rows: readonly Row[],
  minUp: number,
  names = ['a']
): Promise<string | undefined> {
  const pool = await poolOf(names, [...names.map((svname) => ({ svname })), ...rows])
  try {
    guard([pool], minUp)
  } catch {
    const { problem, message } = failureOf(() => {
      guard([pool], minUp)
    })
    expect(problem).toBe('guard-refused')
    return message.replaceAll(pool.page.name, 'PAGE')
  }
  return undefined
}

describe('the guard', () => {
  test.each([
    ['b is up', 'UP'],
    ['b has no check', 'no check']
  ])('lets a server go while %s', async (_, status) => {
    expect(await verdict([{ svname: 'b', status }], 1)).toBeUndefined()
  })

  test('counts a backup server', async () => {
    expect(await verdict([{ svname: 'b', bck: '1' }], 1)).toBeUndefined()
  })

  test.each([
    'UP 1/3',
    'DOWN',
    'DOWN 1/2',
    'NOLB',
    'DRAIN',
    'DRAIN (agent)',
    'MAINT',
    'MAINT (via web/a)',
    'MAINT (resolution)',
    'UNHEARD-OF'
  ])('does not count a server that is %s', async (status) => {
    expect(await verdict([{ svname: 'b', status }], 1)).toBe(
      `Without a the backend web on PAGE would have 0 serving servers, and min-up asks for 1; not counted: b (${status}).`
    )
  })

  test('does not count a server without weight, and says so', async () => {
    expect(await verdict([{ svname: 'b', weight: '0' }], 1)).toBe(
      'Without a the backend web on PAGE would have 0 serving servers, and min-up asks for 1; not counted: b (UP, weight 0).'
    )
  })

  test('does not count the servers that are taken out', async () => {
    expect(await verdict([], 1, ['a', 'b'])).toBe(
      'Without a, b the backend web on PAGE would have 0 serving servers, and min-up asks for 1; it has no other servers.'
    )
  })

  test('does not count servers of another backend', async () => {
    expect(await verdict([{ pxname: 'web2', svname: 'b' }], 1)).toBe(
      'Without a the backend web on PAGE would have 0 serving servers, and min-up asks for 1; it has no other servers.'
    )
  })

  test.each<[number, string | undefined]>([
    [0, undefined],
    [1, undefined],
    [2, undefined],
    [
      3,
      'Without a the backend web on PAGE would have 2 serving servers (b, c), and min-up asks for 3; not counted: d (DOWN), e (MAINT).'
    ]
  ])('that asks for %i of two serving servers says "%s"', async (minUp, expected) => {
    const rows = [
      { svname: 'b' },
      { svname: 'c' },
      { svname: 'd', status: 'DOWN' },
      { svname: 'e', status: 'MAINT' }
    ]
    expect(await verdict(rows, minUp)).toBe(expected)
  })

  test('names the one server that it counted in the singular', async () => {
    expect(await verdict([{ svname: 'b' }, { svname: 'c', status: 'DRAIN' }], 2)).toBe(
      'Without a the backend web on PAGE would have 1 serving server (b), and min-up asks for 2; not counted: c (DRAIN).'
    )
  })

  test('is off at 0, even for the last server', async () => {
    expect(await verdict([], 0)).toBeUndefined()
  })

  test('names every pool that would lose too much, and none that would not', async () => {
    const [poor, rich, none] = await Promise.all([
      poolOf(['a'], [{ svname: 'a' }, { svname: 'b', status: 'DOWN' }]),
      poolOf(['a'], [{ svname: 'a' }, { svname: 'b' }]),
      poolOf(['a'], [{ svname: 'a' }])
    ])
    const { message } = failureOf(() => {
      guard([poor, rich, none], 1)
    })
    expect(message).toBe(
      `Without a the backend web on ${poor.page.name} would have 0 serving servers, and min-up asks for 1; not counted: b (DOWN). ` +
        `Without a the backend web on ${none.page.name} would have 0 serving servers, and min-up asks for 1; it has no other servers.`
    )
  })

  test('goes by what was last seen', async () => {
    const toy = await ToyPage.start([{ svname: 'a' }, { svname: 'b' }])
    toys.push(toy)
    const pool = await toy.pool(['a'])
    toy.rows = [
      { svname: 'a', status: 'MAINT' },
      { svname: 'b', status: 'MAINT' }
    ]
    await pool.look({ signal: new Stage().cancelled })
    expect(
      failureOf(() => {
        guard([pool], 1)
      }).message
    ).toContain('not counted: b (MAINT).')
  })
})

describe('a pool has something at stake', () => {
  test.each([
    ['UP', '1', true],
    ['UP 1/3', '1', true],
    ['no check', '1', true],
    ['UP', '0', false],
    ['no check', '0', false],
    ['DOWN', '1', false],
    ['NOLB', '1', false],
    ['DRAIN', '1', false],
    ['MAINT', '1', false]
  ])('with a target that is %s with weight %s: %s', async (status, weight, expected) => {
    const pool = await poolOf(['a'], [{ svname: 'a', status, weight }, { svname: 'b' }])
    expect(poolsAtStake([pool])).toEqual(expected ? [pool] : [])
  })

  test('when one of its targets takes traffic', async () => {
    const rows = [{ svname: 'a', status: 'MAINT' }, { svname: 'b' }]
    const [both, other] = await Promise.all([poolOf(['a', 'b'], rows), poolOf(['a'], rows)])
    expect(poolsAtStake([both, other])).toEqual([both])
  })

  test('by what its targets were before, not by what they are now', async () => {
    const toy = await ToyPage.start([{ svname: 'a' }])
    toys.push(toy)
    const pool = await toy.pool(['a'])
    toy.rows = [{ svname: 'a', status: 'MAINT' }]
    await pool.look({ signal: new Stage().cancelled })
    expect(poolsAtStake([pool])).toEqual([pool])
  })
})
