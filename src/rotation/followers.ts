import type { Snapshot } from '../haproxy/csv.ts'
import type { Server } from '../haproxy/server.ts'
import { Backend } from './backend.ts'
import type { Instance } from './instance.ts'
import { type SharedAddresses, sharedAddresses } from './same-address.ts'

/**
 * The same backends with the servers that follow their targets (`track`), the backends that have only such, and
 * who else uses the addresses.
 */
export function withFollowers(
  instance: Instance,
  backends: readonly Backend[],
  snapshot: Snapshot
): { readonly backends: readonly Backend[]; readonly shared: SharedAddresses } {
  const targets = backends.flatMap((backend) => backend.targets.map(({ before }) => before))
  const followers = findFollowers(targets, snapshot.servers)
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
function findFollowers(leaders: readonly Server[], all: readonly Server[]): Server[] {
  const leaving = new Set(leaders)
  for (;;) {
    const names = new Set([...leaving].map(({ backend, name }) => `${backend}/${name}`))
    const more = all.filter(
      (server) => server.tracked !== undefined && names.has(server.tracked) && !leaving.has(server)
    )
    if (more.length === 0) {
      return [...leaving].filter((server) => !leaders.includes(server))
    }
    more.forEach((server) => leaving.add(server))
  }
}
