import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Backend } from '../../src/rotation/backend.ts'
import { Instance } from '../../src/rotation/instance.ts'
import type { Doubt } from '../../src/rotation/outcome.ts'
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
const facts = (evidence: Partial<Evidence> = {}): readonly string[] =>
  proofOf([backend], { ...EVIDENCE, ...evidence }).facts.map((fact) => stage.short(fact))

/** A server that was not named, and may be the application of a target. */
const other = (): Other => ({ instance, server: { ...targetIn(backend).before, name: 'x' } })

test('what is proven of servers that are drained is put into sentences', () => {
  expect(facts()).toEqual([
    'No session for 1.2s.',
    'P1: process 100 has been running for 2h; older processes are assumed to be gone after an hour.',
    'When the step began, no other server in rotation was at the same address.',
    'Serving in web on P1: b, d.'
  ])
  expect(doubts()).toEqual([])
})

describe('the process', () => {
  test('that is unknown proves nothing', async () => {
    instance = new Instance(page.page, stage.clock)
    backend = await backendOf(stage, page, { instance })
    expect(doubts()).toEqual([{ kind: 'process unknown', instances: [instance] }])
    expect(facts().filter((fact) => fact.includes('process'))).toEqual([])
  })

  test('that was replaced by one that may be older proves nothing', () => {
    expect(doubts({ unclear: [instance] })).toEqual([
      { kind: 'process unclear', instances: [instance] }
    ])
  })

  test.each<[string, number, number | undefined, boolean, string]>([
    ['an hour', HOUR, undefined, false, 'older processes are assumed to be gone after an hour'],
    ['less than an hour', HOUR - 1_000, undefined, true, 'an older process may hold a session'],
    [
      'a moment',
      2_000,
      1_000,
      false,
      'no older process can hold a session, by the hard-stop-after of 1s that was given'
    ],
    [
      'a moment',
      2_000,
      0,
      false,
      'no older process can hold a session, by the hard-stop-after of 0ms that was given'
    ]
  ])(
    'that ran for %s (%i ms) with hard-stop-after %s leaves in doubt those from before it: %s',
    async (_, age, hardStopAfterMs, isYoung, expected) => {
      await open(NOW - age)
      expect(doubts({ hardStopAfterMs })).toEqual(
        isYoung ? [{ kind: 'young process', instances: [instance] }] : []
      )
      expect(facts({ hardStopAfterMs })[1]).toMatch(new RegExp(`; ${expected}\\.$`))
    }
  )

  test('is as old at the end as it has become, and was young by what was seen first', async () => {
    await open(NOW - HOUR + 10_000)
    stage.clock.pass(20_000)
    await instance.recheck({ signal: stage.cancelled })
    expect(facts()[1]).toBe(
      'P1: process 100 has been running for 1h10s; an older process may hold a session.'
    )
    expect(doubts()).toHaveLength(1)
  })

  test('from before is judged by the first one, also after a reload', async () => {
    stage.clock.pass(1_000)
    page.reload({ keep: true })
    stage.clock.pass(3_000)
    await instance.recheck({ signal: stage.cancelled })
    expect(doubts()).toEqual([])
    expect(facts()[1]).toBe(
      'P1: process 101 has been running for 3s; HAProxy was reloaded meanwhile, and no session was left on its old process.'
    )
  })

  test('of an instance is named once, however many backends are on it', async () => {
    const second = await backendOf(stage, page, { name: 'none', targets: [], instance })
    const fact = proofOf([backend, second], EVIDENCE).facts.filter((one) => one.includes('process'))
    expect(fact).toHaveLength(1)
  })
})

describe('others at the address of a target', () => {
  test('are in doubt', () => {
    const shared = { ...NONE, same: [other()] }
    expect(doubts({ shared })).toEqual([{ kind: 'same address', others: shared.same }])
    expect(facts({ shared })).toContain('At the same address: web/x on P1 (UP).')
  })

  test('are in doubt while they are down, for they may come up', () => {
    const shared = { ...NONE, down: [other()] }
    expect(doubts({ shared })).toEqual([{ kind: 'same address', others: shared.down }])
    expect(facts({ shared })).toContain('At the same address: web/x on P1 (UP).')
  })

  test('may be those of the same name whose address is not shown', () => {
    const shared = { ...NONE, unknown: [other()], areShown: false }
    expect(doubts({ shared })).toEqual([{ kind: 'same name', others: shared.unknown }])
    expect(facts({ shared })).toContain(
      'The page does not show the addresses (stats show-legends).'
    )
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
    expect(facts({ maxSessions: 3 })[0]).toBe('At most 3 sessions on each server for 1.2s.')
  })
})

describe('the servers that stay', () => {
  test('are in doubt when fewer serve than were asked for', async () => {
    expect(doubts({ minUp: 2 })).toEqual([])
    page.server('d').cells = { status: 'DOWN' }
    await backend.look({ signal: stage.cancelled })
    expect(doubts({ minUp: 2 })).toEqual([{ kind: 'too few serve', backends: [backend.fullName] }])
    expect(facts({ minUp: 2 }).at(-1)).toBe('Serving in web on P1: b.')
  })

  test('may be none, where that is allowed', async () => {
    page.servers.splice(1)
    await backend.look({ signal: stage.cancelled })
    expect(facts({ minUp: 0 }).at(-1)).toBe('Serving in web on P1: none.')
    expect(doubts({ minUp: 0 })).toEqual([])
  })

  test('do not matter where the target did not serve before', async () => {
    page.servers.splice(0, Infinity, server('a', { admin: 'maint' }))
    await open()
    expect(doubts()).toEqual([])
    expect(facts().filter((fact) => fact.startsWith('Serving'))).toEqual([])
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
