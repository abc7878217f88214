import { beforeEach, describe, expect, test } from '@jest/globals'
import type { HaproxyError } from '../../src/haproxy/errors.ts'
import { type Backend, followersOf } from '../../src/rotation/backend.ts'
import type { TakeOutOptions } from '../../src/rotation/options.ts'
import type { Outcome } from '../../src/rotation/outcome.ts'
import { takeOut } from '../../src/rotation/take-out.ts'
import { targetsToTakeOut } from '../../src/rotation/targets-to-take-out.ts'
import { failureIn } from '../haproxy/failure.ts'
import {
  type ImitatedOptions,
  type ImitatedPage,
  type ImitatedServer,
  server
} from '../support/imitated-page.ts'
import { find, type Finding, firstOf, statuses, TAKE_OUT } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const BUSY = { sessions: 2 }

let stage: Stage
let first: ImitatedPage
let second: ImitatedPage

beforeEach(async () => {
  stage = set()
  first = await stage.page(server('a', BUSY), server('b'))
  second = await stage.page(server('a', BUSY), server('b'))
})

/** Has the first page show these servers instead. */
function show(...servers: readonly ImitatedServer[]): void {
  first.servers.splice(0, Infinity, ...servers)
}

function take(backends: readonly Backend[], order: Partial<TakeOutOptions> = {}): Promise<Outcome> {
  return takeOut(backends, { ...TAKE_OUT, ...order }, stage)
}

const one = (finding?: Finding): Promise<Backend[]> => find(stage, first, finding)
const both = async (): Promise<Backend[]> => [
  ...(await find(stage, first)),
  ...(await find(stage, second))
]

const said = (level: string): string[] =>
  stage.lines.filter((line) => line.startsWith(`${level}: `)).map((line) => stage.short(line))

async function failure(...wanted: Parameters<typeof take>): Promise<HaproxyError> {
  return failureIn(take(...wanted))
}

/** Lets the sessions of server a end. */
const end = (page = first): void => {
  page.server('a').sessions = 0
}

describe('what must be asked for', () => {
  test.each<[string, ImitatedOptions, boolean, boolean]>([
    ['UP', {}, true, true],
    ['no check', { checked: false }, true, true],
    ['DRAIN', { admin: 'drain' }, false, true],
    ['DRAIN 1/3', { cells: { status: 'DRAIN 1/3' } }, false, true],
    [
      'DRAIN of the server that it follows',
      { cells: { status: 'DRAIN', tracked: 'x/y' } },
      true,
      true
    ],
    ['MAINT', { admin: 'maint' }, false, false],
    ['MAINT of the server that it follows', { cells: { status: 'MAINT (via x/y)' } }, true, true],
    ['DOWN', { down: true }, true, true],
    ['NOLB', { cells: { status: 'NOLB' } }, true, true]
  ])('of a server that is %s: drain %j %s, maint %s', async (_, options, drain, maint) => {
    show(server('a', options))
    const backends = await one()
    const target = firstOf(backends)
    expect(targetsToTakeOut(backends, 'drain')).toEqual(drain ? [target] : [])
    expect(targetsToTakeOut(backends, 'maint')).toEqual(maint ? [target] : [])
  })
})

describe('servers', () => {
  test('are taken out, and waited for until their sessions have ended and settled', async () => {
    stage.at(1_000, end)
    stage.at(3_000, () => {
      end(second)
    })
    const outcome = await take(await both(), { state: 'maint' })
    expect(outcome).toMatchObject({ kind: 'safe to stop', proof: { doubts: [] } })
    expect([first.changes, second.changes]).toEqual([['maint web/a'], ['maint web/a']])
    expect(said('info')).toEqual(['info: Asking for maint: web/a on P1 and web/a on P2.'])
    expect(stage.looks.slice(0, 2)).toEqual([
      [0, 10_000],
      [100, 9_900]
    ])
    expect(stage.waitedMs).toBeGreaterThanOrEqual(5_000)
  })

  test('in drain are drained, but no more, even if nothing is in doubt', async () => {
    show(server('a'), server('b'))
    expect(await take(await one())).toMatchObject({ kind: 'drained', proof: { doubts: [] } })
  })

  test('in maint are drained, but no more, where something is in doubt', async () => {
    show(server('a'), server('b'))
    const proof = { doubts: [{ kind: 'process unknown' }] }
    const backends = await one({ withProcess: false })
    expect(await take(backends, { state: 'maint' })).toMatchObject({ kind: 'drained', proof })
  })

  test('are not drained while requests wait in their queue', async () => {
    show(server('a', { queue: 1 }), server('b'))
    const { problem, message } = await failure(await one())
    expect([problem, stage.short(message)]).toEqual([
      'not-drained',
      'Not drained within 10s: web/a on P1 is DRAIN with 1 queued.'
    ])
  })

  test('are drained with as many sessions as may remain', async () => {
    const outcome = await take(await one(), { maxSessions: 2 })
    expect(outcome).toMatchObject({
      kind: 'drained',
      proof: { doubts: [{ kind: 'max sessions' }] }
    })
    expect(stage.waitedMs).toBe(2_000)
  })

  test('are only taken out where there is no waiting', async () => {
    expect(await take(await one(), { isAwaited: false })).toEqual({ kind: 'requested' })
    expect(first.requests).toEqual(['POST b=web&action=drain&s=a', 'GET /admin;csv;scope=web'])
    expect(stage.looks).toEqual([])
  })

  test('that are out already are only waited for, whoever else is up', async () => {
    show(server('a', { admin: 'maint', sessions: 1 }), server('b', { down: true }))
    stage.at(1_000, end)
    expect(await take(await one(), { state: 'maint' })).toMatchObject({ kind: 'safe to stop' })
    expect([first.changes, stage.lines]).toEqual([[], []])
  })

  test('that are out already cost nothing where there is no waiting', async () => {
    show(server('a', { admin: 'maint' }))
    await take(await one(), { isAwaited: false })
    expect(first.requests).toEqual([])
  })

  test('are not taken out once the run is cancelled', async () => {
    const backends = await one()
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(take(backends)).rejects.toBe(reason)
    expect(first.requests).toEqual([])
  })

  test('stay out when the run is cancelled while it waits', async () => {
    const reason = new Error('cancelled')
    stage.at(2_000, () => {
      stage.cancel.abort(reason)
    })
    await expect(take(await both(), { onTimeout: 'restore' })).rejects.toBe(reason)
    expect([first.changes, second.changes]).toEqual([['drain web/a'], ['drain web/a']])
  })
})

describe('a change that fails', () => {
  test('on one page is rolled back on the other', async () => {
    second.admin = false
    const { problem, message } = await failure(await both())
    expect([problem, stage.short(message)]).toEqual([
      'DENY',
      'Could not ask P2 for drain of web/a: HAProxy answered DENY. What had changed was rolled back.'
    ])
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a', 'start web/a'],
      ['drain web/a']
    ])
  })

  test('to hold on one page is rolled back on both', async () => {
    second.before = (_, number) => (number === 1 ? { code: 'DONE' } : undefined)
    const { problem, message } = await failure(await both(), { state: 'maint' })
    expect([problem, stage.short(message)]).toEqual([
      'did-not-hold',
      'The admin state did not hold: web/a on P2 was asked for maint and is UP with 2 sessions. What had changed was rolled back. Changed meanwhile, and left alone: web/a on P2.'
    ])
    expect([first.changes, second.changes]).toEqual([
      ['maint web/a', 'enable web/a'],
      ['maint web/a']
    ])
    expect(first.requests).not.toContain('GET process')
  })

  test('to show because two HAProxies answer in turn is rolled back on both of them', async () => {
    const other = { pid: 7, startedAt: first.process.startedAt - 60_000 }
    const mine = first.process
    first.before = (request, number) => {
      first.process = number % 2 === 0 ? mine : other
      return request.includes('action=drain') ? { code: 'DONE' } : undefined
    }
    const { problem } = await failure(await one())
    expect(problem).toBe('several-haproxies')
    expect(first.changes).toEqual(['drain web/a', ...Array<string>(4).fill('start web/a')])
  })

  test('to show at another address of the host is rolled back', async () => {
    const { problem, message } = await failure(await one({ elsewhere: [second] }))
    expect([problem, stage.short(message)]).toEqual([
      'several-haproxies',
      'The host of P1 has several addresses, and they are several HAProxies: the change at 127.0.0.1 does not show at 10.0.0.2. What had changed was rolled back.'
    ])
    expect(first.changes).toContain('start web/a')
  })

  test('is none where every address shows it, and the end of the sessions', async () => {
    show(server('a'), server('b'))
    const outcome = await take(await one({ elsewhere: [first] }), { state: 'maint' })
    expect(outcome).toMatchObject({ kind: 'safe to stop' })
  })

  test.each<[string, 'drain' | 'maint', ImitatedOptions, string]>([
    [
      'sessions',
      'maint',
      { admin: 'maint', sessions: 1 },
      'the end of the sessions at 127.0.0.1 does not show at 10.0.0.2'
    ],
    [
      'a process',
      'maint',
      { admin: 'maint' },
      'the process at 127.0.0.1 is not the one at 10.0.0.2'
    ],
    ['sessions', 'drain', { admin: 'drain', sessions: 1 }, '']
  ])(
    'by another HAProxy at one address that shows %s of its own is noticed in the end, after %s',
    async (_, state, options, expected) => {
      show(server('a', { admin: state }), server('b'))
      second.servers.splice(0, 1, server('a', options))
      second.process = { pid: 7, startedAt: 0 }
      const taken = take(await one({ elsewhere: [second] }), { state })
      if (expected === '') {
        expect(await taken).toMatchObject({ kind: 'drained' })
      } else {
        const { problem, message } = await failureIn(taken)
        expect(problem).toBe('several-haproxies')
        expect(message).toContain(`and they are several HAProxies: ${expected}.`)
      }
    }
  )

  test('to show at another address is noticed for a server that was out already', async () => {
    show(server('a', { admin: 'maint' }), server('b'))
    const { problem } = await failure(await one({ elsewhere: [second] }), { state: 'maint' })
    expect([problem, first.changes]).toEqual(['several-haproxies', []])
  })
})

describe('the guard after the change', () => {
  /** Server b goes down while a is taken out. */
  function loseB(): void {
    first.at(2, () => {
      first.server('b').cells = { status: 'DOWN' }
    })
  }

  test('has everything rolled back when another server was lost meanwhile', async () => {
    loseB()
    const { problem, message } = await failure(await both())
    expect([problem, stage.short(message)]).toEqual([
      'guard-refused',
      'Without a the backend web on P1 would have 0 serving servers, and needs 1; not counted: b (DOWN for 1h5s). What had changed was rolled back.'
    ])
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a', 'start web/a'],
      ['drain web/a', 'start web/a']
    ])
  })

  test.each<[string, ImitatedOptions, Partial<TakeOutOptions>]>([
    ['the guard is off', {}, { minUp: 0 }],
    ['the server took no traffic before', { down: true }, {}]
  ])('lets it be where %s', async (_, options, order) => {
    show(server('a', options), server('b'))
    loseB()
    await take(await one(), order)
    expect(first.changes).toEqual(['drain web/a'])
  })

  test('lets it be when the other server goes down later', async () => {
    stage.at(1_000, () => {
      first.server('b').cells = { status: 'DOWN' }
    })
    stage.at(3_000, end)
    await take(await one())
    expect(first.changes).toEqual(['drain web/a'])
  })

  test('counts in the backend of a follower, too', async () => {
    show(server('a'), server('b'), server('f', { backend: 'api', tracks: 'web/a' }))
    const backends = await one({ followers: ['api/f'] })
    const { problem, message } = await failure(backends, { state: 'maint' })
    expect([problem, stage.short(message)]).toEqual([
      'guard-refused',
      'Without f the backend api on P1 would have 0 serving servers, and needs 1; it has no other servers. What had changed was rolled back.'
    ])
  })
})

describe('servers that follow a target', () => {
  test('are drained with it, and never asked for anything', async () => {
    show(
      server('a'),
      server('b'),
      server('f', { backend: 'api', tracks: 'web/a', sessions: 1 }),
      server('g', { backend: 'api' })
    )
    stage.at(3_000, () => {
      first.server('f', 'api').sessions = 0
    })
    const backends = await one({ followers: ['api/f'] })
    expect(await take(backends, { state: 'maint' })).toMatchObject({ kind: 'safe to stop' })
    expect(first.changes).toEqual(['maint web/a'])
    expect(stage.waitedMs).toBeGreaterThanOrEqual(5_000)
    expect(followersOf(backends).map(({ now }) => now.status)).toEqual(['MAINT (via web/a)'])
  })

  test('are named when they are not drained in time, and killed with it', async () => {
    show(
      server('a'),
      server('b'),
      server('f', { backend: 'api', tracks: 'web/a', sessions: 1 }),
      server('g', { backend: 'api' })
    )
    const backends = await one({ followers: ['api/f'] })
    const { message } = await failure(backends)
    expect(stage.short(message)).toBe(
      'Not drained within 10s: api/f on P1 is DRAIN with 1 session.'
    )
    await take(await one({ followers: ['api/f'] }), { onTimeout: 'shutdown' })
    expect(first.changes.at(-1)).toBe('shutdown api/f')
  })
})

describe('a server to which short requests keep coming', () => {
  /** Lets this many requests come to server a, and end, in every half second up to this one. */
  function visits(until: number, each = 3): void {
    first.server('a').total = 90
    for (let half = 1; half <= until * 2; half += 1) {
      stage.at(half * 500 - 50, () => {
        first.server('a').total += each
      })
    }
  }
  beforeEach(() => {
    show(server('a'), server('b'))
  })
  const keepComing = (): string[] => said('info').filter((line) => line.includes('keep coming'))

  test('is drained only when none has come for the settle time, which is said once', async () => {
    visits(4)
    await take(await one())
    expect(stage.waitedMs).toBeGreaterThanOrEqual(5_950)
    expect(keepComing()).toEqual([
      'info: New sessions keep coming to web/a on P1, so it is not drained, even though none is open right now.'
    ])
  })

  test('is not drained in time when they go on, and the message says why', async () => {
    visits(12, 1)
    const { problem, message } = await failure(await one())
    expect([problem, stage.short(message)]).toEqual([
      'not-drained',
      expect.stringMatching(
        /^Not drained within 10s: web\/a on P1 is DRAIN, and \d new sessions? came to it\.$/
      )
    ])
  })

  test('even in maint may be one of haproxy.cfg’s own making', async () => {
    visits(12)
    const { advice } = await failure(await one(), { state: 'maint' })
    expect(advice).toBe(
      '`option persist` or `force-persist` in haproxy.cfg sends pinned clients even to a server in maint.'
    )
  })

  test('even in maint may be one of haproxy.cfg’s own making where another is busy', async () => {
    show(server('a'), server('b', BUSY), server('c'))
    visits(12)
    const backends = await one({ targets: ['web/a', 'web/b'] })
    const { advice } = await failure(backends, { state: 'maint' })
    expect(advice).toContain('`option persist`')
  })

  test('is drained where its counter was only cleared', async () => {
    first.server('a').total = 90
    stage.at(1_000, () => {
      first.server('a').total = 0
    })
    await take(await one())
    expect(keepComing()).toEqual([])
    // What came between the last look and that cannot be known.
    expect(stage.waitedMs).toBeGreaterThanOrEqual(3_000)
    expect(stage.waitedMs).toBeLessThan(4_000)
  })

  test('is drained all the same where sessions may remain', async () => {
    visits(12)
    await take(await one(), { maxSessions: 1 })
    expect([stage.waitedMs, keepComing()]).toEqual([2_000, []])
  })

  test('is not said to have new ones for what came before it was out', async () => {
    const backends = await one()
    first.at(2, () => {
      first.server('a').total = 5
    })
    await take(backends)
    expect(keepComing()).toEqual([])
  })

  test('is not said to have new ones while others are in progress', async () => {
    visits(12)
    first.server('a').sessions = 1
    await failure(await one())
    expect(keepComing()).toEqual([])
  })
})

describe('servers that are not drained in time', () => {
  const NOT_DRAINED = 'Not drained within 10s: web/a on P1 is DRAIN with 2 sessions.'
  const PINNED =
    'Clients pinned to a server by cookie or stick table keep coming in drain; maint ends that.'

  test('stay out and make the run fail, and those that are drained are not named', async () => {
    show(server('a', BUSY), server('b'), server('c'))
    const failed = await failure(await one({ targets: ['web/a', 'web/b'] }))
    const { problem, message, advice, cause } = failed
    expect([problem, stage.short(message), advice, cause]).toEqual([
      'not-drained',
      NOT_DRAINED,
      PINNED,
      undefined
    ])
    expect(first.changes).toEqual(['drain web/a, web/b'])
  })

  test('in maint come without the advice to try maint', async () => {
    const { message, advice } = await failure(await one(), { state: 'maint' })
    expect(stage.short(message)).toBe(
      'Not drained within 10s: web/a on P1 is MAINT with 2 sessions.'
    )
    expect(advice).toBe('')
  })

  test('because the page cannot be read come with the reason', async () => {
    const backends = await one()
    first.before = (_, number) => (number > 2 ? 'reset' : undefined)
    const { message, advice, cause } = await failure(backends)
    const why = 'Could not read the statistics page P1: H1 closed the connection without an answer.'
    expect(stage.short(message)).toBe(`Not drained within 10s: the last look failed. ${why}`)
    expect(advice).toBe((cause as HaproxyError).advice)
    expect(stage.short((cause as HaproxyError).message)).toBe(why)
  })

  test('are rolled back on every HAProxy where that is wanted', async () => {
    stage.at(1_000, () => {
      end(second)
    })
    const { problem, message } = await failure(await both(), { onTimeout: 'restore' })
    expect([problem, stage.short(message)]).toEqual([
      'not-drained',
      `${NOT_DRAINED} What had changed was rolled back.`
    ])
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a', 'start web/a'],
      ['drain web/a', 'start web/a']
    ])
  })

  test('are left by a run that goes on, with a warning, where that is wanted', async () => {
    const backends = await one()
    expect(await take(backends, { onTimeout: 'continue' })).toEqual({ kind: 'not drained' })
    expect(said('warning')).toEqual([`warning: ${NOT_DRAINED}`])
    expect([first.changes, statuses(backends)]).toEqual([['drain web/a'], ['DRAIN']])
  })

  test.each(['continue', 'shutdown'] as const)(
    'fail the run all the same where it is to %s, but the page cannot be read',
    async (onTimeout) => {
      const backends = await one()
      first.before = (_, number) => (number > 2 ? 'reset' : undefined)
      expect((await failure(backends, { onTimeout })).problem).toBe('not-drained')
      expect([first.changes, said('warning')]).toEqual([['drain web/a'], []])
    }
  )

  test.each(['continue', 'shutdown'] as const)(
    'fail the run all the same where it is to %s, but one is back in rotation and nobody knows why',
    async (onTimeout) => {
      const backends = await one()
      stage.at(10_000, () => {
        first.server('a').set({ drain: false }, stage.clock.now())
        first.before = (request) => (request === 'GET process' ? 'reset' : undefined)
      })
      expect((await failure(backends, { onTimeout })).problem).toBe('not-drained')
      expect(first.changes).toEqual(['drain web/a'])
    }
  )

  test.each(['continue', 'shutdown'] as const)(
    'fail the run all the same where it is to %s, but one is back in rotation',
    async (onTimeout) => {
      show(server('a', BUSY), server('b'), server('c'))
      stage.at(10_000, () => {
        first.reload()
        first.server('a').sessions = 2
      })
      const backends = await one({ targets: ['web/a', 'web/b'] })
      const { problem, message } = await failure(backends, { onTimeout })
      expect([problem, stage.short(message)]).toEqual([
        'not-drained',
        'Not drained within 10s: web/a on P1 is UP with 2 sessions; web/b on P1 is UP; a process from before a reload may still hold sessions at P1.'
      ])
      expect(first.changes).not.toContain('shutdown web/a')
    }
  )
})

describe('sessions that are left when the time is up', () => {
  const SHUTDOWN = { onTimeout: 'shutdown' } as const

  test('are killed where that is wanted, on the busy servers alone', async () => {
    show(server('a', BUSY), server('b'), server('c'))
    const backends = [
      ...(await one({ targets: ['web/a', 'web/b'] })),
      ...(await find(stage, second))
    ]
    end(second)
    expect(await take(backends, SHUTDOWN)).toMatchObject({ kind: 'drained' })
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a, web/b', 'shutdown web/a'],
      ['drain web/a']
    ])
    expect(said('warning')).toEqual([
      'warning: Not drained within 10s: web/a on P1 is DRAIN with 2 sessions.'
    ])
    expect(said('info').at(-1)).toBe('info: Killing the sessions of web/a on P1.')
  })

  test('are left where there are no more than may remain', async () => {
    show(server('a', BUSY), server('b', { sessions: 1 }), server('c'))
    await take(await one({ targets: ['web/a', 'web/b'] }), { ...SHUTDOWN, maxSessions: 1 })
    expect(first.changes).toEqual(['drain web/a, web/b', 'shutdown web/a'])
  })

  test('are seen to be gone for the whole settle time, on the same account of time', async () => {
    expect(await take(await one(), SHUTDOWN)).toMatchObject({ kind: 'drained' })
    const again = stage.looks.findIndex(([, remaining]) => remaining === 0) + 1
    expect(stage.looks[again - 1]).toEqual([10_000, 0])
    expect(stage.looks[again]).toEqual([10_000, 9_000])
    expect(stage.waitedMs).toBeGreaterThanOrEqual(12_000)
  })

  test('and do not end make the run fail', async () => {
    const backends = await one()
    first.before = (request) => (request.includes('shutdown') ? { code: 'DONE' } : undefined)
    const { problem, message, advice } = await failure(backends, SHUTDOWN)
    expect([problem, stage.short(message)]).toEqual([
      'not-drained',
      'After the sessions were killed: Not drained within 9s: web/a on P1 is DRAIN with 2 sessions.'
    ])
    expect(advice).toContain('maint ends that')
    expect(first.changes).toEqual(['drain web/a', 'shutdown web/a'])
  })

  test('are not killed twice, for others would be killed too', async () => {
    const backends = await one()
    first.before = (request) => (request.includes('shutdown') ? 'done-reset' : undefined)
    expect((await failure(backends, SHUTDOWN)).problem).toBe('reset')
    expect(first.changes).toEqual(['drain web/a', 'shutdown web/a'])
    expect(firstOf(backends).change.isCommanded).toBe(true)
  })

  test('are not killed where the right to is refused', async () => {
    const backends = await one()
    first.before = (request) => (request.includes('shutdown') ? { code: 'DENY' } : undefined)
    const { problem, message } = await failure(backends, SHUTDOWN)
    expect([problem, stage.short(message)]).toEqual([
      'DENY',
      'Could not ask P1 for shutdown of web/a: HAProxy answered DENY.'
    ])
  })

  test('but are none that a request could kill make the run fail', async () => {
    show(server('a'), server('b'))
    first.server('a').total = 1
    for (let tenth = 1; tenth <= 110; tenth += 1) {
      stage.at(tenth * 100 - 10, () => (first.server('a').total += 1))
    }
    expect((await failure(await one(), SHUTDOWN)).problem).toBe('not-drained')
    expect([first.changes, said('warning')]).toEqual([['drain web/a'], []])
  })

  test('are killed no more once the run must be over', async () => {
    const backends = await one()
    const over = new Error('over')
    stage.at(10_000, () => {
      stage.end.abort(over)
    })
    await expect(take(backends, SHUTDOWN)).rejects.toBe(over)
    expect(first.changes).toEqual(['drain web/a'])
  })

  test('in a server that another hand puts into rotation then are left, and the rest is rolled back', async () => {
    const backends = await both()
    stage.at(10_150, () => {
      first.server('a').set({ drain: false }, stage.clock.now())
    })
    const { problem, message } = await failure(backends, SHUTDOWN)
    expect(problem).toBe('changed-meanwhile')
    expect(stage.short(message)).toContain('Changed meanwhile, and left alone: web/a on P1.')
    expect(second.changes).toEqual(['drain web/a', 'shutdown web/a', 'start web/a'])
  })
})
