import { HaproxyError } from '../haproxy/errors.ts'
import { isDrained, isOut, type Server } from '../haproxy/server.ts'
import { type Backend, instancesOf, targetsOf } from './backend.ts'
import type { Context } from './context.ts'
import { count, seenAs } from './describe.ts'
import { Draining } from './draining.ts'
import { formatDuration } from './duration.ts'
import { killingSessions, notDrainedInTime } from './log-lines.ts'
import type { TakeOutOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import { proofOf } from './proof.ts'
import { forEachBackend, refuseIfOnlyHere } from './request.ts'
import { retry } from './retry.ts'
import { allOrNothing, rollBackAfter } from './rollback.ts'
import { settleAll } from './settle-all.ts'
import type { Target } from './target.ts'
import { type WaitResult, waitUntil, whyNotMet } from './wait.ts'

/**
 * Waits until servers are drained. When their admin state does not hold on one instance, all get back what they
 * had.
 *
 * @throws HaproxyError; `not-drained`, `old-process` when the time is up
 */
export async function waitUntilDrained(
  backends: readonly Backend[],
  options: TakeOutOptions,
  context: Context
): Promise<Outcome> {
  const condition = new Draining(backends, options, context)
  const { onLook } = context.observer
  const wait = { backends, options: options.wait, condition, onLook }
  const result = await allOrNothing(targetsOf(backends), context, () => waitUntil(wait, context))
  if (result.met) {
    return proven(backends, { options, condition, result }, context)
  }
  const failure = notDrained(condition, options, result)
  const { onTimeout, state } = options
  if (onTimeout === 'restore') {
    throw await rollBackAfter(failure, targetsOf(backends), context)
  }
  // To go on, or to kill, takes certainty that the servers are out of rotation.
  const areOut = targetsOf(backends).every(({ now, isKnown }) => isKnown && isOut(now, state))
  const busy = condition.left.filter(({ now }) => !isDrained(now, options.maxSessions))
  if (onTimeout === 'fail' || !areOut || (onTimeout === 'shutdown' && busy.length === 0)) {
    throw failure
  }
  context.log.warning(...notDrainedInTime(failure.message))
  if (onTimeout === 'continue') {
    return { kind: 'not drained' }
  }
  return waitAfterKill(backends, busy, { options, condition, result }, context)
}

/** One wait with its end. */
interface Waited {
  readonly options: TakeOutOptions
  readonly condition: Draining
  readonly result: WaitResult
}

async function proven(
  backends: readonly Backend[],
  { options, condition: { unclear }, result: { settledMs } }: Waited,
  context: Context
): Promise<Outcome> {
  if (options.state === 'maint') {
    await refuseIfLeftElsewhere(backends, options, context)
  }
  const proof = proofOf(backends, { ...options, unclear, settledMs })
  const isSafe = options.state === 'maint' && proof.doubts.length === 0
  return { kind: isSafe ? 'safe to stop' : 'drained', proof }
}

/** A server that was in maint already showed so at every address, whoever answers there. */
async function refuseIfLeftElsewhere(
  backends: readonly Backend[],
  { maxSessions }: TakeOutOptions,
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
const AFTER_KILL_MS = 5_000

/** Kills what is left after a wait that was not enough. No POST reaches what an old process holds. */
async function waitAfterKill(
  backends: readonly Backend[],
  busy: readonly Target[],
  { options, condition, result: before }: Waited,
  context: Context
): Promise<Outcome> {
  context.log.info(killingSessions(busy))
  // A second attempt, where the answer to the first was lost, would kill the sessions that came since.
  await forEachBackend(busy, (backend, targets) =>
    backend.command('shutdown', targets, { signal: context.over })
  )
  const { settleMs, pollMs } = options.wait
  const again = { ...options.wait, timeoutMs: AFTER_KILL_MS + settleMs + 2 * pollMs }
  const wait = {
    backends,
    options: again,
    condition,
    onLook: (moreMs: number, remainingMs: number): void => {
      context.observer.onLook(before.elapsedMs + moreMs, remainingMs)
    }
  }
  const result = await allOrNothing(targetsOf(backends), context, () => waitUntil(wait, context))
  if (!result.met) {
    const { problem, message, advice } = notDrained(condition, { ...options, wait: again }, result)
    throw new HaproxyError(problem, `After the sessions were killed: ${message}`, { advice })
  }
  return proven(backends, { options, condition, result }, context)
}

function notDrained(
  condition: Draining,
  { wait, state }: TakeOutOptions,
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
