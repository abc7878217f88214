import { beforeEach, describe, expect, test } from '@jest/globals'
import type { HaproxyError } from '../../src/haproxy/errors.ts'
import type { Backend } from '../../src/rotation/backend.ts'
import { bringBack } from '../../src/rotation/bring-back.ts'
import type { BringBackOptions } from '../../src/rotation/options.ts'
import type { Outcome } from '../../src/rotation/outcome.ts'
import { failureIn } from '../haproxy/failure.ts'
import {
  type ImitatedOptions,
  type ImitatedPage,
  type ImitatedServer,
  server,
  type Trouble
} from '../support/imitated-page.ts'
import { BRING_BACK, find, type Finding, firstOf, statuses } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const MAINT = { admin: 'maint' } as const
const DRAIN = { admin: 'drain' } as const
const UNCHECKED = { checked: false } as const
const FORCED = ['drain web/a', 'hdown web/a']
const FRESH = [...FORCED, 'start web/a']
const UP = { kind: 'up' }
/** Long enough for a page that is away for a while. */
const PATIENT = { wait: { ...BRING_BACK.wait, timeoutMs: 60_000 } }
const NOT_RELOADED = 'HAProxy was not reloaded, so somebody else changed it.'

let stage: Stage
let first: ImitatedPage
let second: ImitatedPage
let a: ImitatedServer

beforeEach(async () => {
  stage = set()
  first = await stage.page(server('a', MAINT), server('b'))
  second = await stage.page(server('a', MAINT), server('b'))
  a = first.server('a')
})

/** Has the first page show these servers instead, the first of which is a. */
function show(...servers: readonly ImitatedServer[]): void {
  first.servers.splice(0, Infinity, ...servers)
  a = first.server('a')
}

function bring(
  backends: readonly Backend[],
  order: Partial<BringBackOptions> = {}
): Promise<Outcome> {
  return bringBack(backends, { ...BRING_BACK, ...order }, stage)
}

const one = (finding?: Finding): Promise<Backend[]> => find(stage, first, finding)
const both = async (): Promise<Backend[]> => [
  ...(await find(stage, first)),
  ...(await find(stage, second))
]

async function failure(...wanted: Parameters<typeof bring>): Promise<HaproxyError> {
  return failureIn(bring(...wanted))
}

/** The problem and the message of a return that fails. */
async function said(...wanted: Parameters<typeof bring>): Promise<readonly [string, string]> {
  const { problem, message } = await failure(...wanted)
  // For how long others have been down is not what matters here.
  return [problem, stage.short(message).replaceAll(/ for [\dhms]+\)/g, ')')]
}

const warnings = (): string[] =>
  stage.lines.filter((line) => line.startsWith('warning: ')).map((line) => stage.short(line))

/** The warning of a reload of the first HAProxy, after which these begin again. */
const reloaded = (names: string): string =>
  `warning: HAProxy was reloaded or restarted at P1, and ${names} on P1 lost ${names.includes(', ') ? 'their' : 'its'} admin state: the return starts over.`

/** Has something happen when the first page gets the first request that begins so, and perhaps trouble with it. */
function when(words: string, happening: () => void, trouble?: Trouble): void {
  let isDue = true
  const { before } = first
  first.before = (request, number) => {
    if (isDue && request.startsWith(words)) {
      isDue = false
      happening()
      if (trouble !== undefined) return trouble
    }
    return before(request, number)
  }
}

/** Has the first page not answer these requests until so many milliseconds have passed. */
function away(words: string, ms: number, how: 'reset' | 'done-reset' = 'reset'): void {
  const until = stage.clock.now() + ms
  const { before } = first
  first.before = (request, number) =>
    request.includes(words) && stage.clock.now() < until ? how : before(request, number)
}

describe('health that was forced down', () => {
  test('counts only once a check that began before is over, and is forced down again after it', async () => {
    when('POST b=web&action=hdown', () => (a.cells = { check_status: '* L7OK' }))
    stage.at(1_000, () => {
      a.cells = {}
      a.check()
    })
    const seen: string[] = []
    when('POST b=web&action=start', () => seen.push(a.status()))
    expect(await bring(await one())).toEqual(UP)
    expect(first.changes).toEqual([...FORCED, 'hdown web/a', 'start web/a'])
    expect(seen).toEqual(['DOWN'])
  })

  test.each([
    ['DOWN 1/2', 1],
    ['DRAIN', 2]
  ])(
    'that a check has brought to %s is forced down again, and released at once',
    async (_, checks) => {
      const backends = await one()
      first.at(3, () => {
        for (let check = 0; check < checks; check += 1) a.check()
      })
      expect(await bring(backends)).toEqual(UP)
      expect(first.requests.slice(0, 5)).toEqual([
        'POST b=web&action=drain&s=a',
        'POST b=web&action=hdown&s=a',
        'GET /admin;csv;scope=web',
        'POST b=web&action=hdown&s=a',
        'POST b=web&action=start&s=a'
      ])
    }
  )

  test('of a server whose checks come faster than the looks is released all the same', async () => {
    const backends = await one()
    first.at(3, () => {
      a.check()
    })
    for (let ms = 50; ms < 5_000; ms += 50) {
      stage.at(ms, () => {
        a.check()
      })
    }
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes).toEqual([...FORCED, 'hdown web/a', 'start web/a'])
  })

  test('is released while another check runs than the one that has raised it', async () => {
    const backends = await one()
    first.at(3, () => {
      a.check()
      a.cells = { check_status: '* L7OK' }
    })
    when('POST b=web&action=start', () => (a.cells = {}))
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes).toEqual([...FORCED, 'hdown web/a', 'start web/a'])
  })

  test('and held down by an agent as well is released', async () => {
    const backends = await one()
    first.at(3, () => (a.cells = { status: 'DOWN (agent)' }))
    when('POST b=web&action=start', () => (a.cells = {}))
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes).toEqual(FRESH)
  })

  test('is forced down again only for the servers that need it', async () => {
    show(server('a', MAINT), server('c', MAINT), server('b'))
    const backends = await one({ targets: ['web/a', 'web/c'] })
    first.at(3, () => {
      a.check()
    })
    await bring(backends)
    expect(first.changes.slice(0, 4)).toEqual([
      'drain web/a, web/c',
      'hdown web/a, web/c',
      'hdown web/a',
      'start web/a'
    ])
  })

  test('is forced down again after a page was away', async () => {
    const backends = await one()
    first.at(3, () => {
      a.check()
      away('hdown', 5_000)
    })
    expect(await bring(backends, PATIENT)).toEqual(UP)
    expect(first.changes.at(-1)).toBe('start web/a')
  })
})

describe('another hand', () => {
  test.each<[string, { readonly maint: boolean }, string]>([
    ['ready', { maint: false }, 'UP'],
    ['maint', { maint: true }, 'MAINT']
  ])('that has asked for %s is noticed before the drain is ended', async (_, flags, status) => {
    const backends = await both()
    first.at(3, () => {
      a.set({ ...flags, drain: false }, stage.clock.now())
      a.check()
      a.check()
    })
    expect(await said(backends)).toEqual([
      'changed-meanwhile',
      `web/a on P1 was asked for drain and is ${status}. ${NOT_RELOADED}`
    ])
    expect(first.changes).toEqual(FORCED)
  })

  test('that has switched its checks off and made it ready is noticed', async () => {
    const backends = await one()
    first.at(3, () => (a.cells = { status: 'no check' }))
    expect((await said(backends))[0]).toBe('changed-meanwhile')
    expect(first.changes).toEqual(FORCED)
  })

  test.each<[string, { readonly maint: boolean }, string]>([
    ['ready', { maint: false }, 'DOWN'],
    ['maint', { maint: true }, 'DOWN']
  ])('that has asked for %s is noticed when the drain is ended', async (_, flags) => {
    when('POST b=web&action=start', () => a.set({ ...flags, drain: false }, stage.clock.now()))
    expect(await said(await one())).toEqual([
      'changed-meanwhile',
      `web/a on P1 was asked for drain and is DOWN. ${NOT_RELOADED}`
    ])
    expect(first.changes).toEqual(FRESH)
    expect(first.requests.at(-1)).toBe('GET process')
  })

  test.each<[string, { readonly maint?: boolean; readonly drain?: boolean }, string]>([
    ['maint', { maint: true }, 'MAINT'],
    ['drain', { drain: true }, 'DRAIN']
  ])('that asks for %s after the return is not overridden', async (_, flags, status) => {
    second.server('a').well = false
    stage.at(3_000, () => a.set(flags, stage.clock.now()))
    expect(await said(await both())).toEqual([
      'changed-meanwhile',
      `web/a on P1 was asked for ready and is ${status}. ${NOT_RELOADED}`
    ])
    expect([first.changes, second.changes]).toEqual([FRESH, FRESH])
  })

  test('that takes out a server that was up is not overridden', async () => {
    show(server('a', MAINT), server('c'), server('b'))
    a.well = false
    stage.at(3_000, () => first.server('c').set({ maint: true }, stage.clock.now()))
    expect(await said(await one({ targets: ['web/a', 'web/c'] }))).toEqual([
      'changed-meanwhile',
      `web/c on P1 is MAINT. ${NOT_RELOADED}`
    ])
  })

  test('cannot be distinguished from a reload where the page does not show the process', async () => {
    when('POST b=web&action=start', () => a.set({ drain: false }, stage.clock.now()))
    const { problem, message } = await failure(await one({ withProcess: false }))
    expect(problem).toBe('changed-meanwhile')
    expect(message).toContain('The page does not show whether HAProxy was reloaded or somebody')
  })
})

describe('a request of unknown fate', () => {
  test('to end a drain that was done is done', async () => {
    const backends = await one()
    away('start', 200, 'done-reset')
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes).toEqual([...FORCED, 'start web/a', 'start web/a'])
  })

  test('to end a drain shows in the server that comes up, even if its page is away for long', async () => {
    const backends = await one()
    when(
      'POST b=web&action=start',
      () => {
        away('', 10_000)
      },
      'done-reset'
    )
    stage.at(9_000, () => {
      a.check()
      a.check()
    })
    expect(await bring(backends, PATIENT)).toEqual(UP)
    expect(warnings()).toEqual([])
  })

  test('to end a drain is made again where the server is still down', async () => {
    const backends = await one()
    a.well = false
    when(
      'POST b=web&action=start',
      () => {
        away('', 10_000)
      },
      'reset'
    )
    stage.at(12_000, () => (a.well = true))
    expect(await bring(backends, PATIENT)).toEqual(UP)
    expect(new Set(first.changes)).toEqual(new Set(FRESH))
  })

  test('to end a drain on one HAProxy does not keep another from being back', async () => {
    const backends = await both()
    when(
      'POST b=web&action=start',
      () => {
        away('', 10_000)
      },
      'done-reset'
    )
    expect(await bring(backends, PATIENT)).toEqual(UP)
    expect(second.changes).toEqual(FRESH)
    expect(warnings()).toEqual([])
  })

  test('for ready of a server that waited for its checks elsewhere shows in the server', async () => {
    show(server('a', MAINT), server('b'), server('a', { backend: 'api', ...MAINT, ...UNCHECKED }))
    const backends = await one({ targets: ['web/a', 'api/a'] })
    when(
      'POST b=api&action=ready',
      () => {
        away('', 6_000)
      },
      'done-reset'
    )
    expect(await bring(backends, PATIENT)).toEqual(UP)
    expect(warnings()).toEqual([])
  })
})

describe('a name that DNS has lost', () => {
  const LOST = { status: 'MAINT (resolution)' }

  test.each<[string, ImitatedOptions]>([
    ['and that was in maint before', MAINT],
    ['and that was ready before', {}]
  ])('%s is waited for, and then a fresh check begins', async (_, options) => {
    show(server('a', { ...options, cells: LOST }), server('b'))
    stage.at(3_000, () => {
      expect(first.changes).toEqual([])
      a.cells = {}
    })
    expect(await bring(await one())).toEqual(UP)
    expect(first.changes).toEqual(FRESH)
  })

  test.each<[string, string]>([
    ['before the drain is ended', 'GET /admin;csv'],
    ['after the drain is ended', 'POST b=web&action=start']
  ])('%s makes the fresh check begin again when it is back', async (_, words) => {
    const backends = await one()
    when(words, () => (a.cells = LOST))
    stage.at(3_000, () => (a.cells = {}))
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes.slice(-3)).toEqual(FRESH)
    expect(first.changes.filter((change) => change === 'hdown web/a').length).toBeGreaterThan(1)
    expect(warnings()).toEqual([])
  })

  test('keeps the server out of what is up', async () => {
    show(server('a', { ...MAINT, cells: LOST }), server('b'))
    expect(await said(await one())).toEqual([
      'not-up',
      'Not up within 20s: web/a on P1 is MAINT (resolution).'
    ])
    expect(first.changes).toEqual([])
  })

  test.each<[string, ImitatedOptions, boolean, string]>([
    ['without a check', { ...MAINT, ...UNCHECKED }, true, 'no check'],
    ['that needs no fresh check', MAINT, false, 'UP']
  ])('of a server %s is waited for as well', async (_, options, freshCheck, status) => {
    show(server('a', { ...options, cells: LOST }), server('b'))
    stage.at(3_000, () => (a.cells = {}))
    const backends = await one()
    expect(await bring(backends, { freshCheck })).toEqual(UP)
    expect([first.changes, statuses(backends)]).toEqual([['ready web/a'], [status]])
  })

  test('of a server that waits for its checks elsewhere goes on to wait for them', async () => {
    show(server('a', MAINT), server('b'), server('a', { backend: 'api', ...DRAIN, ...UNCHECKED }))
    a.well = false
    stage.at(1_000, () => (first.server('a', 'api').cells = LOST))
    stage.at(3_000, () => (first.server('a', 'api').cells = {}))
    stage.at(5_000, () => {
      expect(first.changes).toEqual(FRESH)
      a.well = true
    })
    expect(await bring(await one({ targets: ['web/a', 'api/a'] }))).toEqual(UP)
    expect(first.changes).toEqual([...FRESH, 'ready api/a'])
  })

  test('and comes back where too few others serve is not taken out for its check', async () => {
    show(server('a', { cells: LOST }), server('b', { cells: { status: 'DOWN' } }))
    stage.at(3_000, () => (a.cells = {}))
    const [problem, message] = await said(await one())
    expect(problem).toBe('not-up')
    expect(message).toMatch(/^Not up within 20s: web\/a on P1 is UP, .*unchecked \(Without a /)
    expect(first.changes).toEqual([])
  })

  test('is forced down in the end though its page was away for a while', async () => {
    show(server('a', { cells: LOST }), server('b'))
    stage.at(3_000, () => {
      a.cells = {}
      away('hdown', 5_000)
    })
    expect(await bring(await one(), PATIENT)).toEqual(UP)
    expect(first.changes.at(0)).toBe('drain web/a')
    expect(first.changes.at(-1)).toBe('start web/a')
  })

  test('is forced down in the end though no request arrived for a while', async () => {
    show(server('a', { cells: LOST }), server('b'))
    stage.at(3_000, () => {
      a.cells = {}
      away('POST', 5_000)
    })
    expect(await bring(await one(), PATIENT)).toEqual(UP)
    expect(first.changes.slice(-3)).toEqual(FRESH)
  })

  test('and that somebody else has made ready meanwhile is theirs', async () => {
    const backends = await one()
    when('GET /admin;csv', () => (a.cells = LOST))
    stage.at(3_000, () => {
      a.set({ drain: false }, stage.clock.now())
      a.check()
      a.check()
      a.cells = {}
    })
    expect((await said(backends))[0]).toBe('changed-meanwhile')
    expect(first.changes).toEqual(FORCED)
  })

  test('and that somebody else has put into maint meanwhile is theirs', async () => {
    const backends = await one()
    when('POST b=web&action=start', () => (a.cells = LOST))
    stage.at(3_000, () => {
      a.set({ maint: true }, stage.clock.now())
      a.cells = {}
    })
    expect((await said(backends))[0]).toBe('changed-meanwhile')
    expect(first.changes).toEqual(FRESH)
  })
})

describe('a reload', () => {
  /** Has the first HAProxy be reloaded after so many milliseconds. */
  function reloadAt(ms: number, more: () => void = () => undefined): void {
    stage.at(ms, () => {
      first.reload()
      more()
    })
  }

  test('before the drain is ended makes the fresh check begin again', async () => {
    const backends = await one()
    first.at(3, () => {
      first.reload()
    })
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes).toEqual([...FORCED, ...FRESH])
    expect(warnings()).toEqual([reloaded('web/a')])
  })

  test('that is noticed when the drain is to be ended does, too', async () => {
    when('POST b=web&action=start', () => {
      first.reload()
    })
    expect(await bring(await one())).toEqual(UP)
    expect(first.changes).toEqual([...FRESH, ...FRESH])
    expect(warnings()).toEqual([reloaded('web/a')])
  })

  test('after the drain is ended does, too, as often as it happens', async () => {
    a.well = false
    for (const second of [1, 2, 3, 4]) reloadAt(second * 1_000)
    stage.at(5_000, () => (a.well = true))
    expect(await bring(await one())).toEqual(UP)
    expect(first.changes).toEqual(Array(5).fill(FRESH).flat())
    expect(warnings()).toEqual(Array(4).fill(reloaded('web/a')))
  })

  test('that nothing shows but the process at the end does, too', async () => {
    const backends = await one()
    when('GET process', () => {
      first.reload()
      a.check()
    })
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes).toEqual([...FRESH, ...FRESH])
    expect(warnings()).toEqual([reloaded('web/a')])
  })

  test('of one HAProxy at the end begins again there, though no other was reloaded', async () => {
    const backends = await both()
    when('GET process', () => {
      first.reload()
      a.check()
    })
    expect(await bring(backends)).toEqual(UP)
    expect([first.changes, second.changes]).toEqual([[...FRESH, ...FRESH], FRESH])
    expect(warnings()).toEqual([reloaded('web/a')])
  })

  test('begins again with a server that was down before, for it is unchecked now', async () => {
    show(server('a', { down: true }), server('b'))
    reloadAt(1_000, () => (a.well = true))
    expect(await bring(await one())).toEqual(UP)
    expect(first.changes).toEqual(['ready web/a', ...FRESH])
  })

  test('takes nothing from a server that was up, or needs no fresh check', async () => {
    show(server('a', MAINT), server('b'), server('c'))
    reloadAt(1_000)
    const wait = { ...BRING_BACK.wait, settleMs: 3_000 }
    const backends = await one({ targets: ['web/a', 'web/c'] })
    expect(await bring(backends, { freshCheck: false, wait })).toEqual(UP)
    expect(first.changes).toEqual(['ready web/a'])
    expect(warnings()).toHaveLength(1)
  })

  test('that brings an old drain back makes a server ready again that needs no fresh check', async () => {
    reloadAt(1_000, () => a.set({ drain: true }, stage.clock.now()))
    const wait = { ...BRING_BACK.wait, settleMs: 3_000 }
    expect(await bring(await one(), { freshCheck: false, wait })).toEqual(UP)
    expect(first.changes).toEqual(['ready web/a', 'ready web/a'])
    expect(warnings()).toEqual([reloaded('web/a')])
  })

  test('does not excuse a maint, for this step had ended it', async () => {
    reloadAt(1_000, () => a.set({ maint: true }, stage.clock.now()))
    a.well = false
    expect(await said(await one())).toEqual([
      'changed-meanwhile',
      'web/a on P1 was asked for ready and is MAINT. It was changed after HAProxy was reloaded, so somebody else changed it.'
    ])
    expect(first.changes).toEqual(FRESH)
  })

  test('that loses the name in DNS, too, waits for it and begins again', async () => {
    const backends = await one()
    first.at(3, () => {
      first.reload()
    })
    // The process is asked for in between.
    first.at(5, () => (a.cells = { status: 'MAINT (resolution)' }))
    stage.at(3_000, () => (a.cells = {}))
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes.slice(-3)).toEqual(FRESH)
  })

  test('asks for nothing of a server whose name DNS has not found yet', async () => {
    show(server('c', MAINT), server('a', { cells: { status: 'MAINT (resolution)' } }), server('b'))
    reloadAt(1_000)
    stage.at(3_000, () => {
      expect(first.changes.filter((change) => change.includes('web/a'))).toEqual([])
      a.cells = {}
    })
    const backends = await one({ targets: ['web/a', 'web/c'] })
    first.server('c').well = false
    stage.at(5_000, () => (first.server('c').well = true))
    expect(await bring(backends)).toEqual(UP)
    expect(warnings()).toEqual([reloaded('web/c')])
  })

  test('of one HAProxy begins again there alone', async () => {
    second.server('a').well = false
    reloadAt(1_000)
    stage.at(3_000, () => (second.server('a').well = true))
    expect(await bring(await both())).toEqual(UP)
    expect([first.changes, second.changes]).toEqual([[...FRESH, ...FRESH], FRESH])
  })

  test('between the looks at two backends begins again in both', async () => {
    show(
      server('a', MAINT),
      server('b'),
      server('a', { backend: 'api', ...MAINT }),
      server('b', { backend: 'api' })
    )
    const backends = await one({ targets: ['web/a', 'api/a'] })
    let looks = 0
    first.before = (request) => {
      // The second of two looks at once, some time after the drains were ended.
      if (request === 'GET /admin;csv;scope=api' && (looks += 1) === 3) first.reload()
      return undefined
    }
    expect(await bring(backends)).toEqual(UP)
    expect(warnings()).toEqual([reloaded('web/a, api/a')])
  })

  test('that may have left everything as it was begins again all the same', async () => {
    a.well = false
    stage.at(1_000, () => {
      first.process = { pid: 100, startedAt: first.process.startedAt + 6_000 }
      a.well = true
    })
    expect(await bring(await one())).toEqual(UP)
    expect(first.changes).toEqual([...FRESH, ...FRESH])
  })

  test('begins again once the page can be read', async () => {
    const backends = await one()
    first.at(3, () => {
      first.reload()
      away('POST', 6_000)
    })
    expect(await bring(backends, PATIENT)).toEqual(UP)
    expect(first.changes.slice(-3)).toEqual(FRESH)
    expect(new Set(warnings())).toEqual(new Set([reloaded('web/a')]))
  })

  test('begins again once the page can be read, if it was away from the moment of the reload', async () => {
    const backends = await one()
    first.at(3, () => {
      first.reload()
      when('GET process', () => {
        away(';csv', 6_000)
      })
    })
    expect(await bring(backends, PATIENT)).toEqual(UP)
    expect(first.changes).toEqual([...FORCED, ...FRESH])
  })

  test('after which two HAProxies answer in turn makes the run fail', async () => {
    const other = { pid: 7, startedAt: first.process.startedAt - 60_000 }
    const mine = first.process
    const backends = await one()
    let asked = 0
    first.before = (request) => {
      if (request === 'GET process') first.process = (asked += 1) % 2 === 0 ? mine : other
      return undefined
    }
    expect((await failure(backends)).problem).toBe('several-haproxies')
  })

  describe('that puts a server into rotation where too few others serve', () => {
    const REFUSED =
      'and a reload put it into rotation unchecked (Without a the backend web on P1 would have 0 serving servers, and needs 1; not counted: b (DOWN).)'
    const loseB = (): void => {
      first.server('b').cells = { status: 'DOWN' }
    }
    const findB = (): void => {
      first.server('b').cells = {}
    }

    test.each<[string, (happening: () => void) => void]>([
      [
        'before the drain is ended',
        (happening) => {
          first.at(3, happening)
        }
      ],
      [
        'after the drain is ended',
        (happening) => {
          stage.at(1_000, happening)
        }
      ]
    ])('%s leaves it there, and the run fails in the end', async (_, at) => {
      const backends = await one()
      const wait = { ...BRING_BACK.wait, settleMs: 3_000 }
      at(() => {
        first.reload()
        loseB()
      })
      const [problem, message] = await said(backends, { wait })
      expect([problem, message]).toEqual([
        'not-up',
        `Not up within 20s: web/a on P1 is UP, ${REFUSED}.`
      ])
      expect(first.changes.filter((change) => change === 'drain web/a')).toHaveLength(1)
    })

    test('leaves it there for as long as that is so, and then begins again', async () => {
      const backends = await one()
      first.at(3, () => {
        first.reload()
        loseB()
      })
      stage.at(5_000, findB)
      expect(await bring(backends)).toEqual(UP)
      expect(first.changes).toEqual([...FORCED, ...FRESH])
      expect(warnings()).toHaveLength(1)
    })

    test('begins again where the guard is off', async () => {
      const backends = await one()
      first.at(3, () => {
        first.reload()
        loseB()
      })
      expect(await bring(backends, { minUp: 0 })).toEqual(UP)
      expect(first.changes).toEqual([...FORCED, ...FRESH])
    })

    test('leaves the server to another hand that takes it out', async () => {
      const backends = await one()
      first.at(3, () => {
        first.reload()
        loseB()
      })
      stage.at(4_000, () => a.set({ maint: true }, stage.clock.now()))
      stage.at(4_000, findB)
      expect((await said(backends))[0]).toBe('changed-meanwhile')
      expect(first.changes).toEqual(FORCED)
    })

    test('begins again when its check has failed and it serves nobody', async () => {
      const backends = await one()
      first.at(3, () => {
        first.reload()
        loseB()
      })
      stage.at(4_000, () => {
        a.forceDown()
        a.well = false
      })
      stage.at(6_000, () => (a.well = true))
      expect(await bring(backends)).toEqual(UP)
      expect(first.changes).toEqual([...FORCED, ...FRESH])
    })

    test('says so in a run that does not wait until up', async () => {
      const backends = await one()
      first.at(3, () => {
        first.reload()
        loseB()
      })
      const [problem, message] = await said(backends, { isAwaited: false })
      expect([problem, message]).toEqual([
        'not-up',
        `Not released within 20s: web/a on P1 is UP, ${REFUSED}.`
      ])
    })

    test('keeps a server without a check waiting for what the reload left unchecked', async () => {
      second.servers.splice(0, 1, server('a', { ...MAINT, ...UNCHECKED }))
      const backends = await both()
      first.at(3, () => {
        first.reload()
        loseB()
      })
      const [problem, message] = await said(backends)
      expect(problem).toBe('not-up')
      expect(message).toContain(`${REFUSED}; web/a on P2 is MAINT.`)
      expect(second.changes).toEqual([])
    })

    test('takes a server without a check out again as soon as enough others serve', async () => {
      const more = { backend: 'api' }
      show(
        server('a', MAINT),
        server('b'),
        server('a', { ...more, ...DRAIN, ...UNCHECKED }),
        server('b', more)
      )
      a.well = false
      reloadAt(1_000, () => (first.server('b', 'api').cells = { status: 'DOWN' }))
      stage.at(4_000, () => (first.server('b', 'api').cells = {}))
      stage.at(8_000, () => (a.well = true))
      expect(await bring(await one({ targets: ['web/a', 'api/a'] }))).toEqual(UP)
      expect(first.changes).toEqual([...FRESH, ...FRESH, 'drain api/a', 'ready api/a'])
    })

    test('leaves alone a server without a check that waits for its checks elsewhere', async () => {
      show(server('a', MAINT), server('b'), server('a', { backend: 'api', ...DRAIN, ...UNCHECKED }))
      a.well = false
      reloadAt(1_000)
      stage.at(5_000, () => (a.well = true))
      expect(await bring(await one({ targets: ['web/a', 'api/a'] }))).toEqual(UP)
      expect(first.changes).toEqual([...FRESH, ...FRESH, 'ready api/a'])
    })
  })

  test.each<['drain' | 'maint', string]>([
    ['drain', 'DRAIN'],
    ['maint', 'MAINT']
  ])(
    'has a server without a check wait for its checks elsewhere again, in %s',
    async (admin, status) => {
      const more = { backend: 'api' }
      show(
        server('a', MAINT),
        server('b'),
        server('a', { ...more, admin, ...UNCHECKED }),
        server('b', { ...more })
      )
      a.well = false
      reloadAt(1_000)
      let between = ''
      stage.at(4_000, () => {
        between = first.server('a', 'api').status()
        a.well = true
      })
      expect(await bring(await one({ targets: ['web/a', 'api/a'] }))).toEqual(UP)
      expect([between, first.changes.filter((change) => change.endsWith('api/a'))]).toEqual([
        status,
        [`${admin} api/a`, 'ready api/a']
      ])
      expect(warnings()).toEqual([reloaded('web/a, api/a')])
    }
  )
})

describe('a server without a check that waits for its checks elsewhere', () => {
  test.each<[string, { readonly maint: boolean; readonly drain: boolean }]>([
    ['ready', { maint: false, drain: false }],
    ['drain', { maint: false, drain: true }]
  ])('and that somebody else asks for %s meanwhile is theirs', async (_, flags) => {
    show(server('a', MAINT), server('b'), server('a', { backend: 'api', ...MAINT, ...UNCHECKED }))
    a.well = false
    stage.at(2_000, () => first.server('a', 'api').set(flags, stage.clock.now()))
    expect((await said(await one({ targets: ['web/a', 'api/a'] })))[0]).toBe('changed-meanwhile')
    expect(first.changes).toEqual(FRESH)
  })
})

describe('full health after a fresh check', () => {
  test.each<[string, ImitatedOptions['cells']]>([
    ['whose last check has failed', { check_status: 'L7STS', check_code: '503' }],
    ['that has not been checked yet', { check_status: 'INI', check_code: '' }]
  ])('of a server %s is not believed, unless it was found so', async (_, cells = {}) => {
    const backends = await one()
    a.cells = { status: 'DOWN' }
    stage.at(100, () => (a.cells = { ...cells, status: 'UP' }))
    let isSeen = false
    stage.at(6_000, () => {
      isSeen = true
      a.cells = {}
    })
    expect(await bring(backends)).toEqual(UP)
    expect(isSeen).toBe(true)
    show(server('a', { cells }), server('b'))
    expect(await bring(await one())).toEqual(UP)
  })
})

describe('partial health after a fresh check', () => {
  test('is what a failed check leaves where the process is the same, which is asked for once', async () => {
    const wait = { ...BRING_BACK.wait, settleMs: 3_000 }
    stage.at(1_000, () => (a.cells = { status: 'UP 2/3' }))
    stage.at(3_000, () => (a.cells = {}))
    const backends = await one()
    expect(await bring(backends, { wait })).toEqual(UP)
    expect(first.changes).toEqual(FRESH)
    expect(first.requests.filter((request) => request === 'GET process')).toHaveLength(2)
  })

  test('of another kind is looked into again', async () => {
    const wait = { ...BRING_BACK.wait, settleMs: 3_000 }
    stage.at(1_000, () => (a.cells = { status: 'UP 2/3' }))
    stage.at(2_000, () => (a.cells = { status: 'UP 1/3' }))
    stage.at(3_000, () => (a.cells = {}))
    await bring(await one(), { wait })
    expect(first.requests.filter((request) => request === 'GET process')).toHaveLength(3)
  })

  test('of a server that was up before is nothing to look into', async () => {
    show(server('a', { cells: { status: 'UP 1/3' } }), server('b'))
    stage.at(2_000, () => (a.cells = {}))
    await bring(await one())
    expect(first.requests.filter((request) => request === 'GET process')).toHaveLength(1)
  })
})

test('a process that the page does not show leaves nothing to begin again', async () => {
  const backends = await one({ withProcess: false })
  expect(await bring(backends)).toEqual(UP)
  expect(first.requests).not.toContain('GET process')
  expect(firstOf(backends).now.status).toBe('UP')
})

test('a drain that this step ends by another URL of the same HAProxy is not taken for ended by somebody else', async () => {
  const backends = [...(await one()), ...(await one())]
  expect(await bring(backends)).toEqual(UP)
  expect(statuses(backends)).toEqual(['UP', 'UP'])
  expect(warnings()).toEqual([])
})
