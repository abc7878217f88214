import { expect, test } from '@jest/globals'
import type { Traffic } from '../../src/rotation/bake-traffic.ts'
import { trafficInWords } from '../../src/rotation/bake-traffic-words.ts'

const NO_REASONS = {
  serverErrors: 0,
  brokenAnswers: 0,
  refusedConnections: 0,
  redispatches: 0,
  unanswered: 0
}

function traffic(requests: number, reasons: Partial<Traffic['reasons']> = {}): Traffic {
  const failed = Object.values(reasons).reduce((sum, amount) => sum + amount, 0)
  return { requests, failed, reasons: { ...NO_REASONS, ...reasons } }
}

test.each<[Traffic, Traffic, string]>([
  [traffic(0), traffic(0), '0 requests, 0 failed, neighbours without requests'],
  [traffic(1), traffic(10), '1 request, 0 failed, neighbours 0 %'],
  [
    traffic(1_234_567),
    traffic(1_000, { serverErrors: 3 }),
    '1,234,567 requests, 0 failed, neighbours 0.3 %'
  ],
  [
    traffic(24, { serverErrors: 12 }),
    traffic(1_000, { serverErrors: 10 }),
    '24 requests, 12 failed (50 %: 12 answered with 5xx), neighbours 1 %'
  ],
  [
    traffic(1_200, { serverErrors: 2, redispatches: 1 }),
    traffic(1_000, { serverErrors: 126 }),
    '1,200 requests, 3 failed (0.3 %: 2 answered with 5xx, 1 sent on to another server), neighbours 13 %'
  ],
  [
    traffic(2_000, { brokenAnswers: 1, redispatches: 1_000 }),
    traffic(1_000, { serverErrors: 14 }),
    '2,000 requests, 1,001 failed (50 %: 1 broken off or timed out, 1,000 sent on to another server), neighbours 1.4 %'
  ],
  [
    traffic(10_000, { refusedConnections: 2, unanswered: 3 }),
    traffic(1_000, { serverErrors: 146 }),
    '10,000 requests, 5 failed (0.05 %: 2 without a connection, 3 unanswered for 10s), neighbours 15 %'
  ]
])('%#: the traffic of a server is put into words', (target, neighbours, expected) => {
  const words = trafficInWords({ traffic: target, neighbours, verdict: 'well', missing: [] })
  expect(words).toBe(expected)
})

test('failures of which no reason is known have their share alone', () => {
  const unknown = { requests: 10, failed: 1, reasons: NO_REASONS }
  expect(
    trafficInWords({ traffic: unknown, neighbours: traffic(0), verdict: 'well', missing: [] })
  ).toBe('10 requests, 1 failed (10 %), neighbours without requests')
})
