import type { OutState } from '../haproxy/server.ts'
import { namesOf } from '../rotation/describe.ts'
import { formatDuration } from '../rotation/duration.ts'
import type { Plan } from '../rotation/plan.ts'
import type { Route } from '../rotation/route.ts'
import type { Target } from '../rotation/target.ts'

/** What a real run would do, after "A real run would". */
export function planInWords(plan: Plan): string {
  switch (plan.kind) {
    case 'command':
      return `request ${plan.command} for ${namesOf(plan.targets)}`
    case 'take out': {
      const out = takeOutInWords(plan.targets, plan.state)
      return plan.turnMs === undefined
        ? out
        : `wait for its turn for up to ${formatDuration(plan.turnMs)}, and then ${out}`
    }
    case 'bring back': {
      const watch = `, and then watch the traffic for ${formatDuration(plan.bakeMs)}`
      return returnInWords(plan.routes) + (plan.bakeMs > 0 ? watch : '')
    }
  }
}

function takeOutInWords(targets: readonly Target[], state: OutState): string {
  return targets.length === 0 ? 'change nothing' : `put ${namesOf(targets)} into ${state}`
}

const RETURNS: Readonly<Record<Route, (names: string) => string>> = {
  none: (names) => `leave ${names} alone`,
  ready: (names) => `make ${names} ready`,
  down: (names) => `make ${names} ready, for HAProxy to bring up once its health check passes`,
  release: (names) => `make ${names} ready without a fresh check, because no other server serves`,
  'fresh check': (names) => `bring ${names} back with a fresh health check`,
  'checks elsewhere': (names) =>
    `make ${names} ready once the health checks in the other backends have passed`
}

function returnInWords(routes: ReadonlyMap<Target, Route>): string {
  const groups = Map.groupBy([...routes.keys()], (target) => routes.get(target) ?? 'none')
  return groups.size === 1 && groups.has('none')
    ? 'change nothing'
    : [...groups].map(([route, targets]) => RETURNS[route](namesOf(targets))).join('; ')
}
