import { afterEach, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type Middleman, startMiddleman } from '../support/middleman.ts'
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

async function middleman(): Promise<Middleman> {
  const started = await startMiddleman({ port: Number(new URL(farm.statsUrl).port) })
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
    expect(result.lastLine).toContain(`web/${server} on ${farm.statsUrl} is DRAIN with 1 session`)
    expect(result.lastLine).toContain('will not bring')
    expect(result.annotations.filter(({ level }) => level === 'error')).toHaveLength(1)
    expect(await farm.status(server)).toBe('DRAIN')
  }
)

test.each([
  ['never', 'will not bring', 'DRAIN'],
  ['failure', 'will bring', 'UP'],
  ['always', 'will bring', 'UP']
])(
  'after a cancel the last line tells truly what the post step does with restore: %s',
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
    expect(await farm.status(server)).toBe(after)
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
  const wire = await middleman()
  wire.fault = () => ({ kind: 'silence' })
  const run = startAction(inputsFor({ 'stats-url': wire.through(farm.statsUrl) }))
  await until(() => wire.requests.length > 0)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'false' } })
  expect(result.lastLine).toContain('Cancelled (SIGINT)')
  expect(result.lastLine).toContain('Nothing was changed')
  expect(wire.requests.map(({ method }) => method)).toEqual(['GET'])
  expect(await farm.status('app1')).toBe('UP')
})

test('SIGINT between change and read-back says what is not known when HAProxy stays silent', async () => {
  await stage()
  const wire = await middleman()
  wire.fault = ({ number }) => (number > 2 ? { kind: 'silence' } : undefined)
  const inputs = inputsFor({ 'stats-url': wire.through(farm.statsUrl), restore: 'failure' })
  const run = startAction(inputs)
  await until(() => wire.requests.length >= 3)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'true' } })
  expect(result.lastLine).toContain('not known to be drain')
  expect(result.lastLine).toContain('The post step will bring')
  wire.fault = undefined
  const post = await runPost(result, inputs, { jobStatus: 'cancelled' })
  expect(post.exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('UP')
})

test('SIGINT between change and read-back looks once more and tells the state', async () => {
  await stage()
  const wire = await middleman()
  wire.fault = ({ number }) => (number === 3 ? { kind: 'silence' } : undefined)
  const run = startAction(inputsFor({ 'stats-url': wire.through(farm.statsUrl) }))
  await until(() => wire.requests.length >= 3)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'true', status: 'DRAIN' } })
  expect(result.lastLine).toContain('is DRAIN')
  expect(result.lastLine).not.toContain('not known')
})

test('SIGINT while a change is not answered ends before the runner loses patience', async () => {
  await stage()
  const wire = await middleman()
  wire.fault = ({ number }) => (number === 2 ? { kind: 'stall-headers' } : undefined)
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
  expect(result.lastLine).toMatch(/is (DRAIN|not known to be drain)/)
  wire.fault = undefined
  const post = await runPost(result, inputs, { jobStatus: 'cancelled' })
  expect(post.exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('UP')
})

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s while an undo runs does not keep it from being completed',
  async (signal) => {
    await stage()
    const second = await startFarm({
      backendLines: patient,
      applications: farm.applications,
      statsLines: ['stats admin if FALSE']
    })
    stops.push(() => second.stop())
    const wire = await middleman()
    // The first order to put back does not arrive; the second comes a moment after it.
    let undo = 0
    wire.fault = ({ number, request }) => {
      if (undo === 0 && request?.body.includes('action=ready') === true) undo = number
      return undo > 0 && number === undo ? { kind: 'reset-before' } : undefined
    }
    const run = startAction(
      inputsFor({ 'stats-url': `${wire.through(farm.statsUrl)} ${second.statsUrl}` })
    )
    await until(() => undo > 0)
    const { result, tookMs } = await end(run, signal)
    expect(tookMs).toBeLessThan(GRACE)
    expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'false' } })
    expect(await farm.status('app1')).toBe('UP')
    expect(result.lastLine).toContain('is put back, UP')
    expect(result.lastLine).toContain('DENY')
  }
)

test('an undo that HAProxy does not answer ends in time after a cancel, and is told first', async () => {
  await stage()
  const second = await startFarm({
    backendLines: patient,
    applications: farm.applications,
    statsLines: ['stats admin if FALSE']
  })
  stops.push(() => second.stop())
  const wire = await middleman()
  wire.fault = ({ request }) =>
    request?.body.includes('action=ready') === true ? { kind: 'silence' } : undefined
  const inputs = inputsFor({
    'stats-url': `${wire.through(farm.statsUrl)} ${second.statsUrl}`,
    restore: 'failure',
    'request-timeout': '1m'
  })
  const run = startAction(inputs)
  await until(() => wire.requests.some(({ body }) => body.includes('action=ready')))
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(GRACE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'true' } })
  expect(result.lastLine).toMatch(/^Not everything could be put back/)
  expect(await farm.status('app1')).toBe('DRAIN')
  wire.fault = undefined
  const post = await runPost(result, inputs, { jobStatus: 'cancelled' })
  expect(post.exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('UP')
})

test('SIGINT on the way back of ready tells in which state the server was left', async () => {
  await stage()
  await farm.set('app1', 'maint')
  farm.app('app1').health = 503
  const run = startAction(inputsFor({ action: 'ready' }))
  await run.until(/app1 .* is (DRAIN|DOWN)/)
  const { result, tookMs } = await end(run, 'SIGINT')
  expect(tookMs).toBeLessThan(AT_ONCE)
  expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'true' } })
  expect(result.lastLine).toMatch(/web\/app1 on \S+ is (DRAIN|DOWN, asked for drain)/)
  expect(result.lastLine).toContain(' until somebody asks for ready.')
})

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
