import { HaproxyError, type Problem } from '../haproxy/errors.ts'
import { formatDuration } from '../rotation/duration.ts'
import type { Inputs } from './inputs.ts'

/** The inputs that help, by what went wrong; advice about HAProxy's own settings comes with the error. */
const INPUTS: Partial<Record<Problem, string>> = {
  unauthorized: 'They come from the inputs username and password, or from stats-url itself.',
  'login-needed': 'Give them as the inputs username and password.',
  'tls-unknown-issuer':
    'If you know whose it is, give the certificate of its authority, or the self-signed one itself, as ca-certificate.',
  'tls-client-certificate': 'Give it as client-certificate, and its key as client-key.',
  'timed-out': 'Raise request-timeout if the page is only slow.',
  'guard-refused': 'If the backend may run with fewer, lower min-up (0 turns the guard off).',
  'no-turn': 'Raise min-up-timeout, then run this step again.',
  'same-address':
    "Take those out in the same step: backend: '*', and their names in server. With same-address: ignore the step goes on without proof."
}

/** What to do about a failure. */
export function adviceFor(error: unknown, inputs: Inputs): string {
  if (!(error instanceof HaproxyError)) {
    return ''
  }
  return [error.advice, moreFor(error, inputs)].filter((part) => part !== '').join(' ')
}

function moreFor(error: HaproxyError, inputs: Inputs): string {
  switch (error.problem) {
    case 'not-drained':
      // After a roll-back the cause is that of the roll-back.
      return error.cause === undefined || inputs.onTimeout === 'restore'
        ? forDrain(inputs)
        : OUT_OF_SIGHT
    case 'old-process':
      return forOldProcess(inputs)
    default:
      return INPUTS[error.problem] ?? ''
  }
}

/** More time or fewer sessions help nobody while the page does not answer. */
const OUT_OF_SIGHT =
  'Once it answers again, run this step again: a HAProxy that was restarted has forgotten the admin state.'

function forOldProcess({ hardStopAfterMs }: Inputs): string {
  return hardStopAfterMs === undefined
    ? 'If it is set there, give the same value as the input hard-stop-after, and make wait-timeout longer than that.'
    : `Make wait-timeout longer than the hard-stop-after of ${formatDuration(hardStopAfterMs)}.`
}

function forDrain({ onTimeout }: Inputs): string {
  return onTimeout === 'shutdown'
    ? 'You can wait longer (wait-timeout) or let some sessions remain (max-sessions).'
    : 'You can wait longer (wait-timeout), let some sessions remain (max-sessions) or end the sessions (on-timeout: shutdown).'
}
