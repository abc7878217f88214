import type { Inputs } from './runner/inputs.ts'
import { saveIntent } from './runner/intent.ts'
import { log } from './runner/log.ts'
import { type BringBack, bringBack, stepsBack } from './rotation/bring-back.ts'
import type { Step } from './rotation/ask.ts'
import { command } from './rotation/command.ts'
import { namesOf } from './rotation/describe.ts'
import { refuseUndrivable, refuseUnknownStatus } from './rotation/find.ts'
import { guard, poolsAtStake } from './rotation/guard.ts'
import { isMoved, type Pool, targetsOf } from './rotation/pool.ts'
import { rehearse } from './rotation/rehearse.ts'
import type { Context } from './rotation/context.ts'
import { stepsOut, takeOut } from './rotation/take-out.ts'
import type { OnLook } from './rotation/watch.ts'

/**
 * Does what the action asks for.
 *
 * @returns whether what was waited for has come true; without a wait nothing has
 */
export async function perform(
  inputs: Inputs,
  pools: readonly Pool[],
  context: Context,
  onLook: OnLook
): Promise<boolean> {
  const { action } = inputs
  refuseUnknownStatus(targetsOf(pools))
  if (action === 'status') {
    return false
  }
  refuseUndrivable(targetsOf(pools))
  if (action === 'drain' || action === 'maint') {
    return takeOutOf(pools, { ...inputs, action }, context, onLook)
  }
  if (action === 'ready') {
    await bringBackTo(pools, inputs, context, onLook)
    return inputs.wait
  }
  if (inputs.dryRun) {
    await rehearseSteps(pools, `ask for ${action}: ${namesOf(targetsOf(pools))}`, context)
  } else {
    await command(pools, action, context)
  }
  return false
}

async function takeOutOf(
  pools: readonly Pool[],
  inputs: Inputs & { readonly action: 'drain' | 'maint' },
  context: Context,
  onLook: OnLook
): Promise<boolean> {
  const { action, minUp, maxSessions, onTimeout } = inputs
  const steps = stepsOut(pools, action)
  guard(poolsAtStake(pools), minUp)
  if (inputs.dryRun) {
    await rehearseSteps(pools, told(steps), context)
    return false
  }
  const intended = steps.map(({ target }) => target)
  saveIntent(inputs.restore, action, intended)
  try {
    const wait = inputs.wait ? inputs.rhythm : undefined
    const order = { state: action, minUp, wait, maxSessions, onTimeout }
    return await takeOut(pools, order, context, onLook)
  } finally {
    if (!intended.every(isMoved)) {
      saveIntent(inputs.restore, action, intended.filter(isMoved))
    }
  }
}

async function bringBackTo(
  pools: readonly Pool[],
  inputs: Inputs,
  context: Context,
  onLook: OnLook
): Promise<void> {
  const order: BringBack = {
    throughDrain: inputs.readyThroughDrain,
    wait: inputs.wait ? inputs.rhythm : undefined,
    unproven: 'fail'
  }
  if (inputs.dryRun) {
    await rehearseSteps(pools, told(stepsBack(targetsOf(pools), order), 'ready'), context)
    return
  }
  await bringBack(pools, order, context, onLook)
}

async function rehearseSteps(
  pools: readonly Pool[],
  what: string,
  context: Context
): Promise<void> {
  await rehearse(pools, context)
  log.info(`The right to change is proven everywhere. A real run would ${what}.`)
}

/** The plan in words; a way through drain ends in ready once the check has passed. */
function told(steps: readonly Step[], end?: 'ready'): string {
  const asked = steps.map(({ target, states }) => {
    const all = end === undefined || states.at(-1) === end ? states : [...states, end]
    return `ask for ${all.join(', then ')}: ${target.fullName}`
  })
  return asked.length === 0 ? 'find nothing to change' : asked.join('; ')
}
