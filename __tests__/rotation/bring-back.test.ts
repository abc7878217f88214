import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { HaproxyError } from '../../src/haproxy/errors.ts'
import { type BringBack, bringBack, stepsBack, wayBack } from '../../src/rotation/bring-back.ts'
import type { Pool } from '../../src/rotation/pool.ts'
import { failureIn } from '../haproxy/failure.ts'
import type { Row } from '../haproxy/page-text.ts'
import { DOWN, MAINT, NO_CHECK } from './admin.ts'
import { short, Stage, ToyPage } from './stage.ts'

const RHYTHM = { timeoutMs: 20_000, intervalMs: 1_000, settleMs: 0 }
const ORDER: BringBack = { throughDrain: true, wait: RHYTHM, unproven: 'fail' }

let first: ToyPage
let second: ToyPage
let stage: Stage
/** What was told after every look: elapsed and remaining time. */
let looks: (readonly [number, number])[]

beforeEach(async () => {
  ;[first, second] = await Promise.all([ToyPage.start([]), ToyPage.start([])])
  stage = new Stage()
  looks = []
})
afterEach(() => Promise.all([first.stop(), second.stop()]))

/** The pool of server a that shows this, and of all that are given beside it, called b and c. */
async function poolOf(row: Row, ...others: readonly Row[]): Promise<Pool> {
  first.rows = [row, ...others].map((one, index) => ({ svname: 'abc'[index] ?? '', ...one }))
  return first.pool(['a', 'b', 'c'])
}

async function bring(pools: readonly Pool[], order: Partial<BringBack> = {}): Promise<void> {
  return bringBack(pools, { ...ORDER, ...order }, stage, (elapsed, remaining) => {
    looks.push([elapsed, remaining])
  })
}

/** Lets server a pass its check, at this moment. */
function pass(ms: number, status: string): void {
  stage.at(ms, () => {
    first.show('a', { status, check_status: 'L7OK', check_health: '4' })
  })
}

const shortly = (text: string): string => short(text, first, second)
const told = (...levels: readonly string[]): string[] =>
  stage.lines.filter((line) => levels.some((level) => line.startsWith(`${level}: `))).map(shortly)
const elapsed = (): number | undefined => looks.at(-1)?.[0]

async function failure(...wanted: Parameters<typeof bring>): Promise<HaproxyError> {
  return failureIn(bring(...wanted))
}

describe('the way back', () => {
  test.each<[string, Row]>([
    ['up', {}],
    ['on its way up', { status: 'UP 1/3' }],
    ['without a check', NO_CHECK]
  ])('of a server that is %s has no step', async (_, row) => {
    expect(stepsBack((await poolOf(row)).targets, ORDER)).toEqual([])
  })

  test.each<[string, Row, string[]]>([
    ['a server in maint', MAINT, ['drain']],
    ['a server in maint without a check', { ...MAINT, chkfail: '' }, ['ready']],
    ['an idle server in drain', { status: 'DRAIN' }, ['maint', 'drain']],
    ['an idle server in drain without a check', { ...NO_CHECK, status: 'DRAIN' }, ['ready']],
    ['a server in drain with sessions', { status: 'DRAIN', scur: '1' }, ['ready']],
    ['a server in drain with requests in its queue', { status: 'DRAIN', qcur: '1' }, ['ready']],
    [
      'a server in drain with sessions whose check fails',
      { status: 'DRAIN 2/3', scur: '1', check_health: '3' },
      ['drain']
    ],
    ['a server that is down', DOWN, ['ready']]
  ])('of %s', async (_, row, states) => {
    const [target] = (await poolOf(row)).targets
    if (target === undefined) throw new Error('There is no target.')
    expect(wayBack(target.before, ORDER)).toEqual(states)
    expect(stepsBack([target], ORDER)).toEqual([{ target, states }])
    expect(wayBack(target.before, { ...ORDER, throughDrain: false })).toEqual(['ready'])
    expect(wayBack(target.before, { ...ORDER, wait: undefined })).toEqual(['ready'])
  })
})

describe('a server in maint', () => {
  test('passes its check in drain, and then meets its users', async () => {
    pass(2_000, 'DRAIN')
    await bring([await poolOf(MAINT)])
    expect(first.changes).toEqual(['drain web/a', 'ready web/a'])
    expect(stage.lines.map(shortly)).toEqual([
      'phase: Changing',
      'info: Asking for drain: web/a on P1.',
      'phase: Waiting until up',
      'info: Its health check passed; asking for ready: web/a on P1.'
    ])
    expect(looks).toEqual([
      [0, 20_000],
      [1_000, 19_000],
      [2_000, 18_000],
      [2_000, 18_000],
      [2_000, 18_000]
    ])
  })

  test('without a check is sent users at once, which is said', async () => {
    await bring([await poolOf({ ...MAINT, chkfail: '' })])
    expect(first.changes).toEqual(['ready web/a'])
    expect(told('notice')).toEqual([
      'notice: web/a on P1 has no health check: HAProxy sends it traffic without knowing that it is well.'
    ])
  })

  test('is sent users at once where the way through drain is off, and waited for', async () => {
    pass(3_000, 'UP')
    await bring([await poolOf(MAINT)], { throughDrain: false })
    expect([first.changes, elapsed()]).toEqual([['ready web/a'], 3_000])
    expect(told('notice')).toEqual([])
  })

  test('is sent users at once where there is no waiting, and not looked at for long', async () => {
    await bring([await poolOf(MAINT)], { wait: undefined })
    expect(first.asked).toEqual(['POST b=web&action=ready&s=a', 'GET /admin;csv;scope=web'])
    expect([looks, told('phase', 'notice')]).toEqual([[], ['phase: Changing']])
  })

  test('that starts slowly is up, and said to start slowly', async () => {
    stage.at(1_000, () => {
      first.show('a', { status: 'UP', check_health: '4', throttle: '6', weight: '7' })
    })
    await bring([await poolOf(MAINT)], { throughDrain: false })
    expect(told('notice')).toEqual([
      'notice: web/a on P1 starts slowly: its weight is 7 now (6 %).'
    ])
  })

  test('goes down before it comes up, and passes its check only then', async () => {
    stage.at(1_000, () => {
      first.show('a', DOWN)
    })
    stage.at(5_000, () => {
      first.show('a', { status: 'DRAIN 1/3', check_health: '2' })
    })
    pass(6_000, 'DRAIN')
    await bring([await poolOf(MAINT)])
    expect([first.changes, elapsed()]).toEqual([['drain web/a', 'ready web/a'], 6_000])
  })

  test('that a page refuses to change is left in maint on all', async () => {
    second.rows = [{ svname: 'a', ...MAINT }]
    const pools = [await poolOf(MAINT), await second.pool(['a'])]
    second.before = () => ({ verdict: 'DENY' })
    const { problem, message } = await failure(pools)
    expect([problem, shortly(message)]).toEqual([
      'DENY',
      'Could not ask P2 for drain of web/a: HAProxy answered DENY. What had changed was put back.'
    ])
    expect(first.changes).toEqual(['drain web/a', 'maint web/a'])
  })
})

describe('a server in drain', () => {
  test('goes through maint where it is idle, so that its check begins anew', async () => {
    pass(2_000, 'DRAIN')
    await bring([await poolOf({ status: 'DRAIN' })])
    expect(first.changes).toEqual(['maint web/a', 'drain web/a', 'ready web/a'])
    expect([elapsed(), told('notice')]).toEqual([2_000, []])
  })

  test('with sessions and a failing check stays there until the check passes, and no longer', async () => {
    pass(2_000, 'DRAIN')
    await bring([await poolOf({ status: 'DRAIN 2/3', scur: '1', check_health: '3' })])
    expect([first.changes, elapsed()]).toEqual([['drain web/a', 'ready web/a'], 2_000])
  })

  test('that goes down there is not taken for well, though old HAProxys show no health', async () => {
    const old = { check_rise: '', check_fall: '', check_health: '' }
    stage.at(1_000, () => {
      first.show('a', { ...DOWN, ...old })
    })
    const row = { status: 'DRAIN 1/3', scur: '1', ...old }
    expect((await failure([await poolOf(row)])).problem).toBe('not-up')
    expect(first.changes).toEqual(['drain web/a'])
  })
})

describe('a server that', () => {
  test('is up is asked for nothing, and looked at again', async () => {
    await bring([await poolOf({})])
    expect(first.asked).toEqual(['GET /admin;csv;scope=web'])
    expect(told('phase')).toEqual(['phase: Waiting until up'])
  })

  test('is on its way up is waited for', async () => {
    pass(2_000, 'UP')
    await bring([await poolOf({ status: 'UP 1/3', check_health: '2' })])
    expect([first.changes, elapsed()]).toEqual([[], 2_000])
  })

  test('is down must come up', async () => {
    pass(2_000, 'UP')
    await bring([await poolOf(DOWN)])
    expect([first.changes, elapsed()]).toEqual([['ready web/a'], 2_000])
  })

  test('is up waits for the others', async () => {
    second.rows = [{ svname: 'a' }]
    const pools = [await poolOf({ status: 'UP 1/3', check_health: '2' }), await second.pool(['a'])]
    pass(4_000, 'UP')
    await bring(pools)
    expect(elapsed()).toBe(4_000)
  })

  test('is up must be so for the settle time', async () => {
    await bring([await poolOf({})], { wait: { ...RHYTHM, settleMs: 3_000 } })
    expect(elapsed()).toBe(3_000)
  })
})

describe('full health that nothing shows to be fresh', () => {
  /** A server in maint that tracks one that is not on this page. */
  const TRACKING: Row = { ...MAINT, tracked: 'app/lead' }
  const NOTICE =
    'notice: HAProxy shows full health from the first moment (fall 1, init-state fully-up, track, or a check that was faster than the first look), so that nothing tells ' +
    'a fresh check from an old one: watching web/a on P1 for '
  const RAISE = ' If its check runs less often than that, raise settle-time.'

  test('is watched for 5 s in drain, which is said once, and not again in rotation', async () => {
    await bring([await poolOf(TRACKING, TRACKING)])
    expect(first.changes).toEqual(['drain web/a, web/b', 'ready web/a, web/b'])
    expect(elapsed()).toBe(5_000)
    expect(told('notice')).toEqual([`${NOTICE}5s.${RAISE}`])
  })

  test('is watched in rotation where the way through drain is off', async () => {
    await bring([await poolOf(TRACKING)], { throughDrain: false })
    expect([first.changes, elapsed()]).toEqual([['ready web/a'], 5_000])
    expect(told('notice')).toEqual([`${NOTICE}5s.${RAISE}`])
  })

  test('is watched for the settle time where that is longer', async () => {
    await bring([await poolOf(TRACKING)], { wait: { ...RHYTHM, settleMs: 7_000 } })
    expect(told('notice')).toEqual([`${NOTICE}7s.${RAISE}`])
    expect(elapsed()).toBe(14_000)
  })

  test('is watched afresh from where the server was in maint again', async () => {
    stage.at(3_000, () => {
      first.show('a', { status: 'MAINT' })
    })
    await bring([await poolOf(TRACKING)])
    expect(first.changes).toEqual(['drain web/a', 'drain web/a', 'ready web/a'])
    expect(elapsed()).toBe(9_000)
  })

  test.each<[string, Row]>([
    ['failing', { status: 'DRAIN 2/3' }],
    ['down', { status: 'DOWN' }]
  ])('is fresh at once after it was seen to be %s', async (_, row) => {
    stage.at(1_000, () => {
      first.show('a', row)
    })
    stage.at(2_000, () => {
      first.show('a', { status: 'DRAIN' })
    })
    await bring([await poolOf(TRACKING)])
    expect(elapsed()).toBe(2_000)
  })

  test('is not watched of a server that was not in maint', async () => {
    await bring([await poolOf({ status: 'DRAIN', scur: '1' })])
    expect([elapsed(), told('notice')]).toEqual([0, []])
  })
})

describe('a state that is lost on the way back', () => {
  test('is asked for again in drain, where a reload sent the server users', async () => {
    stage.at(1_000, () => {
      first.show('a', { status: 'UP 1/3', check_health: '2' })
    })
    pass(2_000, 'DRAIN')
    await bring([await poolOf(MAINT)])
    expect(first.changes).toEqual(['drain web/a', 'drain web/a', 'ready web/a'])
    expect(told('warning')).toEqual([
      'warning: web/a on P1 lost the admin state drain and showed UP 1/3; asking again (1 of 3).'
    ])
  })

  test('is asked for again in rotation, where somebody took the server out', async () => {
    stage.at(1_000, () => {
      first.show('a', { status: 'DRAIN' })
    })
    await bring([await poolOf({})], { wait: { ...RHYTHM, settleMs: 2_000 } })
    expect([first.changes, elapsed()]).toEqual([['ready web/a'], 4_000])
    expect(told('warning')).toEqual([
      'warning: web/a on P1 lost the admin state ready and showed DRAIN; asking again (1 of 3).'
    ])
  })

  test('again and again makes the run fail, and nothing is put back', async () => {
    stage.clock.onWake = () => {
      first.show('a', { status: 'UP', check_health: '4' })
    }
    const { problem, message } = await failure([await poolOf(MAINT)])
    expect([problem, shortly(message)]).toEqual([
      'did-not-hold',
      'web/a on P1 would not stay in drain: UP after it was asked for 3 times again.'
    ])
    expect(first.changes).toEqual(Array<string>(4).fill('drain web/a'))
  })

  test('is asked for apart from servers on another part of their way', async () => {
    pass(1_000, 'DRAIN')
    stage.at(1_000, () => {
      first.show('b', { status: 'MAINT' })
      first.show('c', { status: 'UP' })
    })
    const pool = await poolOf(MAINT, {}, MAINT)
    stage.at(2_000, () => {
      for (const name of ['b', 'c']) {
        first.show(name, { status: name === 'b' ? 'UP' : 'DRAIN', check_health: '4' })
      }
    })
    await bring([pool])
    expect(first.changes).toEqual([
      'drain web/a, web/c',
      'ready web/b',
      'drain web/c',
      'ready web/a',
      'ready web/c'
    ])
  })
})

test('a page that is away when a check has passed is asked for ready after the next look', async () => {
  pass(1_000, 'DRAIN')
  const pool = await poolOf(MAINT)
  let away = 1
  first.before = (number) => {
    if (first.asked[number - 1]?.includes('action=ready') && away > 0) {
      away -= 1
      return 'reset'
    }
    return undefined
  }
  await bring([pool])
  expect(first.changes).toEqual(['drain web/a', 'ready web/a', 'ready web/a'])
  expect(told('info')).toEqual([
    'info: Asking for drain: web/a on P1.',
    'info: Its health check passed; asking for ready: web/a on P1.',
    'info: Could not ask P1 for ready of web/a: H1 closed the connection without an answer.',
    'info: Its health check passed; asking for ready: web/a on P1.'
  ])
  expect(elapsed()).toBe(2_000)
})

test('a server whose check is switched off on its way back is up without one', async () => {
  pass(2_000, 'DRAIN')
  stage.at(3_000, () => {
    first.show('a', NO_CHECK)
  })
  await bring([await poolOf(MAINT)])
  expect(first.changes).toEqual(['drain web/a', 'ready web/a'])
})

describe('a server that has a check in one backend and none in another', () => {
  const API = { pxname: 'api', svname: 'a' }

  /** Server a in both backends, and in backend api as this. */
  async function both(web: Row, api: Row): Promise<Pool[]> {
    first.rows = [
      { svname: 'a', ...web },
      { ...API, ...NO_CHECK, ...api, chkfail: '' }
    ]
    return [await first.pool(['a']), await first.pool(['a'], 'api')]
  }

  test('is ready in the other only when it is up in the one', async () => {
    const pools = await both(MAINT, MAINT)
    pass(2_000, 'DRAIN')
    stage.at(4_000, () => {
      first.show('a', { status: 'UP', check_health: '4' })
    })
    await bring(pools)
    expect(first.changes).toEqual(['drain web/a', 'ready web/a', 'ready api/a'])
    expect(told('info')).toContain('info: Its health check passed; asking for ready: api/a on P1.')
  })

  test('stays out in the other while it is not', async () => {
    const { message } = await failure(await both(MAINT, { status: 'DRAIN' }))
    expect(first.changes).toEqual(['drain web/a'])
    expect(shortly(message)).toContain('; api/a on P1 is DRAIN.')
  })

  test('is put back to what it was where a reload forgets that', async () => {
    const pools = await both(MAINT, MAINT)
    stage.at(2_000, () => {
      first.show('a', { status: 'no check' }, 'api')
    })
    await failure(pools)
    expect(first.changes).toEqual(['drain web/a', 'maint api/a'])
    expect(told('warning')).toEqual([
      'warning: api/a on P1 lost the admin state maint and showed ready (no check); asking again (1 of 3).'
    ])
  })

  test('is not vouched for by what was seen of it before its page went away', async () => {
    first.rows = [{ svname: 'a', ...MAINT }]
    second.rows = [{ svname: 'a', ...NO_CHECK, ...MAINT, chkfail: '' }]
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    second.before = (number) => (number > 1 && stage.clock.now() < 11_000 ? 'reset' : undefined)
    pass(2_000, 'DRAIN')
    stage.at(4_000, () => {
      first.show('a', { status: 'UP', check_health: '4' })
    })
    stage.at(6_000, () => {
      first.before = () => 'reset'
    })
    await failure(pools)
    expect(second.changes).toEqual([])
  })

  test('is ready in both in the end where it goes there in any case', async () => {
    await bring(await both(MAINT, MAINT), { unproven: 'ready' })
    expect(first.changes.slice(1).sort()).toEqual(['ready api/a', 'ready web/a'])
  })

  test.each([
    ['there is no way through drain', { throughDrain: false }],
    ['there is no wait', { wait: undefined }]
  ])('is ready in both at once where %s', async (_, order) => {
    const targets = (await both(MAINT, MAINT)).flatMap((pool) => pool.targets)
    const steps = stepsBack(targets, { ...ORDER, ...order })
    expect(steps.map(({ states }) => states)).toEqual([['ready'], ['ready']])
  })

  test('is not vouched for by another server', async () => {
    const [, api] = await both(MAINT, MAINT)
    first.rows = [...first.rows, { svname: 'b', ...MAINT }]
    const [b] = (await first.pool(['b'])).targets
    const targets = [...(b === undefined ? [] : [b]), ...(api?.targets ?? [])]
    expect(stepsBack(targets, ORDER).map(({ states }) => states)).toEqual([['drain'], ['ready']])
  })
})

test('a server of the weight 0 is up, and a notice says that no traffic comes', async () => {
  await bring([await poolOf({ weight: '0' })])
  expect(told('notice')).toEqual([
    'notice: web/a on P1 has the weight 0: load balancing sends it no traffic.'
  ])
})

test('a drain that a reload may have ended behind DOWN is asked for again, once', async () => {
  const pool = await poolOf({ ...MAINT, stot: '9' })
  stage.at(2_000, () => {
    first.show('a', { ...DOWN, stot: '9' })
  })
  stage.at(4_000, () => {
    first.show('a', { stot: '0' })
  })
  await failure([pool])
  expect(first.changes).toEqual(['drain web/a', 'drain web/a'])
})

describe('servers that are not up in time', () => {
  test('make the run fail with what is seen of those alone, and stay where they are', async () => {
    const down = { ...DOWN, scur: '1' }
    const { problem, message, advice, cause } = await failure([await poolOf({}, down, MAINT)])
    expect([problem, shortly(message), cause]).toEqual([
      'not-up',
      'Not up within 20s: web/b on P1 is DOWN with 1 session, its last check says L4CON: Connection refused; web/c on P1 is DRAIN 1/3, its last check says INI.',
      undefined
    ])
    expect(advice).toBe('Look at the application and its health check, then ask for ready again.')
    expect(first.changes.sort()).toEqual(['drain web/c', 'ready web/b'])
  })

  test('without a result of a check are told without one', async () => {
    const { message } = await failure([await poolOf({ ...DOWN, check_status: '' })])
    expect(shortly(message)).toBe('Not up within 20s: web/a on P1 is DOWN.')
  })

  test('although they are healthy were not watched for long enough, which a longer wait helps', async () => {
    const pool = await poolOf(MAINT)
    first.before = () => {
      first.show('a', { status: 'DRAIN', check_status: 'L7OK', check_health: '4' })
      return undefined
    }
    const wait = { ...RHYTHM, timeoutMs: 2_000 }
    const { message, advice } = await failure([pool], { wait })
    expect(shortly(message)).toMatch(/^Not up within 2s: web\/a on P1 is DRAIN/)
    expect(advice).toBe(
      'It is healthy, but was not watched for long enough to know that its check is fresh: wait longer (wait-timeout).'
    )
  })

  test('because the page cannot be read come with the reason', async () => {
    const pool = await poolOf({})
    first.before = () => 'reset'
    const { message, advice, cause } = await failure([pool])
    const why = 'Could not read the statistics page P1: H1 closed the connection without an answer.'
    expect(shortly(message)).toBe(`Not up within 20s: it could not be seen at the end. ${why}`)
    expect(advice).toBe((cause as HaproxyError).advice)
    expect(shortly((cause as HaproxyError).message)).toBe(why)
  })
})

describe('servers that go to ready in any case', () => {
  const ANYWAY = { unproven: 'ready' } as const

  test('go there when their check has not passed in time', async () => {
    const pool = await poolOf(MAINT, DOWN, {})
    await bring([pool], ANYWAY)
    expect(first.changes.slice(0, 2).sort()).toEqual(['drain web/a', 'ready web/b'])
    expect(first.changes.slice(2)).toEqual(['ready web/a'])
    expect(pool.targets.map(({ now }) => now.status)).toEqual(['UP 1/3', 'DOWN', 'UP'])
    expect(told('info', 'phase')).toEqual([
      'info: Asking for drain: web/a on P1.',
      'info: Asking for ready: web/b on P1.',
      'phase: Waiting until up',
      'info: Asking for ready: web/a on P1.'
    ])
  })

  test('go there through drain when their check passes', async () => {
    pass(2_000, 'DRAIN')
    await bring([await poolOf(MAINT)], ANYWAY)
    expect([first.changes, elapsed()]).toEqual([['drain web/a', 'ready web/a'], 2_000])
  })

  test('are not put back where one page refuses', async () => {
    second.rows = [{ svname: 'a', ...MAINT }]
    const pools = [await poolOf(MAINT), await second.pool(['a'])]
    second.before = () => ({ verdict: 'DENY' })
    const { message } = await failure(pools, ANYWAY)
    expect(shortly(message)).toBe('Could not ask P2 for drain of web/a: HAProxy answered DENY.')
    expect(first.changes).toEqual(['drain web/a'])
  })

  test('are told of what is left open all the same', async () => {
    stage.at(1_000, () => {
      first.show('b', { throttle: '6' })
    })
    await bring([await poolOf(MAINT, {})], ANYWAY)
    expect(told('notice')).toEqual([
      'notice: web/b on P1 starts slowly: its weight is 1 now (6 %).'
    ])
  })
})

test('a cancel while waiting leaves the servers on their way', async () => {
  const pool = await poolOf(MAINT)
  const reason = new Error('cancelled')
  stage.at(2_000, () => {
    stage.cancel.abort(reason)
  })
  await expect(bring([pool])).rejects.toBe(reason)
  expect(first.changes).toEqual(['drain web/a'])
})
