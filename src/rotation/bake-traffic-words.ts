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

const NUMBER = new Intl.NumberFormat('en-US')

/** `24 requests, 12 failed (50 %: 12 answered with 5xx), neighbours 0.2 %`. */
export function trafficInWords({ traffic, neighbours }: Omit<BakedServer, 'name'>): string {
  const reasons = Object.entries(REASONS)
    .filter(([reason]) => traffic.reasons[reason as Failure] > 0)
    .map(([reason, say]) => say(NUMBER.format(traffic.reasons[reason as Failure])))
  const kinds = reasons.length > 0 ? `: ${reasons.join(', ')}` : ''
  const share = traffic.failed > 0 ? ` (${rateInWords(traffic)}${kinds})` : ''
  const requests = count(traffic.requests, 'request').replace(
    /^\d+/,
    NUMBER.format(traffic.requests)
  )
  const others =
    neighbours.requests > 0
      ? `neighbours ${rateInWords(neighbours)}`
      : 'neighbours without requests'
  return `${requests}, ${NUMBER.format(traffic.failed)} failed${share}, ${others}`
}

/** A share of failures in percent, with as many digits as tell something: `0.3 %`, `12 %`. */
function rateInWords(load: Load): string {
  const value = errorRate(load) * 100
  return `${Number(value.toPrecision(value < 1 ? 1 : 2))} %`
}
