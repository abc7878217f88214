import { HaproxyError } from '../haproxy/errors.ts'
import { canBe, isUnresolved, shownAdminState } from '../haproxy/server.ts'
import { type Backend, targetsOf } from './backend.ts'
import type { Context } from './context.ts'
import { namesOf, seenAs } from './describe.ts'
import { formatDuration } from './duration.ts'
import { whyNotSpared } from './fresh-check.ts'
import type { BringBack } from './order.ts'
import type { Outcome } from './outcome.ts'
import { lookAgain, refuseIfNotHeld, refuseIfOnlyHere } from './request.ts'
import { Returning } from './returning.ts'
import { rolledBack } from './rollback.ts'
import { leaderOf, type Route, routeOf } from './route.ts'
import type { Target } from './target.ts'
import { type OnLook, type WaitResult, waitUntil, whyNotMet } from './wait.ts'

/** The route of every target. */
export function routesOf(
  backends: readonly Backend[],
  { freshCheck, isAwaited }: Pick<BringBack, 'freshCheck' | 'isAwaited'>
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
  order: BringBack,
  context: Context,
  onLook: OnLook
): Promise<Outcome> {
  context.cancelled.throwIfAborted()
  const routes = routesOf(backends, order)
  const returning = new Returning(routes, order.minUp, context)
  const isChanging = [...routes.values()].some((route) => route !== 'none')
  announce(routes, context)
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
  if (!order.isAwaited) {
    await untilReleased(backends, returning, order, context)
    return { kind: 'requested' }
  }
  const result = await waitUntil(
    { backends, options: order.wait, condition: returning, onLook },
    context
  )
  if (!result.met) {
    const failure = notUp(targetsOf(backends), returning, order, result)
    throw order.onTimeout === 'restore'
      ? await outAgain(failure, backends, order, context)
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
    throw await rolledBack(error, requested(backends), context)
  }
}

/** Puts back what others can do without: a server that is up by now may be one that they need. */
async function outAgain(
  failure: HaproxyError,
  backends: readonly Backend[],
  { minUp }: BringBack,
  context: Context
): Promise<HaproxyError> {
  const targets = targetsOf(backends)
  const needed = targets.flatMap((target) => {
    const why = whyNotSpared(target, minUp)
    return why === undefined ? [] : [{ target, why }]
  })
  const spared = targets.filter((target) => !needed.some((one) => one.target === target))
  const result = await rolledBack(failure, spared, context)
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

/** A check that still runs is over soon. Milliseconds. */
const SHORT_PAUSE = 200

/** Without a wait until up: until no check from before can bring a server up, and it is released. */
async function untilReleased(
  backends: readonly Backend[],
  returning: Returning,
  { wait }: BringBack,
  context: Context
): Promise<void> {
  const { clock, cancelled } = context
  const deadline = clock.now() + wait.timeoutMs
  for (;;) {
    const verdict = await returning.judge(backends)
    const isHeld = returning.held.length > 0
    // What was asked for last is judged by another look, too.
    if (!isHeld && verdict !== 'acted') {
      return
    }
    if (isHeld && clock.now() >= deadline) {
      const seen = returning.held.map((target) => {
        const checking = target.now.checking ? ', and a health check of it is running' : ''
        return `${target.fullName} is ${seenAs(target)}${checking}${whyBlocked(target, returning)}`
      })
      throw new HaproxyError(
        'not-up',
        `Not released within ${formatDuration(wait.timeoutMs)}: ${seen.join('; ')}.`
      )
    }
    if (isHeld) {
      await clock.sleep(Math.min(wait.pollMs, SHORT_PAUSE), cancelled)
    }
    await lookAgain(backends, context)
  }
}

function whyBlocked(target: Target, { blocked }: Returning): string {
  const why = blocked.get(target)
  return why === undefined ? '' : `, and a reload put it into rotation unchecked (${why})`
}

function notUp(
  targets: readonly Target[],
  returning: Returning,
  { wait: { timeoutMs }, onTimeout }: BringBack,
  result: WaitResult
): HaproxyError {
  const down = targets.filter(
    (target) => !returning.isBack(target) || returning.blocked.has(target)
  )
  const seen = down.map((target) => {
    const { check, weight, throttle } = target.now
    const details = [
      ...(check === '' ? [] : [`its last check says ${check}`]),
      ...(weight === 0 ? ['its weight is 0, so load balancing sends it nobody'] : []),
      ...(throttle === undefined ? [] : [`slowstart gives it ${throttle} % of its weight`])
    ]
    const seenWith = [`${target.fullName} is ${seenAs(target)}`, ...details].join(', ')
    return `${seenWith}${whyBlocked(target, returning)}`
  })
  const released = down.filter(
    ({ change, now }) => change.state === 'ready' && shownAdminState(now) === undefined
  )
  // What is put back does not come up by itself.
  const advice =
    released.length > 0 && onTimeout !== 'restore'
      ? `HAProxy brings ${namesOf(released)} up by itself once its health check passes; maint keeps it out.`
      : 'Look at the application and its health check, then ask for ready again.'
  return new HaproxyError(
    'not-up',
    `Not up within ${formatDuration(timeoutMs)}: ${whyNotMet(seen, result)}`,
    { advice: result.failure?.advice ?? advice, cause: result.failure }
  )
}

function announce(routes: ReadonlyMap<Target, Route>, { log }: Context): void {
  for (const [target, route] of routes) {
    if (route === 'release') {
      log.notice(
        `${target.fullName} comes back without a fresh check: no other server of ${target.before.backend} serves, and without it nobody would be left for its pinned clients.`
      )
    }
  }
}

/** What a green `ready` leaves open. */
function announceGaps(routes: ReadonlyMap<Target, Route>, { log }: Context): void {
  const all = [...routes.keys()]
  for (const target of all) {
    const { status, tracked } = target.now
    if (status === 'no check') {
      log.notice(
        `${target.fullName} has no health check: HAProxy sends it traffic without knowing whether it is well.`
      )
    }
    if (
      tracked !== undefined &&
      routes.get(target) === 'ready' &&
      leaderOf(target, all) === undefined
    ) {
      log.notice(
        `${target.fullName} follows ${tracked} (track): this step did not have that server's health checked anew.`
      )
    }
  }
}
