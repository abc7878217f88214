import type { Traffic } from './bake-traffic.ts'

/** How many requests there were, and how many of them failed. */
export type Load = Pick<Traffic, 'requests' | 'failed'>

/**
 * What the requests so far say of a server: too few to say anything; no more failures than are allowed; more, but
 * perhaps by chance; or certainly more.
 */
export type BakeVerdict = 'too few' | 'well' | 'unclear' | 'bad'

/** One server, over all HAProxies that it is behind, as its traffic was watched. */
export interface BakedServer {
  /** `backend/server`. */
  readonly name: string
  readonly traffic: Traffic
  /** What users met meanwhile on the other serving servers of its backend. */
  readonly neighbours: Traffic
  readonly verdict: BakeVerdict
  /** Columns without which it was judged, because the page does not fill them. */
  readonly missing: readonly string[]
}

/** What a watch has seen. */
export interface Baked {
  /** How long was watched without a reload in between, in milliseconds. */
  readonly elapsedMs: number
  /** The share of failed requests, from 0 to 1, that was allowed beyond that of the neighbours. */
  readonly maxErrorRate: number
  readonly servers: readonly BakedServer[]
}

/** Fewer requests than this prove nothing. */
const MIN_REQUESTS = 20
/** A surplus of failures that chance does not explain, if it is judged again and again, and if it is judged once. */
const SURPLUS = { meanwhile: 10, atTheEnd: 5 }
/** The neighbours' rate is itself a matter of chance: this many standard deviations of it are allowed. */
const DEVIATIONS = 3

/** The share of requests that failed, from 0 to 1; 0 where there was none. */
export function errorRate({ requests, failed }: Load): number {
  return requests === 0 ? 0 : failed / requests
}

/**
 * Judges a server by its requests, beside those of its neighbours over the same time. A plain comparison of the shares
 * would raise a false alarm in most deploys, for it is made every second and the first requests are few.
 *
 * @param maxErrorRate the share of failures, from 0 to 1, that is allowed beyond that of the neighbours
 * @param isOver whether this is asked for the last time
 */
export function judgeTraffic(
  target: Load,
  neighbours: Load,
  maxErrorRate: number,
  isOver: boolean
): BakeVerdict {
  const { requests, failed } = target
  if (requests < MIN_REQUESTS) {
    return 'too few'
  }
  const rate = errorRate(neighbours)
  const surplus = failed - requests * Math.min(1, maxErrorRate + rate)
  const chance =
    rate === 0
      ? 0
      : Math.sqrt(requests * rate * (1 - rate) * (1 + requests / neighbours.requests)) * DEVIATIONS
  if (surplus >= Math.max(isOver ? SURPLUS.atTheEnd : SURPLUS.meanwhile, chance)) {
    return 'bad'
  }
  return surplus > 0 ? 'unclear' : 'well'
}
