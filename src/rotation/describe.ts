import { type Server, shownAdminState } from '../haproxy/server.ts'
import type { Target } from './target.ts'

/** Names of targets in one phrase: `web/node1, web/node2 on http://lb/admin`. */
export function namesOf(targets: readonly Target[]): string {
  const instances = Map.groupBy(targets, ({ backend }) => backend.instance.name)
  return [...instances]
    .map(([instance, on]) => `${on.map(({ name }) => name).join(', ')} on ${instance}`)
    .join(' and ')
}

/** What a target was last seen to be: `MAINT with 3 sessions, 1 queued`. */
export function seenAs({ now }: Target): string {
  const sessions = now.sessions > 0 ? [count(now.sessions, 'session')] : []
  const queue = now.queue > 0 ? [`${now.queue} queued`] : []
  const load = [...sessions, ...queue].join(', ')
  const status = now.status === 'no check' ? 'ready (no check)' : now.status
  return load === '' ? status : `${status} with ${load}`
}

/** Why a server is not up, to follow its status. A check that has passed is named only where health is not full. */
export function whyNotUp(server: Server): string {
  const { check, checkFailed, status, throttle, unchecked, weight, word } = server
  const isPlain = status === 'UP' || status === 'no check' || word === 'DRAIN'
  return [
    ...(weight === 0 ? [', its weight is 0, so load balancing sends it nobody'] : []),
    ...(throttle === undefined ? [] : [`, slowstart gives it ${throttle} % of its weight`]),
    ...(check !== '' && (checkFailed || unchecked || !isPlain) ? [lastCheck(check)] : [])
  ].join('')
}

/** What its last check says, to follow what a server is. */
export function lastCheck(check: string): string {
  return `, its last check says ${check}`
}

/** What a target that is not up was last seen to be, and why it is not up. */
export function notUpInWords(target: Target): string {
  return `${target.fullName} is ${seenAs(target)}${whyNotUp(target.now)}`
}

/**
 * The state that every target is in, in as few sentences as it takes: targets in the same state are named
 * together. An unknown state is called unknown.
 */
export function statesOf(targets: readonly Target[]): string {
  const states = Map.groupBy(targets, (target) => {
    if (target.isKnown) {
      return `${seenAs(target)}${hidden(target)}${target.change.isRolledBack ? ' (rolled back)' : ''}`
    }
    return `in an unknown state (${askedFor(target)}last seen ${seenAs(target)})`
  })
  return [...states]
    .map(([state, those]) => `${namesOf(those)} ${those.length === 1 ? 'is' : 'are'} ${state}`)
    .join('; ')
}

function askedFor({ change }: Target): string {
  return change.state === undefined ? '' : `asked for ${change.state}, `
}

/** The admin state that this run asked for, where a status such as `DOWN` hides it. */
function hidden({ change, now }: Target): string {
  if (change.state === undefined || change.isRolledBack || shownAdminState(now) !== undefined) {
    return ''
  }
  return `, ${change.isUncertain === true ? 'perhaps' : 'asked for'} ${change.state}`
}

/** `1 session`, `2 sessions`. */
export function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? '' : 's'}`
}
