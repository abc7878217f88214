import { HaproxyError, type Problem } from './errors.ts'

/** What an exchange was doing when it ended. */
export type Phase =
  | 'looking up the host'
  | 'connecting'
  | 'connecting through the proxy'
  | 'waiting for the answer'
  | 'reading the answer'

/** What is known of an exchange that failed. */
export interface Failure {
  /** What was being attempted, to begin the message with. */
  readonly attempt: string
  readonly url: URL
  readonly phase: Phase
  /** The deadline in milliseconds, if that ended the exchange. */
  readonly timedOutMs: number | undefined
}

/** The advice over HTTP, where an answer in TLS looks like none. */
const OVER_HTTP: Partial<Record<Problem, string>> = {
  reset: 'The port may speak TLS: try https:// in the URL.',
  'not-http': 'Check the address and the port; the port may speak TLS: try https:// in the URL.'
}

type Meaning = readonly [code: RegExp, problem: Problem, seen: (host: string) => string]

// Codes of Node's sockets, resolver, TLS and HTTP parser, each with what it means here.
const MEANINGS: readonly Meaning[] = [
  [/^ENOTFOUND$/, 'host-not-found', (host) => `the host ${host} is not known`],
  [/^EAI_/, 'host-not-found', (host) => `the name server did not resolve the host ${host}`],
  [/^ECONNREFUSED$/, 'refused', (host) => `${host} refused the connection`],
  [/^E(HOST|NET)UNREACH$/, 'unreachable', (host) => `there is no route to ${host}`],
  [/^ETIMEDOUT$/, 'timed-out', (host) => `${host} did not answer the attempt to connect`],
  [/^(ECONNRESET|EPIPE)$/, 'reset', (host) => `${host} closed the connection without an answer`],
  [/^CERT_HAS_EXPIRED$/, 'tls-expired', (host) => `the certificate of ${host} has expired`],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    'tls-wrong-name',
    (host) => `the certificate is not valid for ${host}`
  ],
  [
    /^DEPTH_ZERO_SELF_SIGNED_CERT$/,
    'tls-unknown-issuer',
    (host) => `the certificate of ${host} is self-signed, so no authority vouches for it`
  ],
  [
    /SELF_SIGNED_CERT|UNABLE_TO_(GET_ISSUER|VERIFY)/,
    'tls-unknown-issuer',
    (host) => `no trusted authority has signed the certificate of ${host}`
  ],
  [
    /ALERT_CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE/,
    'tls-client-certificate',
    (host) => `${host} broke off the TLS handshake, as it does when it wants a client certificate`
  ],
  [
    /ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_)/,
    'tls-client-certificate',
    (host) => `${host} did not accept the client certificate`
  ],
  [
    /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|^EPROTO$/,
    'tls-not-spoken',
    (host) => `${host} does not answer in TLS`
  ],
  [
    /^(CERT_|INVALID_|UNABLE_TO_|HOSTNAME_MISMATCH|PATH_LENGTH|CRL_)/,
    'tls-failed',
    (host) => `the certificate of ${host} is not valid`
  ],
  [
    /^(ERR_(SSL|TLS|OSSL)_|ALERT_)/,
    'tls-failed',
    (host) => `there is no TLS connection to ${host}`
  ],
  [/^HPE_/, 'not-http', (host) => `what ${host} answers is not HTTP`]
]

/** Puts what Node reports of a failed exchange into words and names its problem. */
export function explainFailure(error: unknown, failure: Failure): HaproxyError {
  const { attempt, url, phase, timedOutMs } = failure
  const { code = '', message = '' } = error as Partial<NodeJS.ErrnoException>
  const seen = (problem: Problem, what: string): HaproxyError =>
    new HaproxyError(problem, `${attempt}: ${what}.`, {
      cause: error,
      ...(url.protocol === 'http:' && OVER_HTTP[problem] && { advice: OVER_HTTP[problem] }),
      // The name server was away, and says nothing of the name.
      ...(code === 'EAI_AGAIN' && { transient: true })
    })
  if (timedOutMs !== undefined) {
    return seen('timed-out', `no complete answer within ${timedOutMs / 1_000} s (${phase})`)
  }
  const refusal = /^tunneling socket could not be established, (.*)/s.exec(message)?.[1]
  if (refusal !== undefined) {
    return seen('proxy-refused', `the proxy did not connect (${refusal})`)
  }
  if (message === 'got illegal response body from proxy') {
    return seen('proxy-refused', 'the proxy did not answer as one that connects')
  }
  if (phase === 'reading the answer') {
    return seen('truncated', 'the answer broke off')
  }
  // An alert of TLS 1.2 comes as EPROTO, and only its message names it.
  const alert = /alert [a-z ]*/.exec(message)?.[0].replaceAll(' ', '_').toUpperCase() ?? ''
  const name = code === 'EPROTO' && alert !== '' ? alert : code
  const meaning = MEANINGS.find(([pattern]) => pattern.test(name))
  if (meaning === undefined) {
    return seen('unreachable', `the request failed (${code || message || 'for an unknown reason'})`)
  }
  const [, problem, describe] = meaning
  return seen(problem, describe(url.host))
}
