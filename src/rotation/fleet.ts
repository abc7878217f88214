import { HaproxyError } from '../haproxy/errors.ts'
import { isUp, type Server } from '../haproxy/server.ts'
import { backendsOf, instancesOf } from './backend.ts'
import { count, whyNotUp } from './describe.ts'
import { formatAge } from './duration.ts'
import type { Target } from './target.ts'

/** Why a server is not up; the order is that in which somebody should look at them. */
const TROUBLES = [
  'DOWN',
  'MAINT',
  'DRAIN',
  'NOLB',
  'partial health',
  'weight 0',
  'slowstart'
] as const
type Trouble = (typeof TROUBLES)[number]

/** Why a server is not up, or undefined for one that is. */
export function troubleOf(server: Server): Trouble | undefined {
  const { status, word, weight } = server
  if (isUp(server)) {
    return undefined
  }
  switch (word) {
    case 'DOWN':
    case 'MAINT':
    case 'DRAIN':
    case 'NOLB':
      return word
    case 'UP':
    case 'no check':
    case undefined:
      if (status !== 'UP' && status !== 'no check') {
        return 'partial health'
      }
      return weight === 0 ? 'weight 0' : 'slowstart'
  }
}

/** The same targets, those that are not up first. */
export function troubleFirst(targets: readonly Target[]): Target[] {
  const rank = ({ now }: Target): number => {
    const trouble = troubleOf(now)
    return trouble === undefined ? TROUBLES.length : TROUBLES.indexOf(trouble)
  }
  return targets.toSorted((one, other) => rank(one) - rank(other))
}

/** A sentence without its full stop for every target that is not up: what it is, for how long, and why. */
export function troublesOf(targets: readonly Target[]): string[] {
  const isOnSeveral = instancesOf(backendsOf(targets)).length > 1
  return troubleFirst(targets.filter(({ now }) => !isUp(now))).map((target) => {
    const { name, fullName, now } = target
    return `${isOnSeveral ? fullName : name} is ${stateInWords(now)}`
  })
}

/** What a server is; of one that is not up also for how long, and why. */
export function stateInWords(server: Server): string {
  return isUp(server) ? server.status : `${statusOf(server)}${whyNotUp(server)}`
}

/**
 * A status and how long it has lasted. Partial health does not reset `lastchg`, nor does a drain from 2.8 on, nor the
 * maint of a server that was down (docs/haproxy-facts.md, "Who did it"): such a status may be younger.
 */
function statusOf(server: Server): string {
  const { status, word, throttle, secondsInState } = server
  const shown = status === 'no check' ? 'ready (no check)' : status
  if (secondsInState === undefined) {
    return shown
  }
  const isExact = word === 'DOWN' || throttle !== undefined
  return `${shown} for ${formatAge(secondsInState)}${isExact ? '' : ' at most'}`
}

/** At most this many backends of one HAProxy are counted one by one. */
const MAX_BACKENDS = 20

/** How many targets there are in each backend, and how many of them are not up: `8 in web (2 not up), 4 in api`. */
export function countsOf(targets: readonly Target[]): string {
  const groups = Map.groupBy(targets, ({ backend }) => backend.instance)
  const counts = [...groups].map(([{ name }, on]) => {
    const backends = [...Map.groupBy(on, ({ backend }) => backend.name)]
      .map(([backend, those]) => ({ backend, all: those.length, notUp: notUpIn(those) }))
      .toSorted((one, other) => Number(other.notUp > 0) - Number(one.notUp > 0))
    const each = backends
      .slice(0, MAX_BACKENDS)
      .map(({ backend, all, notUp }) => countIn(all, notUp, backend))
    const rest = backends.slice(MAX_BACKENDS)
    if (rest.length > 0) {
      const sum = (amounts: readonly number[]): number => amounts.reduce((all, one) => all + one, 0)
      const [all, notUp] = [sum(rest.map((one) => one.all)), sum(rest.map((one) => one.notUp))]
      each.push(countIn(all, notUp, count(rest.length, 'other backend')))
    }
    return `${each.join(', ')}${groups.size > 1 ? ` on ${name}` : ''}`
  })
  return counts.join(' and ')
}

function countIn(all: number, notUp: number, where: string): string {
  return `${all} in ${where}${notUp > 0 ? ` (${notUp} not up)` : ''}`
}

function notUpIn(targets: readonly Target[]): number {
  return targets.filter(({ now }) => !isUp(now)).length
}

/** In characters; what shows the message of an error may cut a longer one. */
const MAX_LINE_LENGTH = 2_000

/** Whether some sentences fit into one line. */
export function fitsInLine(sentences: readonly string[]): boolean {
  return sentences.join('; ').length <= MAX_LINE_LENGTH
}

/** What is wrong with a fleet: every server that is not up where a line can hold them, else how many in which backends. */
export function troubleInWords(targets: readonly Target[]): string {
  const troubles = troublesOf(targets)
  const what = fitsInLine(troubles) ? troubles.join('; ') : countsOf(targets)
  return `${troubles.length} of ${count(targets.length, 'server')} not up: ${what}`
}

/**
 * Refuses a fleet in which a server is not up.
 *
 * @throws HaproxyError `not-all-up`
 */
export function refuseIfNotAllUp(targets: readonly Target[]): void {
  if (notUpIn(targets) > 0) {
    throw new HaproxyError('not-all-up', `${troubleInWords(targets)}.`)
  }
}
