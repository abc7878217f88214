import type { AdminState } from '../haproxy/server.ts'
import { namesOf, statesOf } from './describe.ts'
import { formatDuration } from './duration.ts'
import { describeOthers, type Other } from './same-address.ts'
import type { ProcessChange } from './seen-process.ts'
import type { Target } from './target.ts'

/**
 * What a run logs between its first look and its last line, in the order in which it may come. How a wait goes is for
 * the observer to say.
 */

/** A notice or a warning, with its title for the list of annotations. */
type Titled = readonly [text: string, title: string]

// Requests that are repeated

export function retryingIn(message: string, pauseMs: number): string {
  return `${message} Trying again in ${formatDuration(pauseMs)}.`
}

export function retryingFor(message: string, remainingMs: number): string {
  return `${message} Trying again for up to ${formatDuration(remainingMs)}.`
}

export const READABLE_AGAIN = 'The statistics page can be read again.'

// A take-out

export function alsoOnHost(others: readonly Other[]): Titled {
  return [
    `Also on the same host, on another port: ${describeOthers(others)}. Is one of them the same application?`,
    'Same host, another port'
  ]
}

export function waitingForTurn(remainingMs: number, why: string): string {
  return `Waiting for a turn for up to ${formatDuration(remainingMs)}. ${why}`
}

export const CLAIM_WITHDRAWN = 'Too few others were left after the claim, so it was withdrawn.'

/**
 * @param what an admin state, or another command of the page
 * @param why what it is good for, where that is not plain
 */
export function askingFor(what: string, targets: readonly Target[], why = ''): string {
  return `Asking for ${what}${why}: ${namesOf(targets)}.`
}

export const FOR_FRESH_CHECK = ', for a fresh health check'

export function newSessionsKeepComing({ fullName }: Target): string {
  return `New sessions keep coming to ${fullName}, so it is not drained, even though none is open right now.`
}

/** @param remainingMs for how long an old process may live on, in milliseconds; Infinity where that is not known */
export function waitingForOldProcess(remainingMs: number): string {
  const howLong = remainingMs === Infinity ? '' : ` for ${formatDuration(remainingMs)}`
  return `HAProxy shows no more sessions. Waiting${howLong}: a process from before a reload may still hold some.`
}

export function notDrainedInTime(message: string): Titled {
  return [message, 'Not drained in time']
}

export function killingSessions(targets: readonly Target[]): string {
  return `Killing the sessions of ${namesOf(targets)}.`
}

export function rollingBack(state: AdminState, targets: readonly Target[]): string {
  return `Rolling back to ${state}: ${namesOf(targets)}.`
}

// A return

export function noFreshCheck({ fullName, name, before }: Target): Titled {
  return [
    `${fullName} comes back without a fresh check: no other server of ${before.backend} serves, so its pinned clients would have nowhere to go.`,
    `${name}: no fresh check`
  ]
}

export function endingDrain(targets: readonly Target[]): string {
  return `Ending the drain: ${namesOf(targets)}.`
}

export function noHealthCheck({ fullName, name }: Target): Titled {
  return [
    `${fullName} has no health check: HAProxy sends it traffic without knowing whether it is healthy.`,
    `${name}: no health check`
  ]
}

/** @param leader the server whose health counts, as `backend/server` */
export function followsAnother({ fullName, name }: Target, leader: string): Titled {
  return [
    `${fullName} follows ${leader} (track): this step did not have that server's health checked again.`,
    `${name}: follows another server`
  ]
}

/** @param targets those that are not up at the end of a watch */
export function watchGoesOn(targets: readonly Target[]): string {
  return `The watch goes on: ${statesOf(targets)}.`
}

export function takingOutAgain(targets: readonly Target[]): string {
  return `Taking ${namesOf(targets)} out of rotation again.`
}

export function restored(state: AdminState, targets: readonly Target[]): Titled {
  return [`Restored to ${state}: ${statesOf(targets)}.`, `Restored to ${state}`]
}

// A reload

/** What happened, without the end of the sentence. */
export function reloadAt(instanceName: string, change: ProcessChange): string {
  return change === 'unclear'
    ? `Another process of HAProxy answers at ${instanceName}, perhaps after a reload`
    : `HAProxy was reloaded or restarted at ${instanceName}`
}

/**
 * @param reload what {@link reloadAt} says of it
 * @param lost targets that lost their admin state
 * @param next what follows from it
 */
export function reloaded(reload: string, lost: readonly Target[], next: string): Titled {
  const whose = lost.length === 1 ? 'its' : 'their'
  const again = lost.length > 0 ? `, and ${namesOf(lost)} lost ${whose} admin state` : ''
  return [`${reload}${again}: ${next}.`, 'HAProxy was reloaded']
}

export const NO_SESSION_WAS_LEFT = 'no session was left on its old process'
export const SESSIONS_MAY_REMAIN = 'the old process may still hold sessions, and nothing shows them'
export const SESSIONS_UNKNOWN = 'whether an old process still holds sessions cannot be known'
export const STARTING_OVER = 'the return starts over'

/** The same for counters that somebody has cleared. */
export function countersClearedAt(instanceName: string): string {
  return `The counters of ${instanceName} were cleared`
}

/**
 * @param why what {@link reloadAt} or {@link countersClearedAt} says
 * @param bakeMs how long the watch of the traffic lasts, in milliseconds
 */
export function watchedAnew(why: string, bakeMs: number): Titled {
  return [
    `${why}: the watch of the traffic begins anew. It lasts ${formatDuration(bakeMs)}.`,
    'Watched anew'
  ]
}
