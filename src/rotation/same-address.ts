import type { Snapshot } from '../haproxy/csv.ts'
import { HaproxyError } from '../haproxy/errors.ts'
import { isReachable, mayComeUp, type Server } from '../haproxy/server.ts'
import type { Instance } from './instance.ts'

/** A server that was not named and may be the application of a target; by `backend/server` and its instance. */
export interface Other {
  readonly instance: Instance
  readonly server: Server
}

/** Which other servers lead to the applications of the targets, as far as the page shows it. */
export interface SharedAddresses {
  /** Servers that can be reached at the address of a target. */
  readonly same: readonly Other[]
  /** Servers at the address of a target that are down or not resolved, and may come up at any moment. */
  readonly down: readonly Other[]
  /** Servers that can be reached on the host of a target, on another port. */
  readonly otherPort: readonly Other[]
  /** Servers of a target's name that can be reached or may come up, of which the page does not show where. */
  readonly unknown: readonly Other[]
  /** Whether the page shows the address of every target. */
  readonly areShown: boolean
}

/**
 * Finds out who else uses the addresses of the targets on one instance.
 *
 * @param isLeaving whether a server is a target or follows one, and so leaves with it
 */
export function sharedAddresses(
  instance: Instance,
  { servers }: Snapshot,
  targets: readonly Server[],
  isLeaving: (server: Server) => boolean
): SharedAddresses {
  const others = servers.filter((server) => !isLeaving(server))
  const reachable = others.filter(isReachable)
  const down = others.filter((server) => !isReachable(server) && mayComeUp(server))
  const among = (
    some: readonly Server[],
    test: (other: Server, target: Server) => boolean
  ): Other[] =>
    some
      .filter((other) => targets.some((target) => test(other, target)))
      .map((server) => ({ instance, server }))
  return {
    same: among(reachable, isSameAddress),
    down: among(down, isSameAddress),
    otherPort: among(
      reachable,
      (other, target) =>
        isSameHost(other, target) &&
        !isSameAddress(other, target) &&
        // In the same backend another port is another copy of the application.
        other.backend !== target.backend
    ),
    unknown: among(
      [...reachable, ...down],
      (other, target) =>
        other.name === target.name && (other.address === undefined || target.address === undefined)
    ),
    areShown: targets.every(({ address }) => address !== undefined)
  }
}

/** What was found on several pages, as one. */
export function onAllPages(pages: readonly SharedAddresses[]): SharedAddresses {
  return {
    same: pages.flatMap(({ same }) => same),
    down: pages.flatMap(({ down }) => down),
    otherPort: pages.flatMap(({ otherPort }) => otherPort),
    unknown: pages.flatMap(({ unknown }) => unknown),
    areShown: pages.length > 0 && pages.every(({ areShown }) => areShown)
  }
}

function isSameAddress(one: Server, other: Server): boolean {
  return isSameHost(one, other) && one.address?.port === other.address?.port
}

function isSameHost(one: Server, other: Server): boolean {
  return one.address !== undefined && one.address.host === other.address?.host
}

/** Who may send users to the address of a target after this step. */
export function atSameAddress({ same, down }: SharedAddresses): Other[] {
  return [...same, ...down]
}

/** `backend/server on URL (UP)`, each once. */
export function describeOthers(others: readonly Other[]): string {
  const names = others.map(({ server, instance }) => {
    return `${server.backend}/${server.name} on ${instance.name} (${server.status})`
  })
  return [...new Set(names)].join(', ')
}

/** @throws HaproxyError `same-address` where another server leads to the application of a target */
export function refuseSharedAddresses({ same }: SharedAddresses): void {
  if (same.length > 0) {
    throw new HaproxyError(
      'same-address',
      `The same address is in use by servers that were not named: ${describeOthers(same)}.`
    )
  }
}
