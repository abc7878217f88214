import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { listen } from '../support/listener.ts'
import { startFarm } from '../support/farm.ts'
import { freePort } from '../support/ports.ts'
import { startApplication } from '../support/application.ts'
import { type ActionResult } from '../support/runner.ts'
import { type Traffic } from '../support/traffic.ts'
import { bring, farm, stage, stopAll, stopLater, traffic } from './bake-stage.ts'

// Several seconds of traffic, on a machine that is busy.
jest.setTimeout(120_000)

afterEach(stopAll)

/** What a step shows whose server was taken out again for its failures, and that nobody meets it any more. */
async function expectOut(result: ActionResult, users: Traffic, kinds: RegExp): Promise<void> {
  expect(result.lastLine).toMatch(
    /^Too many requests failed on web\/app1 within .*: \d+ requests, \d+ failed \(.*\), neighbours/
  )
  expect(result.lastLine).toMatch(kinds)
  expect(result.lastLine).toContain('Out of rotation again')
  expect(result.exitCode).toBe(1)
  expect(result.outputs).toMatchObject({ status: 'MAINT', 'safe-to-stop': 'false' })
  expect(result.durationMs).toBeLessThan(45_000)
  expect(await farm.status('app1')).toBe('MAINT')
  const [failed, ok] = [users.failed, users.ok]
  await farm.until(() => users.ok > ok + 50)
  expect(users.failed - failed).toBe(0)
}

describe('a version', () => {
  test('that is good is baked, and says what was seen', async () => {
    await stage()
    const users = traffic()
    const result = await (await bring({ 'bake-time': '4s' })).done
    expect(result.lastLine).toMatch(
      /^Back and taking traffic: web\/app1 is UP.*, waited \S+\. Baked for 4\.?\d?s: \d+ requests, 0 failed, neighbours 0 %\.$/
    )
    expect(result.exitCode).toBe(0)
    expect(users.failures).toEqual([])
    expect(result.summary).toContain('xychart-beta')
  })

  test.each([
    ['answers half of the requests with 500', 'error', 2, /answered with 5xx/],
    ['cuts half of the connections', 'cut', 2, /broken off or timed out/]
  ] as const)('that %s is taken out again', async (_, kind, every, kinds) => {
    await stage()
    const users = traffic()
    farm.app('app1').fault = { kind, every }
    await expectOut(await (await bring()).done, users, kinds)
  })

  test('that refuses every connection while its check passes is taken out again', async () => {
    const health = await listen(createServer((_, response) => response.end()))
    stopLater(health)
    await stage({
      serverOptions: (name) =>
        `check inter 200ms fall 3 rise 2${name === 'app1' ? ` port ${health.port}` : ''}`
    })
    const users = traffic()
    await farm.app('app1').stop()
    await expectOut(
      await (
        await bring()
      ).done,
      users,
      /sent on to another server|without a connection/
    )
  })

  test('that never answers, so that its users give up, is taken out again', async () => {
    await stage()
    farm.app('app1').fault = { kind: 'silence', every: 1 }
    const users = traffic({ workers: 12, patienceMs: 1_000 })
    // What hangs goes on to hang.
    const result = await (await bring({ 'on-timeout': 'shutdown', 'wait-timeout': '5s' })).done
    expect(result.lastLine).toMatch(/unanswered for 10s/)
    await expectOut(result, users, /unanswered for 10s/)
  })

  test('whose check fails meanwhile is taken out again', async () => {
    await stage()
    traffic()
    const running = await bring()
    await running.until('web/app1 is well')
    farm.app('app1').health = 503
    const result = await running.done
    expect(result.lastLine).toMatch(/was up, and while its traffic was watched it became DOWN/)
    expect(result.exitCode).toBe(1)
    expect(await farm.status('app1')).toBe('MAINT')
  })

  test('whose check begins to fail is not called up until it passes again', async () => {
    await stage({ serverOptions: 'check inter 300ms fall 100 rise 2' })
    traffic()
    const running = await bring({ 'bake-time': '4s' })
    await running.until('web/app1 is well')
    farm.app('app1').health = 503
    await running.until(/The watch goes on: web\/app1 is UP \d+\/100/)
    farm.app('app1').health = 200
    const result = await running.done
    expect(result.lastLine).toMatch(
      /^Back and taking traffic: web\/app1 is UP(?: with .*)?, waited /
    )
    expect(result.exitCode).toBe(0)
  })

  test('that is no worse than its neighbours stays', async () => {
    await stage()
    traffic()
    farm.applications.forEach((application) => {
      application.fault = { kind: 'error', every: 2 }
    })
    const result = await (await bring({ 'bake-time': '6s' })).done
    expect(result.lastLine).toMatch(/Baked for .*answered with 5xx.*, neighbours \d+ %\./)
    expect(result.exitCode).toBe(0)
  })

  test('that nobody asks anything stays, and too little is said to be known', async () => {
    await stage()
    const result = await (await bring({ 'bake-time': '2s' })).done
    expect(result.lastLine).toMatch(/: 0 requests, 0 failed, .*, too few requests to judge\.$/)
    expect(result.exitCode).toBe(0)
  })
})

test('a server that others need is left in rotation, and that is said', async () => {
  await stage({ servers: 2 })
  traffic()
  farm.app('app1').fault = { kind: 'error', every: 2 }
  const running = await bring()
  await farm.set('app2', 'maint')
  const result = await running.done
  expect(result.lastLine).toMatch(/^Too many requests failed on web\/app1/)
  expect(result.lastLine).toContain('Left in rotation: web/app1')
  expect(result.exitCode).toBe(1)
  expect(await farm.status('app1')).toBe('UP')
})

test('of several servers only the one that is bad is taken out again', async () => {
  await stage()
  traffic()
  farm.app('app1').fault = { kind: 'error', every: 2 }
  const running = await bring({ server: 'app1 app2' })
  const result = await running.done
  expect(result.lastLine).toContain('Too many requests failed on web/app1')
  expect(result.exitCode).toBe(1)
  expect([await farm.status('app1'), await farm.status('app2')]).toEqual(['MAINT', 'UP'])
})

test('what somebody else takes out meanwhile is left alone', async () => {
  await stage()
  traffic()
  const running = await bring()
  await running.until('web/app1 is well')
  await farm.set('app1', 'drain')
  const result = await running.done
  expect(result.lastLine).toContain('somebody else changed it')
  expect(result.exitCode).toBe(1)
  expect(await farm.status('app1')).toBe('DRAIN')
})

test('after a reload the watch begins anew', async () => {
  await stage()
  traffic()
  const running = await bring({ 'bake-time': '5s' })
  await running.until('web/app1 is well')
  // HAProxy shows whole seconds, and up to 2.6 its start may seem to be as much earlier than it was.
  await sleep(2_500)
  const before = farm.app('app1').served
  await farm.haproxy.reload()
  const result = await running.done
  expect(result.annotations.map(({ message }) => message).join()).toContain(
    'the watch of the traffic begins anew'
  )
  const [, requests = ''] = /: ([\d,]+) requests, 0 failed/.exec(result.lastLine) ?? []
  expect(Number(requests)).toBeLessThanOrEqual(farm.app('app1').served - before + 20)
  expect(result.exitCode).toBe(0)
})

test('a cancel ends the watch, and leaves the server as it is', async () => {
  await stage()
  traffic()
  const running = await bring()
  await running.until('web/app1 is well')
  const result = await running.cancel()
  expect(result.exitCode).toBe(1)
  expect(await farm.status('app1')).toBe('UP')
})

test('in TCP mode sessions and the errors of their connections count', async () => {
  const port = await freePort()
  const health = await listen(createServer((_, response) => response.end()))
  stopLater(health)
  const dead = await freePort()
  const well = await startApplication({ name: 'well' })
  stopLater(well)
  await stage({
    extra: [
      'frontend tcp_users',
      '  mode tcp',
      `  bind 127.0.0.1:${String(port)}`,
      '  default_backend tcp',
      'backend tcp',
      '  mode tcp',
      `  server app1 127.0.0.1:${String(dead)} check inter 200ms port ${health.port}`,
      `  server app2 127.0.0.1:${String(well.port)} check inter 200ms`
    ].join('\n')
  })
  traffic({}, `http://127.0.0.1:${String(port)}`)
  await farm.post('s=app1&b=tcp&action=maint')
  const result = await (await bring({ backend: 'tcp' })).done
  expect(result.lastLine).toMatch(/^Too many requests failed on tcp\/app1 within/)
  expect(result.exitCode).toBe(1)
  expect(await farm.status('app1', 'tcp')).toBe('MAINT')
})

test('a server behind several HAProxies is judged by the sum of what users met there', async () => {
  await stage()
  const other = await startFarm({ applications: farm.applications })
  stopLater(other)
  traffic()
  const users = traffic({}, other.userUrl)
  farm.app('app1').fault = { kind: 'error', every: 2 }
  await other.set('app1', 'maint')
  const result = await (await bring({ 'stats-url': `${farm.statsUrl} ${other.statsUrl}` })).done
  await expectOut(result, users, /answered with 5xx/)
  expect(await other.status('app1')).toBe('MAINT')
})
