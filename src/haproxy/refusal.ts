import { HaproxyError, type Problem } from './errors.ts'
import type { Answer } from './transport.ts'

/** What an HTTP status other than the expected one means. */
export function refusal({ status, location, login, body }: Answer, doing: string): HaproxyError {
  const fail = (problem: Problem, seen: string, transient = false): HaproxyError =>
    new HaproxyError(problem, `${doing}: ${seen} (HTTP ${status}).`, { transient })
  switch (status) {
    case 401:
      if (login !== undefined && !/\bBasic\b/i.test(login.schemes)) {
        const scheme = /^[\w-]{1,20}/.exec(login.schemes)?.[0] ?? 'an unknown one'
        return fail('other-login', `the answer asks for another login, ${scheme} instead of Basic`)
      }
      return login?.wasGiven === false
        ? fail('login-needed', 'the page asks for a user name and a password, and none was given')
        : fail('unauthorized', 'the user name or the password was not accepted')
    case 403:
      return fail('forbidden', 'the request was refused')
    case 404:
      return fail('wrong-path', 'there is no such page')
    case 502:
    case 503:
    case 504:
      return fail('wrong-path', 'the request went to a backend that cannot answer', true)
  }
  if (status >= 300 && status < 400 && location !== undefined) {
    return fail('redirected', `the answer redirects to ${destination(location)}`)
  }
  return fail(
    'unexpected-status',
    `the answer is not a statistics page${body === '' ? ', but empty' : ''}`
  )
}

/** Where a redirect leads, without what may repeat secrets: user name, password, and the query but for HAProxy's word. */
export function destination(location: string): string {
  const verdict = /;st=[A-Z]{4}/.exec(location)?.[0] ?? ''
  const place = location.replace(/[;?#].*/s, '').replace(/\/\/[^/]*@/, '//')
  return `${place}${verdict}`
}
