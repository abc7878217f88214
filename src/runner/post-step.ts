import { getState, saveState } from '@actions/core'
import { messageOf } from '../haproxy/errors.ts'

const KEY = 'isPost'

/** Whether the runner is in the post step. */
export function isPostStep(): boolean {
  return getState(KEY) !== ''
}

/**
 * Tells the post step that the main step has begun; without it, the post step would do the main step's work again.
 *
 * @throws Error where the runner's state file cannot be written
 */
export function markMainStep(): void {
  try {
    saveState(KEY, 'true')
  } catch (error) {
    const reason = messageOf(error)
    throw new Error(`The runner's state file cannot be written (${reason}). Nothing was changed.`, {
      cause: error
    })
  }
}
