import { closestMatch } from 'leven'
import type { Snapshot } from '../haproxy/csv.ts'
import { HaproxyError } from '../haproxy/errors.ts'
import type { StatsPage } from '../haproxy/stats-page.ts'
import { settleAll } from './settle-all.ts'
import { retry } from './retry.ts'
import { Pool, type Target } from './pool.ts'
import type { Context } from './context.ts'

/** Which servers of which backends on which HAProxies. */
export interface Wanted {
  readonly pages: readonly StatsPage[]
  /** Names, or `every` for every backend that has one of the servers. */
  readonly backends: readonly string[] | 'every'
  readonly servers: readonly string[]
}

/**
 * Reads all pages at once and finds every target on every one of them.
 *
 * @throws HaproxyError `unknown-backend`, `unknown-server` that name everything that is missing and what
 *   there is instead; or the first page that could not be read, in the order of the pages
 */
export async function findPools(wanted: Wanted, context: Context): Promise<Pool[]> {
  const found = await settleAll(wanted.pages, (page) => findOnPage(page, wanted, context))
  const missing = found.flatMap((page) => page.missing)
  const [first] = missing
  if (first !== undefined) {
    throw new HaproxyError(first.problem, missing.map(({ message }) => message).join(' '), {
      advice: first.advice
    })
  }
  return found.flatMap(({ pools }) => pools)
}

interface Found {
  readonly pools: readonly Pool[]
  readonly missing: readonly HaproxyError[]
}

async function findOnPage(page: StatsPage, wanted: Wanted, context: Context): Promise<Found> {
  const look = (backend?: string): Promise<Snapshot> =>
    retry(() => page.look({ signal: context.cancelled }, backend), context)
  if (wanted.backends === 'every') {
    return findEverywhere(page, wanted.servers, await look())
  }
  const backends = await settleAll(wanted.backends, async (backend) => {
    const snapshot = await look(backend)
    if (!snapshot.proxies.get(backend)?.has('backend') && !hasServers(snapshot, backend)) {
      return { pools: [], missing: [noBackend(page, backend, await look())] }
    }
    return findInBackend(page, backend, wanted.servers, snapshot)
  })
  return {
    pools: backends.flatMap(({ pools }) => pools),
    missing: backends.flatMap((b) => b.missing)
  }
}

function findInBackend(
  page: StatsPage,
  backend: string,
  servers: readonly string[],
  snapshot: Snapshot
): Found {
  const names = namesIn(snapshot, backend)
  const missing = servers
    .filter((server) => !names.includes(server))
    .map((server) => {
      const what = `The backend ${backend} on ${page.name} has no server ${server}`
      const kind = /^(FRONTEND|BACKEND)$/.test(server) ? ' (that is a row for the whole proxy)' : ''
      return new HaproxyError(
        'unknown-server',
        `${what}${kind}; ${listOf('server', names, server)}`
      )
    })
  return { pools: [new Pool(page, backend, servers, snapshot)], missing }
}

function findEverywhere(page: StatsPage, servers: readonly string[], snapshot: Snapshot): Found {
  const backends = new Set(
    snapshot.servers.filter(({ name }) => servers.includes(name)).map(({ backend }) => backend)
  )
  const all = [...new Set(snapshot.servers.map(({ name }) => name))]
  const missing = servers
    .filter((server) => !all.includes(server))
    .map((server) => {
      const what = `No backend on ${page.name} has a server ${server}`
      return new HaproxyError('unknown-server', `${what}; ${listOf('server', all, server)}`)
    })
  return {
    pools: [...backends].map((backend) => new Pool(page, backend, servers, snapshot)),
    missing
  }
}

function noBackend(page: StatsPage, backend: string, everything: Snapshot): HaproxyError {
  const what = `The statistics page ${page.name} shows no backend ${backend}`
  if (everything.proxies.has(backend)) {
    return new HaproxyError('unknown-backend', `${what}: ${backend} is a frontend.`, {
      advice: 'Name the backend that the frontend sends its traffic to.'
    })
  }
  const names = [...everything.proxies]
    .filter(([, kinds]) => kinds.has('backend'))
    .map(([name]) => name)
  return new HaproxyError('unknown-backend', `${what}; ${listOf('backend', names, backend)}`)
}

/** At most this many names are listed, lest one error fill the log. */
const LISTED = 20

function listOf(kind: string, names: readonly string[], wanted: string): string {
  if (names.length === 0) {
    return `it shows no ${kind} at all.`
  }
  const nearest = closestTo(wanted, names)
  const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  const listed = names.slice(0, LISTED).join(', ')
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : ''
  return `there are the ${kind}s ${listed}${more}.${meant}`
}

/** The most similar name; capitals do not count, for a wrong one is the likeliest mistake. */
function closestTo(wanted: string, names: readonly string[]): string | undefined {
  const byLowerCase = new Map(names.map((name) => [name.toLowerCase(), name]))
  const nearest = closestMatch(wanted.toLowerCase(), [...byLowerCase.keys()], {
    maxDistance: Math.ceil(wanted.length / 2)
  })
  return nearest === undefined ? undefined : byLowerCase.get(nearest)
}

function namesIn({ servers }: Snapshot, backend: string): string[] {
  return servers.filter((server) => server.backend === backend).map(({ name }) => name)
}

function hasServers(snapshot: Snapshot, backend: string): boolean {
  return snapshot.servers.some((server) => server.backend === backend)
}

/**
 * Refuses targets whose status no known HAProxy writes: nothing that is said of them could be relied on.
 *
 * @throws HaproxyError `malformed`
 */
export function refuseUnknownStatus(targets: readonly Target[]): void {
  const unknown = targets.filter(({ before }) => before.word === undefined)
  if (unknown.length > 0) {
    const told = unknown.map(({ fullName, before }) => `${fullName} has "${before.status}"`)
    throw new HaproxyError(
      'malformed',
      `A status that HAProxy is not known to write: ${told.join('; ')}.`
    )
  }
}

/**
 * Refuses targets whose state cannot be changed, or not by naming them.
 *
 * @throws HaproxyError `undrivable` with the reason for each of them
 */
export function refuseUndrivable(targets: readonly Target[]): void {
  const reasons = targets.flatMap((target) => undrivable(target, targets) ?? [])
  if (reasons.length > 0) {
    throw new HaproxyError('undrivable', reasons.join(' '))
  }
}

function undrivable(target: Target, all: readonly Target[]): string | undefined {
  const { status, tracked } = target.before
  if (status === 'MAINT (resolution)') {
    return `${target.fullName} is ${status}: HAProxy cannot resolve its host name, and only DNS can end that (\`resolvers\` in haproxy.cfg).`
  }
  const follows = /^MAINT \(via (.*)\)$/.exec(status)?.[1]
  const led = all.some(({ name, pool }) => name === follows && pool.page === target.pool.page)
  if (follows !== undefined && !led) {
    return `${target.fullName} is ${status}: it follows ${tracked ?? follows}; name that server instead.`
  }
  return undefined
}
