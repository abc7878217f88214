import { canBe, isUnresolved, isUp, type Server, shownAdminState } from '../haproxy/server.ts'
import { type Backend, backendsOf, instancesOf } from './backend.ts'
import type { Context } from './context.ts'
import {
  forceDown,
  forceDownAgain,
  hasLeftDrain,
  isForcedDown,
  release,
  whyNotSpared
} from './fresh-check.ts'
import type { Instance, ProcessChange } from './instance.ts'
import { changedByOthers, reloadedMessage } from './other-hands.ts'
import { lookAgain, request } from './request.ts'
import { checkedElsewhere, leaderOf, type Route } from './route.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'
import type { Condition, Verdict } from './wait.ts'

/**
 * Where a target is on its way back: it waits for DNS; its health is forced down and checks that began before
 * must end; it waits for its checks elsewhere; or it is released, and HAProxy brings it up.
 */
type Stage = 'unresolved' | 'forced down' | 'elsewhere' | 'released'

/** The routes on which only HAProxy's own checks bring a server up. */
const CHECKED: readonly Route[] = ['fresh check', 'down']

/** The condition that servers are up, and the requests that bring them there. */
export class Returning implements Condition {
  readonly #targets: readonly Target[]
  readonly #routes: ReadonlyMap<Target, Route>
  readonly #minUp: number
  readonly #context: Context
  readonly #stages: Map<Target, Stage>
  readonly #blocked = new Map<Target, string>()
  /** Instances that were reloaded, until everything is asked for again. */
  readonly #reloaded = new Map<Instance, ProcessChange>()
  /** The partial health of a target for which no reload was the reason. */
  readonly #explained = new Map<Target, string>()

  constructor(routes: ReadonlyMap<Target, Route>, minUp: number, context: Context) {
    this.#targets = [...routes.keys()]
    this.#routes = routes
    this.#minUp = minUp
    this.#context = context
    this.#stages = new Map(
      [...routes].map(([target, route]) => [target, firstStage(target.before, route)])
    )
  }

  /** Targets for which not everything is asked for that is to be. */
  get held(): Target[] {
    return this.#targets.filter(
      (target) => this.#stages.get(target) !== 'released' || this.#blocked.has(target)
    )
  }

  /** Targets that a reload has put into rotation unchecked, each with the reason why it stays there. */
  get blocked(): ReadonlyMap<Target, string> {
    return this.#blocked
  }

  /** Asks for all that can be asked for before anything is seen. A follower comes after its leader. */
  async begin(): Promise<void> {
    await forceDown(this.#at('forced down', this.#targets), this.#context)
    await request('ready', this.#by(['ready', 'down'], this.#targets), this.#context)
    await this.#release(this.#by(['release'], this.#targets))
  }

  async judge(seen: readonly Backend[]): Promise<Verdict> {
    const visible = this.#targets.filter(({ backend }) => seen.includes(backend))
    // Each of these looks anew before another goes on with what it has changed.
    const acted =
      (await this.#resumeReloaded()) ||
      (await this.#explainLosses(visible)) ||
      (await this.#resumeResolved(visible)) ||
      (await this.#resumeBlocked(visible)) ||
      (await this.#releaseForcedDown(visible)) ||
      (await this.#releaseElsewhere(visible))
    // A check that began before is over soon, and the pause before the next one may be short.
    if (acted || this.#at('forced down', visible).length > 0) {
      return 'acted'
    }
    return this.held.length === 0 && this.#targets.every((target) => this.isBack(target))
      ? 'met'
      : 'waiting'
  }

  /**
   * Whether a target is up, and its last check has passed: a name that DNS lost and found between two looks, or
   * a reload that cannot be seen, puts it into rotation unchecked.
   */
  isBack(target: Target): boolean {
    const { checkFailed, unchecked } = target.now
    const isChecked = this.#by(CHECKED, [target]).length > 0
    return isUp(target.now) && !(isChecked && (checkFailed || unchecked))
  }

  /** A reload forgets that health was forced down: what came up since may never have been checked. */
  async confirm(): Promise<boolean> {
    const kept = await settleAll(instancesOf(backendsOf(this.#targets)), async (instance) => {
      const change = await this.#recheck(instance)
      if (!isReload(change)) {
        return true
      }
      await this.#beginAgain(instance, change)
      return false
    })
    return kept.every(Boolean)
  }

  async #resumeReloaded(): Promise<boolean> {
    const reloaded = [...this.#reloaded]
    await settleAll(reloaded, ([instance, change]) => this.#beginAgain(instance, change))
    return reloaded.length > 0
  }

  async #resumeResolved(visible: readonly Target[]): Promise<boolean> {
    const back = this.#at('unresolved', visible).filter(({ now }) => !isUnresolved(now))
    // An admin state other than the one that was asked for before the name was lost is to be explained.
    const isChanged = ({ change: { state, isUncertain }, now }: Target): boolean =>
      state !== undefined && isUncertain !== true && !canBe(now, state)
    const checked = this.#by(CHECKED, back).filter((target) => !isChanged(target))
    await this.#takeOutAgain(checked)
    for (const target of back.filter((each) => !checked.includes(each))) {
      this.#enter(target.change.state === 'drain' ? 'forced down' : 'released', [target])
    }
    return back.length > 0
  }

  async #resumeBlocked(visible: readonly Target[]): Promise<boolean> {
    const blocked = visible.filter((target) => this.#blocked.has(target))
    await this.#takeOutAgain(blocked)
    return blocked.some((target) => !this.#blocked.has(target))
  }

  /**
   * Releases what no check from before can bring up. Only one check of a server runs at a time: what has raised
   * health since it was forced down may have begun before, and what runs by then began after.
   */
  async #releaseForcedDown(visible: readonly Target[]): Promise<boolean> {
    const due = this.#at('forced down', visible).filter(
      ({ now }) => !now.checking || !isForcedDown(now)
    )
    await forceDownAgain(
      due.filter(({ now }) => !isForcedDown(now)),
      this.#context
    )
    await this.#release(due)
    return due.length > 0
  }

  async #releaseElsewhere(visible: readonly Target[]): Promise<boolean> {
    const isBack = (target: Target): boolean =>
      !this.held.includes(target) && target.isKnown && this.isBack(target)
    const ready = this.#at('elsewhere', visible).filter((target) =>
      checkedElsewhere(target, this.#targets).every(isBack)
    )
    await request('ready', ready, this.#context)
    this.#enter('released', ready)
    return ready.length > 0
  }

  async #explainLosses(visible: readonly Target[]): Promise<boolean> {
    // A request of unknown fate shows in what it has led to.
    const ready = visible.filter(
      ({ change, now }) => change.state === 'ready' && shownAdminState(now) === 'ready'
    )
    this.#enter('released', [...this.#at('forced down', ready), ...this.#at('elsewhere', ready)])
    const lost = visible.filter((target) => this.#isLost(target))
    const unresolved = lost.filter(({ now }) => isUnresolved(now))
    this.#enter('unresolved', unresolved)
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
    const lost = targets.filter((target) => !this.#isPartlyUp(target))
    if (lost.length > 0) {
      throw changedByOthers(lost, change)
    }
    targets.forEach((target) => this.#explained.set(target, target.now.status))
    return false
  }

  /** Whether what is seen of a target cannot come of what was asked for. */
  #isLost(target: Target): boolean {
    const { now, before } = target
    const was = shownAdminState(before) ?? 'ready'
    const leader = leaderOf(target, this.#targets)
    if (leader !== undefined && !isUp(leader.now)) {
      return false
    }
    switch (this.#stages.get(target)) {
      case 'forced down':
        return hasLeftDrain(now)
      case 'elsewhere':
        return !isUnresolved(now) && !canBe(now, this.#blocked.has(target) ? 'ready' : was)
      case 'released':
        return this.#isPartlyUp(target)
          ? this.#explained.get(target) !== now.status
          : !canBe(now, 'ready')
      case 'unresolved':
      case undefined:
        return false
    }
  }

  /** `UP n/m` after a check has passed is what a failed check leaves, or a reload. */
  #isPartlyUp(target: Target): boolean {
    const isChecked = this.#by(CHECKED, this.#at('released', [target])).length > 0
    return isChecked && target.now.word === 'UP' && target.now.status !== 'UP'
  }

  /** A reload forgets the admin states, and of every target there that its health was forced down. */
  async #beginAgain(instance: Instance, change: ProcessChange): Promise<void> {
    const mine = this.#targets.filter(({ backend }) => backend.instance === instance)
    await lookAgain(backendsOf(mine), this.#context)
    const lost = mine.filter((target) => this.#isLost(target))
    // A reload brings no maint with it that this step has ended.
    const byOthers = lost.filter(({ now }) => now.word === 'MAINT' && !isUnresolved(now))
    if (byOthers.length > 0) {
      throw changedByOthers(byOthers, change)
    }
    const checked = this.#by(CHECKED, mine).filter(
      (target) => this.#stages.get(target) !== 'unresolved'
    )
    const again = mine.filter((target) => checked.includes(target) || lost.includes(target))
    this.#context.log.warning(
      reloadedMessage(instance.name, change, again, 'what brings them back begins again')
    )
    const others = lost.filter((target) => !checked.includes(target))
    await request('ready', this.#at('released', others), this.#context)
    await this.#takeOutAgain([...checked, ...this.#at('elsewhere', others)])
    this.#reloaded.delete(instance)
  }

  /** What a reload has put into rotation is taken out again only where enough others serve. */
  async #takeOutAgain(targets: readonly Target[]): Promise<void> {
    const reasons = new Map(targets.map((target) => [target, whyNotSpared(target, this.#minUp)]))
    const spared = targets.filter((target) => reasons.get(target) === undefined)
    for (const [target, why] of reasons) {
      if (why !== undefined) {
        this.#enter('released', this.#by(CHECKED, [target]))
        this.#blocked.set(target, why)
      }
    }
    const elsewhere = this.#at('elsewhere', spared)
    for (const state of ['drain', 'maint'] as const) {
      const mine = elsewhere.filter(({ before }) => shownAdminState(before) === state)
      await request(state, mine, this.#context)
    }
    this.#enter('elsewhere', elsewhere)
    const checked = this.#by(CHECKED, spared)
    await forceDown(checked, this.#context)
    this.#enter('forced down', checked)
  }

  async #release(targets: readonly Target[]): Promise<void> {
    const enter = (target: Target): void => {
      this.#enter('released', [target])
    }
    const lost = await release(targets, enter, this.#context)
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

  #enter(stage: Stage, targets: readonly Target[]): void {
    for (const target of targets) {
      this.#stages.set(target, stage)
      this.#explained.delete(target)
      this.#blocked.delete(target)
    }
  }

  #at(stage: Stage, targets: readonly Target[]): Target[] {
    return targets.filter((target) => this.#stages.get(target) === stage)
  }

  #by(routes: readonly Route[], targets: readonly Target[]): Target[] {
    return targets.filter((target) => routes.includes(this.#routes.get(target) ?? 'none'))
  }
}

function firstStage(before: Server, route: Route): Stage {
  switch (route) {
    case 'fresh check':
      return isUnresolved(before) ? 'unresolved' : 'forced down'
    case 'checks elsewhere':
      return 'elsewhere'
    case 'none':
    case 'ready':
    case 'down':
    case 'release':
      return 'released'
  }
}

function isReload(change: ProcessChange): boolean {
  return change === 'newer' || change === 'unclear'
}
