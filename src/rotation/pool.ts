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
  /** Whether `now` is true: false from a change until the server is seen again. */
  certain = true
  /** The last change that this run asked for and that HAProxy carried out, or may have. */
  asked: AdminState | Command | undefined
  /** Whether this run put it back to what it was before. */
  undone = false

  constructor(pool: Pool, server: Server) {
    this.pool = pool
    this.before = server
    this.now = server
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
    const snapshot = await this.page.look(limits, this.backend)
    const servers = serversOf(snapshot, this.backend)
    if (countersFell(this.#totals, snapshot.totals)) {
      this.reloads += 1
    }
    this.#totals = snapshot.totals
    for (const target of this.targets) {
      const server = servers.find(({ name }) => name === target.before.name)
      if (server === undefined) {
        throw new HaproxyError('unknown-server', `${target.fullName} is no longer there.`, {
          advice: 'Was it removed, or HAProxy reloaded without it?',
          transient: true
        })
      }
      if (server.word === undefined) {
        throw new HaproxyError(
          'malformed',
          `${target.fullName} has the unknown status "${server.status}".`
        )
      }
      target.now = server
      target.certain = true
    }
    this.servers = servers
  }

  /** Asks for a change of some of the targets; look afterwards to see what came of it. */
  async ask(
    change: AdminState | Command,
    targets: readonly Target[],
    limits: Limits
  ): Promise<void> {
    const names = targets.map(({ before }) => before.name)
    const record = (): void => {
      for (const target of targets) {
        target.asked = change
        target.certain = false
      }
    }
    try {
      await this.page.ask(change, this.backend, names, limits)
      record()
    } catch (error) {
      if (!changedNothing(error)) {
        record()
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

/** Whether the run changed a target's admin state, or gave it another command, and left it so. */
export function isChanged({ asked, undone, before }: Target): boolean {
  return asked !== undefined && !undone && shownAdminState(before) !== asked
}
