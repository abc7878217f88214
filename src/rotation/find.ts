import { isIPv6 } from 'node:net'
import type { Snapshot } from '../haproxy/csv.ts'
import { HaproxyError } from '../haproxy/errors.ts'
import type { StatsPage } from '../haproxy/stats-page.ts'
import type { Backend } from './backend.ts'
import type { Context } from './context.ts'
import { findInEvery, findInNamed, type FoundTargets } from './find-targets.ts'
import { withFollowers } from './followers.ts'
import { Instance } from './instance.ts'
import { retry } from './retry.ts'
import { onAllPages, type SharedAddresses } from './same-address.ts'
import { settleAll } from './settle-all.ts'

/** Which servers of which backends on which HAProxies, and what must be known of them. */
export interface FindOptions {
  readonly pages: readonly StatsPage[]
  /** Names, or `every` for every backend that has one of the servers. */
  readonly backends: readonly string[] | 'every'
  /** Names, or `every` for every server of the backends. */
  readonly servers: readonly string[] | 'every'
  /** Whether to find out who follows them and who else uses their addresses, which takes the whole page. */
  readonly withOthers: boolean
  /** How often to ask which process answers: twice where no effect can prove that only one does. */
  readonly processLooks: 0 | 1 | 2
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
export async function find(wanted: FindOptions, context: Context): Promise<Found> {
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
    shared: onAllPages(found.flatMap(({ shared }) => shared ?? []))
  }
}

interface FoundOnPage extends FoundTargets {
  readonly shared?: SharedAddresses
}

async function findOnPage(
  page: StatsPage,
  wanted: FindOptions,
  context: Context
): Promise<FoundOnPage> {
  const instance = await openInstance(page, wanted, context)
  const limits = { signal: context.cancelled }
  const look = (backend?: string): Promise<Snapshot> =>
    retry(() => instance.page.look(limits, backend), context)
  const found =
    wanted.withOthers || wanted.backends === 'every'
      ? look().then((snapshot) => findInSnapshot(instance, wanted, snapshot))
      : findInNamed(instance, wanted.backends, wanted.servers, look)
  const identified = retry(() => instance.identify(limits, wanted.processLooks), context)
  await settleAll([found, identified], (work: Promise<unknown>) => work)
  return found
}

/** A host with several addresses of one family is read at one of them, so that the others can be compared. */
async function openInstance(
  page: StatsPage,
  { oneInstance }: FindOptions,
  context: Context
): Promise<Instance> {
  const { clock, cancelled } = context
  if (!oneInstance) {
    return new Instance(page, clock)
  }
  const addresses = await retry(() => page.resolve({ signal: cancelled }), context)
  const families = [...Map.groupBy(addresses, isIPv6).values()]
  const [first, ...others] = families.every(({ length }) => length < 2) ? [] : addresses
  return first === undefined
    ? new Instance(page, clock)
    : new Instance(page.at(first), clock, others)
}

async function findInSnapshot(
  instance: Instance,
  { backends: names, servers, withOthers }: FindOptions,
  snapshot: Snapshot
): Promise<FoundOnPage> {
  const found =
    names === 'every'
      ? findInEvery(instance, servers, snapshot)
      : await findInNamed(instance, names, servers, () => Promise.resolve(snapshot))
  return withOthers ? { ...found, ...withFollowers(instance, found.backends, snapshot) } : found
}
