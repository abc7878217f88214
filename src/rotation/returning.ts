import { type AdminState, canBe, isPartial, isUp, ownAdminState } from '../haproxy/server.ts'
import type { Step } from './ask.ts'
import { changeWhatever } from './change.ts'
import { namesOf } from './describe.ts'
import { formatDuration } from './duration.ts'
import { settleAll } from './settle-all.ts'
import { type Pool, type Target, targetsOf } from './pool.ts'
import { askUnlessAway, Reask } from './reask.ts'
import type { Context } from './context.ts'
import type { Judgement, Rhythm } from './watch.ts'

/** Where nothing tells a fresh check from an old one, the stage before `ready` lasts this long, in ms. */
const UNTOLD_CHECK = 5_000

/** One target on its way back. */
interface Journey {
  /**
   * In `check` it is in drain and must pass its health check; in `vouchers` it has none and stays what it
   * is until the checks of the same server elsewhere have passed; in `up` it was asked to be ready.
   */
  stage: 'check' | 'vouchers' | 'up'
  /** Whether it left maint, so that what HAProxy knew of its health before counts for nothing. */
  readonly leftMaint: boolean
  /** Whether its health was seen on its way since then: a full one is then of a fresh check. */
  sawPartial: boolean
  /** Since when its health has been seen full, on the run's clock. */
  fullSince: number | undefined
}

/** Judges whether all targets are up, and sends those on that have passed their check. */
export class Returning {
  readonly #journeys: ReadonlyMap<Target, Journey>
  readonly #holdMs: number
  readonly #reask: Reask
  readonly #context: Context
  #toldOfHold = false

  constructor(
    pools: readonly Pool[],
    steps: readonly Step[],
    { settleMs }: Rhythm,
    context: Context
  ) {
    const asked = new Map(steps.map(({ target, states }) => [target, states]))
    this.#journeys = new Map(
      targetsOf(pools).map((target) => [target, departure(target, asked.get(target))])
    )
    this.#holdMs = Math.max(UNTOLD_CHECK, settleMs)
    this.#reask = new Reask(context)
    this.#context = context
  }

  async judge(seen: readonly Pool[]): Promise<Judgement> {
    let acted = false
    await settleAll(seen, async (pool) => {
      if (await this.#moveOn(pool)) {
        acted = true
      }
    })
    const met = [...this.#journeys].every(
      ([target, journey]) =>
        journey.stage === 'up' && isUp(target.now) && this.#isFresh(target, journey)
    )
    return { met, acted }
  }

  /** Asks for `ready` for all that still wait for their check. */
  async readyAnyway(): Promise<void> {
    const waiting = [...this.#journeys].filter(([, { stage }]) => stage !== 'up')
    const steps = waiting.map(([target]) => ({ target, states: ['ready'] as const }))
    await changeWhatever(steps, this.#context)
  }

  /** @returns whether a target was sent on, so that a look at once may see it up */
  async #moveOn(pool: Pool): Promise<boolean> {
    const lost = new Map<AdminState, Target[]>()
    const passed: Target[] = []
    const inDoubt = this.#reask.inDoubt(pool)
    for (const target of pool.targets) {
      const journey = this.#observe(target)
      const state = stateIn(journey.stage, target)
      const isHidden = state !== 'ready' && inDoubt.includes(target)
      if (this.#hasPassed(target, journey)) {
        passed.push(target)
      } else if (isHidden || !canBe(target.now, state)) {
        lost.set(state, [...(lost.get(state) ?? []), target])
      }
    }
    for (const [state, targets] of lost) {
      await this.#reask.ask(pool, state, targets)
    }
    if (passed.length > 0) {
      this.#context.log.info(`Its health check passed; asking for ready: ${namesOf(passed)}.`)
      if (await askUnlessAway(pool, 'ready', passed, this.#context)) {
        passed.forEach((target) => (this.#journey(target).stage = 'up'))
        return true
      }
    }
    return false
  }

  #hasPassed(target: Target, journey: Journey): boolean {
    const { now } = target
    switch (journey.stage) {
      case 'check':
        return now.word === 'DRAIN' && now.fullHealth && this.#isFresh(target, journey)
      case 'vouchers':
        return vouchersOf(target, [...this.#journeys.keys()]).every(
          (voucher) => this.#journey(voucher).stage === 'up' && voucher.certain && isUp(voucher.now)
        )
      case 'up':
        return false
    }
  }

  #observe(target: Target): Journey {
    const journey = this.#journey(target)
    const { now } = target
    const full = now.fullHealth && (now.word === 'DRAIN' || now.word === 'UP')
    journey.sawPartial ||= isPartial(now.status) || now.word === 'DOWN'
    journey.fullSince = full ? (journey.fullSince ?? this.#context.clock.now()) : undefined
    if (full && journey.leftMaint && !journey.sawPartial && !this.#toldOfHold) {
      this.#toldOfHold = true
      this.#context.log.notice(
        `HAProxy shows full health from the first moment (fall 1, init-state fully-up, track, or a check that was faster than the first look), so that nothing tells ` +
          `a fresh check from an old one: watching ${target.fullName} for ${formatDuration(this.#holdMs)}. ` +
          'If its check runs less often than that, raise settle-time.'
      )
    }
    return journey
  }

  #isFresh({ now }: Target, { leftMaint, sawPartial, fullSince }: Journey): boolean {
    // Somebody may have switched its check off since: then there is none to wait for.
    if (!leftMaint || now.word === 'no check') {
      return true
    }
    if (fullSince === undefined) {
      return false
    }
    return sawPartial || this.#context.clock.now() - fullSince >= this.#holdMs
  }

  #journey(target: Target): Journey {
    const journey = this.#journeys.get(target)
    if (journey === undefined) {
      throw new Error(`${target.fullName} is not on its way back.`)
    }
    return journey
  }
}

/** The admin state that a target has at a stage of its way. */
function stateIn(stage: Journey['stage'], { before }: Target): AdminState {
  switch (stage) {
    case 'check':
      return 'drain'
    case 'vouchers':
      return ownAdminState(before)
    case 'up':
      return 'ready'
  }
}

/** The same server in other backends, where its health is checked. */
export function vouchersOf({ before }: Target, targets: readonly Target[]): Target[] {
  return targets.filter((target) => target.before.name === before.name && target.before.hasHealth)
}

function departure({ before }: Target, states: readonly AdminState[] | undefined): Journey {
  const stage = states?.length === 0 ? 'vouchers' : states?.at(-1) === 'drain' ? 'check' : 'up'
  return {
    stage,
    leftMaint: before.hasHealth && (before.word === 'MAINT' || states?.includes('maint') === true),
    sawPartial: false,
    fullSince: undefined
  }
}
