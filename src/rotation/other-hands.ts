import { HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, canBe, type Server } from '../haproxy/server.ts'
import { namesOf, seenAs } from './describe.ts'
import { LOADING_MS } from './instance.ts'
import { type ProcessChange, ROUNDING_MS } from './seen-process.ts'
import type { Target } from './target.ts'

/**
 * Whether a server still is in the admin state that was asked for, and nobody else put it there since: a maint
 * that is younger is somebody else's (docs/haproxy-facts.md, "Who did it").
 *
 * @param elapsedMs how long ago that state was asked for, in milliseconds
 */
export function isAsLeft(server: Server, state: AdminState, elapsedMs: number): boolean {
  const { secondsInState } = server
  return (
    canBe(server, state) &&
    (state !== 'maint' ||
      secondsInState === undefined ||
      secondsInState * 1_000 >= elapsedMs - ROUNDING_MS)
  )
}

const WHO = {
  same: 'HAProxy was not reloaded, so somebody else changed it',
  newer: 'It was changed after HAProxy was reloaded, so somebody else changed it',
  unclear: 'Another process of HAProxy answers, and somebody else changed it since',
  unknown: 'The page does not show whether HAProxy was reloaded or somebody changed it'
} as const satisfies Record<ProcessChange, string>

/** Makes an error of admin states that were lost, and not by a reload of HAProxy: somebody else acted. */
export function changedByOthers(lost: readonly Target[], change: ProcessChange): HaproxyError {
  const seen = lost.map((target) => {
    const { state } = target.change
    return `${target.fullName} ${state === undefined ? '' : `was asked for ${state} and `}is ${seenAs(target)}`
  })
  const agent = lost.some(({ now }) => now.hasAgent) ? ' An agent check is enabled there.' : ''
  const leader = lost.find(({ now }) => now.tracked !== undefined)?.now.tracked
  const follows = leader === undefined ? '' : ` It follows ${leader} (track).`
  return new HaproxyError(
    'changed-meanwhile',
    `${seen.join('; ')}. ${WHO[change]}.${agent}${follows}`
  )
}

/**
 * Targets whose admin state a reload cannot have taken: they had it long after the process started that answers
 * now, when a reload without a state file would have lost it at once.
 *
 * @param heldAt when a look last showed the state, in milliseconds on the run's clock
 */
export function notLostByReload(
  lost: readonly Target[],
  heldAt: ReadonlyMap<Target, number>
): Target[] {
  return lost.filter((target) => {
    const { process } = target.backend.instance
    const held = heldAt.get(target)
    return process !== undefined && held !== undefined && held > process.startedAt + LOADING_MS
  })
}

/** What to say of another process that answers. */
export function reloadedMessage(
  instanceName: string,
  change: ProcessChange,
  lost: readonly Target[],
  next: string
): string {
  const what =
    change === 'unclear'
      ? `Another process of HAProxy answers at ${instanceName}, perhaps after a reload`
      : `HAProxy was reloaded or restarted at ${instanceName}`
  const whose = lost.length === 1 ? 'its' : 'their'
  const again = lost.length > 0 ? `, and ${namesOf(lost)} lost ${whose} admin state` : ''
  return `${what}${again}: ${next}.`
}
