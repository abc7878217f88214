import { afterEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { runAction, type RunningAction } from '../support/runner.ts'
import {
  expectSafe,
  farm,
  hold,
  inputsFor,
  posts,
  reload,
  reloaded,
  type Setup,
  stage,
  start,
  stopAll,
  stopLater,
  warnings,
  wire
} from './reload-stage.ts'

afterEach(stopAll)

/** Has it ended? */
function ending(run: RunningAction): { ended: boolean } {
  const state = { ended: false }
  void run.done.then(() => (state.ended = true))
  return state
}

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
    expect(warnings(result)).toEqual([expect.stringContaining(`${reloaded}, and web/app1`)])
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
    await action.until(/app1 is (DRAIN|DOWN)/)
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
  await action.until(/app1 is (DRAIN|DOWN)/)
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
    stopLater(second)
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
    stopLater(second)
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
    await action.until(/app1 is MAINT/)
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
