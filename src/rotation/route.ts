import { isUp, type Server, shownAdminState } from '../haproxy/server.ts'
import type { Target } from './target.ts'

/**
 * How a server comes back: it is back already; it is asked to be ready; it is down, and asked to be ready as soon
 * as it is well; its drain is ended with the health that it has; it passes its health check anew first; or it has
 * none and waits for those that it has elsewhere.
 */
export type Route = 'none' | 'ready' | 'down' | 'release' | 'fresh check' | 'checks elsewhere'

/** What decides on the route. */
interface Routing {
  /** Whether a server with a health check is to pass it anew before HAProxy sends it anyone. */
  readonly freshCheck: boolean
  /** Whether the step waits, so that one server can wait for another. */
  readonly canWait: boolean
}

/**
 * The route of one target.
 *
 * `hdown` would keep a server without a check of its own down for ever, and would leave the pinned clients of a
 * server in drain nowhere to go where no other one serves (docs/haproxy-facts.md, "A fresh health check"). A server
 * that is `DOWN` must pass its check in any case.
 */
export function routeOf(target: Target, all: readonly Target[], routing: Routing): Route {
  const { before, backend } = target
  const shown = shownAdminState(before)
  if (shown === 'ready') {
    return 'none'
  }
  if (!routing.freshCheck || before.tracked !== undefined) {
    return 'ready'
  }
  if (!before.hasCheck) {
    return routing.canWait && checkedElsewhere(target, all).length > 0
      ? 'checks elsewhere'
      : 'ready'
  }
  if (shown === undefined) {
    return 'down'
  }
  // One that slowstart still holds back can serve the pinned clients, too.
  const isAlone = !backend.servers.some((server) => isUp({ ...server, throttle: undefined }))
  return shown === 'drain' && isAlone ? 'release' : 'fresh check'
}

/** The same server in other backends, where it has a health check. */
export function checkedElsewhere({ before }: Target, all: readonly Target[]): Target[] {
  return all.filter((other) => other.before.name === before.name && other.before.hasCheck)
}

/** The target that a server follows (`track`), if it is one. */
export function leaderOf(target: Target, all: readonly Target[]): Target | undefined {
  const { tracked }: Server = target.now
  return all.find(
    ({ name, backend }) => name === tracked && backend.instance === target.backend.instance
  )
}
