import { afterEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ActionResult, runAction, type RunningAction, startAction } from '../support/runner.ts'
import { makeStateFile, type StateFile } from '../support/state-file.ts'

let farm: Farm
let wire: FaultProxy
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** How the HAProxy of a test is set up. */
interface Setup extends FarmOptions {
  readonly stateFile?: StateFile | undefined
  /** The setting `hard-stop-after` of its configuration. */
  readonly hardStopAfter?: string | undefined
}

async function stage({ stateFile, hardStopAfter, ...options }: Setup = {}): Promise<void> {
  farm = await startFarm({
    servers: ['app1'],
    ...options,
    backendLines: [
      ...(options.backendLines ?? []),
      ...(stateFile === undefined ? [] : [stateFile.backendLine])
    ],
    extra: [
      ...(stateFile === undefined ? [] : [stateFile.section]),
      ...(hardStopAfter === undefined ? [] : [`global\n  hard-stop-after ${hardStopAfter}`])
    ].join('\n')
  })
  stops.push(() => farm.stop())
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => wire.stop())
}

async function stateFile(): Promise<StateFile> {
  const made = await makeStateFile()
  stops.push(() => made.remove())
  return made
}

/** HAProxy shows whole seconds, and up to 2.6 its start may seem to be as much earlier than it was. */
const later = 1_200

/** Reloads as a service does that keeps admin states, where there is a file for them. */
async function reload(file?: StateFile, config?: string): Promise<void> {
  await sleep(later)
  await file?.save(farm.haproxy)
  await farm.haproxy.reload(config)
}

async function hold(): Promise<HeldConnection> {
  const held = await holdConnection(farm.userUrl)
  stops.push(() => held.close())
  return held
}

function inputsFor(more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server: 'app1',
    action: 'maint',
    'wait-timeout': '40s',
    'poll-interval': '200ms',
    'settle-time': '400ms',
    'min-up': '0',
    ...more
  }
}

function start(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction(inputsFor(more))
}

function posts(): string[] {
  return wire.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

function warnings({ annotations }: ActionResult, text = ''): string[] {
  return annotations
    .filter(({ level, message }) => level === 'warning' && message.includes(text))
    .map(({ message }) => message)
}

const reloaded = 'HAProxy was reloaded or restarted'
const mayHold = 'its old process may still hold sessions, and nothing shows them'
const heldNone = 'no session was left on its old process'
const waiting = 'a process from before a reload may still hold some'

/** Has it ended? */
function ending(run: RunningAction): { ended: boolean } {
  const state = { ended: false }
  void run.done.then(() => (state.ended = true))
  return state
}

function expectSafe(result: ActionResult): void {
  expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
  expect(result.lastLine).toMatch(/^Safe to stop: /)
}

/** With and without a state file. */
const files = [
  ['that keeps admin states', true],
  ['that forgets admin states', false]
] as const

describe.each(files)('a reload %s, before the step', (_, isKept) => {
  async function reloadedBefore(hardStopAfter?: string): Promise<HeldConnection> {
    const file = isKept ? await stateFile() : undefined
    await stage({ stateFile: file, hardStopAfter })
    const held = await hold()
    if (isKept) await farm.set('app1', 'maint')
    await reload(file)
    expect(await farm.status('app1')).toMatch(isKept ? /^MAINT/ : /^UP/)
    expect(held.open).toBe(true)
    return held
  }

  test('leaves it open whether the old process holds a request', async () => {
    const held = await reloadedBefore()
    const result = await runAction(inputsFor())
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toMatch(/^Drained, but not proven safe to stop: /)
    expect(result.lastLine).toContain('a process from before may still hold requests')
    expect(held.open).toBe(true)
  })

  test('is waited for with hard-stop-after, until the old process is gone', async () => {
    const held = await reloadedBefore('3s')
    const action = start({ 'hard-stop-after': '3s' })
    await action.until(waiting)
    expect(held.open).toBe(true)
    const result = await action.done
    expectSafe(result)
    expect(held.open).toBe(false)
    expect(farm.haproxy.processes).toBe(1)
    expect(warnings(result)).toEqual([])
    expect(posts()).toHaveLength(isKept ? 0 : 1)
  })
})

describe.each(files)('a reload %s, while a request is under way', (_, isKept) => {
  async function reloadedMeanwhile(
    more: Readonly<Record<string, string>> = {},
    hardStopAfter?: string
  ): Promise<[RunningAction, HeldConnection]> {
    const file = isKept ? await stateFile() : undefined
    await stage({ stateFile: file, hardStopAfter })
    const held = await hold()
    const action = start(more)
    await action.until('with 1 session')
    await reload(file)
    return [action, held]
  }

  test.each([
    ['maint', 'MAINT'],
    ['drain', 'DRAIN']
  ])('is not drained in time, for %s, and the last line says what to do', async (state, status) => {
    const [action, held] = await reloadedMeanwhile({ action: state, 'wait-timeout': '4s' })
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: { status, sessions: '0', 'safe-to-stop': 'false' }
    })
    const url = wire.through(farm.statsUrl)
    expect(result.lastLine).toContain(
      `Not drained within 4s: a process from before a reload may still hold sessions at ${url}.`
    )
    expect(result.lastLine).toContain('hard-stop-after')
    expect(warnings(result)).toEqual([expect.stringContaining(mayHold)])
    expect(await farm.status('app1')).toBe(status)
    expect(posts()).toHaveLength(isKept ? 1 : 2)
  })

  test('is waited for with hard-stop-after, until the old process is gone', async () => {
    const [action, held] = await reloadedMeanwhile({ 'hard-stop-after': '3s' }, '3s')
    await action.until(waiting)
    expect(held.open).toBe(true)
    expect(action.output).not.toMatch(/safe to stop/i)
    const result = await action.done
    expectSafe(result)
    expect(held.open).toBe(false)
    expect(farm.haproxy.processes).toBe(1)
    expect(warnings(result)).toEqual([expect.stringContaining(reloaded)])
    expect(result.summary).toContain(`process ${farm.haproxy.pid} has been running for `)
    expect(await farm.status('app1')).toBe('MAINT')
    expect(posts()).toHaveLength(isKept ? 1 : 2)
  })

  test('is nothing that on-timeout: shutdown could reach', async () => {
    const [action, held] = await reloadedMeanwhile({
      'wait-timeout': '3s',
      'on-timeout': 'shutdown'
    })
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toContain('may still hold sessions')
    expect(result.log).not.toContain('Killing')
    expect(result.log).not.toContain('were killed')
  })

  test('is gone past by on-timeout: continue, which says that it is not drained', async () => {
    const [action, held] = await reloadedMeanwhile({
      'wait-timeout': '3s',
      'on-timeout': 'continue'
    })
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toMatch(/^Out of rotation but not drained: /)
    expect(warnings(result, 'may still hold sessions').length).toBeGreaterThan(0)
  })

  test('that shows the process no more is no proof', async () => {
    const file = isKept ? await stateFile() : undefined
    await stage({ stateFile: file, hardStopAfter: '30s' })
    const held = await hold()
    const action = start({ 'hard-stop-after': '0s', 'wait-timeout': '4s' })
    await action.until('MAINT with 1 session')
    await reload(
      file,
      farm.config.replace(
        'stats admin if TRUE',
        '$&\n  stats http-request deny if METH_GET !{ url_sub ;csv }'
      )
    )
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(result.log).not.toMatch(/^Safe to stop/m)
  })
})

describe('in maint, a reload after the last session has ended', () => {
  test.each(files)('%s, changes nothing', async (_, isKept) => {
    const file = isKept ? await stateFile() : undefined
    await stage({ stateFile: file, hardStopAfter: '30s' })
    const held = await hold()
    const action = start({ 'settle-time': '5s', 'hard-stop-after': '0s' })
    await action.until('MAINT with 1 session')
    await held.close()
    await action.until(/app1 on \S+ is MAINT \(/)
    await sleep(later)
    await reload(file)
    const result = await action.done
    expectSafe(result)
    expect(warnings(result)).toEqual([expect.stringMatching(`${reloaded}.*: ${heldNone}`)])
    const [, afterwards = ''] = result.log.split(heldNone)
    expect(afterwards).not.toContain('may still hold')
    expect(await farm.status('app1')).toBe('MAINT')
    expect(posts()).toHaveLength(isKept ? 1 : 2)
  })

  test('leaves open no more than the start of HAProxy does without hard-stop-after', async () => {
    await stage()
    const action = start({ 'settle-time': '5s' })
    await action.until(/app1 on \S+ is MAINT \(/)
    await sleep(later)
    await reload()
    const result = await action.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
    expect(warnings(result, reloaded)).toEqual([expect.stringContaining(heldNone)])
    expect(result.lastLine).toContain('HAProxy was started less than an hour ago')
  })
})

test('in drain, a reload leaves it open whether pinned clients have come to the old process', async () => {
  await stage()
  const action = start({ action: 'drain', 'settle-time': '5s', 'wait-timeout': '10s' })
  await action.until(/app1 on \S+ is DRAIN \(/)
  await sleep(later)
  await reload()
  const result = await action.done
  expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DRAIN' } })
  expect(result.lastLine).toContain('may still hold sessions')
})

test('a state that reloads take again and again is asked for again each time', async () => {
  await stage()
  const action = start({ 'hard-stop-after': '0s', 'settle-time': '3s' })
  for (let reloads = 1; reloads <= 4; reloads += 1) {
    await farm.until(() => posts().length === reloads)
    await reload()
  }
  const result = await action.done
  expectSafe(result)
  expect(warnings(result, reloaded)).toHaveLength(4)
  expect(posts()).toEqual(Array.from({ length: 5 }, () => 'b=web&action=maint&s=app1'))
})

describe('no reload is taken for one that has left nothing behind', () => {
  test('because the new process has stalled, and seems younger than it is', async () => {
    const file = await stateFile()
    await stage({ stateFile: file })
    const held = await hold()
    const action = start({ 'settle-time': '3s', 'wait-timeout': '10s' })
    await action.until('MAINT with 1 session')
    await reload(file)
    await action.until(/app1 on \S+ is MAINT \(/)
    const looks = wire.requests.length
    await farm.until(() => wire.requests.length > looks + 1)
    const pid = farm.haproxy.pid ?? 0
    process.kill(pid, 'SIGSTOP')
    await sleep(4_000)
    process.kill(pid, 'SIGCONT')
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(result.log).not.toContain(heldNone)
  })

  test('because it comes at once after another, when the process between had users', async () => {
    await stage()
    const action = start({ 'settle-time': '3s', 'wait-timeout': '8s' })
    await action.until(/app1 on \S+ is MAINT \(/)
    await reload()
    const held = await hold()
    await action.until('MAINT with 1 session')
    await farm.haproxy.reload()
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(warnings(result, reloaded)).toHaveLength(2)
    expect(warnings(result, reloaded)[1]).not.toContain(heldNone)
  })
})

describe('an HAProxy that is away', () => {
  test('for three seconds during a drain is waited for', async () => {
    await stage()
    const held = await hold()
    const action = start({
      action: 'drain',
      'hard-stop-after': '0s',
      'stats-url': farm.statsUrl
    })
    const state = ending(action)
    await action.until('DRAIN with 1 session')
    await farm.haproxy.kill()
    await action.until('refused the connection')
    await sleep(3_000)
    expect(state.ended).toBe(false)
    await farm.haproxy.start()
    const result = await action.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN', sessions: '0' } })
    expect(await farm.status('app1')).toBe('DRAIN')
    expect(warnings(result)).toEqual([
      expect.stringContaining(`${reloaded} at ${farm.statsUrl}, and web/app1`)
    ])
    await held.close()
  })

  test('and does not come back in time is a failure that names it', async () => {
    await stage()
    await hold()
    const action = start({ action: 'drain', 'wait-timeout': '3s' })
    await action.until('DRAIN with 1 session')
    await farm.haproxy.kill()
    const result = await action.done
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('Not drained within 3s')
    expect(result.lastLine).toContain(wire.through(farm.statsUrl))
    expect(result.durationMs).toBeLessThan(15_000)
  })

  test('for three seconds on the way back of ready is waited for', async () => {
    await stage()
    await farm.set('app1', 'maint')
    const app1 = farm.app('app1')
    app1.health = 503
    const action = start({ action: 'ready', 'stats-url': farm.statsUrl })
    const state = ending(action)
    await action.until(/app1 .* is (DRAIN|DOWN)/)
    await farm.haproxy.kill()
    await action.until('refused the connection')
    await sleep(3_000)
    expect(state.ended).toBe(false)
    app1.health = 200
    await farm.haproxy.start()
    const result = await action.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(await farm.status('app1')).toBe('UP')
  })
})

test('a network that swallows or breaks single looks does not matter', async () => {
  await stage()
  const held = await hold()
  const action = start({ action: 'drain', 'request-timeout': '500ms' })
  await action.until('DRAIN with 1 session')
  const from = wire.requests.length
  const kinds = ['refuse', 'stall-body', 'truncate', 'silence'] as const
  wire.fault = ({ number }) => {
    const kind = kinds[number - from - 2]
    return kind && { kind }
  }
  await farm.until(() => wire.requests.length > from + 5, 20_000)
  await held.close()
  expect(await action.done).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN' } })
  expect(posts()).toHaveLength(1)
})

test('rows that are missing for one look are not an answer', async () => {
  await stage()
  const held = await hold()
  const action = start({ action: 'drain' })
  await action.until('DRAIN with 1 session')
  const from = wire.requests.length
  // The row goes by another name of the same length.
  wire.fault = ({ number }) =>
    number === from + 2
      ? {
          kind: 'rewrite',
          rewrite: (answer) =>
            Buffer.from(answer.toString('latin1').replace('web,app1,', 'web,appX,'), 'latin1')
        }
      : undefined
  await action.until('no longer there')
  await held.close()
  expect(await action.done).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN' } })
})

test('a reload on the way back of a dead application does not end green', async () => {
  await stage({ servers: 2 })
  await farm.set('app1', 'maint')
  farm.app('app1').health = 503
  const action = start({ action: 'ready', 'wait-timeout': '5s' })
  await action.until(/app1 .* is (DRAIN|DOWN)/)
  await reload()
  const result = await action.done
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain('Not up within 5s')
  expect(result.lastLine).toContain('L7STS/503')
})

describe('of two HAProxies', () => {
  test('the one that is reloaded is asked again, the other is not', async () => {
    await stage()
    const second = await startFarm({ applications: farm.applications })
    stops.push(() => second.stop())
    const held = await holdConnection(second.userUrl)
    const action = start({
      action: 'drain',
      'stats-url': `${wire.through(farm.statsUrl)} ${second.statsUrl}`,
      'hard-stop-after': '0s'
    })
    await action.until('DRAIN with 1 session')
    await reload()
    await action.until(reloaded)
    await held.close()
    const result = await action.done
    expect(result.exitCode).toBe(0)
    expect(warnings(result)).toEqual([
      expect.stringContaining(`${reloaded} at ${wire.through(farm.statsUrl)}, and web/app1`)
    ])
    expect(warnings(result)[0]).not.toContain(second.statsUrl)
    expect([await farm.status('app1'), await second.status('app1')]).toEqual(['DRAIN', 'DRAIN'])
    expect(posts()).toHaveLength(2)
  })

  test('every one gets its server back where the guard refuses after a reload', async () => {
    await stage({ servers: 2, serverOptions: '' })
    const second = await startFarm({ serverOptions: '', applications: farm.applications })
    stops.push(() => second.stop())
    const held = await holdConnection(second.userUrl)
    const server = held.application
    const action = start({
      action: 'drain',
      server,
      'stats-url': `${wire.through(farm.statsUrl)} ${second.statsUrl}`,
      'min-up': '1'
    })
    await action.until('DRAIN with 1 session')
    // The new process has lost the drain, and knows the other server as out of order.
    const other = server === 'app1' ? 'app2' : 'app1'
    await reload(undefined, farm.config.replace(new RegExp(`server ${other} .*`), '$& disabled'))
    const result = await action.done
    await held.close()
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain('needs 1')
    expect(result.lastLine).toContain('What had changed was rolled back.')
    expect(await farm.status(server)).toBe('no check')
    expect(await second.status(server)).toBe('no check')
  })
})

describe('where checks are slow', () => {
  const slow: Setup = { servers: 3, serverOptions: 'check inter 15s', settle: false }

  test('servers that were not checked since a reload serve, for the guard', async () => {
    await stage(slow)
    await reload()
    expect(await farm.status('app2')).toMatch(/^UP \d\/\d$/)
    const result = await runAction(
      inputsFor({ 'min-up': '2', 'hard-stop-after': '0s', 'settle-time': '1s' })
    )
    expectSafe(result)
    expect(result.summary).toContain('app2, app3')
  })

  test('a reload in the middle of a wait does not make the guard refuse', async () => {
    await stage(slow)
    await hold()
    const action = start({ 'min-up': '2', 'hard-stop-after': '0s', 'settle-time': '2s' })
    await action.until(/app1 on \S+ is MAINT/)
    await reload()
    await farm.until(async () => (await farm.status('app1')) === 'MAINT')
    const result = await action.done
    expectSafe(result)
    expect(warnings(result)).toHaveLength(1)
  })

  test('a server that fails its first check after a reload does not serve', async () => {
    await stage({ servers: 2, serverOptions: 'check inter 300ms fall 3' })
    farm.app('app2').health = 503
    await reload()
    await farm.until(async () => (await farm.row('web', 'app2'))['check_status'] === 'L7STS')
    const result = await runAction(inputsFor({ 'min-up': '1' }))
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain('needs 1')
    expect(posts()).toEqual([])
  })
})
