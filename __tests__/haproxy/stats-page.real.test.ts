import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { changedNothing } from '../../src/haproxy/errors.ts'
import { StatsPage } from '../../src/haproxy/stats-page.ts'
import { type Credentials, parseStatsUrl } from '../../src/haproxy/stats-url.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { httpAnswer, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { until } from '../support/until.ts'
import { failureIn } from './failure.ts'

const SETTINGS = {
  timeoutMs: 10_000,
  ca: undefined,
  clientCertificate: undefined,
  clientKey: undefined,
  verifyTls: true
}
const LIMITS = { signal: new AbortController().signal }

function pageAt(url: string, credentials?: Credentials): StatsPage {
  return new StatsPage({ url: parseStatsUrl(url), credentials, settings: SETTINGS })
}

describe('the page of a real HAProxy', () => {
  let farm: Farm
  let faultProxy: FaultProxy
  let page: StatsPage

  beforeAll(async () => {
    farm = await startFarm({
      servers: ['a', 'b'],
      serverOptions: '',
      settle: false,
      extra: 'backend other-web\n  server c 127.0.0.1:1\nbackend lone\n  server d 127.0.0.1:1'
    })
    faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  })
  beforeEach(() => {
    page = pageAt(faultProxy.through(farm.statsUrl))
    faultProxy.reset()
    faultProxy.fault = undefined
  })
  afterAll(async () => {
    await faultProxy.stop()
    await farm.stop()
  })

  test('is named by its URL without credentials and options', () => {
    const named = pageAt('http://joe:pw@lb/admin;csv;up', { username: 'joe', password: 'pw' })
    expect(named.name).toBe('http://lb/admin')
  })

  test('shows everything, or one backend and what has its name in theirs', async () => {
    const all = await page.look(LIMITS)
    const narrow = await page.look(LIMITS, 'web')
    const names = (servers: typeof all.servers): string[] =>
      servers.map(({ backend, name }) => `${backend}/${name}`)
    expect(names(all.servers)).toEqual(['web/a', 'web/b', 'other-web/c', 'lone/d'])
    expect(names(narrow.servers)).toEqual(['web/a', 'web/b', 'other-web/c'])
    expect(faultProxy.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /admin;csv',
      'GET /admin;csv;scope=web'
    ])
  })

  test.each([
    ['drain', 'DRAIN'],
    ['maint', 'MAINT'],
    ['ready', 'no check']
  ] as const)('does what it is asked: %s', async (state, status) => {
    await page.requestChange(state, 'web', ['a', 'b'], LIMITS)
    expect([await farm.status('a'), await farm.status('b')]).toEqual([status, status])
    expect(faultProxy.requests.map(({ path, body }) => [path, body])).toEqual([
      ['/admin', `b=web&action=${state}&s=a&s=b`]
    ])
  })

  test('can be asked for every other command by its own word', async () => {
    for (const command of ['shutdown', 'hrunn'] as const) {
      await page.requestChange(command, 'web', ['a'], LIMITS)
    }
    expect(faultProxy.requests.map(({ body }) => body)).toEqual([
      'b=web&action=shutdown&s=a',
      'b=web&action=hrunn&s=a'
    ])
  })

  test('knows no server of that name (ERRP), and nothing was changed', async () => {
    const error = await failureIn(page.requestChange('maint', 'web', ['z'], LIMITS))
    expect([error.problem, error.message]).toEqual([
      'ERRP',
      `Could not ask ${page.name} for maint of web/z: HAProxy answered ERRP.`
    ])
    expect(changedNothing(error)).toBe(true)
  })

  test('knows only some of these servers (PART), and has changed those', async () => {
    const error = await failureIn(page.requestChange('maint', 'web', ['a', 'z'], LIMITS))
    expect([error.problem, error.message]).toEqual([
      'PART',
      `Could not ask ${page.name} for maint of web/a, z: HAProxy answered PART.`
    ])
    expect(await farm.status('a')).toBe('MAINT')
    expect(changedNothing(error)).toBe(false)
    await farm.set('a', 'ready')
  })

  test('has no such check to change (NONE)', async () => {
    const error = await failureIn(page.requestChange('dhlth', 'web', ['a'], LIMITS))
    expect(error.problem).toBe('NONE')
  })

  test('is not changed by the check that it may be', async () => {
    await farm.set('b', 'maint')
    await page.checkAdminAccess('web', LIMITS)
    expect([await farm.status('a'), await farm.status('b')]).toEqual(['no check', 'MAINT'])
    expect(faultProxy.requests.map(({ method, body }) => [method, body])).toEqual([
      ['POST', 'b=web&action=ready']
    ])
    await farm.set('b', 'ready')
  })

  test('is asked for many servers in as few bodies as it takes', async () => {
    const names = Array.from({ length: 4_000 }, (_, index) => (index % 2 === 0 ? 'a' : 'b'))
    await page.requestChange('drain', 'web', names, LIMITS)
    const bodies = faultProxy.requests.map(({ body }) => body)
    expect(bodies).toHaveLength(2)
    expect(bodies.map((body) => body.startsWith('b=web&action=drain&s='))).toEqual([true, true])
    expect(bodies.flatMap((body) => new URLSearchParams(body).getAll('s'))).toEqual(names)
    expect(await farm.status('a')).toBe('DRAIN')
    await farm.post('s=a&s=b&b=web&action=ready')
  })

  test.each([
    [9, [14_000]],
    [10, [13_988, 31]]
  ])('is asked in one body up to its 14,000th byte (a last name of %i)', async (last, lengths) => {
    const bytes = httpAnswer(303, '', { Location: '/admin;st=DONE' })
    faultProxy.fault = () => ({ kind: 'answer', bytes })
    const names = Array.from({ length: 1_397 }, () => 'seven77')
    await page.requestChange('drain', 'web', [...names, 'x'.repeat(last)], LIMITS)
    expect(faultProxy.requests.map(({ body }) => body.length)).toEqual(lengths)
  })

  test('is asked for a name of every allowed character, written as a form writes it', async () => {
    const error = await failureIn(page.requestChange('maint', 'web', ['A_z-0.9:x'], LIMITS))
    expect(error.problem).toBe('ERRP')
    expect(faultProxy.requests[0]?.body).toBe('b=web&action=maint&s=A_z-0.9%3Ax')
  })

  describe('asked in two parts, of which the second fails', () => {
    const names = Array.from({ length: 4_000 }, () => 'a')

    test.each([
      ['a refusal', httpAnswer(303, '', { Location: '/admin;st=DENY' })],
      ['a wrong password', httpAnswer(401)],
      ['a prohibition', httpAnswer(403)],
      ['no HAProxy', httpAnswer(200, 'hm')]
    ])('by %s, is not taken to be unchanged', async (_, bytes) => {
      faultProxy.fault = ({ number }) => (number === 2 ? { kind: 'answer', bytes } : undefined)
      const error = await failureIn(page.requestChange('drain', 'web', names, LIMITS))
      expect(faultProxy.requests).toHaveLength(2)
      expect(changedNothing(error)).toBe(false)
    })

    test('by a refusal, tells of a part, of what HAProxy said and what to do about that', async () => {
      const bytes = httpAnswer(303, '', { Location: '/admin;st=DENY' })
      faultProxy.fault = ({ number }) => (number === 2 ? { kind: 'answer', bytes } : undefined)
      const { problem, message, advice, cause } = await failureIn(
        page.requestChange('drain', 'web', names, LIMITS)
      )
      expect(problem).toBe('PART')
      expect(message).toMatch(/: HAProxy answered DENY\.$/)
      expect(advice).toContain('stats admin')
      expect(cause).toMatchObject({ problem: 'DENY', message })
    })

    test.each([
      [503, true],
      [403, false]
    ])('by HTTP %i, may succeed a moment later or not: %s', async (status, expected) => {
      faultProxy.fault = ({ number }) =>
        number === 2 ? { kind: 'answer', bytes: httpAnswer(status) } : undefined
      const { problem, transient } = await failureIn(
        page.requestChange('drain', 'web', names, LIMITS)
      )
      expect([problem, transient]).toEqual(['PART', expected])
    })

    test('by the end of its signal, ends with the reason of the signal', async () => {
      const controller = new AbortController()
      const reason = new Error('the reason')
      faultProxy.fault = ({ number }) => (number === 2 ? { kind: 'silence' } : undefined)
      const change = expect(
        page.requestChange('drain', 'web', names, { signal: controller.signal })
      ).rejects.toBe(reason)
      await until(() => faultProxy.requests.length === 2)
      controller.abort(reason)
      await change
    })

    test('is not asked for the rest after the first was refused', async () => {
      const bytes = httpAnswer(303, '', { Location: '/admin;st=DENY' })
      faultProxy.fault = () => ({ kind: 'answer', bytes })
      expect((await failureIn(page.requestChange('drain', 'web', names, LIMITS))).problem).toBe(
        'DENY'
      )
      expect(faultProxy.requests).toHaveLength(1)
    })
  })

  test('ends a look at the deadline of that look', async () => {
    faultProxy.fault = () => ({ kind: 'silence' })
    const { problem, message } = await failureIn(page.look({ ...LIMITS, timeoutMs: 250 }, 'web'))
    expect([problem, message]).toEqual([
      'timed-out',
      `Could not read the statistics page ${page.name}: no complete answer within 0.25 s (waiting for the answer).`
    ])
  })

  test('ends a change at the deadline of that change', async () => {
    faultProxy.fault = () => ({ kind: 'silence' })
    const { message } = await failureIn(
      page.requestChange('drain', 'web', ['a'], { ...LIMITS, timeoutMs: 250 })
    )
    expect(message).toBe(
      `Could not ask ${page.name} for drain of web/a: no complete answer within 0.25 s (waiting for the answer).`
    )
  })

  test('ends with the reason of the signal', async () => {
    const reason = new Error('the reason')
    const limits = { signal: AbortSignal.abort(reason) }
    await expect(page.look(limits)).rejects.toBe(reason)
    await expect(page.requestChange('drain', 'web', ['a'], limits)).rejects.toBe(reason)
    await expect(page.checkAdminAccess('web', limits)).rejects.toBe(reason)
    await expect(page.identify(limits)).rejects.toBe(reason)
    await expect(page.clearFlag('start', 'web', 'a', limits)).rejects.toBe(reason)
    expect(faultProxy.connections).toHaveLength(0)
  })

  test('names the process that answers, in a page without proxies', async () => {
    const { pid } = farm.haproxy
    const first = await page.identify(LIMITS)
    expect(first).toEqual({ pid, uptimeMs: expect.any(Number) })
    expect(faultProxy.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /admin;norefresh;scope=..none..'
    ])
    await farm.haproxy.reload()
    const second = await page.identify(LIMITS)
    expect(second?.pid).toBe(farm.haproxy.pid)
    expect(second?.pid).not.toBe(pid)
  })

  test('ends one half of an admin state, and says whether there was something to end', async () => {
    const steps = [
      ['start', false, 'no check'],
      ['enable', false, 'no check'],
      ['start', true, 'no check', 'drain'],
      ['enable', true, 'no check', 'maint'],
      ['start', false, 'MAINT', 'maint'],
      ['enable', false, 'DRAIN', 'drain']
    ] as const
    for (const [flag, changed, status, before] of steps) {
      await farm.set('b', before ?? 'ready')
      expect([flag, await page.clearFlag(flag, 'web', 'b', LIMITS)]).toEqual([flag, changed])
      expect(await farm.status('b')).toBe(status)
    }
    expect(
      faultProxy.requests.map(({ method, path, body }) => `${method} ${path} ${body}`)
    ).toEqual(steps.map(([flag]) => `POST /admin b=web&action=${flag}&s=b`))
  })

  test('knows no server of that name to change one half of its admin state (ERRP)', async () => {
    const error = await failureIn(page.clearFlag('start', 'web', 'z', LIMITS))
    expect([error.problem, error.message]).toEqual([
      'ERRP',
      `Could not ask ${page.name} for start of web/z: HAProxy answered ERRP.`
    ])
  })
})

describe('the addresses of a page', () => {
  let farm: Farm

  beforeAll(async () => {
    farm = await startFarm({
      servers: ['a'],
      serverOptions: '',
      settle: false,
      users: { username: 'joe', password: 'pw' }
    })
  })
  afterAll(() => farm.stop())

  /** The page under a name that no resolver knows. */
  const unknown = (): StatsPage =>
    pageAt(farm.statsUrl.replace('127.0.0.1', 'haproxy.invalid'), {
      username: 'joe',
      password: 'pw'
    })

  test('are looked up', async () => {
    expect(await pageAt('http://localhost:1/admin').resolve(LIMITS)).toContain('127.0.0.1')
    expect(await pageAt('http://127.0.0.1:1/admin').resolve(LIMITS)).toEqual([])
  })

  test('that are not known are a failure to read it', async () => {
    const { problem, message } = await failureIn(unknown().resolve(LIMITS))
    expect(problem).toBe('host-not-found')
    expect(message).toMatch(
      /^Could not read the statistics page http:.*: the .*host haproxy\.invalid/
    )
  })

  test('are none of the page itself, until it is read at one of them', () => {
    const page = unknown()
    const pinned = page.at('127.0.0.1')
    expect([page.address, pinned.address, pinned.at('127.0.0.2').address]).toEqual([
      undefined,
      '127.0.0.1',
      '127.0.0.2'
    ])
    expect([pinned.name, pinned.at('::1').name]).toEqual([page.name, page.name])
  })

  test('are each where the same page is read and changed, with the same credentials', async () => {
    const page = unknown().at('127.0.0.1')
    expect((await page.look(LIMITS, 'web')).servers.map(({ name }) => name)).toEqual(['a'])
    expect((await page.identify(LIMITS))?.pid).toBe(farm.haproxy.pid)
    await page.requestChange('drain', 'web', ['a'], LIMITS)
    expect(await farm.status('a')).toBe('DRAIN')
    expect(await page.clearFlag('start', 'web', 'a', LIMITS)).toBe(true)
    await page.checkAdminAccess('web', LIMITS)
  })

  test('are named where it cannot be read', async () => {
    const page = unknown().at('127.0.0.3')
    const attempt = `Could not read the statistics page ${page.name} at 127.0.0.3: `
    const messages = [page.look(LIMITS), page.identify(LIMITS)].map(async (request) => {
      const { problem, message } = await failureIn(request)
      return [problem, message.slice(0, attempt.length)]
    })
    expect(await Promise.all(messages)).toEqual(Array(2).fill(['refused', attempt]))
  })
})

describe('a page that wants a password', () => {
  const users = { username: 'jö e', password: 'pä:ß wörd 🔑' }
  let farm: Farm

  beforeAll(async () => {
    farm = await startFarm({ servers: ['a'], serverOptions: '', settle: false, users })
  })
  afterAll(() => farm.stop())

  test('gets it in UTF-8', async () => {
    const page = pageAt(farm.statsUrl, users)
    expect((await page.look(LIMITS, 'web')).servers.map(({ name }) => name)).toEqual(['a'])
    expect((await page.identify(LIMITS))?.pid).toBe(farm.haproxy.pid)
    await page.requestChange('maint', 'web', ['a'], LIMITS)
    expect(await farm.status('a')).toBe('MAINT')
    expect(await page.clearFlag('enable', 'web', 'a', LIMITS)).toBe(true)
    expect(await farm.status('a')).toBe('no check')
  })

  test.each<[string, Credentials | undefined]>([
    ['none', undefined],
    ['a wrong one', { ...users, password: 'pä:ß wörd' }],
    ['a wrong user', { ...users, username: 'joe' }]
  ])('refuses %s', async (_, credentials) => {
    const page = pageAt(farm.statsUrl, credentials)
    const requests = [
      page.look(LIMITS, 'web'),
      page.identify(LIMITS),
      page.requestChange('ready', 'web', ['a'], LIMITS),
      page.clearFlag('start', 'web', 'a', LIMITS),
      page.checkAdminAccess('web', LIMITS)
    ]
    const [problem, what] =
      credentials === undefined
        ? ['login-needed', 'the page asks for a user name and a password, and none was given']
        : ['unauthorized', 'the user name or the password was not accepted']
    const seen = `${what} (HTTP 401).`
    const errors = await Promise.all(requests.map(failureIn))
    expect(errors.map((error) => [error.problem, error.message])).toEqual([
      [problem, `Could not read the statistics page ${page.name}: ${seen}`],
      [problem, `Could not read the statistics page ${page.name}: ${seen}`],
      [problem, `Could not ask ${page.name} for ready of web/a: ${seen}`],
      [problem, `Could not ask ${page.name} for start of web/a: ${seen}`],
      [problem, `Could not check the right to change web on ${page.name}: ${seen}`]
    ])
  })
})

describe('a page without the right to change', () => {
  let farm: Farm

  afterEach(() => farm.stop())

  test('is read, and denies every change and the check of the right to it', async () => {
    farm = await startFarm({ servers: ['a'], settle: false, statsLines: [] })
    const page = pageAt(farm.statsUrl)
    expect((await page.look(LIMITS, 'web')).servers).toHaveLength(1)
    const asked = await failureIn(page.requestChange('maint', 'web', ['a'], LIMITS))
    const switched = await failureIn(page.clearFlag('enable', 'web', 'a', LIMITS))
    const checked = await failureIn(page.checkAdminAccess('web', LIMITS))
    expect([asked.problem, asked.message]).toEqual([
      'DENY',
      `Could not ask ${page.name} for maint of web/a: HAProxy answered DENY.`
    ])
    expect([switched.problem, switched.message]).toEqual([
      'DENY',
      `Could not ask ${page.name} for enable of web/a: HAProxy answered DENY.`
    ])
    expect([checked.problem, checked.message]).toEqual([
      'DENY',
      `Could not check the right to change web on ${page.name}: HAProxy answered DENY.`
    ])
  })

  test('is forbidden by a rule', async () => {
    farm = await startFarm({
      servers: ['a'],
      settle: false,
      statsLines: ['stats http-request deny']
    })
    const page = pageAt(farm.statsUrl)
    const { problem, message } = await failureIn(page.look(LIMITS))
    expect([problem, message]).toEqual([
      'forbidden',
      `Could not read the statistics page ${page.name}: the request was refused (HTTP 403).`
    ])
  })

  test('under another path is not the page', async () => {
    farm = await startFarm({ servers: ['a'], settle: false })
    const page = pageAt(`${new URL(farm.statsUrl).origin}/elsewhere`)
    const { problem, message } = await failureIn(page.look(LIMITS))
    expect([problem, message]).toEqual([
      'wrong-path',
      `Could not read the statistics page ${page.name}: there is no statistics page at this URL; HAProxy sent the request to a backend that has no server for it (HTTP 503).`
    ])
  })

  test('at HAProxy’s own default path is found there', async () => {
    farm = await startFarm({ servers: ['a'], settle: false, statsUri: '/haproxy?stats' })
    const page = pageAt(`${farm.statsUrl};norefresh`)
    expect((await page.look(LIMITS, 'web')).servers).toHaveLength(1)
    await page.requestChange('maint', 'web', ['a'], LIMITS)
    expect(await farm.status('a')).toBe('MAINT')
  })
})
