import type { Context } from './context.ts'
import { followsAnother, noFreshCheck, noHealthCheck } from './log-lines.ts'
import { leaderOf, type Route } from './route.ts'
import type { Target } from './target.ts'

/** Says which servers come back without a fresh check. */
export function announceReleases(routes: ReadonlyMap<Target, Route>, { log }: Context): void {
  for (const [target, route] of routes) {
    if (route === 'release') {
      log.notice(...noFreshCheck(target))
    }
  }
}

/** Says what a green `ready` leaves open. */
export function announceGaps(routes: ReadonlyMap<Target, Route>, { log }: Context): void {
  const all = [...routes.keys()]
  for (const target of all) {
    const { status, tracked } = target.now
    if (status === 'no check') {
      log.notice(...noHealthCheck(target))
    }
    if (
      tracked !== undefined &&
      routes.get(target) === 'ready' &&
      leaderOf(target, all) === undefined
    ) {
      log.notice(...followsAnother(target, tracked))
    }
  }
}
