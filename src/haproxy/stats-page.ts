import { HaproxyError, type Problem } from './errors.ts'
import { parseStatsCsv, type Snapshot } from './csv.ts'
import type { AdminState } from './server.ts'
import { csvAddress, type Credentials, type StatsUrl } from './stats-url.ts'
import { type Answer, exchange, type Request, type TransportSettings } from './transport.ts'

/** The commands of the page beside the admin states, by their POST values. */
export const COMMANDS = [
  'shutdown',
  'ehlth',
  'dhlth',
  'hrunn',
  'hnolb',
  'hdown',
  'eagent',
  'dagent',
  'arunn',
  'adown'
] as const

/** A command of the page that is not an admin state. */
export type Command = (typeof COMMANDS)[number]

/** How one request may end early. */
export interface Limits {
  readonly signal: AbortSignal
  /** Deadline of this request in milliseconds, if it is to be shorter than usual. */
  readonly timeoutMs?: number
}

// The whole request must fit tune.bufsize (16,384 bytes) less 1,024; 14,800 bytes of body always did (measured).
const MAX_BODY = 14_000

/** The statistics page of one HAProxy. */
export class StatsPage {
  /** The page's URL without credentials, its name for people. */
  readonly name: string
  readonly #url: StatsUrl
  readonly #authorization: string | undefined
  readonly #settings: TransportSettings
  readonly #trace: (text: string) => void
  readonly #processes = new Set<string>()

  /** @param trace told of every exchange, without secrets */
  constructor(
    url: StatsUrl,
    credentials: Credentials | undefined,
    settings: TransportSettings,
    trace: (text: string) => void = () => undefined
  ) {
    this.name = url.href
    this.#url = url
    this.#authorization = credentials && basicAuthorization(credentials)
    this.#settings = settings
    this.#trace = trace
  }

  /**
   * Reads the page, narrowed to one backend if it is given. Rows of other proxies may come along.
   *
   * @throws HaproxyError `several-processes` when HAProxy runs more than one (`nbproc`), and whatever
   *   keeps a readable page from arriving
   */
  async look(limits: Limits, backend?: string): Promise<Snapshot> {
    const doing = `Could not read the statistics page ${this.name}`
    const answer = await this.#exchange({
      method: 'GET',
      url: csvAddress(this.#url, backend),
      doing,
      ...limits
    })
    if (answer.status !== 200) {
      throw refusal(answer, doing)
    }
    const snapshot = parseStatsCsv(answer.body, `the statistics page ${this.name}`)
    snapshot.processes.forEach((process) => this.#processes.add(process))
    if (this.#processes.size > 1) {
      const seen = [...this.#processes].join(' and ')
      throw new HaproxyError(
        'several-processes',
        `The statistics page ${this.name} is answered by the processes ${seen} of one HAProxy.`
      )
    }
    return snapshot
  }

  /**
   * Asks for a change of some servers of one backend; returns when HAProxy answered that it was done for
   * all of them. `DONE` proves only that the names were understood (measured): look again to see.
   *
   * @throws HaproxyError with HAProxy's own code as its problem (`DENY`, `PART` …) or `not-haproxy`
   */
  async ask(
    change: AdminState | Command,
    backend: string,
    servers: readonly string[],
    limits: Limits
  ): Promise<void> {
    const doing = `Could not ask ${this.name} for ${change} of ${backend}/${servers.join(', ')}`
    let done = 0
    for (const form of forms(change, backend, servers)) {
      try {
        await this.#postExpecting('DONE', form, doing, limits)
      } catch (error) {
        throw done > 0 ? afterAPart(error) : error
      }
      done += 1
    }
  }

  /**
   * Proves without side effect that changes of a backend are allowed: a change that names no server is
   * answered `NONE` where it would have been carried out (measured).
   *
   * @throws HaproxyError `DENY`, or another of HAProxy's codes
   */
  async proveAdmin(backend: string, limits: Limits): Promise<void> {
    const doing = `Could not prove the right to change ${backend} on ${this.name}`
    const form = new URLSearchParams({ b: backend, action: 'ready' })
    await this.#postExpecting('NONE', form, doing, limits)
  }

  async #postExpecting(
    expected: 'DONE' | 'NONE',
    form: URLSearchParams,
    doing: string,
    limits: Limits
  ): Promise<void> {
    const code = await this.#post(form, doing, limits)
    if (code !== expected) {
      throw new HaproxyError(code === 'DONE' ? 'UNKN' : code, `${doing}: HAProxy answered ${code}.`)
    }
  }

  async #post(form: URLSearchParams, doing: string, limits: Limits): Promise<'DONE' | Refusal> {
    const answer = await this.#exchange({
      method: 'POST',
      url: new URL(this.name),
      body: form.toString(),
      doing,
      ...limits
    })
    const code = answer.status === 303 && /;st=([A-Z]{4})/.exec(answer.location ?? '')?.[1]
    if (typeof code === 'string') {
      return code === 'DONE' || isRefusal(code) ? code : 'UNKN'
    }
    if ([200, 303, 404, 405].includes(answer.status)) {
      const seen = `the answer (HTTP ${answer.status}) does not say what became of it`
      throw new HaproxyError('not-haproxy', `${doing}: ${seen}.`)
    }
    throw refusal(answer, doing)
  }

  async #exchange(request: Omit<Request, 'authorization'>): Promise<Answer> {
    const { method, url, body: sent = '' } = request
    const asked = `${method} ${url.href} ${sent}`.trimEnd()
    this.#trace(asked)
    const answer = await exchange(
      { ...request, authorization: this.#authorization },
      this.#settings
    )
    const { status, location = '', body } = answer
    const led = location && ` ${destination(location)}`
    this.#trace(`${asked} → ${status}${led} (${body.length} characters)`)
    return answer
  }
}

/** The value of the Authorization header for a user name and a password, in UTF-8. */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

const REFUSALS = ['DENY', 'ERRP', 'NONE', 'PART', 'EXCD', 'IVAL', 'UNKN'] as const
type Refusal = (typeof REFUSALS)[number]

function isRefusal(code: string): code is Refusal {
  return (REFUSALS as readonly string[]).includes(code)
}

/** The bodies of as few POSTs as it takes. */
function* forms(
  change: AdminState | Command,
  backend: string,
  servers: readonly string[]
): Generator<URLSearchParams> {
  let form = new URLSearchParams({ b: backend, action: change })
  let length = form.toString().length
  for (const server of servers) {
    const more = `&s=${encodeURIComponent(server)}`.length
    if (length + more > MAX_BODY) {
      yield form
      form = new URLSearchParams({ b: backend, action: change })
      length = form.toString().length
    }
    form.append('s', server)
    length += more
  }
  yield form
}

/** A failure after a part of a change was done must not be taken for a change of nothing. */
function afterAPart(error: unknown): unknown {
  return error instanceof HaproxyError
    ? new HaproxyError('PART', error.message, {
        advice: error.advice,
        transient: error.transient,
        cause: error
      })
    : error
}

/** What an HTTP status other than the expected one means. */
function refusal({ status, location, body }: Answer, doing: string): HaproxyError {
  const fail = (problem: Problem, seen: string, transient = false): HaproxyError =>
    new HaproxyError(problem, `${doing}: ${seen} (HTTP ${status}).`, { transient })
  switch (status) {
    case 401:
      return fail('unauthorized', 'the user name or the password was not accepted')
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
    return fail('redirected', `the answer leads on to ${destination(location)}`)
  }
  return fail(
    'unexpected-status',
    `the answer is not a statistics page${body === '' ? ', but empty' : ''}`
  )
}

/** Where a redirect leads, without what may repeat secrets: user name, password, and the query but for HAProxy's word. */
function destination(location: string): string {
  const verdict = /;st=[A-Z]{4}/.exec(location)?.[0] ?? ''
  const place = location.replace(/[;?#].*/s, '').replace(/\/\/[^/]*@/, '//')
  return `${place}${verdict}`
}
