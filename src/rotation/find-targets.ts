import type { Snapshot } from '../haproxy/csv.ts'
import { HaproxyError } from '../haproxy/errors.ts'
import type { Server } from '../haproxy/server.ts'
import { Backend } from './backend.ts'
import type { Instance } from './instance.ts'
import { settleAll } from './settle-all.ts'
import { addressHint, listOf, noBackend } from './unknown-names.ts'

/** What was found on one page, in one backend or in all of them. */
export interface FoundTargets {
  readonly backends: readonly Backend[]
  readonly missing: readonly HaproxyError[]
}

/**
 * Finds servers in backends that are named.
 *
 * @param look looks at one backend, or at the whole page
 */
export async function findInNamed(
  instance: Instance,
  names: readonly string[],
  servers: readonly string[] | 'every',
  look: (backend?: string) => Promise<Snapshot>
): Promise<FoundTargets> {
  const parts = await settleAll(names, async (name) => {
    const snapshot = await look(name)
    return isBackend(snapshot, name)
      ? findInBackend(instance, name, servers, snapshot)
      : { backends: [], missing: [noBackend(instance, name, servers, await look())] }
  })
  return {
    backends: parts.flatMap(({ backends }) => backends),
    missing: parts.flatMap(({ missing }) => missing)
  }
}

function findInBackend(
  instance: Instance,
  name: string,
  servers: readonly string[] | 'every',
  snapshot: Snapshot
): FoundTargets {
  const names = namesIn(snapshot, name)
  if (servers === 'every') {
    return names.length > 0
      ? { backends: [new Backend(instance, name, { targets: names }, snapshot)], missing: [] }
      : {
          backends: [],
          missing: [noServer(`The backend ${name} on ${instance.name} has no server`)]
        }
  }
  const missing = servers
    .filter((server) => !names.includes(server))
    .map((server) => {
      const kind = /^(FRONTEND|BACKEND)$/.test(server) ? ' (that is a row for the whole proxy)' : ''
      const what = `The backend ${name} on ${instance.name} has no server ${server}${kind}`
      return noSuchServer(
        what,
        server,
        snapshot.servers.filter(({ backend }) => backend === name)
      )
    })
  return {
    backends:
      missing.length > 0 ? [] : [new Backend(instance, name, { targets: servers }, snapshot)],
    missing
  }
}

/** Finds servers in every backend that has one of them. */
export function findInEvery(
  instance: Instance,
  servers: readonly string[] | 'every',
  snapshot: Snapshot
): FoundTargets {
  if (servers === 'every') {
    return findAll(instance, snapshot)
  }
  const found = snapshot.servers.filter(({ name }) => servers.includes(name))
  const missing = servers
    .filter((server) => !found.some(({ name }) => name === server))
    .map((server) => {
      const what = `No backend on ${instance.name} has a server ${server}`
      return noSuchServer(what, server, snapshot.servers)
    })
  return {
    backends: [...new Set(found.map(({ backend }) => backend))].map(
      (name) => new Backend(instance, name, { targets: servers }, snapshot)
    ),
    missing
  }
}

/** Finds every server of every backend; each backend gets its own rows only, for there may be thousands. */
function findAll(instance: Instance, snapshot: Snapshot): FoundTargets {
  const groups = Map.groupBy(snapshot.servers, ({ backend }) => backend)
  const backends = [...groups].map(([name, servers]) => {
    const targets = servers.map((server) => server.name)
    return new Backend(instance, name, { targets }, { ...snapshot, servers })
  })
  const missing = [noServer(`The statistics page ${instance.name} shows no server`)]
  return { backends, missing: backends.length > 0 ? [] : missing }
}

function noSuchServer(what: string, wanted: string, servers: readonly Server[]): HaproxyError {
  const names = [...new Set(servers.map(({ name }) => name))]
  const advice = addressHint(wanted, servers)
  return new HaproxyError('unknown-server', `${what}; ${listOf('server', names, wanted)}`, {
    ...(advice !== undefined && { advice })
  })
}

function noServer(what: string): HaproxyError {
  return new HaproxyError('unknown-server', `${what} at all.`, {
    advice: 'Is this the right page, and does no `stats scope` hide its backends?'
  })
}

function namesIn({ servers }: Snapshot, backend: string): string[] {
  return servers.filter((server) => server.backend === backend).map(({ name }) => name)
}

/** A backend that `stats scope` or a filter shows without its own row is one all the same. */
function isBackend(snapshot: Snapshot, name: string): boolean {
  return snapshot.proxies.get(name)?.has('backend') === true || namesIn(snapshot, name).length > 0
}
