import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Farm, startFarm } from '../support/farm.ts'
import { type Middleman, startMiddleman } from '../support/middleman.ts'
import { runAction } from '../support/runner.ts'

let farm: Farm
let middleman: Middleman

async function stage(options: Parameters<typeof startFarm>[0]): Promise<void> {
  farm = await startFarm(options)
  middleman = await startMiddleman({ port: Number(new URL(farm.statsUrl).port) })
}

afterEach(async () => {
  await middleman.stop()
  await farm.stop()
})

function methods(): string[] {
  return middleman.requests.map(({ method }) => method)
}

describe('one server of forty', () => {
  beforeEach(() => stage({ servers: 40, serverOptions: 'check inter 1s', settle: false }))

  test('three requests, each on its own connection, take a server out without waiting', async () => {
    await farm.until(async () => (await farm.status('app1')) === 'UP')
    const result = await runAction({
      'stats-url': middleman.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'maint',
      wait: 'false'
    })
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'MAINT' } })
    expect(methods()).toEqual(['GET', 'POST', 'GET'])
    expect(middleman.connections).toHaveLength(3)
  })

  test('three requests take forty servers out', async () => {
    await farm.settled()
    const result = await runAction({
      'stats-url': middleman.through(farm.statsUrl),
      backend: 'web',
      server: farm.applications.map(({ name }) => name).join('\n'),
      action: 'maint',
      wait: 'false',
      'min-up': '0'
    })
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'MAINT' } })
    expect(methods()).toEqual(['GET', 'POST', 'GET'])
    expect(middleman.connections).toHaveLength(3)
    expect(JSON.parse(result.outputs['result'] ?? '')).toHaveLength(40)
  })
})

describe('what is sent', () => {
  const users = { username: 'admin', password: 'p@ss:w0rd/+ é' }

  beforeEach(() => stage({ users }))

  test('a POST is one write with its length, and looks are narrowed to the backend', async () => {
    await runAction({
      'stats-url': middleman.through(farm.statsUrl),
      ...users,
      backend: 'web',
      server: 'app1 app2',
      action: 'drain',
      'min-up': '0',
      wait: 'false'
    })
    const [look, post] = middleman.requests
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
        ...inputs(middleman.through(farm.statsUrl)),
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
      'stats-url': middleman.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'maint',
      'settle-time': '0s'
    }
    expect(await runAction(inputs)).toMatchObject({ outputs: { changed: 'true' } })
    middleman.reset()
    const again = await runAction(inputs)
    expect(again).toMatchObject({
      exitCode: 0,
      outputs: { changed: 'false', status: 'MAINT', 'previous-status': 'MAINT' }
    })
    expect(methods()).toEqual(['GET', 'GET'])
    expect(again.lastLine).toContain(
      `Safe to stop: web/app1 on ${inputs['stats-url']} is MAINT, as before, waited`
    )
  })

  test('status looks once', async () => {
    const result = await runAction({
      'stats-url': middleman.through(farm.statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'status'
    })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { changed: 'false', status: 'UP', sessions: '0', waited: '0.0' }
    })
    expect(methods()).toEqual(['GET'])
  })
})
