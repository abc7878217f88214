import type { Snapshot } from '../haproxy/csv.ts'
import { changedNothing } from '../haproxy/errors.ts'
import type { AdminState, Server } from '../haproxy/server.ts'
import type { Command, FlagChange } from '../haproxy/commands.ts'
import type { RequestLimits } from '../haproxy/transport.ts'
import type { Instance } from './instance.ts'
import { Target } from './target.ts'

/** The names of servers of one backend that a run is about. */
interface ServerNames {
  /** Those that are to be changed. */
  readonly targets: readonly string[]
  /** Those that follow a target (`track`) without being one. */
  readonly followers?: readonly string[]
}

/** One backend on one HAProxy: what one look shows and one POST changes. */
export class Backend {
  readonly instance: Instance
  readonly name: string
  readonly targets: readonly Target[]
  /** Servers that follow a target, of this backend or another: they leave and come back with it. */
  readonly followers: readonly Target[]
  #servers: readonly Server[]
  #seenAt: number

  /** @param names of servers that are in the snapshot */
  constructor(instance: Instance, name: string, names: ServerNames, seen: Snapshot) {
    const { targets, followers = [] } = names
    this.instance = instance
    this.name = name
    this.#servers = serversOf(seen, name)
    this.#seenAt = instance.clock.now()
    this.targets = this.#pick(targets)
    this.followers = this.#pick(followers)
  }

  /** `backend on URL`. */
  get fullName(): string {
    return `${this.name} on ${this.instance.name}`
  }

  /** Every server of the backend, as last seen. */
  get servers(): readonly Server[] {
    return this.#servers
  }

  /** When it was last seen, in milliseconds on the run's clock. */
  get seenAt(): number {
    return this.#seenAt
  }

  /** The servers that stay where they are when the targets leave. */
  get others(): Server[] {
    const leaving = this.#watched.map(({ before }) => before.name)
    return this.#servers.filter(({ name }) => !leaving.includes(name))
  }

  /**
   * Looks at the backend.
   *
   * @throws HaproxyError; `unknown-server` when a target or a follower is no longer there
   */
  async look(limits: RequestLimits): Promise<void> {
    this.#watched.forEach((target) => {
      target.invalidate()
    })
    const servers = serversOf(await this.instance.page.look(limits, this.name), this.name)
    for (const target of this.#watched) {
      target.update(servers.find(({ name }) => name === target.before.name))
    }
    this.#servers = servers
    this.#seenAt = this.instance.clock.now()
  }

  /** Asks for an admin state of some of the targets; look afterwards to see what came of it. */
  async request(
    state: AdminState,
    targets: readonly Target[],
    limits: RequestLimits
  ): Promise<void> {
    await this.#send(state, targets, limits, (target, isUncertain) => {
      target.recordRequest(state, this.instance.clock.now(), isUncertain)
    })
  }

  /** Asks for a command for some of the targets; look afterwards to see what came of it. */
  async command(name: Command, targets: readonly Target[], limits: RequestLimits): Promise<void> {
    await this.#send(name, targets, limits, (target) => {
      target.recordCommand()
    })
  }

  /** Asks for an admin state that is not what the run wants of the targets, but what they had before. */
  async putBack(
    state: AdminState,
    targets: readonly Target[],
    limits: RequestLimits
  ): Promise<void> {
    await this.#send(state, targets, limits, (target) => {
      target.invalidate()
    })
  }

  /** Sets the health of some targets to 0: HAProxy sends them no traffic until their checks have passed. */
  async forceDown(targets: readonly Target[], limits: RequestLimits): Promise<void> {
    await this.#send('hdown', targets, limits, (target) => {
      target.invalidate()
    })
  }

  /**
   * Ends the drain of one target.
   *
   * @returns whether this run did so; somebody else, or a reload, may have ended it before
   */
  async release(target: Target, limits: RequestLimits): Promise<boolean> {
    // After an attempt whose answer was lost, `NONE` means that it succeeded.
    const isAgain = target.change.state === 'ready'
    const record = (isUncertain?: true): void => {
      target.recordRequest('ready', this.instance.clock.now(), isUncertain)
    }
    try {
      const isDone = (await this.#switch('start', target, limits)) || isAgain
      if (isDone) {
        record()
      }
      return isDone
    } catch (error) {
      if (!changedNothing(error)) {
        record(true)
      }
      throw error
    }
  }

  /** Undoes one half of an admin state of one target; somebody else may have done it before. */
  async undo(flag: FlagChange, target: Target, limits: RequestLimits): Promise<void> {
    await this.#switch(flag, target, limits)
  }

  async #switch(flag: FlagChange, target: Target, limits: RequestLimits): Promise<boolean> {
    target.invalidate()
    return this.instance.page.clearFlag(flag, this.name, target.before.name, limits)
  }

  get #watched(): Target[] {
    return [...this.targets, ...this.followers]
  }

  #pick(names: readonly string[]): Target[] {
    const picked = new Set(names)
    return this.#servers
      .filter(({ name }) => picked.has(name))
      .map((server) => new Target(this, server))
  }

  async #send(
    change: AdminState | Command,
    targets: readonly Target[],
    limits: RequestLimits,
    record: (target: Target, isUncertain?: true) => void
  ): Promise<void> {
    const names = targets.map(({ before }) => before.name)
    try {
      await this.instance.page.requestChange(change, this.name, names, limits)
      targets.forEach((target) => {
        record(target)
      })
    } catch (error) {
      if (!changedNothing(error)) {
        targets.forEach((target) => {
          record(target, true)
        })
      }
      throw error
    }
  }
}

function serversOf({ servers }: Snapshot, backend: string): Server[] {
  return servers.filter((server) => server.backend === backend)
}

/** All targets of some backends. */
export function targetsOf(backends: readonly Backend[]): Target[] {
  return backends.flatMap(({ targets }) => targets)
}

/** All servers of some backends that follow a target. */
export function followersOf(backends: readonly Backend[]): Target[] {
  return backends.flatMap(({ followers }) => followers)
}

/** The backends of some targets, each once. */
export function backendsOf(targets: readonly Target[]): Backend[] {
  return [...new Set(targets.map(({ backend }) => backend))]
}

/** The instances of some backends, each once. */
export function instancesOf(backends: readonly Backend[]): Instance[] {
  return [...new Set(backends.map(({ instance }) => instance))]
}
