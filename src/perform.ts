import type { Command } from './haproxy/commands.ts'
import type { OutState } from './haproxy/server.ts'
import { checkAdminAccess } from './rotation/admin-access.ts'
import { type Backend, instancesOf, targetsOf } from './rotation/backend.ts'
import { bake } from './rotation/bake.ts'
import { bringBack, routesOf } from './rotation/bring-back.ts'
import { command } from './rotation/command.ts'
import type { Context } from './rotation/context.ts'
import type { Found } from './rotation/find.ts'
import { refuseIfNotAllUp } from './rotation/fleet.ts'
import { backendsAtStake, guard } from './rotation/guard.ts'
import { alsoOnHost } from './rotation/log-lines.ts'
import { refuseIfOldProcessOutlasts } from './rotation/old-processes.ts'
import type { Outcome } from './rotation/outcome.ts'
import type { Plan } from './rotation/plan.ts'
import { refuseIfNotReturnable, refuseUnknownStatus } from './rotation/refuse.ts'
import { refuseSharedAddresses } from './rotation/same-address.ts'
import { takeOut } from './rotation/take-out.ts'
import { targetsToTakeOut } from './rotation/targets-to-take-out.ts'
import { isMoved, type Target } from './rotation/target.ts'
import { mayWait, takeTurn, type Turn } from './rotation/turn.ts'
import type { Inputs } from './runner/inputs.ts'
import { saveIntent } from './runner/intent.ts'

/**
 * Does what the action asks for, and says what was achieved.
 *
 * @param search finds the targets as they are now
 */
export async function perform(
  inputs: Inputs,
  search: () => Promise<Found>,
  context: Context
): Promise<Outcome> {
  const { action } = inputs
  const find = async (): Promise<Found> => {
    const found = await search()
    refuseUnknownStatus(targetsOf(found.backends))
    return found
  }
  switch (action) {
    case 'drain':
    case 'maint':
      return performTakeOut({ ...inputs, action }, find, context)
    case 'ready':
      return performBringBack(inputs, await find(), context)
    case 'status':
      return observe(inputs, await find())
    default:
      return performCommand(action, inputs, await find(), context)
  }
}

function observe({ expect }: Inputs, { backends }: Found): Outcome {
  if (expect === undefined) {
    return { kind: 'observed' }
  }
  refuseIfNotAllUp(targetsOf(backends))
  return { kind: 'all up' }
}

async function performCommand(
  action: Command,
  { dryRun: isDryRun }: Inputs,
  { backends }: Found,
  context: Context
): Promise<Outcome> {
  if (isDryRun) {
    const plan = { kind: 'command', command: action, targets: targetsOf(backends) } as const
    return dryRun(backends, plan, context)
  }
  await command(action, backends, context)
  return { kind: 'commanded' }
}

type TakeOutInputs = Inputs & { readonly action: OutState }

async function performTakeOut(
  inputs: TakeOutInputs,
  search: () => Promise<Found>,
  context: Context
): Promise<Outcome> {
  const { action, minUp, restore } = inputs
  const { found, isClaimed } = await turnOf(inputs, search, context)
  const { backends, shared } = found
  if (shared.otherPort.length > 0) {
    context.log.notice(...alsoOnHost(shared.otherPort))
  }
  const targets = targetsToTakeOut(backends, action)
  const mustWait = inputs.dryRun && inputs.minUpTimeoutMs > 0 && mayWait(backends, minUp)
  if (!isClaimed && !mustWait) {
    guard(backendsAtStake(backends), minUp)
  }
  if (inputs.dryRun) {
    const turnMs = mustWait ? inputs.minUpTimeoutMs : undefined
    return dryRun(backends, { kind: 'take out', state: action, targets, turnMs }, context)
  }
  const { isAwaited, onTimeout } = inputs
  // During a wait for the turn the old process may have ended.
  if (!isClaimed && isAwaited && (onTimeout === 'fail' || onTimeout === 'restore')) {
    refuseIfOldProcessOutlasts(instancesOf(backends), inputs)
  }
  saveIntent(restore, action, targets, isClaimed)
  try {
    const options = { ...inputs, state: action, isClaimed, shared }
    return await takeOut(backends, options, context)
  } finally {
    const moved = targets.filter(isMoved)
    saveIntent(
      restore,
      action,
      moved,
      moved.some(({ change }) => change.orElse === 'drain')
    )
  }
}

/** The targets, and whether they are claimed; a dry run claims none, and waits for no turn. */
async function turnOf(
  { minUp, minUpTimeoutMs, wait, sameAddress, restore, dryRun: isDryRun }: Inputs,
  search: () => Promise<Found>,
  context: Context
): Promise<Turn> {
  const find = async (): Promise<Found> => {
    const found = await search()
    if (sameAddress === 'refuse') {
      refuseSharedAddresses(found.shared)
    }
    return found
  }
  if (isDryRun || minUpTimeoutMs === 0) {
    return { found: await find(), isClaimed: false }
  }
  const { pollMs } = wait
  let claimed: readonly Target[] = []
  const onClaim = (targets: readonly Target[]): void => {
    claimed = targets
    saveIntent(restore, 'drain', targets)
  }
  try {
    return await takeTurn(find, { minUp, timeoutMs: minUpTimeoutMs, pollMs, onClaim }, context)
  } catch (error) {
    saveIntent(restore, 'drain', claimed.filter(isMoved))
    throw error
  }
}

async function performBringBack(
  inputs: Inputs,
  { backends }: Found,
  context: Context
): Promise<Outcome> {
  refuseIfNotReturnable(targetsOf(backends), inputs.isAwaited)
  if (inputs.dryRun) {
    const bakeMs = inputs.isAwaited ? inputs.bakeMs : 0
    const plan = { kind: 'bring back', routes: routesOf(backends, inputs), bakeMs } as const
    return dryRun(backends, plan, context)
  }
  const outcome = await bringBack(backends, inputs, context)
  return outcome.kind === 'up' && inputs.bakeMs > 0 ? bake(backends, inputs, context) : outcome
}

async function dryRun(
  backends: readonly Backend[],
  plan: Plan,
  context: Context
): Promise<Outcome> {
  await checkAdminAccess(backends, context)
  return { kind: 'dry run', plan }
}
