import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { count, namesOf, seenAs, statesOf } from '../../src/rotation/describe.ts'
import { type Pool, type Target, targetsOf } from '../../src/rotation/pool.ts'
import type { Row } from '../haproxy/page-text.ts'
import { NO_CHECK } from './admin.ts'
import { ToyPage } from './stage.ts'

let first: ToyPage
let second: ToyPage

beforeEach(async () => {
  ;[first, second] = await Promise.all([ToyPage.start([]), ToyPage.start([])])
})
afterEach(async () => {
  await Promise.all([first.stop(), second.stop()])
})

async function targets(rows: readonly Row[], toy = first): Promise<readonly Target[]> {
  toy.rows = rows
  const backends = new Set(rows.map(({ pxname = 'web' }) => pxname))
  const names = rows.map(({ svname = '' }) => svname)
  const pools: Pool[] = []
  for (const backend of backends) {
    pools.push(await toy.pool(names, backend))
  }
  return targetsOf(pools)
}

async function target(row: Row = {}): Promise<Target> {
  const [only] = await targets([{ svname: 'a', ...row }])
  if (only === undefined) {
    throw new Error('There is no target.')
  }
  return only
}

/** The pages' names are made short, for they hold ports. */
function short(text: string): string {
  return text.replaceAll(first.page.name, 'P1').replaceAll(second.page.name, 'P2')
}

describe('names', () => {
  test('of one target are backend, server and page', async () => {
    expect(short(namesOf(await targets([{ svname: 'a' }])))).toBe('web/a on P1')
  })

  test('on one page name the page once', async () => {
    const all = await targets([{ svname: 'a' }, { svname: 'b' }, { pxname: 'api', svname: 'a' }])
    expect(short(namesOf(all))).toBe('web/a, web/b, api/a on P1')
  })

  test('on two pages are told page by page', async () => {
    const [one, two] = await Promise.all([
      targets([{ svname: 'a' }, { svname: 'b' }]),
      targets([{ svname: 'a' }], second)
    ])
    const mixed = [...one.slice(0, 1), ...two, ...one.slice(1)]
    expect(short(namesOf(mixed))).toBe('web/a, web/b on P1 and web/a on P2')
  })

  test('of a target alone are the same in its own words', async () => {
    const { name, fullName, pool } = await target()
    expect([name, short(fullName), short(pool.name)]).toEqual(['web/a', 'web/a on P1', 'web on P1'])
  })
})

describe('what a target is seen as', () => {
  test.each([
    ['0', '0', 'DRAIN'],
    ['1', '0', 'DRAIN with 1 session'],
    ['2', '0', 'DRAIN with 2 sessions'],
    ['0', '1', 'DRAIN with 1 queued'],
    ['3', '1', 'DRAIN with 3 sessions, 1 queued'],
    ['1', '2', 'DRAIN with 1 session, 2 queued']
  ])('with %s sessions and %s queued is %s', async (scur, qcur, expected) => {
    expect(seenAs(await target({ status: 'DRAIN', scur, qcur }))).toBe(expected)
  })

  test('is its present state, not the one before', async () => {
    const one = await target()
    one.now = { ...one.before, status: 'MAINT', sessions: 2 }
    expect(seenAs(one)).toBe('MAINT with 2 sessions')
  })
})

describe('states', () => {
  test('of one target are told in the singular', async () => {
    expect(short(statesOf(await targets([{ svname: 'a' }])))).toBe('web/a on P1 is UP')
  })

  test('that are the same are told together, others apart', async () => {
    const all = await targets([
      { svname: 'a' },
      { svname: 'b', status: 'MAINT', scur: '1' },
      { svname: 'c' }
    ])
    expect(short(statesOf(all))).toBe(
      'web/a, web/c on P1 are UP; web/b on P1 is MAINT with 1 session'
    )
  })

  test('that are not known are said to be not known', async () => {
    const one = await target({ scur: '4' })
    one.asked = 'drain'
    one.certain = false
    expect(short(statesOf([one]))).toBe(
      'web/a on P1 is not known to be drain (last seen UP with 4 sessions)'
    )
  })

  test('that are not known and were not asked for are said to be not known to be as before', async () => {
    const one = await target()
    one.certain = false
    expect(short(statesOf([one]))).toBe('web/a on P1 is not known to be as before (last seen UP)')
  })

  test.each([
    ['drain', 'DOWN', false, 'web/a on P1 is DOWN, asked for drain'],
    ['maint', 'NOLB', false, 'web/a on P1 is NOLB, asked for maint'],
    ['drain', 'DRAIN', false, 'web/a on P1 is DRAIN'],
    ['ready', 'DOWN', false, 'web/a on P1 is DOWN'],
    ['drain', 'DOWN', true, 'web/a on P1 is put back, DOWN']
  ] as const)(
    'of which %s was asked and %s is shown tell what that hides (put back: %s)',
    async (asked, status, undone, expected) => {
      const one = await target({ status })
      Object.assign(one, { asked, undone })
      expect(short(statesOf([one]))).toBe(expected)
    }
  )

  test('of a server without a check say that it is ready', async () => {
    expect(short(statesOf([await target(NO_CHECK)]))).toBe('web/a on P1 is ready (no check)')
  })

  test('that were put back are said to be', async () => {
    const one = await target()
    one.undone = true
    expect(short(statesOf([one]))).toBe('web/a on P1 is put back, UP')
  })

  test('that were put back but are not known are only said to be not known', async () => {
    const one = await target()
    Object.assign(one, { asked: 'ready', undone: true, certain: false })
    expect(short(statesOf([one]))).toBe('web/a on P1 is not known to be ready (last seen UP)')
  })
})

describe('a count', () => {
  test.each([
    [0, '0 sessions'],
    [1, '1 session'],
    [2, '2 sessions'],
    [11, '11 sessions']
  ])('of %i is written %s', (amount, expected) => {
    expect(count(amount, 'session')).toBe(expected)
  })
})
