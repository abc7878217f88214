import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type Application } from '../support/application.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ActionResult, runAction } from '../support/runner.ts'

// Ten thousand servers take a while to start on a machine that is busy.
jest.setTimeout(60_000)

const CHECK = 'check inter 200ms fall 3 rise 2'
let farms: Farm[]
let faultProxy: FaultProxy | undefined
beforeEach(() => {
  farms = []
  faultProxy = undefined
})
afterEach(async () => {
  await faultProxy?.stop()
  await Promise.all(farms.map((farm) => farm.stop()))
})

async function start(options: Parameters<typeof startFarm>[0]): Promise<Farm> {
  const farm = await startFarm(options)
  farms.push(farm)
  return farm
}

function look(url: string, inputs: Record<string, string> = {}): Promise<ActionResult> {
  return runAction({
    'stats-url': url,
    backend: '*',
    server: '*',
    action: 'status',
    expect: 'up',
    ...inputs
  })
}

/** A second backend with the same applications. */
function api(applications: readonly Application[]): string {
  const lines = applications.map(({ name, port }) => `  server ${name} 127.0.0.1:${port}`)
  return ['backend api', ...lines].join('\n')
}

describe('a fleet', () => {
  test('that is up is green, with its counts, and nothing is changed', async () => {
    const farm = await start({ servers: 3, extra: api })
    const result = await look(farm.statsUrl)
    expect(result).toMatchObject({ exitCode: 0, annotations: [] })
    expect(result.lastLine).toBe('All 6 servers are up: 3 in web, 3 in api.')
    expect(result.outputs).toMatchObject({ changed: 'false', status: 'UP, no check' })
    expect(JSON.parse(result.outputs['result'] ?? '')).toHaveLength(6)
  })

  test('behind two HAProxies is looked at on both', async () => {
    const first = await start({ servers: 2 })
    const second = await start({ applications: first.applications })
    await second.set('app2', 'drain')
    const urls = `${first.statsUrl} ${second.statsUrl}`
    const red = await look(urls)
    expect(red.exitCode).toBe(1)
    expect(red.lastLine).toMatch(/^1 of 4 servers not up: /)
    expect(red.lastLine).toContain(`web/app2 on ${second.statsUrl} is DRAIN for `)
    await second.set('app2', 'ready')
    const green = await look(urls)
    expect(green).toMatchObject({ exitCode: 0 })
    expect(green.lastLine).toBe(
      `All 4 servers are up: 2 in web on ${first.statsUrl} and 2 in web on ${second.statsUrl}.`
    )
  })

  test('that is not up is red, and each server is named with the reason', async () => {
    const farm = await start({
      servers: ['well', 'drained', 'maintained', 'dead', 'weightless', 'young'],
      serverOptions: (name) => (name === 'young' ? `${CHECK} slowstart 10m` : CHECK)
    })
    await farm.set('drained', 'drain')
    await farm.set('maintained', 'maint')
    await farm.set('young', 'maint')
    await farm.app('dead').stop()
    await farm.haproxy.command('set server web/weightless weight 0')
    await farm.until(async () => (await farm.status('dead')) === 'DOWN')
    await farm.set('young', 'ready')
    await farm.until(async () => (await farm.status('young')) === 'UP')
    const result = await look(farm.statsUrl)
    expect(result.exitCode).toBe(1)
    const [said = '', advice = ''] = result.lastLine.split(' Nothing was changed. ')
    const age = String.raw`\d+[ms]\w*`
    const expected = [
      `^5 of 6 servers not up: web/dead is DOWN for ${age}, its last check says L4CON(: .*)?`,
      `web/maintained is MAINT for ${age} at most`,
      `web/drained is DRAIN for ${age} at most`,
      `web/weightless is UP for ${age} at most, its weight is 0, so load balancing sends it nobody`,
      String.raw`web/young is UP for ${age}, slowstart gives it \d+ % of its weight\.$`
    ]
    said.split('; ').forEach((part, index) => {
      expect(part).toMatch(new RegExp(expected[index] ?? '$^'))
    })
    expect(said.split('; ')).toHaveLength(5)
    expect(advice).toContain('forgotten: action: ready brings them back.')
    expect(advice).toContain('look at its application.')
    expect(advice).toContain('A weight of 0 is given by')
    expect(advice).toContain('Slowstart ends by itself')
    expect(result.annotations).toEqual([
      expect.objectContaining({ level: 'error', message: result.lastLine })
    ])
    expect(result.summary).toContain('<h3>❌ 5 servers: not up</h3>')
    expect(await farm.status('drained')).toBe('DRAIN')
    const seen = await look(farm.statsUrl, { expect: '' })
    expect(seen).toMatchObject({ exitCode: 0 })
    expect(seen.lastLine).toMatch(/^Seen: web\/well, /)
  })

  test('needs no right to change anything', async () => {
    const farm = await start({ servers: 1, statsLines: [] })
    expect(await look(farm.statsUrl)).toMatchObject({ exitCode: 0 })
  })
})

test.each(['maint', 'drain', 'ready', 'shutdown', 'hdown'])(
  'every server at once cannot be asked for %s, and HAProxy is not even looked at',
  async (action) => {
    const farm = await start({ servers: 2 })
    faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
    const url = faultProxy.through(farm.statsUrl)
    const result = await look(url, { action, expect: '' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toBe('Nothing was changed. Correct the input server.')
    expect(result.annotations[0]?.message).toContain('Servers must be named one by one')
    expect(faultProxy.connections).toEqual([])
    expect([await farm.status('app1'), await farm.status('app2')]).toEqual(['UP', 'UP'])
  }
)

describe('ten thousand servers', () => {
  const BACKENDS = 10
  const SERVERS = 1_000

  /** Backends `b0` to `b9`, of each of which so many servers begin in maint. */
  function many(disabled: number): string {
    const lines = (): string[] =>
      Array.from({ length: SERVERS }, (_, index) => {
        const option = index < disabled ? ' disabled' : ''
        return `  server node${index} 127.0.0.1:9${option}`
      })
    return Array.from({ length: BACKENDS }, (_, index) => [`backend b${index}`, ...lines()])
      .flat()
      .join('\n')
  }

  async function lookAt(disabled: number, inputs: Record<string, string>): Promise<ActionResult> {
    const farm = await start({ servers: 1, extra: many(disabled) })
    faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
    const result = await look(faultProxy.through(farm.statsUrl), inputs)
    // A notice, for the output that is too large.
    expect(result.annotations.filter(({ level }) => level === 'notice')).toHaveLength(1)
    expect(result.outputs['result']).toBe('')
    expect(result.summary.length).toBeLessThan(100_000)
    expect(result.summary.split('<tr><td>').length - 1).toBe(50)
    return result
  }

  const linesOf = ({ log }: ActionResult): string[] =>
    log.split('\n').filter((line) => line.includes(' is MAINT '))

  test('that are all up cost one request', async () => {
    const result = await lookAt(0, {})
    expect(result.exitCode).toBe(0)
    expect(result.lastLine).toMatch(/^All 10001 servers are up: 1 in web, 1000 in b0, 1000 in b1, /)
    expect(result.summary).toContain('<p>and 9951 more, all up</p>')
    expect(faultProxy?.requests.map(({ path }) => path)).toEqual(['/admin;csv'])
  })

  test('of which many are not up have a line for 50 of them, and counts', async () => {
    const result = await lookAt(30, {})
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(
      /^300 of 10001 servers not up: 1000 in b0 \(30 not up\), .*, 1 in web\. Nothing was changed\. Servers in /
    )
    expect(result.lastLine.length).toBeLessThan(4_096)
    expect(linesOf(result)).toHaveLength(50)
    expect(result.log).toContain('And 250 more servers not up.')
    expect(result.summary).toContain('<p>and 9951 more: ')
    expect(faultProxy?.requests).toHaveLength(1)
  })

  test('of which two are not up are red, and the two are named', async () => {
    const farm = await start({ servers: 2, extra: many(0) })
    await farm.set('app1', 'maint')
    await farm.post('s=node7&b=b3&action=drain')
    const result = await look(farm.statsUrl)
    expect(result.lastLine).toMatch(
      /^2 of 10002 servers not up: web\/app1 is MAINT for [^;]*; b3\/node7 is DRAIN for [^;]* at most\. /
    )
    expect(result.summary).toMatch(
      /<td>web<\/td><td>app1<\/td>.*<td>b3<\/td><td>node7<\/td>.*<td>web<\/td><td>app2<\/td>/s
    )
  })

  test('are many enough that a backend of them costs one request, too', async () => {
    const farm = await start({ servers: 1, extra: many(0) })
    faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
    const result = await look(faultProxy.through(farm.statsUrl), { backend: 'b3' })
    expect(result.lastLine).toBe('All 1000 servers are up: 1000 in b3.')
    expect(faultProxy.requests.map(({ path }) => path)).toEqual(['/admin;csv;scope=b3'])
    expect(JSON.parse(result.outputs['result'] ?? '')).toHaveLength(1_000)
  })
})
