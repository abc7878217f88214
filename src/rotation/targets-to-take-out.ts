import { type OutState, ownAdminState } from '../haproxy/server.ts'
import { type Backend, targetsOf } from './backend.ts'
import type { Target } from './target.ts'

/**
 * The targets that must be asked: not those that surely have the admin state of their own already. In `MAINT` a
 * server is further out than `drain` takes it.
 */
export function targetsToTakeOut(backends: readonly Backend[], state: OutState): Target[] {
  return targetsOf(backends).filter(({ before }) => {
    const own = ownAdminState(before)
    return own !== state && own !== 'maint'
  })
}
