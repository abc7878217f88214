import { getState, saveState } from '@actions/core'

/** Whether the runner is in the post stage of this step; the main stage leaves word of itself. */
export function isPostStage(): boolean {
  if (getState('isPost') !== '') {
    return true
  }
  saveState('isPost', 'true')
  return false
}
