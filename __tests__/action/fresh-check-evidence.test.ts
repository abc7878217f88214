import { afterEach, describe, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { freePort } from '../support/ports.ts'
import { type ActionResult, runAction, runPost, startAction } from '../support/runner.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'

let farm: Farm
let wire: FaultProxy
const crowds: Traffic[] = []
afterEach(async () => {
  await Promise.all(crowds.splice(0).map((traffic) => traffic.stop()))
  await wire.stop()
  await farm.stop()
})

async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm(options)
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
}

/** A check like this for app1, and none for the others. */
function check(options: string): FarmOptions {
  return { serverOptions: (name) => (name === 'app1' ? `check ${options}` : '') }
}

function startUsers(url = farm.userUrl): Traffic {
  const users = startTraffic(url, { workers: 2, pauseMs: 5 })
  crowds.push(users)
  return users
}

function inputs(): Record<string, string> {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server: 'app1',
    action: 'ready',
    'poll-interval': '200ms',
    'settle-time': '0s'
  }
}

function ready(more: Readonly<Record<string, string>> = {}): Promise<ActionResult> {
  return runAction({ ...inputs(), ...more })
}

/** When the step asked for something with this in its body, in milliseconds since 1970. */
function askedAt(part = ''): number {
  const asked = wire.requests.find(({ method, body }) => method === 'POST' && body.includes(part))
  if (asked === undefined) throw new Error(`The step never asked for ${part}`)
  return asked.at
}

function bodies(): string[] {
  return wire.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

/** Resolves when the next health check of app1 has begun. */
async function nextCheck(): Promise<void> {
  const { healthChecks } = farm.app('app1')
  await farm.until(() => farm.app('app1').healthChecks > healthChecks)
}

describe('what counts as a fresh check', () => {
  test('is none that began before the step asked, however rare checks are', async () => {
    await stage(check('inter 8s fall 1 rise 1'))
    await farm.until(() => farm.app('app1').healthChecks > 0)
    await farm.set('app1', 'maint')
    startUsers()
    const result = await ready({ 'wait-timeout': '30s' })
    expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThan(askedAt())
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    await farm.until(() => farm.app('app1').served > 0)
    // Both may fall into one millisecond.
    expect(farm.app('app1').requests[0]?.at).toBeGreaterThanOrEqual(
      farm.app('app1').lastHealthCheckAt ?? 0
    )
  })

  test('is not one that began before, passes since, and is the last to pass', async () => {
    await stage(check('inter 1s fall 3 rise 1'))
    const application = farm.app('app1')
    await farm.set('app1', 'drain')
    startUsers()
    application.healthDelayMs = 4_000
    await nextCheck()
    const beganAt = Date.now()
    const { served } = application
    const step = startAction({ ...inputs(), 'wait-timeout': '8s' })
    await farm.until(() => (application.lastHealthCheckAt ?? 0) > beganAt - 2_000)
    application.health = 503
    const result = await step.done
    expect(application.served).toBe(served)
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN' } })
    // Its premise: the check was running when health was forced down.
    expect(askedAt('hdown')).toBeGreaterThan(beganAt)
    expect(askedAt('hdown')).toBeLessThan(beganAt + 3_900)
    application.healthDelayMs = 0
    application.health = 200
    await farm.until(async () => (await farm.status('app1')) === 'UP')
  })

  test('is one that began since, where one from before still ran', async () => {
    await stage(check('inter 1s fall 3 rise 1'))
    const application = farm.app('app1')
    await farm.set('app1', 'drain')
    application.healthDelayMs = 1_500
    await nextCheck()
    const result = await ready({ 'wait-timeout': '20s' })
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(application.lastHealthCheckAt).toBeGreaterThan(askedAt('hdown'))
  })

  test('is found, however quick checks are', async () => {
    await stage(check('inter 20ms fall 3 rise 1'))
    await farm.set('app1', 'drain')
    const result = await ready()
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  })

  test('is awaited of HAProxy alone, however little time there is between checks that hang', async () => {
    await stage({ ...check('inter 100ms fall 100 rise 1'), backendLines: ['timeout check 2s'] })
    const application = farm.app('app1')
    await farm.set('app1', 'drain')
    application.healthDelayMs = 60_000
    await nextCheck()
    const result = await ready({ 'wait-timeout': '4s' })
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN' } })
    application.healthDelayMs = 0
    await farm.until(async () => (await farm.status('app1')) === 'UP')
  })

  test('is asked of a server in drain, too, on which a pinned client hangs', async () => {
    await stage(check('inter 3s fall 3 rise 1'))
    const held = await holdOn('app1')
    await farm.set('app1', 'drain')
    await nextCheck()
    const result = await ready()
    expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThan(askedAt())
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP', sessions: '1' } })
    expect(held.open).toBe(true)
    await held.close()
  })

  test('is no check that hangs, for the post step neither', async () => {
    await stage(check('inter 300ms fall 3 rise 2'))
    const given = { ...inputs(), action: 'maint', wait: 'false', restore: 'always' }
    const main = await runAction(given)
    expect(main).toMatchObject({ exitCode: 0 })
    const application = farm.app('app1')
    application.healthDelayMs = 60_000
    startUsers()
    const { served } = application
    expect(await runPost(main, given)).toMatchObject({ exitCode: 0 })
    expect(application.served).toBe(served)
    expect(await farm.status('app1')).toBe('DOWN')
  })
})

/** A connection that is held on this server of two. */
async function holdOn(server: string): ReturnType<typeof holdConnection> {
  const held = [await holdConnection(farm.userUrl), await holdConnection(farm.userUrl)]
  const mine = held.find(({ application }) => application === server)
  if (mine === undefined) throw new Error(`No connection went to ${server}`)
  await Promise.all(held.filter((one) => one !== mine).map((one) => one.close()))
  return mine
}

describe('a server in drain, while no other serves,', () => {
  test.each([
    ['because there is none', 1],
    ['because the other is in maint', 2]
  ])('%s, is released as it is, with a notice', async (_, servers) => {
    await stage({ servers })
    await farm.set('app1', 'drain')
    if (servers > 1) await farm.set('app2', 'maint')
    const result = await ready()
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(bodies()).toEqual(['b=web&action=start&s=app1'])
    expect(result.annotations).toEqual([
      {
        level: 'notice',
        message: expect.stringMatching(/^web\/app1 comes back without a fresh check: no other/)
      }
    ])
  })
})

test('a server in drain is checked anew while another serves, if at a part of its weight', async () => {
  await stage({
    serverOptions: (name) =>
      name === 'app1' ? 'check inter 2s fall 3 rise 2' : 'check inter 200ms rise 1 slowstart 1m'
  })
  await farm.set('app1', 'drain')
  await farm.set('app2', 'maint')
  await farm.set('app2', 'ready')
  await farm.until(async () => (await farm.status('app2')) === 'UP')
  startUsers()
  const application = farm.app('app1')
  const { served } = application
  application.health = 503
  const result = await ready({ 'wait-timeout': '2s' })
  expect(application.served).toBe(served)
  expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN' } })
})

describe.each([
  ['without a health check', false],
  ['whose health check is switched off', true]
])('a server %s', (_, isSwitchedOff) => {
  test.each(['maint', 'drain'] as const)('is never forced down, found in %s', async (state) => {
    await stage({
      serverOptions: (name) => (name === 'app1' && !isSwitchedOff ? '' : 'check inter 200ms rise 1')
    })
    if (isSwitchedOff) expect(await farm.post('b=web&action=dhlth&s=app1')).toBe('DONE')
    await farm.set('app1', state)
    const result = await ready()
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'no check' } })
    expect(bodies()).toEqual(['b=web&action=ready&s=app1'])
    startUsers()
    await farm.until(() => farm.app('app1').served > 0)
  })
})

test('a server with a weight of 0 is not up', async () => {
  await stage(check('inter 200ms rise 1 weight 0'))
  await farm.set('app1', 'maint')
  const result = await ready({ 'wait-timeout': '3s' })
  expect(await farm.status('app1')).toBe('UP')
  expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'UP' } })
  expect(result.lastLine).toContain('its weight is 0, so load balancing sends it nobody')
})

describe('with slowstart', () => {
  test('a server is up when it has its full weight', async () => {
    await stage(check('inter 200ms rise 1 weight 100 slowstart 3s'))
    await farm.set('app1', 'maint')
    const result = await ready()
    expect(await farm.row('web', 'app1')).toMatchObject({ throttle: '', weight: '100' })
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  })

  test('a server that gets a part of its weight is not counted by the guard', async () => {
    await stage(check('inter 200ms rise 1 weight 100 slowstart 1m'))
    await farm.set('app1', 'maint')
    await farm.set('app1', 'ready')
    await farm.until(async () => (await farm.row('web', 'app1'))['status'] === 'UP')
    const result = await ready({ action: 'maint', server: 'app2', wait: 'false' })
    expect(await farm.status('app2')).toBe('no check')
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toMatch(/not counted: app1 \(UP, \d+ % of its weight\)/)
  })
})

/** The same two servers once more, in a backend `api` with users of its own. */
async function stageTwice(options: (name: string) => string): Promise<Traffic> {
  const port = await freePort()
  await stage({
    extra: (applications) =>
      [
        'frontend api-users',
        `  bind 127.0.0.1:${port}`,
        '  default_backend api',
        'backend api',
        ...applications.map((application) => {
          const { name } = application
          return `  server ${name} 127.0.0.1:${application.port} ${options(name)}`
        })
      ].join('\n')
  })
  return startUsers(`http://127.0.0.1:${port}`)
}

/** Takes app1 out of these backends, and waits until nothing is on its way to it. */
async function takeOut(backend: string, action: 'maint' | 'drain'): Promise<void> {
  expect(await ready({ backend, action, 'settle-time': '300ms' })).toMatchObject({ exitCode: 0 })
  wire.reset()
}

describe.each(['maint', 'drain'] as const)(
  'from %s, a server that another one follows',
  (state) => {
    test('comes back with it, and none of them meets a user while its check fails', async () => {
      const users = await stageTwice((name) => (name === 'app1' ? 'track web/app1' : ''))
      await takeOut('web', state)
      const application = farm.app('app1')
      application.health = 503
      const { served } = application
      const result = await ready({ backend: 'web api', 'wait-timeout': '2s' })
      expect(application.served).toBe(served)
      expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN' } })
      expect(bodies()).not.toContain('b=api&action=hdown&s=app1')
      application.health = 200
      await farm.until(() => application.served > served)
      await farm.until(async () => (await farm.status('app1', 'api')) === 'UP')
      expect(users.failures).toEqual([])
    })

    test('is up with it once it has passed its check', async () => {
      await stageTwice((name) => (name === 'app1' ? 'track web/app1' : ''))
      await takeOut('web', state)
      const result = await ready({ backend: 'web api' })
      expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThan(askedAt('hdown'))
      expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    })
  }
)

test('a follower that comes back alone has no check of its own, and a notice says so', async () => {
  await stageTwice((name) => (name === 'app1' ? 'track web/app1' : ''))
  await takeOut('api', 'maint')
  const result = await ready({ backend: 'api' })
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(bodies()).toEqual(['b=api&action=ready&s=app1'])
  expect(result.annotations.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^api\/app1 follows web\/app1 \(track\): this step did not/)
  ])
})

describe.each(['maint', 'drain'] as const)(
  'from %s, a server that is checked in one backend and not in another',
  (state) => {
    test('meets no user anywhere while its check fails', async () => {
      const users = await stageTwice(() => '')
      await takeOut('web api', state)
      const application = farm.app('app1')
      application.health = 503
      const { served } = application
      const result = await ready({ backend: 'web api', 'wait-timeout': '2s' })
      expect(application.served).toBe(served)
      expect(result).toMatchObject({ exitCode: 1 })
      expect(await farm.status('app1', 'api')).toBe(state.toUpperCase())
      expect(users.failures).toEqual([])
    })

    test('is ready where it has none once it is up where it has one', async () => {
      await stageTwice(() => '')
      await takeOut('web api', state)
      const result = await ready({ backend: 'web api' })
      expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP, no check' } })
      expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThan(askedAt('hdown'))
      const api = bodies().filter((body) => body.startsWith('b=api'))
      expect(api).toEqual(['b=api&action=ready&s=app1'])
      expect(bodies().at(-1)).toBe(api[0])
    })
  }
)
