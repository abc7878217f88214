import { HaproxyError, type Problem } from './errors.ts'
import type { Answer } from './transport.ts'

/** HAProxy's own 503, unless an `errorfile` takes its place. */
const NO_SERVER = 'No server is available to handle this request.'

/**
 * What an HTTP status other than the expected one means.
 *
 * HAProxy sends a path that is no `stats uri` to a backend, and where that has no server, its 503 is the same as that
 * of a HAProxy in front of a page that is away for a moment (docs/haproxy-facts.md, "The URL").
 *
 * @param wasRead whether a page was read at this URL before
 */
export function unexpectedStatus(
  { status, location, login, body }: Answer,
  attempt: string,
  wasRead = true
): HaproxyError {
  const fail = (problem: Problem, seen: string, transient = false): HaproxyError =>
    new HaproxyError(problem, `${attempt}: ${seen} (HTTP ${status}).`, { transient })
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
      return fail('wrong-path', 'there is no statistics page at this URL')
    case 400:
      if (/\bHTTPS\b/.test(body)) {
        return fail('tls-spoken', 'the port speaks TLS, and this request did not')
      }
      break
    case 502:
    case 503:
    case 504:
      if (!wasRead && body.includes(NO_SERVER)) {
        const where = 'HAProxy sent the request to a backend that has no server for it'
        return fail('wrong-path', `there is no statistics page at this URL; ${where}`)
      }
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
