import { canBe, isOutOfRotation, shownAdminState } from '../haproxy/server.ts'
import { namesOf } from '../rotation/describe.ts'
import { isMoved, type Target } from '../rotation/target.ts'
import type { Inputs } from './inputs.ts'

/** What becomes of servers that a failed step leaves out of rotation. */
export function whoBringsThemBack(targets: readonly Target[], { action, restore }: Inputs): string {
  const held = targets.filter(isInDrain)
  if (action === 'ready' && held.length > 0) {
    const stays = held.some(mayBeReleased) ? 'may stay' : 'stays'
    return `${namesOf(held)} ${stays} in drain until somebody asks for ready.`
  }
  const out = targets.filter((target) => isMoved(target) && isAsAsked(target))
  if (out.length === 0 || (action !== 'drain' && action !== 'maint')) {
    return ''
  }
  switch (restore) {
    case 'never':
      return `The post step does not bring ${namesOf(out)} back (restore: never); action: ready does.`
    case 'failure':
      return `The post step brings ${namesOf(out)} back if the job fails or is cancelled (restore: failure).`
    case 'always':
      return `The post step brings ${namesOf(out)} back (restore: always).`
  }
}

/** Whether a target is, or may be, in the drain that this run asked for. */
function isInDrain(target: Target): boolean {
  const { change, isKnown, now } = target
  return (
    isKnown &&
    !change.isRolledBack &&
    isOutOfRotation(now) &&
    now.word !== 'MAINT' &&
    (change.state === 'drain' || shownAdminState(now) === 'drain' || mayBeReleased(target))
  )
}

/** Whether a target shows the state that was asked for, as far as it shows one: what others changed is theirs. */
function isAsAsked({ change, now, isKnown }: Target): boolean {
  const { state, orElse = state } = change
  return !isKnown || state === undefined || canBe(now, state) || canBe(now, orElse ?? state)
}

/** Whether it is not known if the drain of a target has ended, because its status hides that. */
function mayBeReleased({ change, now }: Target): boolean {
  return (
    change.state === 'ready' && change.isUncertain === true && shownAdminState(now) === undefined
  )
}
