import { afterEach, describe, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import {
  type FaultProxy,
  httpAnswer,
  type RecordedRequest,
  startFaultProxy
} from '../support/fault-proxy.ts'
import { type ActionResult, runAction, type RunningAction, startAction } from '../support/runner.ts'

let farm: Farm
let wire: FaultProxy
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm(options)
  stops.push(() => farm.stop())
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => wire.stop())
}

function inputs(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server: 'app1',
    action: 'ready',
    'poll-interval': '200ms',
    'settle-time': '300ms',
    ...more
  }
}

function start(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction(inputs(more))
}

/** Has something happen before HAProxy gets the first POST of this action. */
function justBefore(action: string, happening: () => Promise<void>): void {
  let happened: Promise<void> | undefined
  wire.fault = ({ request }) => {
    if (request?.method !== 'POST' || !request.body.includes(`action=${action}`)) return undefined
    happened ??= happening()
    return { kind: 'hold', until: happened }
  }
}

/** The actions that were asked for, each once where it was repeated. */
function asked(): (string | null)[] {
  return wire.requests
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => new URLSearchParams(body).get('action'))
    .filter((each, index, all) => each !== all[index - 1])
}

function warnings({ annotations }: ActionResult): string[] {
  return annotations.filter(({ level }) => level === 'warning').map(({ message }) => message)
}

test('on-timeout restore leaves in rotation what came up and is needed there', async () => {
  await stage()
  for (const server of ['app1', 'app2']) await farm.set(server, 'maint')
  await farm.app('app2').stop()
  const result = await runAction(
    inputs({ server: 'app1 app2', 'wait-timeout': '3s', 'on-timeout': 'restore' })
  )
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'true', status: 'UP, MAINT' } })
  expect(result.lastLine).toMatch(/^Not up within 3s: web\/app2 is DOWN/)
  expect(result.lastLine).toContain(
    'What had changed was rolled back. Left in rotation: web/app1. '
  )
  expect(result.lastLine).toContain('would have 0 serving servers')
  expect([await farm.status('app1'), await farm.status('app2')]).toEqual(['UP', 'MAINT'])
})

test('a check from before that does not end keeps a server out, and without a wait that is said', async () => {
  await stage()
  const application = farm.app('app1')
  await farm.set('app1', 'drain')
  application.healthDelayMs = 6_000
  const { healthChecks } = application
  await farm.until(() => application.healthChecks > healthChecks)
  const result = await runAction(inputs({ wait: 'false', 'wait-timeout': '1s' }))
  expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN' } })
  expect(result.lastLine).toMatch(
    /^Not released within 1s: web\/app1 is DOWN, and a health check of it is running\./
  )
  expect(asked()).toEqual(['drain', 'hdown'])
  application.healthDelayMs = 0
  await farm.until(async () => (await farm.status('app1')).startsWith('DRAIN'))
})

test('a check that fails while a return settles makes it wait for full health again', async () => {
  await stage({ serverOptions: 'check inter 200ms fall 100 rise 1' })
  await farm.set('app1', 'maint')
  const running = start({ 'settle-time': '3s' })
  await running.until('web/app1 is UP (')
  farm.app('app1').health = 503
  await running.until(/web\/app1 is UP \d+\/100/)
  farm.app('app1').health = 200
  const result = await running.done
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(asked()).toEqual(['drain', 'hdown', 'start'])
  expect(warnings(result)).toEqual([])
})

test('a server whose drain somebody else ends first is left as they want it', async () => {
  await stage({ servers: 1 })
  await farm.set('app1', 'drain')
  justBefore('start', () => farm.set('app1', 'ready'))
  const result = await runAction(inputs())
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
  expect(result.lastLine).toContain('HAProxy was not reloaded, so somebody else changed it.')
  expect(result.lastLine).not.toContain('rolled back')
  expect(await farm.status('app1')).toBe('UP')
})

test('a reload just before the drain is ended has the server checked all over again', async () => {
  await stage()
  await farm.set('app1', 'maint')
  justBefore('start', () => farm.haproxy.reload())
  const result = await runAction(inputs())
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(warnings(result)).toEqual([
    expect.stringMatching(/, and web\/app1 lost its admin state: the return starts over\.$/)
  ])
  expect(asked()).toEqual(['drain', 'hdown', 'start', 'drain', 'hdown', 'start'])
  const last = wire.requests.findLast(({ body }) => body.includes('action=hdown'))
  expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThanOrEqual(last?.at ?? Infinity)
})

test('a server that is disabled in the configuration of a reload stays out', async () => {
  await stage()
  await farm.set('app1', 'maint')
  farm.app('app1').health = 503
  const running = start()
  await running.until('Ending the drain')
  await farm.until(async () => (await farm.status('app1')) === 'DOWN')
  await farm.haproxy.reload(farm.config.replace(/server app1 .*/, '$& disabled'))
  const result = await running.done
  expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'MAINT' } })
  expect(result.lastLine).toMatch(
    /^web\/app1 was asked for ready and is MAINT\. .*somebody else changed it/
  )
  expect(await farm.status('app1')).toBe('MAINT')
})

test('a page that cannot be read just after a reload is asked for all again once it can', async () => {
  await stage()
  await farm.set('app1', 'maint')
  let isReloaded = false
  justBefore('start', async () => {
    await farm.haproxy.reload()
    isReloaded = true
  })
  const { fault } = wire
  wire.fault = (moment) =>
    isReloaded && moment.request?.path.includes(';csv') === true
      ? { kind: 'answer', bytes: httpAnswer(503) }
      : fault?.(moment)
  const running = start()
  await running.until('Trying again for up to')
  wire.fault = undefined
  const result = await running.done
  expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(warnings(result)).toEqual([
    expect.stringMatching(/, and web\/app1 lost its admin state: the return starts over\.$/)
  ])
  expect(asked()).toEqual(['drain', 'hdown', 'start', 'drain', 'hdown', 'start'])
})

describe('the last request of a return, which asks what process answers,', () => {
  const isLast = ({ path }: RecordedRequest): boolean =>
    path.includes('norefresh') && asked().includes('start')

  test('does not hide a cancel', async () => {
    await stage()
    await farm.set('app1', 'maint')
    let hasCome = false
    wire.fault = ({ request }) => {
      if (request === undefined || !isLast(request)) return undefined
      hasCome = true
      return { kind: 'silence' }
    }
    const running = start()
    await farm.until(() => hasCome)
    const result = await running.cancel()
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(/^Cancelled \(SIGINT\)\./)
  })

  test('does not hide a reload after which the page asks for a login', async () => {
    await stage()
    await farm.set('app1', 'maint')
    let reloaded: Promise<void> | undefined
    wire.fault = ({ request }) => {
      if (request === undefined || !isLast(request)) return undefined
      reloaded ??= farm.haproxy.reload(
        farm.config.replace('stats enable', 'stats enable\n  stats auth deploy:correct-horse')
      )
      return { kind: 'hold', until: reloaded }
    }
    const result = await runAction(inputs())
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('the page asks for a user name and a password')
  })
})
