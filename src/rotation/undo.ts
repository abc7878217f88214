import { HaproxyError } from '../haproxy/errors.ts'
import { canBe, ownAdminState, shownAdminState } from '../haproxy/server.ts'
import { lookAgain, poolsOf } from './ask.ts'
import { namesOf, seenAs } from './describe.ts'
import { retry } from './retry.ts'
import { type Pool, type Target, wasAsked } from './pool.ts'
import type { Context } from './context.ts'

/**
 * Puts targets back to the admin state that they were found in. What counts is what is seen in the end,
 * and one pool that fails keeps no other from being put back. Goes on when the run is cancelled meanwhile,
 * until it must be over. Where the state was hidden (`DOWN`), `ready` is taken to be the one of before.
 *
 * @throws HaproxyError that tells of everything that could not be put back
 */
export async function undo(targets: readonly Target[], context: Context): Promise<void> {
  context.log.phase('Putting back')
  const lasting = { ...context, cancelled: context.over }
  const failures = new Map<Pool, Error>()
  const attempt = async (deed: (pool: Pool) => Promise<void>): Promise<void> => {
    const pools = poolsOf(targets)
    const results = await Promise.allSettled(pools.map(deed))
    results.forEach((result, index) => {
      const pool = pools[index]
      if (result.status === 'rejected' && pool !== undefined) {
        failures.set(pool, result.reason as Error)
      }
    })
  }
  // All are asked before any is judged: a server that tracks another shows that one's state.
  await attempt((pool) => putBack(pool, targets, lasting))
  await attempt((pool) => lookAgain(pool, lasting))
  const broken = targets.filter((target) => !isBack(target, failures.has(target.pool)))
  for (const target of targets) {
    target.undone = !broken.includes(target)
  }
  if (broken.length > 0) {
    const told = broken.map(
      (target) => `${target.fullName} is ${target.certain ? '' : 'perhaps '}${seenAs(target)}`
    )
    const why = [...new Set(poolsOf(broken).flatMap((pool) => failures.get(pool)?.message ?? []))]
    throw new HaproxyError('did-not-hold', `${told.join('; ')}. ${why.join(' ')}`.trim())
  }
}

async function putBack(pool: Pool, targets: readonly Target[], context: Context): Promise<void> {
  const mine = targets.filter((target) => target.pool === pool)
  const groups = Map.groupBy(mine, ({ before }) => ownAdminState(before))
  for (const [state, group] of groups) {
    context.log.info(`Putting back to ${state}: ${namesOf(group)}.`)
    await retry(() => pool.putBack(state, group, { signal: context.over }), context)
  }
}

/** A hidden state proves nothing by itself, so there the request must have succeeded too. */
function isBack({ before, now, certain }: Target, failed: boolean): boolean {
  const proven = !failed || shownAdminState(now) !== undefined
  return certain && proven && canBe(now, shownAdminState(before) ?? 'ready')
}

/**
 * Does something to targets all or nothing: when it fails, what had changed is put back. A cancelled run
 * stops where it is: nothing is put back.
 *
 * @throws HaproxyError of the failure, telling whether everything could be put back
 */
export async function allOrNothing<T>(
  targets: readonly Target[],
  context: Context,
  deed: () => Promise<T>
): Promise<T> {
  try {
    return await deed()
  } catch (error) {
    if (!(error instanceof HaproxyError) || context.cancelled.aborted) {
      throw error
    }
    throw await undone(error, targets, context)
  }
}

/** Puts back what had changed and makes of the failure one that says what became of that. */
export async function undone(
  failure: HaproxyError,
  targets: readonly Target[],
  context: Context
): Promise<HaproxyError> {
  const changed = targets.filter(wasAsked)
  if (changed.length === 0) {
    return failure
  }
  const { problem, advice, message } = failure
  try {
    await undo(changed, context)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const told = `Not everything could be put back: ${why} It began with: ${message}`
    return new HaproxyError(problem, told, {
      advice: `Put back by hand what is not as it was. ${advice}`,
      cause: error
    })
  }
  return new HaproxyError(problem, `${message} What had changed was put back.`, {
    advice,
    cause: failure
  })
}
