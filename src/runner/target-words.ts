import { isOutOfRotation } from '../haproxy/server.ts'
import { lastCheck, namesOf, seenAs } from '../rotation/describe.ts'
import { type Target, wasTouched } from '../rotation/target.ts'

/** A server that was ready already was not checked anew. */
export function takenAsFound(targets: readonly Target[]): string {
  const found = targets.filter((target) => !wasTouched(target))
  const which = found.length === targets.length ? '' : `: ${namesOf(found)}`
  return found.length > 0 ? ` Already up, so not checked again${which}.` : ''
}

/** How a target is spoken of while it is waited for; sessions count only where they are to end. */
export function progressOf(target: Target): string {
  const { now } = target
  const seen = isOutOfRotation(now) ? seenAs(target) : now.status
  return `${seen}${now.checkFailed ? lastCheck(now.check) : ''}`
}
