import { beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import type { AdminState } from '../../src/haproxy/server.ts'
import { type Backend, targetsOf } from '../../src/rotation/backend.ts'
import { lookAgain, request } from '../../src/rotation/request.ts'
import { allOrNothing, rollBack, rollBackAfter } from '../../src/rotation/rollback.ts'
import type { Target } from '../../src/rotation/target.ts'
import { failureIn } from '../haproxy/failure.ts'
import {
  type ImitatedOptions,
  type ImitatedPage,
  type ImitatedServer,
  server,
  type Trouble
} from '../support/imitated-page.ts'
import { find } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage
let page: ImitatedPage

beforeEach(() => {
  stage = set()
})

/** Targets on one more page, as the run left them when it had asked for this; by default the only server. */
async function changed(
  state: AdminState,
  servers: readonly ImitatedServer[],
  targets = servers.map(({ backend, name }) => `${backend}/${name}`)
): Promise<Target[]> {
  page = await stage.page(...servers)
  const backends: Backend[] = await find(stage, page, { targets })
  await request(state, targetsOf(backends), stage)
  await lookAgain(backends, stage)
  page.requests.length = 0
  stage.lines.length = 0
  return targetsOf(backends)
}

/** From now on a page is in trouble at the requests that these words begin. */
function trouble(words: string, what: Trouble, where = page): void {
  where.before = (request) => (request.startsWith(words) ? what : undefined)
}

const seen = (targets: readonly Target[]): unknown =>
  targets.map(({ now, isKnown, change }) => [now.status, isKnown, change.isRolledBack])

async function failureOfRollBack(targets: readonly Target[]): Promise<readonly [string, string]> {
  const { problem, message } = await failureIn(rollBack(targets, stage))
  return [problem, stage.short(message)]
}

describe('a roll-back', () => {
  test.each<[string, ImitatedOptions, AdminState, string, string, string]>([
    ['UP', {}, 'drain', 'ready', 'start', 'UP'],
    ['UP', {}, 'maint', 'ready', 'enable', 'UP 1/3'],
    ['no check', { checked: false }, 'maint', 'ready', 'enable', 'no check'],
    ['DRAIN', { admin: 'drain' }, 'maint', 'drain', 'drain', 'DRAIN 1/3'],
    ['MAINT', { admin: 'maint' }, 'ready', 'maint', 'maint', 'MAINT'],
    ['MAINT', { admin: 'maint' }, 'drain', 'maint', 'maint', 'MAINT'],
    ['DRAIN', { admin: 'drain' }, 'ready', 'drain', 'drain', 'DRAIN'],
    ['DOWN', { down: true }, 'drain', 'ready', 'start', 'DOWN'],
    ['DOWN', { down: true }, 'ready', 'ready', 'start', 'DOWN']
  ])('of a server that was %s', async (_, options, asked, back, word, status) => {
    const targets = await changed(asked, [server('a', options)])
    await rollBack(targets, stage)
    const look = 'GET /admin;csv;scope=web'
    expect(page.requests).toEqual([look, `POST b=web&action=${word}&s=a`, look])
    expect(seen(targets)).toEqual([[status, true, true]])
    expect(stage.lines.map((line) => stage.short(line))).toEqual([
      `info: Rolling back to ${back}: web/a on P1.`
    ])
  })

  test('puts each server back to what it was, on every page, one by one where it was ready', async () => {
    const [a, b, c] = [server('a'), server('b', { admin: 'drain' }), server('c')]
    const targets = await changed('maint', [a, b, c, server('a', { backend: 'api' })])
    const first = page
    targets.push(...(await changed('maint', [server('a')])))
    await rollBack(targets, stage)
    expect(first.changes.sort()).toEqual([
      'drain web/b',
      'enable api/a',
      'enable web/a',
      'enable web/c'
    ])
    expect(page.changes).toEqual(['enable web/a'])
    expect(targets.every(({ change }) => change.isRolledBack)).toBe(true)
  })

  test('leaves alone what it was not given', async () => {
    const targets = await changed('drain', [server('a'), server('b')])
    await rollBack(targets.slice(0, 1), stage)
    expect(page.changes).toEqual(['start web/a'])
    expect(targets.map(({ change }) => change.isRolledBack)).toEqual([true, false])
  })

  test('of a server and of one that follows it judges both when both were asked', async () => {
    const follower = server('x', { tracks: 'web/a' })
    const targets = await changed('maint', [follower, server('a')])
    expect(targets.map(({ now }) => now.status)).toEqual(['MAINT (via web/a)', 'MAINT'])
    await rollBack(targets, stage)
    expect(page.changes.sort()).toEqual(['enable web/a', 'enable web/x'])
    expect(targets.every(({ change }) => change.isRolledBack)).toBe(true)
  })

  test.each<[AdminState, AdminState, string]>([
    ['drain', 'drain', 'start'],
    ['maint', 'maint', 'enable']
  ])(
    'of a server that only followed another to %s lets it follow again',
    async (admin, asked, word) => {
      const leader = server('l', { admin })
      const targets = await changed(asked, [leader, server('a', { tracks: 'web/l' })], ['web/a'])
      await rollBack(targets, stage)
      expect(page.changes).toEqual([`${word} web/a`])
      expect(targets.map(({ change }) => change.isRolledBack)).toEqual([true])
    }
  )

  test('tries again where a page is away for a moment, though the run is cancelled meanwhile', async () => {
    const targets = await changed('drain', [server('a')])
    stage.cancel.abort(new Error('cancelled'))
    page.before = (_, number) => (number % 2 === 1 ? 'reset' : undefined)
    await rollBack(targets, stage)
    expect(page.changes).toEqual(['start web/a', 'start web/a'])
    expect(seen(targets)).toEqual([['UP', true, true]])
  })

  test('ends when the run must be over, and says what is not back', async () => {
    const targets = await changed('drain', [server('a')])
    targets[0]?.invalidate()
    stage.end.abort(new HaproxyError('cancelled', 'Out of time.'))
    expect(await failureOfRollBack(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is perhaps DRAIN. Out of time.'
    ])
    expect(page.requests).toEqual([])
  })
})

describe('what others have changed meanwhile', () => {
  /** What a roll-back does about server a, of two that were asked for this, after what somebody else did to it. */
  async function after(
    state: AdminState,
    work: (a: ImitatedServer) => void,
    options?: ImitatedOptions
  ): Promise<string[]> {
    const targets = await changed(state, [server('a', options), server('b')], ['web/a', 'web/b'])
    stage.clock.pass(10_000)
    work(page.server('a'))
    await rollBack(targets, stage)
    expect(targets.map(({ change }) => change.isRolledBack)).toEqual([false, true])
    return page.changes
  }

  test.each<[AdminState, string, { readonly maint?: boolean; readonly drain?: boolean }]>([
    ['drain', 'ready', { drain: false }],
    ['drain', 'maint', { maint: true }],
    ['maint', 'ready', { maint: false }],
    ['maint', 'drain', { maint: false, drain: true }]
  ])('from %s to %s is left alone', async (state, _, flags) => {
    const changes = await after(state, (a) => a.set(flags, stage.clock.now()))
    expect(changes).toEqual([`${state === 'drain' ? 'start' : 'enable'} web/b`])
  })

  test('from ready to maint is left alone', async () => {
    const changes = await after('ready', (a) => a.set({ maint: true }, stage.clock.now()), {
      admin: 'drain'
    })
    expect(changes).toEqual(['start web/b'])
  })

  test('shows in a maint that is younger than the one that was asked for', async () => {
    const changes = await after('maint', (a) => {
      a.set({ maint: false }, stage.clock.now())
      a.set({ maint: true }, stage.clock.now())
    })
    expect(changes).toEqual(['enable web/b'])
  })
})

test('a maint that is as old as HAProxy counts is its own, though its process was stalled', async () => {
  const targets = await changed('maint', [server('a')])
  stage.clock.pass(10_000)
  page.process = { ...page.process, startedAt: page.process.startedAt + 6_000 }
  page.server('a').changedAt += 6_000
  await targets[0]?.backend.instance.recheck({ signal: stage.over })
  await rollBack(targets, stage)
  expect(page.changes).toEqual(['enable web/a'])
})

describe('a change of which nobody knows whether it was made', () => {
  /** Target a, which was asked for this without an answer. */
  async function asked(
    state: AdminState,
    how: 'reset' | 'done-reset',
    options?: ImitatedOptions
  ): Promise<Target[]> {
    page = await stage.page(server('a', options))
    const targets = targetsOf(await find(stage, page))
    page.before = () => how
    await failureIn(request(state, targets, stage))
    page.before = () => undefined
    page.requests.length = 0
    return targets
  }

  test('is rolled back where it was made', async () => {
    const targets = await asked('maint', 'done-reset')
    await rollBack(targets, stage)
    expect([page.changes, seen(targets)]).toEqual([['enable web/a'], [['UP 1/3', true, true]]])
  })

  test('is as good as rolled back where it was not made, and nothing is asked for', async () => {
    const targets = await asked('maint', 'reset')
    await rollBack(targets, stage)
    expect([page.changes, seen(targets)]).toEqual([[], [['UP', true, true]]])
  })

  test('is rolled back where what is seen may be that of the server that it follows', async () => {
    page = await stage.page(server('l', { admin: 'drain' }), server('a', { tracks: 'web/l' }))
    const targets = targetsOf(await find(stage, page))
    page.before = () => 'done-reset'
    await failureIn(request('drain', targets, stage))
    page.before = () => undefined
    page.requests.length = 0
    await rollBack(targets, stage)
    expect(page.changes).toEqual(['start web/a'])
  })

  test('is rolled back to be sure where the status hides it', async () => {
    const targets = await asked('drain', 'reset', { down: true })
    await rollBack(targets, stage)
    expect([page.changes, seen(targets)]).toEqual([['start web/a'], [['DOWN', true, true]]])
  })

  test('is not called rolled back where the status hides what it was before', async () => {
    const targets = await asked('maint', 'reset', { down: true })
    await rollBack(targets, stage)
    expect([page.changes, seen(targets)]).toEqual([[], [['DOWN', true, false]]])
  })

  test('is not called rolled back where somebody else has changed the server since', async () => {
    const targets = await asked('maint', 'reset')
    page.server('a').set({ drain: true }, stage.clock.now())
    await rollBack(targets, stage)
    expect([page.changes, seen(targets)]).toEqual([[], [['DRAIN', true, false]]])
  })

  test('is not known to be rolled back where nothing can be seen', async () => {
    const targets = await asked('maint', 'reset')
    page.before = (request) => (request.startsWith('GET') ? { status: 403 } : undefined)
    expect((await failureOfRollBack(targets))[1]).toMatch(/^web\/a on P1 is perhaps UP\./)
    expect(targets[0]?.change.isRolledBack).toBe(false)
  })
})

test('several HAProxies that answer in turn are each asked, though a look shows only one of them', async () => {
  const [one, other] = [server('a'), server('b')]
  const targets = await changed('maint', [one, other])
  one.set({ maint: false }, stage.clock.now())
  await rollBack(targets, stage, true)
  expect(page.changes.filter((change) => change === 'enable web/a')).toHaveLength(4)
  expect(page.changes.filter((change) => change === 'enable web/b')).toHaveLength(4)
})

describe('a roll-back that fails', () => {
  test('on one page goes on with the other', async () => {
    const targets = await changed('drain', [server('a')])
    trouble('POST', { code: 'DENY' })
    targets.push(...(await changed('drain', [server('a')])))
    expect(await failureOfRollBack(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is DRAIN. Could not ask P1 for start of web/a: HAProxy answered DENY.'
    ])
    expect(seen(targets)).toEqual([
      ['DRAIN', true, false],
      ['UP', true, true]
    ])
  })

  test('for one server goes on with those that were in another state', async () => {
    const targets = await changed('maint', [server('a'), server('b', { admin: 'drain' })])
    trouble('POST b=web&action=enable', { code: 'ERRP' })
    expect(await failureOfRollBack(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is MAINT. Could not ask P1 for enable of web/a: HAProxy answered ERRP.'
    ])
    expect(seen(targets)).toEqual([
      ['MAINT', true, false],
      ['DRAIN 1/3', true, true]
    ])
  })

  test('to hold says what is seen instead, of every server', async () => {
    const servers = [server('a', { sessions: 2 }), server('b'), server('c')]
    const targets = await changed('drain', servers)
    page.at(5, () => {
      page.server('a').set({ drain: true }, 0)
      page.server('c').set({ maint: true }, 0)
    })
    expect(await failureOfRollBack(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is DRAIN with 2 sessions; web/c on P1 is MAINT.'
    ])
    expect(targets.map(({ change }) => change.isRolledBack)).toEqual([false, true, false])
  })

  test('to be read back is not known to be done', async () => {
    const targets = await changed('drain', [server('a')])
    trouble('GET', { status: 401 })
    expect(await failureOfRollBack(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is perhaps DRAIN. Could not read the statistics page P1: the page asks for a user name and a password, and none was given (HTTP 401).'
    ])
    expect(page.changes).toEqual(['start web/a'])
    expect(seen(targets)).toEqual([['DRAIN', false, false]])
  })

  test('in the same words for two backends says them once', async () => {
    const targets = await changed('drain', [server('a'), server('a', { backend: 'api' })])
    trouble('GET', { status: 403 })
    expect((await failureOfRollBack(targets))[1]).toBe(
      'web/a on P1 is perhaps DRAIN; api/a on P1 is perhaps DRAIN. Could not read the statistics page P1: the request was refused (HTTP 403).'
    )
  })

  test('in other words on another page says both', async () => {
    const targets = await changed('drain', [server('a')])
    trouble('POST', { code: 'DENY' })
    targets.push(...(await changed('maint', [server('a')])))
    trouble('POST', { code: 'ERRP' })
    expect((await failureOfRollBack(targets))[1]).toBe(
      'web/a on P1 is DRAIN; web/a on P2 is MAINT. Could not ask P1 for start of web/a: HAProxy answered DENY. Could not ask P2 for enable of web/a: HAProxy answered ERRP.'
    )
  })

  test('to get its answer, but is seen to be done, is done', async () => {
    const targets = await changed('drain', [server('a')])
    trouble('POST', 'done-reset')
    await rollBack(targets, stage)
    expect(seen(targets)).toEqual([['UP', true, true]])
  })

  test('where the state is hidden is not known to be done', async () => {
    const targets = await changed('drain', [server('a', { down: true })])
    trouble('POST', { code: 'DENY' })
    expect(await failureOfRollBack(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is DOWN. Could not ask P1 for start of web/a: HAProxy answered DENY.'
    ])
    expect(seen(targets)).toEqual([['DOWN', true, false]])
  })

  test('where the state was hidden, and is seen to be drain, is not done', async () => {
    const targets = await changed('drain', [server('a', { down: true })])
    page.at(3, () => (page.server('a').cells = { status: 'DRAIN' }))
    expect(await failureOfRollBack(targets)).toEqual(['did-not-hold', 'web/a on P1 is DRAIN.'])
  })
})

describe('work that is all or nothing', () => {
  const failure = new HaproxyError('refused', 'It was refused.')

  test('and succeeds gives what it gave, and nothing is rolled back', async () => {
    const targets = await changed('drain', [server('a')])
    expect(await allOrNothing(targets, stage, () => Promise.resolve('done'))).toBe('done')
    expect(page.requests).toEqual([])
  })

  test('and fails is rolled back', async () => {
    const targets = await changed('drain', [server('a')])
    const work = allOrNothing(targets, stage, () => Promise.reject(failure))
    const { problem, message, advice, cause } = await failureIn(work)
    expect([problem, message, advice, cause]).toEqual([
      'refused',
      'It was refused. What had changed was rolled back.',
      failure.advice,
      failure
    ])
    expect(page.changes).toEqual(['start web/a'])
  })

  test.each([
    ['by a mistake of ours', new TypeError('a mistake'), false],
    ['when the run is cancelled', failure, true]
  ])('and fails %s stays as it is', async (_, error, isCancelled) => {
    const targets = await changed('drain', [server('a')])
    if (isCancelled) stage.cancel.abort(new Error('cancelled'))
    await expect(allOrNothing(targets, stage, () => Promise.reject(error))).rejects.toBe(error)
    expect(page.requests).toEqual([])
  })
})

describe('a failure', () => {
  const failure = new HaproxyError('not-drained', 'It took too long.', { advice: 'Wait longer.' })

  test('before anything was changed stays as it is', async () => {
    page = await stage.page(server('a'))
    const targets = targetsOf(await find(stage, page))
    expect(await rollBackAfter(failure, targets, stage)).toBe(failure)
    expect([page.requests, stage.lines]).toEqual([[], []])
  })

  test('rolls back only what was changed, and that once', async () => {
    const untouched = await stage.page(server('a'))
    const others = targetsOf(await find(stage, untouched))
    const targets = await changed('drain', [server('a')])
    const { message } = await rollBackAfter(failure, [...others, ...targets], stage)
    expect(message).toBe('It took too long. What had changed was rolled back.')
    expect([page.changes, untouched.requests]).toEqual([['start web/a'], []])
    expect(await rollBackAfter(failure, targets, stage)).toBe(failure)
  })

  test('names what is left alone, and says that the rest is rolled back only where there is a rest', async () => {
    const targets = await changed('drain', [server('a'), server('b')])
    page.server('a').set({ drain: false }, 0)
    const some = await rollBackAfter(failure, targets, stage)
    expect(stage.short(some.message)).toBe(
      'It took too long. What had changed was rolled back. Changed meanwhile, and left alone: web/a on P1.'
    )
    const one = await rollBackAfter(failure, targets, stage)
    expect(stage.short(one.message)).toBe(
      'It took too long. Changed meanwhile, and left alone: web/a on P1.'
    )
    expect([one.problem, one.advice, one.cause]).toEqual(['not-drained', 'Wait longer.', failure])
  })

  test('of two HAProxies in turn asks both', async () => {
    const targets = await changed('drain', [server('a')])
    page.server('a').set({ drain: false }, 0)
    const several = new HaproxyError('several-haproxies', 'Two of them.')
    expect((await rollBackAfter(several, targets, stage)).message).toBe(
      'Two of them. What had changed was rolled back.'
    )
    expect(page.changes).toHaveLength(4)
  })

  test('says what could not be rolled back, and what to do about both', async () => {
    const targets = await changed('drain', [server('a')])
    trouble('POST', { code: 'DENY' })
    const { problem, message, advice, cause } = await rollBackAfter(failure, targets, stage)
    expect([problem, stage.short(message), advice]).toEqual([
      'not-drained',
      'Not everything could be rolled back: web/a on P1 is DRAIN. Could not ask P1 for start of web/a: HAProxy answered DENY. The first failure: It took too long.',
      'Put these servers back by hand. Wait longer.'
    ])
    expect(cause).toBeInstanceOf(HaproxyError)
    const unadvised = new HaproxyError('not-drained', 'It took too long.')
    expect((await rollBackAfter(unadvised, targets, stage)).advice).toBe(
      'Put these servers back by hand.'
    )
  })
})
