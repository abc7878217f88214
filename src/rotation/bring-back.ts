import { HaproxyError } from '../haproxy/errors.ts'
import { canBe, isUnresolved } from '../haproxy/server.ts'
import { type Backend, targetsOf } from './backend.ts'
import type { Context } from './context.ts'
import { namesOf } from './describe.ts'
import { whyNeeded } from './guard.ts'
import { notUp } from './not-up.ts'
import type { BringBackOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import { lookAgain, refuseIfNotHeld, refuseIfOnlyHere } from './request.ts'
import { announceGaps, announceReleases } from './return-notices.ts'
import { ReturnStages } from './return-stages.ts'
import { Returning } from './returning.ts'
import { rollBackAfter } from './rollback.ts'
import { leaderOf, type Route, routeOf } from './route.ts'
import type { Target } from './target.ts'
import { untilReleased } from './until-released.ts'
import { waitUntil } from './wait.ts'

/** The route of every target. */
export function routesOf(
  backends: readonly Backend[],
  { freshCheck, isAwaited }: Pick<BringBackOptions, 'freshCheck' | 'isAwaited'>
): ReadonlyMap<Target, Route> {
  const targets = targetsOf(backends)
  const routing = { freshCheck, canWait: isAwaited }
  return new Map(targets.map((target) => [target, routeOf(target, targets, routing)]))
}

/**
 * Brings servers back into rotation and waits until they are up. Where the requests fail, what had changed is
 * rolled back, but for what others have changed meanwhile.
 *
 * @throws HaproxyError; `not-up` when the time is up
 */
export async function bringBack(
  backends: readonly Backend[],
  options: BringBackOptions,
  context: Context
): Promise<Outcome> {
  context.cancelled.throwIfAborted()
  const routes = routesOf(backends, options)
  const stages = new ReturnStages(routes)
  const returning = new Returning(stages, options.minUp, context)
  const isChanging = [...routes.values()].some((route) => route !== 'none')
  announceReleases(routes, context)
  if (isChanging) {
    await unlessOthersActed(backends, context, async () => {
      await returning.begin()
      await lookAgain(backends, context)
      refuseIfNotHeld(judgedNow(routes))
      await refuseIfOnlyHere(
        requested(backends),
        (server) => canBe(server, 'ready') || canBe(server, 'drain'),
        context
      )
    })
  }
  if (!options.isAwaited) {
    await untilReleased({ backends, returning, stages }, options.wait, context)
    return { kind: 'requested' }
  }
  const { onLook } = context.observer
  const wait = { backends, options: options.wait, condition: returning, onLook }
  const result = await waitUntil(wait, context)
  if (!result.met) {
    const failure = notUp(stages, options, result)
    throw options.onTimeout === 'restore'
      ? await putBackDispensable(failure, backends, options, context)
      : failure
  }
  // A drain from before, which shows like the one that was asked for, is over at this HAProxy only.
  await refuseIfOnlyHere(requested(backends), (server) => canBe(server, 'ready'), context)
  announceGaps(routes, context)
  return { kind: 'up' }
}

/** What others have changed meanwhile stays as they want it, and so does all the rest of a return. */
async function unlessOthersActed(
  backends: readonly Backend[],
  context: Context,
  work: () => Promise<void>
): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (
      !(error instanceof HaproxyError) ||
      error.problem === 'changed-meanwhile' ||
      context.cancelled.aborted
    ) {
      throw error
    }
    throw await rollBackAfter(error, requested(backends), context)
  }
}

/** Puts back what others can do without: a server that is up by now may be one that they need. */
async function putBackDispensable(
  failure: HaproxyError,
  backends: readonly Backend[],
  { minUp }: BringBackOptions,
  context: Context
): Promise<HaproxyError> {
  const targets = targetsOf(backends)
  // What was seen last may be old: these may be up by now, and others down.
  await lookAgain(backends, { ...context, cancelled: context.over }).catch(() => undefined)
  const needed = targets.flatMap((target) => {
    const why = whyNeeded(target, minUp)
    return why === undefined ? [] : [{ target, why }]
  })
  const spared = targets.filter((target) => !needed.some((one) => one.target === target))
  const result = await rollBackAfter(failure, spared, context)
  if (needed.length === 0) {
    return result
  }
  const reasons = [...new Set(needed.map(({ why }) => why))].join(' ')
  const names = namesOf(needed.map(({ target }) => target))
  const { problem, message, advice } = result
  return new HaproxyError(problem, `${message} Left in rotation: ${names}. ${reasons}`, {
    advice,
    cause: result
  })
}

function requested(backends: readonly Backend[]): Target[] {
  return targetsOf(backends).filter(({ change }) => change.state !== undefined)
}

/** Targets that must show at once what they were asked for, which those that wait for a leader or for DNS cannot. */
function judgedNow(routes: ReadonlyMap<Target, Route>): Target[] {
  const all = [...routes.keys()]
  return all.filter(
    (target) =>
      (routes.get(target) === 'ready' || routes.get(target) === 'down') &&
      leaderOf(target, all) === undefined &&
      !isUnresolved(target.now)
  )
}
