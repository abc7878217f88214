import { describe, expect, test } from '@jest/globals'
import type { Fact, OldProcessState } from '../../src/rotation/outcome.ts'
import { explainFact } from '../../src/runner/facts.ts'
import { backendSeen, instanceAt } from './seen.ts'

const NONE = { same: [], down: [], otherPort: [], unknown: [], areShown: true }

describe('what was proven is put into a sentence:', () => {
  test.each<[Fact, string]>([
    [{ kind: 'idle', forMs: 1_200, maxSessions: 0 }, 'No session for 1.2s.'],
    [{ kind: 'idle', forMs: 1_200, maxSessions: 3 }, 'At most 3 sessions on each server for 1.2s.'],
    [
      { kind: 'addresses', shared: NONE },
      'When the step began, no other server in rotation was at the same address.'
    ],
    [
      { kind: 'addresses', shared: { ...NONE, areShown: false } },
      'The page does not show the addresses (stats show-legends).'
    ],
    [
      { kind: 'serving', backend: 'web on http://lb/admin', servers: ['b', 'c'] },
      'Serving in web on http://lb/admin: b, c.'
    ],
    [
      { kind: 'serving', backend: 'web on http://lb/admin', servers: [] },
      'Serving in web on http://lb/admin: none.'
    ]
  ])('%#', (fact, expected) => {
    expect(explainFact(fact)).toBe(expected)
  })

  test.each(['same', 'down'])('another server at the same address (%s)', (where) => {
    const instance = instanceAt('http://lb/admin')
    const { targets } = backendSeen([{ svname: 'x' }], instance)
    const others = targets.map(({ before }) => ({ instance, server: before }))
    expect(explainFact({ kind: 'addresses', shared: { ...NONE, [where]: others } })).toBe(
      'At the same address: web/x on http://lb/admin (UP).'
    )
  })

  test.each<[OldProcessState, string]>([
    [
      { kind: 'gone', hardStopAfterMs: 90_000 },
      'no older process can hold a session, given a hard-stop-after of 1m30s'
    ],
    [{ kind: 'assumed gone' }, 'older processes are assumed to be gone after an hour'],
    [
      { kind: 'was idle' },
      'HAProxy was reloaded meanwhile, and no session was left on its old process'
    ],
    [{ kind: 'may remain' }, 'an older process may hold a session']
  ])('a process with those before it %j', (older, expected) => {
    const instance = instanceAt('http://lb/admin')
    expect(explainFact({ kind: 'process', instance, pid: 8, ageMs: 7_200_000, older })).toBe(
      `http://lb/admin: process 8 has been running for 2h; ${expected}.`
    )
  })
})
