import { isUnresolved, type Server } from '../haproxy/server.ts'
import type { Backend } from './backend.ts'

/** How many other servers of a backend must serve: a number, a share of all its servers, or every other one. */
export type MinUp = number | `${number}%` | 'all'

/** How many other servers of this backend must serve; a share is rounded up. */
export function requiredIn(backend: Backend, minUp: MinUp): number {
  switch (minUp) {
    case 'all':
      return Math.max(1, countOf(backend.others))
    default:
      return typeof minUp === 'number'
        ? minUp
        : Math.ceil((countOf(backend.servers) * Number.parseInt(minUp)) / 100)
  }
}

/** Whether enough others are there at all, serving or not. */
export function canBeMet(backend: Backend, minUp: MinUp): boolean {
  return countOf(backend.others) >= requiredIn(backend, minUp)
}

/** What a backend needs, in words. */
export function requirementOf(backend: Backend, minUp: MinUp): string {
  const required = String(requiredIn(backend, minUp))
  switch (minUp) {
    case 'all':
      return `${required} (all others)`
    default:
      return typeof minUp === 'number'
        ? required
        : `${required} (${minUp} of ${countOf(backend.servers)})`
  }
}

/** A slot of a server-template that DNS has not filled is no server. */
function countOf(servers: readonly Server[]): number {
  return servers.filter((server) => !isUnresolved(server)).length
}
