import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type FaultProxy, type RecordedRequest, startFaultProxy } from '../support/fault-proxy.ts'
import { runAction, runPost, startAction } from '../support/runner.ts'
import { until } from '../support/until.ts'

let farm: Farm
let wire: FaultProxy
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** Servers without health checks: they serve again as soon as they are ready. */
async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm({ servers: 3, serverOptions: '', ...options })
  stops.push(() => farm.stop())
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => wire.stop())
}

function inputsFor(server: string, more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server,
    action: 'maint',
    'min-up': 'all',
    'min-up-timeout': '30s',
    'poll-interval': '200ms',
    'settle-time': '200ms',
    ...more
  }
}

/** What was asked for, in that order. */
function asked(): string[] {
  return wire.requests
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => new URLSearchParams(body).get('action') ?? '')
}

const isAskedFor =
  (action: string) =>
  ({ body }: RecordedRequest): boolean =>
    body.includes(`action=${action}&`)

/** The look that reads a claim back. */
const isReadBack = ({ method }: RecordedRequest): boolean =>
  method === 'GET' && asked().includes('drain')

/** Something that happens as the first such request comes; HAProxy gets that one only when it is over. */
function atFirst(
  isMeant: (request: RecordedRequest) => boolean,
  happening: () => Promise<unknown>
): void {
  let hasCome = false
  wire.fault = ({ request }) => {
    if (hasCome || request === undefined || !isMeant(request)) return undefined
    hasCome = true
    return { kind: 'hold', until: happening() }
  }
}

/** Resolves once so many requests have come after the first POST of this action. */
async function requestsAfter(action: string, times: number): Promise<void> {
  await until(() => {
    const first = wire.requests.findIndex(isAskedFor(action))
    return first >= 0 && wire.requests.length > first + times
  })
}

describe('a claim', () => {
  test('is withdrawn when the step is cancelled while another run claims too, and nothing is left to restore', async () => {
    await stage()
    atFirst(isAskedFor('drain'), () => farm.set('app2', 'drain'))
    const inputs = inputsFor('app1', { restore: 'failure' })
    const action = startAction(inputs)
    await requestsAfter('drain', 3)
    const result = await action.cancel()
    expect(result).toMatchObject({ exitCode: 1, signal: null, outputs: { changed: 'false' } })
    expect(result.lastLine).toMatch(/^Cancelled \(SIGINT\)\. What had changed was rolled back\./)
    expect(asked()).toEqual(['drain', 'start'])
    expect([await farm.status('app1'), await farm.status('app2')]).toEqual(['no check', 'DRAIN'])
    const post = await runPost(result, inputs, { jobStatus: 'cancelled' })
    expect(post).toMatchObject({ exitCode: 0, lastLine: 'Nothing to restore.' })
  })

  test.each([
    ['ready', 'no check'],
    ['maint', 'MAINT']
  ] as const)(
    "that an operator's %s ends is not made again, and the server stays as it is",
    async (state, status) => {
      await stage()
      atFirst(isReadBack, () => farm.set('app1', state))
      const result = await runAction(inputsFor('app1'))
      expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
      expect(result.lastLine).toContain(
        `web/app1 was asked for drain and is ${status === 'MAINT' ? status : 'ready (no check)'}. ` +
          'HAProxy was not reloaded, so somebody else changed it.'
      )
      expect(asked()).toEqual(['drain'])
      expect(await farm.status('app1')).toBe(status)
    }
  )

  test.each(['true', 'false'])('that a reload has taken is made again (wait: %s)', async (wait) => {
    await stage()
    atFirst(isReadBack, () => farm.haproxy.reload())
    const result = await runAction(inputsFor('app1', { wait }))
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'MAINT' } })
    expect(result.log).toContain('so it was withdrawn.')
    expect(asked()).toEqual(['drain', 'start', 'drain', 'maint'])
    expect(await farm.status('app1')).toBe('MAINT')
  })
})

describe('a run that has its turn', () => {
  test('keeps it while a later claim of a server with a lower name is withdrawn', async () => {
    await stage()
    atFirst(isAskedFor('maint'), () => farm.set('app1', 'drain'))
    const action = startAction(inputsFor('app3', { wait: 'false' }))
    await requestsAfter('maint', 2)
    await farm.set('app1', 'ready')
    expect(await action.done).toMatchObject({ exitCode: 0, outputs: { status: 'MAINT' } })
    expect(asked()).toEqual(['drain', 'maint'])
    expect([await farm.status('app1'), await farm.status('app3')]).toEqual(['no check', 'MAINT'])
  })

  test('gives it up where a later claim would leave nobody that serves', async () => {
    await stage({ servers: 2 })
    atFirst(isAskedFor('maint'), () => farm.set('app2', 'drain'))
    const inputs = inputsFor('app1', { restore: 'always' })
    const result = await runAction(inputs)
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain('would have 0 serving servers, and needs 1 (all others)')
    expect(result.lastLine).toContain('What had changed was rolled back.')
    expect(await farm.status('app1')).toBe('no check')
    expect((await runPost(result, inputs)).lastLine).toBe('Nothing to restore.')
  })
})

describe('a server', () => {
  test('that serves nobody is taken out without a turn, even where another one is out', async () => {
    await stage()
    await farm.set('app1', 'maint')
    await farm.set('app2', 'maint')
    const result = await runAction(inputsFor('app1', { wait: 'false' }))
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false', status: 'MAINT' } })
    expect(asked()).toEqual([])
  })

  test('that another run has claimed is not restored into that drain later', async () => {
    await stage()
    const inputs = inputsFor('app1', { wait: 'false', restore: 'always' })
    const looks = (): RecordedRequest[] => wire.requests.filter(({ path }) => path.includes(';csv'))
    // The first look shows a server that serves, the next one the claim of another run.
    atFirst(
      ({ path }) => path.includes(';csv') && looks().length === 2,
      () => farm.set('app1', 'drain')
    )
    const action = startAction(inputs)
    await until(() => looks()[1]?.answer !== undefined)
    await farm.set('app1', 'ready')
    const result = await action.done
    expect(result).toMatchObject({
      exitCode: 0,
      outputs: { status: 'MAINT', 'previous-status': 'no check' }
    })
    const post = await runPost(result, inputs)
    expect(post.exitCode).toBe(0)
    expect(post.log).toContain('Restored to ready: web/app1')
    expect(await farm.status('app1')).toBe('no check')
  })
})

describe('a turn', () => {
  test('does not come while the page cannot be read, and the last line says why', async () => {
    await stage()
    await farm.set('app2', 'maint')
    const waiting = startAction(inputsFor('app1', { 'min-up-timeout': '2s' }))
    await waiting.until('Waiting for a turn')
    await farm.haproxy.kill()
    const result = await waiting.done
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toMatch(/^No turn within 2s: Could not read the statistics page /)
    expect(result.lastLine).not.toContain('lower min-up')
    expect(result.lastLine).toContain('Nothing was changed.')
  })

  test('does not come any more when the time is up before the page has shown anything', async () => {
    await stage()
    atFirst(
      ({ method }) => method === 'GET',
      () => sleep(500)
    )
    const result = await runAction(inputsFor('app1', { 'min-up-timeout': '200ms' }))
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toMatch(
      /^No turn within 200ms: enough others serve now, but the time is up\. Nothing was changed\./
    )
    expect(result.lastLine).toMatch(/Raise min-up-timeout, then run this step again\.$/)
    expect(result.lastLine).not.toContain('lower min-up')
    expect(asked()).toEqual([])
    expect(await farm.status('app1')).toBe('no check')
  })

  test('is given up at once where the page asks for a login that it did not ask for before', async () => {
    await stage()
    await farm.set('app2', 'maint')
    const waiting = startAction(inputsFor('app1'))
    await waiting.until('Waiting for a turn')
    await farm.haproxy.reload(
      farm.config.replace('stats enable', 'stats enable\n  stats auth deploy:correct-horse')
    )
    const result = await waiting.done
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain(
      'the page asks for a user name and a password, and none was given (HTTP 401). Nothing was changed.'
    )
    expect(asked()).toEqual([])
  })

  test('is announced by a dry run, which neither waits for it nor claims anything', async () => {
    await stage()
    await farm.set('app2', 'maint')
    const result = await runAction(inputsFor('app1', { 'dry-run': 'true' }))
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false' } })
    expect(result.lastLine).toMatch(/^Dry run, nothing was changed: .* A real run would .*30s/)
    expect(result.log).not.toContain('Waiting for a turn')
    expect(await farm.status('app1')).toBe('no check')
  })
})
