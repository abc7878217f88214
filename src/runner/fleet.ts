import { HaproxyError } from '../haproxy/errors.ts'
import { isInheritedMaint, isUnresolved, type Server } from '../haproxy/server.ts'
import { count, seenAs, statesOf } from '../rotation/describe.ts'
import {
  countsOf,
  fitsInLine,
  troubleFirst,
  troubleInWords,
  troubleOf,
  troublesOf
} from '../rotation/fleet.ts'
import type { Target } from '../rotation/target.ts'
import { adviceFor } from './advice.ts'
import type { Inputs } from './inputs.ts'

/** At most this many servers are named one by one, in the log and in the summary. */
export const MAX_ROWS = 50

/** The states of what a step is about, in one line: a look may be at thousands of servers. */
export function statesInLine(inputs: Inputs, targets: readonly Target[]): string {
  if (!isLarge(inputs, targets)) {
    return statesOf(targets)
  }
  return troublesOf(targets).length > 0
    ? troubleInWords(targets)
    : `${count(targets.length, 'server')}, all up: ${countsOf(targets)}`
}

/** What a step is about, and a line for each server that is not up where the last line cannot name them all. */
export function foundInLines(inputs: Inputs, targets: readonly Target[]): string[] {
  const found = isLarge(inputs, targets)
    ? `${count(targets.length, 'server')}, ${countsOf(targets)}`
    : statesOf(targets)
  return [`Found: ${found}.`, ...troubleLines(inputs, targets)]
}

/** Whether the message of an error has the state of every server that matters. */
export function isOfFleet(error: unknown): boolean {
  return error instanceof HaproxyError && error.problem === 'not-all-up'
}

/** How things stand after a failure, and what to do about it. */
export function afterFailure(
  error: unknown,
  inputs: Inputs,
  targets: readonly Target[]
): readonly string[] {
  if (isOfFleet(error)) {
    return [adviceForFleet(targets)]
  }
  return [
    hasStates(error, targets) ? '' : `Now ${statesInLine(inputs, targets)}.`,
    adviceFor(error, inputs)
  ]
}

/** Whether an error says the state of every target already, in the same words. */
function hasStates(error: unknown, targets: readonly Target[]): boolean {
  const message = error instanceof Error ? error.message : ''
  const isNotUp = error instanceof HaproxyError && error.problem === 'not-up'
  return targets.every((target) => {
    const { change, fullName, isKnown } = target
    // That it was asked for ready is what a message about servers that are not up is about.
    const isPlain = isNotUp && isKnown && !change.isRolledBack && change.isUncertain !== true
    const state = isPlain ? `${fullName} is ${seenAs(target)}` : statesOf([target])
    const asked = `${fullName} was asked for ${change.state ?? ''} and is ${seenAs(target)}`
    return [';', ':', '.', ', and ', ', its ', ', slowstart '].some(
      (end) => message.includes(`${state}${end}`) || (isKnown && message.includes(`${asked}${end}`))
    )
  })
}

function isLarge({ action }: Inputs, targets: readonly Target[]): boolean {
  return action === 'status' && targets.length > MAX_ROWS
}

function troubleLines(inputs: Inputs, targets: readonly Target[]): string[] {
  const troubles = troublesOf(targets)
  const areCounted = inputs.expect !== undefined || isLarge(inputs, targets)
  if (!areCounted || fitsInLine(troubles)) {
    return []
  }
  const more = troubles.length - MAX_ROWS
  return [
    ...troubles.slice(0, MAX_ROWS).map((trouble) => `${trouble}.`),
    ...(more > 0 ? [`And ${count(more, 'more server')} not up.`] : [])
  ]
}

/** That every server is up, and how many in which backends. */
export function allUpInWords(targets: readonly Target[]): string {
  const all = targets.length === 1 ? 'The server is' : `All ${targets.length} servers are`
  return `${all} up: ${countsOf(targets)}.`
}

function adviceForFleet(targets: readonly Target[]): string {
  const seen = new Set(troubleFirst(targets).map(({ now }) => adviceForServer(now)))
  return [...seen].join(' ').trim()
}

function adviceForServer(server: Server): string {
  if (isUnresolved(server)) {
    return 'HAProxy cannot resolve a host name: only DNS can end MAINT (resolution).'
  }
  if (isInheritedMaint(server)) {
    return 'One in MAINT (via …) comes back with the server that it follows.'
  }
  switch (troubleOf(server)) {
    case 'MAINT':
    case 'DRAIN':
      return 'Servers in MAINT or DRAIN may have been forgotten: action: ready brings them back.'
    case 'DOWN':
    case 'NOLB':
    case 'partial health':
      return 'HAProxy brings a server up by itself once its health check passes: look at its application.'
    case 'weight 0':
      return 'A weight of 0 is given by haproxy.cfg, by an agent, or by somebody over the runtime API.'
    case 'slowstart':
      return 'Slowstart ends by itself: run the step again.'
    case undefined:
      return ''
  }
}
