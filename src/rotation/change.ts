import { HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, canBe, shownAdminState } from '../haproxy/server.ts'
import { namesOf, seenAs } from './describe.ts'
import { everywhere } from './everywhere.ts'
import { persist } from './persist.ts'
import type { Pool, Target } from './pool.ts'
import type { Surroundings } from './surroundings.ts'

/** What is to be asked for one target, one state after the other. */
export interface Step {
  readonly target: Target
  readonly states: readonly AdminState[]
}

/**
 * Asks for admin states, with one POST for each pool and state and all pools at once, and reads back that
 * they hold. All or nothing: when anything fails, what had changed is put back to what it was.
 *
 * @param accept looks at what was read back and throws to have everything put back
 * @throws HaproxyError of the first failure, telling whether everything could be put back. A cancelled
 *   run stops where it is: nothing is put back.
 */
export async function change(
  steps: readonly Step[],
  accept: () => void,
  surroundings: Surroundings
): Promise<void> {
  const pools = [...new Set(steps.map(({ target }) => target.pool))]
  surroundings.log.phase('Changing')
  try {
    surroundings.cancelled.throwIfAborted()
    const rounds = Math.max(0, ...steps.map(({ states }) => states.length))
    for (let round = 0; round < rounds; round += 1) {
      await everywhere(pools, (pool) => askRound(pool, steps, round, surroundings))
    }
    await everywhere(pools, (pool) => lookAgain(pool, surroundings))
    refuseIfNotHeld(steps.flatMap(({ target, states }) => [{ target, state: states.at(-1) }]))
    accept()
  } catch (error) {
    if (!(error instanceof HaproxyError) || surroundings.cancelled.aborted) {
      throw error
    }
    throw await undone(
      error,
      steps.map(({ target }) => target),
      surroundings
    )
  }
}

async function askRound(
  pool: Pool,
  steps: readonly Step[],
  round: number,
  surroundings: Surroundings
): Promise<void> {
  const mine = steps.filter(({ target }) => target.pool === pool)
  const groups = Map.groupBy(mine, ({ states }) => states[round])
  await everywhere([...groups], async ([state, group]) => {
    if (state !== undefined) {
      await ask(
        pool,
        state,
        group.map(({ target }) => target),
        surroundings
      )
    }
  })
}

/** Admin states are idempotent, so a request whose fate is unknown is simply made again. */
async function ask(
  pool: Pool,
  state: AdminState,
  targets: readonly Target[],
  surroundings: Surroundings
): Promise<void> {
  surroundings.log.info(`Asking for ${state}: ${namesOf(targets)}.`)
  await persist(() => pool.ask(state, targets, { signal: surroundings.over }), surroundings)
}

async function lookAgain(pool: Pool, surroundings: Surroundings): Promise<void> {
  await persist(() => pool.look({ signal: surroundings.cancelled }), surroundings)
}

interface Claim {
  readonly target: Target
  readonly state: AdminState | undefined
}

function refuseIfNotHeld(claims: readonly Claim[]): void {
  const broken = claims.filter(
    ({ target, state }) => state !== undefined && !canBe(target.now, state)
  )
  if (broken.length === 0) {
    return
  }
  const told = broken.map(
    ({ target, state }) =>
      `${target.fullName} was asked for ${state ?? ''} and is ${seenAs(target)}`
  )
  const leader = broken.find(({ target }) => target.now.tracked !== undefined)?.target.now.tracked
  throw new HaproxyError('did-not-hold', `The admin state did not hold: ${told.join('; ')}.`, {
    ...(leader !== undefined && {
      advice: `It follows ${leader} (track): name that server instead.`
    })
  })
}

/** Puts back what had changed and makes of the failure one that says what became of that. */
async function undone(
  failure: HaproxyError,
  targets: readonly Target[],
  surroundings: Surroundings
): Promise<HaproxyError> {
  const changed = targets.filter(({ asked }) => asked !== undefined)
  if (changed.length === 0) {
    return failure
  }
  const { problem, advice, message } = failure
  try {
    await undo(changed, surroundings)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return new HaproxyError(
      problem,
      `Not everything could be put back: ${why} It began with: ${message}`,
      {
        advice: `Put back by hand what is not as it was. ${advice}`,
        cause: error
      }
    )
  }
  return new HaproxyError(problem, `${message} What had changed was put back.`, {
    advice,
    cause: failure
  })
}

/**
 * Puts targets back to the admin state that they were found in, and reads back that it holds. Goes on
 * when the run is cancelled meanwhile, until it must be over. Where the state was hidden (`DOWN`), `ready`
 * is taken to be the state of before.
 *
 * @throws HaproxyError that tells of everything that could not be put back
 */
export async function undo(targets: readonly Target[], surroundings: Surroundings): Promise<void> {
  const steps = targets.map((target) => ({
    target,
    states: [shownAdminState(target.before) ?? 'ready']
  }))
  const pools = [...new Set(targets.map(({ pool }) => pool))]
  surroundings.log.phase('Putting back')
  const lasting = { ...surroundings, cancelled: surroundings.over }
  await everywhere(pools, async (pool) => {
    await askRound(pool, steps, 0, lasting)
    await lookAgain(pool, lasting)
    const mine = steps.filter(({ target }) => target.pool === pool)
    refuseIfNotHeld(mine.map(({ target, states }) => ({ target, state: states[0] })))
    mine.forEach(({ target }) => (target.undone = true))
  })
}
