import { type Server, takesTraffic } from '../haproxy/server.ts'
import { type Backend, targetsOf } from './backend.ts'
import { Counting } from './bake-traffic.ts'
import { type BakedServer, judgeTraffic } from './bake-verdict.ts'

/** What is counted of one server, over all HAProxies, and of its neighbours. */
interface Count {
  readonly target: Counting
  readonly neighbours: Counting
}

/** The time over which servers are judged: each by the sum over the HAProxies, beside its neighbours. */
export class BakeWindow {
  /** When it began, on the run's clock, in milliseconds. */
  readonly beganAt: number
  readonly #backends: readonly Backend[]
  readonly #counts: ReadonlyMap<string, Count>
  /** Every server as the look before showed it. */
  readonly #last = new Map<Backend, readonly Server[]>()

  constructor(backends: readonly Backend[], beganAt: number) {
    this.#backends = backends
    this.beganAt = beganAt
    this.#counts = new Map(
      targetsOf(backends).map(({ name }) => [
        name,
        { target: new Counting(), neighbours: new Counting() }
      ])
    )
    backends.forEach((backend) => this.#last.set(backend, backend.servers))
  }

  /** Adds what a look showed of some backends. */
  add(seen: readonly Backend[]): void {
    for (const backend of seen) {
      const last = this.#last.get(backend) ?? []
      for (const { name, now } of backend.targets) {
        const before = last.find((server) => server.name === now.name)
        const count = this.#counts.get(name)
        if (before !== undefined && count !== undefined) {
          count.target.add(before, now)
          addNeighbours(count.neighbours, last, backend)
        }
      }
      this.#last.set(backend, backend.servers)
    }
    const at = Math.max(this.beganAt, ...seen.map(({ seenAt }) => seenAt))
    for (const [name, { target, neighbours }] of this.#counts) {
      const backends = this.#backends.filter(({ targets }) =>
        targets.some((each) => each.name === name)
      )
      target.looked(at)
      neighbours.looked(at, sessionsOf(backends.flatMap(({ others }) => others)))
    }
  }

  /** Judges every server by what was counted so far. */
  judge(maxErrorRate: number, isOver: boolean): BakedServer[] {
    return [...this.#counts].map(([name, count]) => {
      const traffic = count.target.traffic(count.neighbours.inProgressPerRequest)
      const neighbours = count.neighbours.traffic()
      return {
        name,
        traffic,
        neighbours,
        verdict: judgeTraffic(traffic, neighbours, maxErrorRate, isOver),
        missing: this.#missingOf(name)
      }
    })
  }

  /** In TCP mode no column of answers is filled. */
  #missingOf(name: string): string[] {
    const counters = targetsOf(this.#backends)
      .filter((target) => target.name === name)
      .map(({ now }) => now.counters)
    const needed = ['wretr', 'wredis', 'econ', 'eresp', 'hrsp_5xx'] as const
    return needed.filter((column) => counters.some((each) => each[column] === undefined))
  }
}

function sessionsOf(servers: readonly Server[]): number {
  return servers.filter(takesTraffic).reduce((sum, { sessions }) => sum + sessions, 0)
}

/** A server that has come or gone since the look before is no neighbour of that time. */
function addNeighbours(neighbours: Counting, last: readonly Server[], { others }: Backend): void {
  for (const now of others.filter(takesTraffic)) {
    const before = last.find(({ name }) => name === now.name)
    if (before !== undefined && takesTraffic(before)) {
      neighbours.add(before, now)
    }
  }
}
