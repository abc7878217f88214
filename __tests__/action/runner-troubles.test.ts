import { afterEach, describe, expect, test } from '@jest/globals'
import { existsSync } from 'node:fs'
import { type Farm, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import {
  type FaultProxy,
  httpAnswer,
  type RecordedRequest,
  startFaultProxy
} from '../support/fault-proxy.ts'
import { makeResolver, type Resolver } from '../support/names.ts'
import { type ActionResult, runAction, runPost, startAction } from '../support/runner.ts'

let farm: Farm
let wire: FaultProxy
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function stage(extra = ''): Promise<void> {
  farm = await startFarm({ extra })
  stops.push(() => farm.stop())
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => wire.stop())
}

function inputsFor(more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server: 'app1',
    action: 'maint',
    'poll-interval': '200ms',
    'settle-time': '400ms',
    'hard-stop-after': '0s',
    ...more
  }
}

/** One second is promised; as much again is allowed to a busy machine. */
const AT_ONCE = 2_000

describe('a resolver that does not answer', () => {
  async function named(): Promise<Resolver> {
    const resolver = await makeResolver('lb.test', ['127.0.0.1'])
    stops.push(() => resolver.stop())
    return resolver
  }

  /** The page by a name. */
  function byName(): Record<string, string> {
    return { 'stats-url': farm.statsUrl.replace('127.0.0.1', 'lb.test') }
  }

  test.each(['SIGINT', 'SIGTERM'] as const)(
    'does not keep a step that has just begun from ending at once after %s',
    async (signal) => {
      await stage()
      const resolver = await named()
      await resolver.hang()
      const action = startAction(inputsFor(byName()), { env: resolver.env })
      await action.until('Looking up lb.test')
      const from = performance.now()
      action.signal(signal)
      const result = await action.done
      expect(performance.now() - from).toBeLessThan(AT_ONCE)
      expect(result.exitCode).not.toBe(0)
      expect(result.lastLine).toMatch(
        new RegExp(`^Cancelled \\(${signal}\\)\\. Nothing was changed\\.`)
      )
      expect(await farm.status('app1')).toBe('UP')
    }
  )

  test('does not keep a step that waits from ending at once, and its report is whole', async () => {
    await stage()
    const resolver = await named()
    const held = await holdConnection(farm.userUrl)
    stops.push(() => held.close())
    const server = held.application
    const action = startAction(inputsFor({ ...byName(), server }), { env: resolver.env })
    await action.until('MAINT with 1 session')
    await resolver.hang()
    await action.until('Looking up lb.test')
    const from = performance.now()
    action.signal('SIGINT')
    const result = await action.done
    expect(performance.now() - from).toBeLessThan(AT_ONCE)
    expect(result.exitCode).not.toBe(0)
    expect(result.outputs).toMatchObject({ changed: 'true', 'safe-to-stop': 'false' })
    expect(result.summary).toContain('cancelled')
    expect(result.lastLine).toContain('Cancelled (SIGINT)')
    expect(result.lastLine).toContain(`web/${server}`)
  })

  test('does not keep the post step from ending at once', async () => {
    await stage()
    const resolver = await named()
    const inputs = inputsFor({ ...byName(), restore: 'always' })
    const main = await runAction(inputs, { env: resolver.env })
    expect(main.exitCode).toBe(0)
    await resolver.hang()
    const post = startAction(inputs, { env: resolver.env, state: main.state, masked: main.masks })
    await post.until('Looking up lb.test')
    const from = performance.now()
    post.signal('SIGINT')
    const result = await post.done
    expect(performance.now() - from).toBeLessThan(AT_ONCE)
    expect(result.exitCode).not.toBe(0)
    expect(result.lastLine).toMatch(/May not have been restored: .* choose READY for web\/app1/)
  })

  test('is a failure in time, and the process ends with its last line', async () => {
    await stage()
    const resolver = await named()
    await resolver.hang()
    const inputs = inputsFor({ ...byName(), 'request-timeout': '300ms' })
    const action = startAction(inputs, { env: resolver.env })
    await action.until('::error')
    const from = performance.now()
    const result = await action.done
    expect(performance.now() - from).toBeLessThan(AT_ONCE)
    expect(result.exitCode).not.toBe(0)
    expect(result.lastLine).toContain('no complete answer within 0.3 s (looking up the host)')
    expect(result.lastLine).toContain('Nothing was changed.')
    expect(result.outputs['safe-to-stop']).toBe('false')
  })
})

test('a name server that is away for a moment is asked again', async () => {
  await stage()
  const away = `import dns from 'node:dns'
    const lookUp = dns.lookup
    let times = 0
    dns.lookup = (host, options, callback) => {
      times += 1
      if (times === 1) callback(Object.assign(new Error('EAI_AGAIN'), { code: 'EAI_AGAIN' }))
      else lookUp('127.0.0.1', options, callback)
    }`
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(away)}`
  const url = farm.statsUrl.replace('127.0.0.1', 'lb.test')
  const result = await runAction(inputsFor({ 'stats-url': url, action: 'status' }), {
    env: { NODE_OPTIONS }
  })
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(result.log).toContain(
    `the name server did not resolve the host ${new URL(url).host}. Trying again in 250ms.`
  )
})

test('a step whose promise never settles is red, and says so', async () => {
  await stage()
  const silent = `import http from 'node:http'
    http.request = () => new Proxy({}, { get: () => () => undefined })`
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(silent)}`
  const result = await runAction(inputsFor({ 'request-timeout': '300ms' }), {
    env: { NODE_OPTIONS }
  })
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toMatch(
    /^The step ended before its work was done\. That is a bug in this action: /
  )
})

describe("the runner's files", () => {
  const missing = '/nonexistent/file'

  test('a summary that cannot be written is not the last word of a green step', async () => {
    await stage()
    const result = await runAction(inputsFor(), { env: { GITHUB_STEP_SUMMARY: missing } })
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
    expect(result.lastLine).toMatch(/^Safe to stop: /)
    expect(result.log).toContain('The job summary could not be written: ')
  })

  test('a summary that cannot be written is not the last word of a red step', async () => {
    await stage()
    const result = await runAction(inputsFor({ 'min-up': '2' }), {
      env: { GITHUB_STEP_SUMMARY: missing }
    })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('needs 2')
    expect(result.log).toContain('The job summary could not be written: ')
  })

  test('a runner that has no summary misses nothing else', async () => {
    await stage()
    const result = await runAction(inputsFor(), { env: { GITHUB_STEP_SUMMARY: '' } })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { changed: 'true', status: 'MAINT', 'safe-to-stop': 'true' },
      annotations: []
    })
    expect(result.lastLine).toMatch(/^Safe to stop: /)
    expect(result.log).not.toContain('summary')
  })

  test('outputs that cannot be written make the step red, and the last line still says the state', async () => {
    await stage()
    const result = await runAction(inputsFor(), { env: { GITHUB_OUTPUT: missing } })
    expect(result.exitCode).toBe(1)
    expect(result.log).toContain('So the outputs of this step are missing.')
    expect(result.lastLine).toMatch(/^Safe to stop: web\/app1 /)
    expectOneLineEach(result)
  })

  test('a state that cannot be written is one clear line, before anything is done', async () => {
    await stage()
    const result = await runAction(inputsFor({ restore: 'always' }), {
      env: { GITHUB_STATE: missing }
    })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(
      /^The runner's state file cannot be written \(.*\)\. Nothing was changed\.$/
    )
    expect(result.log.trim().split('\n')).toHaveLength(1)
    expectOneLineEach(result)
    expect(existsSync(missing)).toBe(false)
    expect(wire.connections).toEqual([])
    expect(await farm.status('app1')).toBe('UP')
  })

  /** No stack traces, which would be lines about places in the bundle. */
  function expectOneLineEach({ log }: ActionResult): void {
    expect(log).not.toMatch(/^\s+at /m)
    expect(log).not.toContain('index.js')
    expect(log).not.toContain('node:')
  }
})

describe('a step of very many servers', () => {
  const prefix = 'a-server-with-a-name-that-is-longer-than-the-names-that-most-people-give-'
  const servers = Array.from({ length: 700 }, (_, index) => `${prefix}${index + 1}`)
  const backends = ['one', 'two', 'three']
  const many = {
    backend: backends.join(' '),
    server: servers.join(' '),
    wait: 'false',
    'min-up': '0'
  }

  function manyServers(): Promise<void> {
    return stage(
      backends
        .map((name) => `backend ${name}\n  server-template ${prefix} 1-700 127.0.0.1:9`)
        .join('\n')
    )
  }

  function posts(): number {
    return wire.requests.filter(({ method }) => method === 'POST').length
  }

  test('is refused before anything is changed where the post step could not be handed them', async () => {
    await manyServers()
    const result = await runAction(inputsFor({ ...many, restore: 'failure' }))
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain(
      'The step names 2100 servers, more than the runner can hand to the post step that is to restore them.'
    )
    expect(result.lastLine).toContain('Nothing was changed.')
    expect(posts()).toBe(0)
    // And the post step starts, and has nothing to do.
    const post = await runPost(result, inputsFor({ ...many, restore: 'failure' }))
    expect(post).toMatchObject({ exitCode: 0, lastLine: 'Nothing to restore.' })
  })

  test('is rolled back where only the first of its requests is let through', async () => {
    await stage(`backend one\n  server-template ${prefix} 1-180 127.0.0.1:9`)
    const isChange = ({ body }: RecordedRequest): boolean => body.includes('action=maint')
    wire.fault = ({ request }) =>
      request !== undefined && isChange(request) && wire.requests.filter(isChange).length > 1
        ? { kind: 'answer', bytes: httpAnswer(403) }
        : undefined
    const some = { backend: 'one', server: servers.slice(0, 180).join(' '), restore: 'failure' }
    const result = await runAction(inputsFor({ ...many, ...some }))
    expect(wire.requests.filter(isChange)).toHaveLength(2)
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain('the request was refused (HTTP 403).')
    expect(result.lastLine).toContain('What had changed was rolled back.')
    const rows = (await farm.rows()).filter(({ pxname, type }) => pxname === 'one' && type === '2')
    expect(new Set(rows.map(({ status }) => status))).toEqual(new Set(['no check']))
    expect((await runPost(result, inputsFor(some))).lastLine).toBe('Nothing to restore.')
  })

  test('is carried out where nothing is to be restored', async () => {
    await manyServers()
    const result = await runAction(inputsFor(many))
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'MAINT' } })
    expect(await farm.status(servers[699] ?? '', 'three')).toBe('MAINT')
  })
})
