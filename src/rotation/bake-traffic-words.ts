import type { Failure } from './bake-traffic.ts'
import { type BakedServer, errorRate, type Load } from './bake-verdict.ts'
import { count } from './describe.ts'

const REASONS = {
  serverErrors: (number) => `${number} answered with 5xx`,
  brokenAnswers: (number) => `${number} broken off or timed out`,
  refusedConnections: (number) => `${number} without a connection`,
  redispatches: (number) => `${number} sent on to another server`,
  unanswered: (number) => `${number} unanswered for 10s`
} as const satisfies Record<Failure, (number: string) => string>

/** `24 requests, 12 failed (50 %: 12 answered with 5xx), neighbours 0.2 %`. */
export function trafficInWords({ traffic, neighbours }: Omit<BakedServer, 'name'>): string {
  const reasons = Object.entries(REASONS)
    .filter(([reason]) => traffic.reasons[reason as Failure] > 0)
    .map(([reason, say]) => say(grouped(traffic.reasons[reason as Failure])))
  const kinds = reasons.length > 0 ? `: ${reasons.join(', ')}` : ''
  const share = traffic.failed > 0 ? ` (${rateInWords(traffic)}${kinds})` : ''
  const requests = count(traffic.requests, 'request').replace(/^\d+/, grouped(traffic.requests))
  const others =
    neighbours.requests > 0
      ? `neighbours ${rateInWords(neighbours)}`
      : 'neighbours without requests'
  return `${requests}, ${grouped(traffic.failed)} failed${share}, ${others}`
}

/** `1,234`; a formatter kept at the top of the file would cost every step 10 ms of its start. */
function grouped(number: number): string {
  return number.toLocaleString('en-US')
}

/** A share of failures in percent, with as many digits as tell something: `0.3 %`, `12 %`. */
function rateInWords(load: Load): string {
  const value = errorRate(load) * 100
  return `${Number(value.toPrecision(value < 1 ? 1 : 2))} %`
}
