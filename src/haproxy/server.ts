import type { Counters } from './counters.ts'

/** What we ask of a server. */
export type AdminState = 'ready' | OutState

/** The admin states that take a server out of rotation. */
export type OutState = 'drain' | 'maint'

/** The first word of a status, which says what a server does; `no check` is one word here. */
export type StatusWord = 'UP' | 'DOWN' | 'NOLB' | 'DRAIN' | 'MAINT' | 'no check'

/** One server of one backend as the statistics page shows it at one moment. */
export interface Server {
  readonly backend: string
  readonly name: string
  /** The status as HAProxy wrote it: `UP`, `UP 1/3`, `MAINT (via b/s)` … */
  readonly status: string
  /** The status's first word, or undefined for a status that no known HAProxy writes. */
  readonly word: StatusWord | undefined
  /** Sessions in progress on it (`scur`); between two connection attempts of one request it reads 0. */
  readonly sessions: number
  /** Requests that wait for it in its own queue (`qcur`). */
  readonly queue: number
  /** Sessions that it has had since the process started, or since its counters were cleared (`stot`). */
  readonly total: number
  /** What users met on it, as far as the page counts that. */
  readonly counters: Counters
  /** Effective weight; it stays above 0 in drain and maint. */
  readonly weight: number
  /** Whether it has a health check of its own that is switched on. */
  readonly hasCheck: boolean
  /** Whether it has an agent check that is switched on; 2.4.0 does not show it. */
  readonly hasAgent: boolean
  /** The server whose state it follows, as `backend/server`, if it does (`track`). */
  readonly tracked: string | undefined
  /** The last check's result in one line (`L4CON: Connection refused`), empty without one. */
  readonly check: string
  /** Whether a check runs at this moment: HAProxy then shows its kind of result without code and reason. */
  readonly checking: boolean
  /** Whether the last check failed; a result stays on show until the next one. */
  readonly checkFailed: boolean
  /** Whether it has a check that has not come to a verdict since the process started. */
  readonly unchecked: boolean
  /** Share of its weight that slowstart gives it at this moment, in percent. */
  readonly throttle: number | undefined
  /** Where HAProxy connects to, where the page shows it (`stats show-legends`) in a form that can be compared. */
  readonly address: Address | undefined
  /** Seconds since its status changed (`lastchg`), where the page shows it. */
  readonly secondsInState: number | undefined
}

/** An address of a server as haproxy.cfg resolves it. */
interface Address {
  readonly host: string
  readonly port: number
}

const STATUS = /^(UP|DOWN|NOLB|DRAIN|MAINT|no check)(?: (?:-?\d+\/\d+|\([^)]*\)))?$/

/** The first word of a status; a status is never recognised by a mere prefix. */
export function statusWord(status: string): StatusWord | undefined {
  return STATUS.exec(status)?.[1] as StatusWord | undefined
}

/**
 * Reads the column `addr`. UNIX sockets all read `unix`, a server without a port `:0`, a name that is not
 * resolved is empty, and an unspecified address leads to wherever the client asked for: none of these tells
 * whether two servers are one (docs/haproxy-facts.md, "The same server in other backends").
 */
export function parseAddress(text: string): Address | undefined {
  const [, host, digits] = /^(\[[^\]]+\]|[^:[\]]+):(\d+)$/.exec(text) ?? []
  const port = Number(digits)
  if (host === undefined || host === '0.0.0.0' || host === '[::]' || port === 0) {
    return undefined
  }
  // An IPv4 address may be written as an IPv6 one.
  const mapped = /^\[::ffff:(\d+\.\d+\.\d+\.\d+)\]$/.exec(host)?.[1]
  return { host: mapped ?? host, port }
}

/**
 * The admin state that a server shows, or undefined where its status hides it: a server that is `DOWN`
 * or `NOLB` shows the same with and without a forced drain (docs/haproxy-facts.md, "Statuses").
 */
export function shownAdminState(server: Server): AdminState | undefined {
  switch (server.word) {
    case 'MAINT':
      return 'maint'
    case 'DRAIN':
      return 'drain'
    case 'UP':
    case 'no check':
      return 'ready'
    case 'DOWN':
    case 'NOLB':
    case undefined:
      return undefined
  }
}

/** Whether a maint comes from the server that it tracks, or from a host name that DNS has lost. */
export function isInheritedMaint(server: Server): boolean {
  return server.word === 'MAINT' && server.status !== 'MAINT'
}

/** Whether HAProxy holds a server in maint because DNS does not resolve its host name. */
export function isUnresolved(server: Server): boolean {
  return server.status === 'MAINT (resolution)'
}

/**
 * The admin state that is surely a server's own: not one that it only follows, which ends with its leader's,
 * and not one that its status hides.
 */
export function ownAdminState(server: Server): AdminState | undefined {
  const shown = shownAdminState(server)
  if (isInheritedMaint(server)) {
    return 'ready'
  }
  return shown === 'drain' && server.tracked !== undefined ? undefined : shown
}

/** Whether what a server shows is possible in this admin state. */
export function canBe(server: Server, state: AdminState): boolean {
  const shown = shownAdminState(server)
  return shown === undefined ? server.word !== undefined && state !== 'maint' : shown === state
}

/**
 * Whether a server is up: exactly `UP`, which is full health, or without a check; and at its full weight,
 * which it is not while slowstart lasts, nor with a weight of 0.
 */
export function isUp({ status, weight, throttle }: Server): boolean {
  return (status === 'UP' || status === 'no check') && weight > 0 && throttle === undefined
}

/** Whether load balancing sends a server users' requests now, healthy or not (`UP 1/3` does). */
export function takesTraffic(server: Server): boolean {
  return (server.word === 'UP' || server.word === 'no check') && server.weight > 0
}

/** Whether anybody can reach a server now: load balancing, pinned clients, or sessions that it already has. */
export function isReachable({ word, sessions, queue }: Server): boolean {
  return (word !== 'MAINT' && word !== 'DOWN') || sessions + queue > 0
}

/** Whether only a health check or DNS keeps a server away from users. */
export function mayComeUp(server: Server): boolean {
  return server.word === 'DOWN' || isUnresolved(server)
}

/** Whether a server gets nothing new from load balancing. */
export function isOutOfRotation(server: Server): boolean {
  return server.word !== undefined && server.word !== 'UP' && server.word !== 'no check'
}

/** Whether a server is as far out of rotation as was asked for; maint is further out than drain. */
export function isOut(server: Server, state: OutState): boolean {
  return isOutOfRotation(server) && (state === 'drain' || canBe(server, 'maint'))
}

/** Whether a server is out of rotation with at most this many sessions and queued requests left. */
export function isDrained(server: Server, maxSessions: number): boolean {
  return isOutOfRotation(server) && server.sessions + server.queue <= maxSessions
}
