import { beforeEach, describe, expect, test } from '@jest/globals'
import type { AdminState, Server } from '../../src/haproxy/server.ts'
import { Instance } from '../../src/rotation/instance.ts'
import {
  changedByOthers,
  isAsLeft,
  notLostByReload,
  reloadedMessage
} from '../../src/rotation/other-hands.ts'
import type { ProcessChange } from '../../src/rotation/seen-process.ts'
import type { Target } from '../../src/rotation/target.ts'
import { server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { backendOf, targetIn } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage

beforeEach(() => {
  stage = set()
})

async function target(cells: Row = {}): Promise<Target> {
  return targetIn(await backendOf(stage, await stage.page(server('a', { cells }))))
}

describe('a server that was asked for an admin state is as it was left', () => {
  async function seen(status: string, lastchg: string): Promise<Server> {
    return (await target({ status, lastchg })).before
  }

  test.each<[AdminState, string, string, boolean]>([
    ['maint', 'MAINT', '10', true],
    ['maint', 'MAINT', '8', true],
    ['maint', 'MAINT', '7', false],
    ['maint', 'MAINT', '3600', true],
    ['maint', 'MAINT', '', true],
    ['maint', 'DRAIN', '10', false],
    ['maint', 'UP', '10', false],
    ['maint', 'DOWN', '10', false],
    ['drain', 'DRAIN', '10', true],
    ['drain', 'DRAIN', '0', true],
    ['drain', 'DOWN', '0', true],
    ['drain', 'UP', '10', false],
    ['drain', 'MAINT', '10', false],
    ['ready', 'UP', '0', true],
    ['ready', 'DOWN 1/2', '0', true],
    ['ready', 'MAINT', '10', false]
  ])('10 s ago for %s and is %s for "%s" s: %s', async (state, status, lastchg, expected) => {
    expect(isAsLeft(await seen(status, lastchg), state, 10_000)).toBe(expected)
  })
})

describe('an admin state that others have changed', () => {
  const RELOADED_NOT = 'HAProxy was not reloaded, so somebody else changed it'

  async function saying(cells: Row, change: ProcessChange, state?: AdminState): Promise<string> {
    const one = await target(cells)
    if (state !== undefined) one.recordRequest(state, 0)
    const { problem, message } = changedByOthers([one], change)
    expect(problem).toBe('changed-meanwhile')
    return stage.short(message)
  }

  test.each<[ProcessChange, string]>([
    ['same', RELOADED_NOT],
    ['newer', 'It was changed after HAProxy was reloaded, so somebody else changed it'],
    ['unclear', 'Another process of HAProxy answers, and somebody else changed it since'],
    ['unknown', 'The page does not show whether HAProxy was reloaded or somebody changed it']
  ])('is reported with what is known of the process: %s', async (change, who) => {
    expect(await saying({ scur: '2' }, change, 'maint')).toBe(
      `web/a on P1 was asked for maint and is UP with 2 sessions. ${who}.`
    )
  })

  test('need not be one that was asked for', async () => {
    expect(await saying({ status: 'MAINT' }, 'same')).toBe(`web/a on P1 is MAINT. ${RELOADED_NOT}.`)
  })

  test('is reported with the agent check that may have done it', async () => {
    expect(await saying({ agent_status: 'L7OK' }, 'same')).toBe(
      `web/a on P1 is UP. ${RELOADED_NOT}. An agent check is enabled there.`
    )
  })

  test('is reported with the server that it follows', async () => {
    expect(await saying({ tracked: 'x/y' }, 'same')).toBe(
      `web/a on P1 is UP. ${RELOADED_NOT}. It follows x/y (track).`
    )
  })

  test('is reported with all that is lost', async () => {
    const lost = [
      await target({ status: 'DRAIN' }),
      await target({ agent_status: 'L7OK', tracked: 'x/y' })
    ]
    expect(stage.short(changedByOthers(lost, 'same').message)).toBe(
      `web/a on P1 is DRAIN; web/a on P2 is UP. ${RELOADED_NOT}. An agent check is enabled there. It follows x/y (track).`
    )
  })
})

describe('an admin state that is lost after a reload', () => {
  const STARTED = 1_000
  let lost: Target

  beforeEach(async () => {
    const page = await stage.page(server('a'))
    page.process = { pid: 100, startedAt: STARTED }
    const instance = new Instance(page.page, stage.clock)
    await instance.identify({ signal: stage.cancelled })
    lost = targetIn(await backendOf(stage, page, { instance }))
  })

  test.each([
    ['was taken by the reload when it was last held before it', STARTED - 500, true],
    ['may be taken by the reload up to 30 s after the start', STARTED + 30_000, true],
    ['was taken by others when it was held for longer', STARTED + 30_001, false]
  ])('%s', (_, heldAt, byReload) => {
    expect(notLostByReload([lost], new Map([[lost, heldAt]]))).toEqual(byReload ? [] : [lost])
  })

  test('was taken by the reload when it was never seen', () => {
    expect(notLostByReload([lost], new Map())).toEqual([])
  })

  test('was taken by nobody in particular where the process is not known', async () => {
    const unknown = await target()
    expect(notLostByReload([unknown], new Map([[unknown, 60_000]]))).toEqual([])
  })
})

describe('another process', () => {
  test('is reported as a reload, with what comes of it', () => {
    expect(reloadedMessage('http://lb/admin', 'newer', [], 'nothing is lost')).toBe(
      'HAProxy was reloaded or restarted at http://lb/admin: nothing is lost.'
    )
  })

  test('is reported with the targets that lost their admin state', async () => {
    const lost = [await target()]
    expect(stage.short(reloadedMessage('X', 'newer', lost, 'it is asked for again'))).toBe(
      'HAProxy was reloaded or restarted at X, and web/a on P1 lost its admin state: it is asked for again.'
    )
  })

  test('is not called a reload where that is not clear', () => {
    expect(reloadedMessage('X', 'unclear', [], 'nothing is known')).toBe(
      'Another process of HAProxy answers at X, perhaps after a reload: nothing is known.'
    )
  })
})
