import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { freePort } from '../support/ports.ts'
import { type ActionResult, runAction, startAction } from '../support/runner.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'

let farm: Farm
let traffic: Traffic | undefined
let faultProxy: FaultProxy | undefined
afterEach(async () => {
  await traffic?.stop()
  traffic = undefined
  await faultProxy?.stop()
  faultProxy = undefined
  await farm.stop()
})

/** Stands before the statistics page from now on, so that a test can see what is asked for. */
async function record(): Promise<FaultProxy> {
  faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  return faultProxy
}

/** What was asked for of which server, in that order; `hdown` again, after a check that ran meanwhile, once. */
function asked({ requests }: FaultProxy): string[] {
  return requests
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => new URLSearchParams(body))
    .map((form) => `${form.get('action') ?? ''} ${form.get('b') ?? ''}/${form.getAll('s').join()}`)
    .filter((each, index, all) => each !== all[index - 1])
}

/** Users all the time, so that a server which takes traffic cannot go unnoticed. */
async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm(options)
  traffic = startTraffic(farm.userUrl, { workers: 2, pauseMs: 5 })
}

function inputs(): Record<string, string> {
  return {
    'stats-url': faultProxy?.through(farm.statsUrl) ?? farm.statsUrl,
    backend: 'web',
    server: 'app1',
    'poll-interval': '200ms',
    'settle-time': '300ms'
  }
}

function ready(more: Record<string, string> = {}): Promise<ActionResult> {
  return runAction({ ...inputs(), action: 'ready', ...more })
}

/** Takes app1 out the way a deploy does: when this is done, nothing is on its way to it. */
async function takeOut(state: 'maint' | 'drain'): Promise<void> {
  expect(await ready({ action: state })).toMatchObject({ exitCode: 0 })
}

describe.each(['maint', 'drain'] as const)('from %s', (state) => {
  test('a healthy server is UP only after a check that began after its restart', async () => {
    await stage()
    const application = farm.app('app1')
    await takeOut(state)
    await application.stop()
    await application.start()
    const restartedAt = Date.now()
    const served = application.served
    const result = await ready()
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: {
        changed: 'true',
        status: 'UP',
        'previous-status': /^maint$/.test(state) ? 'MAINT' : expect.stringMatching(/^(DRAIN|DOWN)/)
      }
    })
    expect(application.lastHealthCheckAt).toBeGreaterThanOrEqual(restartedAt)
    expect(result.lastLine).toMatch(
      /^Back and taking traffic: web\/app1 is UP(?: with \d sessions?)?, waited /
    )
    await farm.until(() => application.served > served)
    expect(traffic?.failures).toEqual([])
  })

  test('a server that answers its check with 503 never meets a user', async () => {
    // In drain it takes ten failed checks to be DOWN, after leaving maint one: it is found in drain.
    await stage({ serverOptions: 'check inter 200ms fall 10 rise 2' })
    const application = farm.app('app1')
    await takeOut(state)
    application.health = 503
    application.reason = 'Not Today'
    const served = application.served
    const result = await ready({ 'wait-timeout': '2s' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('Not up within 2s: web/app1')
    expect(result.lastLine).toContain('its last check says L7STS/503: Not Today')
    expect(result.lastLine).toMatch(
      / is DOWN, .* HAProxy brings web\/app1 up by itself once its health check passes; to keep it out, ask for maint\.$/
    )
    const checks = application.healthChecks
    await farm.until(() => application.healthChecks > checks + 3)
    expect(application.served).toBe(served)
    application.health = 200
    await farm.until(async () => (await farm.status('app1')) === 'UP')
    await farm.until(() => application.served > served)
    expect(traffic?.failures).toEqual([])
  })

  test('what on-timeout restore rolls back does not come up by itself', async () => {
    // In drain it must not be down already, which would hide the drain.
    await stage({ serverOptions: 'check inter 200ms fall 30 rise 2' })
    const application = farm.app('app1')
    await takeOut(state)
    application.health = 503
    const result = await ready({ 'wait-timeout': '2s', 'on-timeout': 'restore' })
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain('What had changed was rolled back.')
    expect(result.lastLine).not.toContain('by itself')
    application.health = 200
    const wanted = state === 'maint' ? 'MAINT' : 'DRAIN'
    await farm.until(async () => (await farm.status('app1')) === wanted)
    expect(traffic?.failures).toEqual([])
  })

  test('a server on which nothing listens never meets a user', async () => {
    await stage()
    await takeOut(state)
    await farm.app('app1').stop()
    const result = await ready({ 'wait-timeout': '2s' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('its last check says L4CON: Connection refused')
    expect(result.outputs['status']).toBe('DOWN')
    expect(traffic?.failures).toEqual([])
    expect(farm.haproxy.output).not.toContain('retries exhausted')
  })
})

test('a server that dies after it was drained is DOWN and must earn its way up', async () => {
  await stage()
  await takeOut('drain')
  await farm.app('app1').stop()
  await farm.until(async () => (await farm.status('app1')) === 'DOWN')
  const waiting = startAction({ ...inputs(), action: 'ready' })
  await waiting.until('is DOWN')
  await farm.app('app1').start()
  expect(await waiting.done).toMatchObject({
    exitCode: 0,
    outputs: { status: 'UP', 'previous-status': 'DOWN' }
  })
  expect(traffic?.failures).toEqual([])
})

test('a server that still serves in drain passes a fresh check too, and keeps its sessions', async () => {
  farm = await startFarm()
  const held = await holdConnection(farm.userUrl)
  await farm.set(held.application, 'drain')
  const wire = await record()
  const beganAt = Date.now()
  const result = await ready({ server: held.application })
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP', sessions: '1' } })
  const server = `web/${held.application}`
  expect(asked(wire)).toEqual([`drain ${server}`, `hdown ${server}`, `start ${server}`])
  expect(farm.app(held.application).lastHealthCheckAt).toBeGreaterThanOrEqual(beganAt)
  expect(held.open).toBe(true)
  await held.close()
})

test('a server in drain that alone serves comes back without a fresh check, and a notice says why', async () => {
  farm = await startFarm({ servers: ['app1'] })
  await farm.set('app1', 'drain')
  const wire = await record()
  const result = await ready()
  expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'UP' } })
  expect(asked(wire)).toEqual(['start web/app1'])
  expect(result.annotations).toEqual([
    {
      level: 'notice',
      message: expect.stringMatching(
        /^web\/app1 comes back without a fresh check: no other server of web serves/
      )
    }
  ])
})

test('a server that still serves in drain, but fails its checks, is down until they pass', async () => {
  farm = await startFarm({ serverOptions: 'check inter 200ms fall 30 rise 2' })
  const held = await holdConnection(farm.userUrl)
  const application = farm.app(held.application)
  await farm.set(held.application, 'drain')
  application.health = 503
  await farm.until(async () => (await farm.status(held.application)).startsWith('DRAIN '))
  const waiting = startAction({ ...inputs(), server: held.application, action: 'ready' })
  await waiting.until('Ending the drain')
  expect(await farm.status(held.application)).toBe('DOWN')
  application.health = 200
  expect(await waiting.done).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(held.open).toBe(true)
  await held.close()
})

test('a server that is up already is left alone', async () => {
  farm = await startFarm()
  const result = await ready()
  expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false', status: 'UP' } })
  expect(result.log).not.toContain('Asking')
  expect(result.lastLine).toMatch(
    /^Back and taking traffic: web\/app1 is UP, as before, waited \S+\. Already up, so not checked again\.$/
  )
})

test('a server without a check is ready at once, with a notice that nobody knows whether it is healthy', async () => {
  await stage({ serverOptions: (name) => (name === 'app1' ? '' : 'check inter 200ms') })
  await farm.set('app1', 'maint')
  const result = await ready()
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'no check' } })
  expect(result.log).not.toContain('Asking for drain')
  expect(result.annotations).toEqual([
    {
      level: 'notice',
      message: `web/app1 has no health check: HAProxy sends it traffic without knowing whether it is healthy.`
    }
  ])
})

describe('a server that is checked in one backend and not in another', () => {
  let apiPort: number
  const both = { backend: 'web api' }
  beforeEach(async () => {
    apiPort = await freePort()
    await stage({
      extra: (applications) =>
        [
          'frontend api-users',
          `  bind 127.0.0.1:${apiPort}`,
          '  default_backend api',
          'backend api',
          ...applications.map(({ name, port }) => `  server ${name} 127.0.0.1:${port}`)
        ].join('\n')
    })
    await takeOut('maint')
    expect(await ready({ action: 'maint', ...both })).toMatchObject({ exitCode: 0 })
  })

  test('meets no user anywhere while its check fails', async () => {
    const application = farm.app('app1')
    application.health = 503
    const served = application.served
    const users = startTraffic(`http://127.0.0.1:${apiPort}`, { workers: 2, pauseMs: 5 })
    const result = await ready({ ...both, 'wait-timeout': '2s' })
    await users.stop()
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN, MAINT' } })
    expect(application.served).toBe(served)
    expect(users.failures).toEqual([])
  })

  test('is ready in both once the check has passed', async () => {
    const wire = await record()
    const result = await ready(both)
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP, no check' } })
    expect(asked(wire)).toEqual([
      'drain web/app1',
      'hdown web/app1',
      'start web/app1',
      'ready api/app1'
    ])
  })
})

describe('with fall 1, where health is full at once', () => {
  const options = { serverOptions: 'check inter 200ms fall 1 rise 1' }

  test('a server is UP only after a check that began after the step, however long that takes', async () => {
    await stage({ serverOptions: 'check inter 6s fastinter 200ms downinter 6s fall 1 rise 1' })
    await takeOut('maint')
    const beganAt = Date.now()
    const result = await ready({ 'wait-timeout': '30s' })
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThanOrEqual(beganAt)
    expect(result.annotations).toEqual([])
    expect(traffic?.failures).toEqual([])
  })

  test('a dead server never meets a user', async () => {
    await stage(options)
    await takeOut('maint')
    await farm.app('app1').stop()
    const result = await ready({ 'wait-timeout': '3s' })
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN' } })
    expect(traffic?.failures).toEqual([])
  })
})

describe('with slowstart', () => {
  const options = (slowstart: string): FarmOptions => ({
    serverOptions: `check inter 200ms fall 3 rise 2 weight 100 slowstart ${slowstart}`
  })

  test('a server is up once it has its full weight', async () => {
    await stage(options('3s'))
    await farm.set('app1', 'maint')
    const result = await ready()
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(await farm.row('web', 'app1')).toMatchObject({ throttle: '', weight: '100' })
    expect(result.annotations).toEqual([])
  })

  test('a server that does not have its full weight in time is not up, and the last line says why', async () => {
    await stage(options('1m'))
    await farm.set('app1', 'maint')
    const result = await ready({ 'wait-timeout': '3s' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(
      /^Not up within 3s: web\/app1 is UP.*, slowstart gives it \d+ % of its weight\./
    )
  })
})

test('a backup server comes back the same way', async () => {
  await stage({
    servers: 3,
    serverOptions: (name) => `check inter 200ms fall 3 rise 2 ${name === 'app1' ? 'backup' : ''}`
  })
  await farm.set('app1', 'maint')
  const result = await ready()
  expect(result).toMatchObject({
    exitCode: 0,
    outputs: { status: 'UP', 'previous-status': 'MAINT' }
  })
  expect(result.log).toContain('Asking for drain')
})

describe('a server that tracks another', () => {
  const options: FarmOptions = {
    extra: ([first]) =>
      `backend api\n  server follower 127.0.0.1:${String(first?.port)} track web/app1`
  }

  test('is refused while it is in maint through the other, which is named', async () => {
    await stage(options)
    await farm.set('app1', 'maint')
    const result = await ready({ backend: 'api', server: 'follower' })
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain(
      `api/follower is MAINT (via web/app1): it follows web/app1; name that server instead. Nothing was changed.`
    )
  })

  test('comes back from a maint of its own', async () => {
    await stage(options)
    expect(await farm.post('b=api&action=maint&s=follower')).toBe('DONE')
    const result = await ready({ backend: 'api', server: 'follower' })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { status: 'UP', 'previous-status': 'MAINT' }
    })
    expect(result.annotations).toEqual([
      {
        level: 'notice',
        message: expect.stringMatching(/^api\/follower follows web\/app1 \(track\): /)
      }
    ])
  })

  test('that follows a drained server cannot be made ready by itself', async () => {
    await stage(options)
    await farm.set('app1', 'drain')
    const result = await ready({ backend: 'api', server: 'follower', wait: 'false' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('It follows web/app1 (track): name that server instead.')
  })
})

test('without waiting a server passes a fresh check too, and HAProxy brings it up by itself', async () => {
  await stage()
  await takeOut('maint')
  const application = farm.app('app1')
  application.health = 503
  const { served } = application
  const wire = await record()
  const result = await ready({ wait: 'false' })
  expect(result).toMatchObject({
    exitCode: 0,
    outputs: { changed: 'true', status: 'DOWN', waited: '0.0' }
  })
  expect(result.lastLine).toMatch(
    /^Ready: web\/app1 is DOWN, asked for ready\. This step did not wait until up\.$/
  )
  expect(asked(wire)).toEqual(['drain web/app1', 'hdown web/app1', 'start web/app1'])
  const checks = application.healthChecks
  await farm.until(() => application.healthChecks > checks + 3)
  expect(application.served).toBe(served)
  application.health = 200
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  expect(traffic?.failures).toEqual([])
})

test('with fresh-check false a server is asked to be ready, and waited for all the same', async () => {
  farm = await startFarm({ serverOptions: 'check inter 600ms fall 3 rise 2' })
  await farm.set('app1', 'maint')
  const wire = await record()
  const result = await ready({ 'fresh-check': 'false' })
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(asked(wire)).toEqual(['ready web/app1'])
})

test('several servers come back side by side', async () => {
  await stage({ servers: 4 })
  const out = await ready({ action: 'maint', server: 'app1 app2 app3' })
  expect(out.exitCode).toBe(0)
  await farm.app('app3').stop()
  const result = await ready({ server: 'app1 app2 app3', 'wait-timeout': '6s' })
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain('Not up within 6s: web/app3')
  expect(await farm.status('app1')).toBe('UP')
  expect(await farm.status('app2')).toBe('UP')
  expect(traffic?.failures).toEqual([])
})
