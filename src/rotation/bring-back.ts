import { HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, isUp, type Server, shownAdminState } from '../haproxy/server.ts'
import type { Step } from './ask.ts'
import { change, changeWhatever } from './change.ts'
import { seenAs } from './describe.ts'
import { formatDuration } from './duration.ts'
import { type Pool, type Target, targetsOf } from './pool.ts'
import { Returning, vouchersOf } from './returning.ts'
import type { Context } from './context.ts'
import { type OnLook, type Outcome, type Rhythm, watch, whyNotMet } from './watch.ts'

/** How to bring servers back into rotation. */
export interface BringBack {
  /** Whether a server with a health check comes back by way of drain, where no user meets it. */
  readonly throughDrain: boolean
  /** How to wait until up; undefined for not at all. */
  readonly wait: Rhythm | undefined
  /**
   * What becomes of a server whose health is not proven when the time is up. With `ready` nothing is ever
   * put back either: the way goes towards ready in any case.
   */
  readonly unproven: 'fail' | 'ready'
}

/**
 * What must be asked for to bring a target back that is not ready, before the wait that may ask for `ready`
 * at its end.
 *
 * Leaving maint makes HAProxy count health afresh, and in drain its checks run while load balancing sends
 * nothing (measured). So a server comes back from maint by way of drain, and one found in drain goes
 * through maint first: its last check may be older than its restart. Not so while it has sessions, for then
 * it evidently serves, and stays in drain only while its checks fail; nor a server that is `DOWN`, which
 * must earn its way up in any case.
 *
 * Where it has no check nothing is known of it, so it stays what it is while a check of the same server in
 * another backend can still vouch for it.
 */
export function wayBack(
  before: Server,
  { throughDrain, wait }: BringBack,
  isVouchedFor = false
): AdminState[] {
  const shown = shownAdminState(before)
  if (!throughDrain || wait === undefined) {
    return ['ready']
  }
  if (!before.hasHealth) {
    return isVouchedFor ? [] : ['ready']
  }
  if (shown === 'maint') {
    return ['drain']
  }
  if (shown === 'drain' && before.sessions + before.queue > 0) {
    return [before.fullHealth ? 'ready' : 'drain']
  }
  return shown === 'drain' ? ['maint', 'drain'] : ['ready']
}

/** What must be asked for to bring targets back; no step for those that are ready already. */
export function stepsBack(targets: readonly Target[], order: BringBack): Step[] {
  return targets
    .filter(({ before }) => shownAdminState(before) !== 'ready')
    .map((target) => ({
      target,
      states: wayBack(target.before, order, vouchersOf(target, targets).length > 0)
    }))
}

/**
 * Brings servers back into rotation and waits until they are up.
 *
 * @throws HaproxyError; `not-up` when the time is up
 */
export async function bringBack(
  pools: readonly Pool[],
  order: BringBack,
  context: Context,
  onLook: OnLook
): Promise<void> {
  const steps = stepsBack(targetsOf(pools), order)
  if (order.unproven === 'ready') {
    await changeWhatever(steps, context)
  } else if (steps.length > 0) {
    await change(steps, () => undefined, context)
  }
  if (order.wait === undefined) {
    return
  }
  context.log.phase('Waiting until up')
  const returning = new Returning(pools, steps, order.wait, context)
  const outcome = await watch(pools, order.wait, (seen) => returning.judge(seen), context, onLook)
  if (!outcome.met) {
    if (order.unproven === 'fail') {
      throw notUp(pools, order.wait, outcome)
    }
    await returning.readyAnyway()
  }
  tellOfGaps(pools, context)
}

function notUp(pools: readonly Pool[], { timeoutMs }: Rhythm, outcome: Outcome): HaproxyError {
  const down = targetsOf(pools).filter(({ now }) => !isUp(now))
  const seen = down.map((target) => {
    const { check } = target.now
    return `${target.fullName} is ${seenAs(target)}${check && `, its last check says ${check}`}`
  })
  const checked = down.filter(({ before }) => before.hasHealth)
  const isUntold =
    checked.length > 0 && checked.every(({ asked, now }) => asked === 'drain' && now.fullHealth)
  const advice = isUntold
    ? 'It is healthy, but was not watched for long enough to know that its check is fresh: wait longer (wait-timeout).'
    : 'Look at the application and its health check, then ask for ready again.'
  return new HaproxyError(
    'not-up',
    `Not up within ${formatDuration(timeoutMs)}: ${whyNotMet(seen, outcome)}`,
    {
      advice: outcome.blind?.advice ?? advice,
      cause: outcome.blind
    }
  )
}

/** What a green `ready` leaves open. */
function tellOfGaps(pools: readonly Pool[], { log }: Context): void {
  for (const target of targetsOf(pools)) {
    const { status, throttle, weight } = target.now
    if (weight === 0) {
      log.notice(`${target.fullName} has the weight 0: load balancing sends it no traffic.`)
    }
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
