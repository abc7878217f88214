import { afterEach, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ActionResult, runAction } from '../support/runner.ts'

let farm: Farm
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** Servers without health checks by default: no busy machine makes one of them seem ill. */
async function stage(options: FarmOptions = {}): Promise<Farm> {
  farm = await startFarm({ serverOptions: '', ...options })
  stops.push(() => farm.stop())
  return farm
}

async function faultProxy(): Promise<FaultProxy> {
  const started = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => started.stop())
  return started
}

/** Health checks that do not fail because the test itself is slow to answer. */
const patient = ['timeout check 10s']

/** A run that does not wait, of one server by default. */
function run(more: Readonly<Record<string, string>> = {}): Promise<ActionResult> {
  return runAction({
    'stats-url': farm.statsUrl,
    backend: 'web',
    server: 'app1',
    action: 'drain',
    wait: 'false',
    ...more
  })
}

async function serving(): Promise<number> {
  const rows = await farm.rows()
  return rows.filter(({ type, status }) => type === '2' && /^(UP|no check)/.test(status ?? ''))
    .length
}

test.each(['drain', 'maint'])(
  '%s of the only serving server is refused before any change',
  async (action) => {
    await stage({ servers: ['app1'] })
    const wire = await faultProxy()
    const result = await run({ action, 'stats-url': wire.through(farm.statsUrl) })
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false', status: 'no check' } })
    expect(wire.requests.map(({ method }) => method)).toEqual(['GET'])
    expect(result.lastLine).toContain('it has no other servers')
    expect(result.lastLine).toContain('Nothing was changed')
    // The ways out.
    expect(result.lastLine).toContain('Add a server')
    expect(result.lastLine).toContain('lower min-up')
    expect(result.state['intent']).toBeUndefined()
  }
)

test('with one server DOWN and one in MAINT the third stays, and the others are listed', async () => {
  await stage({ servers: 3, serverOptions: 'check inter 500ms', backendLines: patient })
  farm.app('app2').health = 503
  await farm.set('app3', 'maint')
  await farm.until(async () => (await farm.status('app2')) === 'DOWN')
  const result = await run()
  expect(result.exitCode).toBe(1)
  expect(await farm.status('app1')).toMatch(/^UP/)
  expect(result.lastLine).toContain('app2 (DOWN')
  expect(result.lastLine).toContain('app3 (MAINT')
  expect(result.lastLine).toContain('lower min-up')
})

test('both servers of a backend at once are refused, each of them alone is not', async () => {
  await stage()
  const both = await run({ server: 'app1, app2' })
  expect(both.exitCode).toBe(1)
  expect(await serving()).toBe(2)
  expect((await run({ server: 'app2' })).exitCode).toBe(0)
  expect(await farm.status('app2')).toBe('DRAIN')
})

test('min-up: 2 wants two others, and names those that it counted', async () => {
  await stage({ servers: 3 })
  await farm.set('app3', 'drain')
  const result = await run({ 'min-up': '2' })
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain('1 serving server (app2)')
  expect(result.lastLine).toContain('needs 2')
  expect(result.lastLine).toContain('app3 (DRAIN)')
  await farm.set('app3', 'ready')
  await farm.settled()
  expect((await run({ 'min-up': '2' })).exitCode).toBe(0)
})

test('min-up: 0 turns the guard off', async () => {
  await stage({ servers: ['app1'] })
  expect(await run({ 'min-up': '0' })).toMatchObject({ exitCode: 0, outputs: { status: 'DRAIN' } })
})

test('a target that is DOWN takes nothing away and is not guarded', async () => {
  await stage({ servers: ['app1'], serverOptions: 'check inter 500ms', backendLines: patient })
  farm.app('app1').health = 503
  await farm.until(async () => (await farm.status('app1')) === 'DOWN')
  expect(await run({ action: 'maint' })).toMatchObject({
    exitCode: 0,
    outputs: { status: 'MAINT' }
  })
})

test('a target that is in drain already may go on to maint, even if no other server serves', async () => {
  await stage()
  await farm.set('app1', 'drain')
  await farm.set('app2', 'maint')
  expect(await run({ action: 'maint' })).toMatchObject({
    exitCode: 0,
    outputs: { status: 'MAINT' }
  })
})

test('ready is not guarded', async () => {
  await stage({ servers: ['app1'] })
  await farm.set('app1', 'maint')
  expect((await run({ action: 'ready', 'min-up': '5' })).exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('no check')
})

test('a backup server counts as one that serves', async () => {
  await stage({ serverOptions: (name) => (name === 'app2' ? 'backup' : '') })
  expect((await run()).exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('DRAIN')
})

test('a server of weight 0 does not count, and the message says why', async () => {
  await stage({ serverOptions: (name) => (name === 'app2' ? 'weight 0' : '') })
  const result = await run()
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toMatch(/app2 \([^)]*weight 0\)/)
  expect(await farm.status('app1')).toBe('no check')
  // Nor does it take anything away itself.
  expect((await run({ server: 'app2' })).exitCode).toBe(0)
})

test('a server whose first check is still to come does not count', async () => {
  await stage({ serverOptions: 'check inter 500ms', backendLines: patient })
  farm.app('app2').healthDelayMs = 9_000
  await farm.set('app2', 'maint')
  await farm.set('app2', 'ready')
  const result = await run()
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain('app2 (UP 1/3)')
})

test.each(['false', 'true'])(
  'when the other server goes out between look and change, the change is rolled back (wait: %s)',
  async (wait) => {
    await stage()
    const wire = await faultProxy()
    // The first request does not arrive, and before the second somebody takes out the other server.
    let change = 0
    wire.fault = ({ number, request }) => {
      if (request?.method === 'POST' && change === 0) change = number
      return change > 0 && number === change ? { kind: 'reset-before' } : undefined
    }
    const result = run({ wait, action: 'maint', 'stats-url': wire.through(farm.statsUrl) })
    await farm.until(() => change > 0)
    await farm.set('app2', 'drain')
    expect(await result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(await farm.status('app1')).toBe('no check')
    expect(await farm.status('app2')).toBe('DRAIN')
    const { lastLine } = await result
    expect(lastLine).toContain('needs 1')
    expect(lastLine).toContain('What had changed was rolled back')
    expect(lastLine).toContain('app2 (DRAIN)')
  }
)

test.each(['false', 'true'])(
  'of two runs that race for the last two servers at least one is red and one serves (wait: %s)',
  async (wait) => {
    await stage()
    const results = await Promise.all([run({ wait }), run({ wait, server: 'app2' })])
    expect(await serving()).toBeGreaterThanOrEqual(1)
    const red = results.filter(({ exitCode }) => exitCode !== 0)
    expect(red.length).toBeGreaterThanOrEqual(1)
    for (const { lastLine, outputs, durationMs } of red) {
      expect(lastLine).toContain('needs 1')
      expect(outputs['changed']).toBe('false')
      expect(durationMs).toBeLessThan(15_000)
    }
  }
)

test('after twenty runs at once for one of three servers each, two still serve', async () => {
  await stage({ servers: 3 })
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      run({ server: `app${(index % 3) + 1}`, 'min-up': '2' })
    )
  )
  expect([2, 3]).toContain(await serving())
  for (const { exitCode, lastLine } of results) {
    if (exitCode !== 0) expect(lastLine).toMatch(/needs 2|did not hold/)
    else expect(lastLine).toMatch(/^Out of rotation: web\/app\d .* DRAIN/)
  }
})

test('of a backend taken from two HAProxies each is guarded again after the change', async () => {
  const first = await stage()
  const second = await startFarm({ serverOptions: '', applications: first.applications })
  stops.push(() => second.stop())
  const wire = await faultProxy()
  let change = 0
  wire.fault = ({ number, request }) => {
    if (request?.method === 'POST' && change === 0) change = number
    return change > 0 && number === change ? { kind: 'reset-before' } : undefined
  }
  const result = run({ 'stats-url': `${wire.through(first.statsUrl)} ${second.statsUrl}` })
  await first.until(() => change > 0)
  await second.set('app2', 'drain')
  expect((await result).exitCode).toBe(1)
  expect([await first.status('app1'), await second.status('app1')]).toEqual([
    'no check',
    'no check'
  ])
  expect((await result).lastLine).toContain(`web on ${second.statsUrl} would have 0 serving`)
})
