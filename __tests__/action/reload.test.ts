import { afterEach, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type Middleman, startMiddleman } from '../support/middleman.ts'
import { type ActionResult, type RunningAction, startAction } from '../support/runner.ts'

/** Health checks that do not fail because the test itself is slow to answer. */
const patient = ['timeout check 10s']

let farm: Farm
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function stage(options: FarmOptions = { servers: ['app1'] }): Promise<void> {
  farm = await startFarm({ backendLines: patient, ...options })
  stops.push(() => farm.stop())
}

async function middleman(): Promise<Middleman> {
  const started = await startMiddleman({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => started.stop())
  return started
}

function start(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction({
    'stats-url': farm.statsUrl,
    backend: 'web',
    server: 'app1',
    action: 'drain',
    'wait-timeout': '40s',
    'poll-interval': '200ms',
    'settle-time': '400ms',
    'min-up': '0',
    ...more
  })
}

function warnings({ annotations }: ActionResult, text = ''): string[] {
  return annotations
    .filter(({ level, message }) => level === 'warning' && message.includes(text))
    .map(({ message }) => message)
}

const lost = 'lost the admin state'

/** Has it ended? */
function ending(run: RunningAction): { ended: boolean } {
  const state = { ended: false }
  void run.done.then(() => (state.ended = true))
  return state
}

test.each(['drain', 'maint'])(
  'after a reload with a slow request under way, %s ends green only when the new process shows it',
  async (action) => {
    await stage()
    const wire = await middleman()
    const slow = fetch(`${farm.userUrl}/slow?ms=3000`).then((answer) => answer.text())
    await farm.until(async () => (await farm.row('web', 'app1'))['scur'] === '1')
    const run = start({ action, 'stats-url': wire.through(farm.statsUrl) })
    await run.until('with 1 session')
    await sleep(1_000)
    await farm.haproxy.reload()
    const result = await run.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: action.toUpperCase() } })
    expect(await farm.status('app1')).toBe(action.toUpperCase())
    expect(wire.requests.filter(({ method }) => method === 'POST')).toHaveLength(2)
    const told = warnings(result, lost)
    expect(told).toHaveLength(1)
    expect(told[0]).toContain('web/app1')
    expect(told[0]).toContain('(1 of 3)')
    // Beside it there may be one that tells of the sessions that can no longer be seen.
    const others = warnings(result).filter((message) => !message.includes(lost))
    expect(others.length).toBeLessThanOrEqual(1)
    for (const message of others) expect(message).toContain('counts its sessions from zero')
    expect(await slow).toBe('app1')
  }
)

test('a reload after which HAProxy counts its sessions from zero is told once', async () => {
  await stage()
  // Sessions that HAProxy has counted, so that its counter falls.
  await fetch(farm.userUrl)
  await fetch(farm.userUrl)
  const held = await holdConnection(farm.userUrl)
  const run = start()
  await run.until('DRAIN with 1 session')
  await farm.haproxy.reload()
  const result = await run.done
  expect(result.exitCode).toBe(0)
  const told = warnings(result, 'counts its sessions from zero')
  expect(told).toHaveLength(1)
  expect(told[0]).toContain(farm.statsUrl)
  expect(result.lastLine).toMatch(/^Drained as far as can be seen: web\/app1 on .* its old process/)
  // The process of before still serves it.
  expect(held.open).toBe(true)
  await held.close()
})

test('a state that is lost more than three times is a failure that says so', async () => {
  await stage()
  const held = await holdConnection(farm.userUrl)
  const run = start()
  const state = ending(run)
  await run.until('DRAIN with 1 session')
  while (!state.ended) {
    if ((await farm.status('app1')).startsWith('DRAIN')) await farm.set('app1', 'ready')
    await sleep(20)
  }
  const result = await run.done
  expect(result).toMatchObject({ exitCode: 1, outputs: { sessions: '1' } })
  expect(warnings(result, lost)).toHaveLength(3)
  expect(result.lastLine).toContain('would not stay in drain')
  expect(result.lastLine).toContain('3 times')
  expect(held.open).toBe(true)
  await held.close()
})

test('an HAProxy that is away for three seconds during a drain is waited for', async () => {
  await stage()
  const held = await holdConnection(farm.userUrl)
  const run = start()
  const state = ending(run)
  await run.until('DRAIN with 1 session')
  await farm.haproxy.kill()
  await run.until('refused the connection')
  await sleep(3_000)
  expect(state.ended).toBe(false)
  await farm.haproxy.start()
  const result = await run.done
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN', sessions: '0' } })
  expect(await farm.status('app1')).toBe('DRAIN')
  expect(warnings(result, lost)).toHaveLength(1)
  await held.close()
})

test('an HAProxy that does not come back in time is a failure that names it', async () => {
  await stage()
  const held = await holdConnection(farm.userUrl)
  const run = start({ 'wait-timeout': '3s' })
  await run.until('DRAIN with 1 session')
  await farm.haproxy.kill()
  const result = await run.done
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain('Not drained within 3s')
  expect(result.lastLine).toContain(farm.statsUrl)
  expect(result.durationMs).toBeLessThan(15_000)
  await held.close()
})

test('a network that swallows or breaks single looks does not matter', async () => {
  await stage()
  const wire = await middleman()
  const held = await holdConnection(farm.userUrl)
  const run = start({ 'stats-url': wire.through(farm.statsUrl), 'request-timeout': '500ms' })
  await run.until('DRAIN with 1 session')
  const from = wire.requests.length
  const kinds = ['refuse', 'stall-body', 'truncate', 'silence'] as const
  wire.fault = ({ number }) => {
    const kind = kinds[number - from - 2]
    return kind && { kind }
  }
  await farm.until(() => wire.requests.length > from + 5, 20_000)
  await held.close()
  expect(await run.done).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN' } })
  expect(wire.requests.filter(({ method }) => method === 'POST')).toHaveLength(1)
})

test('rows that are missing for one look are not an answer', async () => {
  await stage()
  const wire = await middleman()
  const held = await holdConnection(farm.userUrl)
  const run = start({ 'stats-url': wire.through(farm.statsUrl) })
  await run.until('DRAIN with 1 session')
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
  await run.until('no longer there')
  await held.close()
  expect(await run.done).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN' } })
})

test('an HAProxy that is away for three seconds on the way back of ready is waited for', async () => {
  await stage()
  await farm.set('app1', 'maint')
  const app1 = farm.app('app1')
  app1.health = 503
  const run = start({ action: 'ready' })
  const state = ending(run)
  await run.until(/app1 .* is (DRAIN|DOWN)/)
  await farm.haproxy.kill()
  await run.until('refused the connection')
  await sleep(3_000)
  expect(state.ended).toBe(false)
  app1.health = 200
  await farm.haproxy.start()
  const result = await run.done
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(await farm.status('app1')).toBe('UP')
})

test('a reload on the way back of a dead application does not end green', async () => {
  await stage({ servers: 2 })
  await farm.set('app1', 'maint')
  farm.app('app1').health = 503
  const run = start({ action: 'ready', 'wait-timeout': '5s' })
  await run.until(/app1 .* is (DRAIN|DOWN)/)
  await farm.haproxy.reload()
  const result = await run.done
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain('Not up within 5s')
  expect(result.lastLine).toContain('L7STS/503')
})

test('of two HAProxies the one that is reloaded is asked again, the other is not', async () => {
  await stage()
  const second = await startFarm({ backendLines: patient, applications: farm.applications })
  stops.push(() => second.stop())
  const held = await holdConnection(second.userUrl)
  const run = start({ 'stats-url': `${farm.statsUrl} ${second.statsUrl}` })
  await run.until('DRAIN with 1 session')
  await farm.haproxy.reload()
  await run.until('lost the admin state')
  await held.close()
  const result = await run.done
  expect(result.exitCode).toBe(0)
  const told = warnings(result, lost)
  expect(told).toHaveLength(1)
  expect(told[0]).toContain(farm.statsUrl)
  expect(told[0]).not.toContain(second.statsUrl)
  expect([await farm.status('app1'), await second.status('app1')]).toEqual(['DRAIN', 'DRAIN'])
})

test('where the guard refuses after a reload, every HAProxy gets its server back', async () => {
  await stage({ servers: 2, serverOptions: '' })
  const second = await startFarm({ serverOptions: '', applications: farm.applications })
  stops.push(() => second.stop())
  const held = await holdConnection(second.userUrl)
  const server = held.application
  const run = start({
    server,
    'stats-url': `${farm.statsUrl} ${second.statsUrl}`,
    'min-up': '1'
  })
  await run.until('DRAIN with 1 session')
  // The new process has lost the drain, and knows the other server as out of order.
  const other = server === 'app1' ? 'app2' : 'app1'
  await farm.haproxy.reload(farm.config.replace(new RegExp(`server ${other} .*`), '$& disabled'))
  const result = await run.done
  await held.close()
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
  expect(result.lastLine).toContain('min-up asks for 1')
  expect(result.lastLine).toContain('put back')
  expect(await farm.status(server)).toBe('no check')
  expect(await second.status(server)).toBe('no check')
})
