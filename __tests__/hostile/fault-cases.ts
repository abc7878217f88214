import { type FaultPlan, type RecordedRequest } from '../support/middleman.ts'
import { FAULTS, type HostileFault, REQUEST_TIMEOUT } from './fault-list.ts'

/** The requests of a run that can be told apart beforehand. */
const PLACES = {
  status: ['look'],
  drain: ['look', 'change', 'read-back', 'wait'],
  maint: ['look', 'change', 'read-back', 'wait'],
  ready: ['look', 'change', 'read-back', 'wait', 'second change', 'look after it'],
  shutdown: ['look', 'change', 'read-back'],
  dhlth: ['look', 'change', 'read-back']
} as const

export type HostileAction = keyof typeof PLACES
export const ACTIONS = Object.keys(PLACES) as HostileAction[]
export type Place = (typeof PLACES)['ready'][number]

/** One run with one fault at one of its requests. */
export interface Case {
  readonly fault: HostileFault
  readonly action: HostileAction
  readonly place: Place
  /** Whether it comes once, or from there on for ever. */
  readonly times: 'once' | 'for ever'
  /** Whether a session is held on the server for the whole run. */
  readonly held: boolean
}

/** For a wait that cannot end well. */
const SHORT_WAIT = 2_000
/**
 * For one that can, which ends as soon as it does. Where a retry keeps the product from seeing the server's
 * health on its way, it watches for five seconds more before it believes it (design 5.4).
 */
const LONG_WAIT = 12_000
/** For a new process on a machine that has other things to do. */
const ALLOWANCE = 5_000
/** How often one request is made, and the pauses between that (src/rotation/retry.ts). */
const ATTEMPTS = 4
const PAUSES = 250 + 1_000 + 2_500
/** The last look of a run that ends red. */
const LAST_LOOK = 500

/** Every case of one fault. */
export function casesOf(fault: HostileFault): Case[] {
  return ACTIONS.flatMap((action) =>
    PLACES[action].flatMap((place) => {
      const isChange = place.endsWith('change')
      if (fault.spoils === (isChange ? 'reads' : 'changes')) return []
      const held = isHeld(action, place)
      const times = timesOf(fault, action, place)
      return times.map((time): Case => ({ fault, action, place, times: time, held }))
    })
  )
}

/**
 * Drain and maint can only be falsely green where a session runs on the server; where it would keep a true
 * green from being seen it does not run. Shutdown needs one to kill.
 */
function isHeld(action: HostileAction, place: Place): boolean {
  switch (action) {
    case 'shutdown':
      return true
    case 'drain':
      return place === 'wait'
    case 'maint':
      return place === 'change' || place === 'read-back'
    case 'status':
    case 'ready':
    case 'dhlth':
      return false
  }
}

const EVERYWHERE = process.env['FAULTS'] === 'all'

function timesOf(fault: HostileFault, action: HostileAction, place: Place): Case['times'][] {
  if (fault.isAlike && !EVERYWHERE) {
    return place === 'read-back' || place === 'look after it' ? [] : ['for ever']
  }
  // A run that ends with the first look that such a fault spoils never meets it again.
  if (place === 'look' && fault.nature !== 'passes') return ['for ever']
  // The same code as that of shutdown, apart from the change itself.
  if (action === 'dhlth' && place !== 'change') return ['once']
  return ['once', 'for ever']
}

/** How a case must end; `either` where the product may try again but has not promised to. */
export function endOf({ fault, action, place, times, held }: Case): 'green' | 'red' | 'either' {
  if (held && action !== 'shutdown') return 'red'
  if (fault.nature === 'harmless') return 'green'
  if (times === 'for ever') return 'red'
  // Not known to have been carried out, and killing twice is not the same as killing once.
  if (action === 'shutdown' && place === 'change') return 'red'
  if (place === 'wait' || place === 'look after it' || fault.nature === 'passes') return 'green'
  return 'either'
}

/** The wait timeout of a case, in milliseconds. */
export function waitTimeoutOf(one: Case): number {
  return endOf(one) === 'red' ? SHORT_WAIT : LONG_WAIT
}

/** When a case must have ended, in milliseconds: what design.md allows and an allowance. */
export function deadlineOf(one: Case): number {
  const { fault, action, place, times } = one
  const request = fault.requestTimeoutMs ?? REQUEST_TIMEOUT
  const persisting = ATTEMPTS * request + PAUSES
  const waits = action === 'drain' || action === 'maint' || action === 'ready'
  // The last look may begin as the time runs out, and a change may have come just before it.
  const wait = waits ? waitTimeoutOf(one) + 2 * request : 0
  // A change and a look.
  const undo = waits ? 2 * persisting : 0
  if (times === 'once') return persisting + wait + LAST_LOOK + ALLOWANCE
  switch (place) {
    case 'look':
      return persisting + ALLOWANCE
    case 'change':
    case 'read-back':
      return persisting + undo + LAST_LOOK + (fault.nature === 'harmless' ? wait : 0) + ALLOWANCE
    case 'wait':
    case 'second change':
    case 'look after it':
      return wait + LAST_LOOK + ALLOWANCE
  }
}

/** A plan that remembers whether it has struck. */
export interface Ambush {
  readonly plan: FaultPlan
  readonly struck: () => boolean
}

/** What a run has asked for before it comes to a place. */
const BEFORE: Readonly<Record<Place, RegExp>> = {
  look: /^$/,
  change: /^GET$/,
  'read-back': /^GET POST$/,
  wait: /^GET POST GET$/,
  // Whenever the health check has passed.
  'second change': /^GET POST GET( GET)*$/,
  'look after it': /^GET POST GET( GET)* POST$/
}

/** Lays the fault of a case in wait for its request. */
export function ambush({ fault, place, times }: Case): Ambush {
  const before: string[] = []
  let first: number | undefined
  let struck = false
  const isThere = (request: RecordedRequest | undefined): boolean =>
    BEFORE[place].test(before.join(' ')) &&
    (place !== 'second change' || request?.method === 'POST')
  const plan: FaultPlan = ({ number, request }) => {
    if (first === undefined && isThere(request)) first = number
    if (request !== undefined) before.push(request.method)
    if (first === undefined || (times === 'once' ? number !== first : number < first)) {
      return undefined
    }
    const kind = request?.method === 'POST' ? 'changes' : 'reads'
    if (request !== undefined && fault.spoils !== 'both' && fault.spoils !== kind) return undefined
    if (request !== undefined || fault.fault.kind === 'refuse') struck = true
    return fault.fault
  }
  return { plan, struck: () => struck }
}

/** The second change cannot be refused at the door: until it is read nobody knows what it is. */
export function isPossible({ fault, place }: Case): boolean {
  return !(fault.fault.kind === 'refuse' && place === 'second change')
}

export const CASES: readonly Case[] = FAULTS.flatMap(casesOf).filter(isPossible)
