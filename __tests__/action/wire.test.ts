import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Farm, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { runAction, startAction } from '../support/runner.ts'
import { until } from '../support/until.ts'

let farm: Farm
let faultProxy: FaultProxy

async function stage(options: Parameters<typeof startFarm>[0]): Promise<void> {
  farm = await startFarm(options)
  faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
}

afterEach(async () => {
  await faultProxy.stop()
  await farm.stop()
})

function methods(): string[] {
  return faultProxy.requests.map(({ method }) => method)
}

/** What each request is for, in their order; the page without `;csv` shows the process. */
function purposes(): string[] {
  return faultProxy.requests.map(({ method, path, body }) => {
    if (method === 'POST') return new URLSearchParams(body).get('action') ?? ''
    if (!path.includes(';csv')) return 'process'
    return path.includes(';scope=') ? 'look' : 'whole page'
  })
}

/** The look at the servers and the one at the process go out side by side. */
function inOrder(purposes: readonly string[], first = 2): string[] {
  return [...purposes.slice(0, first).toSorted(), ...purposes.slice(first)]
}

describe('one server of forty', () => {
  beforeEach(() => stage({ servers: 40, serverOptions: 'check inter 1s', settle: false }))

  test('three requests, each on its own connection, take a server out without waiting', async () => {
    await farm.until(async () => (await farm.status('app1')) === 'UP')
    const result = await runAction({
      'stats-url': faultProxy.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'maint',
      wait: 'false'
    })
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'MAINT' } })
    expect(purposes()).toEqual(['whole page', 'maint', 'look'])
    expect(faultProxy.connections).toHaveLength(3)
  })

  test('a wait adds one look at the process at each end, and its looks are narrowed to the backend', async () => {
    await farm.until(async () => (await farm.status('app1')) === 'UP')
    const result = await runAction({
      'stats-url': faultProxy.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'maint'
    })
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'MAINT' } })
    const [first, second, third, readBack, ...wait] = inOrder(purposes())
    expect([first, second, third, readBack]).toEqual(['process', 'whole page', 'maint', 'look'])
    expect(wait.at(-1)).toBe('process')
    expect(new Set(wait.slice(0, -1))).toEqual(new Set(['look']))
    expect(faultProxy.connections).toHaveLength(faultProxy.requests.length)
  })

  test('three requests take forty servers out', async () => {
    await farm.settled()
    const result = await runAction({
      'stats-url': faultProxy.through(farm.statsUrl),
      backend: 'web',
      server: farm.applications.map(({ name }) => name).join('\n'),
      action: 'maint',
      wait: 'false',
      'min-up': '0'
    })
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'MAINT' } })
    expect(purposes()).toEqual(['whole page', 'maint', 'look'])
    expect(faultProxy.connections).toHaveLength(3)
    expect(JSON.parse(result.outputs['result'] ?? '')).toHaveLength(40)
  })
})

test('a look during a wait costs the size of the backend, however large the page is', async () => {
  const others = Array.from({ length: 500 }, (_, index) => `  server other${index} 127.0.0.1:9`)
  await stage({ extra: ['backend elsewhere', ...others].join('\n') })
  const held = await holdConnection(farm.userUrl)
  const waiting = startAction({
    'stats-url': faultProxy.through(farm.statsUrl),
    backend: 'web',
    server: held.application,
    action: 'maint'
  })
  await waiting.until('MAINT with 1 session')
  await until(() => purposes().filter((purpose) => purpose === 'look').length > 5)
  await held.close()
  expect((await waiting.done).exitCode).toBe(0)
  const sizes = Map.groupBy(faultProxy.requests, (_, index) => purposes()[index])
  const largest = (purpose: string): number =>
    Math.max(...(sizes.get(purpose) ?? []).map(({ answer }) => answer?.bytes ?? Infinity))
  expect(sizes.get('whole page')).toHaveLength(1)
  expect(sizes.get('process')).toHaveLength(2)
  // Every release has more columns than the one before, so that no size is right for all.
  expect(largest('look')).toBeLessThan(largest('whole page') / 10)
  expect(largest('process')).toBeLessThan(largest('whole page') / 5)
})

describe('a return', () => {
  beforeEach(() => stage({}))

  test('asks for drain, hdown and start, with a look before the last, and the process twice before and once after', async () => {
    await farm.set('app1', 'maint')
    const result = await runAction({
      'stats-url': faultProxy.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'ready'
    })
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'UP' } })
    const [first, second, third, ...rest] = inOrder(purposes(), 3)
    expect([first, second, third]).toEqual(['look', 'process', 'process'])
    // A check that still runs after `hdown` is waited for, and then it is asked for once more.
    expect(rest.join(' ')).toMatch(/^drain hdown look( look| hdown)* start( look)+ process$/)
    const posts = faultProxy.requests.filter(({ method }) => method === 'POST')
    expect(posts.map(({ body }) => body)).toEqual(
      posts.map((_, index) => {
        const action = index === 0 ? 'drain' : index === posts.length - 1 ? 'start' : 'hdown'
        return `b=web&action=${action}&s=app1`
      })
    )
  })
})

describe('what is sent', () => {
  const users = { username: 'admin', password: 'p@ss:w0rd/+ é' }

  beforeEach(() => stage({ users }))

  test('a POST is one write with its length, and the look after it is narrowed to the backend', async () => {
    await runAction({
      'stats-url': faultProxy.through(farm.statsUrl),
      ...users,
      backend: 'web',
      server: 'app1 app2',
      action: 'drain',
      'min-up': '0',
      wait: 'false'
    })
    const [whole, post, look] = faultProxy.requests
    expect(whole).toMatchObject({ method: 'GET', path: '/admin;csv' })
    expect(look).toMatchObject({ method: 'GET', path: '/admin;csv;scope=web' })
    expect(post).toMatchObject({
      method: 'POST',
      path: '/admin',
      body: 'b=web&action=drain&s=app1&s=app2',
      inOneRead: true,
      headers: { 'content-length': '32', connection: 'close' }
    })
    const names = Object.keys(post?.headers ?? {})
    expect(
      names.filter((name) => /^(origin|referer|expect|transfer-encoding)$/.test(name))
    ).toEqual([])
  })

  test.each([
    ['in the inputs', (url: string) => ({ 'stats-url': url, ...users })],
    [
      'in the URL',
      (url: string) => ({
        'stats-url': url.replace('//', `//admin:${encodeURIComponent(users.password)}@`)
      })
    ],
    [
      'in the inputs with a line break behind it',
      (url: string) => ({ 'stats-url': url, ...users, password: `${users.password}\n` })
    ]
  ])('a password of special characters works %s and appears nowhere', async (_, inputs) => {
    const result = await runAction(
      {
        ...inputs(faultProxy.through(farm.statsUrl)),
        backend: 'web',
        server: 'app1',
        action: 'maint'
      },
      { debug: true }
    )
    expect(result.exitCode).toBe(0)
    expect(await farm.status('app1')).toBe('MAINT')
    const { password } = users
    const pair = Buffer.from(`admin:${password}`)
    const forms = [
      password,
      encodeURIComponent(password),
      new URLSearchParams({ '': password }).toString().slice(1),
      pair.toString('base64'),
      pair.toString('hex'),
      Buffer.from(password).toString('base64')
    ]
    const printed = result.lines.filter((line) => !line.startsWith('::add-mask::'))
    const everything = [...printed, JSON.stringify([result.outputs, result.state, result.summary])]
    expect(forms.filter((form) => everything.join('\n').includes(form))).toEqual([])
    expect(result.masks).toEqual(
      expect.arrayContaining(forms.filter((form) => !/^[0-9a-f]+$/.test(form)))
    )
  })
})

describe('requests that are not made', () => {
  beforeEach(() => stage({}))

  test('a step that is repeated changes nothing and posts nothing', async () => {
    const inputs = {
      'stats-url': faultProxy.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'maint',
      'settle-time': '0s'
    }
    expect(await runAction(inputs)).toMatchObject({ outputs: { changed: 'true' } })
    faultProxy.reset()
    const again = await runAction(inputs)
    expect(again).toMatchObject({
      exitCode: 0,
      outputs: { changed: 'false', status: 'MAINT', 'previous-status': 'MAINT' }
    })
    expect(inOrder(purposes())).toEqual(['process', 'whole page', 'look', 'process'])
    expect(again.lastLine).toContain(
      `Drained, but not proven safe to stop: web/app1 is MAINT, as before, waited`
    )
  })

  test('a step that is repeated posts nothing to prove what the one before has proven', async () => {
    const inputs = {
      'stats-url': faultProxy.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'maint',
      'hard-stop-after': '0s'
    }
    expect((await runAction(inputs)).lastLine).toMatch(/^Safe to stop: .* is MAINT, waited/)
    faultProxy.reset()
    const again = await runAction(inputs)
    expect(methods()).not.toContain('POST')
    expect(again.lastLine).toContain(`Safe to stop: web/app1 is MAINT, as before, waited`)
    expect(again.outputs).toMatchObject({ changed: 'false', 'safe-to-stop': 'true' })
  })

  test('status looks once', async () => {
    const result = await runAction({
      'stats-url': faultProxy.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'status'
    })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { changed: 'false', status: 'UP', sessions: '0', waited: '0.0' }
    })
    expect(purposes()).toEqual(['look'])
  })
})
