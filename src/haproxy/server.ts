/** What we ask of a server. */
export type AdminState = 'ready' | 'drain' | 'maint'

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
  /** Effective weight; it stays above 0 in drain and maint. */
  readonly weight: number
  readonly backup: boolean
  /** Whether something tells its health: a check of its own, or the server that it tracks. */
  readonly hasHealth: boolean
  /** Whether its health is at its highest: the last check passed and none has failed since. */
  readonly fullHealth: boolean
  /** The server whose state it follows, as `backend/server`, if it does (`track`). */
  readonly tracked: string | undefined
  /** The last check's result in one line (`L4CON: Connection refused`), empty without one. */
  readonly check: string
  /** Whether a check runs at this moment: HAProxy then shows its kind of result without code and reason. */
  readonly checking: boolean
  /** Whether the last check failed; a result stays on show until the next one. */
  readonly checkFailed: boolean
  /** Share of its weight that slowstart gives it at this moment, in percent. */
  readonly throttle: number | undefined
}

const STATUS = /^(UP|DOWN|NOLB|DRAIN|MAINT|no check)(?: (?:-?\d+\/\d+|\([^)]*\)))?$/

/** The first word of a status; a status is never recognised by a mere prefix. */
export function statusWord(status: string): StatusWord | undefined {
  return STATUS.exec(status)?.[1] as StatusWord | undefined
}

/** Whether a status shows health that is on its way, up or down: `UP 1/3`, `DRAIN 2/3`. */
export function isPartial(status: string): boolean {
  return / -?\d+\/\d+$/.test(status)
}

/**
 * The admin state that a server shows, or undefined where its status hides it: a server that is `DOWN`
 * or `NOLB` shows the same with and without a forced drain (measured).
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

/**
 * The admin state to give back to a server: the one that it shows, where that is its own. A maint that it
 * has from the server it tracks is not, and where the state is hidden, `ready` is the likely one.
 */
export function ownAdminState(server: Server): AdminState {
  return server.status.startsWith('MAINT (via') ? 'ready' : (shownAdminState(server) ?? 'ready')
}

/** Whether what a server shows is possible in this admin state. */
export function canBe(server: Server, state: AdminState): boolean {
  const shown = shownAdminState(server)
  return shown === undefined ? server.word !== undefined && state !== 'maint' : shown === state
}

/** Whether a server serves for certain: up with full health or without a check, and with a weight. */
export function isServing(server: Server): boolean {
  return (server.status === 'UP' || server.status === 'no check') && server.weight > 0
}

/** Whether load balancing sends a server users' requests now, healthy or not (`UP 1/3` does, measured). */
export function takesTraffic(server: Server): boolean {
  return (server.word === 'UP' || server.word === 'no check') && server.weight > 0
}

/** Whether a server gets nothing new from load balancing. */
export function isOutOfRotation(server: Server): boolean {
  return server.word !== undefined && server.word !== 'UP' && server.word !== 'no check'
}

/** Whether a server is out of rotation with at most so many sessions and queued requests left. */
export function isDrained(server: Server, maxSessions: number): boolean {
  return isOutOfRotation(server) && server.sessions + server.queue <= maxSessions
}

/** Whether a server is back: exactly `UP` with full health, or without a check. */
export function isUp(server: Server): boolean {
  return server.status === 'no check' || (server.status === 'UP' && server.fullHealth)
}
