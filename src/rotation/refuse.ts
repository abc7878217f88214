import { HaproxyError } from '../haproxy/errors.ts'
import { isInheritedMaint, isUnresolved } from '../haproxy/server.ts'
import { leaderOf } from './route.ts'
import type { Target } from './target.ts'

/** At most this many servers are named, for a look may be at thousands of them. */
const MAX_LISTED = 20

/**
 * Refuses targets whose status no known HAProxy writes: nothing that is said of them could be relied on.
 *
 * @throws HaproxyError `malformed`
 */
export function refuseUnknownStatus(targets: readonly Target[]): void {
  const unknown = targets.filter(({ before }) => before.word === undefined)
  if (unknown.length > 0) {
    const seen = unknown
      .slice(0, MAX_LISTED)
      .map(({ fullName, before }) => `${fullName} has "${before.status}"`)
    const more = unknown.length > MAX_LISTED ? ` and ${unknown.length - MAX_LISTED} more` : ''
    throw new HaproxyError(
      'malformed',
      `A status that HAProxy is not known to write: ${seen.join('; ')}${more}.`
    )
  }
}

/**
 * Refuses targets that cannot be brought back by naming them.
 *
 * @param canWait whether the step may wait until DNS resolves a name again
 * @throws HaproxyError `not-returnable` with the reason for each of them
 */
export function refuseIfNotReturnable(targets: readonly Target[], canWait: boolean): void {
  const reasons = targets.flatMap((target) => whyNotReturnable(target, targets, canWait) ?? [])
  if (reasons.length > 0) {
    throw new HaproxyError('not-returnable', reasons.join(' '))
  }
}

function whyNotReturnable(
  target: Target,
  all: readonly Target[],
  canWait: boolean
): string | undefined {
  const { fullName, before } = target
  const { status, tracked } = before
  if (isUnresolved(before)) {
    return canWait
      ? undefined
      : `${fullName} is ${status}: HAProxy cannot resolve its host name, and only DNS can end that (\`resolvers\` in haproxy.cfg).`
  }
  if (isInheritedMaint(before) && leaderOf(target, all) === undefined) {
    return `${fullName} is ${status}: it follows ${tracked ?? 'another server'}; name that server instead.`
  }
  return undefined
}
