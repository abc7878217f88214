import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { freePort } from '../support/ports.ts'
import { type ActionResult, runAction, startAction } from '../support/runner.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'

let farm: Farm
let traffic: Traffic | undefined
afterEach(async () => {
  await traffic?.stop()
  traffic = undefined
  await farm.stop()
})

/** Users all the time, so that a server which takes traffic cannot go unnoticed. */
async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm(options)
  traffic = startTraffic(farm.userUrl, { workers: 2, pauseMs: 5 })
}

function inputs(): Record<string, string> {
  return {
    'stats-url': farm.statsUrl,
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
      /^Back and taking traffic: web\/app1 on \S+ is UP(?: with \d sessions?)?, waited /
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
    expect(application.served).toBe(served)
    expect(result.lastLine).toContain('Not up within 2s: web/app1 on')
    expect(result.lastLine).toContain('its last check says L7STS/503: Not Today')
    expect(result.lastLine).toMatch(
      /Now web\/app1 on \S+ is DOWN, asked for drain\. Look at the application/
    )
    expect(result.lastLine).toMatch(
      /Load balancing sends no user to web\/app1 on \S+ until somebody asks for ready/
    )
    application.health = 200
    await farm.until(async () => (await farm.status('app1')) === 'DRAIN')
    expect(traffic?.failures).toEqual([])
  })

  test('a server on which nothing listens never meets a user', async () => {
    await stage()
    await takeOut(state)
    await farm.app('app1').stop()
    const result = await ready({ 'wait-timeout': '2s' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('its last check says L4CON: Connection refused')
    expect(result.outputs['status']).toMatch(/^(DOWN|DRAIN 1\/3)/)
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

test('a server that still serves in drain goes straight to ready', async () => {
  farm = await startFarm()
  const held = await holdConnection(farm.userUrl)
  await farm.set(held.application, 'drain')
  const result = await ready({ server: held.application })
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP', sessions: '1' } })
  expect(result.log).not.toContain('Asking for maint')
  expect(held.open).toBe(true)
  await held.close()
})

test('a server that still serves in drain, but fails its checks, stays there until they pass', async () => {
  farm = await startFarm({ serverOptions: 'check inter 200ms fall 30 rise 2' })
  const held = await holdConnection(farm.userUrl)
  const application = farm.app(held.application)
  await farm.set(held.application, 'drain')
  application.health = 503
  await farm.until(async () => (await farm.status(held.application)).startsWith('DRAIN '))
  const waiting = startAction({ ...inputs(), server: held.application, action: 'ready' })
  await waiting.until('Asking for drain')
  expect(await farm.status(held.application)).toMatch(/^DRAIN \d+\/30$/)
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
  expect(result.lastLine).toContain('is UP, as before, waited')
})

test('a server without a check is ready at once, with a notice that nobody knows whether it is well', async () => {
  await stage({ serverOptions: (name) => (name === 'app1' ? '' : 'check inter 200ms') })
  await farm.set('app1', 'maint')
  const result = await ready()
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'no check' } })
  expect(result.log).not.toContain('Asking for drain')
  expect(result.annotations).toEqual([
    {
      level: 'notice',
      message: `web/app1 on ${farm.statsUrl} has no health check: HAProxy sends it traffic without knowing that it is well.`
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
    const result = await ready(both)
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP, no check' } })
    const asked = result.lines.filter((line) => /asking for|Asking for/.test(line))
    expect(asked.map((line) => /(drain|ready): (\S+)/.exec(line)?.slice(1))).toEqual([
      ['drain', 'web/app1'],
      ['ready', 'web/app1'],
      ['ready', 'api/app1']
    ])
  })
})

describe('with fall 1, where health is full at once', () => {
  const options = { serverOptions: 'check inter 200ms fall 1 rise 1' }

  test('the drain stage lasts 5 s, and a notice says why', async () => {
    await stage(options)
    await farm.set('app1', 'maint')
    const result = await ready()
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(Number(result.outputs['waited'])).toBeGreaterThanOrEqual(5)
    expect(result.annotations.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      expect.stringMatching(
        /^notice: HAProxy shows full health .* watching web\/app1 on \S+ for 5s\. If its check/
      )
    ])
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

test('with slowstart up is up, and a notice gives the present weight', async () => {
  await stage({ serverOptions: 'check inter 200ms fall 3 rise 2 weight 100 slowstart 30s' })
  await farm.set('app1', 'maint')
  const result = await ready()
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(result.annotations.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^web\/app1 on \S+ starts slowly: its weight is \d+ now \(\d+ %\)\.$/)
  ])
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
      `api/follower on ${farm.statsUrl} is MAINT (via web/app1): it follows web/app1; name that server instead. Nothing was changed.`
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
  })

  test('that follows a drained server cannot be made ready by itself', async () => {
    await stage(options)
    await farm.set('app1', 'drain')
    const result = await ready({ backend: 'api', server: 'follower', wait: 'false' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('It follows web/app1 (track): name that server instead.')
  })
})

test('without waiting, ready is asked for at once', async () => {
  farm = await startFarm()
  await farm.set('app1', 'maint')
  const result = await ready({ wait: 'false' })
  expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', waited: '0.0' } })
  expect(result.outputs['status']).toMatch(/^UP/)
  expect(result.lastLine).toContain('Not waited until up.')
})

test('with ready-through-drain false it waits for UP all the same', async () => {
  farm = await startFarm({ serverOptions: 'check inter 600ms fall 3 rise 2' })
  await farm.set('app1', 'maint')
  const result = await ready({ 'ready-through-drain': 'false' })
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(result.log).not.toContain('Asking for drain')
})

test('several servers come back side by side', async () => {
  await stage({ servers: 4 })
  const out = await ready({ action: 'maint', server: 'app1 app2 app3' })
  expect(out.exitCode).toBe(0)
  await farm.app('app3').stop()
  const result = await ready({ server: 'app1 app2 app3', 'wait-timeout': '6s' })
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain('Not up within 6s: web/app3 on')
  expect(await farm.status('app1')).toBe('UP')
  expect(await farm.status('app2')).toBe('UP')
  expect(traffic?.failures).toEqual([])
})
