import { afterEach, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ActionResult, type RunningAction, runPost, startAction } from '../support/runner.ts'
import { until } from '../support/until.ts'

/** Health checks that do not fail because the test itself is slow to answer. */
const patient = ['timeout check 10s']

let farm: Farm
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm({ backendLines: patient, ...options })
  stops.push(() => farm.stop())
}

async function faultProxy(): Promise<FaultProxy> {
  const started = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => started.stop())
  return started
}

/** A session that stays open on a server, whose name this gives. */
async function hold(): Promise<string> {
  const held = await holdConnection(farm.userUrl)
  stops.push(() => held.close())
  return held.application
}

function inputsFor(more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': farm.statsUrl,
    backend: 'web',
    server: 'app1',
    action: 'drain',
    'poll-interval': '200ms',
    ...more
  }
}

/** Sends a signal and waits for the end; how long that took, in milliseconds. */
async function end(
  run: RunningAction,
  signal: NodeJS.Signals
): Promise<{ result: ActionResult; tookMs: number }> {
  const from = performance.now()
  run.signal(signal)
  const result = await run.done
  return { result, tookMs: performance.now() - from }
}

/** Spoils the look that reads a change back, and with `for ever` every look after it. */
function spoilReadBack(wire: FaultProxy, times: 'once' | 'for ever'): void {
  let first: number | undefined
  wire.fault = ({ number, request }) => {
    const isReadBack =
      request?.method === 'GET' && wire.requests.some(({ method }) => method === 'POST')
    if (isReadBack) first ??= number
    return isReadBack && (times === 'for ever' || number === first)
      ? { kind: 'silence' }
      : undefined
  }
}

/** Resolves once the look that reads a change back is under way. */
function untilReadBack(wire: FaultProxy): Promise<void> {
  return until(() => {
    const change = wire.requests.findIndex(({ method }) => method === 'POST')
    return change >= 0 && wire.requests.length > change + 1
  })
}

/** One second is promised; as much again is allowed to a busy machine. */
const AT_ONCE = 2_000
/** Between the runner's first and second signal. */
const GRACE = 7_500

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s in the wait ends it at once, with outputs, summary and the state in the last line',
  async (signal) => {
    await stage()
    const server = await hold()
    const run = startAction(inputsFor({ server, 'poll-interval': '10s' }))
    await run.until('DRAIN with 1 session')
    const { result, tookMs } = await end(run, signal)
    expect(tookMs).toBeLessThan(AT_ONCE)
    expect(result).toMatchObject({
      exitCode: 1,
      signal: null,
      outputs: { changed: 'true', status: 'DRAIN', 'previous-status': 'UP', sessions: '1' }
    })
    expect(result.outputs['result']).toContain(server)
    expect(result.summary).toContain(server)
    expect(result.summary).toContain('DRAIN')
    expect(result.lastLine).toContain(signal)
    expect(result.lastLine).toContain(`web/${server} is DRAIN with 1 session`)
    expect(result.lastLine).toContain('does not bring')
    expect(result.annotations.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect(await farm.status(server)).toBe('DRAIN')
  }
)

test.each([
  ['never', 'does not bring', 'DRAIN'],
  ['failure', 'back if the job fails or is cancelled', 'UP'],
  ['always', 'back (restore: always)', 'UP']
])(
  'after a cancel the last line says truly what the post step does with restore: %s',
  async (restore, promise, after) => {
    await stage()
    const server = await hold()
    const inputs = inputsFor({ server, restore })
    const run = startAction(inputs)
    await run.until('DRAIN with 1 session')
    const { result } = await end(run, 'SIGINT')
    expect(result.lastLine).toContain(promise)
    const post = await runPost(result, inputs, { jobStatus: 'cancelled' })
    expect(post.exitCode).toBe(0)
    await farm.until(async () => (await farm.status(server)) === after)
  }
)

test('the signals of the runner, one after the other, find the process gone after the first', async () => {
  await stage()
  const server = await hold()
  const run = startAction(inputsFor({ server }))
  await run.until('DRAIN with 1 session')
  const from = performance.now()
  const result = await run.cancel()
  expect(performance.now() - from).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, signal: null })
})

test('a second and a third signal change nothing', async () => {
  await stage()
  const server = await hold()
  const run = startAction(inputsFor({ server }))
  await run.until('DRAIN with 1 session')
  run.signal('SIGINT')
  run.signal('SIGINT')
  const { result, tookMs } = await end(run, 'SIGTERM')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { status: 'DRAIN' } })
  expect(result.summary).toContain(server)
  expect(result.lastLine).toContain('is DRAIN with 1 session')
})

test('SIGINT before the first look is answered says that nothing was changed', async () => {
  await stage()
  const wire = await faultProxy()
  wire.fault = () => ({ kind: 'silence' })
  const run = startAction(inputsFor({ 'stats-url': wire.through(farm.statsUrl) }))
  await until(() => wire.requests.length > 0)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'false' } })
  expect(result.lastLine).toContain('Cancelled (SIGINT)')
  expect(result.lastLine).toContain('Nothing was changed')
  expect(new Set(wire.requests.map(({ method }) => method))).toEqual(new Set(['GET']))
  expect(await farm.status('app1')).toBe('UP')
})

test('SIGINT between change and read-back says what is not known when HAProxy stays silent', async () => {
  await stage()
  const wire = await faultProxy()
  spoilReadBack(wire, 'for ever')
  const inputs = inputsFor({ 'stats-url': wire.through(farm.statsUrl), restore: 'failure' })
  const run = startAction(inputs)
  await untilReadBack(wire)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'true' } })
  expect(result.lastLine).toContain('in an unknown state (asked for drain')
  expect(result.lastLine).toContain('The post step brings')
  wire.fault = undefined
  const post = await runPost(result, inputs, { jobStatus: 'cancelled' })
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test('SIGINT between change and read-back looks once more and says the state', async () => {
  await stage()
  const wire = await faultProxy()
  spoilReadBack(wire, 'once')
  const run = startAction(inputsFor({ 'stats-url': wire.through(farm.statsUrl) }))
  await untilReadBack(wire)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'true', status: 'DRAIN' } })
  expect(result.lastLine).toContain('is DRAIN')
  expect(result.lastLine).not.toContain('not known')
})

test('SIGINT while a change is not answered ends before the runner loses patience', async () => {
  await stage()
  const wire = await faultProxy()
  wire.fault = ({ request }) => (request?.method === 'POST' ? { kind: 'stall-headers' } : undefined)
  const inputs = inputsFor({
    'stats-url': wire.through(farm.statsUrl),
    restore: 'failure',
    'request-timeout': '1m'
  })
  const run = startAction(inputs)
  await until(async () => (await farm.status('app1')) === 'DRAIN')
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(GRACE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'true' } })
  expect(result.lastLine).toContain('Cancelled')
  expect(result.summary).toContain('app1')
  // Which is what it is; "not known" is true too.
  expect(result.lastLine).toMatch(/is (DRAIN|in an unknown state)/)
  wire.fault = undefined
  const post = await runPost(result, inputs, { jobStatus: 'cancelled' })
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s during a roll-back does not keep it from being completed',
  async (signal) => {
    await stage()
    const second = await startFarm({
      backendLines: patient,
      applications: farm.applications,
      statsLines: ['stats admin if FALSE']
    })
    stops.push(() => second.stop())
    const wire = await faultProxy()
    // The first request to roll back does not arrive; the second comes a moment after it.
    let lost = 0
    wire.fault = ({ number, request }) => {
      if (lost === 0 && request?.body.includes('action=start') === true) lost = number
      return lost > 0 && number === lost ? { kind: 'reset-before' } : undefined
    }
    const run = startAction(
      inputsFor({ 'stats-url': `${wire.through(farm.statsUrl)} ${second.statsUrl}` })
    )
    await until(() => lost > 0)
    const { result, tookMs } = await end(run, signal)
    expect(tookMs).toBeLessThan(GRACE)
    expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'false' } })
    expect(await farm.status('app1')).toBe('UP')
    expect(result.lastLine).toContain('is UP (rolled back)')
    expect(result.lastLine).toContain('DENY')
  }
)

test('a roll-back that HAProxy does not answer ends in time after a cancel, and is said first', async () => {
  await stage()
  const second = await startFarm({
    backendLines: patient,
    applications: farm.applications,
    statsLines: ['stats admin if FALSE']
  })
  stops.push(() => second.stop())
  const wire = await faultProxy()
  wire.fault = ({ request }) =>
    request?.body.includes('action=start') === true ? { kind: 'silence' } : undefined
  const inputs = inputsFor({
    'stats-url': `${wire.through(farm.statsUrl)} ${second.statsUrl}`,
    restore: 'failure',
    'request-timeout': '1m'
  })
  const run = startAction(inputs)
  await until(() => wire.requests.some(({ body }) => body.includes('action=start')))
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(GRACE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'true' } })
  expect(result.lastLine).toMatch(/^Not everything could be rolled back/)
  expect(await farm.status('app1')).toBe('DRAIN')
  wire.fault = undefined
  const post = await runPost(result, inputs, { jobStatus: 'cancelled' })
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test('SIGINT before the drain of a return has ended says that the server stays there', async () => {
  await stage()
  await farm.set('app1', 'drain')
  const application = farm.app('app1')
  // A check that began before the step is still running, so the drain does not end.
  application.healthDelayMs = 60_000
  const checks = application.healthChecks
  await farm.until(() => application.healthChecks > checks)
  const run = startAction(inputsFor({ action: 'ready' }))
  await run.until(/app1 is DOWN/)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  // It was found in drain.
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'false' } })
  expect(result.lastLine).toMatch(/web\/app1 is DOWN, asked for drain/)
  expect(result.lastLine).toMatch(/app1 stays in drain until somebody asks for ready\.$/)
})

test('SIGINT after the drain of a return has ended leaves the server to its health check', async () => {
  await stage()
  await farm.set('app1', 'maint')
  farm.app('app1').health = 503
  const wire = await faultProxy()
  const run = startAction(inputsFor({ action: 'ready', 'stats-url': wire.through(farm.statsUrl) }))
  await until(() => wire.requests.at(-1)?.method === 'GET' && isReleased(wire))
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'true' } })
  expect(result.lastLine).toMatch(/web\/app1 is DOWN, asked for ready/)
  expect(result.lastLine).not.toContain('stays in drain')
  farm.app('app1').health = 200
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

function isReleased(wire: FaultProxy): boolean {
  return wire.requests.some(({ body }) => body.includes('action=start'))
}

test('SIGINT while HAProxy is away ends the wait at once', async () => {
  await stage()
  const server = await hold()
  const run = startAction(inputsFor({ server, 'poll-interval': '2s' }))
  await run.until('DRAIN with 1 session')
  await farm.haproxy.kill()
  await run.until('refused the connection', 10_000)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain(`web/${server}`)
})
