import { canBe, isUnresolved, shownAdminState } from '../haproxy/server.ts'
import { type Backend, backendsOf, instancesOf } from './backend.ts'
import type { Context } from './context.ts'
import { forceDown, forceDownAgain, isForcedDown, release } from './fresh-check.ts'
import type { Instance } from './instance.ts'
import { reloadAt, reloaded, STARTING_OVER } from './log-lines.ts'
import type { MinUp } from './min-up.ts'
import { changedByOthers } from './other-hands.ts'
import { lookAgain, request } from './request.ts'
import type { ReturnStages } from './return-stages.ts'
import { checkedElsewhere } from './route.ts'
import { isReload, type ProcessChange } from './seen-process.ts'
import { settleAll } from './settle-all.ts'
import { takeOutAgain } from './take-out-again.ts'
import type { Target } from './target.ts'
import type { Condition, Progress } from './wait.ts'

/** The condition that servers are up, and the requests that bring them there. */
export class Returning implements Condition {
  readonly #stages: ReturnStages
  readonly #minUp: MinUp
  readonly #context: Context
  /** Instances that were reloaded, until everything is asked for again. */
  readonly #reloaded = new Map<Instance, ProcessChange>()

  constructor(stages: ReturnStages, minUp: MinUp, context: Context) {
    this.#stages = stages
    this.#minUp = minUp
    this.#context = context
  }

  /** Asks for all that can be asked for before anything is seen. A follower comes after its leader. */
  async begin(): Promise<void> {
    await forceDown(this.#stages.at('forced down', this.#stages.targets), this.#context)
    await request('ready', this.#stages.on(['ready', 'down'], this.#stages.targets), this.#context)
    await this.#release(this.#stages.on(['release'], this.#stages.targets))
  }

  async judge(seen: readonly Backend[]): Promise<Progress> {
    const visible = this.#stages.targets.filter(({ backend }) => seen.includes(backend))
    // As soon as one of these acts, another look comes before the next one goes on.
    const acted =
      (await this.#resumeReloaded()) ||
      (await this.#explainLosses(visible)) ||
      (await this.#resumeResolved(visible)) ||
      (await this.#resumeBlocked(visible)) ||
      (await this.#releaseForcedDown(visible)) ||
      (await this.#releaseElsewhere(visible))
    // A check that began before is over soon, and the pause before the next one may be short.
    if (acted || this.#stages.at('forced down', visible).length > 0) {
      return 'acted'
    }
    return this.#stages.pending.length === 0 &&
      this.#stages.targets.every((target) => this.#stages.isBack(target))
      ? 'met'
      : 'waiting'
  }

  /** A reload forgets that health was forced down: what came up since may never have been checked. */
  async confirm(): Promise<boolean> {
    const kept = await settleAll(
      instancesOf(backendsOf(this.#stages.targets)),
      async (instance) => {
        const change = await this.#recheck(instance)
        if (!isReload(change)) {
          return true
        }
        await this.#beginAgain(instance, change)
        return false
      }
    )
    return kept.every(Boolean)
  }

  async #resumeReloaded(): Promise<boolean> {
    const reloaded = [...this.#reloaded]
    await settleAll(reloaded, ([instance, change]) => this.#beginAgain(instance, change))
    return reloaded.length > 0
  }

  async #resumeResolved(visible: readonly Target[]): Promise<boolean> {
    const back = this.#stages.at('unresolved', visible).filter(({ now }) => !isUnresolved(now))
    // An admin state other than the one that was asked for before the name was lost needs an explanation.
    const isChanged = ({ change: { state, isUncertain }, now }: Target): boolean =>
      state !== undefined && isUncertain !== true && !canBe(now, state)
    const checked = this.#stages.checked(back).filter((target) => !isChanged(target))
    await takeOutAgain(checked, this.#stages, this.#minUp, this.#context)
    for (const target of back.filter((each) => !checked.includes(each))) {
      this.#stages.enter(target.change.state === 'drain' ? 'forced down' : 'released', [target])
    }
    return back.length > 0
  }

  async #resumeBlocked(visible: readonly Target[]): Promise<boolean> {
    const blocked = visible.filter((target) => this.#stages.blocked.has(target))
    await takeOutAgain(blocked, this.#stages, this.#minUp, this.#context)
    return blocked.some((target) => !this.#stages.blocked.has(target))
  }

  /**
   * Releases what no check from before can bring up. Only one check of a server runs at a time: what has raised
   * health since it was forced down may have begun before, and what runs by then began after.
   */
  async #releaseForcedDown(visible: readonly Target[]): Promise<boolean> {
    const due = this.#stages
      .at('forced down', visible)
      .filter(({ now }) => !now.checking || !isForcedDown(now))
    await forceDownAgain(
      due.filter(({ now }) => !isForcedDown(now)),
      this.#context
    )
    await this.#release(due)
    return due.length > 0
  }

  async #releaseElsewhere(visible: readonly Target[]): Promise<boolean> {
    const isBack = (target: Target): boolean =>
      !this.#stages.pending.includes(target) && target.isKnown && this.#stages.isBack(target)
    const ready = this.#stages
      .at('elsewhere', visible)
      .filter((target) => checkedElsewhere(target, this.#stages.targets).every(isBack))
    await request('ready', ready, this.#context)
    this.#stages.enter('released', ready)
    return ready.length > 0
  }

  async #explainLosses(visible: readonly Target[]): Promise<boolean> {
    // A request of unknown fate shows in what it has led to.
    const ready = visible.filter(
      ({ change, now }) => change.state === 'ready' && shownAdminState(now) === 'ready'
    )
    this.#stages.enter('released', [
      ...this.#stages.at('forced down', ready),
      ...this.#stages.at('elsewhere', ready)
    ])
    const lost = visible.filter((target) => this.#stages.isLost(target))
    const unresolved = lost.filter(({ now }) => isUnresolved(now))
    this.#stages.enter('unresolved', unresolved)
    const rest = lost.filter((target) => !unresolved.includes(target))
    const groups = Map.groupBy(rest, ({ backend }) => backend.instance)
    const acted = await settleAll([...groups], ([instance, targets]) =>
      this.#explain(instance, targets)
    )
    return acted.includes(true)
  }

  async #explain(instance: Instance, targets: readonly Target[]): Promise<boolean> {
    const change = await this.#recheck(instance)
    if (isReload(change)) {
      await this.#beginAgain(instance, change)
      return true
    }
    const lost = targets.filter((target) => !this.#stages.isPartlyUp(target))
    if (lost.length > 0) {
      throw changedByOthers(lost, change)
    }
    targets.forEach((target) => {
      this.#stages.explain(target)
    })
    return false
  }

  /** A reload forgets the admin states, and of every target there that its health was forced down. */
  async #beginAgain(instance: Instance, change: ProcessChange): Promise<void> {
    const mine = this.#stages.targets.filter(({ backend }) => backend.instance === instance)
    await lookAgain(backendsOf(mine), this.#context)
    const lost = mine.filter((target) => this.#stages.isLost(target))
    // A reload brings no maint with it that this step has ended.
    const byOthers = lost.filter(({ now }) => now.word === 'MAINT' && !isUnresolved(now))
    if (byOthers.length > 0) {
      throw changedByOthers(byOthers, change)
    }
    const unresolved = this.#stages.at('unresolved', mine)
    const checked = this.#stages.checked(mine).filter((target) => !unresolved.includes(target))
    const again = mine.filter((target) => checked.includes(target) || lost.includes(target))
    const reload = reloadAt(instance.name, change)
    this.#context.log.warning(...reloaded(reload, again, STARTING_OVER))
    const others = lost.filter((target) => !checked.includes(target))
    await request('ready', this.#stages.at('released', others), this.#context)
    await takeOutAgain(
      [...checked, ...this.#stages.at('elsewhere', others)],
      this.#stages,
      this.#minUp,
      this.#context
    )
    this.#reloaded.delete(instance)
  }

  async #release(targets: readonly Target[]): Promise<void> {
    const enter = (target: Target): void => {
      this.#stages.enter('released', [target])
    }
    const ended = await release(targets, enter, this.#context)
    const twice = ended.filter((target) => this.#stages.isReleasedElsewhere(target))
    this.#stages.enter('released', twice)
    const lost = ended.filter((target) => !twice.includes(target))
    const groups = Map.groupBy(lost, ({ backend }) => backend.instance)
    await settleAll([...groups], async ([instance, mine]) => {
      const change = await this.#recheck(instance)
      if (!isReload(change)) {
        throw changedByOthers(mine, change)
      }
      await this.#beginAgain(instance, change)
    })
  }

  async #recheck(instance: Instance): Promise<ProcessChange> {
    const change = await instance.recheck({ signal: this.#context.cancelled })
    if (isReload(change)) {
      this.#reloaded.set(instance, change)
    }
    return change
  }
}
