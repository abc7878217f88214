import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type ActionResult } from '../support/runner.ts'
import { bring, farm, stage, stopAll, stopLater, traffic } from './bake-stage.ts'

jest.setTimeout(60_000)

afterEach(stopAll)

/** The first line of a watch, which comes as it begins. */
const BEGUN = 'web/app1 is not judged yet'

/** Stands before the statistics page, so that something can happen between two requests. */
async function wireTap(): Promise<FaultProxy> {
  const wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stopLater(wire)
  return wire
}

/** Has something happen before HAProxy gets the first request that is like this. */
function justBefore(wire: FaultProxy, path: RegExp, happening: () => Promise<void>): void {
  let happened: Promise<void> | undefined
  wire.fault = ({ request }) => {
    if (request === undefined || !path.test(request.path)) return undefined
    happened ??= happening()
    return { kind: 'hold', until: happened }
  }
}

/** A session on app1, which is one of two servers that take their turns. */
async function holdOnApp1(): Promise<HeldConnection> {
  const held = await holdConnection(farm.userUrl)
  stopLater({ stop: () => held.close() })
  return held.application === 'app1' ? held : holdOnApp1()
}

function warnings({ annotations }: ActionResult): string[] {
  return annotations.filter(({ level }) => level === 'warning').map(({ message }) => message)
}

describe('a watch that is green', () => {
  test('names each of several servers, and warns of failures that may be chance', async () => {
    await stage({ servers: 2 })
    farm.app('app1').fault = { kind: 'error', every: 10 }
    const running = await bring({ server: 'app1 app2', 'bake-time': '4s' })
    await running.until(BEGUN)
    for (let asked = 0; asked < 80; asked += 1) await (await fetch(farm.userUrl)).text()
    const result = await running.done
    expect(result.exitCode).toBe(0)
    expect(result.lastLine).toMatch(
      /web\/app1 \d+ requests, \d failed \([\d.]+ %: \d answered with 5xx\), neighbours without requests; web\/app2 \d+ requests, 0 failed, neighbours without requests\. On web\/app1 more failed than max-error-rate \(5 % beyond the neighbours\) allows, which may be chance: /
    )
    expect(warnings(result)).toEqual([result.lastLine])
    expect([await farm.status('app1'), await farm.status('app2')]).toEqual(['UP', 'UP'])
  })

  test('says what does not count in TCP mode', async () => {
    await stage({
      extra: (applications) =>
        [
          'backend tcp',
          '  mode tcp',
          ...applications.map(({ name, port }) => `  server ${name} 127.0.0.1:${port}`)
        ].join('\n')
    })
    const result = await (await bring({ backend: 'tcp', 'bake-time': '1s' })).done
    expect(result.exitCode).toBe(0)
    expect(result.lastLine).toMatch(
      /, too few requests to judge\. In TCP mode only sessions and errors of their connections count\.$/
    )
    expect(warnings(result)).toEqual([])
  })

  test('says which failures it could not count, because the page does not show their column', async () => {
    await stage()
    const wire = await wireTap()
    const rename = (answer: Buffer): Buffer =>
      Buffer.from(answer.toString('latin1').replace(',wredis,', ',xredis,'), 'latin1')
    wire.fault = ({ request }) =>
      request?.path.includes(';csv') === true ? { kind: 'rewrite', rewrite: rename } : undefined
    const inputs = { 'stats-url': wire.through(farm.statsUrl), 'bake-time': '1s' }
    const result = await (await bring(inputs)).done
    expect(result.exitCode).toBe(0)
    expect(result.lastLine).toMatch(
      / HAProxy does not show wredis here, so failures of that kind do not count\.$/
    )
  })

  test('begins anew, once, for a reload at its very end', async () => {
    await stage()
    traffic()
    const wire = await wireTap()
    const running = await bring({ 'stats-url': wire.through(farm.statsUrl), 'bake-time': '3s' })
    await running.until(BEGUN)
    // Only its end asks which process answers.
    let served = 0
    justBefore(wire, /norefresh/, async () => {
      // What has changed is one server more.
      const more = farm.config.replace(/.*server app3 .*/, (line) =>
        [line, line.replace('app3', 'app4')].join('\n')
      )
      await farm.haproxy.reload(more)
      ;({ served } = farm.app('app1'))
    })
    const result = await running.done
    expect(result.exitCode).toBe(0)
    expect(warnings(result)).toEqual([
      expect.stringMatching(
        /^(HAProxy was reloaded or restarted|Another process of HAProxy answers).*: the watch of the traffic begins anew\. It lasts 3s\.$/
      )
    ])
    const [, requests = ''] = /: (\d+) requests, 0 failed/.exec(result.lastLine) ?? []
    expect(Number(requests)).toBeGreaterThan(0)
    expect(Number(requests)).toBeLessThanOrEqual(farm.app('app1').served - served)
  })
})

describe('a watch that cannot finish', () => {
  test('is red where servers are not up when its time is over, and says of each why', async () => {
    await stage({
      serverOptions: (name) => (name === 'app1' ? 'check inter 200ms fall 100 rise 2' : '')
    })
    const running = await bring({
      server: 'app1 app2',
      'bake-time': '4s',
      'wait-timeout': '4s'
    })
    await running.until(BEGUN)
    farm.app('app1').health = 503
    await farm.haproxy.command('set weight web/app2 0%')
    const result = await running.done
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(
      /^Watched for \S+, and not up: web\/app1 is UP \d+\/100, its last check says L7STS\/503[^;]*; web\/app2 is ready \(no check\), its weight is 0, so load balancing sends it nobody\. /
    )
    expect(result.lastLine).toContain('Look at the application and its health check')
    expect(result.log).toMatch(/The watch goes on: web\/app1 is UP \d+\/100/)
    expect(await farm.status('app1')).toMatch(/^UP /)
  })

  test('is red where somebody keeps clearing the counters', async () => {
    await stage()
    traffic()
    const often = { 'bake-time': '2s', 'wait-timeout': '3s', 'poll-interval': '200ms' }
    const running = await bring(often)
    await running.until(BEGUN)
    const clear = (): Promise<unknown> => farm.haproxy.command('clear counters all')
    const clearing = setInterval(() => void clear().catch(() => undefined), 800)
    const result = await running.done.finally(() => {
      clearInterval(clearing)
    })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(
      /^The traffic could not be watched for 2s within 5s: reloads or cleared counters kept interrupting it\./
    )
    expect(warnings(result)[0]).toBe(
      `The counters of ${farm.statsUrl} were cleared: the watch of the traffic begins anew. It lasts 2s.`
    )
    expect(await farm.status('app1')).toBe('UP')
  })

  test('is red where HAProxy is gone, and names it', async () => {
    await stage()
    const running = await bring({ 'bake-time': '2s', 'wait-timeout': '3s' })
    await running.until(BEGUN)
    await farm.haproxy.kill()
    const result = await running.done
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain(
      'The traffic could not be watched for 2s within 5s: the last look failed. '
    )
    expect(result.lastLine).toContain(farm.statsUrl)
  })
})

describe('a server on which too much fails', () => {
  test('is out again but not proven safe to stop, where an old process may hold requests', async () => {
    await stage()
    traffic()
    farm.app('app1').fault = { kind: 'error', every: 2 }
    const result = await (await bring({ 'hard-stop-after': '' })).done
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'MAINT' } })
    expect(result.lastLine).toMatch(/^Too many requests failed on web\/app1 within /)
    expect(result.lastLine).toContain(
      'Out of rotation again and drained, but not proven safe to stop: web/app1. HAProxy was started less than an hour ago'
    )
    expect(await farm.status('app1')).toBe('MAINT')
  })

  test('stays out, however long its sessions take, and on-timeout restore does not put it back', async () => {
    await stage({ servers: 2 })
    const running = await bring({ 'on-timeout': 'restore', 'wait-timeout': '4s' })
    await running.until(BEGUN)
    const held = await holdOnApp1()
    farm.app('app1').fault = { kind: 'error', every: 2 }
    traffic()
    const result = await running.done
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'MAINT', sessions: '1' } })
    expect(result.lastLine).toContain('Out of rotation again, but not drained: web/app1.')
    expect(result.lastLine).toContain('Not drained within 4s: web/app1 is MAINT with 1 session')
    expect(held.open).toBe(true)
    expect(await farm.status('app1')).toBe('MAINT')
  })

  test('stays out where a cancel comes while its sessions end', async () => {
    await stage({ servers: 2 })
    const running = await bring()
    await running.until(BEGUN)
    const held = await holdOnApp1()
    farm.app('app1').fault = { kind: 'error', every: 2 }
    traffic()
    await running.until('web/app1 is MAINT with 1 session')
    const result = await running.cancel()
    expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'MAINT', sessions: '1' } })
    expect(result.lastLine).toContain(
      'Out of rotation again, but not drained: web/app1. Cancelled (SIGINT).'
    )
    expect(held.open).toBe(true)
    expect(await farm.status('app1')).toBe('MAINT')
  })

  test('stays in rotation where the page no longer lets anybody take it out, and that is said', async () => {
    await stage({
      statsLines: ['stats admin if { nbsrv(gate) ge 1 }'],
      extra: 'backend gate\n  server open 127.0.0.1:1'
    })
    traffic()
    farm.app('app1').fault = { kind: 'error', every: 2 }
    const running = await bring()
    await running.until(BEGUN)
    await farm.haproxy.command('set server gate/open state maint')
    const result = await running.done
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(/^Too many requests failed on web\/app1 within /)
    expect(result.lastLine).toContain('Left in rotation: web/app1. ')
    expect(result.lastLine).toContain('DENY')
    expect(await farm.status('app1')).toBe('UP')
  })

  test('is left alone where somebody else takes it out at the same moment', async () => {
    await stage()
    const users = traffic()
    farm.app('app1').fault = { kind: 'error', every: 2 }
    const wire = await wireTap()
    const running = await bring({ 'stats-url': wire.through(farm.statsUrl) })
    await running.until(BEGUN)
    // Only what is to be taken out needs a look at the whole page.
    justBefore(wire, /;csv$/, async () => {
      await users.stop()
      await farm.set('app1', 'drain')
    })
    const result = await running.done
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(/^Too many requests failed on web\/app1 within /)
    expect(result.lastLine).toContain(
      'web/app1 is DRAIN. HAProxy was not reloaded, so somebody else changed it.'
    )
    expect(result.lastLine).toContain('Now web/app1 is DRAIN')
    expect(result.lastLine).not.toContain('Now web/app1 is UP')
    expect(result.lastLine).not.toContain('What is still in rotation')
    expect(await farm.status('app1')).toBe('DRAIN')
  })
})

test('a server that goes down while nobody else serves is left for HAProxy to bring back', async () => {
  await stage({ servers: 2 })
  const running = await bring()
  await running.until(BEGUN)
  await farm.set('app2', 'maint')
  farm.app('app1').health = 503
  const result = await running.done
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toMatch(
    /^web\/app1 was up, and while its traffic was watched it became DOWN, its last check says L7STS\/503/
  )
  expect(result.lastLine).toContain('Left as it is: web/app1. Without app1 the backend web')
  farm.app('app1').health = 200
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test.each(['5', '101%', '5 %'])(
  'a max-error-rate of %s is refused before anything is asked for',
  async (rate) => {
    await stage({ servers: 1 })
    const result = await (await bring({ 'max-error-rate': rate })).done
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toBe('Nothing was changed. Correct the input max-error-rate.')
    expect(result.annotations[0]?.message).toBe(
      `max-error-rate: "${rate}" is not a percentage from 0% to 100%, such as 5% or 0.5%.`
    )
    expect(await farm.status('app1')).toBe('MAINT')
  }
)
