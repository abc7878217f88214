import { beforeEach, describe, expect, test } from '@jest/globals'
import { Instance } from '../../src/rotation/instance.ts'
import {
  type Observation,
  OldProcesses,
  refuseIfOldProcessOutlasts
} from '../../src/rotation/old-processes.ts'
import type { ImitatedPage } from '../support/imitated-page.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const START = 5_000
const RELOAD = 20_000

let stage: Stage
let page: ImitatedPage
let instance: Instance

beforeEach(async () => {
  stage = set()
  page = await stage.page()
  page.process = { pid: 100, startedAt: 4_000 }
  instance = new Instance(page.page, stage.clock)
  await instance.identify({ signal: stage.cancelled })
})

/** Has another process answer that started at this time, and says what it was taken for. */
async function replace(startedAt: number): Promise<string> {
  stage.clock.pass(Math.max(0, RELOAD - stage.clock.now()))
  page.process = { pid: page.process.pid + 1, startedAt }
  return instance.recheck({ signal: stage.cancelled })
}

describe('at the beginning', () => {
  test('old processes are not suspected where nothing says how long they may live', () => {
    expect(new OldProcesses(instance, undefined).goneAt).toBe(-Infinity)
  })

  test('old processes are gone once the present one was seen for as long as they may live', () => {
    expect(new OldProcesses(instance, 60_000).goneAt).toBe(START + 61_000)
    expect(new OldProcesses(instance, 0).goneAt).toBe(START + 1_000)
  })

  test('old processes are not waited for where the process is not known', () => {
    const unknown = new Instance(page.page, stage.clock)
    expect(new OldProcesses(unknown, 60_000).goneAt).toBe(-Infinity)
  })
})

describe('a wait', () => {
  const wait = { timeoutMs: 61_000, pollMs: 1_000, settleMs: 0 }
  const refuse = (timeoutMs: number, hardStopAfterMs: number | undefined): void => {
    refuseIfOldProcessOutlasts([instance], { wait: { ...wait, timeoutMs }, hardStopAfterMs })
  }

  test('that is over before the old process is gone is refused', () => {
    expect(() => {
      refuse(60_999, 60_000)
    }).toThrow(
      `A wait of 1m1s could not end well: a process from before a reload may live on for 1m1s at ${page.url}.`
    )
  })

  test('that is over before the old processes of several HAProxies are gone names them all', async () => {
    const other = await stage.page()
    other.process = { pid: 1, startedAt: 4_000 }
    const second = new Instance(other.page, stage.clock)
    await second.identify({ signal: stage.cancelled })
    expect(() => {
      refuseIfOldProcessOutlasts([instance, second], { wait, hardStopAfterMs: 61_000 })
    }).toThrow(
      `may live on for 1m2s at ${page.url}; a process from before a reload may live on for 1m2s at ${other.url}.`
    )
  })

  test('that can see the old process go is not', () => {
    refuse(61_000, 60_000)
  })

  test('is not refused where nothing says how long an old process may live', () => {
    refuse(1_000, undefined)
  })
})

describe('a process that is replaced', () => {
  const at = (ms: number, isIdle: boolean): Observation => ({ at: ms, isIdle })

  // The new one started between 19 and 20 s.
  /** Looks that showed no session for a second, of which this was the last. */
  const idleUntil = (ms: number): Observation[] => [at(ms - 1_000, true), at(ms, true)]

  // The new one started between 19 and 20 s.
  test.each<[string, Observation[], boolean, boolean]>([
    ['it was never looked at', [], true, true],
    ['it was idle the moment before', idleUntil(19_000), false, false],
    ['it was idle the moment before, and its states are kept', idleUntil(19_000), true, false],
    ['it was idle for less than a second', [at(18_001, true), at(19_000, true)], true, true],
    ['it was seen idle once', [at(19_000, true)], true, true],
    ['the look may have shown the new one', [at(18_500, true), at(19_001, true)], true, true],
    ['it was idle long before, and its states are kept', idleUntil(6_000), true, false],
    ['it was idle long before, and its states are lost', idleUntil(6_000), false, true],
    ['it was idle two seconds before', idleUntil(17_000), false, false],
    ['it was idle more than two seconds before', idleUntil(16_999), false, true],
    ['it was busy', [at(19_000, false)], true, true],
    ['it was idle once and busy later', [...idleUntil(17_500), at(19_000, false)], true, true],
    ['it was busy once and idle later', [at(17_500, false), ...idleUntil(19_000)], false, false],
    ['it was busy in between', [at(17_000, true), at(18_500, false), at(19_000, true)], true, true],
    ['only the new one was busy', [...idleUntil(19_000), at(19_500, false)], true, false]
  ])('where %s', async (_, observations, isKept, mayHold) => {
    const old = new OldProcesses(instance, undefined)
    observations.forEach((observation) => {
      old.remember(observation)
    })
    expect(await replace(RELOAD)).toBe('newer')
    expect(old.replaced(isKept)).toBe(mayHold)
    expect(old.goneAt).toBe(mayHold ? Infinity : -Infinity)
  })

  test('may hold sessions where nobody has looked since the one before it was replaced', async () => {
    const old = new OldProcesses(instance, undefined)
    idleUntil(19_000).forEach((observation) => {
      old.remember(observation)
    })
    await replace(RELOAD)
    expect(old.replaced(true)).toBe(false)
    stage.clock.pass(10_000)
    expect(await replace(RELOAD + 10_000)).toBe('newer')
    expect(old.replaced(true)).toBe(true)
  })

  test('is no other one when it is recorded once more', async () => {
    const old = new OldProcesses(instance, undefined)
    idleUntil(19_000).forEach((observation) => {
      old.remember(observation)
    })
    await replace(RELOAD)
    expect([old.replaced(true), old.replaced(true)]).toEqual([false, false])
  })

  test('may hold sessions where the look that showed none has shown new counters', async () => {
    const old = new OldProcesses(instance, undefined)
    idleUntil(19_000).forEach((observation) => {
      old.remember(observation)
    })
    old.countersReset(19_000)
    await replace(RELOAD)
    expect(old.replaced(true)).toBe(true)
  })

  test('is gone once the new one was seen for as long as it may live', async () => {
    const old = new OldProcesses(instance, 60_000)
    await replace(RELOAD)
    expect(old.replaced(true)).toBe(true)
    expect(old.goneAt).toBe(RELOAD + 61_000)
  })

  test('is not waited for when it was idle', async () => {
    const old = new OldProcesses(instance, 60_000)
    idleUntil(19_000).forEach((observation) => {
      old.remember(observation)
    })
    await replace(RELOAD)
    expect(old.replaced(true)).toBe(false)
    expect(old.goneAt).toBe(START + 61_000)
  })

  test('does not bring forward when those from before it are gone', async () => {
    const old = new OldProcesses(instance, 60_000)
    expect(await replace(-3_600_000)).toBe('unclear')
    expect(old.replaced(true)).toBe(true)
    expect(old.goneAt).toBe(START + 61_000)
  })

  test('may live for ever where the new one is not known', () => {
    const old = new OldProcesses(new Instance(page.page, stage.clock), 60_000)
    old.remember(at(6_000, true))
    expect([old.replaced(true), old.goneAt]).toEqual([true, Infinity])
  })
})
