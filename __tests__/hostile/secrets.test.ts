import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Authority, type Identity } from '../haproxy/certificates.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type Fault, httpAnswer, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { freePort } from '../support/ports.ts'
import {
  type ActionOptions,
  type ActionResult,
  runAction,
  runPost,
  startAction
} from '../support/runner.ts'
import { leaksIn } from '../support/secrets.ts'

// Every character that one encoding or another treats in a way of its own.
const PASSWORD = `Zw9"q'/k@7:x%41+ü&<Q>\\$1#v?J=~*(!)  end`
const users = { username: 'deployer', password: PASSWORD }
const PROXY_PASSWORD = 'pR0xy-Wort-4711'

let farm: Farm
let faultProxy: FaultProxy
let authority: Authority
let client: Identity
let directory: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'secrets-'))
  ;[farm, authority] = await Promise.all([
    startFarm({ users, backendLines: ['timeout check 10s'] }),
    Authority.create()
  ])
  client = await authority.issue('DNS:client')
  faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
})

afterAll(async () => {
  await Promise.all([faultProxy.stop(), farm.stop(), authority.remove()])
  await rm(directory, { recursive: true, force: true })
})

type Inputs = Record<string, string>

function inputs(more: Inputs = {}): Inputs {
  return {
    'stats-url': faultProxy.through(farm.statsUrl),
    ...users,
    backend: 'web',
    server: 'app1',
    action: 'status',
    'request-timeout': '500ms',
    'wait-timeout': '1s',
    'poll-interval': '100ms',
    'settle-time': '100ms',
    ...more
  }
}

/** The same without `username` and `password`: the URL carries them. */
function userinfoInputs(more: Inputs = {}, password = encodeURIComponent(PASSWORD)): Inputs {
  const url = faultProxy.through(farm.statsUrl).replace('//', `//${users.username}:${password}@`)
  return inputs({ 'stats-url': url, username: '', password: '', ...more })
}

async function run(given: Inputs, fault?: Fault, options?: ActionOptions): Promise<ActionResult> {
  faultProxy.fault = fault && (() => fault)
  try {
    return await runAction(given, options)
  } finally {
    faultProxy.fault = undefined
  }
}

/** For what the search in every run cannot know to be a secret. */
function expectNoLeak(result: ActionResult, secrets: readonly string[]): void {
  const { output, outputs, state, summary } = result
  const written = [output, ...Object.values(outputs), ...Object.values(state), summary]
  expect(leaksIn(written.join('\n'), secrets)).toEqual([])
}

describe('the search for secrets, which every run of every test ends with', () => {
  const basic = (padding: string): string =>
    Buffer.from(`${padding}${users.username}:${PASSWORD}`).toString('base64')
  const forms = [
    PASSWORD,
    basic(''),
    basic('a'),
    basic('ab'),
    encodeURIComponent(PASSWORD),
    JSON.stringify({ password: PASSWORD }),
    Buffer.from(PASSWORD).toString('hex')
  ]
  const leaky = async (script: string): Promise<string> => {
    const bundle = join(directory, 'leaky.mjs')
    await writeFile(bundle, script)
    return bundle
  }

  test.each(forms)('finds the password as %s', async (form) => {
    const bundle = await leaky(`console.log('before ' + ${JSON.stringify(form)} + ' after')`)
    await expect(runAction(inputs(), { bundle })).rejects.toThrow('The run showed a secret as')
  })

  test.each(['GITHUB_OUTPUT', 'GITHUB_STATE', 'GITHUB_STEP_SUMMARY'])(
    'finds it in the file of %s',
    async (file) => {
      const write = `writeFileSync(process.env.${file}, 'x=' + process.env.INPUT_PASSWORD)`
      const bundle = await leaky(`import { writeFileSync } from 'node:fs'; ${write}`)
      await expect(runAction(inputs(), { bundle })).rejects.toThrow('The run showed a secret as')
    }
  )

  test('finds the password of a URL, that of a proxy, and a line of a private key', async () => {
    const bundle = await leaky('console.log(process.env.SHOWN)')
    const show = (text: string, more: Inputs, env = {}): Promise<ActionResult> =>
      runAction(inputs(more), { bundle, env: { ...env, SHOWN: text } })
    const url = 'http://deployer:Zw9%2Fsecretword@lb.test/admin'
    const proxy = `http://robot:${PROXY_PASSWORD}@127.0.0.1:3128`
    const line = client.key.split('\n')[1] ?? ''
    await Promise.all(
      [
        show('Zw9/secretword', { 'stats-url': url }),
        show(PROXY_PASSWORD, {}, { https_proxy: proxy }),
        show(line, { 'client-key': client.key })
      ].map((run) => expect(run).rejects.toThrow('The run showed a secret as'))
    )
  })

  test('lets pass what shows none, and the request to mask one', async () => {
    const mask = "console.log('::add-mask::' + process.env.INPUT_PASSWORD)"
    const bundle = await leaky(`${mask}; console.log('an innocent line')`)
    expect((await runAction(inputs(), { bundle })).log).toBe('an innocent line')
  })
})

describe('the password of the inputs shows nowhere', () => {
  test.each<[string, Inputs, Fault | undefined, number]>([
    ['when all goes well', {}, undefined, 0],
    ['in a dry run', { action: 'maint', 'dry-run': 'true' }, undefined, 0],
    ['when a server is unknown', { server: 'nobody' }, undefined, 1],
    ['when several inputs are bad', { action: 'x', server: '*', wait: 'perhaps' }, undefined, 1],
    ['when it ends in a line break', { password: `${PASSWORD}\n` }, undefined, 0],
    ['when it is not accepted', { username: 'deploier' }, undefined, 1],
    ['when there is no user name', { username: '' }, undefined, 1],
    ['when the page is silent', {}, { kind: 'silence' }, 1],
    ['when connections are reset', {}, { kind: 'reset-after' }, 1],
    ['when the port speaks no HTTP', {}, { kind: 'answer', bytes: Buffer.from('SSH-2.0\n') }, 1],
    ['when a login page answers', {}, { kind: 'answer', bytes: httpAnswer(200, '<html>') }, 1],
    ['when the host does not exist', { 'stats-url': 'http://lb.invalid/admin' }, undefined, 1]
  ])('%s', async (_, more, fault, exitCode) => {
    for (const debug of [false, true]) {
      const result = await run(inputs(more), fault, { debug })
      expect(result.exitCode).toBe(exitCode)
    }
  })

  test('in the state that is saved, in the post step and in a cancelled run', async () => {
    let held: HeldConnection | undefined
    try {
      do {
        await held?.close()
        held = await holdConnection(farm.userUrl)
      } while (held.application !== 'app1')
      const given = inputs({ action: 'drain', restore: 'always', 'wait-timeout': '30s' })
      const action = startAction(given, { debug: true })
      await action.until(/app1 is DRAIN/)
      const main = await action.cancel()
      expect(main.exitCode).not.toBe(0)
      expect(main.state['intent']).toBeDefined()
      const post = await runPost(main, given, { jobStatus: 'cancelled', debug: true })
      expect(post.log).toContain('Restored to ready')
    } finally {
      await held?.close()
    }
  })

  test('when it is found in the user name by mistake', async () => {
    const result = await run(inputs({ username: `deployer:${PASSWORD}`, password: '' }))
    expect(result.exitCode).toBe(1)
    expectNoLeak(result, [PASSWORD])
  })
})

describe('the password in a URL shows nowhere', () => {
  test('when all goes well, the post step included', async () => {
    const given = userinfoInputs({ action: 'maint', restore: 'always' })
    const main = await run(given, undefined, { debug: true })
    expect(main.exitCode).toBe(0)
    const post = await runPost(main, given, { debug: true })
    expect(post.log).toContain('Restored to ready')
    await farm.settled()
  })

  test('when an answer redirects to a URL that carries it', async () => {
    const password = encodeURIComponent(PASSWORD)
    const location = `http://deployer:${password}@sso.example/?next=http://deployer:${password}@lb/`
    const bytes = httpAnswer(302, '', { Location: location })
    const result = await run(userinfoInputs(), { kind: 'answer', bytes })
    expect(result.lastLine).toContain('redirects to')
  })

  test.each([
    ['is not percent-encoded', PASSWORD],
    ['has a slash', 'top/Zw9secretword'],
    ['has a backslash', '4711\\Zw9secretword'],
    ['has a question mark', '4711?Zw9secretword'],
    ['has a number sign', '4711#Zw9secretword'],
    ['has a space', 'Zw9secretword1 Zw9secretword2'],
    ['has a comma', 'Zw9secretword1,Zw9secretword2'],
    ['has a stray %', 'Zw9secretword%zz'],
    ['has a colon', 'Zw9secret:word-two']
  ])('when it %s', async (_, password) => {
    const result = await run(userinfoInputs({}, password), undefined, { debug: true })
    expect(result.exitCode).toBe(1)
    expectNoLeak(result, [
      password,
      ...password.split(/[/\\?# ,%]/).filter((part) => part.length > 8)
    ])
  })

  test('when the URL has no scheme', async () => {
    const url = `deployer:Zw9secretword@127.0.0.1:${await freePort()}/admin`
    const result = await run(inputs({ 'stats-url': url, username: '', password: '' }))
    expect(result.exitCode).toBe(1)
    expectNoLeak(result, ['Zw9secretword'])
  })

  test('when it belongs to the proxy', async () => {
    const proxy = `http://robot:${PROXY_PASSWORD}@127.0.0.1:${await freePort()}`
    const result = await run(inputs({ 'stats-url': 'http://lb.test/admin' }), undefined, {
      debug: true,
      env: { http_proxy: proxy }
    })
    expect(result.exitCode).toBe(1)
  })
})

describe('the client key shows nowhere', () => {
  const keys: [string, number, () => Inputs | Promise<Inputs>][] = [
    ['as text', 0, () => ({ 'client-certificate': client.cert, 'client-key': client.key })],
    [
      'as files',
      0,
      async () => {
        const [cert, key] = [join(directory, 'client.crt'), join(directory, 'client.key')]
        await Promise.all([writeFile(cert, client.cert), writeFile(key, client.key)])
        return { 'client-certificate': cert, 'client-key': key }
      }
    ],
    ['without its certificate', 1, () => ({ 'client-key': client.key })],
    ['in the place of the certificate', 1, () => ({ 'client-certificate': client.key })],
    ['in the place of the authority', 1, () => ({ 'ca-certificate': client.key })],
    [
      'cut short',
      1,
      () => ({ 'client-certificate': client.cert, 'client-key': client.key.slice(0, -60) })
    ]
  ]
  test.each(keys)('%s', async (_, exitCode, given) => {
    const result = await run(inputs(await given()), undefined, { debug: true })
    expect(result.exitCode).toBe(exitCode)
  })
})
