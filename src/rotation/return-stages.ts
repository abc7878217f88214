import { canBe, isUnresolved, isUp, shownAdminState } from '../haproxy/server.ts'
import { hasLeftDrain } from './fresh-check.ts'
import { areOne } from './instance.ts'
import { leaderOf, type Route } from './route.ts'
import type { Target } from './target.ts'

/**
 * Where a target is on its way back: it waits for DNS; its health is forced down and checks that began before
 * must end; it waits for its checks elsewhere; or it is released, and HAProxy brings it up.
 */
type Stage = 'unresolved' | 'forced down' | 'elsewhere' | 'released'

/** The routes on which only HAProxy's own checks bring a server up. */
const CHECKED: readonly Route[] = ['fresh check', 'down']

/** Where each target is on its way back, and whether what is seen of it fits. */
export class ReturnStages {
  readonly targets: readonly Target[]
  readonly #routes: ReadonlyMap<Target, Route>
  readonly #stages: Map<Target, Stage>
  readonly #blocked = new Map<Target, string>()
  /** The partial health of a target for which no reload was the reason. */
  readonly #explained = new Map<Target, string>()

  constructor(routes: ReadonlyMap<Target, Route>) {
    this.targets = [...routes.keys()]
    this.#routes = routes
    this.#stages = new Map(
      [...routes].map(([target, route]) => [target, firstStage(target, route)])
    )
  }

  /** Targets that still need a request. */
  get pending(): Target[] {
    return this.targets.filter(
      (target) => this.#stages.get(target) !== 'released' || this.#blocked.has(target)
    )
  }

  /** Targets that a reload has put into rotation unchecked, each with the reason why it stays there. */
  get blocked(): ReadonlyMap<Target, string> {
    return this.#blocked
  }

  at(stage: Stage, targets: readonly Target[]): Target[] {
    return targets.filter((target) => this.#stages.get(target) === stage)
  }

  on(routes: readonly Route[], targets: readonly Target[]): Target[] {
    return targets.filter((target) => routes.includes(this.#routes.get(target) ?? 'none'))
  }

  /** Targets that only HAProxy's own checks bring up. */
  checked(targets: readonly Target[]): Target[] {
    return this.on(CHECKED, targets)
  }

  enter(stage: Stage, targets: readonly Target[]): void {
    for (const target of targets) {
      this.#stages.set(target, stage)
      this.#explained.delete(target)
      this.#blocked.delete(target)
    }
  }

  /** Records that a target cannot be taken out again for its check, and why. */
  block(target: Target, why: string): void {
    this.enter('released', this.checked([target]))
    this.#blocked.set(target, why)
  }

  /** Records that no reload is the reason for the partial health that a target shows. */
  explain(target: Target): void {
    this.#explained.set(target, target.now.status)
  }

  /**
   * Whether a target is up, and its last check has passed: a name that DNS lost and found between two looks, or
   * a reload that cannot be seen, puts it into rotation unchecked.
   */
  isBack(target: Target): boolean {
    const { checkFailed, unchecked } = target.now
    const isChecked = this.checked([target]).length > 0
    return isUp(target.now) && !(isChecked && (checkFailed || unchecked))
  }

  /** Whether a target shows what nothing that was asked for can have led to. */
  isLost(target: Target): boolean {
    const { now, before } = target
    const was = shownAdminState(before) ?? 'ready'
    const leader = leaderOf(target, this.targets)
    if (leader !== undefined && !isUp(leader.now)) {
      return false
    }
    switch (this.#stages.get(target)) {
      case 'forced down':
        return hasLeftDrain(now)
      case 'elsewhere':
        return !isUnresolved(now) && !canBe(now, this.#blocked.has(target) ? 'ready' : was)
      case 'released':
        return this.isPartlyUp(target)
          ? this.#explained.get(target) !== now.status
          : !canBe(now, 'ready')
      case 'unresolved':
      case undefined:
        return false
    }
  }

  /** Whether this step has ended the same drain by another URL of the same HAProxy. */
  isReleasedElsewhere({ name, backend: { instance } }: Target): boolean {
    return this.at('released', this.targets).some(
      ({ name: other, backend }) =>
        other === name && backend.instance !== instance && areOne(backend.instance, instance)
    )
  }

  /** `UP n/m` after a check has passed is what a failed check leaves, or a reload. */
  isPartlyUp(target: Target): boolean {
    const isChecked = this.checked(this.at('released', [target])).length > 0
    return isChecked && target.now.word === 'UP' && target.now.status !== 'UP'
  }
}

function firstStage({ before }: Target, route: Route): Stage {
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
