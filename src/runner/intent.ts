import { getState, saveState } from '@actions/core'
import { type AdminState, ownAdminState } from '../haproxy/server.ts'
import type { Restore } from './inputs.ts'
import type { Target } from '../rotation/pool.ts'

/** What a step was about to take out, for the post step to put back. Holds no credentials. */
export interface Intent {
  readonly restore: Restore
  /** The admin state that the step asked for. */
  readonly state: 'drain' | 'maint'
  readonly pools: readonly IntendedPool[]
}

/** Servers of one backend on one HAProxy that were in the same admin state before. */
export interface IntendedPool {
  /** The stats URL, without credentials. */
  readonly url: string
  readonly backend: string
  readonly previous: AdminState
  readonly servers: readonly string[]
}

const KEY = 'intent'

/** Saves what is taken out. The last call counts: with no targets there is nothing left to put back. */
export function saveIntent(
  restore: Restore,
  state: 'drain' | 'maint',
  targets: readonly Target[]
): void {
  const groups = Map.groupBy(targets, ({ pool, before }) =>
    JSON.stringify([pool.page.name, pool.backend, ownAdminState(before)])
  )
  const pools = [...groups].map(([key, group]) => {
    const [url, backend, previous] = JSON.parse(key) as [string, string, AdminState]
    return { url, backend, previous, servers: group.map(({ before }) => before.name) }
  })
  saveState(KEY, { restore, state, pools } satisfies Intent)
}

/** What the main step saved, or undefined if it never came to take anything out. */
export function readIntent(): Intent | undefined {
  const text = getState(KEY)
  return text === '' ? undefined : (JSON.parse(text) as Intent)
}
