import type { Snapshot } from '../haproxy/csv.ts'
import { changedNothing, HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, type Server, shownAdminState } from '../haproxy/server.ts'
import type { Command, Limits, StatsPage } from '../haproxy/stats-page.ts'

/** One server in one backend on one HAProxy that this run is about. */
export class Target {
  readonly pool: Pool
  /** As it was before this run did anything. */
  readonly before: Server
  /** As it was last seen. */
  now: Server
  /** How many sessions came to it between the last two looks; below 0 when a reload hides that. */
  arrived = 0
  /** Whether `now` is true: false from a change, or a look that failed, until the server is seen again. */
  certain = true
  /** The last admin state that this run asked for and that HAProxy set, or may have. */
  asked: AdminState | undefined
  /** Whether another command was carried out for it, or may have been. */
  commanded = false
  /** Whether this run put it back to what it was before. */
  undone = false

  constructor(pool: Pool, server: Server) {
    this.pool = pool
    this.before = server
    this.now = server
  }

  /**
   * Notes what was seen of it.
   *
   * @throws HaproxyError `unknown-server` when it is no longer there, which a reload may cause for a moment
   */
  see(server: Server | undefined): void {
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
    // While a check runs, the reason of the last one is not on show, but it still holds.
    const known = server.checking && this.now.check.startsWith(server.check)
    this.now = known ? { ...server, check: this.now.check } : server
    this.certain = true
  }

  /** `backend/server`. */
  get name(): string {
    return `${this.before.backend}/${this.before.name}`
  }

  /** Its name with the HAProxy it is on. */
  get fullName(): string {
    return `${this.name} on ${this.pool.page.name}`
  }
}

/** One backend on one HAProxy, with the targets in it: what one look shows and one POST changes. */
export class Pool {
  readonly page: StatsPage
  readonly backend: string
  readonly targets: readonly Target[]
  /** Every server of the backend, as last seen. */
  servers: readonly Server[]
  /** How often HAProxy was reloaded or restarted under this run's eyes. */
  reloads = 0
  /** Whether it lost an admin state, as a reload makes it that hides from the counters. */
  hasForgotten = false
  #totals: Snapshot['totals']

  /** @param names the targets' names; all of them are in the snapshot */
  constructor(page: StatsPage, backend: string, names: readonly string[], seen: Snapshot) {
    this.page = page
    this.backend = backend
    this.servers = serversOf(seen, backend)
    this.targets = this.servers
      .filter(({ name }) => names.includes(name))
      .map((server) => new Target(this, server))
    this.#totals = seen.totals
  }

  /** `backend on URL`, its name for people. */
  get name(): string {
    return `${this.backend} on ${this.page.name}`
  }

  /**
   * Looks at the backend and notes in every target what was seen.
   *
   * @throws HaproxyError; `unknown-server` when a target is no longer there
   */
  async look(limits: Limits): Promise<void> {
    for (const target of this.targets) {
      target.certain = false
    }
    const snapshot = await this.page.look(limits, this.backend)
    const servers = serversOf(snapshot, this.backend)
    const [before, after] = [this.#totals, snapshot.totals]
    if (countersFell(before, after)) {
      this.reloads += 1
    }
    this.#totals = after
    for (const target of this.targets) {
      target.see(servers.find(({ name }) => name === target.before.name))
      target.arrived = (after.get(target.name) ?? 0) - (before.get(target.name) ?? 0)
    }
    this.servers = servers
  }

  /** Asks for an admin state of some of the targets; look afterwards to see what came of it. */
  async ask(state: AdminState, targets: readonly Target[], limits: Limits): Promise<void> {
    await this.#send(state, targets, limits, (target) => (target.asked = state))
  }

  /** Asks for a command for some of the targets; look afterwards to see what came of it. */
  async command(name: Command, targets: readonly Target[], limits: Limits): Promise<void> {
    await this.#send(name, targets, limits, (target) => (target.commanded = true))
  }

  /** Asks for an admin state that is not what the run wants of the targets, but what they had before. */
  async putBack(state: AdminState, targets: readonly Target[], limits: Limits): Promise<void> {
    await this.#send(state, targets, limits, () => undefined)
  }

  async #send(
    change: AdminState | Command,
    targets: readonly Target[],
    limits: Limits,
    record: (target: Target) => void
  ): Promise<void> {
    const names = targets.map(({ before }) => before.name)
    const sent = (): void => {
      for (const target of targets) {
        target.certain = false
        record(target)
      }
    }
    try {
      await this.page.ask(change, this.backend, names, limits)
      sent()
    } catch (error) {
      if (!changedNothing(error)) {
        sent()
      }
      throw error
    }
  }
}

function serversOf({ servers }: Snapshot, backend: string): Server[] {
  return servers.filter((server) => server.backend === backend)
}

/** Counters only grow while a process lives (measured: they start afresh with a reload). */
function countersFell(before: Snapshot['totals'], after: Snapshot['totals']): boolean {
  return [...after].some(([row, total]) => total < (before.get(row) ?? 0))
}

/** All targets of some pools. */
export function targetsOf(pools: readonly Pool[]): Target[] {
  return pools.flatMap(({ targets }) => targets)
}

/** Whether this run changed anything about a target, or may have, even if it was put back since. */
export function wasAsked({ asked, commanded }: Target): boolean {
  return asked !== undefined || commanded
}

/**
 * Whether the run has left a target in another admin state than it found it in. Where that is hidden or
 * not known, what was asked for counts.
 */
export function isMoved({ asked, undone, before, now, certain }: Target): boolean {
  const [was, is] = [shownAdminState(before), shownAdminState(now)]
  if (asked === undefined || undone) {
    return false
  }
  return certain && was !== undefined && is !== undefined ? was !== is : was !== asked
}

/** Whether the run has changed a target for good: moved it, or carried out a command. */
export function isChanged(target: Target): boolean {
  return target.commanded || isMoved(target)
}
