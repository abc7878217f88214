import { HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, canBe } from '../haproxy/server.ts'
import { namesOf, seenAs } from './describe.ts'
import { settleAll } from './settle-all.ts'
import { retry } from './retry.ts'
import type { Pool, Target } from './pool.ts'
import type { Context } from './context.ts'

/** What is to be asked for one target, one state after the other. */
export interface Step {
  readonly target: Target
  readonly states: readonly AdminState[]
}

/** The pools of some targets, each once. */
export function poolsOf(targets: readonly Target[]): Pool[] {
  return [...new Set(targets.map(({ pool }) => pool))]
}

/** Asks for everything, round by round: one POST for each pool and state, all pools at once. */
export async function askInRounds(steps: readonly Step[], context: Context): Promise<void> {
  const pools = poolsOf(steps.map(({ target }) => target))
  const rounds = Math.max(0, ...steps.map(({ states }) => states.length))
  for (let round = 0; round < rounds; round += 1) {
    await settleAll(pools, (pool) => askRound(pool, steps, round, context))
  }
}

async function askRound(
  pool: Pool,
  steps: readonly Step[],
  round: number,
  context: Context
): Promise<void> {
  const mine = steps.filter(({ target, states }) => target.pool === pool && round < states.length)
  const groups = Map.groupBy(mine, ({ states }) => states[round] ?? 'ready')
  await settleAll([...groups], async ([state, group]) => {
    const targets = group.map(({ target }) => target)
    context.log.info(`Asking for ${state}: ${namesOf(targets)}.`)
    // Admin states are idempotent, so a request whose fate is unknown is simply made again.
    await retry(() => pool.ask(state, targets, { signal: context.over }), context)
  })
}

/** Reads a pool, to see what came of a change. */
export async function lookAgain(pool: Pool, context: Context): Promise<void> {
  await retry(() => pool.look({ signal: context.cancelled }), context)
}

/** @throws HaproxyError `did-not-hold` for targets that do not show what was asked for last */
export function refuseIfNotHeld(steps: readonly Step[]): void {
  const broken = steps.flatMap(({ target, states }) => {
    const state = states.at(-1)
    return state === undefined || canBe(target.now, state) ? [] : [{ target, state }]
  })
  if (broken.length === 0) {
    return
  }
  const told = broken.map(
    ({ target, state }) => `${target.fullName} was asked for ${state} and is ${seenAs(target)}`
  )
  const leader = broken.find(({ target }) => target.now.tracked !== undefined)?.target.now.tracked
  throw new HaproxyError('did-not-hold', `The admin state did not hold: ${told.join('; ')}.`, {
    ...(leader !== undefined && {
      advice: `It follows ${leader} (track): name that server instead.`
    })
  })
}
