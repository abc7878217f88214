import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { networkInterfaces } from 'node:os'
import { Authority, type Identity } from '../haproxy/certificates.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { freePort } from '../support/ports.ts'
import { type ActionResult, runAction } from '../support/runner.ts'
import { ConnectProxy, type ProxyManner } from './connect-proxy.ts'

// Only the proxy has to know this name, so nothing on the machine has to be changed for it.
const HOST = 'lb.test'

let farm: Farm
let secure: Farm
let faultProxy: FaultProxy
let proxy: ConnectProxy
let secureProxy: ConnectProxy
let authority: Authority
let client: Identity

beforeAll(async () => {
  authority = await Authority.create()
  client = await authority.issue('DNS:client')
  const server = await authority.issue(`DNS:${HOST}`)
  const bind = `ssl crt ${server.file} ca-file ${authority.file} verify required`
  const backendLines = ['timeout check 10s']
  ;[farm, secure] = await Promise.all([
    startFarm({ backendLines }),
    startFarm({ backendLines, statsBindOptions: bind })
  ])
  faultProxy = await startFaultProxy({ port: portOf(farm) })
})
afterAll(async () => {
  await faultProxy.stop()
  await Promise.all([farm.stop(), secure.stop(), authority.remove()])
})
beforeEach(async () => {
  proxy = await ConnectProxy.start(faultProxy.port)
  secureProxy = await ConnectProxy.start(portOf(secure))
})
afterEach(async () => {
  faultProxy.fault = undefined
  await Promise.all([proxy.stop(), secureProxy.stop()])
})

function portOf({ statsUrl }: Farm): number {
  return Number(new URL(statsUrl).port)
}

const TIMEOUT = 500
/** Four attempts at one request with the pauses between them, and what a busy machine takes. */
const LIMIT = 4 * TIMEOUT + 3_750 + 8_000

async function run(
  env: Record<string, string>,
  more: Record<string, string> = {}
): Promise<ActionResult> {
  const inputs = {
    'stats-url': `http://${HOST}/admin`,
    backend: 'web',
    server: 'app1',
    action: 'status',
    'request-timeout': `${TIMEOUT}ms`,
    'wait-timeout': '5s',
    'poll-interval': '100ms',
    'settle-time': '100ms',
    ...more
  }
  return runAction(inputs, { env, limitMs: LIMIT + 20_000 })
}

function mutualTls(): Record<string, string> {
  return {
    'stats-url': `https://${HOST}/admin`,
    'ca-certificate': authority.cert,
    'client-certificate': client.cert,
    'client-key': client.key
  }
}

function targets({ tunnels }: ConnectProxy): string[] {
  return [...new Set(tunnels.map(({ target }) => target))]
}

describe('through a proxy', () => {
  test.each(['http_proxy', 'HTTP_PROXY'])('that %s names a server is drained', async (name) => {
    const result = await run({ [name]: proxy.url }, { action: 'drain' })
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'DRAIN' } })
    expect(targets(proxy)).toEqual([`${HOST}:80`])
    expect(await farm.status('app1')).toBe('DRAIN')
    await farm.set('app1', 'ready')
  })

  test('the user name and the password of the proxy are given to it', async () => {
    const url = proxy.url.replace('//', '//robot:p%40ss-the-proxy@')
    const result = await run({ http_proxy: url })
    expect(result.exitCode).toBe(0)
    const basic = `Basic ${Buffer.from('robot:p@ss-the-proxy').toString('base64')}`
    expect(proxy.tunnels[0]?.authorization).toBe(basic)
  })

  test.each(['https_proxy', 'HTTPS_PROXY'])(
    'that %s names mutual TLS reaches HAProxy under its own name',
    async (name) => {
      const result = await run({ [name]: secureProxy.url }, { ...mutualTls(), action: 'maint' })
      expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'MAINT' } })
      expect(targets(secureProxy)).toEqual([`${HOST}:443`])
      // Node's fetch would not take this certificate.
      await secure.haproxy.command('set server web/app1 state ready')
      await secure.settled()
    }
  )

  test('a certificate for another name is refused', async () => {
    const url = { 'stats-url': 'https://other.test/admin' }
    const result = await run({ https_proxy: secureProxy.url }, { ...mutualTls(), ...url })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('the certificate is not valid for other.test')
  })

  test('https does not use the proxy for http', async () => {
    const result = await run({ http_proxy: proxy.url }, mutualTls())
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(/lb\.test.* Nothing was changed\. Check the host name/)
    expect(proxy.tunnels).toEqual([])
  })

  test.each<[string, Fault, RegExp]>([
    ['stalls in the body', { kind: 'stall-body' }, /no complete answer within 0.5 s \(reading/],
    ['is cut in the body', { kind: 'truncate' }, /the answer broke off/],
    ['never comes', { kind: 'silence' }, /no complete answer within 0.5 s \(waiting for/]
  ])('an answer that %s ends the run', async (_, fault, message) => {
    faultProxy.fault = () => fault
    const result = await run({ http_proxy: proxy.url }, { action: 'drain' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(message)
    expect(result.durationMs).toBeLessThan(LIMIT)
  })
})

describe('without the proxy', () => {
  test.each([HOST, '.test', 'other.example, lb.test', '*', `${HOST}:80`])(
    'when no_proxy is %s',
    async (names) => {
      const result = await run({ http_proxy: proxy.url, no_proxy: names })
      expect(result.exitCode).toBe(1)
      expect(result.lastLine).toMatch(/lb\.test.* Nothing was changed\. Check the host name/)
      expect(proxy.tunnels).toEqual([])
    }
  )

  test('but not when no_proxy names another host', async () => {
    const result = await run({ http_proxy: proxy.url, no_proxy: 'b.test,example.com' })
    expect(result.exitCode).toBe(0)
    expect(proxy.tunnels).not.toEqual([])
  })

  test.each(['127.0.0.1', 'localhost'])('when the page is on %s', async (host) => {
    const url = `http://${host}:${faultProxy.port}/admin`
    const result = await run({ http_proxy: proxy.url }, { 'stats-url': url })
    expect(result.exitCode).toBe(0)
    expect(proxy.tunnels).toEqual([])
  })
})

describe('a proxy that', () => {
  const manners: [string, ProxyManner, RegExp][] = [
    ['refuses CONNECT', { refuse: 403 }, /the proxy did not connect \(statusCode=403\)/],
    ['wants a password', { refuse: 407 }, /the proxy did not connect \(statusCode=407\)/],
    ['cannot reach HAProxy', { refuse: 502 }, /the proxy did not connect \(statusCode=502\)/],
    ['never answers CONNECT', 'silence', /within 0.5 s \(connecting through the proxy\)/],
    ['stalls in its answer', 'stall', /within 0.5 s \(connecting through the proxy\)/],
    ['closes the connection', 'close', /the proxy did not connect/],
    ['speaks no HTTP', { say: 'SSH-2.0-OpenSSH\r\n' }, /the proxy did not connect/],
    [
      'says too much',
      { say: 'HTTP/1.1 200 OK\r\n\r\n<html>Log in</html>' },
      /the proxy did not answer as one that connects|the proxy did not connect/
    ],
    ['passes nothing on', 'swallow', /no complete answer within 0.5 s/]
  ]

  test.each(manners)('%s: http', async (_, manner, message) => {
    proxy.manner = manner
    const result = await run({ http_proxy: proxy.url }, { action: 'drain' })
    expectRefused(result, message)
    expect(proxy.tunnels).not.toEqual([])
  })

  test.each(manners)('%s: https', async (_, manner, message) => {
    secureProxy.manner = manner
    const result = await run({ https_proxy: secureProxy.url }, { ...mutualTls(), action: 'drain' })
    expectRefused(result, message)
    expect(secureProxy.tunnels).not.toEqual([])
  })

  test('is down', async () => {
    const result = await run({ http_proxy: `http://127.0.0.1:${await freePort()}` })
    expectRefused(result, /the proxy did not connect \(cause=connect ECONNREFUSED/)
  })

  test('does not exist', async () => {
    const result = await run({ http_proxy: 'http://proxy.invalid:3128' })
    expectRefused(result, /the proxy did not connect|host proxy\.invalid/)
  })

  test('begins to refuse during the wait leaves the server where it is, and says so', async () => {
    const refuse = setInterval(() => {
      const change = faultProxy.requests.findIndex(({ method }) => method === 'POST')
      const readBack = change < 0 ? undefined : faultProxy.requests[change + 1]
      if (readBack?.answer !== undefined) proxy.manner = { refuse: 503 }
    }, 5)
    faultProxy.reset()
    try {
      const result = await run(
        { http_proxy: proxy.url },
        { action: 'drain', 'settle-time': '1s', 'wait-timeout': '2s' }
      )
      expect(result.exitCode).toBe(1)
      expect(result.lastLine).toContain('statusCode=503')
      expect(result.lastLine).not.toContain('Nothing was changed')
    } finally {
      clearInterval(refuse)
      await farm.set('app1', 'ready')
    }
  })
})

function expectRefused(result: ActionResult, message: RegExp): void {
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toMatch(message)
  expect(result.lastLine).toContain('Nothing was changed')
  expect(result.annotations.at(-1)).toMatchObject({ level: 'error', message: result.lastLine })
  expect(result.durationMs).toBeLessThan(LIMIT)
}

describe('an IPv6 literal', () => {
  const hasIPv6 = Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1')
  )
  let six: Farm
  let ports: { readonly plain: number; readonly tls: number }

  beforeAll(async () => {
    if (!hasIPv6) throw new Error('This machine has no IPv6 loopback (::1), which this test needs.')
    ports = { plain: await freePort(), tls: await freePort() }
    const identity = await authority.issue('IP:::1')
    const stats = ['  stats enable', '  stats uri /admin', '  stats admin if TRUE']
    six = await startFarm({
      backendLines: ['timeout check 10s'],
      extra: [
        'frontend six',
        `  bind [::1]:${ports.plain}`,
        ...stats,
        'frontend six-tls',
        `  bind [::1]:${ports.tls} ssl crt ${identity.file}`,
        ...stats
      ].join('\n')
    })
  })
  afterAll(() => six.stop())

  test('is reached, and named as it is written', async () => {
    const url = `http://[::1]:${ports.plain}/admin`
    // The loopback bypasses a proxy in this form too.
    const result = await run(
      { http_proxy: proxy.url },
      { 'stats-url': `${url};csv`, action: 'drain' }
    )
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN' } })
    expect(result.outputs['result']).toContain(`"instance":"${url}"`)
    expect(result.log).toContain(url)
    expect(proxy.tunnels).toEqual([])
    await six.set('app1', 'ready')
  })

  test('is reached over TLS', async () => {
    const url = `https://[::1]:${ports.tls}/admin`
    const result = await run({}, { 'stats-url': url, 'ca-certificate': authority.cert })
    expect(result.lastLine).toContain('app1')
    expect(result.exitCode).toBe(0)
  })

  test('where nothing listens is refused in its own words', async () => {
    const port = await freePort()
    const result = await run({}, { 'stats-url': `http://[::1]:${port}/admin` })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain(`[::1]:${port} refused the connection`)
  })
})
