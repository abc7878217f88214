import { parseHead } from '../support/http-message.ts'
import { type Fault, httpAnswer, type RecordedRequest } from '../support/fault-proxy.ts'

/** What a request is for: to see the servers, to see the process, or to change something. */
export type Kind = 'look' | 'process' | 'change'

/** The kind of a request; the page that shows the process is the one without `;csv`. */
export function kindOf({ method, path }: RecordedRequest): Kind {
  if (method === 'POST') return 'change'
  return path.includes(';csv') ? 'look' : 'process'
}

/** A fault with what the product promises to make of it. */
export interface HostileFault {
  readonly name: string
  /** The requests that it spoils; it leaves the others alone. */
  readonly spoils: readonly Kind[]
  readonly fault: Fault
  /**
   * `passes`: it may be gone a moment later, so that once is not enough to end a run. `stays`: it may end
   * the run at once; of the process it hides what only proves that a server is safe to stop. `ignored`: the run
   * goes on as if nothing had been.
   */
  readonly nature: 'passes' | 'stays' | 'ignored'
  /** What the error says of a read that it spoiled. */
  readonly read: RegExp
  /** What the error says of a change that it spoiled. */
  readonly change: RegExp
  /**
   * Whether it takes the same way through the product as another one of the list, and differs in its words
   * only. Unless `FAULTS=all`, it meets every action at some of the requests instead of all of them.
   */
  readonly isAlike?: true
  /** More than the usual request timeout, for an answer that takes its time. */
  readonly requestTimeoutMs?: number
}

/** The request timeout of every run, unless a fault needs more. */
export const REQUEST_TIMEOUT = 700

const reset = /closed the connection without an answer/
const waiting = /no complete answer within [\d.]+ s \(waiting for the answer\)/
// A busy machine may not even come to the body.
const reading = /no complete answer within [\d.]+ s \((reading|waiting for) the answer\)/
const brokenOff = /the answer broke off/
const unread = /does not say what became of it/
const never = /(?!)/

const reads: readonly Kind[] = ['look', 'process']
const all: readonly Kind[] = [...reads, 'change']

/** Everything that can go wrong with one request. */
export const FAULTS: readonly HostileFault[] = [
  // The connection
  connection('refused', { kind: 'refuse' }, reset),
  connection('reset before it was passed on', { kind: 'reset-before' }, reset),
  connection('reset after it was passed on', { kind: 'reset-after' }, reset),
  connection('silence', { kind: 'silence' }, waiting),
  alike(connection('stall in the headers', { kind: 'stall-headers' }, waiting)),
  // HAProxy's answer to a change has no body.
  { ...connection('stall in the body', { kind: 'stall-body' }, reading), spoils: reads },
  {
    ...connection('cut in half', { kind: 'truncate' }, brokenOff),
    change: /broke off|closed the connection/
  },
  // An answer from somebody else
  alike(other('ten megabytes of rubbish', ok(rubbish(10)), /something else instead of CSV/)),
  alike({
    // The last look of a wait gets a second, which may not be enough for so much.
    ...other(
      'forty megabytes of rubbish',
      ok(rubbish(40)),
      /larger than 33554432 bytes|within 1 s \(reading the answer\)/
    ),
    change: /larger than 33554432 bytes/
  }),
  {
    ...other('no HTTP at all', answer(Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')), /is not HTTP/),
    change: /is not HTTP/
  },
  other('a login page', ok(loginPage(), html), /a login page \(HTML\) instead of CSV/),
  alike(other('an HTML page', ok(errorPage(), html), /an HTML page instead of CSV/)),
  alike(other('a JSON document', ok('{"error":"not found"}'), /a JSON document instead of CSV/)),
  alike(other('nothing in a 200', ok(''), /is empty instead of CSV/)),
  status('an HTML error page', 500, errorPage(), /not a statistics page \(HTTP 500\)/),
  alike({ ...status('502', 502, errorPage(), /cannot answer \(HTTP 502\)/), nature: 'passes' }),
  { ...status('503', 503, errorPage(), /cannot answer \(HTTP 503\)/), nature: 'passes' },
  alike({ ...status('504', 504, errorPage(), /cannot answer \(HTTP 504\)/), nature: 'passes' }),
  redirect('a redirect on the same host', '/login?next=%2Fadmin'),
  alike(redirect('a redirect to another host', 'http://sso.example/login')),
  alike(redirect('a redirect from http to https', 'https://127.0.0.1/admin')),
  // HAProxy's answer to a change, spoiled
  verdict('303 without ;st=', () => '/admin', unread),
  alike(verdict('303 from an application', () => '/thanks', unread)),
  verdict('303 with an absolute Location', (path) => `http://127.0.0.1:1${path}`),
  verdict('303 with a relative Location', (path) => path.replace('/', '')),
  alike(verdict('303 with the wrong path', (path) => `/behind/a/proxy${path}`)),
  // HAProxy's page, spoiled
  page('no column scur', (csv) => csv.replace(',scur,', ',skur,'), /has no column scur/),
  {
    ...page('half a row', (csv) => csv.slice(0, -60), /ends in the middle of a row/),
    nature: 'passes'
  },
  page(
    'a row of ten cells',
    (csv) => csv.replace(/^((?:[^,\n]*,){10}).*\n$/m, '$1\n'),
    /has 11 cells where the header has \d+/
  ),
  page(
    'NUL in the name',
    (csv) => csv.replace(/^(s\d+,s\d+a),/gm, '$1\0,'),
    /has no server s\d+a\b|is no longer there/
  ),
  page(
    'NUL in the status',
    (csv) => csv.replace(/,(UP|DOWN|DRAIN|MAINT|no check)\b/g, ',\0$1'),
    /unknown status|not known to write/
  ),
  alike(
    page('UTF-16', (csv) => Buffer.from(`\ufeff${csv}`, 'utf16le'), /something else instead of CSV/)
  ),
  // The page that shows the process, spoiled
  head('a process without a pid', (html) => html.replaceAll('<b>pid = </b>', '')),
  alike(head('a process without an uptime', (html) => html.replaceAll('<b>uptime = </b>', ''))),
  alike(
    head('a process with a pid that is no number', (html) =>
      html.replace(/(<b>pid = <\/b> )\d+/, '$1many')
    )
  ),
  head('a process in half a page', (html) => html.slice(0, 500)),
  alike(head('a process in UTF-16', (html) => Buffer.from(`\ufeff${html}`, 'utf16le')))
]

function alike(fault: HostileFault): HostileFault {
  return { ...fault, isAlike: true }
}

function connection(name: string, fault: Fault, seen: RegExp): HostileFault {
  return { name, spoils: all, fault, nature: 'passes', read: seen, change: seen }
}

/** A 200 that is not HAProxy's says nothing of what became of a change. */
function other(name: string, fault: Fault, read: RegExp): HostileFault {
  // Enough for 40 MB through one Node process that has other things to do.
  const size = fault.kind === 'answer' ? fault.bytes.length : 0
  const slow = size > 1_000_000 ? { requestTimeoutMs: 5_000 } : {}
  return { name, spoils: all, fault, nature: 'stays', read, change: unread, ...slow }
}

function status(name: string, code: number, body: string, seen: RegExp): HostileFault {
  return { ...other(name, answer(httpAnswer(code, body, html())), seen), change: seen }
}

function redirect(name: string, location: string): HostileFault {
  // The query may repeat what was sent, and is not shown.
  const shown = location.replace(/\?.*/, '').replaceAll('.', String.raw`\.`)
  const seen = new RegExp(`redirects to ${shown}`)
  const fault = answer(httpAnswer(302, errorPage(), { Location: location }))
  return { ...other(name, fault, seen), change: seen }
}

function verdict(
  name: string,
  relocate: (location: string) => string,
  change?: RegExp
): HostileFault {
  const rewrite = (bytes: Buffer): Buffer =>
    Buffer.from(
      bytes
        .toString('latin1')
        .replace(
          /^(location: *)(\S+)/im,
          (_, header: string, location: string) => header + relocate(location)
        ),
      'latin1'
    )
  const nature = change === undefined ? 'ignored' : 'stays'
  const fault: Fault = { kind: 'rewrite', rewrite }
  return { name, spoils: ['change'], fault, nature, read: never, change: change ?? never }
}

function page(name: string, edit: (csv: string) => string | Buffer, read: RegExp): HostileFault {
  const rewrite = (bytes: Buffer): Buffer =>
    httpAnswer(200, edit(bodyOf(bytes).toString()), { 'Content-Type': 'text/plain' })
  const fault: Fault = { kind: 'rewrite', rewrite }
  return { name, spoils: ['look'], fault, nature: 'stays', read, change: never }
}

function head(name: string, edit: (html: string) => string | Buffer): HostileFault {
  const rewrite = (bytes: Buffer): Buffer => httpAnswer(200, edit(bodyOf(bytes).toString()), html())
  const fault: Fault = { kind: 'rewrite', rewrite }
  return { name, spoils: ['process'], fault, nature: 'stays', read: never, change: never }
}

function answer(bytes: Buffer): Fault {
  return { kind: 'answer', bytes }
}

function ok(body: string | Buffer, headers: () => Record<string, string> = () => ({})): Fault {
  return answer(httpAnswer(200, body, headers()))
}

function html(): Record<string, string> {
  return { 'Content-Type': 'text/html; charset=utf-8' }
}

function rubbish(megabytes: number): Buffer {
  return Buffer.alloc(megabytes * 1024 * 1024, 'rubbish, \u00e4 and \0 \n')
}

function loginPage(): string {
  return (
    '<!DOCTYPE html>\n<html><head><title>Log in</title></head><body>' +
    '<form method="post"><input name="u"><input type="password" name="p"></form></body></html>'
  )
}

function errorPage(): string {
  return '<html><head><title>Error</title></head><body><h1>Something went wrong</h1></body></html>'
}

/** The body of a whole answer, its chunks put together. */
export function bodyOf(bytes: Buffer): Buffer {
  const head = parseHead(bytes)
  const body = bytes.subarray(head?.length ?? 0)
  if (head?.headers['transfer-encoding'] !== 'chunked') return body
  const chunks: Buffer[] = []
  for (let at = 0; ;) {
    const lineEnd = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.toString('latin1', at, lineEnd), 16)
    if (!(size > 0)) return Buffer.concat(chunks)
    chunks.push(body.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}
