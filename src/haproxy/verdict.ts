import { HaproxyError } from './errors.ts'
import { unexpectedStatus } from './unexpected-status.ts'
import type { Answer } from './transport.ts'

const REFUSALS = ['DENY', 'ERRP', 'NONE', 'PART', 'EXCD', 'IVAL', 'UNKN'] as const
type Refusal = (typeof REFUSALS)[number]

/** What HAProxy says became of a change, in its own codes. */
export type Verdict = 'DONE' | Refusal

/**
 * Reads the verdict, which is in the redirect that answers a POST (docs/haproxy-facts.md, "Requests").
 *
 * @throws HaproxyError `not-haproxy` where the answer holds none, or what its HTTP status means
 */
export function verdictOf(answer: Answer, attempt: string): Verdict {
  const { status, location = '' } = answer
  const code = status === 303 && /;st=([A-Z]{4})/.exec(location)?.[1]
  if (typeof code === 'string') {
    return code === 'DONE' || isRefusal(code) ? code : 'UNKN'
  }
  if ([200, 303, 404, 405].includes(status)) {
    const seen = `the answer (HTTP ${status}) does not say what became of it`
    throw new HaproxyError('not-haproxy', `${attempt}: ${seen}.`)
  }
  throw unexpectedStatus(answer, attempt)
}

function isRefusal(code: string): code is Refusal {
  return (REFUSALS as readonly string[]).includes(code)
}
