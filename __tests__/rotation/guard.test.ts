import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Backend } from '../../src/rotation/backend.ts'
import { backendsAtStake, guard, servingIn } from '../../src/rotation/guard.ts'
import { Instance } from '../../src/rotation/instance.ts'
import { failureOf } from '../haproxy/failure.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { backendOf, type BackendOptions } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage
let page: ImitatedPage

beforeEach(() => {
  stage = set()
})

/** A backend of one more page, as its rows show it. */
async function showing(rows: readonly Row[], options?: BackendOptions): Promise<Backend> {
  page = await stage.page(
    ...rows.map(({ pxname, svname = 'a', ...cells }) =>
      server(svname, { ...(pxname !== undefined && { backend: pxname }), cells })
    )
  )
  return backendOf(stage, page, options)
}

/** Every server shows for how long it has been down or in maint. */
function withoutTimes(text: string): string {
  return text.replaceAll(/ for [\dhms]+\)/g, ')')
}

/** What the guard says; undefined when it lets the targets go. */
function refusal(backends: readonly Backend[], minUp: number): string | undefined {
  try {
    guard(backends, minUp)
  } catch {
    const { problem, message } = failureOf(() => {
      guard(backends, minUp)
    })
    expect(problem).toBe('guard-refused')
    return withoutTimes(stage.short(message))
  }
  return undefined
}

/** What the guard says about taking out server a. */
async function verdict(
  rows: readonly Row[],
  minUp: number,
  targets = ['a'],
  followers: readonly string[] = []
): Promise<string | undefined> {
  const leaving = [...targets, ...followers].map((svname) => ({ svname }))
  return refusal([await showing([...leaving, ...rows], { targets, followers })], minUp)
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
      `Without a the backend web on P1 would have 0 serving servers, and needs 1; not counted: b (${status}).`
    )
  })

  test.each<[string, Row, string]>([
    ['without weight', { weight: '0' }, 'UP, weight 0'],
    ['in its slowstart', { weight: '6', throttle: '6' }, 'UP, 6 % of its weight'],
    ['in its slowstart, without weight', { weight: '0', throttle: '1' }, 'UP, weight 0']
  ])('does not count a server %s, and says so', async (_, cells, why) => {
    expect(await verdict([{ svname: 'b', ...cells }], 1)).toBe(
      `Without a the backend web on P1 would have 0 serving servers, and needs 1; not counted: b (${why}).`
    )
  })

  test('does not count the servers that are taken out', async () => {
    expect(await verdict([], 1, ['a', 'b'])).toBe(
      'Without a, b the backend web on P1 would have 0 serving servers, and needs 1; it has no other servers.'
    )
  })

  test('does not count the servers that follow one that is taken out', async () => {
    expect(await verdict([], 1, ['a'], ['b'])).toBe(
      'Without a, b the backend web on P1 would have 0 serving servers, and needs 1; it has no other servers.'
    )
  })

  test('does not count servers of another backend', async () => {
    expect(await verdict([{ pxname: 'web2', svname: 'b' }], 1)).toBe(
      'Without a the backend web on P1 would have 0 serving servers, and needs 1; it has no other servers.'
    )
  })

  test('says that there are no further servers where all others serve', async () => {
    expect(await verdict([{ svname: 'b' }], 2)).toBe(
      'Without a the backend web on P1 would have 1 serving server (b), and needs 2; it has no further servers.'
    )
  })

  test.each<[number, string | undefined]>([
    [0, undefined],
    [1, undefined],
    [2, undefined],
    [
      3,
      'Without a the backend web on P1 would have 2 serving servers (b, c), and needs 3; not counted: d (DOWN), e (MAINT).'
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
      'Without a the backend web on P1 would have 1 serving server (b), and needs 2; not counted: c (DRAIN).'
    )
  })

  test('is off at 0, even for the last server', async () => {
    expect(await verdict([], 0)).toBeUndefined()
  })

  test('names every backend that would lose too much, and none that would not', async () => {
    const [poor, rich, none] = [
      await showing([{ svname: 'a' }, { svname: 'b', status: 'DOWN' }]),
      await showing([{ svname: 'a' }, { svname: 'b' }]),
      await showing([{ svname: 'a' }])
    ]
    expect(refusal([poor, rich, none], 1)).toBe(
      'Without a the backend web on P1 would have 0 serving servers, and needs 1; not counted: b (DOWN). ' +
        'Without a the backend web on P3 would have 0 serving servers, and needs 1; it has no other servers.'
    )
  })

  test('goes by what was last seen', async () => {
    const backend = await showing([{ svname: 'a' }, { svname: 'b' }])
    page.server('b').cells = { status: 'MAINT' }
    expect(refusal([backend], 1)).toBeUndefined()
    await backend.look({ signal: stage.cancelled })
    expect(refusal([backend], 1)).toContain('not counted: b (MAINT).')
  })

  describe('advises', () => {
    const DOWN = { status: 'DOWN' }
    const ADD = 'Add a server, or name fewer at a time.'
    const BRING_BACK = 'Bring another server back first.'

    test.each<[string, readonly Row[], number, string]>([
      [
        'to bring another server back where that is enough',
        [{ svname: 'b', ...DOWN }],
        1,
        BRING_BACK
      ],
      ['to add a server where there is no other', [], 1, ADD],
      ['to add a server where all others together are too few', [{ svname: 'b', ...DOWN }], 2, ADD]
    ])('%s', async (_, rows, minUp, advice) => {
      const backend = await showing([{ svname: 'a' }, ...rows])
      const enough = await showing([{ svname: 'a' }, { svname: 'b' }, { svname: 'c' }])
      const failure = failureOf(() => {
        guard([enough, backend], minUp)
      })
      expect(failure.advice).toBe(advice)
    })

    test('to add a server where one of two backends needs that', async () => {
      const growing = await showing([{ svname: 'a' }, { svname: 'b', ...DOWN }])
      const alone = await showing([{ svname: 'a' }])
      const failure = failureOf(() => {
        guard([growing, alone], 1)
      })
      expect(failure.advice).toBe(ADD)
    })
  })
})

describe('a server that no check has judged since HAProxy started', () => {
  // Seen at 5 s by the clock, when HAProxy has been running for 30 s.
  const FRESH: Row = { status: 'UP 1/3', check_status: 'INI', check_code: '', lastchg: '30' }

  async function counts(cells: Row, isKnown = true): Promise<boolean> {
    const rows = [{ svname: 'a' }, { svname: 'b', ...FRESH, ...cells }]
    const first = await showing(rows)
    page.process = { pid: 100, startedAt: -25_000 }
    const instance = new Instance(page.page, stage.clock)
    if (isKnown) await instance.identify({ signal: stage.cancelled })
    const backend = await backendOf(stage, page, { instance })
    expect(servingIn(first)).toEqual([])
    return servingIn(backend).some(({ name }) => name === 'b')
  }

  test.each<[string, Row, boolean]>([
    ['counts as long as it is as it was then', {}, true],
    ['counts as 3.4 and 3.5 show it', { status: 'UP 0/2' }, true],
    ['counts when a first check runs', { check_status: '* INI' }, true],
    ['counts when whole seconds make it seem younger', { lastchg: '28' }, true],
    ['does not count when it was brought back since', { lastchg: '27' }, false],
    ['does not count when nothing says since when', { lastchg: '' }, false],
    ['does not count once a check has judged it', { check_status: 'L7STS' }, false],
    ['does not count without a check', { chkfail: '' }, false],
    ['does not count in its slowstart', { throttle: '6' }, false],
    ['does not count without weight', { weight: '0' }, false],
    ['does not count in maint', { status: 'MAINT', check_status: '' }, false],
    ['does not count when it is down', { status: 'DOWN 1/2' }, false]
  ])('%s', async (_, cells, expected) => {
    expect(await counts(cells)).toBe(expected)
  })

  test('does not count where the process is not known', async () => {
    expect(await counts({}, false)).toBe(false)
  })
})

describe('a backend has something at stake', () => {
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
    const rows = [{ svname: 'a', status, weight }, { svname: 'b' }]
    const [target, follower] = [
      await showing(rows),
      await showing(rows, { targets: [], followers: ['a'] })
    ]
    expect(backendsAtStake([target, follower])).toEqual(expected ? [target, follower] : [])
  })

  test('when one of its targets takes traffic', async () => {
    const rows = [{ svname: 'a', status: 'MAINT' }, { svname: 'b' }]
    const [both, one] = [await showing(rows, { targets: ['a', 'b'] }), await showing(rows)]
    expect(backendsAtStake([both, one])).toEqual([both])
  })

  test('by what its targets were before, not by what they are now', async () => {
    const backend = await showing([{ svname: 'a' }])
    page.server('a').cells = { status: 'MAINT' }
    await backend.look({ signal: stage.cancelled })
    expect(backendsAtStake([backend])).toEqual([backend])
  })
})
