import { setOutput } from '@actions/core'
import { type AdminState, shownAdminState } from '../haproxy/server.ts'
import { isChanged, type Target } from '../rotation/pool.ts'

/** One target as the output `result` has it. */
interface Result {
  readonly instance: string
  readonly backend: string
  readonly server: string
  readonly previousStatus: string
  readonly status: string
  readonly previousAdminState: AdminState | null
  readonly adminState: AdminState | null
  readonly sessions: number
  readonly queue: number
  readonly check: string
  readonly changed: boolean
}

/** Sets all outputs, on failure too, as far as they are known. */
export function setOutputs(targets: readonly Target[], waitedMs: number): void {
  const distinct = (texts: readonly string[]): string => [...new Set(texts)].join(', ')
  const outputs = {
    changed: targets.some(isChanged),
    status: distinct(targets.map(({ now }) => now.status)),
    'previous-status': distinct(targets.map(({ before }) => before.status)),
    sessions: targets.reduce((sum, { now }) => sum + now.sessions, 0),
    waited: (waitedMs / 1_000).toFixed(1),
    result: JSON.stringify(targets.map(resultOf))
  }
  for (const [name, value] of Object.entries(outputs)) {
    setOutput(name, value)
  }
}

function resultOf(target: Target): Result {
  const { pool, before, now } = target
  return {
    instance: pool.page.name,
    backend: before.backend,
    server: before.name,
    previousStatus: before.status,
    status: now.status,
    previousAdminState: shownAdminState(before) ?? null,
    adminState: shownAdminState(now) ?? null,
    sessions: now.sessions,
    queue: now.queue,
    check: now.check,
    changed: isChanged(target)
  }
}
