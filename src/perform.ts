import type { Inputs } from './inputs.ts'
import { saveIntent } from './intent.ts'
import { log } from './log.ts'
import { type BringBack, bringBack, stepsBack } from './rotation/bring-back.ts'
import type { Step } from './rotation/change.ts'
import { command } from './rotation/command.ts'
import { namesOf } from './rotation/describe.ts'
import { refuseUndrivable } from './rotation/find.ts'
import { guard, poolsAtStake } from './rotation/guard.ts'
import { isChanged, type Pool, targetsOf } from './rotation/pool.ts'
import { rehearse } from './rotation/rehearse.ts'
import type { Surroundings } from './rotation/surroundings.ts'
import { stepsOut, takeOut } from './rotation/take-out.ts'
import type { OnLook } from './rotation/watch.ts'

/** Does what the action asks for. */
export async function perform(
  inputs: Inputs,
  pools: readonly Pool[],
  surroundings: Surroundings,
  onLook: OnLook
): Promise<void> {
  const { action } = inputs
  if (action === 'status') {
    return
  }
  refuseUndrivable(targetsOf(pools))
  if (action === 'drain' || action === 'maint') {
    await takeOutOf(pools, { ...inputs, action }, surroundings, onLook)
  } else if (action === 'ready') {
    await bringBackTo(pools, inputs, surroundings, onLook)
  } else if (inputs.dryRun) {
    await rehearseSteps(pools, `ask for ${action}: ${namesOf(targetsOf(pools))}`, surroundings)
  } else {
    await command(pools, action, surroundings)
  }
}

async function takeOutOf(
  pools: readonly Pool[],
  inputs: Inputs & { readonly action: 'drain' | 'maint' },
  surroundings: Surroundings,
  onLook: OnLook
): Promise<void> {
  const { action, minUp, maxSessions, onTimeout } = inputs
  const steps = stepsOut(pools, action)
  guard(poolsAtStake(pools), minUp)
  if (inputs.dryRun) {
    await rehearseSteps(pools, told(steps), surroundings)
    return
  }
  const intended = steps.map(({ target }) => target)
  saveIntent(inputs.restore, action, intended)
  try {
    const wait = inputs.wait ? inputs.rhythm : undefined
    const order = { state: action, minUp, wait, maxSessions, onTimeout }
    await takeOut(pools, order, surroundings, onLook)
  } finally {
    if (!intended.every(isChanged)) {
      saveIntent(inputs.restore, action, intended.filter(isChanged))
    }
  }
}

async function bringBackTo(
  pools: readonly Pool[],
  inputs: Inputs,
  surroundings: Surroundings,
  onLook: OnLook
): Promise<void> {
  const order: BringBack = {
    throughDrain: inputs.readyThroughDrain,
    wait: inputs.wait ? inputs.rhythm : undefined,
    unproven: 'fail'
  }
  if (inputs.dryRun) {
    await rehearseSteps(pools, told(stepsBack(targetsOf(pools), order)), surroundings)
    return
  }
  await bringBack(pools, order, surroundings, onLook)
}

async function rehearseSteps(
  pools: readonly Pool[],
  what: string,
  surroundings: Surroundings
): Promise<void> {
  await rehearse(pools, surroundings)
  log.info(`The right to change is proven everywhere. A real run would ${what}.`)
}

function told(steps: readonly Step[]): string {
  const asked = steps.map(
    ({ target, states }) => `ask for ${states.join(', then ')}: ${target.fullName}`
  )
  return asked.length === 0 ? 'find nothing to change' : asked.join('; ')
}
