import { afterEach, describe, expect, test } from '@jest/globals'
import type { Application } from '../support/application.ts'
import { startBalancer } from '../support/balancer.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { startFaultProxy } from '../support/fault-proxy.ts'
import { makeResolver } from '../support/names.ts'
import { daysOlder } from '../support/page-text.ts'
import { freePort } from '../support/ports.ts'
import { type ActionResult, runAction, startAction } from '../support/runner.ts'

let port: number
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** A HAProxy whose statistics page can be read at these addresses as well, at one port. */
async function farmAt(addresses: readonly string[], other?: Farm): Promise<Farm> {
  const farm = await startFarm({
    ...(other !== undefined && { applications: other.applications }),
    extra: [
      'frontend more-stats',
      ...addresses.map((address) => `  bind ${address}:${port}`),
      '  stats enable',
      '  stats uri /admin',
      '  stats admin if TRUE'
    ].join('\n')
  })
  stops.push(() => farm.stop())
  return farm
}

/** Two HAProxies in front of the same applications, each at one of the two addresses of a name. */
async function pair(): Promise<[Farm, Farm]> {
  port = await freePort()
  const first = await farmAt(['127.0.0.1'])
  return [first, await farmAt(['127.0.0.2'], first)]
}

const addresses = ['127.0.0.1', '127.0.0.2']

async function run(more: Readonly<Record<string, string>> = {}): Promise<ActionResult> {
  const resolver = await makeResolver('lb.test', addresses)
  stops.push(() => resolver.stop())
  return runAction(
    {
      'stats-url': `http://lb.test:${port}/admin`,
      backend: 'web',
      server: 'app1',
      action: 'maint',
      'poll-interval': '200ms',
      'settle-time': '400ms',
      'hard-stop-after': '0s',
      ...more
    },
    { env: resolver.env }
  )
}

function statuses(farms: readonly Farm[]): Promise<string[]> {
  return Promise.all(farms.map((farm) => farm.status('app1')))
}

async function holdOn(farm: Farm, server: string): Promise<HeldConnection> {
  for (;;) {
    const held = await holdConnection(farm.userUrl)
    if (held.application === server) {
      stops.push(() => held.close())
      return held
    }
    await held.close()
  }
}

describe('two HAProxies with one name', () => {
  test.each([
    ['maint', 'true'],
    ['maint', 'false'],
    ['drain', 'true']
  ])(
    'are refused for %s, and rolled back, with their addresses named (wait: %s)',
    async (action, wait) => {
      const farms = await pair()
      const result = await run({ action, wait })
      expect(result).toMatchObject({
        exitCode: 1,
        outputs: { changed: 'false', 'safe-to-stop': 'false' }
      })
      expect(result.lastLine).toContain(
        `The host of http://lb.test:${port}/admin has several addresses, and they are several HAProxies: ` +
          'the change at 127.0.0.1 does not show at 127.0.0.2.'
      )
      expect(result.lastLine).toContain('What had changed was rolled back.')
      expect(result.lastLine).toContain('Name each HAProxy by an address of its own')
      for (const status of await statuses(farms)) expect(status).toMatch(/^UP/)
    }
  )

  test('are refused for ready, and rolled back', async () => {
    const farms = await pair()
    for (const farm of farms) await farm.set('app1', 'maint')
    const result = await run({ action: 'ready' })
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain('the change at 127.0.0.1 does not show at 127.0.0.2.')
    expect(await statuses(farms)).toEqual(['MAINT', 'MAINT'])
  })

  test('are refused where only the first has the server in maint already', async () => {
    const farms = await pair()
    await farms[0].set('app1', 'maint')
    const result = await run()
    expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toContain('several HAProxies')
    expect(await statuses(farms)).toEqual(['MAINT', 'UP'])
  })

  test('are not taken for one where both have the server in maint, and the second a session', async () => {
    const farms = await pair()
    const held = await holdOn(farms[1], 'app1')
    for (const farm of farms) await farm.set('app1', 'maint')
    const result = await run({ 'wait-timeout': '3s' })
    expect(held.open).toBe(true)
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(result.lastLine).not.toMatch(/^Safe to stop/)
  })

  test('are not taken for one where both have the server in maint, and neither a session', async () => {
    const farms = await pair()
    for (const farm of farms) await farm.set('app1', 'maint')
    const result = await run()
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: { changed: 'false', 'safe-to-stop': 'false' }
    })
    expect(result.lastLine).toContain(
      'they are several HAProxies: the process at 127.0.0.1 is not the one at 127.0.0.2.'
    )
    expect(await statuses(farms)).toEqual(['MAINT', 'MAINT'])
  })

  test('can be changed by their addresses', async () => {
    const farms = await pair()
    const urls = addresses.map((address) => `http://${address}:${port}/admin`).join(' ')
    const result = await run({ 'stats-url': urls })
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
    expect(await statuses(farms)).toEqual(['MAINT', 'MAINT'])
  })
})

describe('one HAProxy with several addresses', () => {
  test('is safe to stop a server of, and gets it back', async () => {
    port = await freePort()
    const farm = await farmAt(addresses)
    const result = await run()
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
    expect(result.lastLine).toMatch(/^Safe to stop: /)
    expect(await farm.status('app1')).toBe('MAINT')
    const back = await run({ action: 'ready' })
    expect(back).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  })

  test('of which one is out of reach cannot be proven to be one, and is rolled back', async () => {
    port = await freePort()
    const farm = await farmAt(['127.0.0.1'])
    const result = await run({ 'request-timeout': '1s' })
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: { changed: 'false', 'safe-to-stop': 'false' }
    })
    expect(result.lastLine).toContain(`at 127.0.0.2`)
    expect(result.lastLine).toContain('What had changed was rolled back.')
    expect(await farm.status('app1')).toMatch(/^UP/)
  })
})

describe('an address that moves during the wait to another HAProxy', () => {
  /** A step whose address moves while the first HAProxy has a session, and how the second one shows its age. */
  async function moved(farms: readonly [Farm, Farm], aged: (answer: Buffer) => Buffer) {
    const [first, second] = farms.map(({ statsUrl }) => Number(new URL(statsUrl).port))
    const older = await startFaultProxy({
      port: second ?? 0,
      fault: () => ({ kind: 'rewrite', rewrite: aged })
    })
    stops.push(() => older.stop())
    const behind = [first ?? 0]
    const balancer = await startBalancer(behind)
    stops.push(() => balancer.stop())
    await holdOn(farms[0], 'app1')
    const action = startAction({
      'stats-url': balancer.through(farms[0].statsUrl),
      backend: 'web',
      server: 'app1',
      action: 'maint',
      'poll-interval': '200ms',
      'settle-time': '400ms',
      'hard-stop-after': '0s'
    })
    await action.until('MAINT with 1 session')
    behind[0] = older.port
    return action.done
  }

  test('is drained there too where that was started shortly before, and proves nothing', async () => {
    const farms = await pair()
    const result = await moved(farms, (answer) =>
      Buffer.from(
        answer
          .toString('latin1')
          .replace(
            /(<b>uptime = <\/b> 0d 0h00m)(\d\d)s/,
            (_, rest: string, seconds: string) => `${rest}${String(Number(seconds) + 10)}s`
          ),
        'latin1'
      )
    )
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { changed: 'true', status: 'MAINT', 'safe-to-stop': 'false' }
    })
    expect(result.log).toContain(
      'Another process of HAProxy answers, perhaps after a reload, and web/app1 lost its admin state: whether an old process still holds sessions cannot be known.'
    )
    expect(result.lastLine).toMatch(/^Drained, but not proven safe to stop: web\/app1 is MAINT/)
    expect(result.lastLine).toContain('it may be older than the step: run the step again.')
    expect(await statuses(farms)).toEqual(['MAINT', 'MAINT'])
  })

  test('ends red where that was started long ago, and nothing is changed there', async () => {
    const farms = await pair()
    const result = await moved(farms, daysOlder)
    expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toContain(
      'web/app1 was asked for maint and is UP. Another process of HAProxy answers, and somebody else changed it since.'
    )
    expect(await statuses(farms)).toEqual(['MAINT', 'UP'])
  })
})

describe('two HAProxies behind one address that answer in turn', () => {
  test.each([
    ['maint', 'true'],
    ['maint', 'false'],
    ['drain', 'true']
  ])('have %s refused, and rolled back (wait: %s)', async (action, wait) => {
    const farms = await pair()
    const balancer = await startBalancer(
      farms.map(({ statsUrl }) => Number(new URL(statsUrl).port))
    )
    stops.push(() => balancer.stop())
    const url = balancer.through(farms[0].statsUrl)
    const result = await run({ 'stats-url': url, action, wait })
    expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toContain(`Two HAProxies answer in turn`)
    for (const status of await statuses(farms)) expect(status).toMatch(/^UP/)
    expect(Math.min(...balancer.connections)).toBeGreaterThan(0)
  })

  test.each([
    ['maint', 'true'],
    ['maint', 'false'],
    ['drain', 'true'],
    ['drain', 'false']
  ] as const)(
    'have the return of a dead application found in %s refused before any change (wait: %s)',
    async (state, wait) => {
      const farms = await pair()
      for (const farm of farms) await farm.set('app1', state)
      farms[0].app('app1').health = 503
      const balancer = await startBalancer(
        farms.map(({ statsUrl }) => Number(new URL(statsUrl).port))
      )
      stops.push(() => balancer.stop())
      const url = balancer.through(farms[0].statsUrl)
      const result = await run({ 'stats-url': url, action: 'ready', wait })
      expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
      expect(result.lastLine).toContain(`Two HAProxies answer in turn`)
      expect(result.lastLine).toContain('Nothing was changed.')
      for (const farm of farms) {
        // Neither forced down nor released: `DOWN` would hide the drain, so the application is well again.
        farms[0].app('app1').health = 200
        await farm.until(async () => (await farm.status('app1')) === state.toUpperCase())
      }
    }
  )

  test('are not safe to stop where both have the server in maint already', async () => {
    const farms = await pair()
    const held = await holdOn(farms[1], 'app1')
    for (const farm of farms) await farm.set('app1', 'maint')
    const balancer = await startBalancer(
      farms.map(({ statsUrl }) => Number(new URL(statsUrl).port))
    )
    stops.push(() => balancer.stop())
    const result = await run({
      'stats-url': balancer.through(farms[0].statsUrl),
      'wait-timeout': '3s'
    })
    expect(held.open).toBe(true)
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(await statuses(farms)).toEqual(['MAINT', 'MAINT'])
  })

  /** A port at which a HAProxy shows the process id that any other shows, as in containers. */
  async function inContainer(farm: Farm): Promise<number> {
    const wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
    stops.push(() => wire.stop())
    // As long as the true one, for the answer comes in chunks of known length.
    const rewrite = (answer: Buffer): Buffer =>
      Buffer.from(
        answer
          .toString('latin1')
          .replace(/(pid = <\/b> )(\d+)/, (_, label: string, pid: string) => {
            return label + '8'.padStart(pid.length, '0')
          }),
        'latin1'
      )
    wire.fault = ({ request }) =>
      request?.path.includes(';norefresh') === true ? { kind: 'rewrite', rewrite } : undefined
    return wire.port
  }

  test.each([
    ['maint', 'true'],
    ['maint', 'false'],
    ['drain', 'true']
  ])(
    'are found out even if they look like one, and each takes one of two backends (%s, wait: %s)',
    async (action, wait) => {
      port = await freePort()
      const extra = (applications: readonly Application[]): string =>
        [
          'backend api',
          ...applications.map((app) => `  server ${app.name} 127.0.0.1:${app.port}`)
        ].join('\n')
      const first = await startFarm({ serverOptions: '', extra })
      stops.push(() => first.stop())
      const second = await startFarm({
        serverOptions: '',
        extra,
        applications: first.applications
      })
      stops.push(() => second.stop())
      const balancer = await startBalancer([await inContainer(first), await inContainer(second)])
      stops.push(() => balancer.stop())
      const url = balancer.through(first.statsUrl)
      const result = await run({
        'stats-url': url,
        backend: '*',
        action,
        wait,
        'wait-timeout': '5s'
      })
      expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
      expect(result.lastLine).not.toMatch(/^(Safe to stop|Drained|Out of rotation)/)
    }
  )
})
