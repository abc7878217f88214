import { type FaultPlan, type RecordedRequest } from '../support/fault-proxy.ts'
import { FAULTS, type HostileFault, type Kind, kindOf, REQUEST_TIMEOUT } from './fault-list.ts'

const BOTH = ['once', 'for ever'] as const
const TAKE_OUT = {
  look: BOTH,
  process: BOTH,
  change: BOTH,
  'read-back': BOTH,
  wait: BOTH,
  'process at the end': BOTH
}

/** The requests of a run that can be distinguished beforehand, in their order. */
const PLACES = {
  status: { look: BOTH },
  drain: TAKE_OUT,
  maint: TAKE_OUT,
  ready: {
    look: BOTH,
    process: BOTH,
    change: BOTH,
    hdown: BOTH,
    'read-back': BOTH,
    start: BOTH,
    wait: BOTH,
    'process at the end': BOTH
  },
  shutdown: { look: BOTH, change: BOTH, 'read-back': BOTH },
  dhlth: { look: BOTH, change: BOTH, 'read-back': BOTH }
}

export type HostileAction = keyof typeof PLACES
export const ACTIONS = Object.keys(PLACES) as HostileAction[]
export type Place = keyof (typeof PLACES)['ready']
type Times = (typeof BOTH)[number]
type Places = Readonly<Partial<Record<Place, readonly Times[]>>>

/**
 * Of those, the ones that no other action shows: drain is maint but for the sessions that it is met with (see
 * {@link isHeld}), every action has the same first look, and dhlth is shutdown but for the change.
 */
const TELLING: Readonly<Record<HostileAction, Places>> = {
  status: PLACES.status,
  drain: { change: ['once'], 'read-back': ['once'], wait: BOTH },
  maint: { ...PLACES.maint, wait: ['once'] },
  ready: {
    ...PLACES.ready,
    look: ['for ever'],
    process: ['for ever'],
    'process at the end': ['for ever']
  },
  shutdown: { ...PLACES.shutdown, look: ['for ever'] },
  dhlth: { change: BOTH }
}

const KINDS: Readonly<Record<Place, Kind>> = {
  look: 'look',
  process: 'process',
  change: 'change',
  hdown: 'change',
  'read-back': 'look',
  start: 'change',
  wait: 'look',
  'process at the end': 'process'
}

/** The kind of the requests at a place. */
export function kindAt(place: Place): Kind {
  return KINDS[place]
}

/** One run with one fault at one of its requests. */
export interface Case {
  readonly fault: HostileFault
  readonly action: HostileAction
  readonly place: Place
  /** Whether it comes once, or from there on for ever; at a look at the process, at all of those. */
  readonly times: Times
  /** Whether a session is held on the server for the whole run. */
  readonly held: boolean
}

/** For a wait that cannot end well. */
const SHORT_WAIT = 2_000
/** For one that can, which ends as soon as it does. */
const LONG_WAIT = 12_000
/** For a new process on a machine that has other things to do. */
const ALLOWANCE = 8_000
/** How often one request is made, and the pauses between that (src/rotation/retry.ts). */
const ATTEMPTS = 4
const PAUSES = 250 + 1_000 + 2_500
/** The last look of a run that ends red. */
const LAST_LOOK = 500

const ALL = process.env['FAULTS'] === 'all'

/** Every case of one fault: with `FAULTS=all` the whole cross, else only those that can tell something new. */
export function casesOf(fault: HostileFault): Case[] {
  return ACTIONS.flatMap((action) => {
    const places: Places = ALL ? PLACES[action] : TELLING[action]
    return (Object.keys(places) as Place[]).flatMap((place) => {
      if (!fault.spoils.includes(kindAt(place))) return []
      const held = isHeld(action, place)
      return (places[place] ?? [])
        .filter((times) => ALL || isTelling(fault, place, times))
        .map((times): Case => ({ fault, action, place, times, held }))
    })
  })
}

function isTelling({ isAlike, nature }: HostileFault, place: Place, times: Times): boolean {
  if (isAlike) return times === 'for ever' && ['look', 'process', 'change', 'wait'].includes(place)
  // A run that ends with what such a fault spoils first, or does not ask again, never meets it twice.
  const isAskedOnce = place === 'look' || place === 'process at the end'
  return times === 'for ever' || nature === 'passes' || !isAskedOnce
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

/** How a case must end; `either` where the product may try again but has not promised to. */
export function endOf({ fault, action, place, times, held }: Case): 'green' | 'red' | 'either' {
  if (held && action !== 'shutdown') return 'red'
  if (fault.nature === 'ignored') return 'green'
  // A page that does not show the process keeps nobody from taking a server out or bringing it back.
  if (kindAt(place) === 'process' && fault.nature === 'stays') return 'green'
  if (times === 'for ever') return 'red'
  // Not known to have been carried out, and killing twice is not the same as killing once.
  if (action === 'shutdown' && place === 'change') return 'red'
  if (place === 'wait' || fault.nature === 'passes') return 'green'
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
  const retrying = ATTEMPTS * request + PAUSES
  const waits = doesWait(action)
  // The last look may begin as the time runs out, and a change may have come just before it.
  const wait = waits ? waitTimeoutOf(one) + 2 * request : 0
  // A look, a change and a look.
  const rollBack = waits ? 3 * retrying : 0
  if (times === 'once') return retrying + wait + LAST_LOOK + ALLOWANCE
  switch (place) {
    case 'look':
      return retrying + ALLOWANCE
    case 'process':
      return retrying + wait + LAST_LOOK + ALLOWANCE
    case 'change':
    case 'hdown':
    case 'read-back':
      return retrying + rollBack + LAST_LOOK + (fault.nature === 'ignored' ? wait : 0) + ALLOWANCE
    case 'start':
      return wait + retrying + LAST_LOOK + ALLOWANCE
    case 'wait':
    case 'process at the end':
      return wait + LAST_LOOK + ALLOWANCE
  }
}

function doesWait(action: HostileAction): boolean {
  return action === 'drain' || action === 'maint' || action === 'ready'
}

/** A plan that remembers what it has spoiled. */
export interface Ambush {
  readonly plan: FaultPlan
  /** The numbers of the requests that were spoiled. */
  readonly struck: ReadonlySet<number>
}

/** Lays the fault of a case in wait for its request. */
export function ambush({ fault, action, place, times }: Case): Ambush {
  const before: Request[] = []
  const struck = new Set<number>()
  const isDecidedAtTheDoor = fault.fault.kind === 'refuse'
  let first: number | undefined
  const plan: FaultPlan = ({ number, request }) => {
    if (isDecidedAtTheDoor === (request === undefined)) {
      const isThere =
        request === undefined ? isNext(action, place, before, number) : isAt(place, before, request)
      if (isThere) first ??= number
    }
    if (request !== undefined) before.push(wordFor(request))
    if (isDecidedAtTheDoor !== (request === undefined) || first === undefined) return undefined
    if (times === 'once' ? number !== first : number < first) return undefined
    if (request !== undefined && !isMeant(fault, place, kindOf(request))) return undefined
    struck.add(number)
    return fault.fault
  }
  return { plan, struck }
}

function isMeant({ spoils }: HostileFault, place: Place, kind: Kind): boolean {
  return spoils.includes(kind) && (kindAt(place) !== 'process' || kind === 'process')
}

type Request = 'look' | 'process' | 'hdown' | 'start' | 'change'

function wordFor(request: RecordedRequest): Request {
  const kind = kindOf(request)
  const action = new URLSearchParams(request.body).get('action')
  return kind === 'change' && (action === 'hdown' || action === 'start') ? action : kind
}

function count(before: readonly Request[], ...wanted: readonly Request[]): number {
  return before.filter((request) => wanted.includes(request)).length
}

/** Whether a request is the one of a place. */
function isAt(place: Place, before: readonly Request[], request: RecordedRequest): boolean {
  const word = wordFor(request)
  const looks = count(before, 'look')
  const changes = count(before, 'change', 'hdown', 'start')
  switch (place) {
    case 'look':
      return word === 'look' && looks === 0
    case 'process':
      return word === 'process' && changes === 0
    case 'change':
    case 'hdown':
    case 'start':
      return word === place
    case 'read-back':
      return word === 'look' && looks === 1
    case 'wait':
      return word === 'look' && looks > 1 && isWaiting(before)
    case 'process at the end':
      return word === 'process' && changes > 0
  }
}

/** Whether the next request, of which only its number is known yet, is the one of a place. */
function isNext(
  action: HostileAction,
  place: Place,
  before: readonly Request[],
  number: number
): boolean {
  const looks = count(before, 'look')
  const last = before.at(-1)
  switch (place) {
    // These go out side by side, in this order.
    case 'look':
      return number === 1
    case 'process':
      return number === 2
    case 'change':
      return before.length === looksBefore(action)
    case 'hdown':
      return last === 'change'
    case 'read-back':
      return looks === 1 && last === (action === 'ready' ? 'hdown' : 'change')
    case 'wait':
      return looks > 1 && isWaiting(before)
    case 'start':
    case 'process at the end':
      return false
  }
}

/** How many looks come before the first change: a wait asks for the process, and a return asks twice. */
function looksBefore(action: HostileAction): number {
  return action === 'ready' ? 3 : doesWait(action) ? 2 : 1
}

/** A return waits once it has ended its drain. */
function isWaiting(before: readonly Request[]): boolean {
  return !before.includes('hdown') || before.includes('start')
}

/** Some requests cannot be refused at the door: until they are read nobody knows what they are. */
export function isPossible({ fault, place, times }: Case): boolean {
  return !(
    fault.fault.kind === 'refuse' &&
    (place === 'start' ||
      place === 'process at the end' ||
      (place === 'process' && times === 'for ever'))
  )
}

export const CASES: readonly Case[] = FAULTS.flatMap(casesOf).filter(isPossible)
