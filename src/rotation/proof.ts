import { type Backend, instancesOf, targetsOf } from './backend.ts'
import { backendsAtStake, servingIn, shortOf } from './guard.ts'
import type { Instance } from './instance.ts'
import type { MinUp } from './min-up.ts'
import type { Doubt, Fact, OldProcessState, Proof } from './outcome.ts'
import { atSameAddress, type SharedAddresses } from './same-address.ts'

/** Without hard-stop-after, a process from before a reload is assumed gone after this long. Milliseconds. */
const LONG_AGO_MS = 3_600_000

/** What there is to judge a drained step by. */
export interface Evidence {
  readonly minUp: MinUp
  readonly maxSessions: number
  readonly hardStopAfterMs: number | undefined
  readonly shared: SharedAddresses
  /** Instances whose process was replaced by one that may have started before. */
  readonly unclear: readonly Instance[]
  /** For how long there was no session, in milliseconds. */
  readonly settledMs: number
}

/** What is proven of servers that are drained, and what is not. */
export function proofOf(backends: readonly Backend[], evidence: Evidence): Proof {
  const { shared, maxSessions, settledMs } = evidence
  return {
    doubts: doubtsOf(backends, evidence),
    facts: [
      { kind: 'idle', forMs: settledMs, maxSessions },
      ...instancesOf(backends).flatMap((instance) => processFact(instance, evidence)),
      { kind: 'addresses', shared },
      ...backendsAtStake(backends).map(servingFact)
    ]
  }
}

function doubtsOf(backends: readonly Backend[], evidence: Evidence): Doubt[] {
  const { shared, unclear, minUp, maxSessions } = evidence
  const instances = instancesOf(backends)
  const unknown = instances.filter(({ showsProcess }) => !showsProcess)
  const atSame = atSameAddress(shared)
  const young = instances.filter((instance) => isYoung(instance, evidence))
  const withAgent = targetsOf(backends).filter(({ now }) => now.hasAgent)
  const short = shortOf(backendsAtStake(backends), minUp)
  return [
    ...(unknown.length > 0 ? [{ kind: 'process unknown', instances: unknown } as const] : []),
    ...(unclear.length > 0 ? [{ kind: 'process unclear', instances: unclear } as const] : []),
    ...(young.length > 0 ? [{ kind: 'young process', instances: young } as const] : []),
    ...(atSame.length > 0 ? [{ kind: 'same address', others: atSame } as const] : []),
    ...(shared.unknown.length > 0 ? [{ kind: 'same name', others: shared.unknown } as const] : []),
    ...(withAgent.length > 0 ? [{ kind: 'agent check', targets: withAgent } as const] : []),
    ...(short.length > 0
      ? [{ kind: 'too few serve', backends: short.map(({ fullName }) => fullName) } as const]
      : []),
    ...(maxSessions > 0 ? [{ kind: 'max sessions' } as const] : [])
  ]
}

function isYoung(
  { firstProcess }: Instance,
  { hardStopAfterMs }: Pick<Evidence, 'hardStopAfterMs'>
): boolean {
  return (
    hardStopAfterMs === undefined &&
    firstProcess !== undefined &&
    firstProcess.firstSeenAt - firstProcess.startedAt < LONG_AGO_MS
  )
}

function processFact(instance: Instance, evidence: Evidence): Fact[] {
  const { process, showsProcess, clock } = instance
  if (process === undefined || !showsProcess) {
    return []
  }
  const ageMs = clock.now() - process.startedAt
  return [
    { kind: 'process', instance, pid: process.pid, ageMs, older: olderThan(instance, evidence) }
  ]
}

function olderThan(instance: Instance, evidence: Evidence): OldProcessState {
  const { hardStopAfterMs } = evidence
  if (hardStopAfterMs !== undefined) {
    return { kind: 'gone', hardStopAfterMs }
  }
  if (isYoung(instance, evidence)) {
    return { kind: 'may remain' }
  }
  const isReloaded = instance.process?.firstSeenAt !== instance.firstProcess?.firstSeenAt
  return { kind: isReloaded ? 'was idle' : 'assumed gone' }
}

function servingFact(backend: Backend): Fact {
  const servers = servingIn(backend).map(({ name }) => name)
  return { kind: 'serving', backend: backend.fullName, servers }
}
