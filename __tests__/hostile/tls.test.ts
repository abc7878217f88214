import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Authority, type Identity } from '../haproxy/certificates.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { freePorts } from '../support/ports.ts'
import { type ActionResult, runAction } from '../support/runner.ts'

/** The statistics pages of one HAProxy, each with a way of its own to do TLS. */
const PAGES = [
  'good',
  'bundle',
  'expired',
  'wrongName',
  'stranger',
  'selfSigned',
  'selfSignedItself',
  'forClients',
  'mutual',
  'mutual12',
  'sni',
  'only12'
] as const
type Page = (typeof PAGES)[number]

let authority: Authority
let stranger: Authority
let client: Identity
let strangersClient: Identity
let ownIssuer: Identity
let farm: Farm
let directory: string
let ports: Record<Page, number>

beforeAll(async () => {
  ;[authority, stranger] = await Promise.all([
    Authority.create('house'),
    Authority.create('strange')
  ])
  directory = await mkdtemp(join(tmpdir(), 'tls-'))
  client = await authority.issue('DNS:client')
  strangersClient = await stranger.issue('DNS:client')
  const names = 'DNS:localhost,IP:127.0.0.1'
  const good = await authority.issue(names)
  const other = await authority.issue('DNS:lb.example')
  const expired = await authority.issue(names, -1)
  const strange = await stranger.issue(names)
  const [selfSigned, localhost] = [
    await Authority.create('self'),
    await authority.issue('DNS:localhost')
  ]
  const selfSignedIdentity = await selfSigned.issue(names)
  ownIssuer = await selfSigned.ownIdentity()
  const forClients = await authority.issue(names, 2, 'clientAuth')
  const verify = `ca-file ${authority.file} verify required`
  const binds: Record<Page, string> = {
    good: `crt ${good.file}`,
    bundle: `crt ${good.file}`,
    expired: `crt ${expired.file}`,
    wrongName: `crt ${other.file}`,
    stranger: `crt ${strange.file}`,
    selfSigned: `crt ${selfSignedIdentity.file}`,
    selfSignedItself: `crt ${ownIssuer.file}`,
    forClients: `crt ${forClients.file}`,
    mutual: `crt ${good.file} ${verify}`,
    mutual12: `crt ${good.file} ${verify} ssl-max-ver TLSv1.2`,
    sni: `crt ${other.file} crt ${localhost.file} strict-sni`,
    only12: `crt ${good.file} ssl-max-ver TLSv1.2`
  }
  const free = await freePorts(PAGES.length)
  ports = Object.fromEntries(PAGES.map((page, index) => [page, free[index]])) as typeof ports
  farm = await startFarm({
    backendLines: ['timeout check 10s'],
    extra: PAGES.flatMap((page) => [
      `frontend ${page}`,
      `  bind 127.0.0.1:${ports[page]} ssl ${binds[page]}`,
      '  stats enable',
      '  stats uri /admin',
      '  stats admin if TRUE'
    ]).join('\n')
  })
  await selfSigned.remove()
})
afterAll(async () => {
  await farm.stop()
  await Promise.all([authority.remove(), stranger.remove()])
  await rm(directory, { recursive: true, force: true })
})

function urlOf(page: Page, host = '127.0.0.1'): string {
  return `https://${host}:${ports[page]}/admin`
}

function run(
  url: string,
  more: Record<string, string> = {},
  env: Record<string, string> = {}
): Promise<ActionResult> {
  const inputs = {
    'stats-url': url,
    backend: 'web',
    server: 'app1',
    action: 'drain',
    'request-timeout': '3s',
    'wait-timeout': '10s',
    'hard-stop-after': '0s',
    'poll-interval': '100ms',
    'settle-time': '100ms',
    ...more
  }
  return runAction(inputs, { env })
}

async function expectGreen(result: ActionResult): Promise<void> {
  expect(result.lastLine).toMatch(/^Drained: /)
  expect(result.exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('DRAIN')
  await farm.set('app1', 'ready')
}

async function expectRed(result: ActionResult, ...messages: (string | RegExp)[]): Promise<void> {
  expect(result.exitCode).toBe(1)
  for (const message of messages) expect(result.lastLine).toMatch(message)
  expect(result.lastLine).toContain('Nothing was changed')
  expect(await farm.status('app1')).toBe('UP')
}

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name)
  await writeFile(path, text)
  return path
}

describe('an authority of the house', () => {
  test('is trusted when it is given as text', async () => {
    await expectGreen(await run(urlOf('good'), { 'ca-certificate': authority.cert }))
  })

  test('is trusted when it is given as a file', async () => {
    const path = await file('ca.pem', authority.cert)
    await expectGreen(await run(urlOf('good'), { 'ca-certificate': path }))
  })

  test('is trusted when it is one of several', async () => {
    const both = `# strange\n${stranger.cert}\n# house\n${authority.cert}`
    await expectGreen(await run(urlOf('bundle'), { 'ca-certificate': both }))
    await expectGreen(await run(urlOf('stranger'), { 'ca-certificate': both }))
  })

  test('is trusted when the environment names it', async () => {
    const env = { NODE_EXTRA_CA_CERTS: authority.file }
    await expectGreen(await run(urlOf('good'), {}, env))
    await expectGreen(await run(urlOf('stranger'), { 'ca-certificate': stranger.cert }, env))
    await expectGreen(await run(urlOf('good'), { 'ca-certificate': stranger.cert }, env))
  })

  test('is trusted when it is the self-signed certificate of the page itself', async () => {
    await expectGreen(await run(urlOf('selfSignedItself'), { 'ca-certificate': ownIssuer.cert }))
  })

  test('with an older TLS', async () => {
    await expectGreen(await run(urlOf('only12'), { 'ca-certificate': authority.cert }))
  })

  test('does not print a warning', async () => {
    const result = await run(urlOf('good'), {
      'ca-certificate': authority.cert,
      action: 'status'
    })
    expect(result.annotations).toEqual([])
  })
})

describe('a name', () => {
  test('is sent, so that HAProxy can choose a certificate (SNI)', async () => {
    const ca = { 'ca-certificate': authority.cert }
    await expectGreen(await run(urlOf('sni', 'localhost'), ca))
  })

  test('that no certificate is for is refused by HAProxy, and the last line says so', async () => {
    const result = await run(urlOf('sni'), { 'ca-certificate': authority.cert })
    await expectRed(result, /TLS/)
  })
})

describe('mutual TLS', () => {
  test.each(['mutual', 'mutual12'] as const)('works with text: %s', async (page) => {
    const result = await run(urlOf(page), {
      'ca-certificate': authority.cert,
      'client-certificate': client.cert,
      'client-key': client.key
    })
    await expectGreen(result)
  })

  test('works with files', async () => {
    const result = await run(urlOf('mutual'), {
      'ca-certificate': authority.file,
      'client-certificate': await file('client.crt', client.cert),
      'client-key': await file('client.key', client.key)
    })
    await expectGreen(result)
  })

  test.each(['mutual', 'mutual12'] as const)('without a certificate: %s', async (page) => {
    const result = await run(urlOf(page), { 'ca-certificate': authority.cert })
    await expectRed(
      result,
      /client certificate/,
      /Give it as client-certificate, and its key as client-key/
    )
  })

  test.each(['mutual', 'mutual12'] as const)(
    'with a certificate of a stranger: %s',
    async (page) => {
      const result = await run(urlOf(page), {
        'ca-certificate': authority.cert,
        'client-certificate': strangersClient.cert,
        'client-key': strangersClient.key
      })
      await expectRed(result, /did not accept the client certificate/)
    }
  )

  test('with the key of another certificate', async () => {
    const result = await run(urlOf('mutual'), {
      'ca-certificate': authority.cert,
      'client-certificate': client.cert,
      'client-key': strangersClient.key
    })
    await expectRed(result, /Correct the input client-key/)
  })
})

describe('a certificate', () => {
  test.each<[string, Page, string, string]>([
    [
      'that has expired',
      'expired',
      'the certificate of 127.0.0.1:PORT has expired',
      'Renew the certificate'
    ],
    [
      'for another name',
      'wrongName',
      'the certificate is not valid for 127.0.0.1:PORT',
      'Use a host name that the certificate'
    ],
    [
      'of an unknown authority',
      'stranger',
      'no trusted authority has signed the certificate of 127.0.0.1:PORT',
      'If you know whose it is, give the certificate of its authority'
    ],
    [
      'of an authority that nobody knows any more',
      'selfSigned',
      'no trusted authority has signed the certificate of 127.0.0.1:PORT',
      'the self-signed one itself, as ca-certificate.'
    ],
    [
      'that is self-signed',
      'selfSignedItself',
      'the certificate of 127.0.0.1:PORT is self-signed, so no authority vouches for it',
      'the self-signed one itself, as ca-certificate.'
    ],
    [
      'that is for clients only',
      'forClients',
      'the certificate of 127.0.0.1:PORT is not valid',
      'Check the certificates, and that the port speaks TLS.'
    ]
  ])('%s is refused in its own words', async (_, page, message, hint) => {
    const result = await run(urlOf(page), { 'ca-certificate': authority.cert })
    await expectRed(result, message.replace('PORT', String(ports[page])), hint)
  })

  test.each(['expired', 'wrongName', 'stranger', 'selfSigned', 'good'] as const)(
    'is not looked at without tls-verify, which is a warning: %s',
    async (page) => {
      const result = await run(urlOf(page), { 'tls-verify': 'false' })
      await expectGreen(result)
      const warnings = result.annotations.filter(({ level }) => level === 'warning')
      expect(warnings).toHaveLength(1)
      expect(warnings[0]?.message).toContain('tls-verify is false')
    }
  )

  test('is needed by a page that asks for one, with or without tls-verify', async () => {
    const result = await run(urlOf('mutual'), { 'tls-verify': 'false' })
    await expectRed(result, /client certificate/)
  })
})

describe('the wrong protocol', () => {
  test('HTTP to a port that speaks TLS', async () => {
    const result = await run(urlOf('good').replace('https', 'http'))
    await expectRed(
      result,
      'closed the connection without an answer',
      'The port may speak TLS: try https:// in the URL.'
    )
  })

  test('TLS to a port that speaks HTTP', async () => {
    const result = await run(farm.statsUrl.replace('http', 'https'))
    await expectRed(result, 'does not answer in TLS', 'Try http:// in the URL.')
  })

  test('each of these failures has its own message', async () => {
    const ca = { 'ca-certificate': authority.cert }
    const pages = ['expired', 'wrongName', 'stranger', 'mutual', 'sni'] as const
    const results = await Promise.all([
      ...pages.map((page) => run(urlOf(page), ca)),
      run(urlOf('good').replace('https', 'http')),
      run(farm.statsUrl.replace('http', 'https'))
    ])
    const messages = results.map(({ lastLine }) => lastLine.replaceAll(/\d{4,}/g, 'PORT'))
    expect(new Set(messages).size).toBe(messages.length)
  })
})
