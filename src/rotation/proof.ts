import { type Backend, instancesOf, targetsOf } from './backend.ts'
import { formatDuration } from './duration.ts'
import { backendsAtStake, servingIn, shortOf } from './guard.ts'
import type { Instance } from './instance.ts'
import type { MinUp } from './min-up.ts'
import type { Doubt, Proof } from './outcome.ts'
import { describeOthers, type Other, type SharedAddresses } from './same-address.ts'

/** Without hard-stop-after, a process from before a reload is assumed gone after this long. Milliseconds. */
const LONG_AGO = 3_600_000

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
  const rest = maxSessions === 0 ? 'No session' : `At most ${maxSessions} sessions on each server`
  return {
    doubts: doubtsOf(backends, evidence),
    facts: [
      `${rest} for ${formatDuration(settledMs)}.`,
      ...instancesOf(backends).flatMap((instance) => processFact(instance, evidence) ?? []),
      addressFact(shared),
      ...backendsAtStake(backends).map(servingFact)
    ]
  }
}

function doubtsOf(backends: readonly Backend[], evidence: Evidence): Doubt[] {
  const { shared, unclear, minUp, maxSessions } = evidence
  const instances = instancesOf(backends)
  const unknown = instances.filter(({ isShown }) => !isShown)
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
    firstProcess.firstSeenAt - firstProcess.startedAt < LONG_AGO
  )
}

function processFact(instance: Instance, evidence: Evidence): string | undefined {
  const { process, isShown, name, clock } = instance
  if (process === undefined || !isShown) {
    return undefined
  }
  const { hardStopAfterMs } = evidence
  const isReloaded = process.firstSeenAt !== instance.firstProcess?.firstSeenAt
  const old =
    hardStopAfterMs !== undefined
      ? `no older process can hold a session, by the hard-stop-after of ${formatDuration(hardStopAfterMs)} that was given`
      : isYoung(instance, evidence)
        ? 'an older process may hold a session'
        : isReloaded
          ? 'HAProxy was reloaded meanwhile, and no session was left on its old process'
          : 'older processes are assumed to be gone after an hour'
  const age = formatDuration(clock.now() - process.startedAt)
  return `${name}: process ${process.pid} has been running for ${age}; ${old}.`
}

/** Who may send users to the address of a target after this step. */
function atSameAddress({ same, down }: SharedAddresses): Other[] {
  return [...same, ...down]
}

function addressFact(shared: SharedAddresses): string {
  const others = atSameAddress(shared)
  if (others.length > 0) {
    return `At the same address: ${describeOthers(others)}.`
  }
  return shared.areShown
    ? 'When the step began, no other server in rotation was at the same address.'
    : 'The page does not show the addresses (stats show-legends).'
}

function servingFact(backend: Backend): string {
  const names = servingIn(backend).map(({ name }) => name)
  return `Serving in ${backend.fullName}: ${names.length > 0 ? names.join(', ') : 'none'}.`
}
