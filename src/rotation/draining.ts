import { isDrained, isOut, shownAdminState } from '../haproxy/server.ts'
import { type Backend, followersOf, instancesOf, targetsOf } from './backend.ts'
import type { Context } from './context.ts'
import { backendsAtStake, guard } from './guard.ts'
import type { Instance } from './instance.ts'
import {
  newSessionsKeepComing,
  NO_SESSION_WAS_LEFT,
  reloadAt,
  reloaded,
  SESSIONS_MAY_REMAIN,
  SESSIONS_UNKNOWN,
  waitingForOldProcess
} from './log-lines.ts'
import { OldProcesses } from './old-processes.ts'
import { changedByOthers, notLostByReload } from './other-hands.ts'
import { lookAgain, request } from './request.ts'
import { settleAll } from './settle-all.ts'
import type { TakeOutOptions } from './options.ts'
import { isReload, type ProcessChange } from './seen-process.ts'
import type { Target } from './target.ts'
import type { Condition, Progress } from './wait.ts'

/**
 * The condition that servers are drained: out of rotation, no more sessions left than may remain on them and on
 * those that follow them, and no old process that may hold one still.
 */
export class Draining implements Condition {
  readonly #backends: readonly Backend[]
  readonly #options: TakeOutOptions
  readonly #context: Context
  readonly #old: ReadonlyMap<Instance, OldProcesses>
  readonly #unclear = new Set<Instance>()
  /** Instances that were reloaded, until everything is asked for again. */
  readonly #reloaded = new Map<Instance, ProcessChange>()
  readonly #announced = new Set<Target>()
  /** When a look last showed that a target is out, on the run's clock. */
  readonly #heldAt = new Map<Target, number>()
  #judged = 0
  #saidUntil = -Infinity

  constructor(backends: readonly Backend[], options: TakeOutOptions, context: Context) {
    this.#backends = backends
    this.#options = options
    this.#context = context
    this.#old = new Map(
      instancesOf(backends).map((instance) => [
        instance,
        new OldProcesses(instance, options.hardStopAfterMs)
      ])
    )
  }

  /** Instances whose process was replaced by one that may be older than this step. */
  get unclear(): readonly Instance[] {
    return [...this.#unclear]
  }

  /** Instances whose old process may hold sessions that the page does not show. */
  get withOldProcess(): readonly Instance[] {
    const now = this.#context.clock.now()
    return [...this.#old.values()].filter(({ goneAt }) => goneAt > now).map((old) => old.instance)
  }

  /** Targets and followers that are not drained, by what was last seen of them. */
  get left(): Target[] {
    return [...targetsOf(this.#backends), ...followersOf(this.#backends)].filter(
      (target) => !this.#hasDrained(target)
    )
  }

  async judge(seen: readonly Backend[]): Promise<Progress> {
    this.#judged += 1
    this.#remember(seen)
    const lost = targetsOf(seen).filter(({ now }) => !isOut(now, this.#options.state))
    if (lost.length > 0) {
      const groups = Map.groupBy(lost, ({ backend }) => backend.instance)
      await settleAll([...groups], ([instance, targets]) => this.#onLost(instance, targets))
      return 'acted'
    }
    this.#announceNewSessions()
    return this.left.length === 0 && this.#areOldOnesGone() ? 'met' : 'waiting'
  }

  /** Asks for the process once more: a reload that kept the admin states shows in nothing else. */
  async confirm(): Promise<boolean> {
    const changes = await settleAll([...this.#old.keys()], async (instance) => {
      const change = await this.#recheck(instance)
      if (this.#reloaded.has(instance)) {
        await this.#onReload(instance, change)
      }
      return change
    })
    return changes.every((change) => change === 'same' || change === 'unknown')
  }

  async #onLost(instance: Instance, lost: readonly Target[]): Promise<void> {
    const change = await this.#recheck(instance)
    if (!this.#reloaded.has(instance)) {
      throw changedByOthers(lost, change)
    }
    await this.#onReload(instance, change)
  }

  async #recheck(instance: Instance): Promise<ProcessChange> {
    const change = await instance.recheck({ signal: this.#context.cancelled })
    if (change === 'unclear') {
      this.#unclear.add(instance)
    }
    if (isReload(change)) {
      this.#reloaded.set(instance, change)
    }
    return change
  }

  /** Asks again for what the reload made HAProxy forget, or may have where the status hides it. */
  async #onReload(instance: Instance, change: ProcessChange): Promise<void> {
    const { state, minUp } = this.#options
    const backends = this.#backends.filter((backend) => backend.instance === instance)
    await lookAgain(backends, this.#context)
    const forgotten = targetsOf(backends).filter(
      ({ now }) => !isOut(now, state) || shownAdminState(now) === undefined
    )
    const lost = forgotten.filter(({ now }) => !isOut(now, state))
    const byOthers = notLostByReload(lost, this.#heldAt)
    if (byOthers.length > 0) {
      throw changedByOthers(byOthers, change)
    }
    const left = this.#leftOnOldProcess(instance, forgotten.length === 0)
    this.#context.log.warning(...reloaded(reloadAt(instance.name, change), lost, left))
    if (lost.length > 0) {
      // What is asked for again may have become one too many meanwhile.
      guard(backendsAtStake(backends), minUp)
    }
    await request(state, forgotten, this.#context)
    this.#reloaded.delete(instance)
  }

  /** What the process that was replaced may still hold; a stalled one only seems to be another. */
  #leftOnOldProcess(instance: Instance, isKept: boolean): string {
    if (this.#reloaded.get(instance) === 'unclear') {
      return SESSIONS_UNKNOWN
    }
    return this.#old.get(instance)?.replaced(isKept) === true
      ? SESSIONS_MAY_REMAIN
      : NO_SESSION_WAS_LEFT
  }

  #remember(seen: readonly Backend[]): void {
    targetsOf(seen)
      .filter(({ now }) => isOut(now, this.#options.state))
      .forEach((target) => this.#heldAt.set(target, target.backend.seenAt))
    for (const [instance, old] of this.#old) {
      const backends = this.#backends.filter((backend) => backend.instance === instance)
      if (backends.every((backend) => seen.includes(backend))) {
        const [targets, followers] = [targetsOf(backends), followersOf(backends)]
        // In drain pinned clients may go on to come to the old process.
        const isIdle =
          targets.every(({ now }) => isOut(now, 'maint')) &&
          [...targets, ...followers].every(
            ({ now, newSessions }) => isDrained(now, 0) && newSessions <= 0
          )
        const at = Math.min(...backends.map(({ seenAt }) => seenAt))
        old.remember({ at, isIdle })
        if ([...targets, ...followers].some(({ newSessions }) => newSessions < 0)) {
          old.countersReset(at)
        }
      }
    }
  }

  /** In drain the short requests of pinned clients go on, and would fall between two looks. */
  #hasDrained({ now, newSessions }: Target): boolean {
    const { maxSessions } = this.#options
    return isDrained(now, maxSessions) && (maxSessions > 0 || newSessions === 0)
  }

  #areOldOnesGone(): boolean {
    const { clock, log } = this.#context
    const goneAt = Math.max(...[...this.#old.values()].map((old) => old.goneAt))
    const remainingMs = goneAt - clock.now()
    const areGone = remainingMs <= 0
    if (!areGone && goneAt > this.#saidUntil) {
      this.#saidUntil = goneAt
      log.info(waitingForOldProcess(remainingMs))
    }
    return areGone
  }

  #announceNewSessions(): void {
    // What came before the first look came when the servers were in rotation.
    if (this.#judged === 1 || this.#options.maxSessions > 0) {
      return
    }
    for (const target of targetsOf(this.#backends)) {
      if (isDrained(target.now, 0) && target.newSessions > 0 && !this.#announced.has(target)) {
        this.#announced.add(target)
        this.#context.log.info(newSessionsKeepComing(target))
      }
    }
  }
}
