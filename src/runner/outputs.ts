import { setOutput } from '@actions/core'
import { type AdminState, shownAdminState } from '../haproxy/server.ts'
import { isChanged, type Target } from '../rotation/target.ts'
import { log } from './log.ts'

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

/** What the outputs say besides the state of the targets. */
interface RunResult {
  readonly waitedMs: number
  /** Whether anything was changed, even if only of a server that follows a target. */
  readonly isChanged: boolean
  readonly isSafeToStop: boolean
}

/** GitHub takes 1 MB of outputs from a job and counts two bytes for a character. */
const MAX_LENGTH = 500_000

/** Sets all outputs, on failure too, as far as they are known. */
export function setOutputs(targets: readonly Target[], result: RunResult): void {
  const distinct = (texts: readonly string[]): string => [...new Set(texts)].join(', ')
  const outputs = {
    changed: result.isChanged,
    status: distinct(targets.map(({ now }) => now.status)),
    'previous-status': distinct(targets.map(({ before }) => before.status)),
    sessions: targets.reduce((sum, { now }) => sum + now.sessions, 0),
    waited: (result.waitedMs / 1_000).toFixed(1),
    'safe-to-stop': result.isSafeToStop,
    result: JSON.stringify(targets.map(resultOf))
  }
  for (const [name, value] of Object.entries(outputs)) {
    const size = String(value).length
    const isTooLong = size > MAX_LENGTH
    if (isTooLong) {
      log.notice(
        `The output ${name} is left empty: ${size} characters are more than GitHub takes (${MAX_LENGTH}). Look at one backend at a time.`,
        `Output ${name}`
      )
    }
    setOutput(name, isTooLong ? '' : value)
  }
}

function resultOf(target: Target): Result {
  const { backend, before, now } = target
  return {
    instance: backend.instance.name,
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
