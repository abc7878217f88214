import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Backend } from '../../src/rotation/backend.ts'
import { Instance } from '../../src/rotation/instance.ts'
import type { Doubt, Fact, OldProcessState } from '../../src/rotation/outcome.ts'
import { type Evidence, proofOf } from '../../src/rotation/proof.ts'
import type { Other } from '../../src/rotation/same-address.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'
import { backendOf, targetIn } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const HOUR = 3_600_000
const NOW = 5_000
const NONE = { same: [], down: [], otherPort: [], unknown: [], areShown: true }
const EVIDENCE: Evidence = {
  minUp: 1,
  maxSessions: 0,
  hardStopAfterMs: undefined,
  shared: NONE,
  unclear: [],
  settledMs: 1_200
}

let stage: Stage
let page: ImitatedPage
let instance: Instance
let backend: Backend

beforeEach(async () => {
  stage = set()
  page = await stage.page(server('a'), server('b'), server('c', { admin: 'drain' }), server('d'))
  await open()
})

/** Looks for the first time, at the page and its process. */
async function open(startedAt = NOW - 2 * HOUR): Promise<void> {
  page.process = { pid: 100, startedAt }
  instance = new Instance(page.page, stage.clock)
  await instance.identify({ signal: stage.cancelled })
  backend = await backendOf(stage, page, { instance })
}

const doubts = (evidence: Partial<Evidence> = {}): readonly Doubt[] =>
  proofOf([backend], { ...EVIDENCE, ...evidence }).doubts
const facts = (evidence: Partial<Evidence> = {}): readonly Fact[] =>
  proofOf([backend], { ...EVIDENCE, ...evidence }).facts
const ofProcess = (evidence: Partial<Evidence> = {}): Fact[] =>
  facts(evidence).filter(({ kind }) => kind === 'process')

/** A server that was not named, and may be the application of a target. */
const other = (): Other => ({ instance, server: { ...targetIn(backend).before, name: 'x' } })

test('what is proven of servers that are drained is listed', () => {
  const older = { kind: 'assumed gone' }
  expect(facts()).toEqual([
    { kind: 'idle', forMs: 1_200, maxSessions: 0 },
    { kind: 'process', instance, pid: 100, ageMs: 2 * HOUR, older },
    { kind: 'addresses', shared: NONE },
    { kind: 'serving', backend: backend.fullName, servers: ['b', 'd'] }
  ])
  expect(doubts()).toEqual([])
})

describe('the process', () => {
  test('that is unknown proves nothing', async () => {
    instance = new Instance(page.page, stage.clock)
    backend = await backendOf(stage, page, { instance })
    expect(doubts()).toEqual([{ kind: 'process unknown', instances: [instance] }])
    expect(ofProcess()).toEqual([])
  })

  test('that was replaced by one that may be older proves nothing', () => {
    expect(doubts({ unclear: [instance] })).toEqual([
      { kind: 'process unclear', instances: [instance] }
    ])
  })

  test.each<[string, number, number | undefined, OldProcessState]>([
    ['an hour', HOUR, undefined, { kind: 'assumed gone' }],
    ['less than an hour', HOUR - 1_000, undefined, { kind: 'may remain' }],
    ['a moment', 2_000, 1_000, { kind: 'gone', hardStopAfterMs: 1_000 }],
    ['a moment', 2_000, 0, { kind: 'gone', hardStopAfterMs: 0 }]
  ])(
    'that ran for %s (%i ms) with hard-stop-after %s leaves those from before it %j',
    async (_, age, hardStopAfterMs, older) => {
      await open(NOW - age)
      expect(doubts({ hardStopAfterMs })).toEqual(
        older.kind === 'may remain' ? [{ kind: 'young process', instances: [instance] }] : []
      )
      expect(ofProcess({ hardStopAfterMs })).toMatchObject([{ older }])
    }
  )

  test('is as old at the end as it has become, and was young by what was seen first', async () => {
    await open(NOW - HOUR + 10_000)
    stage.clock.pass(20_000)
    await instance.recheck({ signal: stage.cancelled })
    const older = { kind: 'may remain' }
    expect(ofProcess()).toMatchObject([{ pid: 100, ageMs: HOUR + 10_000, older }])
    expect(doubts()).toHaveLength(1)
  })

  test('from before is judged by the first one, also after a reload', async () => {
    stage.clock.pass(1_000)
    page.reload({ keep: true })
    stage.clock.pass(3_000)
    await instance.recheck({ signal: stage.cancelled })
    expect(doubts()).toEqual([])
    expect(ofProcess()).toMatchObject([{ pid: 101, ageMs: 3_000, older: { kind: 'was idle' } }])
  })

  test('of an instance is named once, however many backends are on it', async () => {
    const second = await backendOf(stage, page, { name: 'none', targets: [], instance })
    const kinds = proofOf([backend, second], EVIDENCE).facts.map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'process')).toHaveLength(1)
  })
})

describe('others at the address of a target', () => {
  test('are in doubt', () => {
    const shared = { ...NONE, same: [other()] }
    expect(doubts({ shared })).toEqual([{ kind: 'same address', others: shared.same }])
  })

  test('are in doubt while they are down, for they may come up', () => {
    const shared = { ...NONE, down: [other()] }
    expect(doubts({ shared })).toEqual([{ kind: 'same address', others: shared.down }])
  })

  test('may be those of the same name whose address is not shown', () => {
    const shared = { ...NONE, unknown: [other()], areShown: false }
    expect(doubts({ shared })).toEqual([{ kind: 'same name', others: shared.unknown }])
  })

  test('are no doubt on another port', () => {
    expect(doubts({ shared: { ...NONE, otherPort: [other()] } })).toEqual([])
  })
})

describe('the target', () => {
  test('with an agent check may be brought back by it', async () => {
    page.server('a').cells = { agent_status: 'L7OK' }
    await backend.look({ signal: stage.cancelled })
    expect(doubts()).toEqual([{ kind: 'agent check', targets: backend.targets }])
  })

  test('is not in doubt for the agent check of another server', async () => {
    page.server('b').cells = { agent_status: 'L7OK' }
    await backend.look({ signal: stage.cancelled })
    expect(doubts()).toEqual([])
  })

  test('that may keep sessions is in doubt', () => {
    expect(doubts({ maxSessions: 3 })).toEqual([{ kind: 'max sessions' }])
    expect(facts({ maxSessions: 3 })[0]).toMatchObject({ kind: 'idle', maxSessions: 3 })
  })
})

describe('the servers that stay', () => {
  test('are in doubt when fewer serve than were asked for', async () => {
    expect(doubts({ minUp: 2 })).toEqual([])
    page.server('d').cells = { status: 'DOWN' }
    await backend.look({ signal: stage.cancelled })
    expect(doubts({ minUp: 2 })).toEqual([{ kind: 'too few serve', backends: [backend.fullName] }])
    expect(facts({ minUp: 2 }).at(-1)).toMatchObject({ kind: 'serving', servers: ['b'] })
  })

  test('may be none, where that is allowed', async () => {
    page.servers.splice(1)
    await backend.look({ signal: stage.cancelled })
    expect(facts({ minUp: 0 }).at(-1)).toMatchObject({ kind: 'serving', servers: [] })
    expect(doubts({ minUp: 0 })).toEqual([])
  })

  test('do not matter where the target did not serve before', async () => {
    page.servers.splice(0, Infinity, server('a', { admin: 'maint' }))
    await open()
    expect(doubts()).toEqual([])
    expect(facts().filter(({ kind }) => kind === 'serving')).toEqual([])
  })
})

test('several doubts are listed one after the other', async () => {
  await open(NOW - 10_000)
  page.server('a').cells = { agent_status: 'L7OK' }
  page.servers.splice(1)
  await backend.look({ signal: stage.cancelled })
  const shared = { same: [other()], down: [], otherPort: [], unknown: [other()], areShown: false }
  const kinds = doubts({ shared, unclear: [instance], maxSessions: 1 }).map(({ kind }) => kind)
  expect(kinds).toEqual([
    'process unclear',
    'young process',
    'same address',
    'same name',
    'agent check',
    'too few serve',
    'max sessions'
  ])
})
