/** A HAProxy process as this run has seen it. All times in milliseconds on the run's clock. */
export interface SeenProcess {
  readonly pid: number
  /** When it started, by its uptime: up to a second late, and in versions up to 2.6 up to a second early as well. */
  readonly startedAt: number
  readonly firstSeenAt: number
  readonly lastSeenAt: number
}

/**
 * What became of the process that was seen before: it still answers; one that started since has replaced it,
 * as a reload does; another one answers that had started before; or the page does not show the process.
 */
export type ProcessChange = 'same' | 'newer' | 'unclear' | 'unknown'

/** Whether another process answers that may not know what was asked. */
export function isReload(change: ProcessChange): boolean {
  return change === 'newer' || change === 'unclear'
}

/** HAProxy shows whole seconds, rounded down: two readings of one moment differ by less than this. Milliseconds. */
export const ROUNDING_MS = 2_000

/** Whether two looks saw the same process: in a container every one may have the same pid. */
export function isSame(one: SeenProcess, other: SeenProcess): boolean {
  return one.pid === other.pid && Math.abs(one.startedAt - other.startedAt) <= ROUNDING_MS
}
