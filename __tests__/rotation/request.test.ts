import { beforeEach, describe, expect, test } from '@jest/globals'
import { type AdminState, isOut, type Server } from '../../src/haproxy/server.ts'
import { targetsOf } from '../../src/rotation/backend.ts'
import {
  forEachBackend,
  lookAgain,
  refuseIfNotHeld,
  refuseIfOnlyHere,
  request
} from '../../src/rotation/request.ts'
import { failureIn, failureOf } from '../haproxy/failure.ts'
import { type ImitatedPage, type ImitatedServer, server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { find, firstOf, statuses } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const servers = (): ImitatedServer[] => [server('a'), server('b'), server('a', { backend: 'api' })]

let stage: Stage
let first: ImitatedPage
let second: ImitatedPage

beforeEach(async () => {
  stage = set()
  first = await stage.page(...servers())
  second = await stage.page(...servers())
})

const lines = (): string[] => stage.lines.map((line) => stage.short(line))

describe('a request', () => {
  test('is one POST for each backend, and is said once', async () => {
    const backends = await find(stage, first, { targets: ['web/a', 'web/b', 'api/a'] })
    await request('drain', targetsOf(backends), stage)
    expect(first.posts).toEqual(['b=web&action=drain&s=a&s=b', 'b=api&action=drain&s=a'])
    expect(lines()).toEqual(['info: Asking for drain: web/a, web/b, api/a on P1.'])
    expect(statuses(backends)).toEqual(['perhaps UP', 'perhaps UP', 'perhaps UP'])
    expect(firstOf(backends).change).toMatchObject({ state: 'drain', at: stage.clock.now() })
  })

  test('for nothing is none', async () => {
    await request('drain', [], stage)
    expect([first.requests, stage.lines]).toEqual([[], []])
  })

  test('is made again where a page was away for a moment, even if it may have been done', async () => {
    const backends = await find(stage, first)
    first.before = (_, number) => (number === 1 ? 'done-reset' : undefined)
    await request('drain', targetsOf(backends), stage)
    expect(first.changes).toEqual(['drain web/a', 'drain web/a'])
    expect(lines()).toEqual([
      'info: Asking for drain: web/a on P1.',
      'info: Could not ask P1 for drain of web/a: H1 closed the connection without an answer. Trying again in 250ms.'
    ])
  })

  test('that one page refuses is made at the other all the same', async () => {
    const targets = targetsOf([...(await find(stage, first)), ...(await find(stage, second))])
    first.admin = false
    const { problem } = await failureIn(request('maint', targets, stage))
    expect([problem, first.changes, second.changes]).toEqual([
      'DENY',
      ['maint web/a'],
      ['maint web/a']
    ])
    expect(targets.map(({ change }) => change.state)).toEqual([undefined, 'maint'])
  })

  test('that has begun goes on when the run is cancelled, and ends when it must be over', async () => {
    const targets = targetsOf(await find(stage, first))
    stage.cancel.abort(new Error('cancelled'))
    await request('drain', targets, stage)
    expect(first.changes).toEqual(['drain web/a'])
    const over = new Error('over')
    stage.end.abort(over)
    await expect(request('ready', targets, stage)).rejects.toBe(over)
    expect(first.changes).toHaveLength(1)
  })
})

test('what is done for each backend is done for its targets alone, and all of it ends', async () => {
  const backends = await find(stage, first, { targets: ['web/a', 'web/b', 'api/a'] })
  const done: string[] = []
  const work = forEachBackend(targetsOf(backends), async ({ name }, group) => {
    if (name === 'web') throw new Error('no')
    await stage.clock.sleep(1, stage.over)
    done.push(...group.map((target) => target.name))
  })
  await expect(work).rejects.toThrow('no')
  expect(done).toEqual(['api/a'])
})

describe('looking again', () => {
  test('shows what came of a change, on every backend', async () => {
    const backends = [...(await find(stage, first)), ...(await find(stage, second))]
    first.server('a').set({ maint: true }, 0)
    await lookAgain(backends, stage)
    expect(statuses(backends)).toEqual(['MAINT', 'UP'])
  })

  test('is tried again after a look that failed', async () => {
    const backends = await find(stage, first)
    first.before = (_, number) => (number === 1 ? 'reset' : undefined)
    await lookAgain(backends, stage)
    expect(first.requests).toHaveLength(2)
  })

  test('ends when the run is cancelled', async () => {
    const reason = new Error('cancelled')
    const backends = await find(stage, first)
    stage.cancel.abort(reason)
    await expect(lookAgain(backends, stage)).rejects.toBe(reason)
  })
})

async function shown(cells: Row): Promise<Server> {
  return firstOf(await find(stage, await stage.page(server('a', { cells })))).before
}

test.each<[string, 'drain' | 'maint', boolean]>([
  ['UP', 'drain', false],
  ['UP 1/3', 'drain', false],
  ['no check', 'drain', false],
  ['DRAIN', 'drain', true],
  ['DOWN', 'drain', true],
  ['NOLB', 'drain', true],
  ['MAINT', 'drain', true],
  ['UP', 'maint', false],
  ['DRAIN', 'maint', false],
  ['DOWN', 'maint', false],
  ['MAINT', 'maint', true],
  ['MAINT (via web/b)', 'maint', true]
])('a server that is %s is as far out as %s asks for: %s', async (status, state, expected) => {
  expect(isOut(await shown({ status }), state)).toBe(expected)
})

describe('a state that was asked for', () => {
  /** Targets a and b, of which a was asked for this and now shows that. */
  async function asked(state: AdminState | undefined, cells: Row, more: Row = {}) {
    const backends = await find(stage, first, { targets: ['web/a', 'web/b'] })
    const [a] = targetsOf(backends)
    if (state !== undefined) a?.recordRequest(state, 0)
    first.server('a').cells = cells
    first.server('b').cells = more
    await lookAgain(backends, stage)
    return targetsOf(backends)
  }

  test.each<[AdminState | undefined, string]>([
    ['drain', 'DRAIN'],
    ['drain', 'DOWN'],
    ['drain', 'MAINT'],
    ['ready', 'DOWN'],
    ['ready', 'UP 1/3'],
    ['maint', 'MAINT'],
    [undefined, 'UP'],
    [undefined, 'MAINT']
  ])('holds: %s, shown %s', async (state, status) => {
    const targets = await asked(state, { status })
    expect(() => {
      refuseIfNotHeld(targets)
    }).not.toThrow()
  })

  test.each<[AdminState, string]>([
    ['drain', 'UP'],
    ['drain', 'no check'],
    ['ready', 'DRAIN'],
    ['ready', 'MAINT'],
    ['maint', 'DRAIN'],
    ['maint', 'DOWN']
  ])('does not hold: %s, shown %s, and only this server is named', async (state, status) => {
    const targets = await asked(state, { status, scur: '2' })
    const { problem, message, advice } = failureOf(() => {
      refuseIfNotHeld(targets)
    })
    const seen = status === 'no check' ? 'ready (no check)' : status
    expect([problem, stage.short(message)]).toEqual([
      'did-not-hold',
      `The admin state did not hold: web/a on P1 was asked for ${state} and is ${seen} with 2 sessions.`
    ])
    expect(advice).toContain('agent check')
  })

  test('of several servers does not hold for each of them', async () => {
    const targets = await asked('drain', {}, {})
    targets[1]?.recordRequest('maint', 0)
    const { message } = failureOf(() => {
      refuseIfNotHeld(targets)
    })
    expect(stage.short(message)).toBe(
      'The admin state did not hold: web/a on P1 was asked for drain and is UP; web/b on P1 was asked for maint and is UP.'
    )
  })

  test('does not hold because the server follows another, which is the one to name', async () => {
    const targets = await asked('ready', { status: 'DRAIN' }, { status: 'UP', tracked: 'api/ok' })
    targets[1]?.recordRequest('ready', 0)
    expect(
      failureOf(() => {
        refuseIfNotHeld(targets)
      }).advice
    ).toContain('agent check')
    const followers = await asked('ready', { status: 'DRAIN', tracked: 'api/lead' })
    expect(
      failureOf(() => {
        refuseIfNotHeld(followers)
      }).advice
    ).toBe('It follows api/lead (track): name that server instead.')
    const mixed = await asked(
      'ready',
      { status: 'DRAIN' },
      { status: 'DRAIN', tracked: 'api/lead' }
    )
    mixed[1]?.recordRequest('ready', 0)
    expect(
      failureOf(() => {
        refuseIfNotHeld(mixed)
      }).advice
    ).toBe('It follows api/lead (track): name that server instead.')
  })
})

describe('a host with several addresses', () => {
  const isMaint = ({ status }: Server): boolean => status === 'MAINT'

  /** What became of a change of a and b that shows here, and perhaps on these pages. */
  async function changed(...elsewhere: readonly ImitatedPage[]) {
    const backends = await find(stage, first, { targets: ['web/a', 'web/b', 'api/a'], elsewhere })
    return refuseIfOnlyHere(targetsOf(backends).slice(0, 2), isMaint, stage)
  }

  test('is one HAProxy where the change shows at every address', async () => {
    second.servers.forEach((one) => one.set({ maint: true }, 0))
    await changed(second, second)
    expect(second.requests).toEqual(['GET /admin;csv;scope=web', 'GET /admin;csv;scope=web'])
  })

  test('is judged by the servers that were changed alone', async () => {
    second.server('a').set({ maint: true }, 0)
    const targets = ['web/a', 'web/b']
    const [a] = targetsOf(await find(stage, first, { targets, elsewhere: [second] }))
    await refuseIfOnlyHere(a === undefined ? [] : [a], isMaint, stage)
    expect(second.requests).toEqual(['GET /admin;csv;scope=web'])
  })

  test('may be compared by something else than a change', async () => {
    const backends = await find(stage, first, { elsewhere: [second] })
    const { message } = await failureIn(
      refuseIfOnlyHere(targetsOf(backends), isMaint, stage, 'the rest')
    )
    expect(message).toContain(': the rest at 127.0.0.1 does not show at 10.0.0.2.')
  })

  test('is several HAProxies where the change of one server does not show, by their addresses', async () => {
    const third = await stage.page(...servers())
    second.servers.forEach((one) => one.set({ maint: true }, 0))
    third.server('a').set({ maint: true }, 0)
    const { problem, message } = await failureIn(changed(second, third, third))
    expect([problem, stage.short(message)]).toEqual([
      'several-haproxies',
      'The host of P1 has several addresses, and they are several HAProxies: the change at 127.0.0.1 does not show at 10.0.0.3, 10.0.0.4.'
    ])
  })

  test('is several HAProxies where one does not have the server, or has it in another backend', async () => {
    const third = await stage.page(server('a'), server('b', { backend: 'api' }))
    third.servers.forEach((one) => one.set({ maint: true }, 0))
    expect((await failureIn(changed(third))).problem).toBe('several-haproxies')
  })

  test('is read again where an address is away for a moment, until the run is cancelled', async () => {
    second.servers.forEach((one) => one.set({ maint: true }, 0))
    second.before = (_, number) => (number === 1 ? 'reset' : undefined)
    await changed(second)
    expect(second.requests).toHaveLength(2)
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(changed(second)).rejects.toBe(reason)
  })

  test('is not looked at twice where it has only one', async () => {
    await changed()
    expect(first.requests).toEqual([])
  })
})
