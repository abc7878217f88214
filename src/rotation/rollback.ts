import { HaproxyError, messageOf } from '../haproxy/errors.ts'
import { type AdminState, canBe, ownAdminState, shownAdminState } from '../haproxy/server.ts'
import type { FlagChange } from '../haproxy/commands.ts'
import type { RequestLimits } from '../haproxy/transport.ts'
import { type Backend, backendsOf } from './backend.ts'
import type { Context } from './context.ts'
import { namesOf, seenAs } from './describe.ts'
import { rollingBack } from './log-lines.ts'
import { isAsLeft } from './other-hands.ts'
import { retry } from './retry.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'

/** Whether a target is still in an admin state that this run asked for, and nobody else put it there since. */
function isStillOurs({ now, change, backend }: Target): boolean {
  const { state, at, orElse } = change
  // Others may have taken long to be seen: what counts is the moment at which this one was.
  const elapsedMs = backend.instance.elapsedSince(at, backend.seenAt)
  return [state, orElse].some((asked) => asked !== undefined && isAsLeft(now, asked, elapsedMs))
}

/** Whether an uncertain change turns out not to have been made. */
function wasNeverMade({ now, change, before, isKnown }: Target): boolean {
  const shown = shownAdminState(now)
  return (
    isKnown &&
    change.isUncertain === true &&
    shown !== undefined &&
    shown === shownAdminState(before)
  )
}

/**
 * Puts targets back to the admin state that they were found in, each only if it still is in the one that this
 * run asked for. What counts is what is seen in the end, and one backend that fails keeps no other from being
 * rolled back. Goes on when the run is cancelled meanwhile, until it must be over. Where the previous state was
 * hidden (`DOWN`), it is taken to be `ready`.
 *
 * @param areSeveral whether several HAProxies answer in turn at one address: then no look tells which of them
 *   was changed
 * @throws HaproxyError that names everything that could not be rolled back
 */
export async function rollBack(
  targets: readonly Target[],
  context: Context,
  areSeveral = false
): Promise<void> {
  const lasting = { ...context, cancelled: context.over }
  const failures = new Map<Backend, Error>()
  const attempt = async (work: (backend: Backend) => Promise<void>): Promise<void> => {
    const backends = backendsOf(targets)
    const results = await Promise.allSettled(backends.map(work))
    results.forEach((result, index) => {
      const backend = backends[index]
      if (result.status === 'rejected' && backend !== undefined) {
        failures.set(backend, result.reason as Error)
      }
    })
  }
  const limits = { signal: lasting.over }
  const look = (backend: Backend): Promise<void> => retry(() => backend.look(limits), lasting)
  await attempt(look)
  targets.filter(wasNeverMade).forEach((target) => {
    target.recordRollBack()
  })
  const ours = targets.filter((target) => areSeveral || !target.isKnown || isStillOurs(target))
  // All are asked before any is judged: a server that tracks another shows that one's state.
  await attempt((backend) => rollBackIn(backend, ours, areSeveral, lasting))
  await attempt(look)
  const broken = ours.filter((target) => !isBack(target, failures.has(target.backend)))
  ours
    .filter((target) => !broken.includes(target))
    .forEach((target) => {
      target.recordRollBack()
    })
  if (broken.length > 0) {
    const seen = broken.map(
      (target) => `${target.fullName} is ${target.isKnown ? '' : 'perhaps '}${seenAs(target)}`
    )
    const why = backendsOf(broken).flatMap((backend) => failures.get(backend)?.message ?? [])
    throw new HaproxyError(
      'did-not-hold',
      `${seen.join('; ')}. ${[...new Set(why)].join(' ')}`.trim()
    )
  }
}

async function rollBackIn(
  backend: Backend,
  targets: readonly Target[],
  areSeveral: boolean,
  context: Context
): Promise<void> {
  const mine = targets.filter((target) => target.backend === backend)
  const limits = { signal: context.over }
  const groups = Map.groupBy(mine, ({ before }) => ownAdminState(before) ?? 'ready')
  await settleAll([...groups], async ([state, group]) => {
    context.log.info(rollingBack(state, group))
    await (state === 'ready'
      ? settleAll(group, (target) => backToReady(target, areSeveral, limits, context))
      : retry(() => backend.putBack(state, group, limits), context))
  })
}

/** Where several HAProxies answer in turn, this many requests reach all of them. */
const ROUNDS = 4

/** Undoes no more than what this run did: of the two flags of an admin state, the one that it set. */
async function backToReady(
  target: Target,
  areSeveral: boolean,
  limits: RequestLimits,
  context: Context
): Promise<void> {
  const { state, orElse } = target.change
  const flags: FlagChange[] = [
    ...(state === 'maint' ? (['enable'] as const) : []),
    ...(state !== 'maint' || orElse === 'drain' ? (['start'] as const) : [])
  ]
  for (let round = 0; round < (areSeveral ? ROUNDS : 1); round += 1) {
    for (const flag of flags) {
      await retry(() => target.backend.undo(flag, target, limits), context)
    }
  }
}

/** A hidden state proves nothing by itself, so there the request must have succeeded too. */
function isBack({ before, now, isKnown }: Target, hasFailed: boolean): boolean {
  const isProven = !hasFailed || shownAdminState(now) !== undefined
  return isKnown && isProven && canBe(now, shownBefore(before))
}

function shownBefore(before: Target['before']): AdminState {
  return shownAdminState(before) ?? 'ready'
}

/**
 * Changes targets all or nothing: when the work fails, what had changed is rolled back. A cancelled run stops
 * where it is: nothing is rolled back.
 *
 * @throws HaproxyError of the failure, which says whether everything could be rolled back
 */
export async function allOrNothing<T>(
  targets: readonly Target[],
  context: Context,
  work: () => Promise<T>
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof HaproxyError) || context.cancelled.aborted) {
      throw error
    }
    throw await rollBackAfter(error, targets, context)
  }
}

/** Rolls back what had changed and makes of the failure one that says what became of that. */
export async function rollBackAfter(
  failure: HaproxyError,
  targets: readonly Target[],
  context: Context
): Promise<HaproxyError> {
  const changed = targets.filter(({ change }) => change.state !== undefined && !change.isRolledBack)
  if (changed.length === 0) {
    return failure
  }
  const { problem, advice, message } = failure
  try {
    await rollBack(changed, context, problem === 'several-haproxies')
  } catch (error) {
    const why = messageOf(error)
    return new HaproxyError(
      problem,
      `Not everything could be rolled back: ${why} The first failure: ${message}`,
      { advice: `Put these servers back by hand. ${advice}`.trim(), cause: error }
    )
  }
  const kept = changed.filter(({ change }) => !change.isRolledBack)
  const left = kept.length > 0 ? ` Changed meanwhile, and left alone: ${namesOf(kept)}.` : ''
  const done = kept.length < changed.length ? ' What had changed was rolled back.' : ''
  return new HaproxyError(problem, `${message}${done}${left}`, { advice, cause: failure })
}
