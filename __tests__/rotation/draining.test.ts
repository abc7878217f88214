import { beforeEach, describe, expect, test } from '@jest/globals'
import type { HaproxyError } from '../../src/haproxy/errors.ts'
import { type Backend, targetsOf } from '../../src/rotation/backend.ts'
import type { TakeOutOptions } from '../../src/rotation/options.ts'
import type { Outcome } from '../../src/rotation/outcome.ts'
import { takeOut } from '../../src/rotation/take-out.ts'
import { failureIn } from '../haproxy/failure.ts'
import { type ImitatedPage, type ImitatedServer, server } from '../support/imitated-page.ts'
import { find, type Finding, firstOf, statuses, TAKE_OUT } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const MAINT = { state: 'maint' } as const
const HOUR = 3_600_000

let stage: Stage
let first: ImitatedPage
let second: ImitatedPage

beforeEach(async () => {
  stage = set()
  first = await stage.page(server('a', { sessions: 2 }), server('b'), server('c'))
  second = await stage.page(server('a', { sessions: 2 }), server('b'))
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

async function failure(...wanted: Parameters<typeof take>): Promise<HaproxyError> {
  return failureIn(take(...wanted))
}

const said = (level: string): string[] =>
  stage.lines.filter((line) => line.startsWith(`${level}: `)).map((line) => stage.short(line))

/** What a green outcome leaves in doubt. */
async function doubts(...wanted: Parameters<typeof take>): Promise<unknown> {
  const outcome = await take(...wanted)
  if (!('proof' in outcome)) throw new Error(`The outcome is ${outcome.kind}`)
  return [outcome.kind, ...outcome.proof.doubts.map(({ kind }) => kind)]
}

const end = (page = first): void => {
  page.server('a').sessions = 0
}

/** The warning of a reload of the first HAProxy. */
const reloaded = (lost: string, rest: string): string =>
  `warning: ${rest === UNCLEAR ? 'Another process of HAProxy answers at P1, perhaps after a reload' : 'HAProxy was reloaded or restarted at P1'}${lost && `, and ${lost} on P1 lost ${lost.includes(', ') ? 'their' : 'its'} admin state`}: ${rest}.`
const MAY_HOLD = 'the old process may still hold sessions, and nothing shows them'
const UNCLEAR = 'whether an old process still holds sessions cannot be known'
const NO_REST = 'no session was left on its old process'

describe('a state that others have changed', () => {
  test('makes the run fail at once, and that server alone is left as they want it', async () => {
    stage.at(1_000, () => first.server('a').set({ drain: false }, stage.clock.now()))
    const backends = [
      ...(await one({ targets: ['web/a', 'web/b'] })),
      ...(await find(stage, second))
    ]
    const { problem, message, advice } = await failure(backends)
    expect([problem, stage.short(message)]).toEqual([
      'changed-meanwhile',
      'web/a on P1 was asked for drain and is UP with 2 sessions. HAProxy was not reloaded, so somebody else changed it. ' +
        'What had changed was rolled back. Changed meanwhile, and left alone: web/a on P1.'
    ])
    expect(advice).toContain('Find out who did it')
    expect(first.changes).toEqual(['drain web/a, web/b', 'start web/b'])
    expect(second.changes).toEqual(['drain web/a', 'start web/a'])
    expect([said('warning'), stage.waitedMs]).toEqual([[], 1_000])
  })

  test.each<['drain' | 'maint', string, { readonly maint: boolean; readonly drain: boolean }]>([
    ['maint', 'DRAIN', { maint: false, drain: true }],
    ['maint', 'UP', { maint: false, drain: false }],
    ['drain', 'UP', { maint: false, drain: false }]
  ])('shows by what is seen: %s asked for, %s seen', async (state, _, flags) => {
    stage.at(1_000, () => first.server('a').set(flags, stage.clock.now()))
    expect((await failure(await one(), { state })).problem).toBe('changed-meanwhile')
    expect(first.changes).toEqual([`${state} web/a`])
  })

  test('from drain to maint is out all the same', async () => {
    stage.at(1_000, () => {
      first.server('a').set({ maint: true }, stage.clock.now())
      end()
    })
    expect(await take(await one())).toMatchObject({ kind: 'drained' })
    expect(first.changes).toEqual(['drain web/a'])
  })

  test('cannot be distinguished from a reload where the page does not show the process', async () => {
    stage.at(1_000, () => first.server('a').set({ drain: false }, stage.clock.now()))
    const { problem, message } = await failure(await one({ withProcess: false }))
    expect(problem).toBe('changed-meanwhile')
    expect(message).toContain('The page does not show whether HAProxy was reloaded or somebody')
    expect(first.changes).toEqual(['drain web/a'])
  })

  test('of a server that was out before this step is noticed as well', async () => {
    show(server('a', { admin: 'maint', sessions: 1 }), server('b'))
    stage.at(1_000, () => first.server('a').set({ maint: false }, stage.clock.now()))
    const { message } = await failure(await one(), MAINT)
    expect(stage.short(message)).toMatch(
      /^web\/a on P1 is UP 1\/3 with 1 session\. HAProxy was not/
    )
    expect(first.changes).toEqual([])
  })

  test('long after a reload is not taken for what the reload forgot', async () => {
    const state = { keep: true }
    stage.at(1_000, () => {
      first.reload(state)
    })
    stage.at(40_000, () => first.server('a').set({ maint: false }, stage.clock.now()))
    const wait = { timeoutMs: HOUR, pollMs: 1_000, settleMs: 2_000 }
    const { message } = await failure(await one(), { ...MAINT, wait })
    expect(message).toContain('It was changed after HAProxy was reloaded, so somebody else')
    expect(first.changes).toEqual(['maint web/a'])
  })
})

describe('a state that a reload has lost', () => {
  test('is asked for again, with a warning, as often as it is lost', async () => {
    for (const second of [1, 2, 3, 4, 5]) {
      stage.at(second * 1_000, () => {
        first.reload()
      })
    }
    const order = { hardStopAfterMs: 0, wait: { timeoutMs: 60_000, pollMs: 200, settleMs: 2_000 } }
    const backends = await one()
    expect(await take(backends, order)).toMatchObject({ kind: 'drained' })
    expect(first.changes).toEqual(Array(6).fill('drain web/a'))
    expect(said('warning')).toEqual(Array(5).fill(reloaded('web/a', MAY_HOLD)))
    expect(statuses(backends)).toEqual(['DRAIN'])
    expect(stage.waitedMs).toBeGreaterThanOrEqual(7_000)
  })

  test('is asked for again of the servers that lost it alone', async () => {
    stage.at(1_000, () => {
      first.reload({ keep: true })
      first.server('a').set({ drain: false }, stage.clock.now())
    })
    stage.at(1_200, end)
    await take(await one({ targets: ['web/a', 'web/b'] }), { hardStopAfterMs: 0 })
    expect(first.changes).toEqual(['drain web/a, web/b', 'drain web/a'])
    expect(said('warning')).toEqual([reloaded('web/a', MAY_HOLD)])
  })

  test('is lost in maint by a server that is only down now, too, and asked for once', async () => {
    stage.at(1_000, () => {
      first.reload()
      first.server('a').forceDown()
    })
    await take(await one(), { ...MAINT, hardStopAfterMs: 0 })
    expect(first.changes).toEqual(['maint web/a', 'maint web/a'])
    expect(said('info').at(1)).toBe('info: Asking for maint: web/a on P1.')
  })

  test('may be hidden in drain by a server that is down, and is asked for again there', async () => {
    show(server('a', { down: true, sessions: 1 }), server('b'))
    stage.at(2_000, () => {
      first.reload()
      first.server('a').forceDown()
      first.server('a').well = false
    })
    await take(await one(), { hardStopAfterMs: 0 })
    expect(first.changes).toEqual(['drain web/a', 'drain web/a'])
    expect(said('warning')).toEqual([reloaded('', MAY_HOLD)])
  })

  test('may be hidden there until the page can be asked again', async () => {
    show(server('a', { down: true }), server('b'))
    stage.at(1_000, () => {
      first.reload()
      first.server('a').forceDown()
      first.server('a').well = false
      first.before = (request) =>
        request.startsWith('POST') && stage.clock.now() < 15_000 ? 'reset' : undefined
    })
    const wait = { timeoutMs: 60_000, pollMs: 1_000, settleMs: 2_000 }
    await take(await one(), { hardStopAfterMs: 0, wait })
    expect(first.server('a').drain).toBe(true)
  })

  test('of a server that was out before is asked for all the same', async () => {
    show(server('a', { admin: 'maint', sessions: 1 }), server('b'))
    stage.at(1_000, () => {
      first.reload()
    })
    await take(await one(), { ...MAINT, hardStopAfterMs: 0 })
    expect(first.changes).toEqual(['maint web/a'])
  })

  test('makes the run fail where the guard would refuse it now', async () => {
    show(server('a'), server('b'))
    stage.at(1_000, () => {
      first.reload()
      first.server('b').cells = { status: 'DOWN' }
    })
    const { problem, message } = await failure(await both())
    expect(problem).toBe('guard-refused')
    expect(stage.short(message)).toMatch(/^Without a the backend web on P1 .* was rolled back\./)
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a'],
      ['drain web/a', 'start web/a']
    ])
  })

  test('does not concern the guard where the server took no traffic before', async () => {
    show(server('a', { down: true }), server('b', { down: true }))
    stage.at(1_000, () => {
      first.reload()
    })
    await take(await one(), { hardStopAfterMs: 0 })
    expect(first.changes).toEqual(['drain web/a', 'drain web/a'])
  })

  test('is asked for on the HAProxy that was reloaded alone', async () => {
    stage.at(1_000, () => {
      first.reload()
      end(second)
    })
    await take(await both(), { ...MAINT, hardStopAfterMs: 0 })
    expect([first.changes, second.changes]).toEqual([
      ['maint web/a', 'maint web/a'],
      ['maint web/a']
    ])
  })

  test('is not asked for on another HAProxy, even where a server that is down hides it', async () => {
    second.servers.splice(0, 1, server('a', { down: true, sessions: 2 }))
    stage.at(1_000, () => {
      first.reload()
      end(second)
    })
    await take(await both(), { hardStopAfterMs: 0 })
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a', 'drain web/a'],
      ['drain web/a']
    ])
  })

  test('is the reload’s even if the page shows it long after', async () => {
    stage.at(1_000, () => {
      first.reload()
      first.before = () => (stage.clock.now() < 50_000 ? 'reset' : undefined)
    })
    const wait = { timeoutMs: 120_000, pollMs: 1_000, settleMs: 2_000 }
    await take(await one(), { hardStopAfterMs: 0, wait })
    expect(first.changes.at(-1)).toBe('drain web/a')
    expect(said('warning')).toEqual([reloaded('web/a', MAY_HOLD)])
  })

  test('between the looks at two backends is the reload’s in both', async () => {
    show(server('a'), server('b'), server('a', { backend: 'api' }), server('b', { backend: 'api' }))
    const backends = await one({ targets: ['web/a', 'api/a'] })
    // Two changes and two looks, and then: after the look at web, before the one at api.
    first.at(6, () => {
      first.reload()
    })
    await take(backends, { hardStopAfterMs: 0 })
    expect(first.requests[5]).toBe('GET /admin;csv;scope=api')
    expect(first.changes.slice(2).sort()).toEqual(['drain api/a', 'drain web/a'])
    expect(said('warning')).toEqual([reloaded('web/a, api/a', MAY_HOLD)])
  })

  test('between the last look and the check of the process is found out before it is green', async () => {
    show(server('a'), server('b'))
    const backends = await one()
    first.before = (request) => {
      if (request === 'GET process' && first.process.pid === 100) first.reload()
      return undefined
    }
    expect(await doubts(backends, { ...MAINT, hardStopAfterMs: 0 })).toEqual(['safe to stop'])
    expect(first.changes).toEqual(['maint web/a', 'maint web/a'])
  })

  test('there on one of two HAProxies has both looked at again', async () => {
    end(first)
    end(second)
    const backends = await both()
    first.before = (request) => {
      if (request === 'GET process' && first.process.pid === 100) first.reload()
      return undefined
    }
    await take(backends, { ...MAINT, hardStopAfterMs: 0 })
    expect(statuses(backends)).toEqual(['MAINT', 'MAINT'])
  })

  test('is asked for even if the page is away for long between the two', async () => {
    stage.at(1_000, () => {
      first.reload()
      first.before = (request) =>
        request.startsWith('POST') && stage.clock.now() < 15_000 ? 'reset' : undefined
    })
    const wait = { timeoutMs: 60_000, pollMs: 1_000, settleMs: 2_000 }
    await take(await one(), { hardStopAfterMs: 0, wait })
    expect(statuses(await one())).toEqual(['DRAIN'])
    expect(said('info').at(-1)).toBe('info: The statistics page can be read again.')
  })

  test('is asked for until the run must be over', async () => {
    const over = new Error('over')
    stage.at(1_000, () => {
      first.reload()
      first.before = (request) => {
        if (request.startsWith('POST')) stage.end.abort(over)
        return undefined
      }
    })
    await expect(take(await one())).rejects.toBe(over)
  })
})

describe('a reload', () => {
  /** Servers without sessions, of which a is out; at 5 s a reload. */
  function idle(keep: boolean): void {
    show(server('a'), server('b'))
    stage.at(5_000, () => {
      first.reload({ keep })
    })
  }
  const SETTLE = { wait: { timeoutMs: 30_000, pollMs: 1_000, settleMs: 8_000 } }

  test.each([
    ['that kept the state', true],
    ['that lost the state within two seconds of a look', false]
  ])('%s has left no session in maint, and nothing is in doubt', async (_, keep) => {
    idle(keep)
    expect(await doubts(await one(), { ...MAINT, ...SETTLE })).toEqual(['safe to stop'])
    expect(first.changes).toEqual(Array(keep ? 1 : 2).fill('maint web/a'))
    expect(said('warning')).toEqual([reloaded(keep ? '' : 'web/a', NO_REST)])
    expect(stage.waitedMs).toBeGreaterThanOrEqual(13_000)
  })

  test.each([
    ['that kept the state has left none, however long ago the last look was', true, 'safe to stop'],
    ['that lost the state may have left some long after a look', false, 'old-process']
  ])('%s', async (_, keep, expected) => {
    show(server('a'), server('b'))
    // Looks are more than three seconds apart by then.
    stage.at(87_000, () => {
      first.reload({ keep })
    })
    const wait = { timeoutMs: 300_000, pollMs: 10_000, settleMs: 100_000 }
    const taken = take(await one(), { ...MAINT, wait }).then(
      ({ kind }) => kind,
      (error: unknown) => (error as HaproxyError).problem
    )
    expect(await taken).toBe(expected)
  })

  test('that kept the state does not concern the guard', async () => {
    idle(true)
    stage.at(4_000, () => (first.server('b').cells = { status: 'DOWN' }))
    expect(await doubts(await one(), { ...MAINT, ...SETTLE })).toEqual(['drained', 'too few serve'])
  })

  /** Reloads after three seconds, with a process that seems to have started later than its counters began. */
  function reloadWithoutCounters(): void {
    first.server('a').total = 5
    stage.at(3_000, () => {
      first.reload({ keep: true })
      Object.assign(first.server('a'), { sessions: 0, total: 0 })
      first.process = { pid: 101, startedAt: stage.clock.now() + 3_000 }
    })
  }
  const LONG_SETTLE = { timeoutMs: 30_000, pollMs: 1_000, settleMs: 5_000 }

  test('whose new process seems to have started later than it did may have left sessions', async () => {
    reloadWithoutCounters()
    expect((await failure(await one(), { ...MAINT, wait: LONG_SETTLE })).problem).toBe(
      'old-process'
    )
  })

  test('of which only one of two servers shows new counters may have left sessions', async () => {
    reloadWithoutCounters()
    const backends = await one({ targets: ['web/a', 'web/b'] })
    expect((await failure(backends, { ...MAINT, wait: LONG_SETTLE })).problem).toBe('old-process')
  })

  test('has left none while another HAProxy still has sessions', async () => {
    idle(true)
    stage.at(8_000, () => {
      end(second)
    })
    expect(await doubts(await both(), { ...MAINT, ...SETTLE })).toEqual(['safe to stop'])
    expect(said('warning')).toEqual([reloaded('', NO_REST)])
  })

  test('in drain may have left sessions where only one of two servers was in maint', async () => {
    show(server('a', { admin: 'maint' }), server('b'), server('c'))
    stage.at(5_000, () => {
      first.reload({ keep: true })
    })
    const backends = await one({ targets: ['web/a', 'web/b'] })
    expect((await failure(backends, SETTLE)).problem).toBe('old-process')
  })

  test('in maint may have left sessions where some came between two looks', async () => {
    idle(true)
    stage.at(3_500, () => (first.server('a').total += 1))
    const { problem } = await failure(await one(), { ...MAINT, ...SETTLE })
    expect(problem).toBe('old-process')
  })

  test('in drain has left none on a server that was in maint', async () => {
    show(server('a', { admin: 'maint' }), server('b'))
    stage.at(5_000, () => {
      first.reload({ keep: true })
    })
    expect(await doubts(await one(), SETTLE)).toEqual(['drained'])
  })

  test('in drain may have left sessions of pinned clients', async () => {
    idle(true)
    const { problem, message } = await failure(await one(), SETTLE)
    expect([problem, stage.short(message)]).toEqual([
      'old-process',
      'Not drained within 30s: a process from before a reload may still hold sessions at P1.'
    ])
    expect(said('warning')).toEqual([reloaded('', MAY_HOLD)])
  })

  test('with sessions on a follower may have left them', async () => {
    show(
      server('a'),
      server('b'),
      server('f', { backend: 'api', tracks: 'web/a', sessions: 1 }),
      server('g', { backend: 'api' })
    )
    stage.at(2_500, () => {
      first.reload({ keep: true })
      first.server('f', 'api').sessions = 0
    })
    const { problem } = await failure(await one({ followers: ['api/f'] }), MAINT)
    expect(problem).toBe('old-process')
  })

  test('with sessions counts them until no old process can be alive, and says so once', async () => {
    stage.at(1_000, () => {
      first.reload({ keep: true })
      end()
    })
    const order = { ...MAINT, hardStopAfterMs: 20_000 }
    const wait = { timeoutMs: 60_000, pollMs: 1_000, settleMs: 2_000 }
    expect(await doubts(await one(), { ...order, wait })).toEqual(['safe to stop'])
    expect(stage.waitedMs).toBeGreaterThanOrEqual(22_000)
    const waiting = said('info').filter((line) => line.includes('shows no more sessions'))
    expect(waiting).toEqual([
      expect.stringMatching(
        /^info: HAProxy shows no more sessions\. Waiting for [\d.]+s: a process from before a reload may still hold some\.$/
      )
    ])
  })

  test('with sessions of one of two HAProxies counts them until no old process of it can be alive', async () => {
    stage.at(1_000, () => {
      first.reload({ keep: true })
      end(first)
      end(second)
    })
    const wait = { timeoutMs: 60_000, pollMs: 1_000, settleMs: 2_000 }
    await take(await both(), { ...MAINT, hardStopAfterMs: 20_000, wait })
    expect(stage.waitedMs).toBeGreaterThanOrEqual(22_000)
  })

  test('with sessions counts them for ever where nothing says how long an old process may live', async () => {
    stage.at(1_000, () => {
      first.reload()
    })
    const { problem, message } = await failure(await both(), MAINT)
    expect([problem, stage.short(message)]).toEqual([
      'not-drained',
      'Not drained within 10s: web/a on P2 is MAINT with 2 sessions; a process from before a reload may still hold sessions at P1.'
    ])
  })

  test('that leaves sessions for ever says so once', async () => {
    stage.at(1_000, () => {
      first.reload({ keep: true })
      end()
    })
    await failure(await one(), MAINT)
    expect(said('info').slice(1)).toEqual([
      'info: HAProxy shows no more sessions. Waiting: a process from before a reload may still hold some.'
    ])
  })

  test('that leaves sessions for ever lets a run go on that is to, and none is killed', async () => {
    stage.at(1_000, () => {
      first.reload({ keep: true })
      end()
    })
    const backends = await one()
    expect(await take(backends, { ...MAINT, onTimeout: 'continue' })).toEqual({
      kind: 'not drained'
    })
    expect(said('warning').at(-1)).toBe(
      'warning: Not drained within 10s: a process from before a reload may still hold sessions at P1.'
    )
  })

  test('that leaves sessions for ever makes a run fail that is to kill, for nothing can reach them', async () => {
    stage.at(1_000, () => {
      first.reload({ keep: true })
      end()
    })
    const order = { ...MAINT, onTimeout: 'shutdown' } as const
    expect((await failure(await one(), order)).problem).toBe('old-process')
    expect(first.changes).toEqual(['maint web/a'])
  })

  test('that leaves sessions which are killed is as bad', async () => {
    stage.at(1_000, () => {
      first.reload({ keep: true })
    })
    const order = { ...MAINT, onTimeout: 'shutdown' } as const
    const { problem, message } = await failure(await one(), order)
    expect([problem, stage.short(message)]).toEqual([
      'old-process',
      'After the sessions were killed: Not drained within 9s: a process from before a reload may still hold sessions at P1.'
    ])
  })

  test('before the first look of the wait may have left sessions', async () => {
    show(server('a'), server('b', { checked: false }))
    const backends = await one()
    stage.clock.pass(5_000)
    first.reload()
    stage.clock.pass(5_000)
    expect((await failure(backends, MAINT)).problem).toBe('old-process')
  })

  test('before the step is waited for where it is known for how long', async () => {
    show(server('a'), server('b'))
    first.process = { pid: 1, startedAt: stage.clock.now() - 3_000 }
    expect(await doubts(await one(), { ...MAINT, hardStopAfterMs: 5_000 })).toEqual([
      'safe to stop'
    ])
    expect(stage.waitedMs).toBeGreaterThanOrEqual(6_000)
    expect(said('info')[1]).toBe(
      'info: HAProxy shows no more sessions. Waiting for 6s: a process from before a reload may still hold some.'
    )
  })

  test('before the step leaves a doubt where it is not known for how long', async () => {
    show(server('a'), server('b'))
    first.process = { pid: 1, startedAt: stage.clock.now() - 3_000 }
    expect(await doubts(await one(), MAINT)).toEqual(['drained', 'young process'])
    expect(stage.waitedMs).toBe(2_000)
  })
})

describe('a process that may only seem to be another', () => {
  /** At 3 s a process answers that seems to have started long ago. */
  function seem(keep: boolean): void {
    show(server('a'), server('b'))
    stage.at(3_000, () => {
      first.process = { pid: 100, startedAt: first.process.startedAt + 6_000 }
      if (!keep) first.server('a').set({ maint: false }, stage.clock.now())
    })
  }
  const SETTLE = { ...MAINT, wait: { timeoutMs: 30_000, pollMs: 1_000, settleMs: 5_000 } }

  test('is not taken for a reload that has left sessions, but leaves a doubt', async () => {
    seem(true)
    expect(await doubts(await one(), SETTLE)).toEqual(['drained', 'process unclear'])
    expect(said('warning')).toEqual([reloaded('', UNCLEAR)])
    expect(first.changes).toEqual(['maint web/a'])
    expect(stage.waitedMs).toBeGreaterThanOrEqual(10_000)
  })

  test('does not excuse a state that is lost, for it had it before', async () => {
    seem(false)
    const { problem, message } = await failure(await one(), SETTLE)
    expect(problem).toBe('changed-meanwhile')
    expect(message).toContain('Another process of HAProxy answers, and somebody else changed it')
  })

  test('does not hide a reload that comes later', async () => {
    seem(true)
    stage.at(6_000, () => {
      first.reload({ keep: true })
    })
    const { problem } = await failure(await one(), { ...SETTLE, state: 'drain' })
    expect(problem).toBe('old-process')
  })

  test('in turn with another is one of two HAProxies', async () => {
    const other = { pid: 7, startedAt: first.process.startedAt - 60_000 }
    const mine = first.process
    const backends = await one()
    let asked = 0
    first.before = (request) => {
      if (request === 'GET process') first.process = (asked += 1) % 2 === 0 ? mine : other
      return undefined
    }
    end()
    const { problem, message } = await failure(backends, MAINT)
    expect(problem).toBe('several-haproxies')
    expect(stage.short(message)).toContain('Two HAProxies answer in turn at P1')
    expect(first.changes).toContain('enable web/a')
  })
})

test('a process that the page does not show leaves a doubt', async () => {
  show(server('a'), server('b'))
  first.before = (request) => (request === 'GET process' ? { status: 403 } : undefined)
  expect(await doubts(await one(), MAINT)).toEqual(['drained', 'process unknown'])
})

test('the process is asked for once at the end, and again where it could not be read', async () => {
  show(server('a'), server('b'))
  const backends = await one()
  let away = true
  first.before = (request) => {
    if (request !== 'GET process' || !away) return undefined
    away = false
    return 'reset'
  }
  expect(await doubts(backends, MAINT)).toEqual(['safe to stop'])
  expect(first.requests.filter((request) => request === 'GET process')).toHaveLength(2)
  expect(first.requests.at(-1)).toBe('GET process')
  expect(firstOf(backends).now.status).toBe('MAINT')
  expect(targetsOf(backends)).toHaveLength(1)
})
