import type { Context } from './context.ts'
import { leaderOf, type Route } from './route.ts'
import type { Target } from './target.ts'

/** Says which servers come back without a fresh check. */
export function announceReleases(routes: ReadonlyMap<Target, Route>, { log }: Context): void {
  for (const [target, route] of routes) {
    if (route === 'release') {
      log.notice(
        `${target.fullName} comes back without a fresh check: no other server of ${target.before.backend} serves, so its pinned clients would have nowhere to go.`,
        `${target.name}: no fresh check`
      )
    }
  }
}

/** Says what a green `ready` leaves open. */
export function announceGaps(routes: ReadonlyMap<Target, Route>, { log }: Context): void {
  const all = [...routes.keys()]
  for (const target of all) {
    const { status, tracked } = target.now
    if (status === 'no check') {
      log.notice(
        `${target.fullName} has no health check: HAProxy sends it traffic without knowing whether it is healthy.`,
        `${target.name}: no health check`
      )
    }
    if (
      tracked !== undefined &&
      routes.get(target) === 'ready' &&
      leaderOf(target, all) === undefined
    ) {
      log.notice(
        `${target.fullName} follows ${tracked} (track): this step did not have that server's health checked again.`,
        `${target.name}: follows another server`
      )
    }
  }
}
