import { HaproxyError, type Problem } from '../haproxy/errors.ts'
import type { Inputs } from './inputs.ts'

/** The inputs that help, by what went wrong; advice about HAProxy's own settings comes with the error. */
const INPUTS: Partial<Record<Problem, string>> = {
  unauthorized: 'They come from username and password, or from the stats-url itself.',
  'login-needed': 'Give them as username and password.',
  'tls-unknown-issuer':
    'If you know whose it is, give the certificate of its authority, or the self-signed one itself, as ca-certificate.',
  'tls-client-certificate': 'Give it as client-certificate, and its key as client-key.',
  'timed-out': 'Raise request-timeout if the page is only slow.',
  'guard-refused': 'If the backend may run with fewer, lower min-up (0 turns the guard off).',
  'same-address':
    "Name their backends as well, or use backend: '*'; with same-address: ignore the step goes on without proof.",
  'old-process':
    'If it is set there, give the same value as the input hard-stop-after, and make wait-timeout longer than that.'
}

/** What to do about a failure. */
export function adviceFor(error: unknown, inputs: Inputs): string {
  if (!(error instanceof HaproxyError)) {
    return ''
  }
  const more = error.problem === 'not-drained' ? forDrain(inputs) : INPUTS[error.problem]
  return [error.advice, more ?? ''].filter((part) => part !== '').join(' ')
}

function forDrain({ onTimeout }: Inputs): string {
  return onTimeout === 'shutdown'
    ? 'You can wait longer (wait-timeout) or let some sessions remain (max-sessions).'
    : 'You can wait longer (wait-timeout), let some sessions remain (max-sessions) or end the sessions (on-timeout: shutdown).'
}
