import { beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import type { Backend } from '../../src/rotation/backend.ts'
import { bringBack } from '../../src/rotation/bring-back.ts'
import type { BringBackOptions } from '../../src/rotation/options.ts'
import type { Outcome } from '../../src/rotation/outcome.ts'
import { failureIn } from '../haproxy/failure.ts'
import {
  type ImitatedOptions,
  type ImitatedPage,
  type ImitatedServer,
  server
} from '../support/imitated-page.ts'
import { BRING_BACK, find, type Finding, firstOf, statuses } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const MAINT = { admin: 'maint' } as const
const DRAIN = { admin: 'drain' } as const
const UNCHECKED = { checked: false } as const
const FRESH = ['drain web/a', 'hdown web/a', 'start web/a']
const UP = { kind: 'up' }

let stage: Stage
let first: ImitatedPage
let second: ImitatedPage

beforeEach(async () => {
  stage = set()
  first = await stage.page(server('a', MAINT), server('b'))
  second = await stage.page(server('a', MAINT), server('b'))
})

/** Has the first page show these servers instead. */
function show(...servers: readonly ImitatedServer[]): void {
  first.servers.splice(0, Infinity, ...servers)
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

const said = (level: string): string[] =>
  stage.lines.filter((line) => line.startsWith(`${level}: `)).map((line) => stage.short(line))

describe('a server in maint', () => {
  test('passes a fresh health check before HAProxy sends it anyone', async () => {
    const backends = await one()
    expect(await bring(backends)).toEqual(UP)
    expect(first.requests).toEqual([
      'POST b=web&action=drain&s=a',
      'POST b=web&action=hdown&s=a',
      'GET /admin;csv;scope=web',
      'POST b=web&action=start&s=a',
      ...Array<string>(3).fill('GET /admin;csv;scope=web'),
      'GET process'
    ])
    expect(stage.lines.map((line) => stage.short(line))).toEqual([
      'info: Asking for drain, for a fresh health check: web/a on P1.',
      'info: Ending the drain: web/a on P1.'
    ])
    expect(statuses(backends)).toEqual(['UP'])
    expect(firstOf(backends).change).toMatchObject({ state: 'ready', isRolledBack: false })
  })

  test('does so on every HAProxy', async () => {
    expect(await bring(await both())).toEqual(UP)
    expect([first.changes, second.changes]).toEqual([FRESH, FRESH])
    expect(said('info')).toEqual([
      'info: Asking for drain, for a fresh health check: web/a on P1.',
      'info: Asking for drain, for a fresh health check: web/a on P2.',
      'info: Ending the drain: web/a on P1 and web/a on P2.'
    ])
  })

  test('is not left open to pinned clients while another HAProxy is slow', async () => {
    let health = ''
    second.before = (request) => {
      if (request !== 'POST b=web&action=drain&s=a' || stage.clock.now() > 6_000) return undefined
      health = first.server('a').status()
      return 'reset'
    }
    await bring(await both())
    expect(health).toBe('DOWN')
  })

  test('without a check is sent users at once, is never forced down, and a notice says so', async () => {
    show(server('a', { ...MAINT, ...UNCHECKED }), server('b'))
    expect(await bring(await one())).toEqual(UP)
    expect(first.changes).toEqual(['ready web/a'])
    expect(said('notice')).toEqual([
      'notice: web/a on P1 has no health check: HAProxy sends it traffic without knowing whether it is healthy.'
    ])
  })

  test('is sent users at once where a fresh check is not wanted, and waited for', async () => {
    const backends = await one()
    first.before = (_, number) => (number < 8 ? { cells: { status: 'UP 1/3' } } : undefined)
    expect(await bring(backends, { freshCheck: false })).toEqual(UP)
    expect([first.changes, said('notice')]).toEqual([['ready web/a'], []])
  })

  test('that is dead stays down, makes the run fail, and comes up by itself once it is well', async () => {
    first.server('a').well = false
    const backends = await one()
    const { problem, message, advice, cause } = await failure(backends)
    expect([problem, stage.short(message), stage.short(advice), cause]).toEqual([
      'not-up',
      'Not up within 20s: web/a on P1 is DOWN, its last check says L7STS/503.',
      'HAProxy brings web/a on P1 up by itself once its health check passes; to keep it out, ask for maint.',
      undefined
    ])
    expect(first.changes).toEqual(FRESH)
    first.server('a').well = true
    first.servers.forEach((each) => {
      each.check()
      each.check()
    })
    expect(first.server('a').status()).toBe('UP')
  })
})

describe('a server in drain', () => {
  test('passes a fresh check where another one serves', async () => {
    show(server('a', { ...DRAIN, sessions: 1 }), server('b'))
    await bring(await one())
    expect([first.changes, said('notice')]).toEqual([FRESH, []])
  })

  test('comes back as it is where no other one serves, which a notice says', async () => {
    show(server('a', DRAIN), server('b', { down: true }))
    expect(await bring(await one())).toEqual(UP)
    expect(first.changes).toEqual(['start web/a'])
    expect(said('notice')).toEqual([
      'notice: web/a on P1 comes back without a fresh check: no other server of web serves, so its pinned clients would have nowhere to go.'
    ])
  })
})

describe('a server that', () => {
  test('is up is taken as it is', async () => {
    show(server('a'), server('b'))
    expect(await bring(await one())).toEqual(UP)
    expect(first.requests).toEqual(['GET /admin;csv;scope=web', 'GET process'])
    expect(stage.lines).toEqual([])
  })

  test('is on its way up is waited for', async () => {
    show(server('a', { cells: { status: 'UP 1/3' } }), server('b'))
    stage.at(2_000, () => (first.server('a').cells = {}))
    expect(await bring(await one())).toEqual(UP)
    expect([first.changes, stage.waitedMs >= 2_000]).toEqual([[], true])
  })

  test('is down is asked to be ready and comes up by its checks', async () => {
    show(server('a', { down: true }), server('b'))
    stage.at(2_000, () => (first.server('a').well = true))
    expect(await bring(await one())).toEqual(UP)
    expect([first.changes, stage.waitedMs >= 2_000]).toEqual([['ready web/a'], true])
  })

  test('is up waits for the others', async () => {
    second.servers.splice(0, 1, server('a'))
    first.server('a').well = false
    stage.at(4_000, () => (first.server('a').well = true))
    expect(await bring(await both())).toEqual(UP)
    expect([second.changes, stage.waitedMs >= 4_000]).toEqual([[], true])
  })

  test('is up must be so for the settle time', async () => {
    show(server('a'), server('b'))
    await bring(await one(), { wait: { ...BRING_BACK.wait, settleMs: 3_000 } })
    expect(stage.waitedMs).toBe(3_000)
  })

  test.each<[string, ImitatedOptions['cells'], string]>([
    ['starts slowly', { throttle: '6' }, 'slowstart gives it 6 % of its weight'],
    ['has no weight', { weight: '0' }, 'its weight is 0, so load balancing sends it nobody']
  ])('%s is not up until it serves at its full weight', async (_, cells = {}, why) => {
    first.server('a').cells = cells
    expect(stage.short((await failure(await one())).message)).toBe(
      `Not up within 20s: web/a on P1 is UP, ${why}.`
    )
    first.server('a').set({ maint: true }, 0)
    stage.at(stage.clock.now(), () => (first.server('a').cells = {}))
    expect(await bring(await one())).toEqual(UP)
  })
})

describe('a server that follows another', () => {
  test('comes back with it where both are named', async () => {
    show(server('f', { backend: 'api', tracks: 'web/a' }), server('a', MAINT), server('b'))
    const backends = await one({ targets: ['api/f', 'web/a'] })
    expect(await bring(backends)).toEqual(UP)
    const changes = [...new Set(first.changes)]
    expect(changes).toEqual(['drain web/a', 'hdown web/a', 'ready api/f', 'start web/a'])
    expect(said('notice')).toEqual([])
  })

  test('comes back with one that has no check and waits for its checks elsewhere', async () => {
    show(
      server('a', { backend: 'api', ...MAINT, ...UNCHECKED }),
      server('f', { backend: 'api', tracks: 'api/a' }),
      server('a', MAINT),
      server('b')
    )
    const backends = await one({ targets: ['api/a', 'api/f', 'web/a'] })
    expect(await bring(backends)).toEqual(UP)
    expect(first.changes.at(-1)).toBe('ready api/a')
  })

  test('and alone is named comes back with a notice that the other one was not checked', async () => {
    show(server('f', { ...MAINT, tracks: 'web/b' }), server('b'))
    expect(await bring(await one({ targets: ['web/f'] }))).toEqual(UP)
    expect(first.changes).toEqual(['ready web/f'])
    expect(said('notice')).toEqual([
      "notice: web/f on P1 follows web/b (track): this step did not have that server's health checked again."
    ])
  })

  test('and was up needs no notice', async () => {
    show(server('f', { tracks: 'web/b' }), server('b'))
    await bring(await one({ targets: ['web/f'] }))
    expect(said('notice')).toEqual([])
  })

  test('in drain cannot come back without it, which the failure says', async () => {
    show(server('f', { ...DRAIN, tracks: 'web/b' }), server('b', DRAIN))
    const { problem, advice } = await failure(await one({ targets: ['web/f'] }))
    expect([problem, advice]).toEqual([
      'did-not-hold',
      'It follows web/b (track): name that server instead.'
    ])
    expect(first.changes).toEqual(['ready web/f'])
  })
})

describe('a server that has a check in one backend and none in another', () => {
  const api = (options: ImitatedOptions): ImitatedServer =>
    server('a', { backend: 'api', ...UNCHECKED, ...options })
  const targets = ['web/a', 'api/a']

  test('is ready in the other only when it is up in the one', async () => {
    show(server('a', MAINT), server('b'), api(MAINT))
    first.server('a').well = false
    stage.at(4_000, () => (first.server('a').well = true))
    let before = ''
    first.before = (request) => {
      if (request.includes('b=api')) before = first.server('a').status()
      return undefined
    }
    expect(await bring(await one({ targets }))).toEqual(UP)
    expect([first.changes, before]).toEqual([[...FRESH, 'ready api/a'], 'UP'])
  })

  test('is ready in the other at once where it is up in the one', async () => {
    show(server('a'), server('b'), api(DRAIN))
    expect(await bring(await one({ targets }))).toEqual(UP)
    expect(first.changes).toEqual(['ready api/a'])
  })

  test('stays out in the other while it is not', async () => {
    show(server('a', MAINT), server('b'), api(DRAIN))
    first.server('a').well = false
    const { message, advice } = await failure(await one({ targets }))
    expect(first.changes).toEqual(FRESH)
    expect(stage.short(message)).toBe(
      'Not up within 20s: web/a on P1 is DOWN, its last check says L7STS/503; api/a on P1 is DRAIN.'
    )
    expect(stage.short(advice)).toMatch(/^HAProxy brings web\/a on P1 up by itself/)
  })

  test('waits for all of its checks, on another HAProxy, too', async () => {
    show(api(MAINT))
    const old = { backend: 'old' }
    second.servers.push(server('a', { ...old, ...DRAIN }), server('b', old))
    second.server('a', 'old').well = false
    stage.at(3_000, () => (second.server('a', 'old').well = true))
    const backends = [
      ...(await one({ targets: ['api/a'] })),
      ...(await find(stage, second, { targets: ['web/a', 'old/a'] }))
    ]
    const seen: string[] = []
    first.before = (request) => {
      if (request.startsWith('POST')) seen.push(second.server('a', 'old').status())
      return undefined
    }
    expect(await bring(backends)).toEqual(UP)
    expect(seen).toEqual(['UP'])
  })

  test('does not rely on what was seen of its checks before their page went away', async () => {
    show(api(MAINT))
    second.server('a').well = false
    stage.at(900, () => (second.server('a').well = true))
    const backends = [...(await one({ targets: ['api/a'] })), ...(await find(stage, second))]
    const passed = (): number => stage.clock.now() - 5_000
    const away = (page: ImitatedPage, from: number, until: number): void => {
      page.before = (request) =>
        request.includes(';csv') && passed() >= from && passed() < until ? 'reset' : undefined
    }
    let asked = 0
    away(first, 900, 3_200)
    away(second, 2_400, 8_000)
    const before = first.before
    first.before = (request, number) => {
      if (request.startsWith('POST')) asked = passed()
      return before(request, number)
    }
    expect(await bring(backends)).toEqual(UP)
    expect(asked).toBeGreaterThanOrEqual(8_000)
  })

  test('is ready in both at once where there is no wait', async () => {
    show(server('a', MAINT), server('b'), api(MAINT))
    await bring(await one({ targets }), { isAwaited: false })
    // With every look a check passes, and the first one is at the other backend.
    const forcedDown = ['drain web/a', 'hdown web/a', 'ready api/a', 'hdown web/a']
    expect(first.changes).toEqual([...forcedDown, 'start web/a'])
  })
})

describe('requests that fail', () => {
  test('on one page are rolled back on the other', async () => {
    second.admin = false
    const { problem, message } = await failure(await both())
    expect([problem, stage.short(message)]).toEqual([
      'DENY',
      'Could not ask P2 for drain of web/a: HAProxy answered DENY. What had changed was rolled back.'
    ])
    expect(first.changes).toEqual(['drain web/a', 'hdown web/a', 'maint web/a'])
    expect(first.server('a').status()).toBe('MAINT')
  })

  test('to hold are rolled back', async () => {
    show(server('a', MAINT), server('x', { ...MAINT, ...UNCHECKED }), server('b'))
    first.before = (request) => (request.includes('=ready') ? { code: 'DONE' } : undefined)
    const backends = await one({ targets: ['web/a', 'web/x'] })
    const { problem, message } = await failure(backends)
    expect([problem, stage.short(message)]).toEqual([
      'did-not-hold',
      'The admin state did not hold: web/x on P1 was asked for ready and is MAINT. What had changed was rolled back. Changed meanwhile, and left alone: web/x on P1.'
    ])
    expect(first.changes).toEqual(['drain web/a', 'hdown web/a', 'ready web/x', 'maint web/a'])
  })

  test('for a server that is down are judged as well', async () => {
    show(server('a', { down: true }), server('b'))
    const backends = await one()
    first.at(1, () => (first.server('a').cells = { status: 'MAINT' }))
    expect((await failure(backends)).problem).toBe('did-not-hold')
  })

  test('because somebody else acted are not rolled back', async () => {
    show(server('a', DRAIN), server('b', { down: true }))
    const backends = await both()
    first.at(1, () => first.server('a').set({ drain: false }, 0))
    const { problem, message } = await failure(backends)
    expect([problem, stage.short(message)]).toEqual([
      'changed-meanwhile',
      'web/a on P1 is DRAIN. HAProxy was not reloaded, so somebody else changed it.'
    ])
    expect([first.changes, second.changes]).toEqual([['start web/a'], FRESH.slice(0, 2)])
  })

  test('when the run is cancelled stay as they are', async () => {
    const backends = await one()
    first.at(3, () => {
      stage.cancel.abort(new HaproxyError('cancelled', 'Cancelled.'))
    })
    expect((await failure(backends)).problem).toBe('cancelled')
    expect(first.changes).toEqual(['drain web/a', 'hdown web/a'])
  })

  test('by a mistake of ours stay as they are', async () => {
    const backends = await one()
    const mistake = new TypeError('a mistake')
    for (const backend of backends) backend.look = () => Promise.reject(mistake)
    await expect(bring(backends)).rejects.toBe(mistake)
    expect(first.changes).toEqual(['drain web/a', 'hdown web/a'])
  })
})

test('a run that is cancelled before asks nobody', async () => {
  const backends = await one()
  const reason = new Error('cancelled')
  stage.cancel.abort(reason)
  await expect(bring(backends)).rejects.toBe(reason)
  expect([first.requests, stage.lines]).toEqual([[], []])
})

test('a cancel while waiting leaves the servers on their way', async () => {
  first.server('a').well = false
  const reason = new Error('cancelled')
  stage.at(2_000, () => {
    stage.cancel.abort(reason)
  })
  await expect(bring(await one(), { onTimeout: 'restore' })).rejects.toBe(reason)
  expect(first.changes).toEqual(FRESH)
})

describe('a host with several addresses', () => {
  test('is one HAProxy where the drain and the return show at each of them', async () => {
    const elsewhere = [first]
    expect(await bring(await one({ elsewhere }))).toEqual(UP)
    expect(first.changes).toEqual(FRESH)
  })

  test('is several HAProxies where one of them does not show the drain', async () => {
    const { problem, message } = await failure(await one({ elsewhere: [second] }))
    expect([problem, stage.short(message)]).toEqual([
      'several-haproxies',
      'The host of P1 has several addresses, and they are several HAProxies: the change at 127.0.0.1 does not show at 10.0.0.2. What had changed was rolled back.'
    ])
    expect(first.server('a').status()).toBe('MAINT')
  })

  test('is several HAProxies where one of them was in drain as well and still is', async () => {
    second.server('a').set({ maint: false, drain: true }, 0)
    const { problem, message } = await failure(await one({ elsewhere: [second] }))
    expect([problem, stage.short(message)]).toEqual([
      'several-haproxies',
      'The host of P1 has several addresses, and they are several HAProxies: the change at 127.0.0.1 does not show at 10.0.0.2.'
    ])
    expect(first.changes).toEqual(FRESH)
  })

  test('is not looked into for servers of which nothing was asked', async () => {
    show(server('a'), server('b'))
    await bring(await one({ elsewhere: [second] }))
    expect(second.requests).toEqual([])
  })
})

describe('without a wait until up', () => {
  const NOW = { isAwaited: false }

  test('a server is released and left to HAProxy', async () => {
    const backends = await one({ withProcess: false })
    expect(await bring(backends, NOW)).toEqual({ kind: 'requested' })
    expect(first.requests).toEqual([
      'POST b=web&action=drain&s=a',
      'POST b=web&action=hdown&s=a',
      'GET /admin;csv;scope=web',
      'POST b=web&action=start&s=a',
      'GET /admin;csv;scope=web'
    ])
    expect([statuses(backends), stage.clock.sleeps]).toEqual([['DOWN 1/2'], []])
  })

  test('a server that can be released at once needs no time', async () => {
    const wait = { ...BRING_BACK.wait, timeoutMs: 0 }
    expect(await bring(await one(), { ...NOW, wait })).toEqual({ kind: 'requested' })
  })

  test('a server that is ready already costs nothing', async () => {
    show(server('a'), server('b'))
    expect(await bring(await one(), NOW)).toEqual({ kind: 'requested' })
    expect(first.requests).toEqual([])
  })

  test('a check that runs is waited for, in short pauses', async () => {
    first.server('a').cells = { check_status: '* L7OK' }
    stage.at(1_000, () => {
      first.server('a').cells = {}
      first.server('a').check()
    })
    await bring(await one(), NOW)
    expect(first.changes).toEqual([...FRESH.slice(0, 2), 'hdown web/a', 'start web/a'])
    expect(stage.clock.sleeps).toEqual(Array(5).fill(200))
  })

  test('no pause is longer than the poll interval', async () => {
    first.server('a').cells = { check_status: '* L7OK' }
    stage.at(1_000, () => (first.server('a').cells = {}))
    await bring(await one(), { ...NOW, wait: { ...BRING_BACK.wait, pollMs: 100 } })
    expect(stage.clock.sleeps).toEqual(Array(10).fill(100))
  })

  test('a check that never ends makes the run fail in time', async () => {
    first.server('a').cells = { check_status: '* L7OK' }
    const wait = { ...BRING_BACK.wait, timeoutMs: 2_000 }
    const { problem, message } = await failure(await both(), { ...NOW, wait })
    expect([problem, stage.short(message)]).toEqual([
      'not-up',
      'Not released within 2s: web/a on P1 is DOWN, and a health check of it is running.'
    ])
    expect(stage.clock.sleeps).toEqual(Array(10).fill(200))
    expect(second.changes).toEqual(FRESH)
  })

  test('each server that cannot be released in time is named', async () => {
    for (const page of [first, second]) page.server('a').cells = { status: 'MAINT (resolution)' }
    const { message } = await failure(await both(), NOW)
    expect(stage.short(message)).toBe(
      'Not released within 20s: web/a on P1 is MAINT (resolution); web/a on P2 is MAINT (resolution).'
    )
  })

  test('a name that DNS does not bring back makes the run fail in time', async () => {
    first.server('a').cells = { status: 'MAINT (resolution)' }
    const { message } = await failure(await one(), NOW)
    expect(stage.short(message)).toBe('Not released within 20s: web/a on P1 is MAINT (resolution).')
    expect(first.changes).toEqual([])
  })

  test('a pause ends when the run is cancelled', async () => {
    first.server('a').cells = { check_status: '* L7OK' }
    const reason = new Error('cancelled')
    stage.at(400, () => {
      stage.cancel.abort(reason)
    })
    await expect(bring(await one(), NOW)).rejects.toBe(reason)
  })
})

describe('servers that are not up in time', () => {
  test('are named with what is seen of them alone', async () => {
    show(
      server('a', {
        cells: { check_status: 'L4CON', last_chk: 'refused' },
        down: true,
        sessions: 1
      }),
      server('b', { ...MAINT, cells: { check_status: '* L7OK' } }),
      server('c'),
      server('d')
    )
    const backends = await one({ targets: ['web/a', 'web/b', 'web/c'] })
    const { problem, message, advice } = await failure(backends)
    expect([problem, stage.short(message)]).toEqual([
      'not-up',
      'Not up within 20s: web/a on P1 is DOWN with 1 session, its last check says L4CON/503: refused; ' +
        'web/b on P1 is DOWN, its last check says L7OK.'
    ])
    expect(stage.short(advice)).toMatch(/^HAProxy brings web\/a on P1 up by itself/)
  })

  test('without a released one among them come with the advice to look at the application', async () => {
    first.server('a').cells = { check_status: '* L7OK' }
    expect((await failure(await one())).advice).toBe(
      'Look at the application and its health check, then ask for ready again.'
    )
  })

  test('because the page cannot be read come with the reason', async () => {
    const backends = await one()
    first.before = (_, number) => (number > 4 ? 'reset' : undefined)
    const { message, advice, cause } = await failure(backends)
    const why = 'Could not read the statistics page P1: H1 closed the connection without an answer.'
    expect(stage.short(message)).toBe(`Not up within 20s: the last look failed. ${why}`)
    expect(advice).toBe((cause as HaproxyError).advice)
  })

  test('are put back to what they were where that is wanted, but for what others changed', async () => {
    show(server('a', MAINT), server('b', DRAIN), server('c', { down: true }), server('d'))
    for (const name of ['a', 'b', 'c']) first.server(name).well = false
    second.server('a').well = false
    stage.at(19_900, () => first.server('c').set({ maint: true }, stage.clock.now()))
    const backends = [
      ...(await one({ targets: ['web/a', 'web/b'] })),
      ...(await find(stage, second))
    ]
    const { problem, message, advice } = await failure(backends, { onTimeout: 'restore' })
    expect(problem).toBe('not-up')
    expect(stage.short(message)).toMatch(
      /^Not up within 20s: .* What had changed was rolled back\.$/
    )
    expect(advice).toBe('Look at the application and its health check, then ask for ready again.')
    expect(first.changes.slice(-2).sort()).toEqual(['drain web/b', 'maint web/a'])
    expect(second.changes.at(-1)).toBe('maint web/a')
    expect(statuses(backends)).toEqual(['MAINT', 'DOWN', 'MAINT'])
  })

  test('stay where they are up and too few others serve', async () => {
    show(server('a', MAINT), server('b', MAINT), server('c'))
    first.server('a').well = false
    stage.at(19_000, () => (first.server('c').cells = { status: 'DOWN' }))
    const backends = await one({ targets: ['web/a', 'web/b'] })
    const { message, advice, cause } = await failure(backends, { onTimeout: 'restore' })
    expect(advice).toBe('Look at the application and its health check, then ask for ready again.')
    expect(cause).toBeInstanceOf(HaproxyError)
    expect(stage.short(message)).toMatch(
      / What had changed was rolled back\. Left in rotation: web\/b on P1\. Without a, b the backend web on P1 would have 0 serving servers, and needs 1; /
    )
    expect(first.changes.at(-1)).toBe('maint web/a')
    expect(statuses(backends)).toEqual(['MAINT', 'UP'])
  })

  test('stay up in each backend where too few others serve, for a reason of its own', async () => {
    for (const page of [first, second]) {
      page.servers.splice(0, Infinity, server('a', MAINT), server('b', MAINT), server('c'))
      stage.at(19_000, () => (page.server('c').cells = { status: 'DOWN' }))
    }
    first.server('a').well = false
    const backends = [
      ...(await one({ targets: ['web/a', 'web/b'] })),
      ...(await find(stage, second, { targets: ['web/b'] }))
    ]
    const { message } = await failure(backends, { onTimeout: 'restore' })
    expect(stage.short(message)).toMatch(
      / Left in rotation: web\/b on P1 and web\/b on P2\. Without a, b the backend web on P1 .*\. Without b the backend web on P2 would have /
    )
  })

  test.each(['fail', 'continue', 'shutdown'] as const)(
    'stay on their way where it is to %s',
    async (onTimeout) => {
      first.server('a').well = false
      expect((await failure(await one(), { onTimeout })).problem).toBe('not-up')
      expect(first.changes).toEqual(FRESH)
    }
  )
})
