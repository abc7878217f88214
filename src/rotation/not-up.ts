import { HaproxyError } from '../haproxy/errors.ts'
import { shownAdminState } from '../haproxy/server.ts'
import { namesOf, notUpInWords, seenAs } from './describe.ts'
import { formatDuration } from './duration.ts'
import type { BringBackOptions } from './options.ts'
import type { ReturnStages } from './return-stages.ts'
import type { Target } from './target.ts'
import { type WaitResult, whyNotMet } from './wait.ts'

/** The error of servers that could not be released in time. */
export function notReleased(stages: ReturnStages, timeoutMs: number): HaproxyError {
  const seen = stages.pending.map((target) => {
    const checking = target.now.checking ? ', and a health check of it is running' : ''
    return `${target.fullName} is ${seenAs(target)}${checking}${whyBlocked(target, stages)}`
  })
  const message = `Not released within ${formatDuration(timeoutMs)}: ${seen.join('; ')}.`
  return new HaproxyError('not-up', message)
}

function whyBlocked(target: Target, { blocked }: ReturnStages): string {
  const why = blocked.get(target)
  return why === undefined ? '' : `, and a reload put it into rotation unchecked (${why})`
}

/** What to do about a server that does not come up by itself. */
export const TRY_AGAIN = 'Look at the application and its health check, then ask for ready again.'

/** The error of servers that are not up in time. */
export function notUp(
  stages: ReturnStages,
  { wait: { timeoutMs }, onTimeout }: BringBackOptions,
  result: WaitResult
): HaproxyError {
  const down = stages.targets.filter(
    (target) => !stages.isBack(target) || stages.blocked.has(target)
  )
  const seen = down.map((target) => `${notUpInWords(target)}${whyBlocked(target, stages)}`)
  const released = down.filter(
    ({ change, now }) => change.state === 'ready' && shownAdminState(now) === undefined
  )
  // What is put back does not come up by itself.
  const advice =
    released.length > 0 && onTimeout !== 'restore'
      ? `HAProxy brings ${namesOf(released)} up by itself once its health check passes; to keep it out, ask for maint.`
      : TRY_AGAIN
  return new HaproxyError(
    'not-up',
    `Not up within ${formatDuration(timeoutMs)}: ${whyNotMet(seen, result)}`,
    { advice: result.failure?.advice ?? advice, cause: result.failure }
  )
}
