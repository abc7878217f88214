import { afterEach, describe, expect, test } from '@jest/globals'
import { type Agent, startAgent } from '../support/agent.ts'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type ActionResult, type RunningAction, runAction, startAction } from '../support/runner.ts'

let farm: Farm
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm(options)
  stops.push(() => farm.stop())
}

async function hold(): Promise<HeldConnection> {
  const held = await holdConnection(farm.userUrl)
  stops.push(() => held.close())
  return held
}

/** With this HAProxy's age is no question: no process outlives a reload. */
const noOldProcess = { 'hard-stop-after': '0s' }

function inputsFor(more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': farm.statsUrl,
    backend: 'web',
    server: 'app1',
    action: 'maint',
    'poll-interval': '200ms',
    'settle-time': '400ms',
    ...more
  }
}

function run(more: Readonly<Record<string, string>> = {}): Promise<ActionResult> {
  return runAction(inputsFor(more))
}

function start(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction(inputsFor(more))
}

function warnings({ annotations }: ActionResult): string[] {
  return annotations.filter(({ level }) => level === 'warning').map(({ message }) => message)
}

/** A green step that says what it could not prove, in the last line and as its only warning. */
function expectDoubt(result: ActionResult, ...said: readonly string[]): void {
  expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
  expect(result.lastLine).toMatch(/^Drained, but not proven safe to stop: /)
  for (const text of said) expect(result.lastLine).toContain(text)
  expect(warnings(result)).toEqual([result.lastLine])
  expect(result.summary).toContain('drained, not proven safe to stop')
}

function expectSafe(result: ActionResult): void {
  expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
  expect(result.lastLine).toMatch(/^Safe to stop: /)
  expect(warnings(result)).toEqual([])
  expect(result.summary).toContain('safe to stop</h3>')
}

describe('the process', () => {
  test('an HAProxy that was started less than an hour ago proves nothing of older processes', async () => {
    await stage()
    const result = await run()
    expectDoubt(
      result,
      'HAProxy was started less than an hour ago',
      'set `hard-stop-after` in haproxy.cfg and give the same value as the input hard-stop-after'
    )
    expect(result.summary).toContain('an older process may hold a session')
    expect(await farm.status('app1')).toBe('MAINT')
  })

  test('hard-stop-after proves that older processes are gone, and the summary says how', async () => {
    await stage()
    const held = await hold()
    const server = held.application
    const other = server === 'app1' ? 'app2' : 'app1'
    const action = start({ server, ...noOldProcess })
    await action.until('MAINT with 1 session')
    await held.close()
    const result = await action.done
    expectSafe(result)
    expect(result.lastLine).toContain(`web/${server} is MAINT`)
    expect(result.summary).toMatch(/<li>No session for [\d.]+(ms|s)\.<\/li>/)
    expect(result.summary).toContain(`process ${farm.haproxy.pid} has been running for `)
    expect(result.summary).toContain(
      'no older process can hold a session, given a hard-stop-after of 0s.'
    )
    expect(result.summary).toContain('The page does not show the addresses (stats show-legends).')
    expect(result.summary).toContain(`Serving in web on ${farm.statsUrl}: ${other}.`)
  })

  test('with hard-stop-after the step waits until no older process can be alive', async () => {
    await stage()
    const result = await run({ 'hard-stop-after': '3s' })
    expectSafe(result)
    expect(result.log).toContain('a process from before a reload may still hold some')
    // From when the step first saw the process, which was before the wait began.
    expect(Number(result.outputs['waited'])).toBeGreaterThan(2)
    expect(result.summary).toContain('hard-stop-after of 3s')
  })

  test('with a hard-stop-after that outlasts wait-timeout nothing is changed', async () => {
    await stage()
    const result = await run({ 'hard-stop-after': '10m', 'wait-timeout': '5m' })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(
      /^A wait of 5m could not end well: a process from before a reload may live on for \S+\. Nothing was changed\. .*Make wait-timeout longer than the hard-stop-after of 10m\.$/
    )
    expect(await farm.status('app1')).toBe('UP')
  })

  test('a user who may not read the HTML page gets no proof, and no failure either', async () => {
    await stage({
      statsLines: ['stats admin if TRUE', 'stats http-request deny if METH_GET !{ url_sub ;csv }']
    })
    const page = await fetch(farm.statsUrl)
    expect(page.status).toBe(403)
    const result = await run(noOldProcess)
    expectDoubt(
      result,
      `Which process answers is not shown`,
      'let this user read the HTML page as well'
    )
    expect(result.summary).not.toContain('has been running')
  })
})

describe('an agent check', () => {
  async function stageWithAgent(): Promise<Agent> {
    const agent = await startAgent('up')
    stops.push(() => agent.stop())
    await stage({
      serverOptions: `check inter 200ms agent-check agent-port ${agent.port} agent-inter 200ms`
    })
    await farm.until(() => agent.asked > 2)
    return agent
  }

  test('that may put the server back is named, with what to do about it', async () => {
    await stageWithAgent()
    const result = await run(noOldProcess)
    expectDoubt(result, 'An agent check may bring web/app1', 'run action: dagent before this step')
  })

  test('that was switched off before is no doubt', async () => {
    await stageWithAgent()
    expect((await run({ action: 'dagent' })).exitCode).toBe(0)
    expectSafe(await run(noOldProcess))
  })
})

describe('another server that was not named', () => {
  function withApi(servers: readonly string[], statsLines: readonly string[] = []): FarmOptions {
    return {
      statsLines: ['stats admin if TRUE', ...statsLines],
      extra: ([app1, app2]) =>
        [
          'backend api',
          ...servers.map((name) => {
            const app = name === 'app2' ? app2 : app1
            return `  server ${name} 127.0.0.1:${app?.port ?? 0}`
          })
        ].join('\n')
    }
  }

  test('at the same address is no reason to refuse with same-address: ignore, and is said', async () => {
    await stage(withApi(['other'], ['stats show-legends']))
    const result = await run({ ...noOldProcess, 'same-address': 'ignore' })
    expectDoubt(
      result,
      `Also at the same address: api/other (no check).`,
      'Take every server at that address out in the same step.'
    )
    expect(result.summary).toContain(`At the same address: api/other on ${farm.statsUrl}`)
  })

  test('with the same name is named where the page does not show addresses', async () => {
    await stage(withApi(['app1', 'app2']))
    const result = await run(noOldProcess)
    expectDoubt(
      result,
      `api/app1 (no check) may be the same application`,
      "use backend: '*'",
      '`stats show-legends`'
    )
    expect(result.lastLine).not.toContain('api/app2')
    expect(result.summary).toContain('The page does not show the addresses')
  })

  test('with another name and address leaves no doubt where the page shows addresses', async () => {
    await stage(withApi(['app2'], ['stats show-legends']))
    const result = await run(noOldProcess)
    expectSafe(result)
    expect(result.summary).toContain(
      'When the step began, no other server in rotation was at the same address.'
    )
  })
})

test('sessions that max-sessions allows are said to be left', async () => {
  await stage()
  const held = await hold()
  const result = await run({ server: held.application, 'max-sessions': '1', ...noOldProcess })
  expectDoubt(result, 'Sessions may remain, because max-sessions allows them')
  expect(result.outputs['sessions']).toBe('1')
  expect(result.summary).toContain('At most 1 sessions on each server for ')
  expect(held.open).toBe(true)
})

test('a backend that has lost its other server during the wait is said to have too few', async () => {
  await stage()
  const held = await hold()
  const server = held.application
  const other = server === 'app1' ? 'app2' : 'app1'
  const action = start({ server, ...noOldProcess })
  await action.until('MAINT with 1 session')
  farm.app(other).health = 503
  await farm.until(async () => (await farm.status(other)) === 'DOWN')
  await held.close()
  const result = await action.done
  expectDoubt(
    result,
    `Fewer other servers are up now than min-up asks for: bring another one back in web`
  )
  expect(result.summary).toContain(`Serving in web on ${farm.statsUrl}: none.`)
})

test('a drain is never called safe to stop, for pinned clients may come back', async () => {
  await stage()
  const result = await run({ action: 'drain', ...noOldProcess })
  expect(result).toMatchObject({
    exitCode: 0,
    outputs: { status: 'DRAIN', 'safe-to-stop': 'false' }
  })
  expect(result.lastLine).toMatch(/^Drained: web\/app1 /)
  expect(result.lastLine).toContain('Pinned clients may come back; maint keeps them away.')
  expect(result.log).not.toContain('afe to stop')
  expect(result.summary).toContain('web/app1: drained</h3>')
  expect(warnings(result)).toEqual([])
})

test('a pinned client that comes back to a drained server meets none that was said to be safe', async () => {
  await stage({
    backendLines: ['cookie SERVER insert indirect nocache'],
    serverOptions: (name) => `check inter 200ms cookie ${name}`
  })
  const pinned = async (): Promise<string> =>
    (await fetch(farm.userUrl, { headers: { cookie: 'SERVER=app1' } })).text()
  const drained = await run({ action: 'drain', ...noOldProcess })
  expect(await pinned()).toBe('app1')
  expect(drained.outputs['safe-to-stop']).toBe('false')
  expectSafe(await run(noOldProcess))
  expect(await pinned()).toBe('app2')
})

test('a drain of a dead server in MAINT leaves it there, where no pinned client meets it', async () => {
  await stage({
    backendLines: ['cookie SERVER insert indirect nocache'],
    serverOptions: (name) => `check inter 5s cookie ${name}`,
    settle: false
  })
  await farm.until(async () => (await farm.status('app2')) === 'UP', 20_000)
  await farm.set('app1', 'maint')
  await farm.app('app1').stop()
  const result = await run({ action: 'drain', ...noOldProcess })
  expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false', status: 'MAINT' } })
  const answer = await fetch(farm.userUrl, { headers: { cookie: 'SERVER=app1' } })
  expect([answer.status, await answer.text()]).toEqual([200, 'app2'])
})

test.each([
  ['wait', 'false'],
  ['dry-run', 'true'],
  ['action', 'status']
])('with %s: %s nothing is claimed to be safe to stop', async (name, value) => {
  await stage()
  const result = await run({ ...noOldProcess, [name]: value })
  expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
  expect(result.log).not.toMatch(/safe to stop/i)
})

test('what is not drained in time is not safe to stop, whether the step fails or goes on', async () => {
  await stage()
  const held = await hold()
  const inputs = { server: held.application, 'wait-timeout': '1s', ...noOldProcess }
  const red = await run(inputs)
  expect(red).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
  const green = await run({ ...inputs, 'on-timeout': 'continue' })
  expect(green).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
  expect(green.lastLine).toMatch(/^Out of rotation but not drained: /)
  expect(held.open).toBe(true)
})

describe('sessions that were killed', () => {
  test('leave the server not drained where a pinned client comes back', async () => {
    await stage({
      backendLines: ['cookie SERVER insert indirect nocache'],
      serverOptions: (name) => `check inter 200ms cookie ${name}`
    })
    const pinned = { cookie: 'SERVER=app1' }
    const first = await holdConnection(farm.userUrl, pinned)
    const action = start({
      action: 'drain',
      'wait-timeout': '3s',
      'settle-time': '3s',
      'on-timeout': 'shutdown'
    })
    await farm.until(() => !first.open)
    const second = await holdConnection(farm.userUrl, pinned)
    stops.push(() => second.close())
    expect(second.application).toBe('app1')
    const result = await action.done
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: { changed: 'true', sessions: '1', 'safe-to-stop': 'false' }
    })
    expect(result.lastLine).toMatch(
      /^After the sessions were killed: Not drained within \S+: web\/app1 is DRAIN with 1 session/
    )
    expect(result.lastLine).toContain('Clients pinned to a server by cookie')
    expect(result.lastLine).toContain(
      'You can wait longer (wait-timeout) or let some sessions remain (max-sessions).'
    )
    expect(second.open).toBe(true)
  })

  test('make a server that was in MAINT before one that the step has changed', async () => {
    await stage()
    const held = await hold()
    await farm.set(held.application, 'maint')
    const result = await run({
      server: held.application,
      'wait-timeout': '1s',
      'on-timeout': 'shutdown',
      ...noOldProcess
    })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { changed: 'true', sessions: '0', 'safe-to-stop': 'true' }
    })
    expect(result.lastLine).toMatch(/^Safe to stop: /)
    expect(result.lastLine).not.toContain('as before')
    await farm.until(() => !held.open)
  })

  test('are not passed over by a step that ends red', async () => {
    await stage()
    const [first, second] = [await hold(), await hold()]
    await farm.set('app1', 'maint')
    await farm.set('app2', 'maint')
    expect(new Set([first.application, second.application])).toEqual(new Set(['app1', 'app2']))
    const action = start({
      server: 'app1 app2',
      'wait-timeout': '1s',
      'on-timeout': 'shutdown',
      'settle-time': '1s'
    })
    await action.until('Killing the sessions')
    await farm.until(() => !first.open && !second.open)
    await farm.set('app2', 'ready')
    const result = await action.done
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: { changed: 'true', 'safe-to-stop': 'false' }
    })
    expect(result.lastLine).not.toContain('Nothing was changed')
    expect(result.lastLine).not.toContain('as before')
    expect(await farm.status('app1')).toBe('MAINT')
    expect(await farm.status('app2')).toMatch(/^UP/)
  })
})
