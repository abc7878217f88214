import type { Command } from './haproxy/commands.ts'
import { type Backend, targetsOf } from './rotation/backend.ts'
import { bake, type BakeWatchers } from './rotation/bake.ts'
import { bringBack, routesOf } from './rotation/bring-back.ts'
import { checkAdminAccess, command } from './rotation/command.ts'
import type { Context } from './rotation/context.ts'
import { namesOf } from './rotation/describe.ts'
import { formatDuration } from './rotation/duration.ts'
import type { Found } from './rotation/find.ts'
import { refuseIfNotAllUp } from './rotation/fleet.ts'
import { backendsAtStake, guard } from './rotation/guard.ts'
import type { BringBack } from './rotation/order.ts'
import type { Outcome } from './rotation/outcome.ts'
import { refuseIfNotReturnable, refuseUnknownStatus } from './rotation/refuse.ts'
import type { Route } from './rotation/route.ts'
import { describeOthers, refuseSharedAddresses } from './rotation/same-address.ts'
import { takeOut } from './rotation/take-out.ts'
import { targetsToTakeOut } from './rotation/targets-to-take-out.ts'
import { isMoved, type Target } from './rotation/target.ts'
import { mayWait, takeTurn, type Turn } from './rotation/turn.ts'
import type { OnLook } from './rotation/wait.ts'
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
  context: Context,
  onLook: OnLook,
  bakeWatchers: BakeWatchers
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
      return performTakeOut({ ...inputs, action }, find, context, onLook)
    case 'ready':
      return performBringBack(inputs, await find(), context, onLook, bakeWatchers)
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
    return dryRun(backends, `request ${action} for ${namesOf(targetsOf(backends))}`, context)
  }
  await command(action, backends, context)
  return { kind: 'commanded' }
}

type TakeOutInputs = Inputs & { readonly action: 'drain' | 'maint' }

async function performTakeOut(
  inputs: TakeOutInputs,
  search: () => Promise<Found>,
  context: Context,
  onLook: OnLook
): Promise<Outcome> {
  const { action, minUp, restore } = inputs
  const { found, isClaimed } = await turnOf(inputs, search, context)
  const { backends, shared } = found
  if (shared.otherPort.length > 0) {
    context.log.notice(
      `Also on the same host, on another port: ${describeOthers(shared.otherPort)}. Is one of them the same application?`,
      'Same host, another port'
    )
  }
  const targets = targetsToTakeOut(backends, action)
  if (inputs.dryRun && inputs.minUpTimeoutMs > 0 && mayWait(backends, minUp)) {
    const turn = `wait for its turn for up to ${formatDuration(inputs.minUpTimeoutMs)}`
    return dryRun(backends, `${turn}, and then ${plan(targets, action)}`, context)
  }
  if (!isClaimed) {
    guard(backendsAtStake(backends), minUp)
  }
  if (inputs.dryRun) {
    return dryRun(backends, plan(targets, action), context)
  }
  saveIntent(restore, action, targets, isClaimed)
  try {
    const wait = inputs.wait ? inputs.waitOptions : undefined
    const order = { ...inputs, state: action, isClaimed, wait, shared }
    return await takeOut(backends, order, context, onLook)
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
  { minUp, minUpTimeoutMs, waitOptions, sameAddress, restore, dryRun: isDryRun }: Inputs,
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
  const { pollMs } = waitOptions
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
  context: Context,
  onLook: OnLook,
  bakeWatchers: BakeWatchers
): Promise<Outcome> {
  refuseIfNotReturnable(targetsOf(backends), inputs.wait)
  const order: BringBack = { ...inputs, wait: inputs.waitOptions, isAwaited: inputs.wait }
  if (inputs.dryRun) {
    const { bakeMs } = inputs
    const watch = `, and then watch the traffic for ${formatDuration(bakeMs)}`
    const whole = returnPlan(routesOf(backends, order)) + (inputs.wait && bakeMs > 0 ? watch : '')
    return dryRun(backends, whole, context)
  }
  const outcome = await bringBack(backends, order, context, onLook)
  return outcome.kind === 'up' && inputs.bakeMs > 0
    ? bake(backends, { ...inputs, wait: inputs.waitOptions }, context, bakeWatchers)
    : outcome
}

async function dryRun(
  backends: readonly Backend[],
  whatItWouldDo: string,
  context: Context
): Promise<Outcome> {
  await checkAdminAccess(backends, context)
  return { kind: 'dry run', plan: whatItWouldDo }
}

function plan(targets: readonly Target[], state: 'drain' | 'maint'): string {
  return targets.length === 0 ? 'change nothing' : `put ${namesOf(targets)} into ${state}`
}

const PLANS: Readonly<Record<Route, (names: string) => string>> = {
  none: (names) => `leave ${names} alone`,
  ready: (names) => `make ${names} ready`,
  down: (names) => `make ${names} ready, for HAProxy to bring up once its health check passes`,
  release: (names) => `make ${names} ready without a fresh check, because no other server serves`,
  'fresh check': (names) => `bring ${names} back with a fresh health check`,
  'checks elsewhere': (names) =>
    `make ${names} ready once the health checks in the other backends have passed`
}

function returnPlan(routes: ReadonlyMap<Target, Route>): string {
  const groups = Map.groupBy([...routes.keys()], (target) => routes.get(target) ?? 'none')
  return groups.size === 1 && groups.has('none')
    ? 'change nothing'
    : [...groups].map(([route, targets]) => PLANS[route](namesOf(targets))).join('; ')
}
