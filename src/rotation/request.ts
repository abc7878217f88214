import { HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, canBe, isOut, type Server } from '../haproxy/server.ts'
import { type Backend, backendsOf, instancesOf } from './backend.ts'
import type { Context } from './context.ts'
import { seenAs } from './describe.ts'
import { askingFor } from './log-lines.ts'
import { retry } from './retry.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'

/** Asks for an admin state of some targets: one POST for each backend, all backends at once. */
export async function request(
  state: AdminState,
  targets: readonly Target[],
  context: Context,
  why?: string
): Promise<void> {
  if (targets.length > 0) {
    context.log.info(askingFor(state, targets, why))
  }
  await forEachBackend(targets, (backend, group) =>
    // Admin states are idempotent, so a request whose answer was lost is simply made again.
    retry(() => backend.request(state, group, { signal: context.over }), context)
  )
}

/** Does something for the targets of each backend, all backends at once. */
export async function forEachBackend(
  targets: readonly Target[],
  work: (backend: Backend, targets: readonly Target[]) => Promise<void>
): Promise<void> {
  const groups = Map.groupBy(targets, ({ backend }) => backend)
  await settleAll([...groups], ([backend, group]) => work(backend, group))
}

/** Looks at backends, to see what came of a change. */
export async function lookAgain(backends: readonly Backend[], context: Context): Promise<void> {
  const limits = { signal: context.cancelled }
  // Where HAProxies answer in turn, another order than the change's shows each backend at another one of them.
  await settleAll(backends.toReversed(), (backend) => retry(() => backend.look(limits), context))
}

/** @throws HaproxyError `did-not-hold` for targets that do not show the admin state that was asked for */
export function refuseIfNotHeld(targets: readonly Target[]): void {
  const broken = targets.filter(({ now, change: { state } }) => !hasHeld(now, state))
  if (broken.length === 0) {
    return
  }
  const seen = broken.map(
    (target) =>
      `${target.fullName} was asked for ${target.change.state ?? 'nothing'} and is ${seenAs(target)}`
  )
  const leader = broken.find(({ now }) => now.tracked !== undefined)?.now.tracked
  throw new HaproxyError('did-not-hold', `The admin state did not hold: ${seen.join('; ')}.`, {
    ...(leader !== undefined && {
      advice: `It follows ${leader} (track): name that server instead.`
    })
  })
}

function hasHeld(now: Server, state: AdminState | undefined): boolean {
  return state === undefined || (state === 'ready' ? canBe(now, state) : isOut(now, state))
}

/**
 * Reads a change back through every other address of its host: they may be other HAProxies, which it did not
 * reach. What they show is the only proof; two of them that were started together look alike otherwise.
 *
 * @param isAlike whether a server elsewhere shows what the change has made of it here
 * @param what what is compared
 * @throws HaproxyError `several-haproxies` that names the addresses
 */
export async function refuseIfOnlyHere(
  targets: readonly Target[],
  isAlike: (elsewhere: Server) => boolean,
  context: Context,
  what = 'the change'
): Promise<void> {
  await settleAll(backendsOf(targets), async ({ instance, name, targets: all }) => {
    const mine = all.filter((target) => targets.includes(target)).map(({ before }) => before.name)
    const differing = await settleAll(instance.otherAddresses, async (address) => {
      const page = instance.page.at(address)
      const { servers } = await retry(() => page.look({ signal: context.cancelled }, name), context)
      const there = servers.filter((server) => server.backend === name)
      const alike = mine.filter((server) =>
        there.some((other) => other.name === server && isAlike(other))
      )
      return alike.length < mine.length ? [address] : []
    })
    if (differing.flat().length > 0) {
      throw new HaproxyError(
        'several-haproxies',
        `The host of ${instance.name} has several addresses, and they are several HAProxies: ${what} at ` +
          `${instance.page.address ?? ''} does not show at ${differing.flat().join(', ')}.`
      )
    }
  })
}

/**
 * Refuses targets that do not show what they were asked for, after another look: it may show at another HAProxy that
 * answers in turn.
 *
 * @throws HaproxyError `did-not-hold`, `several-haproxies`
 */
export async function refuseIfLost(targets: readonly Target[], context: Context): Promise<void> {
  try {
    refuseIfNotHeld(targets)
  } catch (error) {
    const lost = targets.filter(({ now, change }) => !canBe(now, change.state ?? 'ready'))
    await settleAll(instancesOf(backendsOf(lost)), (instance) =>
      instance.refuseIfSeveral({ signal: context.cancelled })
    )
    throw error
  }
}
