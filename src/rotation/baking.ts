import { haveFallen } from '../haproxy/counters.ts'
import {
  isUnresolved,
  isUp,
  type Server,
  shownAdminState,
  takesTraffic
} from '../haproxy/server.ts'
import { type Backend, instancesOf, targetsOf } from './backend.ts'
import { BakeWindow } from './bake-window.ts'
import type { Baked } from './bake-verdict.ts'
import type { Context } from './context.ts'
import type { Instance } from './instance.ts'
import { countersClearedAt, reloadAt, watchedAnew, watchGoesOn } from './log-lines.ts'
import type { BakeOptions } from './options.ts'
import { changedByOthers } from './other-hands.ts'
import { isReload, type ProcessChange } from './seen-process.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'
import type { Condition, Progress } from './wait.ts'

/** The condition that the traffic of servers that are back has been watched for long enough to judge them. */
export class Baking implements Condition {
  readonly #backends: readonly Backend[]
  readonly #options: BakeOptions
  readonly #context: Context
  #window: BakeWindow
  #isProlonged = false
  /** Targets that this window has seen up: after a reload some are not until their first check. */
  readonly #up = new Set<Target>()
  /** What the last look showed of every server, for what a reload leaves behind. */
  readonly #last = new Map<Backend, readonly Server[]>()
  /** Backends whose counters have begun anew, until another look shows from where. */
  readonly #unseen = new Set<Backend>()

  constructor(backends: readonly Backend[], options: BakeOptions, context: Context) {
    this.#backends = backends
    this.#options = options
    this.#context = context
    this.#window = new BakeWindow(backends, context.clock.now())
  }

  /** What was seen so far. */
  get baked(): Baked {
    return {
      elapsedMs: this.#elapsedMs,
      maxErrorRate: this.#options.maxErrorRate,
      servers: this.#window.judge(this.#options.maxErrorRate, this.#isOver)
    }
  }

  /** The targets that have left `UP` because they are not well. */
  get down(): Target[] {
    return targetsOf(this.#backends).filter(
      (target) => isDown(target.now) && (this.#isOver || this.#up.has(target))
    )
  }

  /** The targets that are not up, some of which may be on their way down. */
  get notUp(): Target[] {
    return targetsOf(this.#backends).filter(({ now }) => !isUp(now))
  }

  /** The names of the servers whose requests have failed. */
  get bad(): string[] {
    return this.baked.servers.filter(({ verdict }) => verdict === 'bad').map(({ name }) => name)
  }

  async judge(seen: readonly Backend[]): Promise<Progress> {
    if (seen.length > 0 && !(await this.#hasBegunAnew(seen))) {
      this.#window.add(seen)
    }
    targetsOf(seen)
      .filter(({ now }) => takesTraffic(now))
      .forEach((target) => this.#up.add(target))
    const { baked } = this
    const isBad = baked.servers.some(({ verdict }) => verdict === 'bad')
    if (!isBad) {
      // A server that is bad is not forgotten for what others have done to another one.
      await this.#refuseOtherHands(targetsOf(seen).filter(({ now }) => isTakenOut(now)))
    }
    seen.forEach((backend) => this.#last.set(backend, backend.servers))
    this.#context.observer.onBakeLook(baked)
    if (isBad || this.down.length > 0) {
      return 'met'
    }
    if (!this.#isOver) {
      return 'waiting'
    }
    this.#sayIfProlonged()
    return this.notUp.length === 0 ? 'met' : 'waiting'
  }

  /** Nothing is judged across a reload, which shows in nothing else for certain. */
  async confirm(): Promise<boolean> {
    const changes = await settleAll(instancesOf(this.#backends), async (instance) => {
      const change = await this.#recheck(instance)
      if (isReload(change)) {
        this.#beginAnew(instance, reloadAt(instance.name, change))
      }
      return change
    })
    return !changes.some(isReload)
  }

  get #elapsedMs(): number {
    return this.#context.clock.now() - this.#window.beganAt
  }

  get #isOver(): boolean {
    return this.#elapsedMs >= this.#options.bakeMs
  }

  #sayIfProlonged(): void {
    if (this.notUp.length > 0 && !this.#isProlonged) {
      this.#isProlonged = true
      this.#context.log.info(watchGoesOn(this.notUp))
    }
  }

  async #refuseOtherHands(lost: readonly Target[]): Promise<void> {
    const [first] = lost
    if (first !== undefined) {
      const { instance } = first.backend
      const here = lost.filter(({ backend }) => backend.instance === instance)
      throw changedByOthers(here, await this.#recheck(instance))
    }
  }

  /** Begins the window anew where nothing may be judged across this look; whether it did. */
  async #hasBegunAnew(seen: readonly Backend[]): Promise<boolean> {
    const first = seen.filter((backend) => this.#unseen.delete(backend))
    let isAnew = first.length > 0
    if (isAnew) {
      this.#openWindow()
    }
    const measured = seen.filter((backend) => !first.includes(backend))
    for (const instance of instancesOf(measured)) {
      const why = await this.#whyAnew(
        instance,
        measured.filter((backend) => backend.instance === instance)
      )
      if (why !== undefined) {
        this.#beginAnew(instance, why)
        isAnew = true
      }
    }
    return isAnew
  }

  /** Asks for the process only where a look shows what a reload leaves behind. */
  async #whyAnew(instance: Instance, seen: readonly Backend[]): Promise<string | undefined> {
    const signs = seen.map((backend) =>
      signOf(this.#last.get(backend) ?? backend.servers, backend.servers)
    )
    if (signs.every((sign) => sign === 'none')) {
      return undefined
    }
    const change = await this.#recheck(instance)
    if (isReload(change)) {
      return reloadAt(instance.name, change)
    }
    return signs.includes('counters') ? countersClearedAt(instance.name) : undefined
  }

  #beginAnew(instance: Instance, why: string): void {
    this.#context.log.warning(...watchedAnew(why, this.#options.bakeMs))
    this.#backends
      .filter((backend) => backend.instance === instance)
      .forEach((backend) => this.#unseen.add(backend))
    this.#openWindow()
  }

  #openWindow(): void {
    this.#window = new BakeWindow(this.#backends, this.#context.clock.now())
    this.#up.clear()
    this.#isProlonged = false
  }

  #recheck(instance: Instance): Promise<ProcessChange> {
    return instance.recheck({ signal: this.#context.cancelled })
  }
}

/** Whether a server is out of rotation because somebody wants it so. */
export function isTakenOut(server: Server): boolean {
  const shown = shownAdminState(server)
  return (shown === 'maint' || shown === 'drain') && !isUnresolved(server)
}

function isDown(server: Server): boolean {
  return server.word === 'DOWN' || server.word === 'NOLB' || isUnresolved(server)
}

/** A reload resets the counters, which have grown again if there is much traffic, and the time in the state. */
function signOf(before: readonly Server[], now: readonly Server[]): 'none' | 'counters' | 'time' {
  const pairs = now.flatMap((server) => {
    const was = before.find(({ name }) => name === server.name)
    return was === undefined ? [] : [[was, server] as const]
  })
  if (pairs.some(([was, is]) => haveFallen(was.counters, is.counters))) {
    return 'counters'
  }
  return pairs.some(([was, is]) => (is.secondsInState ?? 0) < (was.secondsInState ?? 0))
    ? 'time'
    : 'none'
}
