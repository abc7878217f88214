import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { type Application } from '../support/application.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { startDnsServer } from '../support/dns-server.ts'
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

  test('whose servers wait for DNS, for another server or for their own check is red, with advice for each', async () => {
    const dns = await startDnsServer()
    try {
      const farm = await start({
        servers: ['leader', 'stopping', 'sick'],
        // One that has failed a check and has many left stays in partial health.
        serverOptions: 'check inter 200ms fall 1000 rise 1',
        backendLines: ['http-check disable-on-404'],
        extra: ([leader]) =>
          [
            dns.section,
            'backend api',
            // A server that follows another one must agree on this.
            '  option httpchk GET /health',
            '  http-check disable-on-404',
            `  server follower 127.0.0.1:${String(leader?.port)} track web/leader`,
            '  server nameless gone.example.test:80 resolvers local init-addr none'
          ].join('\n')
      })
      await farm.set('leader', 'maint')
      farm.app('stopping').health = 404
      farm.app('sick').health = 503
      await farm.until(async () => (await farm.status('stopping')) === 'NOLB')
      await farm.until(async () => (await farm.status('sick')) !== 'UP')
      const result = await look(farm.statsUrl)
      expect(result.exitCode).toBe(1)
      expect(result.lastLine).toMatch(/^5 of 5 servers not up: /)
      expect(result.lastLine).toMatch(/api\/follower is MAINT \(via web\/leader\) for \d/)
      expect(result.lastLine).toMatch(/api\/nameless is MAINT \(resolution\) for \d/)
      expect(result.lastLine).toMatch(
        /web\/stopping is NOLB for \d+\w* at most, its last check says /
      )
      expect(result.lastLine).toMatch(
        /web\/sick is UP \d+\/1000 for \d+\w* at most, its last check says /
      )
      const advice = result.lastLine.split(' Nothing was changed. ')[1] ?? ''
      expect(advice.split('. ')).toHaveLength(4)
      expect(advice).toContain('One in MAINT (via …) comes back with the server that it follows.')
      expect(advice).toContain('only DNS can end MAINT (resolution).')
      expect(advice).toContain('Servers in MAINT or DRAIN may have been forgotten')
      expect(advice).toContain('once its health check passes: look at its application.')
    } finally {
      await dns.stop()
    }
  })

  test('is looked at without ages where the page does not show them', async () => {
    const farm = await start({ servers: 2, serverOptions: '' })
    await farm.set('app1', 'maint')
    faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
    // Of the same length, for the answer comes in chunks.
    const rewrite = (answer: Buffer): Buffer =>
      Buffer.from(answer.toString('latin1').replace(',lastchg,', ',elsewhe,'), 'latin1')
    faultProxy.fault = () => ({ kind: 'rewrite', rewrite })
    const result = await look(faultProxy.through(farm.statsUrl))
    expect(result.lastLine).toMatch(/^1 of 2 servers not up: web\/app1 is MAINT\. /)
  })

  test('of many backends has twenty of them counted one by one, those in trouble first', async () => {
    const backends = Array.from({ length: 25 }, (_, index) =>
      [`backend b${index}`, '  server one 127.0.0.1:9', '  server two 127.0.0.1:9'].join('\n')
    )
    const farm = await start({ servers: 2, extra: backends.join('\n') })
    const green = await look(farm.statsUrl)
    expect(green).toMatchObject({ exitCode: 0 })
    expect(green.lastLine).toMatch(
      /^All 52 servers are up: 2 in web, 2 in b0, .*, 2 in b18, 12 in 6 other backends\.$/
    )
    const seen = await look(farm.statsUrl, { expect: '' })
    expect(seen.lastLine).toMatch(/^Seen: 52 servers, all up: 2 in web, .* in 6 other backends\.$/)
    await farm.post('b=b24&action=maint&s=one')
    const less = await look(farm.statsUrl, { expect: '' })
    expect(less).toMatchObject({ exitCode: 0 })
    expect(less.log).toMatch(
      /^Found: 52 servers, 2 in b24 \(1 not up\), 2 in web, .*, 12 in 6 other backends\.$/m
    )
    expect(less.lastLine).toMatch(/^Seen: 1 of 52 servers not up: b24\/one is MAINT for [^;]*\.$/)
  })

  test('with more troubles than one line holds has a line for each in the log', async () => {
    const prefix = 'a-server-with-a-name-that-is-longer-than-most-names-are-'
    const many = `backend many\n  server-template ${prefix} 1-45 127.0.0.1:9 disabled`
    const farm = await start({ servers: 1, extra: many })
    const result = await look(farm.statsUrl)
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(
      /^45 of 46 servers not up: 45 in many \(45 not up\), 1 in web\. Nothing was changed\./
    )
    const lines = result.log.split('\n').filter((line) => /^many\/\S+ is MAINT for /.test(line))
    expect(lines).toHaveLength(45)
    expect(result.log).not.toContain('more servers')
  })

  test('of which the page shows no server is red, whether a backend is named or not', async () => {
    const farm = await start({ servers: 1, extra: 'backend empty' })
    const named = await look(farm.statsUrl, { backend: 'web empty' })
    expect(named).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(named.lastLine).toContain('The backend empty has no server at all. Nothing was changed.')
    const hidden = await start({ servers: 1, statsLines: ['stats scope stats'] })
    const result = await look(hidden.statsUrl)
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toBe(
      `The statistics page ${hidden.statsUrl} shows no server at all. Nothing was changed. ` +
        'Is this the right page, and does no `stats scope` hide its backends?'
    )
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
