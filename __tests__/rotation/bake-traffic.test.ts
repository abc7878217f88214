import { describe, expect, test } from '@jest/globals'
import type { Counters } from '../../src/haproxy/counters.ts'
import { countedSince, haveFallen, readCounters } from '../../src/haproxy/counters.ts'
import { parseStatsCsv } from '../../src/haproxy/csv.ts'
import type { Server } from '../../src/haproxy/server.ts'
import { Counting, type Traffic } from '../../src/rotation/bake-traffic.ts'
import { pageText, type Row } from '../support/page-text.ts'

function seen(row: Row): Server {
  const [server] = parseStatsCsv(pageText([row]), 'the page').servers
  if (server === undefined) throw new Error('No server')
  return server
}

/** What is counted from a server that has counted 1,000 of everything to one that has counted more. */
function counted(before: Row, now: Row): Traffic {
  const counting = new Counting()
  counting.add(seen(before), seen(now))
  counting.looked(1_000, 0)
  return counting.traffic()
}

/** The reasons that there were, and how often. */
function reasons(traffic: Traffic): Partial<Traffic['reasons']> {
  return Object.fromEntries(Object.entries(traffic.reasons).filter(([, count]) => count > 0))
}

// What HAProxy counted for ten requests of each kind (docs/haproxy-facts.md, "Errors that users see").
const TCP = { hrsp_1xx: '', hrsp_2xx: '', hrsp_3xx: '', hrsp_4xx: '', hrsp_5xx: '', hrsp_other: '' }
test.each<[string, Row, Partial<Traffic['reasons']>]>([
  ['answered with 200', { stot: '10', hrsp_2xx: '10' }, {}],
  ['answered with 404', { stot: '10', hrsp_4xx: '10' }, {}],
  ['answered with 500', { stot: '10', hrsp_5xx: '10' }, { serverErrors: 10 }],
  ['closed before the answer, up to 2.6', { stot: '10', eresp: '10' }, { brokenAnswers: 10 }],
  ['closed before the answer, from 3.0 on', { stot: '10', eresp: '20' }, { brokenAnswers: 10 }],
  ['reset on 2.2', { stot: '10', eresp: '10', srv_abrt: '10' }, { brokenAnswers: 10 }],
  [
    'broken off',
    { stot: '10', eresp: '10', hrsp_2xx: '10', srv_abrt: '10' },
    { brokenAnswers: 10 }
  ],
  ['timed out', { stot: '10', eresp: '10' }, { brokenAnswers: 10 }],
  ['refused and sent on', { stot: '10', wredis: '10' }, { redispatches: 10 }],
  ['refused and tried again', { stot: '20', wretr: '10', econ: '10' }, { refusedConnections: 10 }],
  ['given up by their users', { stot: '10', cli_abrt: '10' }, {}],
  ['in progress', { stot: '10', scur: '10' }, {}],
  ['reset in TCP mode', { ...TCP, stot: '10', eresp: '10', srv_abrt: '10' }, { brokenAnswers: 10 }],
  ['sessions in TCP mode', { ...TCP, stot: '10' }, {}]
])('ten requests that were %s', (_, row, expected) => {
  const tcp = row.hrsp_2xx === '' ? TCP : {}
  const traffic = counted(tcp, row)
  expect(traffic.requests).toBe(10)
  expect(reasons(traffic)).toEqual(expected)
  expect(traffic.failed).toBe(Object.keys(expected).length * 10)
})

describe('of connections that count twice', () => {
  test('those that were closed are counted once, beside what is in progress', () => {
    const row = { stot: '30', hrsp_2xx: '10', eresp: '20', scur: '10' }
    expect(reasons(counted({}, row))).toEqual({ brokenAnswers: 10 })
  })

  test('those that were closed are counted once, beside users who gave up', () => {
    const row = { stot: '30', hrsp_2xx: '10', eresp: '20', cli_abrt: '10' }
    expect(reasons(counted({}, row))).toEqual({ brokenAnswers: 10 })
  })

  test('no fewer than half are counted, be there ever so many downloads in progress', () => {
    const row = { stot: '60', hrsp_2xx: '50', eresp: '10', scur: '50' }
    expect(reasons(counted({}, row))).toEqual({ brokenAnswers: 5 })
  })

  test('what was in progress before counts as ended', () => {
    const row = { stot: '0', eresp: '10', scur: '0' }
    expect(reasons(counted({ scur: '10' }, row))).toEqual({ brokenAnswers: 10 })
  })
})

describe('a request without an answer', () => {
  /** Ten requests a second, each of which a share is answered, up to the second that is asked for. */
  function after(seconds: number, answeredOfTen: number, more: Row = {}, perRequest = 0): Traffic {
    const counting = new Counting()
    let last = seen({})
    for (let second = 0; second <= seconds; second += 1) {
      const row = { stot: String(10 * second), hrsp_2xx: String(answeredOfTen * second) }
      const now = seen({ ...row, scur: String((10 - answeredOfTen) * second), ...more })
      counting.add(last, now)
      counting.looked(second * 1_000, now.sessions)
      last = now
    }
    return counting.traffic(perRequest)
  }

  test('has not failed for ten seconds', () => {
    expect(after(10, 0).failed).toBe(0)
  })

  test('has failed after ten seconds', () => {
    expect(reasons(after(11, 0))).toEqual({ unanswered: 10 })
    expect(reasons(after(20, 0))).toEqual({ unanswered: 100 })
  })

  test('has failed although its user has given up', () => {
    expect(reasons(after(20, 0, { scur: '0', cli_abrt: '200' }))).toEqual({ unanswered: 100 })
  })

  test('is certain only where all that was answered is fewer than what began so long ago', () => {
    expect(after(20, 5).failed).toBe(0)
    expect(reasons(after(24, 5))).toEqual({ unanswered: 20 })
  })

  test('is one of which nothing else tells that it failed', () => {
    expect(reasons(after(20, 0, { econ: '30', wredis: '10' }))).toEqual({
      refusedConnections: 30,
      redispatches: 10,
      unanswered: 60
    })
    expect(reasons(after(20, 0, { eresp: '40' }))).toEqual({ brokenAnswers: 20, unanswered: 80 })
  })

  test('is none where nothing was requested, however long answers take elsewhere', () => {
    expect(new Counting().traffic(Infinity)).toMatchObject({ requests: 0, failed: 0 })
  })

  test('has not failed where as many are in progress on the neighbours, whose answers take as long', () => {
    // Thirty seconds at ten requests a second are 300 in progress.
    expect(after(25, 0, {}, 300 / 250).failed).toBe(0)
    expect(reasons(after(25, 0, {}, 20 / 250))).toEqual({ unanswered: 130 })
  })

  test('is none in TCP mode, where HAProxy knows no answers', () => {
    const counting = new Counting()
    let last = seen(TCP)
    for (let second = 1; second <= 30; second += 1) {
      const now = seen({ ...TCP, stot: String(second) })
      counting.add(last, now)
      counting.looked(second * 1_000, now.sessions)
      last = now
    }
    expect(counting.traffic()).toMatchObject({ requests: 30, failed: 0 })
  })
})

test('the most that was in progress counts for each request that began', () => {
  const counting = new Counting()
  // Without any traffic nothing says how long answers may take.
  expect(counting.inProgressPerRequest).toBe(Infinity)
  counting.add(seen({}), seen({ stot: '10' }))
  counting.looked(500, 10)
  expect(counting.inProgressPerRequest).toBe(1)
  counting.looked(1_000, 30)
  counting.looked(2_000, 5)
  expect(counting.inProgressPerRequest).toBe(3)
})

test('requests that a server holds while others get none are as many as may be in progress', () => {
  const counting = new Counting()
  counting.add(seen({}), seen({}))
  counting.looked(1_000, 30)
  expect(counting.inProgressPerRequest).toBe(30)
})

test('no more requests fail than there are', () => {
  expect(counted({}, { stot: '10', hrsp_5xx: '10', wredis: '5' }).failed).toBe(10)
  expect(counted({}, { stot: '0', hrsp_5xx: '3' })).toMatchObject({ requests: 0, failed: 0 })
})

describe('counters', () => {
  test.each<[Counters, Counters, boolean]>([
    [{ stot: 5 }, { stot: 5 }, false],
    [{ stot: 5 }, { stot: 6 }, false],
    [{ stot: 5 }, { stot: 4 }, true],
    [{ stot: 5, econ: 1 }, { stot: 6, econ: 0 }, true]
  ])('from %j to %j have fallen: %p', (before, now, expected) => {
    expect(haveFallen(before, now)).toBe(expected)
  })

  test.each(['5x', 'x5', '-5', ''])('are whole numbers, and %j is none', (cell) => {
    expect(readCounters((column) => (column === 'stot' ? cell : '1'))).not.toHaveProperty('stot')
  })

  test('that are not shown count for nothing', () => {
    expect(countedSince({ stot: 5 }, { stot: 7 })).toEqual({ stot: 2 })
    expect(countedSince({}, { stot: 7 })).toEqual({ stot: 7 })
    expect(countedSince({}, {})).toEqual({})
  })
})
