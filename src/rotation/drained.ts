import { HaproxyError } from '../haproxy/errors.ts'
import { isDrained, isOut, type Server } from '../haproxy/server.ts'
import { type Backend, instancesOf, targetsOf } from './backend.ts'
import type { Context } from './context.ts'
import { count, namesOf, seenAs } from './describe.ts'
import { Draining } from './draining.ts'
import { formatDuration } from './duration.ts'
import type { TakeOut } from './order.ts'
import type { Outcome } from './outcome.ts'
import { proofOf } from './proof.ts'
import { forEachBackend, refuseIfOnlyHere } from './request.ts'
import { retry } from './retry.ts'
import { allOrNothing, rolledBack } from './rollback.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'
import { type OnLook, type WaitOptions, type WaitResult, waitUntil, whyNotMet } from './wait.ts'

/** A take-out that is to be waited for. */
type Waiting = TakeOut & { readonly wait: WaitOptions }

/**
 * Waits until servers are drained. When their admin state does not hold on one instance, all get back what they
 * had.
 *
 * @throws HaproxyError; `not-drained`, `old-process` when the time is up
 */
export async function waitUntilDrained(
  backends: readonly Backend[],
  order: Waiting,
  context: Context,
  onLook: OnLook
): Promise<Outcome> {
  const condition = new Draining(backends, order, context)
  const wait = { backends, options: order.wait, condition, onLook }
  const result = await allOrNothing(targetsOf(backends), context, () => waitUntil(wait, context))
  if (result.met) {
    return proven(backends, order, condition, result, context)
  }
  const failure = notDrained(condition, order, result)
  const { onTimeout, state } = order
  if (onTimeout === 'restore') {
    throw await rolledBack(failure, targetsOf(backends), context)
  }
  // To go on, or to kill, takes certainty that the servers are out of rotation.
  const areOut = targetsOf(backends).every(({ now, isKnown }) => isKnown && isOut(now, state))
  const busy = condition.left.filter(({ now }) => !isDrained(now, order.maxSessions))
  if (onTimeout === 'fail' || !areOut || (onTimeout === 'shutdown' && busy.length === 0)) {
    throw failure
  }
  context.log.warning(failure.message, 'Not drained in time')
  if (onTimeout === 'continue') {
    return { kind: 'not drained' }
  }
  return waitAfterKill(backends, busy, { order, condition, result }, context, onLook)
}

async function proven(
  backends: readonly Backend[],
  order: TakeOut,
  condition: Draining,
  { settledMs }: WaitResult,
  context: Context
): Promise<Outcome> {
  const { unclear } = condition
  if (order.state === 'maint') {
    await refuseIfLeftElsewhere(backends, order, context)
  }
  const proof = proofOf(backends, { ...order, unclear, settledMs })
  const isSafe = order.state === 'maint' && proof.doubts.length === 0
  return { kind: isSafe ? 'safe to stop' : 'drained', proof }
}

/** A server that was in maint already showed so at every address, whoever answers there. */
async function refuseIfLeftElsewhere(
  backends: readonly Backend[],
  { maxSessions }: TakeOut,
  context: Context
): Promise<void> {
  const limits = { signal: context.cancelled }
  const isAlike = (server: Server): boolean => isDrained(server, maxSessions)
  await refuseIfOnlyHere(targetsOf(backends), isAlike, context, 'the end of the sessions')
  await settleAll(instancesOf(backends), (instance) =>
    retry(() => instance.refuseIfOthersAnswer(limits), context)
  )
}

/** A kill is over at once; the look after it and the settling take a little longer. Milliseconds. */
const AFTER_KILL = 5_000

/** The wait that was not enough. */
interface FirstWait {
  readonly order: Waiting
  readonly condition: Draining
  readonly result: WaitResult
}

/** Kills what is left. No POST reaches what an old process holds. */
async function waitAfterKill(
  backends: readonly Backend[],
  busy: readonly Target[],
  { order, condition, result: before }: FirstWait,
  context: Context,
  onLook: OnLook
): Promise<Outcome> {
  context.log.info(`Killing the sessions of ${namesOf(busy)}.`)
  // Sessions that came since an attempt of unknown fate would be killed too, so there is no second one.
  await forEachBackend(busy, (backend, targets) =>
    backend.command('shutdown', targets, { signal: context.over })
  )
  const { settleMs, pollMs } = order.wait
  const options = { ...order.wait, timeoutMs: AFTER_KILL + settleMs + 2 * pollMs }
  const wait = {
    backends,
    options,
    condition,
    onLook: (moreMs: number, remainingMs: number): void => {
      onLook(before.elapsedMs + moreMs, remainingMs)
    }
  }
  const result = await allOrNothing(targetsOf(backends), context, () => waitUntil(wait, context))
  if (!result.met) {
    const { problem, message, advice } = notDrained(condition, { ...order, wait: options }, result)
    throw new HaproxyError(problem, `After the sessions were killed: ${message}`, { advice })
  }
  return proven(backends, order, condition, result, context)
}

function notDrained(
  condition: Draining,
  { wait, state }: Waiting,
  result: WaitResult
): HaproxyError {
  const { left, withOldProcess } = condition
  const seen = left.map((target) => {
    const { newSessions, fullName } = target
    const visits = newSessions > 0 ? `, and ${count(newSessions, 'new session')} came to it` : ''
    return `${fullName} is ${seenAs(target)}${visits}`
  })
  const old = withOldProcess.map(
    ({ name }) => `a process from before a reload may still hold sessions at ${name}`
  )
  const pinned =
    state === 'drain'
      ? 'Clients pinned to a server by cookie or stick table keep coming in drain; maint ends that.'
      : left.some(({ newSessions }) => newSessions > 0)
        ? '`option persist` or `force-persist` in haproxy.cfg sends pinned clients even to a server in maint.'
        : ''
  const message = `Not drained within ${formatDuration(wait.timeoutMs)}: ${whyNotMet([...seen, ...old], result)}`
  return seen.length === 0 && old.length > 0
    ? new HaproxyError('old-process', message)
    : new HaproxyError('not-drained', message, {
        advice: result.failure?.advice ?? pinned,
        cause: result.failure
      })
}
