import { HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, type Server, shownAdminState } from '../haproxy/server.ts'
import type { Backend } from './backend.ts'

/** What this run has done to one server. */
interface Change {
  /** The admin state that was asked for last, if one was: HAProxy has set it, or may have. */
  readonly state: AdminState | undefined
  /** When HAProxy answered to that, on the run's clock, in milliseconds. */
  readonly at: number
  /** Set where the answer to that did not arrive or said nothing, so that HAProxy may not have set the state. */
  readonly isUncertain?: true | undefined
  /** The state that was asked for before, and still holds where HAProxy has not set the uncertain one. */
  readonly orElse?: AdminState | undefined
  /** Whether it was put back to what it was before. */
  readonly isRolledBack: boolean
  /** Whether another command was carried out for it, or may have been. */
  readonly isCommanded: boolean
}

const NONE: Change = { state: undefined, at: 0, isRolledBack: false, isCommanded: false }

/** One server in one backend on one HAProxy that this run is about. */
export class Target {
  readonly backend: Backend
  /** As it was before this run did anything. */
  readonly before: Server
  #now: Server
  #newSessions = 0
  #isKnown = true
  #change = NONE

  constructor(backend: Backend, server: Server) {
    this.backend = backend
    this.before = server
    this.#now = server
  }

  /** As it was last seen. */
  get now(): Server {
    return this.#now
  }

  /** How many sessions came to it between the last two looks; below 0 where its counter was reset. */
  get newSessions(): number {
    return this.#newSessions
  }

  /** Whether `now` still holds: not after a change, or a look that failed, until the server is seen again. */
  get isKnown(): boolean {
    return this.#isKnown
  }

  get change(): Change {
    return this.#change
  }

  /** `backend/server`. */
  get name(): string {
    return `${this.before.backend}/${this.before.name}`
  }

  /** Its name with the HAProxy it is on. */
  get fullName(): string {
    return `${this.name} on ${this.backend.instance.name}`
  }

  /**
   * Records what a look showed of it.
   *
   * @throws HaproxyError `unknown-server` when it is no longer there, which a reload may cause for a moment
   */
  update(server: Server | undefined): void {
    if (server === undefined) {
      throw new HaproxyError('unknown-server', `${this.fullName} is no longer there.`, {
        advice: 'Was it removed, or HAProxy reloaded without it?',
        transient: true
      })
    }
    if (server.word === undefined) {
      const what = `${this.fullName} has the unknown status "${server.status}".`
      throw new HaproxyError('malformed', what)
    }
    this.#newSessions = server.total - this.#now.total
    // While a check runs, the reason of the last one is not on show, but it still holds.
    const isShort = server.checking && this.#now.check.startsWith(server.check)
    this.#now = isShort ? { ...server, check: this.#now.check } : server
    this.#isKnown = true
  }

  /** Records that it may have changed since it was seen. */
  invalidate(): void {
    this.#isKnown = false
  }

  /** Records that an admin state was asked for. */
  recordRequest(state: AdminState, at: number, isUncertain?: true): void {
    const orElse = isUncertain && this.#stateBefore
    this.#change = { ...this.#change, state, at, isUncertain, orElse, isRolledBack: false }
    this.invalidate()
  }

  get #stateBefore(): AdminState | undefined {
    const { state, isUncertain, orElse, isRolledBack } = this.#change
    return isRolledBack ? undefined : isUncertain ? orElse : state
  }

  /** Records that a command was carried out. */
  recordCommand(): void {
    this.#change = { ...this.#change, isCommanded: true }
    this.invalidate()
  }

  /** Records that it was put back to what it was before. */
  recordRollBack(): void {
    this.#change = { ...this.#change, isRolledBack: true }
  }
}

/** Whether this run changed anything about a target, or may have, even if it was put back since. */
export function wasTouched({ change }: Target): boolean {
  return change.state !== undefined || change.isCommanded
}

/**
 * Whether the run has left a target in another admin state than it found it in. Where that is hidden or
 * not known, what was asked for counts.
 */
export function isMoved({ change, before, now, isKnown }: Target): boolean {
  if (change.state === undefined || change.isRolledBack) {
    return false
  }
  const is = isKnown ? shownAdminState(now) : undefined
  return shownAdminState(before) !== (is ?? change.state)
}

/** Whether the run has changed a target for good: moved it, or carried out a command. */
export function isChanged(target: Target): boolean {
  return target.change.isCommanded || isMoved(target)
}
