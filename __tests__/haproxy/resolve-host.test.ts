import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { failureIn } from './failure.ts'

type Found = readonly { readonly address: string; readonly family: number }[]

// A resolver that fails, or hangs, on demand.
const lookup = jest.fn<(host: string, options: object) => Promise<Found>>()
jest.unstable_mockModule('node:dns/promises', () => ({ lookup }))
const { resolveHost } = await import('../../src/haproxy/resolve-host.ts')

const PROXY_VARIABLES = [
  'http_proxy',
  'https_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'no_proxy',
  'NO_PROXY'
]
const before = new Map(PROXY_VARIABLES.map((name) => [name, process.env[name]]))

function forgetProxies(): void {
  PROXY_VARIABLES.forEach((name) => Reflect.deleteProperty(process.env, name))
}

beforeEach(() => {
  forgetProxies()
  lookup.mockReset().mockResolvedValue([
    { address: '2001:db8::7', family: 6 },
    { address: '192.0.2.7', family: 4 }
  ])
})
afterEach(() => {
  forgetProxies()
  before.forEach((value, name) => {
    if (value !== undefined) process.env[name] = value
  })
})

/** With a deadline that no test lives to see, unless it is given. */
function resolve(
  url: string,
  { signal = new AbortController().signal, timeoutMs = 600_000 } = {}
): Promise<string[]> {
  const settings = {
    timeoutMs,
    ca: undefined,
    clientCertificate: undefined,
    clientKey: undefined,
    verifyTls: true
  }
  return resolveHost({ url: new URL(url), signal, attempt: 'Could not do it' }, settings)
}

describe('the addresses of a host', () => {
  test('come in the order of the resolver', async () => {
    expect(await resolve('http://lb.example:8404/admin')).toEqual(['2001:db8::7', '192.0.2.7'])
    expect(lookup.mock.calls).toEqual([['lb.example', { all: true }]])
  })

  test.each(['http://192.0.2.1:8404/', 'https://[2001:db8::1]:8404/', 'http://[::1]/'])(
    'are none where it is an address itself: %s',
    async (url) => {
      expect(await resolve(url)).toEqual([])
      expect(lookup).not.toHaveBeenCalled()
    }
  )

  test.each([
    ['http', 'http_proxy'],
    ['https', 'https_proxy']
  ])('are none where a proxy looks it up (%s)', async (scheme, variable) => {
    process.env[variable] = 'http://proxy.example:3128'
    expect(await resolve(`${scheme}://lb.example/`)).toEqual([])
    expect(lookup).not.toHaveBeenCalled()
  })

  test('are looked up where the proxy is passed by', async () => {
    process.env['http_proxy'] = 'http://proxy.example:3128'
    process.env['no_proxy'] = 'lb.example'
    expect(await resolve('http://lb.example/')).toHaveLength(2)
    expect(await resolve('http://localhost/')).toHaveLength(2)
  })
})

describe('a look-up', () => {
  const failWith = (code: string): void => {
    lookup.mockRejectedValue(Object.assign(new Error(`getaddrinfo ${code}`), { code }))
  }
  const hang = (): void => {
    lookup.mockReturnValue(new Promise(() => undefined))
  }
  const reason = new Error('the reason')

  test.each([
    ['ENOTFOUND', 'the host lb.example is not known', false],
    ['EAI_AGAIN', 'the name server did not resolve the host lb.example', true]
  ])('that fails with %s says so: %s', async (code, seen, expected) => {
    failWith(code)
    const { problem, message, transient } = await failureIn(resolve('http://lb.example/'))
    expect([problem, message, transient]).toEqual([
      'host-not-found',
      `Could not do it: ${seen}.`,
      expected
    ])
  })

  test('that hangs is left behind at the deadline', async () => {
    hang()
    const { problem, message, transient } = await failureIn(
      resolve('http://lb.example/', { timeoutMs: 100 })
    )
    expect([problem, message, transient]).toEqual([
      'timed-out',
      'Could not do it: no complete answer within 0.1 s (looking up the host).',
      true
    ])
  })

  test('that hangs is left behind when the signal fires, with its reason', async () => {
    hang()
    const controller = new AbortController()
    const end = expect(resolve('http://lb.example/', { signal: controller.signal })).rejects.toBe(
      reason
    )
    controller.abort(reason)
    await end
  })

  test.each([
    ['hangs', hang],
    [
      'fails at that moment',
      () => {
        failWith('ENOTFOUND')
      }
    ]
  ])('that %s after the signal fired ends with its reason', async (_, begin) => {
    begin()
    const signal = AbortSignal.abort(reason)
    await expect(resolve('http://lb.example/', { signal })).rejects.toBe(reason)
  })

  test('that has its answer has nothing to do with a signal that fires later', async () => {
    const controller = new AbortController()
    const addresses = await resolve('http://lb.example/', { signal: controller.signal })
    controller.abort(reason)
    expect(addresses).toHaveLength(2)
  })
})
