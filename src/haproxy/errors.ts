/**
 * What can go wrong between us and HAProxy. One class, many problems: the caller that wants to tell
 * them apart looks at `problem`, the reader looks at the message (what was attempted, where, and what
 * was seen) and the advice (what to do about it).
 */

const ADVICE = {
  // The way there
  'host-not-found':
    'Check the host name; a private name resolves only from inside its network, for example on a self-hosted runner.',
  refused: 'Is HAProxy running, and is this the address and port of its statistics page?',
  unreachable: 'Check the network and its firewall.',
  reset: 'If the port does not speak TLS, try http:// in the URL.',
  'timed-out':
    'Check that a firewall does not swallow the connection and that the page has a free connection (maxconn).',
  'tls-unknown-issuer': '',
  'tls-expired': 'Renew the certificate of the statistics page.',
  'tls-wrong-name': 'Use a host name that the certificate of the statistics page carries.',
  'tls-client-certificate':
    'The page accepts a certificate that an authority of its `ca-file` has signed and that has not expired.',
  'tls-not-spoken': 'Try http:// in the URL.',
  'tls-spoken': 'Try https:// in the URL.',
  'tls-failed': 'Check the certificates, and that the port speaks TLS.',
  'proxy-refused':
    'The proxy from the environment (http_proxy, https_proxy) would not connect; name the host in no_proxy if it is to be reached directly.',
  'not-http': 'Check the address and the port.',
  // What answered
  unauthorized: 'Check the user name and the password (`stats auth` in haproxy.cfg).',
  'login-needed': 'They are in haproxy.cfg (`stats auth`).',
  'other-login':
    'HAProxy asks for Basic only, so a proxy or a login gateway seems to answer in its place: use an address at which HAProxy itself answers.',
  forbidden:
    'A rule in haproxy.cfg (`stats http-request deny`, `http-request deny`) refuses this client.',
  redirected:
    'Redirects are not followed; use the URL that it leads to, if that is the statistics page.',
  'wrong-path':
    'Is the path right? It must be the `stats uri` of haproxy.cfg (without one: /haproxy?stats), on a port whose section has it.',
  'unexpected-status': 'Is this the URL of a HAProxy statistics page?',
  'not-csv':
    'Is this the URL of a HAProxy statistics page? It must be the `stats uri` of haproxy.cfg, reached without a login page in between.',
  truncated: 'Something between here and HAProxy closed the connection.',
  oversized: 'Is this the URL of a HAProxy statistics page?',
  malformed:
    'The statistics page is not as HAProxy writes it; something in between may have changed it.',
  'several-processes':
    'With nbproc above 1 each process has a state of its own and a request reaches only one of them; give every process a statistics page of its own (`bind-process`), or use threads.',
  // What HAProxy said to a change
  DENY: 'HAProxy refuses changes: `stats admin if …` is missing in haproxy.cfg or its condition is not true for this request, or `stats scope` leaves the backend out.',
  ERRP: 'HAProxy did not accept the backend, the server or the action; were they removed since the page was read?',
  NONE: 'HAProxy changed nothing; the server has no such check, or its check is not enabled.',
  PART: 'HAProxy knows only some of these servers; were the others removed, or are two servers of one name in the backend?',
  EXCD: 'The request was larger than HAProxy takes (`tune.bufsize`); name fewer servers at a time.',
  IVAL: 'HAProxy did not accept the form of the request; something in between may have changed it.',
  UNKN: 'HAProxy gave an answer that it does not explain itself.',
  'not-haproxy':
    'The change reached something that is not the statistics page; is the URL the `stats uri`, and is nothing between here and HAProxy that answers in its place?',
  // What was found, and what came of it
  'unknown-backend':
    'Check the spelling (names are case-sensitive), and that no `stats scope` hides the backend from this page.',
  'unknown-server': 'Check the spelling; names are case-sensitive.',
  'not-returnable': '',
  'too-many-servers': '',
  'guard-refused': 'Bring another server back first.',
  'no-turn': '',
  'same-address': 'Stopping the application would break their requests as well.',
  'several-haproxies':
    'Name each HAProxy by an address of its own; a change reaches only the one that happens to answer.',
  'did-not-hold':
    'An agent check (ask for dagent before, and for eagent afterwards), another operator or a reload of HAProxy may have changed it.',
  'changed-meanwhile':
    'Find out who did it (a person, another job, an agent check, a controller), then run this step again.',
  'not-drained': '',
  'old-process': '`hard-stop-after` in haproxy.cfg limits how long an old process lives.',
  'not-up': '',
  'bake-failed':
    'Look at what the application answers, and at its log, before it is brought back again.',
  'not-baked': '',
  'not-all-up': '',
  cancelled: ''
} as const satisfies Record<string, string>

/** The name of a way to fail. */
export type Problem = keyof typeof ADVICE

/** Problems that may be gone a moment later: a reload, a restart, a network that hiccups. */
const TRANSIENT: ReadonlySet<Problem> = new Set([
  'refused',
  'unreachable',
  'reset',
  'timed-out',
  'truncated'
])

/** More about an error than its problem. */
interface ErrorDetails {
  /** What to do about it, where the problem's own advice does not fit. */
  readonly advice?: string | undefined
  readonly cause?: unknown
  /** Whether the same request may succeed a moment later, where that differs from the problem's rule. */
  readonly transient?: boolean
}

/** A failure with a problem to branch on, a message to read and advice to follow. */
export class HaproxyError extends Error {
  override readonly name = 'HaproxyError'
  readonly problem: Problem
  /** What to do about it; may be empty. */
  readonly advice: string
  /** Whether the same request may succeed a moment later. */
  readonly transient: boolean

  constructor(problem: Problem, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause })
    this.problem = problem
    this.advice = details.advice ?? ADVICE[problem]
    this.transient = details.transient ?? TRANSIENT.has(problem)
  }
}

/** Problems of a client that is not let in. */
export const SHUT_OUT = ['unauthorized', 'login-needed', 'other-login', 'forbidden'] as const

/** Problems after which nothing can have changed: the change did not arrive, or HAProxy declined it. */
const DECLINED: ReadonlySet<Problem> = new Set([
  'host-not-found',
  'refused',
  'tls-unknown-issuer',
  'tls-expired',
  'tls-wrong-name',
  'tls-client-certificate',
  'tls-not-spoken',
  'tls-spoken',
  'proxy-refused',
  ...SHUT_OUT,
  'DENY',
  'ERRP',
  'NONE',
  'EXCD',
  'IVAL'
])

/** Whether a change that failed with this error surely changed nothing. */
export function changedNothing(error: unknown): boolean {
  return error instanceof HaproxyError && DECLINED.has(error.problem)
}

/** The message of something that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A failure after a part of a change was done must not be taken for a change of nothing. */
export function asPartial(error: unknown): unknown {
  return error instanceof HaproxyError
    ? new HaproxyError('PART', error.message, {
        advice: error.advice,
        transient: error.transient,
        cause: error
      })
    : error
}
