import { beforeEach, describe, expect, test } from '@jest/globals'
import { targetsOf } from '../../src/rotation/backend.ts'
import { checkedElsewhere, leaderOf, type Route, routeOf } from '../../src/rotation/route.ts'
import { type ImitatedOptions, server } from '../support/imitated-page.ts'
import { find } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const ALL = { freshCheck: true, canWait: true }

let stage: Stage

beforeEach(() => {
  stage = set()
})

/** The route of server a of the backend web beside a server b. */
async function route(
  a: ImitatedOptions,
  routing: Partial<typeof ALL> = {},
  b: ImitatedOptions = {}
): Promise<Route | undefined> {
  const page = await stage.page(server('a', a), server('b', b))
  const [target] = targetsOf(await find(stage, page))
  return target && routeOf(target, [target], { ...ALL, ...routing })
}

const MAINT = { admin: 'maint' } as const
const DRAIN = { admin: 'drain' } as const
const UNCHECKED = { checked: false } as const

describe('the way back', () => {
  test.each<[string, ImitatedOptions, Route, Route]>([
    ['is up', {}, 'none', 'none'],
    ['is on its way up', { cells: { status: 'UP 1/3' } }, 'none', 'none'],
    ['has no check and is ready', UNCHECKED, 'none', 'none'],
    ['is in maint', MAINT, 'fresh check', 'ready'],
    ['is in drain', DRAIN, 'fresh check', 'ready'],
    ['is in drain with sessions', { ...DRAIN, sessions: 1 }, 'fresh check', 'ready'],
    ['is in drain and fails its check', { cells: { status: 'DRAIN 1/3' } }, 'fresh check', 'ready'],
    [
      'has lost its name in DNS',
      { cells: { status: 'MAINT (resolution)' } },
      'fresh check',
      'ready'
    ],
    ['is down', { down: true }, 'down', 'ready'],
    ['is stopping', { cells: { status: 'NOLB' } }, 'down', 'ready'],
    ['is in maint and has no check', { ...MAINT, ...UNCHECKED }, 'ready', 'ready'],
    ['is in drain and has no check', { ...DRAIN, ...UNCHECKED }, 'ready', 'ready'],
    ['is down and has no check', { ...UNCHECKED, cells: { status: 'DOWN' } }, 'ready', 'ready'],
    ['follows another', { ...MAINT, tracks: 'web/b' }, 'ready', 'ready'],
    [
      'follows another that is down',
      { tracks: 'web/b', cells: { status: 'DOWN' } },
      'ready',
      'ready'
    ]
  ])('of a server that %s', async (_, a, expected, without) => {
    expect(await route(a)).toBe(expected)
    expect(await route(a, { canWait: false })).toBe(expected)
    expect(await route(a, { freshCheck: false })).toBe(without)
  })

  test.each<[string, ImitatedOptions, Route]>([
    ['is up', {}, 'fresh check'],
    ['is a backup that is up', { cells: { bck: '1' } }, 'fresh check'],
    ['has no check', UNCHECKED, 'fresh check'],
    ['is on its way up', { cells: { status: 'UP 1/3' } }, 'release'],
    ['is down', { down: true }, 'release'],
    ['is in drain', DRAIN, 'release'],
    ['starts slowly', { cells: { throttle: '6' } }, 'fresh check'],
    ['has no weight', { cells: { weight: '0' } }, 'release'],
    ['is in another backend', { backend: 'api' }, 'release']
  ])('of a server in drain where the only other one %s', async (_, b, expected) => {
    expect(await route(DRAIN, {}, b)).toBe(expected)
    expect(await route(MAINT, {}, b)).toBe('fresh check')
    expect(await route({ ...DRAIN, ...UNCHECKED }, {}, b)).toBe('ready')
  })

  test('of a server without a check leads past its checks elsewhere, on any HAProxy', async () => {
    const [here, elsewhere] = [
      await stage.page(server('a', { ...MAINT, ...UNCHECKED }), server('b', MAINT)),
      await stage.page(server('a', MAINT))
    ]
    const [a, b] = targetsOf(await find(stage, here, { targets: ['web/a', 'web/b'] }))
    const [other] = targetsOf(await find(stage, elsewhere))
    if (a === undefined || b === undefined || other === undefined) throw new Error('Not found')
    expect(routeOf(a, [a, b, other], ALL)).toBe('checks elsewhere')
    expect(routeOf(a, [a, b, other], { ...ALL, canWait: false })).toBe('ready')
    expect(routeOf(a, [a, b, other], { ...ALL, freshCheck: false })).toBe('ready')
    expect(routeOf(a, [a, b], ALL)).toBe('ready')
    expect(checkedElsewhere(a, [a, b, other])).toEqual([other])
  })

  test('of a server that follows another leads past no check elsewhere, for it has no say', async () => {
    const page = await stage.page(
      server('l', MAINT),
      server('a', { ...MAINT, ...UNCHECKED, tracks: 'web/l' })
    )
    const elsewhere = await stage.page(server('a', MAINT))
    const [follower] = targetsOf(await find(stage, page, { targets: ['web/a'] }))
    const [other] = targetsOf(await find(stage, elsewhere))
    if (follower === undefined || other === undefined) throw new Error('Not found')
    expect(routeOf(follower, [follower, other], ALL)).toBe('ready')
  })
})

test('the leader of a server is the target that it follows, on its own HAProxy', async () => {
  const page = await stage.page(
    server('a'),
    server('f', { backend: 'api', tracks: 'web/a' }),
    server('g', { backend: 'api' })
  )
  const other = await stage.page(server('a'))
  const targets = targetsOf(await find(stage, page, { targets: ['web/a', 'api/f', 'api/g'] }))
  const elsewhere = targetsOf(await find(stage, other))
  const [leader, follower, alone] = targets
  if (follower === undefined || alone === undefined) throw new Error('Not found')
  expect(leaderOf(follower, [...elsewhere, ...targets])).toBe(leader)
  expect(leaderOf(follower, [...elsewhere, follower, alone])).toBeUndefined()
  expect(leaderOf(alone, targets)).toBeUndefined()
})
