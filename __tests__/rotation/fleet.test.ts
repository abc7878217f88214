import { describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import {
  countsOf,
  fitsInLine,
  refuseIfNotAllUp,
  stateInWords,
  troubleFirst,
  troublesOf,
  troubleInWords,
  troubleOf
} from '../../src/rotation/fleet.ts'
import type { Target } from '../../src/rotation/target.ts'
import type { Row } from '../support/page-text.ts'
import { backendSeen, instanceAt } from '../runner/seen.ts'

/** The targets that these rows of one HAProxy show. */
function seen(rows: readonly Row[], instance = instanceAt()): Target[] {
  const backends = Map.groupBy(rows, ({ pxname = 'web' }) => pxname)
  return [...backends.values()].flatMap((those) => backendSeen(those, instance).targets)
}

const servers = (amount: number, row: Row = {}): Row[] =>
  Array.from({ length: amount }, (_, index) => ({ svname: `s${index}`, ...row }))

/** Every way not to be up, in the order in which they are to be looked at. */
const TROUBLES: readonly [string, Row][] = [
  ['DOWN', { status: 'DOWN' }],
  ['DOWN', { status: 'DOWN 1/2' }],
  ['DOWN', { status: 'DOWN (agent)' }],
  ['MAINT', { status: 'MAINT' }],
  ['MAINT', { status: 'MAINT (via web/x)' }],
  ['MAINT', { status: 'MAINT (resolution)' }],
  ['DRAIN', { status: 'DRAIN' }],
  ['DRAIN', { status: 'DRAIN 2/3' }],
  ['NOLB', { status: 'NOLB' }],
  ['partial health', { status: 'UP 1/3' }],
  ['weight 0', { weight: '0' }],
  ['weight 0', { status: 'no check', weight: '0' }],
  ['slowstart', { throttle: '30' }]
]

describe('the trouble', () => {
  test.each(TROUBLES)('is %s of a server that shows %j', (trouble, row) => {
    const [target] = seen([row])
    expect(target && troubleOf(target.now)).toBe(trouble)
  })

  test.each([{}, { status: 'no check' }, { bck: '1' }])('is none of one that shows %j', (row) => {
    const [target] = seen([row])
    expect(target && troubleOf(target.now)).toBeUndefined()
  })

  test('comes first, in its order, and those that are up keep theirs', () => {
    const rows = TROUBLES.map(([, row], index) => ({ ...row, svname: `t${index}` }))
    const up = [{ svname: 'u1' }, { svname: 'u2', status: 'no check' }, { svname: 'u3' }]
    const [one = {}, two = {}, ...more] = up
    const mixed = seen([one, ...rows.toReversed(), two, ...more])
    const order = troubleFirst(mixed).map(({ now }) => (troubleOf(now) ?? now.name).split(' ')[0])
    expect(order).toEqual([...TROUBLES.map(([name]) => name.split(' ')[0]), 'u1', 'u2', 'u3'])
    expect(mixed[0]?.name).toBe('web/u1')
  })
})

describe('in words, a server', () => {
  const LAST = { lastchg: '7800' }
  const FAILED = { check_status: 'L4CON', check_code: '', last_chk: 'Connection refused' }

  test.each<[Row, string]>([
    [
      { status: 'DOWN', ...FAILED },
      'is DOWN for 2h10m, its last check says L4CON: Connection refused'
    ],
    [{ status: 'DOWN 1/2' }, 'is DOWN 1/2 for 2h10m, its last check says L7OK/200'],
    [{ status: 'DOWN', check_status: '', check_code: '' }, 'is DOWN for 2h10m'],
    [{ status: 'MAINT', check_status: '', check_code: '' }, 'is MAINT for 2h10m at most'],
    [{ status: 'DRAIN' }, 'is DRAIN for 2h10m at most'],
    [
      { status: 'DRAIN 1/3', ...FAILED },
      'is DRAIN 1/3 for 2h10m at most, its last check says L4CON: Connection refused'
    ],
    [
      { status: 'UP 1/3', ...FAILED },
      'is UP 1/3 for 2h10m at most, its last check says L4CON: Connection refused'
    ],
    [
      { weight: '0' },
      'is UP for 2h10m at most, its weight is 0, so load balancing sends it nobody'
    ],
    [
      { status: 'no check', weight: '0' },
      'is ready (no check) for 2h10m at most, its weight is 0, so load balancing sends it nobody'
    ],
    [{ throttle: '30' }, 'is UP for 2h10m, slowstart gives it 30 % of its weight'],
    [{ status: 'DOWN', lastchg: '', check_status: '', check_code: '' }, 'is DOWN']
  ])('that shows %j %s', (row, expected) => {
    expect(troublesOf(seen([{ ...LAST, ...row }]))).toEqual([`web/a ${expected}`])
  })

  test('that is up has no words but its status', () => {
    const up = seen([{}, { svname: 'b', status: 'no check' }])
    expect(up.map(({ now }) => stateInWords(now))).toEqual(['UP', 'no check'])
    expect(troublesOf(seen([{}]))).toEqual([])
  })

  test('has the name of its HAProxy where there are several', () => {
    const down = { status: 'DRAIN', lastchg: '60' }
    const both = [...seen([down]), ...seen([{}], instanceAt('http://lb2/admin'))]
    expect(troublesOf(both)).toEqual(['web/a on http://lb/admin is DRAIN for 1m at most'])
  })
})

describe('the counts', () => {
  test('are of each backend, those in trouble first', () => {
    const rows = [
      ...servers(3),
      ...servers(2, { pxname: 'api', status: 'DRAIN' }),
      ...servers(1, { pxname: 'db' })
    ]
    expect(countsOf(seen(rows))).toBe('2 in api (2 not up), 3 in web, 1 in db')
  })

  test('are of each HAProxy where there are several', () => {
    const both = [...seen(servers(2)), ...seen(servers(1), instanceAt('http://lb2/admin'))]
    expect(countsOf(both)).toBe('2 in web on http://lb/admin and 1 in web on http://lb2/admin')
  })

  test('name 20 backends, and sum up the others', () => {
    const rows = (amount: number): Row[] =>
      Array.from({ length: amount }, (_, index) => servers(2, { pxname: `b${index}` })).flat()
    expect(countsOf(seen(rows(20)))).toMatch(/2 in b18, 2 in b19$/)
    expect(countsOf(seen(rows(21)))).toMatch(/2 in b18, 2 in b19, 2 in 1 other backend$/)
    const all = rows(23).map((row) => ({ ...row, status: 'DOWN' }))
    expect(countsOf(seen(all))).toMatch(
      /2 in b19 \(2 not up\), 6 in 3 other backends \(6 not up\)$/
    )
  })
})

describe('a fleet', () => {
  test('that is up is not refused', () => {
    expect(() => {
      refuseIfNotAllUp(seen([{}, { svname: 'b', status: 'no check' }]))
    }).not.toThrow()
  })

  test('of which one is not up is refused, with its name', () => {
    const rows = [{}, { svname: 'b', status: 'DRAIN', lastchg: '60' }]
    const refuse = (): void => {
      refuseIfNotAllUp(seen(rows))
    }
    expect(refuse).toThrow(HaproxyError)
    expect(refuse).toThrow('1 of 2 servers not up: web/b is DRAIN for 1m at most.')
  })

  test('is named as long as that is a line, and else counted', () => {
    const words = (amount: number): string =>
      troubleInWords(seen(servers(amount, { status: 'DRAIN', lastchg: '60' })))
    expect(words(1)).toBe('1 of 1 server not up: web/s0 is DRAIN for 1m at most')
    expect(words(2)).toMatch(/^2 of 2 servers not up: web\/s0 .*; web\/s1 /)
    expect(words(1_000)).toBe('1000 of 1000 servers not up: 1000 in web (1000 not up)')
  })

  test('makes a line of up to 2000 characters', () => {
    expect(fitsInLine(['x'.repeat(999), 'x'.repeat(999)])).toBe(true)
    expect(fitsInLine(['x'.repeat(999), 'x'.repeat(1_000)])).toBe(false)
  })
})
