import { HaproxyError } from '../haproxy/errors.ts'
import { isUp, type Server, takesTraffic } from '../haproxy/server.ts'
import type { Backend } from './backend.ts'
import { count } from './describe.ts'
import { formatDuration } from './duration.ts'
import { canBeMet, type MinUp, requiredIn, requirementOf } from './min-up.ts'
import { ROUNDING_MS } from './seen-process.ts'
import type { Target } from './target.ts'

/**
 * Backends that would lose something: where a server that now takes traffic is to be taken out, or follows one
 * that is. A target that is not serving takes nothing away.
 */
export function backendsAtStake(backends: readonly Backend[]): Backend[] {
  return backends.filter(({ targets, followers }) =>
    [...targets, ...followers].some(({ before }) => takesTraffic(before))
  )
}

/** Those of some backends in which too few others serve. */
export function shortOf(backends: readonly Backend[], minUp: MinUp): Backend[] {
  return backends.filter((backend) => servingIn(backend).length < requiredIn(backend, minUp))
}

/**
 * Checks that enough other servers of each backend serve at their full weight, backups included, by what was last
 * seen of them.
 *
 * @throws HaproxyError `guard-refused` that lists who was counted, and who was not and why
 */
export function guard(backends: readonly Backend[], minUp: MinUp): void {
  const short = shortOf(backends, minUp)
  if (short.length > 0) {
    throw tooFewServe(short, minUp)
  }
}

/** The error of backends in which too few others serve. */
export function tooFewServe(short: readonly Backend[], minUp: MinUp): HaproxyError {
  const reasons = short.map((backend) => whyRefused(backend, minUp)).join(' ')
  return new HaproxyError('guard-refused', reasons, {
    ...(!short.every((backend) => canBeMet(backend, minUp)) && {
      advice: 'Add a server, or name fewer at a time.'
    })
  })
}

/** Why a target that takes traffic cannot be taken out; undefined where enough others serve. */
export function whyNeeded({ now, backend }: Target, minUp: MinUp): string | undefined {
  const short = takesTraffic(now) ? shortOf([backend], minUp) : []
  return short.length > 0 ? tooFewServe(short, minUp).message : undefined
}

/** The servers of a backend that serve at their full weight and stay where they are. */
export function servingIn(backend: Backend): Server[] {
  return backend.others.filter((server) => isUp(server) || isYetToBeChecked(server, backend))
}

/** The servers of a backend that stay where they are, and do not serve at their full weight. */
export function notServingIn(backend: Backend): Server[] {
  const serving = servingIn(backend)
  return backend.others.filter((server) => !serving.includes(server))
}

function whyRefused(backend: Backend, minUp: MinUp): string {
  const leaving = [...backend.targets, ...backend.followers].map(({ before }) => before.name)
  const serving = servingIn(backend)
  const counted = serving.length > 0 ? ` (${serving.map(({ name }) => name).join(', ')})` : ''
  const not = notServingIn(backend).map(whyNotServing)
  return (
    `Without ${leaving.join(', ')} the backend ${backend.fullName} would have ` +
    `${count(serving.length, 'serving server')}${counted}, and needs ${requirementOf(backend, minUp)}; ` +
    (not.length > 0
      ? `not counted: ${not.join(', ')}.`
      : `it has no ${serving.length > 0 ? 'further' : 'other'} servers.`)
  )
}

/**
 * After a reload every server with a check shows partial health until its first check has come to a verdict
 * (docs/haproxy-facts.md, "Reloads"). Until then it counts as it did before; one that was brought back since does
 * not.
 */
function isYetToBeChecked(server: Server, { instance, seenAt }: Backend): boolean {
  const { unchecked, throttle, secondsInState } = server
  if (instance.process === undefined || secondsInState === undefined) {
    return false
  }
  const uptime = seenAt - instance.process.startedAt
  const isSinceStart = uptime - secondsInState * 1_000 <= ROUNDING_MS
  return takesTraffic(server) && throttle === undefined && unchecked && isSinceStart
}

function whyNotServing({ name, status, word, weight, throttle, secondsInState }: Server): string {
  const weightNow =
    weight === 0 ? ', weight 0' : throttle === undefined ? '' : `, ${throttle} % of its weight`
  // From 2.8 on `drain` leaves this as it is (docs/haproxy-facts.md, "Who did it").
  const isTimed =
    secondsInState !== undefined && secondsInState > 0 && (word === 'DOWN' || word === 'MAINT')
  const time = isTimed ? ` for ${formatDuration(secondsInState * 1_000)}` : ''
  return `${name} (${status}${time}${weightNow})`
}
