import { getState, saveState } from '@actions/core'
import { HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, type OutState, ownAdminState } from '../haproxy/server.ts'
import { backendsOf, instancesOf } from '../rotation/backend.ts'
import { count } from '../rotation/describe.ts'
import type { Instance } from '../rotation/instance.ts'
import type { Target } from '../rotation/target.ts'
import type { Restore } from './inputs.ts'

/** What a step was about to take out, for the post step to restore. Holds no credentials. */
export interface Intent {
  readonly restore: Exclude<Restore, 'never'>
  /** The admin state that the step asked for. */
  readonly state: OutState
  /** Whether the servers may still be in the drain that claimed them before. */
  readonly isClaimed: boolean
  /** When it was asked for, in milliseconds since 1970. */
  readonly at: number
  readonly instances: readonly IntendedInstance[]
  readonly backends: readonly IntendedBackend[]
}

/** One HAProxy as it was when the state was asked for. */
interface IntendedInstance {
  /** The stats URL, without credentials. */
  readonly url: string
  /** The process that answered, and how long it had been running, where the step had to know. */
  readonly process: { readonly pid: number; readonly uptimeMs: number } | undefined
}

/** Servers of one backend on one HAProxy that were in the same admin state before. */
export interface IntendedBackend {
  readonly url: string
  readonly backend: string
  readonly previous: AdminState
  readonly servers: readonly string[]
}

const KEY = 'intent'
/**
 * The runner hands the state to the post step in an environment variable, and a process with one of 128 KiB does
 * not start; the name and some room are left for it.
 */
const MAX_LENGTH = 128 * 1024 - 64

/**
 * Saves what is taken out. The last call counts: with no targets there is nothing left to restore.
 *
 * @throws HaproxyError `too-many-servers` where it is too much for the post step to start with
 */
export function saveIntent(
  restore: Restore,
  state: OutState,
  targets: readonly Target[],
  isClaimed = false
): void {
  if (restore === 'never') {
    return
  }
  const groups = Map.groupBy(targets, ({ backend, before }) =>
    JSON.stringify([backend.instance.name, backend.name, ownAdminState(before) ?? 'ready'])
  )
  const backends = [...groups].map(([key, group]) => {
    const [url, backend, previous] = JSON.parse(key) as [string, string, AdminState]
    return { url, backend, previous, servers: group.map(({ before }) => before.name) }
  })
  const ageMs = ageOfRequests(targets)
  const instances = instancesOf(backendsOf(targets)).map(({ name, process, clock }) => ({
    url: name,
    process: process && {
      pid: process.pid,
      uptimeMs: Math.round(clock.now() - ageMs - process.startedAt)
    }
  }))
  const intent: Intent = {
    restore,
    state,
    isClaimed,
    at: Math.round(Date.now() - ageMs),
    instances,
    backends
  }
  if (Buffer.byteLength(JSON.stringify(intent)) > MAX_LENGTH) {
    throw new HaproxyError(
      'too-many-servers',
      `The step names ${count(targets.length, 'server')}, more than the runner can hand to the post step that is to restore them.`,
      { advice: 'Name fewer servers at a time, or leave restore at never.' }
    )
  }
  saveState(KEY, intent)
}

/** How long ago the targets were last asked for, in milliseconds; 0 before that. */
function ageOfRequests(targets: readonly Target[]): number {
  const ages = targets
    .filter(({ change }) => change.state !== undefined)
    .map(({ change, backend }) => backend.instance.clock.now() - change.at)
  return ages.length === 0 ? 0 : Math.min(...ages)
}

/**
 * How long ago the main step asked for the state, in milliseconds: by HAProxy's own count if its process is
 * still the same, for a process that was stalled counts less than the clock does; else by the clock.
 */
export function ageOf({ at, instances }: Intent, { name, process, clock }: Instance): number {
  const before = instances.find(({ url }) => url === name)?.process
  const uptimeMs = process === undefined ? undefined : clock.now() - process.startedAt
  return before !== undefined &&
    uptimeMs !== undefined &&
    process?.pid === before.pid &&
    uptimeMs >= before.uptimeMs
    ? uptimeMs - before.uptimeMs
    : Date.now() - at
}

/** What the main step saved, or undefined if it took nothing out that is to be restored. */
export function readIntent(): Intent | undefined {
  const text = getState(KEY)
  return text === '' ? undefined : (JSON.parse(text) as Intent)
}
