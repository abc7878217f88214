import { afterEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  ageByDays,
  expectSafe,
  farm,
  files,
  hold,
  posts,
  reload,
  reloaded,
  reloadSurelyLater,
  stage,
  start,
  stateFile,
  stopAll,
  warnings,
  wire
} from './reload-stage.ts'

afterEach(stopAll)

const heldNone = 'no session was left on its old process'

describe('in maint, a reload after the last session has ended', () => {
  test.each(files)('%s, changes nothing', async (_, isKept) => {
    const file = isKept ? await stateFile() : undefined
    await stage({ stateFile: file, hardStopAfter: '30s' })
    const held = await hold()
    const action = start({ 'settle-time': '6s', 'hard-stop-after': '0s' })
    await action.until('MAINT with 1 session')
    await held.close()
    await action.until(/app1 is MAINT \(/)
    await reloadSurelyLater(file)
    const result = await action.done
    expectSafe(result)
    expect(warnings(result)).toEqual([expect.stringMatching(`${reloaded}.*: ${heldNone}`)])
    const [, afterwards = ''] = result.log.split(heldNone)
    expect(afterwards).not.toContain('may still hold')
    expect(await farm.status('app1')).toBe('MAINT')
    expect(posts()).toHaveLength(isKept ? 1 : 2)
  })

  test('leaves open no more than the start of HAProxy does without hard-stop-after', async () => {
    await stage()
    const action = start({ 'settle-time': '6s' })
    await action.until(/app1 is MAINT \(/)
    await reloadSurelyLater()
    const result = await action.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
    expect(warnings(result, reloaded)).toEqual([expect.stringContaining(heldNone)])
    expect(result.lastLine).toContain('HAProxy was started less than an hour ago')
  })

  test('leaves nothing open where HAProxy had been running for more than an hour', async () => {
    await stage()
    ageByDays()
    const action = start({ 'settle-time': '6s' })
    await action.until(/app1 is MAINT \(/)
    await reloadSurelyLater()
    const result = await action.done
    expectSafe(result)
    expect(warnings(result)).toEqual([expect.stringMatching(`${reloaded}.*: ${heldNone}`)])
    expect(result.summary).toContain(
      'HAProxy was reloaded meanwhile, and no session was left on its old process.'
    )
  })
})

test('in drain, a reload leaves it open whether pinned clients have come to the old process', async () => {
  await stage()
  const action = start({ action: 'drain', 'settle-time': '6s', 'wait-timeout': '9s' })
  await action.until(/app1 is DRAIN \(/)
  await reloadSurelyLater()
  const result = await action.done
  expect(result).toMatchObject({ exitCode: 1, outputs: { status: 'DRAIN' } })
  expect(result.lastLine).toContain('may still hold sessions')
})

test('a state that reloads take again and again is asked for again each time', async () => {
  await stage()
  const action = start({ 'hard-stop-after': '0s', 'settle-time': '3s' })
  for (let reloads = 1; reloads <= 4; reloads += 1) {
    await farm.until(() => posts().length === reloads)
    await reload()
  }
  const result = await action.done
  expectSafe(result)
  expect(warnings(result, reloaded)).toHaveLength(4)
  expect(posts()).toEqual(Array.from({ length: 5 }, () => 'b=web&action=maint&s=app1'))
})

describe('no reload is taken for one that has left nothing behind', () => {
  test('because the new process has stalled, and seems younger than it is', async () => {
    const file = await stateFile()
    await stage({ stateFile: file })
    const held = await hold()
    const action = start({ 'settle-time': '3s', 'wait-timeout': '10s' })
    await action.until('MAINT with 1 session')
    await reload(file)
    await action.until(/app1 is MAINT \(/)
    const looks = wire.requests.length
    await farm.until(() => wire.requests.length > looks + 1)
    const pid = farm.haproxy.pid ?? 0
    process.kill(pid, 'SIGSTOP')
    await sleep(4_000)
    process.kill(pid, 'SIGCONT')
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(result.log).not.toContain(heldNone)
  })

  test('because it comes at once after another, when the process between had users', async () => {
    await stage()
    const action = start({ 'settle-time': '3s', 'wait-timeout': '8s' })
    await action.until(/app1 is MAINT \(/)
    await reload()
    const held = await hold()
    await action.until('MAINT with 1 session')
    await farm.haproxy.reload()
    const result = await action.done
    expect(held.open).toBe(true)
    expect(result.outputs['safe-to-stop']).toBe('false')
    // Up to 2.6 the second may seem to have started before the first was seen, and is perhaps a reload then.
    expect(warnings(result, 'reload')).toHaveLength(2)
    expect(warnings(result, 'reload')[1]).not.toContain(heldNone)
  })
})
