import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type DnsServer, startDnsServer } from '../support/dns-server.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { freePort } from '../support/ports.ts'
import { type RunningAction, startAction } from '../support/runner.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'

const host = 'app1.example.test'
const unresolved = 'MAINT (resolution)'

let dns: DnsServer
let farm: Farm
let wire: FaultProxy
let users: Traffic | undefined
beforeEach(async () => {
  dns = await startDnsServer()
  dns.names.set(host, '127.0.0.1')
})
afterEach(async () => {
  await users?.stop()
  users = undefined
  await wire.stop()
  await farm.stop()
  await dns.stop()
})

/** A server app1 that HAProxy knows by its name only. */
async function stage(options: string): Promise<void> {
  const port = await freePort()
  farm = await startFarm({
    servers: ['app1', 'app2'],
    serverOptions: '',
    extra: ([app1, app2]) =>
      [
        dns.section,
        'frontend named-users',
        `  bind 127.0.0.1:${port}`,
        '  default_backend named',
        'backend named',
        '  option httpchk GET /health',
        `  server app1 ${host}:${String(app1?.port)} ${options} resolvers local resolve-prefer ipv4 init-addr none`,
        `  server app2 127.0.0.1:${String(app2?.port)}`
      ].join('\n')
  })
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  users = startTraffic(`http://127.0.0.1:${port}`, { workers: 2, pauseMs: 5 })
  await seen(/^(UP|no check)$/)
}

async function set(state: 'maint' | 'drain' | 'ready'): Promise<void> {
  expect(await farm.post(`b=named&action=${state}&s=app1`)).toBe('DONE')
}

async function status(): Promise<string> {
  return farm.status('app1', 'named')
}

async function seen(pattern: RegExp): Promise<void> {
  await farm.until(async () => pattern.test(await status()))
}

/** The name is gone, and HAProxy has noticed. */
async function vanish(): Promise<void> {
  dns.names.delete(host)
  await seen(/^MAINT \(resolution\)$/)
}

function ready(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction({
    'stats-url': wire.through(farm.statsUrl),
    backend: 'named',
    server: 'app1',
    action: 'ready',
    'wait-timeout': '30s',
    'poll-interval': '200ms',
    'settle-time': '300ms',
    ...more
  })
}

function bodies(): string[] {
  return wire.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

describe.each(['fall 1', 'fall 3'])('a server with %s whose name DNS has lost', (fall) => {
  const options = `check inter 3s fastinter 200ms downinter 200ms rise 2 ${fall}`

  test('before the step is asked for nothing until the name is back, and then checked anew', async () => {
    await stage(options)
    await set('maint')
    await vanish()
    const application = farm.app('app1')
    application.health = 503
    const { served } = application
    const step = ready()
    await step.until(unresolved)
    await farm.until(() => wire.requests.length > 5)
    expect(bodies()).toEqual([])
    dns.names.set(host, '127.0.0.1')
    await step.until(/app1 is DOWN/)
    expect(bodies()).toContain('b=named&action=hdown&s=app1')
    expect(application.served).toBe(served)
    application.health = 200
    const result = await step.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(users?.failures).toEqual([])
  })

  test('after the requests is checked anew when the name is back', async () => {
    await stage(options)
    await set('maint')
    const application = farm.app('app1')
    application.health = 503
    const step = ready()
    await farm.until(() => bodies().includes('b=named&action=start&s=app1'))
    await vanish()
    await step.until(unresolved)
    wire.reset()
    dns.names.set(host, '127.0.0.1')
    await farm.until(() => bodies().includes('b=named&action=start&s=app1'))
    await seen(/^DOWN/)
    const { served } = application
    application.health = 200
    const result = await step.done
    const forcedDownAt = wire.requests.find(({ body }) => body.includes('hdown'))?.at
    expect(application.lastHealthCheckAt).toBeGreaterThan(forcedDownAt ?? Infinity)
    expect(application.requests[served]?.at).toBeGreaterThan(forcedDownAt ?? Infinity)
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(users?.failures).toEqual([])
  })

  test.each(['maint', 'drain'] as const)('is left in the %s of an operator', async (theirs) => {
    await stage(options)
    await set('maint')
    farm.app('app1').health = 503
    const step = ready()
    await farm.until(() => bodies().includes('b=named&action=start&s=app1'))
    await vanish()
    await step.until(unresolved)
    await set(theirs)
    wire.reset()
    dns.names.set(host, '127.0.0.1')
    const result = await step.done
    expect(bodies()).toEqual([])
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('somebody else changed it')
    await seen(theirs === 'maint' ? /^MAINT$/ : /^(DRAIN|DOWN)/)
  })

  test('is not up as long as it stays away', async () => {
    await stage(options)
    await set('maint')
    await vanish()
    const result = await ready({ 'wait-timeout': '2s' }).done
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: unresolved, changed: 'false' } })
    expect(result.lastLine).toContain('Not up within 2s')
    expect(bodies()).toEqual([])
  })
})

test('a server is not up that a name lost and found between two looks has put into rotation', async () => {
  await stage('check inter 6s rise 1 fall 1')
  await set('maint')
  farm.app('app1').health = 503
  const step = ready({ 'wait-timeout': '11s' })
  await farm.until(() => bodies().includes('b=named&action=start&s=app1'))
  await farm.until(async () => (await farm.row('named', 'app1'))['check_status'] === 'L7STS')
  wire.fault = () => ({ kind: 'hold', until: flap })
  const flap = vanish().then(async () => {
    dns.names.set(host, '127.0.0.1')
    await seen(/^UP$/)
  })
  await flap
  const result = await step.done
  expect(result).toMatchObject({ exitCode: 1 })
})

test.each([
  ['without a check', '', {}],
  ['with fresh-check: false', 'check inter 200ms rise 1', { 'fresh-check': 'false' }]
])('a server %s is ready when its name is back', async (_, options, more) => {
  await stage(options)
  await set('maint')
  await vanish()
  const step = ready(more)
  await step.until(unresolved)
  dns.names.set(host, '127.0.0.1')
  const result = await step.done
  expect(result).toMatchObject({ exitCode: 0 })
  expect(result.outputs['status']).toMatch(/^(UP|no check)$/)
})

test('a step that does not wait refuses a server whose name is gone before it asks for anything', async () => {
  await stage('check inter 200ms rise 1')
  await set('maint')
  await vanish()
  const result = await ready({ wait: 'false' }).done
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
  expect(result.lastLine).toContain('only DNS can end that')
  expect(bodies()).toEqual([])
})
