import type { Snapshot } from '../haproxy/csv.ts'
import { HaproxyError } from '../haproxy/errors.ts'
import { isOut, takesTraffic } from '../haproxy/server.ts'
import { Backend, backendsOf, instancesOf, targetsOf } from './backend.ts'
import { isTakenOut } from './baking.ts'
import type { Context } from './context.ts'
import { namesOf } from './describe.ts'
import { withFollowers } from './followers.ts'
import { guard } from './guard.ts'
import type { Instance } from './instance.ts'
import { takingOutAgain } from './log-lines.ts'
import type { BakeOptions } from './options.ts'
import { changedByOthers } from './other-hands.ts'
import type { Outcome } from './outcome.ts'
import { lookAgain } from './request.ts'
import { retry } from './retry.ts'
import { onAllPages, type SharedAddresses } from './same-address.ts'
import { settleAll } from './settle-all.ts'
import { takeOut } from './take-out.ts'
import type { Target } from './target.ts'

/** What became of servers that are not well. */
export interface BadOut {
  /** Those that were taken out of rotation again. */
  readonly taken: readonly Target[]
  /** How far they are out; undefined where none was taken out, or that went wrong. */
  readonly outcome: Outcome | undefined
  /** Why some were left in rotation, or are not drained, in sentences. */
  readonly troubles: readonly string[]
}

/** The same servers as targets of a take-out. */
interface Leaving {
  readonly backends: readonly Backend[]
  readonly shared: SharedAddresses
}

/**
 * Takes servers that are not well out of rotation again, as any `maint` does, as far as enough others serve. The
 * targets of this step that are well count among the others.
 */
export async function takeBadOut(
  bad: readonly Target[],
  options: BakeOptions,
  context: Context
): Promise<BadOut> {
  const troubles: string[] = []
  let taken: readonly Target[] = []
  let outcome: Outcome | undefined
  let failure: HaproxyError | undefined
  try {
    const seen = await lookAtAll(bad, context)
    for (const [, group] of Map.groupBy(bad, ({ name }) => name)) {
      const trouble = whyKept(leaving([...taken, ...group], seen), group, options)
      taken = trouble === undefined ? [...taken, ...group] : taken
      troubles.push(...(trouble === undefined ? [] : [trouble]))
    }
    if (taken.length > 0) {
      outcome = await takeThemOut(taken, leaving(taken, seen), options, context)
    }
  } catch (error) {
    if (!(error instanceof HaproxyError)) {
      throw error
    }
    failure = error
  }
  // So far other targets of the same servers were looked at, not those of the step. One that cannot be seen now counts
  // as unknown, and the report says so.
  await lookAgain(backendsOf(bad), { ...context, cancelled: context.over }).catch(() => undefined)
  return failure === undefined
    ? leftByProof(outcome, taken, troubles)
    : leftByFailure(failure, taken, troubles)
}

/** What became of servers that were taken out: what somebody has changed since is no longer safe to stop. */
function leftByProof(
  outcome: Outcome | undefined,
  taken: readonly Target[],
  troubles: readonly string[]
): BadOut {
  const changed = taken.filter(({ isKnown, now }) => isKnown && !isOut(now, 'maint'))
  const said =
    changed.length > 0
      ? [`Changed since, by somebody else or by a reload: ${namesOf(changed)}.`]
      : []
  return {
    taken: taken.filter((target) => !changed.includes(target)),
    outcome,
    troubles: [...troubles, ...said]
  }
}

/** What became of servers where taking them out failed. */
function leftByFailure(
  failure: HaproxyError,
  taken: readonly Target[],
  troubles: readonly string[]
): BadOut {
  const out = taken.filter(({ now }) => isTakenOut(now))
  const kept = taken.filter(
    (target) => target.isKnown && !out.includes(target) && takesTraffic(target.now)
  )
  const left = kept.length > 0 ? [`Left in rotation: ${namesOf(kept)}.`] : []
  return {
    taken: out,
    outcome: undefined,
    troubles: [...troubles, ...left, `${failure.message} ${failure.advice}`.trimEnd()]
  }
}

async function takeThemOut(
  taken: readonly Target[],
  { backends, shared }: Leaving,
  options: BakeOptions,
  context: Context
): Promise<Outcome> {
  const { onTimeout } = options
  const takeOutOptions = {
    ...options,
    state: 'maint',
    isAwaited: true,
    isClaimed: false,
    shared,
    // What is bad is not put back because its sessions take long.
    onTimeout: onTimeout === 'restore' ? 'fail' : onTimeout
  } as const
  context.log.info(takingOutAgain(taken))
  try {
    const onLook = context.observer.onBadTakeOut(targetsOf(backends))
    const observer = { ...context.observer, onLook }
    return await takeOut(backends, takeOutOptions, { ...context, observer })
  } finally {
    recordTakenOut(taken, targetsOf(backends))
  }
}

/** Records on the targets of the step what the take-out, which has targets of its own, asked of the same servers. */
function recordTakenOut(targets: readonly Target[], asked: readonly Target[]): void {
  for (const target of targets) {
    const change = asked.find(({ fullName }) => fullName === target.fullName)?.change
    if (change?.state !== undefined && !change.isRolledBack) {
      target.recordRequest(change.state, change.at, change.isUncertain)
    }
  }
}

/** The whole page of every HAProxy, for who follows and who else is at the address; and its process of now. */
async function lookAtAll(
  targets: readonly Target[],
  context: Context
): Promise<ReadonlyMap<Instance, Snapshot>> {
  const limits = { signal: context.cancelled }
  const looks = await settleAll(instancesOf(backendsOf(targets)), async (instance) => {
    // A reload since the step began has left an old process that may serve these very servers.
    await retry(() => instance.identify(limits), context)
    return [instance, await retry(() => instance.page.look(limits), context)] as const
  })
  return new Map(looks)
}

function leaving(targets: readonly Target[], seen: ReadonlyMap<Instance, Snapshot>): Leaving {
  const parts = [...seen].map(([instance, snapshot]) => {
    const mine = targets.filter(({ backend }) => backend.instance === instance)
    const backends = backendsOf(mine).map(({ name }) => {
      const names = mine.filter(({ backend }) => backend.name === name)
      return new Backend(
        instance,
        name,
        { targets: names.map(({ before }) => before.name) },
        snapshot
      )
    })
    return withFollowers(instance, backends, snapshot)
  })
  return {
    backends: parts.flatMap(({ backends }) => backends),
    shared: onAllPages(parts.map(({ shared }) => shared))
  }
}

/** Why some targets stay where they are: others need them, or have taken them out meanwhile. */
function whyKept(
  { backends }: Leaving,
  group: readonly Target[],
  { minUp }: BakeOptions
): string | undefined {
  const lost = targetsOf(backends).filter(({ now }) => isTakenOut(now))
  try {
    if (lost.length > 0) {
      // Which process answers was asked a moment ago.
      throw changedByOthers(lost, 'same')
    }
    // One that is down serves nobody, but where nobody else does, only HAProxy can bring it back.
    guard(backends, minUp)
    return undefined
  } catch (error) {
    if (error instanceof HaproxyError) {
      const left = group.some(({ now }) => takesTraffic(now)) ? 'Left in rotation' : 'Left as it is'
      const isKept = error.problem === 'guard-refused'
      return `${isKept ? `${left}: ${namesOf(group)}. ` : ''}${error.message}`
    }
    throw error
  }
}
