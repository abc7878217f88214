import { HaproxyError } from '../haproxy/errors.ts'
import {
  type AdminState,
  canBe,
  isPartial,
  isUp,
  type Server,
  shownAdminState
} from '../haproxy/server.ts'
import { change, type Step } from './change.ts'
import { everywhere } from './everywhere.ts'
import { namesOf, seenAs } from './describe.ts'
import { formatDuration } from './duration.ts'
import { type Pool, type Target, targetsOf } from './pool.ts'
import { askUnlessAway, Reask } from './reask.ts'
import type { Surroundings } from './surroundings.ts'
import { type Judgement, type OnLook, type Outcome, type Rhythm, watch } from './watch.ts'

/** How to bring servers back into rotation. */
export interface BringBack {
  /** Whether a server with a health check comes back by way of drain, where no user meets it. */
  readonly throughDrain: boolean
  /** How to wait until up; undefined for not at all. */
  readonly wait: Rhythm | undefined
  /** What becomes of a server whose health is not proven when the time is up. */
  readonly unproven: 'fail' | 'ready'
}

/**
 * What must be asked for to bring a target back, before the wait that may ask for `ready` at its end.
 *
 * Leaving maint makes HAProxy count health afresh, and in drain its checks run while load balancing sends
 * nothing (measured). So a server comes back from maint by way of drain, and one found in drain goes
 * through maint first: its last check may be older than its restart. Not so while it has sessions, for then
 * it evidently serves; nor a server that is `DOWN`, which must earn its way up in any case.
 */
export function wayBack(before: Server, { throughDrain, wait }: BringBack): AdminState[] {
  const shown = shownAdminState(before)
  if (shown === 'ready') {
    return []
  }
  if (!throughDrain || wait === undefined || !before.hasHealth) {
    return ['ready']
  }
  if (shown === 'maint') {
    return ['drain']
  }
  const serving = before.sessions + before.queue > 0
  return shown === 'drain' && !serving ? ['maint', 'drain'] : ['ready']
}

/** What must be asked for to bring targets back; nothing for those that are ready already. */
export function stepsBack(targets: readonly Target[], order: BringBack): Step[] {
  return targets
    .map((target) => ({ target, states: wayBack(target.before, order) }))
    .filter(({ states }) => states.length > 0)
}

/**
 * Brings servers back into rotation and waits until they are up.
 *
 * @throws HaproxyError; `not-up` when the time is up
 */
export async function bringBack(
  pools: readonly Pool[],
  order: BringBack,
  surroundings: Surroundings,
  onLook: OnLook
): Promise<void> {
  const steps = stepsBack(targetsOf(pools), order)
  if (steps.length > 0) {
    await change(steps, () => undefined, surroundings)
  }
  if (order.wait === undefined) {
    return
  }
  surroundings.log.phase('Waiting until up')
  const returning = new Returning(pools, steps, order.wait, surroundings)
  const outcome = await watch(
    pools,
    order.wait,
    (seen) => returning.judge(seen),
    surroundings,
    onLook
  )
  if (!outcome.met && order.unproven === 'fail') {
    throw notUp(pools, order.wait, outcome)
  }
  if (!outcome.met) {
    await returning.readyAnyway()
  }
  tellOfGaps(pools, surroundings)
}

/** Where nothing tells a fresh check from an old one, the stage before `ready` lasts this long, in ms. */
const UNTOLD_CHECK = 5_000

/** One target on its way back. */
interface Journey {
  /** In `check` it is in drain and must pass its health check; in `up` it was asked to be ready. */
  stage: 'check' | 'up'
  /** Whether it left maint, so that what HAProxy knew of its health before counts for nothing. */
  readonly leftMaint: boolean
  /** Whether its health was seen on its way since then: a full one is then of a fresh check. */
  sawPartial: boolean
  /** Since when its health has been seen full, on the run's clock. */
  fullSince: number | undefined
}

/** Judges whether all targets are up, and sends those on that have passed their check. */
class Returning {
  readonly #journeys: ReadonlyMap<Target, Journey>
  readonly #holdMs: number
  readonly #reask: Reask
  readonly #surroundings: Surroundings
  #toldOfHold = false

  constructor(
    pools: readonly Pool[],
    steps: readonly Step[],
    { settleMs }: Rhythm,
    surroundings: Surroundings
  ) {
    const asked = new Map(steps.map(({ target, states }) => [target, states]))
    this.#journeys = new Map(
      targetsOf(pools).map((target) => [target, departure(target, asked.get(target) ?? [])])
    )
    this.#holdMs = Math.max(UNTOLD_CHECK, settleMs)
    this.#reask = new Reask(surroundings)
    this.#surroundings = surroundings
  }

  async judge(seen: readonly Pool[]): Promise<Judgement> {
    let acted = false
    await everywhere(seen, async (pool) => {
      if (await this.#moveOn(pool)) {
        acted = true
      }
    })
    const met = [...this.#journeys].every(
      ([target, journey]) => journey.stage === 'up' && isUp(target.now) && this.#isFresh(journey)
    )
    return { met: met && !acted, acted }
  }

  /** Asks for `ready` for all that still wait for their check. */
  async readyAnyway(): Promise<void> {
    const waiting = [...this.#journeys].filter(([, { stage }]) => stage === 'check')
    const steps = waiting.map(([target]) => ({ target, states: ['ready'] as const }))
    if (steps.length > 0) {
      await change(steps, () => undefined, this.#surroundings)
    }
  }

  async #moveOn(pool: Pool): Promise<boolean> {
    const lost: Record<Journey['stage'], Target[]> = { check: [], up: [] }
    const passed: Target[] = []
    for (const target of pool.targets) {
      const journey = this.#observe(target)
      const state = journey.stage === 'check' ? 'drain' : 'ready'
      if (!canBe(target.now, state)) {
        lost[journey.stage].push(target)
      } else if (
        journey.stage === 'check' &&
        target.now.word === 'DRAIN' &&
        this.#isFresh(journey)
      ) {
        passed.push(target)
      }
    }
    if (lost.check.length > 0) {
      await this.#reask.ask(pool, 'drain', lost.check)
    }
    if (lost.up.length > 0) {
      await this.#reask.ask(pool, 'ready', lost.up)
    }
    if (passed.length > 0) {
      this.#surroundings.log.info(`Its health check passed; asking for ready: ${namesOf(passed)}.`)
      await askUnlessAway(pool, 'ready', passed, this.#surroundings)
      passed.forEach((target) => (this.#journey(target).stage = 'up'))
    }
    return lost.check.length + lost.up.length + passed.length > 0
  }

  #observe(target: Target): Journey {
    const journey = this.#journey(target)
    const { now } = target
    const full = now.fullHealth && (now.word === 'DRAIN' || now.word === 'UP')
    journey.sawPartial ||= isPartial(now.status) || now.word === 'DOWN'
    journey.fullSince = full ? (journey.fullSince ?? this.#surroundings.clock.now()) : undefined
    if (full && journey.leftMaint && !journey.sawPartial && !this.#toldOfHold) {
      this.#toldOfHold = true
      this.#surroundings.log.notice(
        `HAProxy shows full health from the first moment (fall 1, init-state fully-up, or track), so that nothing tells ` +
          `a fresh check from an old one: watching ${target.fullName} for ${formatDuration(this.#holdMs)}.`
      )
    }
    return journey
  }

  #isFresh({ leftMaint, sawPartial, fullSince }: Journey): boolean {
    if (!leftMaint) {
      return true
    }
    if (fullSince === undefined) {
      return false
    }
    return sawPartial || this.#surroundings.clock.now() - fullSince >= this.#holdMs
  }

  #journey(target: Target): Journey {
    const journey = this.#journeys.get(target)
    if (journey === undefined) {
      throw new Error(`${target.fullName} is not on its way back.`)
    }
    return journey
  }
}

function departure({ before }: Target, states: readonly AdminState[]): Journey {
  return {
    stage: states.at(-1) === 'drain' ? 'check' : 'up',
    leftMaint: before.hasHealth && (before.word === 'MAINT' || states.includes('maint')),
    sawPartial: false,
    fullSince: undefined
  }
}

function notUp(pools: readonly Pool[], { timeoutMs }: Rhythm, { blind }: Outcome): HaproxyError {
  const down = targetsOf(pools).filter(({ now }) => !isUp(now))
  const told = down.map((target) => {
    const { check } = target.now
    return `${target.fullName} is ${seenAs(target)}${check && `, its last check says ${check}`}`
  })
  const reason =
    told.length > 0
      ? told.join('; ')
      : (blind?.message ??
        `${namesOf(targetsOf(pools))} came up, but not for the whole settle time`)
  const kept = down.some(({ asked }) => asked === 'drain')
    ? 'In drain it meets no user of load balancing. '
    : ''
  return new HaproxyError(
    'not-up',
    `Not up within ${formatDuration(timeoutMs)}: ${reason.replace(/\.$/, '')}.`,
    {
      advice: `${kept}Look at the application and its health check, then ask for ready again.`,
      cause: blind
    }
  )
}

/** What a green `ready` leaves open. */
function tellOfGaps(pools: readonly Pool[], { log }: Surroundings): void {
  for (const target of targetsOf(pools)) {
    const { status, throttle, weight } = target.now
    if (status === 'no check') {
      log.notice(
        `${target.fullName} has no health check: HAProxy sends it traffic without knowing that it is well.`
      )
    }
    if (throttle !== undefined) {
      log.notice(`${target.fullName} starts slowly: its weight is ${weight} now (${throttle} %).`)
    }
  }
}
