import { afterEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { startBalancer } from '../support/balancer.ts'
import { startFarm } from '../support/farm.ts'
import { type HeldConnection } from '../support/held-connection.ts'
import { runAction, type RunningAction } from '../support/runner.ts'
import {
  ageByDays,
  expectSafe,
  farm,
  files,
  hold,
  inputsFor,
  posts,
  reload,
  reloaded,
  stage,
  start,
  stateFile,
  stopAll,
  stopLater,
  warnings
} from './reload-stage.ts'

afterEach(stopAll)

const mayHold = 'the old process may still hold sessions, and nothing shows them'
const waiting = 'a process from before a reload may still hold some'

describe.each(files)('a reload %s, before the step', (_, isKept) => {
  async function reloadedBefore(hardStopAfter?: string): Promise<HeldConnection> {
    const file = isKept ? await stateFile() : undefined
    await stage({ stateFile: file, hardStopAfter })
    const held = await hold()
    if (isKept) await farm.set('app1', 'maint')
    await reload(file)
    expect(await farm.status('app1')).toMatch(isKept ? /^MAINT/ : /^UP/)
    expect(held.open).toBe(true)
    return held
  }

  test('leaves it open whether the old process holds a request', async () => {
    const held = await reloadedBefore()
    const result = await runAction(inputsFor())
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toMatch(/^Drained, but not proven safe to stop: /)
    expect(result.lastLine).toContain('a process from before may still hold requests')
    expect(held.open).toBe(true)
  })

  test('is waited for with hard-stop-after, until the old process is gone', async () => {
    const held = await reloadedBefore('3s')
    const action = start({ 'hard-stop-after': '3s' })
    await action.until(waiting)
    expect(held.open).toBe(true)
    const result = await action.done
    expectSafe(result)
    expect(held.open).toBe(false)
    expect(farm.haproxy.processes).toBe(1)
    expect(warnings(result)).toEqual([])
    expect(posts()).toHaveLength(isKept ? 0 : 1)
  })
})

describe.each(files)('a reload %s, while a request is under way', (_, isKept) => {
  async function reloadedMeanwhile(
    more: Readonly<Record<string, string>> = {},
    hardStopAfter?: string
  ): Promise<[RunningAction, HeldConnection]> {
    const file = isKept ? await stateFile() : undefined
    await stage({ stateFile: file, hardStopAfter })
    const held = await hold()
    const action = start(more)
    await action.until('with 1 session')
    await reload(file)
    return [action, held]
  }

  test.each([
    ['maint', 'MAINT'],
    ['drain', 'DRAIN']
  ])('is not drained in time, for %s, and the last line says what to do', async (state, status) => {
    const [action, held] = await reloadedMeanwhile({ action: state, 'wait-timeout': '4s' })
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: { status, sessions: '0', 'safe-to-stop': 'false' }
    })
    expect(result.lastLine).toContain(
      `Not drained within 4s: a process from before a reload may still hold sessions.`
    )
    expect(result.lastLine).toContain('hard-stop-after')
    expect(warnings(result)).toEqual([expect.stringContaining(mayHold)])
    expect(await farm.status('app1')).toBe(status)
    expect(posts()).toHaveLength(isKept ? 1 : 2)
  })

  test('is waited for with hard-stop-after, until the old process is gone', async () => {
    const [action, held] = await reloadedMeanwhile({ 'hard-stop-after': '3s' }, '3s')
    await action.until(waiting)
    expect(held.open).toBe(true)
    expect(action.output).not.toMatch(/safe to stop/i)
    const result = await action.done
    expectSafe(result)
    expect(held.open).toBe(false)
    expect(farm.haproxy.processes).toBe(1)
    expect(warnings(result)).toEqual([expect.stringContaining(reloaded)])
    expect(result.summary).toContain(`process ${farm.haproxy.pid} has been running for `)
    expect(await farm.status('app1')).toBe('MAINT')
    expect(posts()).toHaveLength(isKept ? 1 : 2)
  })

  test('is nothing that on-timeout: shutdown could reach', async () => {
    const [action, held] = await reloadedMeanwhile({
      'wait-timeout': '5s',
      'on-timeout': 'shutdown'
    })
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toContain('may still hold sessions')
    expect(result.log).not.toContain('Killing')
    expect(result.log).not.toContain('were killed')
  })

  test('is gone past by on-timeout: continue, which says that it is not drained', async () => {
    const [action, held] = await reloadedMeanwhile({
      'wait-timeout': '5s',
      'on-timeout': 'continue'
    })
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toMatch(/^Out of rotation but not drained: /)
    expect(warnings(result, 'may still hold sessions').length).toBeGreaterThan(0)
  })

  test('that shows the process no more is no proof', async () => {
    const file = isKept ? await stateFile() : undefined
    await stage({ stateFile: file, hardStopAfter: '30s' })
    const held = await hold()
    const action = start({ 'hard-stop-after': '0s', 'wait-timeout': '4s' })
    await action.until('MAINT with 1 session')
    await reload(
      file,
      farm.config.replace(
        'stats admin if TRUE',
        '$&\n  stats http-request deny if METH_GET !{ url_sub ;csv }'
      )
    )
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(result.log).not.toMatch(/^Safe to stop/m)
  })
})

test('an HAProxy that has been running for more than an hour needs no hard-stop-after', async () => {
  await stage()
  ageByDays()
  const result = await runAction(inputsFor())
  expectSafe(result)
  expect(warnings(result)).toEqual([])
  expect(result.summary).toMatch(
    /has been running for \S+; older processes are assumed to be gone after an hour\./
  )
  expect(await farm.status('app1')).toBe('MAINT')
})

test('an HAProxy that takes over and is older than the step leaves it open what it holds', async () => {
  await stage()
  const standby = await startFarm({ applications: farm.applications })
  stopLater(standby)
  await standby.set('app1', 'maint')
  const ports = [farm, standby].map(({ statsUrl }) => Number(new URL(statsUrl).port))
  const active = ports.slice(0, 1)
  const address = await startBalancer(active)
  stopLater(address)
  // The page shows whole seconds of its age.
  await sleep(1_500)
  const action = start({
    'stats-url': address.through(farm.statsUrl),
    'settle-time': '2s',
    'hard-stop-after': '0s'
  })
  await action.until(/app1 is MAINT \(/)
  active.splice(0, 1, ...ports.slice(1))
  const result = await action.done
  expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
  expect(result.lastLine).toMatch(/^Drained, but not proven safe to stop: web\/app1 is MAINT/)
  expect(result.lastLine).toMatch(
    /Another process of HAProxy answers than when this step began, and it may be older than the step: run the step again\./
  )
  expect(warnings(result)).toEqual([
    expect.stringContaining('whether an old process still holds sessions cannot be known'),
    result.lastLine
  ])
})

test('a request that waits between two attempts to connect is not taken for one that has ended', async () => {
  const file = await stateFile()
  await stage({
    stateFile: file,
    hardStopAfter: '8s',
    serverOptions: '',
    backendLines: ['no option redispatch', 'retries 60']
  })
  const application = farm.app('app1')
  await application.stop()
  const asked = fetch(`${farm.userUrl}/slow?ms=20000`).catch(() => undefined)
  await farm.until(async () => Number((await farm.row('web', 'app1'))['wretr']) > 0)
  const action = start({ server: 'app1', 'hard-stop-after': '8s', 'settle-time': '1s' })
  await action.until('MAINT')
  await farm.until(async () => (await farm.row('web', 'app1'))['scur'] === '0')
  await application.start()
  await reload(file)
  const result = await action.done
  expect(application.inFlight).toBe(0)
  expectSafe(result)
  await asked
})
