import { beforeEach, describe, expect, test } from '@jest/globals'
import { Instance } from '../../src/rotation/instance.ts'
import { refuseIfNotReturnable, refuseUnknownStatus } from '../../src/rotation/refuse.ts'
import type { Target } from '../../src/rotation/target.ts'
import { failureOf } from '../haproxy/failure.ts'
import { server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { backendOf } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage

beforeEach(() => {
  stage = set()
})

/** Targets on one more page, by name. */
async function targets(rows: Readonly<Record<string, Row>>): Promise<readonly Target[]> {
  const servers = Object.entries(rows).map(([name, cells]) => server(name, { cells }))
  const page = await stage.page(...servers)
  const instance = new Instance(page.page, stage.clock)
  return (await backendOf(stage, page, { instance, targets: Object.keys(rows) })).targets
}

describe('a target that cannot be brought back', () => {
  const UNRESOLVED =
    'HAProxy cannot resolve its host name, and only DNS can end that (`resolvers` in haproxy.cfg).'
  const LOST = { status: 'MAINT (resolution)' }
  const LED = { status: 'MAINT (via web/lead)', tracked: 'web/lead' }

  function refusal(all: readonly Target[], canWait = false): string | undefined {
    try {
      refuseIfNotReturnable(all, canWait)
    } catch {
      const { problem, message, advice } = failureOf(() => {
        refuseIfNotReturnable(all, canWait)
      })
      expect([problem, advice]).toEqual(['not-returnable', ''])
      return stage.short(message)
    }
    return undefined
  }

  test.each([
    'UP',
    'UP 1/3',
    'DOWN',
    'DOWN 1/2',
    'NOLB',
    'DRAIN',
    'DRAIN (agent)',
    'MAINT',
    'no check'
  ])('is none that is %s', async (status) => {
    expect(refusal(await targets({ a: { status } }))).toBeUndefined()
  })

  test('has a host name that cannot be resolved, where nothing waits for that', async () => {
    const all = await targets({ a: LOST })
    expect(refusal(all)).toBe(`web/a on P1 is MAINT (resolution): ${UNRESOLVED}`)
    expect(refusal(all, true)).toBeUndefined()
  })

  test.each([false, true])(
    'follows another server, which is named (waiting: %s)',
    async (canWait) => {
      expect(refusal(await targets({ a: LED }), canWait)).toBe(
        'web/a on P1 is MAINT (via web/lead): it follows web/lead; name that server instead.'
      )
    }
  )

  test('follows another server, which only the status may name', async () => {
    expect(refusal(await targets({ a: { status: LED.status } }))).toBe(
      'web/a on P1 is MAINT (via web/lead): it follows another server; name that server instead.'
    )
  })

  test('may follow a server without inheriting its maint', async () => {
    expect(refusal(await targets({ a: { tracked: 'web/lead' } }))).toBeUndefined()
  })

  test('may follow a server that is itself a target', async () => {
    const all = await targets({ lead: { status: 'MAINT' }, a: LED })
    expect(refusal(all)).toBeUndefined()
    expect(refusal(all.slice(1))).toBeDefined()
  })

  test('may not follow a target of that name on another page', async () => {
    expect(
      refusal([...(await targets({ a: LED })), ...(await targets({ lead: {} }))])
    ).toBeDefined()
  })

  test('is named with all others', async () => {
    expect(refusal(await targets({ a: LOST, b: LED, c: {} }))).toBe(
      `web/a on P1 is MAINT (resolution): ${UNRESOLVED} ` +
        'web/b on P1 is MAINT (via web/lead): it follows web/lead; name that server instead.'
    )
  })
})

test('targets with a status that nobody knows are refused, also for a mere look', async () => {
  const all = await targets({ a: { status: 'UPSIDE DOWN' }, b: {}, c: { status: 'hm' } })
  const { problem, message } = failureOf(() => {
    refuseUnknownStatus(all)
  })
  expect([problem, stage.short(message)]).toEqual([
    'malformed',
    'A status that HAProxy is not known to write: web/a on P1 has "UPSIDE DOWN"; web/c on P1 has "hm".'
  ])
  expect(() => {
    refuseUnknownStatus(all.slice(1, 2))
  }).not.toThrow()
})

test('of many statuses that HAProxy is not known to write 20 are named', async () => {
  const rows = (amount: number): Record<string, Row> =>
    Object.fromEntries(Array.from({ length: amount }, (_, index) => [`s${index}`, { status: '?' }]))
  const refusal = async (amount: number): Promise<string> => {
    const all = await targets(rows(amount))
    return failureOf(() => {
      refuseUnknownStatus(all)
    }).message
  }
  expect(await refusal(20)).toMatch(/; web\/s19 on \S+ has "\?"\.$/)
  expect(await refusal(22)).toMatch(/; web\/s19 on \S+ has "\?" and 2 more\.$/)
})
