import { getState, saveState } from '@actions/core'

const KEY = 'isPost'

/** Whether the runner is in the post stage of this step. */
export function isPostStage(): boolean {
  return getState(KEY) !== ''
}

/**
 * Leaves word for the post stage that the main stage has begun; without it, that would do all of it again.
 *
 * @throws Error where the runner's state file cannot be written
 */
export function markMainStage(): void {
  try {
    saveState(KEY, 'true')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new Error(`The runner's state file cannot be written (${reason}). Nothing was changed.`, {
      cause: error
    })
  }
}
