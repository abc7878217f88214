import type { Snapshot } from '../haproxy/csv.ts'
import { HaproxyError } from '../haproxy/errors.ts'
import type { Server } from '../haproxy/server.ts'
import type { StatsPage } from '../haproxy/stats-page.ts'
import { Backend } from './backend.ts'
import type { Context } from './context.ts'
import { Instance } from './instance.ts'
import { retry } from './retry.ts'
import { type SharedAddresses, sharedAddresses } from './same-address.ts'
import { settleAll } from './settle-all.ts'
import { listOf, noBackend } from './unknown-names.ts'

/** Which servers of which backends on which HAProxies, and what must be known of them. */
export interface Wanted {
  readonly pages: readonly StatsPage[]
  /** Names, or `every` for every backend that has one of the servers. */
  readonly backends: readonly string[] | 'every'
  readonly servers: readonly string[]
  /** Whether to find out who follows them and who else uses their addresses, which takes the whole page. */
  readonly withOthers: boolean
  /** Whether to find out which process answers. */
  readonly withProcess: boolean
  /** Whether one host name must be one HAProxy, because something is to be changed. */
  readonly oneInstance: boolean
}

/** What was found. */
export interface Found {
  /** Every backend with a target, and every backend with a server that follows one. */
  readonly backends: readonly Backend[]
  readonly shared: SharedAddresses
}

/**
 * Looks at all instances at once and finds every target on every one of them.
 *
 * @throws HaproxyError `unknown-backend`, `unknown-server` that name everything that is missing and what
 *   there is instead; or the first page that could not be read, in the order of the pages
 */
export async function find(wanted: Wanted, context: Context): Promise<Found> {
  const found = await settleAll(wanted.pages, (page) => findOnPage(page, wanted, context))
  const missing = found.flatMap((page) => page.missing)
  const [first] = missing
  if (first !== undefined) {
    throw new HaproxyError(first.problem, missing.map(({ message }) => message).join(' '), {
      advice: first.advice
    })
  }
  return {
    backends: found.flatMap(({ backends }) => backends),
    shared: {
      same: found.flatMap(({ shared }) => shared?.same ?? []),
      down: found.flatMap(({ shared }) => shared?.down ?? []),
      otherPort: found.flatMap(({ shared }) => shared?.otherPort ?? []),
      unknown: found.flatMap(({ shared }) => shared?.unknown ?? []),
      areShown: found.every(({ shared }) => shared?.areShown === true)
    }
  }
}

/** What was found on one page, in one backend or in all of them. */
interface Part {
  readonly backends: readonly Backend[]
  readonly missing: readonly HaproxyError[]
  readonly shared?: SharedAddresses
}

async function findOnPage(page: StatsPage, wanted: Wanted, context: Context): Promise<Part> {
  const instance = await openInstance(page, wanted, context)
  const limits = { signal: context.cancelled }
  const look = (backend?: string): Promise<Snapshot> =>
    retry(() => instance.page.look(limits, backend), context)
  const found =
    wanted.withOthers || wanted.backends === 'every'
      ? look().then((snapshot) => findInSnapshot(instance, wanted, snapshot))
      : findByBackend(instance, wanted, wanted.backends, look)
  const identified = wanted.withProcess
    ? retry(() => instance.identify(limits), context)
    : Promise.resolve()
  await settleAll([found, identified], (work: Promise<unknown>) => work)
  return found
}

/** A host with several addresses of one family is read at one of them, so that the others can be compared. */
async function openInstance(
  page: StatsPage,
  { oneInstance }: Wanted,
  context: Context
): Promise<Instance> {
  const { clock, cancelled } = context
  if (!oneInstance) {
    return new Instance(page, clock)
  }
  const addresses = await retry(() => page.resolve({ signal: cancelled }), context)
  const families = Object.values(Object.groupBy(addresses, familyOf))
  const [first, ...others] = families.every((family = []) => family.length < 2) ? [] : addresses
  return first === undefined
    ? new Instance(page, clock)
    : new Instance(page.at(first), clock, others)
}

function familyOf(address: string): string {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

async function findByBackend(
  instance: Instance,
  { servers }: Wanted,
  names: readonly string[],
  look: (backend?: string) => Promise<Snapshot>
): Promise<Part> {
  const parts = await settleAll(names, async (name) => {
    const snapshot = await look(name)
    return isBackend(snapshot, name)
      ? findInBackend(instance, name, servers, snapshot)
      : { backends: [], missing: [noBackend(instance, name, await look())] }
  })
  return {
    backends: parts.flatMap(({ backends }) => backends),
    missing: parts.flatMap(({ missing }) => missing)
  }
}

function findInSnapshot(instance: Instance, wanted: Wanted, snapshot: Snapshot): Part {
  const { backends, missing } =
    wanted.backends === 'every'
      ? findInEveryBackend(instance, wanted.servers, snapshot)
      : findInBackends(instance, wanted.backends, wanted.servers, snapshot)
  return wanted.withOthers
    ? { missing, ...withFollowers(instance, backends, snapshot) }
    : { missing, backends }
}

function findInBackends(
  instance: Instance,
  names: readonly string[],
  servers: readonly string[],
  snapshot: Snapshot
): Part {
  const parts = names.map((name) =>
    isBackend(snapshot, name)
      ? findInBackend(instance, name, servers, snapshot)
      : { backends: [], missing: [noBackend(instance, name, snapshot)] }
  )
  return {
    backends: parts.flatMap(({ backends }) => backends),
    missing: parts.flatMap(({ missing }) => missing)
  }
}

function findInBackend(
  instance: Instance,
  name: string,
  servers: readonly string[],
  snapshot: Snapshot
): Part {
  const names = namesIn(snapshot, name)
  const missing = servers
    .filter((server) => !names.includes(server))
    .map((server) => {
      const kind = /^(FRONTEND|BACKEND)$/.test(server) ? ' (that is a row for the whole proxy)' : ''
      const what = `The backend ${name} on ${instance.name} has no server ${server}${kind}`
      return new HaproxyError('unknown-server', `${what}; ${listOf('server', names, server)}`)
    })
  return {
    backends:
      missing.length > 0 ? [] : [new Backend(instance, name, { targets: servers }, snapshot)],
    missing
  }
}

function findInEveryBackend(
  instance: Instance,
  servers: readonly string[],
  snapshot: Snapshot
): Part {
  const found = snapshot.servers.filter(({ name }) => servers.includes(name))
  const all = [...new Set(snapshot.servers.map(({ name }) => name))]
  const missing = servers
    .filter((server) => !found.some(({ name }) => name === server))
    .map((server) => {
      const what = `No backend on ${instance.name} has a server ${server}`
      return new HaproxyError('unknown-server', `${what}; ${listOf('server', all, server)}`)
    })
  return {
    backends: [...new Set(found.map(({ backend }) => backend))].map(
      (name) => new Backend(instance, name, { targets: servers }, snapshot)
    ),
    missing
  }
}

/** The same backends with the servers that follow their targets, and the backends that have only such. */
function withFollowers(
  instance: Instance,
  backends: readonly Backend[],
  snapshot: Snapshot
): Pick<Part, 'backends' | 'shared'> {
  const targets = backends.flatMap((backend) => backend.targets.map(({ before }) => before))
  const followers = followersOf(targets, snapshot.servers)
  const names = new Set([...targets, ...followers].map(({ backend }) => backend))
  const namesOf = (servers: readonly Server[], name: string): string[] =>
    servers.filter(({ backend }) => backend === name).map((server) => server.name)
  return {
    backends: [...names].map((name) => {
      const ofBackend = { targets: namesOf(targets, name), followers: namesOf(followers, name) }
      return new Backend(instance, name, ofBackend, snapshot)
    }),
    shared: sharedAddresses(
      instance,
      snapshot,
      targets,
      (server) => targets.includes(server) || followers.includes(server)
    )
  }
}

/** Servers that follow some others (`track`), over as many of them as it takes, and are none of them. */
function followersOf(leaders: readonly Server[], all: readonly Server[]): Server[] {
  const leaving = new Set(leaders)
  for (;;) {
    const names = new Set([...leaving].map(({ backend, name }) => `${backend}/${name}`))
    const more = all.filter((server) => names.has(server.tracked ?? '') && !leaving.has(server))
    if (more.length === 0) {
      return [...leaving].filter((server) => !leaders.includes(server))
    }
    more.forEach((server) => leaving.add(server))
  }
}

function namesIn({ servers }: Snapshot, backend: string): string[] {
  return servers.filter((server) => server.backend === backend).map(({ name }) => name)
}

/** A backend that `stats scope` or a filter shows without its own row is one all the same. */
function isBackend(snapshot: Snapshot, name: string): boolean {
  return snapshot.proxies.get(name)?.has('backend') === true || namesIn(snapshot, name).length > 0
}
