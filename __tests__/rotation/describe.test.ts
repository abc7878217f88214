import { beforeEach, describe, expect, test } from '@jest/globals'
import { targetsOf } from '../../src/rotation/backend.ts'
import { count, namesOf, seenAs, statesOf } from '../../src/rotation/describe.ts'
import type { Target } from '../../src/rotation/target.ts'
import { server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { backendOf, targetIn } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage

beforeEach(() => {
  stage = set()
})

/** Targets of one more page, as its rows show them. */
async function targets(...rows: readonly Row[]): Promise<Target[]> {
  const servers = rows.map(({ pxname, svname = 'a', ...cells }) =>
    server(svname, { ...(pxname !== undefined && { backend: pxname }), cells })
  )
  const page = await stage.page(...servers)
  const first = await backendOf(stage, page, { targets: servers.map(({ name }) => name) })
  const { instance } = first
  const names = new Set(servers.map(({ backend }) => backend).filter((name) => name !== 'web'))
  const more = [...names].map((name) =>
    backendOf(stage, page, { name, instance, targets: servers.map((each) => each.name) })
  )
  return targetsOf([first, ...(await Promise.all(more))])
}

async function target(row: Row = {}): Promise<Target> {
  const page = await stage.page(server('a', { cells: row }))
  return targetIn(await backendOf(stage, page))
}

const states = (all: readonly Target[]): string => stage.short(statesOf(all))

describe('names', () => {
  test('of one target are backend, server and page', async () => {
    expect(stage.short(namesOf(await targets({ svname: 'a' })))).toBe('web/a on P1')
  })

  test('on one page name the page once', async () => {
    const all = await targets({ svname: 'a' }, { svname: 'b' }, { pxname: 'api', svname: 'a' })
    expect(stage.short(namesOf(all))).toBe('web/a, web/b, api/a on P1')
  })

  test('on two pages are listed page by page', async () => {
    const one = await targets({ svname: 'a' }, { svname: 'b' })
    const two = await targets({ svname: 'a' })
    const mixed = [...one.slice(0, 1), ...two, ...one.slice(1)]
    expect(stage.short(namesOf(mixed))).toBe('web/a, web/b on P1 and web/a on P2')
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
    one.update({ ...one.before, status: 'MAINT', sessions: 2 })
    expect(seenAs(one)).toBe('MAINT with 2 sessions')
  })
})

describe('states', () => {
  test('of one target are described in the singular', async () => {
    expect(states(await targets({ svname: 'a' }))).toBe('web/a on P1 is UP')
  })

  test('that are the same are described together, others apart', async () => {
    const all = await targets(
      { svname: 'a' },
      { svname: 'b', status: 'MAINT', scur: '1' },
      { svname: 'c' }
    )
    expect(states(all)).toBe('web/a, web/c on P1 are UP; web/b on P1 is MAINT with 1 session')
  })

  test('that are not known are said to be not known', async () => {
    const one = await target({ scur: '4' })
    one.recordRequest('drain', 0)
    expect(states([one])).toBe(
      'web/a on P1 is in an unknown state (asked for drain, last seen UP with 4 sessions)'
    )
  })

  test('that are not known and were not asked for are said to be not known to be as before', async () => {
    const one = await target()
    one.invalidate()
    expect(states([one])).toBe('web/a on P1 is in an unknown state (last seen UP)')
  })

  test.each([
    ['drain', 'DOWN', false, 'web/a on P1 is DOWN, asked for drain'],
    ['maint', 'NOLB', false, 'web/a on P1 is NOLB, asked for maint'],
    ['ready', 'DOWN', false, 'web/a on P1 is DOWN, asked for ready'],
    ['drain', 'DRAIN', false, 'web/a on P1 is DRAIN'],
    ['drain', 'DOWN', true, 'web/a on P1 is DOWN (rolled back)'],
    ['drain', 'UP', true, 'web/a on P1 is UP (rolled back)']
  ] as const)(
    'of which %s was asked and %s is shown say what that hides (rolled back: %s)',
    async (state, status, rolledBack, expected) => {
      const one = await target({ status })
      one.recordRequest(state, 0)
      one.update(one.before)
      if (rolledBack) one.recordRollBack()
      expect(states([one])).toBe(expected)
    }
  )

  test('of which nobody knows whether a request arrived say so where the status hides it', async () => {
    const one = await target({ status: 'DOWN' })
    one.recordRequest('drain', 0, true)
    one.update(one.before)
    expect(states([one])).toBe('web/a on P1 is DOWN, perhaps drain')
  })

  test('of which nothing was asked are what is shown', async () => {
    expect(states([await target({ status: 'DOWN' })])).toBe('web/a on P1 is DOWN')
  })

  test('of a server without a check say that it is ready', async () => {
    expect(states([await target({ status: 'no check' })])).toBe('web/a on P1 is ready (no check)')
  })

  test('that were rolled back but are not known are only said to be not known', async () => {
    const one = await target()
    one.recordRequest('ready', 0)
    one.recordRollBack()
    expect(states([one])).toBe('web/a on P1 is in an unknown state (asked for ready, last seen UP)')
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
