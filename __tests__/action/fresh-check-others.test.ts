import { afterEach, describe, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ActionResult, type RunningAction, runAction, startAction } from '../support/runner.ts'
import { makeStateFile } from '../support/state-file.ts'

let farm: Farm
let wire: FaultProxy
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm({ serverOptions: 'check inter 200ms fall 3 rise 2', ...options })
  stops.push(() => farm.stop())
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => wire.stop())
}

function inputs(): Record<string, string> {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server: 'app1',
    action: 'ready',
    'poll-interval': '200ms',
    'settle-time': '300ms',
    'wait-timeout': '4s'
  }
}

function ready(more: Readonly<Record<string, string>> = {}): Promise<ActionResult> {
  return runAction({ ...inputs(), ...more })
}

function begin(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction({ ...inputs(), ...more })
}

function bodies(): string[] {
  return wire.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

function warnings({ annotations }: ActionResult): string[] {
  return annotations.filter(({ level }) => level === 'warning').map(({ message }) => message)
}

async function isDown(server = 'app1'): Promise<boolean> {
  return (await farm.status(server)) === 'DOWN'
}

describe('between the requests of a step', () => {
  /** Has something else happen when the step ends the drain. */
  function beforeRelease(work: () => Promise<unknown>): void {
    let until: Promise<unknown> | undefined
    wire.fault = ({ request }) => {
      if (request?.body.includes('action=start') !== true) return undefined
      until ??= work()
      return { kind: 'hold', until }
    }
  }

  test.each([
    ['maint', 'maint'],
    ['drain', 'maint'],
    ['maint', 'disable']
  ] as const)('found in %s, an operator’s %s stays', async (found, theirs) => {
    await stage()
    await farm.set('app1', found)
    beforeRelease(() => farm.post(`b=web&action=${theirs}&s=app1`))
    const result = await ready()
    expect(await farm.status('app1')).toBe('MAINT')
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'MAINT' } })
    expect(result.lastLine).toContain('HAProxy was not reloaded, so somebody else changed it.')
  })

  test('an operator’s maint stays, and a step that does not wait is red, too', async () => {
    await stage()
    await farm.set('app1', 'drain')
    beforeRelease(() => farm.post(`b=web&action=disable&s=app1`))
    const result = await ready({ wait: 'false' })
    expect(await farm.status('app1')).toBe('MAINT')
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'MAINT' } })
  })

  test('an operator’s ready stays', async () => {
    await stage()
    await farm.set('app1', 'maint')
    beforeRelease(() => farm.set('app1', 'ready'))
    const result = await ready()
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('somebody else changed it')
    await farm.until(async () => (await farm.status('app1')) === 'UP')
  })
})

test('a HAProxy that answers late keeps no pinned client of another one on a dead server', async () => {
  await stage()
  const late = await startFarm({ applications: farm.applications })
  stops.push(() => late.stop())
  const lateWire = await startFaultProxy({ port: Number(new URL(late.statsUrl).port) })
  stops.push(() => lateWire.stop())
  for (const each of [farm, late]) await each.set('app1', 'maint')
  farm.app('app1').health = 503
  let isForcedDown = false
  const until = farm
    .until(() => bodies().includes('b=web&action=hdown&s=app1'))
    .then(
      () => (isForcedDown = true),
      () => undefined
    )
  lateWire.fault = ({ request }) =>
    request?.body.includes('action=drain') === true ? { kind: 'hold', until } : undefined
  const urls = `${wire.through(farm.statsUrl)} ${lateWire.through(late.statsUrl)}`
  const result = await ready({ 'stats-url': urls, 'wait-timeout': '2s', 'request-timeout': '20s' })
  expect(isForcedDown).toBe(true)
  expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN' } })
})

describe.each(['fail', 'restore'])('with on-timeout: %s', (onTimeout) => {
  test.each(['maint', 'drain'] as const)(
    'an operator’s %s of a server that is up stays while the step waits for another',
    async (state) => {
      await stage({ servers: 3 })
      await farm.set('app1', 'maint')
      await farm.set('app2', 'maint')
      farm.app('app2').health = 503
      const step = begin({
        server: 'app1 app2',
        'on-timeout': onTimeout,
        'wait-timeout': '20s'
      })
      await step.until(/app1 is UP /)
      await farm.set('app1', state)
      const asked = bodies().length
      const result = await step.done
      expect(await farm.status('app1')).toBe(state.toUpperCase())
      expect(bodies()).toHaveLength(asked)
      expect(result).toMatchObject({ exitCode: 1 })
      expect(result.lastLine).toContain('somebody else changed it')
      expect(await farm.status('app2')).toBe('DOWN')
    }
  )
})

describe('with on-timeout: restore', () => {
  test.each([
    ['maint', 'MAINT'],
    ['drain', 'DRAIN']
  ] as const)('a dead server goes back to %s', async (state, status) => {
    // In drain it must not be down already, which would hide the drain.
    await stage({ serverOptions: 'check inter 2s fall 3 rise 2' })
    await farm.set('app1', state)
    farm.app('app1').health = 503
    const result = await ready({ 'on-timeout': 'restore', 'wait-timeout': '2s' })
    expect(result).toMatchObject({ exitCode: 1 })
    expect(result.lastLine).toContain('What had changed was rolled back.')
    farm.app('app1').health = 200
    await farm.until(async () => (await farm.status('app1')) === status, 20_000)
  })
})

describe('after a reload', () => {
  test('a return begins again, and a dead application stays out until it is well', async () => {
    await stage()
    await farm.set('app1', 'maint')
    farm.app('app1').health = 503
    const step = begin({ 'wait-timeout': '8s' })
    await farm.until(() => bodies().includes('b=web&action=start&s=app1'))
    await farm.until(isDown)
    wire.reset()
    // For so long HAProxy takes it for up after the reload.
    farm.app('app1').healthDelayMs = 1_500
    await farm.haproxy.reload()
    const result = await step.done
    expect(bodies()).toContain('b=web&action=hdown&s=app1')
    expect(await isDown()).toBe(true)
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DOWN' } })
    expect(warnings(result)).toEqual([expect.stringMatching(/reload.* starts over\.$/)])
    farm.app('app1').health = 200
    await farm.until(async () => (await farm.status('app1')) === 'UP')
  })

  test.each([
    ['without a state file', false],
    ['with a state file', true]
  ])('%s, up takes a check that began since', async (_, isKept) => {
    const state = await makeStateFile()
    stops.push(() => state.remove())
    const options = 'check inter 3s fall 1 rise 1'
    await stage({
      serverOptions: (name) => (name === 'app1' ? options : ''),
      backendLines: isKept ? [state.backendLine] : [],
      extra: state.section
    })
    await farm.set('app1', 'maint')
    const step = begin({ 'wait-timeout': '30s' })
    await farm.until(() => bodies().includes('b=web&action=start&s=app1'))
    await farm.until(isDown)
    wire.reset()
    if (isKept) await state.save(farm.haproxy)
    await farm.haproxy.reload()
    const result = await step.done
    expect(bodies()).toContain('b=web&action=hdown&s=app1')
    const forcedDownAt = wire.requests.find(({ body }) => body.includes('hdown'))?.at
    expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThan(forcedDownAt ?? Infinity)
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(warnings(result)).toEqual([expect.stringMatching(/reload.* starts over\.$/)])
  })

  test('that the page does not show, up takes a check since', async () => {
    await stage({
      serverOptions: (name) => (name === 'app1' ? 'check inter 4s fall 1 rise 1' : ''),
      statsLines: ['stats admin if TRUE', 'http-request deny if METH_GET !{ url_sub ;csv }']
    })
    await farm.set('app1', 'maint')
    const step = begin({ 'wait-timeout': '30s' })
    await farm.until(() => bodies().includes('b=web&action=start&s=app1'))
    farm.app('app1').healthDelayMs = 2_000
    const reloadedAt = Date.now()
    await farm.haproxy.reload()
    const result = await step.done
    expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThan(reloadedAt)
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  })

  test('of two servers both are checked again, also the one that shows nothing of it', async () => {
    await stage({
      servers: ['app1', 'app2', 'app3'],
      serverOptions: (name) =>
        name === 'app1' ? 'check inter 5s fall 1 rise 1' : 'check inter 500ms fall 3 rise 2'
    })
    await farm.set('app1', 'maint')
    await farm.set('app2', 'maint')
    farm.app('app2').health = 503
    const step = begin({ server: 'app1 app2', 'wait-timeout': '30s' })
    await step.until(/app1 is UP /)
    wire.reset()
    farm.app('app2').health = 200
    farm.app('app2').healthDelayMs = 500
    await farm.haproxy.reload()
    const result = await step.done
    const down = wire.requests.filter(({ body }) => /action=hdown.*s=app1/.test(body))
    expect(down).not.toEqual([])
    expect(farm.app('app1').lastHealthCheckAt).toBeGreaterThan(down.at(-1)?.at ?? Infinity)
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  })

  test('a server that the guard does not let go is not up, and the last line says why', async () => {
    await stage()
    await farm.set('app1', 'maint')
    farm.app('app1').health = 503
    const step = begin({ 'min-up': '2', 'wait-timeout': '6s' })
    await farm.until(() => bodies().includes('b=web&action=start&s=app1'))
    await farm.until(isDown)
    farm.app('app1').health = 200
    await farm.haproxy.reload()
    wire.reset()
    const result = await step.done
    expect(await farm.status('app1')).toBe('UP')
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'UP' } })
    expect(result.lastLine).toMatch(
      /a reload put it into rotation unchecked \(Without app1 the backend .* needs 2/
    )
  })
})
