import { HaproxyError, type Problem } from '../haproxy/errors.ts'
import type { Inputs } from './inputs.ts'

/** The inputs that help, by what went wrong; what HAProxy's own settings can do about it, the error says itself. */
const INPUTS: Partial<Record<Problem, string>> = {
  'tls-unknown-issuer': 'The input for that is ca-certificate.',
  'tls-client-certificate': 'The inputs for that are client-certificate and client-key.',
  'timed-out': 'The input for that is request-timeout.',
  'same-address':
    "To name them, list their backends in backend, or use backend: '*'; same-address: ignore lets the step go on.",
  'old-process':
    'Give the same value as the input hard-stop-after, and make wait-timeout longer than that.'
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
