import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  type Backend,
  backendsOf,
  followersOf,
  instancesOf,
  targetsOf
} from '../../src/rotation/backend.ts'
import { failureIn } from '../haproxy/failure.ts'
import { type ImitatedPage, server, type Trouble } from '../support/imitated-page.ts'
import { backendOf, targetIn } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const FIRST_LOOK = 5_000

let stage: Stage
let page: ImitatedPage
let backend: Backend

beforeEach(async () => {
  stage = set()
  page = await stage.page(
    server('a'),
    server('b', { admin: 'drain' }),
    server('c', { down: true }),
    server('d', { tracks: 'web/a' }),
    server('a', { backend: 'web2', admin: 'maint' })
  )
  backend = await backendOf(stage, page, { targets: ['c', 'a'], followers: ['d'] })
  page.requests.length = 0
  stage.clock.pass(1_000)
})

const limits = (): { signal: AbortSignal } => ({ signal: stage.cancelled })
const only = (name = 'a'): ReturnType<typeof targetIn>[] => [targetIn(backend, name)]
/** What is known of the targets and followers, in the order of the page. */
const known = (): boolean[] => ['a', 'c', 'd'].map((name) => targetIn(backend, name).isKnown)
const statuses = (): string[] => backend.servers.map(({ status }) => status)

describe('a backend', () => {
  test('has its targets and followers in the order of the page, and its servers alone', () => {
    expect(backend.targets.map(({ name }) => name)).toEqual(['web/a', 'web/c'])
    expect(backend.followers.map(({ name }) => name)).toEqual(['web/d'])
    expect(backend.servers.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd'])
    expect(backend.others.map(({ name }) => name)).toEqual(['b'])
    expect(statuses()).toEqual(['UP', 'DRAIN', 'DOWN', 'UP'])
    expect(known()).toEqual([true, true, true])
  })

  test('goes by its name and its HAProxy', () => {
    expect([backend.name, backend.fullName]).toEqual(['web', `web on ${page.url}`])
    expect(backend.instance.name).toBe(page.url)
  })

  test('needs no followers', async () => {
    expect((await backendOf(stage, page, { targets: ['a'] })).followers).toEqual([])
  })

  test('knows when it was seen', async () => {
    expect(backend.seenAt).toBe(FIRST_LOOK)
    await backend.look(limits())
    expect(backend.seenAt).toBe(FIRST_LOOK + 1_000)
  })
})

describe('a look', () => {
  test('costs one request, narrowed to the backend', async () => {
    await backend.look(limits())
    expect(page.requests).toEqual(['GET /admin;csv;scope=web'])
  })

  test('shows what changed in targets, followers and others', async () => {
    page.server('a').set({ maint: true }, 0)
    page.server('b').set({ drain: false }, 0)
    page.server('c').cells = { status: 'UP' }
    await backend.look(limits())
    expect(statuses()).toEqual(['MAINT', 'UP', 'UP', 'MAINT (via web/a)'])
    expect(targetIn(backend, 'a').now.status).toBe('MAINT')
    expect(targetIn(backend, 'c').now.status).toBe('UP')
    expect(targetIn(backend, 'd').now.status).toBe('MAINT (via web/a)')
  })

  test('takes servers beside the targets as they come and go', async () => {
    page.servers.splice(1, 1, server('e'))
    await backend.look(limits())
    expect(backend.others.map(({ name }) => name)).toEqual(['e'])
  })

  test('does not mind a server beside the targets whose status nobody knows', async () => {
    page.server('b').cells = { status: 'UPSIDE' }
    await backend.look(limits())
    expect(statuses()).toEqual(['UP', 'UPSIDE', 'DOWN', 'UP'])
  })

  test('that fails leaves nothing known, until one that does not', async () => {
    page.before = (_, number) => (number === 1 ? 'reset' : undefined)
    await failureIn(backend.look(limits()))
    expect(known()).toEqual([false, false, false])
    expect([backend.seenAt, statuses()]).toEqual([FIRST_LOOK, ['UP', 'DRAIN', 'DOWN', 'UP']])
    await backend.look(limits())
    expect(known()).toEqual([true, true, true])
  })

  test.each([
    ['target', 'c'],
    ['follower', 'd']
  ])('without a %s leaves it unknown, and takes in those before it', async (_, name) => {
    page.servers.splice(page.servers.indexOf(page.server(name)), 1)
    page.server('a').set({ drain: true }, 0)
    const { problem, message } = await failureIn(backend.look(limits()))
    expect([problem, message]).toEqual([
      'unknown-server',
      `web/${name} on ${page.url} is no longer there.`
    ])
    expect([targetIn(backend, 'a').now.status, targetIn(backend, 'a').isKnown]).toEqual([
      'DRAIN',
      true
    ])
    expect(targetIn(backend, name).isKnown).toBe(false)
    expect(backend.seenAt).toBe(FIRST_LOOK)
  })

  test('is not satisfied by a target of the same name in another backend', async () => {
    page.servers.splice(0, 1)
    expect((await failureIn(backend.look(limits()))).problem).toBe('unknown-server')
  })

  test('ends with the run', async () => {
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(backend.look(limits())).rejects.toBe(reason)
  })
})

/** Everything that is asked for of one target, with the request and what is recorded of it. */
const REQUESTS: readonly (readonly [string, () => Promise<void>, string, object, true?])[] = [
  [
    'an admin state',
    () => backend.request('drain', only(), limits()),
    'b=web&action=drain&s=a',
    { state: 'drain', at: FIRST_LOOK + 1_000, isCommanded: false },
    true
  ],
  [
    'a command',
    () => backend.command('shutdown', only(), limits()),
    'b=web&action=shutdown&s=a',
    { state: undefined, isCommanded: true }
  ],
  [
    'the admin state of before',
    () => backend.putBack('drain', only(), limits()),
    'b=web&action=drain&s=a',
    { state: undefined, isCommanded: false }
  ],
  [
    'its health to begin at 0',
    () => backend.forceDown(only(), limits()),
    'b=web&action=hdown&s=a',
    { state: undefined, isCommanded: false }
  ]
]

describe.each(REQUESTS)('a request for %s', (_, request, body, change, isUncertain) => {
  test('is made for the targets that are named, which must be seen again', async () => {
    await request()
    expect(page.posts).toEqual([body])
    expect(targetIn(backend).change).toMatchObject(change)
    expect(targetIn(backend).change.isUncertain).toBeUndefined()
    expect(known()).toEqual([false, true, true])
    expect(targetIn(backend, 'c').change.state).toBeUndefined()
  })

  test.each<[string, Trouble]>([
    ['was carried out in part', { code: 'PART' }],
    ['was answered with a code that nobody knows', { code: 'UNKN' }],
    ['may not have arrived', 'reset']
  ])('that %s is recorded all the same', async (__, trouble) => {
    page.before = () => trouble
    await failureIn(request())
    expect(targetIn(backend).change).toMatchObject(change)
    expect(targetIn(backend).change.isUncertain).toBe(isUncertain)
    expect(known()).toEqual([false, true, true])
  })

  test.each(['DENY', 'ERRP', 'NONE'])('that is answered %s has changed nothing', async (code) => {
    page.before = () => ({ code })
    expect((await failureIn(request())).problem).toBe(code)
    expect(targetIn(backend).change).toMatchObject({ state: undefined, isCommanded: false })
    expect(known()).toEqual([true, true, true])
  })
})

test('a request for several targets is one', async () => {
  await backend.request('maint', backend.targets, limits())
  expect(page.posts).toEqual(['b=web&action=maint&s=a&s=c'])
  expect(backend.targets.map(({ change }) => change.state)).toEqual(['maint', 'maint'])
})

describe('the end of a drain', () => {
  const release = (): Promise<boolean> => backend.release(targetIn(backend), limits())
  const state = (): string | undefined => targetIn(backend).change.state

  beforeEach(async () => {
    await backend.request('drain', only(), limits())
    page.requests.length = 0
    stage.clock.pass(500)
  })

  test('is a request for ready', async () => {
    expect(await release()).toBe(true)
    expect(page.posts).toEqual(['b=web&action=start&s=a'])
    expect(targetIn(backend).change).toMatchObject({ state: 'ready', at: FIRST_LOOK + 1_500 })
    expect(targetIn(backend).change.isUncertain).toBeUndefined()
    expect(targetIn(backend).isKnown).toBe(false)
  })

  test('that somebody else brought about is not ours', async () => {
    await backend.look(limits())
    page.server('a').set({ drain: false }, 0)
    expect(await release()).toBe(false)
    expect([state(), targetIn(backend).isKnown]).toEqual(['drain', false])
  })

  test('is ours when only the answer to an attempt before was lost', async () => {
    page.before = (_, number) => (number === 1 ? 'done-reset' : undefined)
    expect((await failureIn(release())).problem).toBe('reset')
    const change = { state: 'ready', at: FIRST_LOOK + 1_500 }
    expect(targetIn(backend).change).toMatchObject({ ...change, isUncertain: true })
    stage.clock.pass(250)
    expect(await release()).toBe(true)
    expect(targetIn(backend).change.at).toBe(FIRST_LOOK + 1_750)
    expect(targetIn(backend).change.isUncertain).toBeUndefined()
  })

  test('that was refused has changed nothing', async () => {
    page.before = () => ({ code: 'DENY' })
    expect((await failureIn(release())).problem).toBe('DENY')
    expect(state()).toBe('drain')
  })
})

describe('one half of an admin state', () => {
  const undo = (): Promise<void> => backend.undo('enable', targetIn(backend), limits())

  test('is undone where it is there', async () => {
    page.server('a').set({ maint: true }, 0)
    await undo()
    expect(page.server('a').maint).toBe(false)
    expect(page.posts).toEqual(['b=web&action=enable&s=a'])
    expect(known()).toEqual([false, true, true])
    expect(targetIn(backend).change.state).toBeUndefined()
  })

  test('need not be undone where somebody else did so', async () => {
    await undo()
    expect(known()).toEqual([false, true, true])
  })
})

describe('of several backends', () => {
  let other: Backend

  beforeEach(async () => {
    const { instance } = backend
    other = await backendOf(stage, page, { name: 'web2', instance })
  })

  test('the targets are all of theirs, and so are the followers', () => {
    expect(targetsOf([backend, other]).map(({ name }) => name)).toEqual([
      'web/a',
      'web/c',
      'web2/a'
    ])
    expect(followersOf([other, backend]).map(({ name }) => name)).toEqual(['web/d'])
  })

  test('each has targets, and is listed once for them', () => {
    expect(backendsOf(targetsOf([backend, other]))).toEqual([backend, other])
  })

  test('each is on an instance, which is listed once for them', async () => {
    const elsewhere = await backendOf(stage, page)
    expect(instancesOf([backend, other, elsewhere])).toEqual([backend.instance, elsewhere.instance])
    expect(instancesOf([backend, other])).toHaveLength(1)
  })
})
