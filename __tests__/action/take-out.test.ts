import { afterEach, describe, expect, test } from '@jest/globals'
import { type Farm, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type ActionResult, runAction, startAction } from '../support/runner.ts'
import { until } from '../support/until.ts'

let farm: Farm
afterEach(() => farm.stop())

const usual = { backend: 'web', server: 'app1' } as const
const quick = { 'poll-interval': '200ms', 'settle-time': '400ms' } as const
/** A reload of this HAProxy leaves no old process behind, so there is nothing more to prove. */
const provable = { 'hard-stop-after': '0s' } as const

function take(action: string, inputs: Record<string, string> = {}): Promise<ActionResult> {
  return runAction({ 'stats-url': farm.statsUrl, ...usual, ...quick, action, ...inputs })
}

describe.each(['maint', 'drain'])('%s', (action) => {
  const status = action === 'maint' ? 'MAINT' : 'DRAIN'
  const isMaint = action === 'maint'

  test('ends only after the request in flight, within settle-time and two poll intervals', async () => {
    farm = await startFarm({ servers: 2 })
    let answeredAt = Infinity
    const application = farm.app('app1')
    const requests = [fetch(`${farm.userUrl}/slow?ms=3000`), fetch(`${farm.userUrl}/slow?ms=3000`)]
    await farm.until(() => application.inFlight === 1)
    const answers = Promise.all(
      requests.map(async (request) => {
        const { status: code } = await request
        answeredAt = performance.now()
        return code
      })
    )
    const result = await runAction({ 'stats-url': farm.statsUrl, ...usual, ...provable, action })
    const endedAt = performance.now()
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: {
        changed: 'true',
        status,
        'previous-status': 'UP',
        sessions: '0',
        'safe-to-stop': String(isMaint)
      }
    })
    expect(await answers).toEqual([200, 200])
    expect(endedAt).toBeGreaterThan(answeredAt)
    // Settle time and poll interval are 1 s each; the rest is for a busy machine.
    expect(endedAt - answeredAt).toBeLessThan(3_000 + 1_500)
    expect(result.lastLine).toMatch(
      new RegExp(
        isMaint
          ? `^Safe to stop: web/app1 is MAINT, waited [\\d.]+s\\.$`
          : `^Drained: web/app1 is DRAIN, waited [\\d.]+s\\. Pinned clients may come back; maint keeps them away\\.$`
      )
    )
    expect(result.annotations).toEqual([])
  })

  test('leaves a server that is not drained in time as it is, and says so', async () => {
    farm = await startFarm({ servers: ['app1', 'app2'] })
    const held = await holdConnection(farm.userUrl)
    const result = await take(action, { server: held.application, 'wait-timeout': '1s' })
    expect(result.exitCode).toBe(1)
    expect(result.outputs).toMatchObject({
      changed: 'true',
      status,
      sessions: '1',
      'safe-to-stop': 'false'
    })
    expect(result.lastLine).toContain(
      `Not drained within 1s: web/${held.application} is ${status} with 1 session.`
    )
    expect(result.lastLine).toContain(
      'You can wait longer (wait-timeout), let some sessions remain (max-sessions) or end the sessions (on-timeout: shutdown).'
    )
    expect(result.lastLine.includes('maint ends that')).toBe(!isMaint)
    expect(await farm.status(held.application)).toBe(status)
    expect(held.open).toBe(true)
    await held.close()
  })

  test('on-timeout restore rolls the server back and fails', async () => {
    farm = await startFarm()
    const held = await holdConnection(farm.userUrl)
    const result = await take(action, {
      server: held.application,
      'wait-timeout': '1s',
      'on-timeout': 'restore'
    })
    expect(result.exitCode).toBe(1)
    expect(result.outputs).toMatchObject({ changed: 'false' })
    expect(result.lastLine).toContain('What had changed was rolled back. Now')
    expect(await farm.status(held.application)).toMatch(/^UP/)
    await held.close()
  })

  test('on-timeout shutdown kills what is left and succeeds', async () => {
    farm = await startFarm()
    const held = await holdConnection(farm.userUrl)
    const result = await take(action, {
      server: held.application,
      ...provable,
      'wait-timeout': '1s',
      'on-timeout': 'shutdown'
    })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { changed: 'true', status, sessions: '0', 'safe-to-stop': String(isMaint) }
    })
    expect(result.annotations).toEqual([
      { level: 'warning', message: expect.stringContaining('Not drained within 1s') }
    ])
    expect(result.lastLine).toMatch(isMaint ? /^Safe to stop: / : /^Drained: /)
    await until(() => !held.open)
  })

  test('on-timeout continue succeeds with a warning and does not call it safe', async () => {
    farm = await startFarm()
    const held = await holdConnection(farm.userUrl)
    const result = await take(action, {
      server: held.application,
      ...provable,
      'wait-timeout': '1s',
      'on-timeout': 'continue'
    })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { status, sessions: '1', 'safe-to-stop': 'false' }
    })
    expect(result.annotations).toEqual([
      { level: 'warning', message: expect.stringContaining('Not drained within 1s') },
      { level: 'warning', message: result.lastLine }
    ])
    expect(result.lastLine).toContain(
      `Out of rotation but not drained: web/${held.application} is ${status} with 1 session`
    )
    await held.close()
  })

  test('max-sessions lets a rest remain, which is not called safe', async () => {
    farm = await startFarm()
    const held = await holdConnection(farm.userUrl)
    const result = await take(action, {
      server: held.application,
      ...provable,
      'max-sessions': '1'
    })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { status, sessions: '1', 'safe-to-stop': 'false' }
    })
    expect(result.lastLine).toMatch(
      /^Drained.* Sessions may remain, because max-sessions allows them; set it to 0 for proof\.$/
    )
    await held.close()
  })

  test('a DOWN server is out as soon as nothing runs on it', async () => {
    farm = await startFarm()
    await farm.app('app1').stop()
    await farm.until(async () => (await farm.status('app1')) === 'DOWN')
    const result = await take(action)
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: {
        changed: 'true',
        'previous-status': 'DOWN',
        status: action === 'maint' ? 'MAINT' : 'DOWN'
      }
    })
    await farm.app('app1').start()
    // DOWN hid it, but the server was asked to drain all the same.
    await farm.until(async () => (await farm.status('app1')) === status)
  })

  test('without waiting it returns at once, with the sessions that are left', async () => {
    farm = await startFarm()
    const held = await holdConnection(farm.userUrl)
    const result = await take(action, { server: held.application, wait: 'false' })
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { status, sessions: '1', waited: '0.0', 'safe-to-stop': 'false' }
    })
    expect(result.lastLine).toBe(
      `Out of rotation: web/${held.application} is ${status} with 1 session. This step did not wait for sessions to end.`
    )
    await held.close()
  })
})

test('a roll-back that HAProxy does not allow any more is the first thing said, and the server is named', async () => {
  farm = await startFarm({
    servers: ['app1', 'gate'],
    statsLines: ['stats admin if { srv_is_up(web/gate) }']
  })
  await farm.set('gate', 'drain')
  const held = await holdConnection(farm.userUrl)
  expect(held.application).toBe('app1')
  await farm.set('gate', 'ready')
  const action = startAction({
    'stats-url': farm.statsUrl,
    backend: 'web',
    server: 'app1',
    action: 'maint',
    'wait-timeout': '2s',
    'on-timeout': 'restore'
  })
  await action.until('MAINT with 1 session')
  await farm.haproxy.command('set server web/gate state maint')
  const result = await action.done
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'true', status: 'MAINT' } })
  expect(result.lastLine).toMatch(/^Not everything could be rolled back: web\/app1 is MAINT/)
  expect(result.lastLine).toContain('for enable of web/app1: HAProxy answered DENY.')
  expect(result.lastLine).toContain('The first failure: Not drained within 2s')
  expect(result.lastLine).toContain('Put these servers back by hand.')
  await held.close()
})

test('one moment without a session is not the end: settle-time asks for it to last', async () => {
  farm = await startFarm({
    backendLines: ['cookie SRV insert indirect'],
    serverOptions: (name) => `check inter 200ms cookie ${name}`
  })
  const cookie = { headers: { cookie: 'SRV=app1' } }
  const action = startAction({
    'stats-url': farm.statsUrl,
    ...usual,
    action: 'drain',
    'poll-interval': '100ms',
    'settle-time': '1s'
  })
  // A client pinned by its cookie is served in drain; it pauses for less than the settle time.
  let lastAnswer = 0
  for (let i = 0; i < 6; i += 1) {
    await (await fetch(`${farm.userUrl}/slow?ms=400`, cookie)).text()
    lastAnswer = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  const result = await action.done
  expect(performance.now()).toBeGreaterThan(lastAnswer + 800)
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN', sessions: '0' } })
  expect(farm.app('app1').served).toBe(6)
})

test('short requests that fall between two looks keep drain from being green while they go on', async () => {
  farm = await startFarm({
    backendLines: ['cookie SRV insert indirect'],
    serverOptions: (name) => `check inter 200ms cookie ${name}`
  })
  const cookie = { headers: { cookie: 'SRV=app1' } }
  let isPinned = true
  const visit = async (): Promise<void> => {
    while (isPinned) {
      await (await fetch(farm.userUrl, cookie)).text()
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const visits = visit()
  const result = await take('drain', { 'wait-timeout': '2s' })
  isPinned = false
  await visits
  expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DRAIN' } })
  expect(result.log).toContain(`New sessions keep coming to web/app1`)
  expect(result.lastLine).toMatch(/Not drained within 2s: web\/app1 is DRAIN.*, and \d+ new/)
  expect(result.lastLine).toContain('Clients pinned to a server by cookie or stick table')
  expect(await take('drain')).toMatchObject({ exitCode: 0, outputs: { changed: 'false' } })
})

test('maint after drain takes the same server further out', async () => {
  farm = await startFarm()
  await farm.set('app1', 'drain')
  const result = await take('maint')
  expect(result).toMatchObject({
    exitCode: 0,
    outputs: { changed: 'true', 'previous-status': 'DRAIN', status: 'MAINT' }
  })
})

test('several servers of several backends are one step', async () => {
  farm = await startFarm({
    servers: 3,
    extra: (applications) =>
      [
        'backend api',
        ...applications.map(({ name, port }) => `  server ${name} 127.0.0.1:${String(port)}`)
      ].join('\n')
  })
  const result = await take('maint', { backend: 'web, api', server: 'app1\napp2' })
  expect(result.exitCode).toBe(0)
  const rows = JSON.parse(result.outputs['result'] ?? '') as Record<string, unknown>[]
  expect(rows.map(({ backend, server, status }) => [backend, server, status])).toEqual([
    ['web', 'app1', 'MAINT'],
    ['web', 'app2', 'MAINT'],
    ['api', 'app1', 'MAINT'],
    ['api', 'app2', 'MAINT']
  ])
  expect(result.outputs).toMatchObject({ status: 'MAINT', 'previous-status': 'UP, no check' })
  expect(await farm.status('app3', 'api')).toBe('no check')
})

test('a server in several backends is found by *', async () => {
  farm = await startFarm({
    servers: 2,
    extra: ([first]) =>
      `backend api\n  server app1 127.0.0.1:${String(first?.port)}\n  server other 127.0.0.1:${String(first?.port)}`
  })
  const result = await take('maint', { backend: '*' })
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'MAINT' } })
  expect(await farm.status('app1', 'api')).toBe('MAINT')
  expect(await farm.status('other', 'api')).toBe('no check')
})

describe('the other commands of the page', () => {
  test.each([
    ['dhlth', 'no check'],
    ['hdown', 'DOWN'],
    ['hnolb', 'NOLB']
  ])('%s is carried out', async (action, status) => {
    farm = await startFarm({ serverOptions: 'check inter 1h', settle: false })
    const result = await take(action)
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status } })
  })

  test('ehlth and hrunn reverse what dhlth and hdown did', async () => {
    farm = await startFarm({ serverOptions: 'check inter 1h', settle: false })
    await take('dhlth')
    expect((await take('ehlth')).outputs['status']).not.toBe('no check')
    await take('hdown')
    expect(await take('hrunn')).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  })

  test('shutdown ends the sessions of a server and leaves it in rotation', async () => {
    farm = await startFarm()
    const held = await holdConnection(farm.userUrl)
    const result = await take('shutdown', { server: held.application })
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    await until(() => !held.open)
  })

  test('a command that does not apply is red with its reason', async () => {
    farm = await startFarm({ serverOptions: '' })
    const result = await take('dhlth')
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toBe(
      `Could not ask ${farm.statsUrl} for dhlth of web/app1: HAProxy answered NONE. Nothing was changed. ` +
        `Now web/app1 is ready (no check). HAProxy changed nothing; the server has no such check, or its check is not enabled.`
    )
  })

  test.each(['eagent', 'dagent', 'arunn', 'adown'])(
    '%s reaches the agent check',
    async (action) => {
      farm = await startFarm({
        serverOptions: 'check inter 1h agent-check agent-port 9 agent-inter 1h',
        settle: false
      })
      const result = await take(action)
      expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true' } })
    }
  )
})
