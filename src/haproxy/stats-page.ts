import type { Command, FlagChange } from './commands.ts'
import { parseStatsCsv, type Snapshot } from './csv.ts'
import { asPartial, HaproxyError } from './errors.ts'
import { forms } from './forms.ts'
import { parseProcess, type Process } from './process.ts'
import { destination, unexpectedStatus } from './unexpected-status.ts'
import type { TransportSettings } from './request-setup.ts'
import { resolveHost } from './resolve-host.ts'
import type { AdminState } from './server.ts'
import {
  basicAuthorization,
  csvAddress,
  type Credentials,
  headAddress,
  type StatsUrl
} from './stats-url.ts'
import { type Answer, exchange, type Request, type RequestLimits } from './transport.ts'
import { type Verdict, verdictOf } from './verdict.ts'

/** What it takes to reach a statistics page. */
interface PageOptions {
  readonly url: StatsUrl
  readonly credentials: Credentials | undefined
  readonly settings: TransportSettings
  /** Called with every exchange, in words and without secrets. */
  readonly trace?: (text: string) => void
  /** The address to read the page at, where its host has several. */
  readonly address?: string
  /** Whether a page was read at this URL before, so that the path cannot be what is wrong. */
  readonly wasRead?: boolean
}

/** The statistics page of one HAProxy. */
export class StatsPage {
  readonly #options: PageOptions
  readonly #authorization: string | undefined
  /** Shared with the same page at each of the addresses of its host. */
  #history: { wasRead: boolean }
  readonly #processNumbers = new Set<string>()

  constructor(options: PageOptions) {
    this.#options = options
    this.#history = { wasRead: options.wasRead === true }
    this.#authorization = options.credentials && basicAuthorization(options.credentials)
  }

  /** The page's URL without credentials, its name for people. */
  get name(): string {
    return this.#options.url.href
  }

  /** The address at which this page is read, where it was chosen among those that its host has. */
  get address(): string | undefined {
    return this.#options.address
  }

  /** The same page, read at one of the addresses of its host. */
  at(address: string): StatsPage {
    const page = new StatsPage({ ...this.#options, address })
    page.#history = this.#history
    return page
  }

  /**
   * The addresses of the page's host; none where it is an address itself, or a proxy looks it up.
   *
   * @throws HaproxyError `host-not-found`, `timed-out`
   */
  resolve({ signal }: RequestLimits): Promise<string[]> {
    return resolveHost(
      { url: new URL(this.name), signal, attempt: this.#reading },
      this.#options.settings
    )
  }

  get #reading(): string {
    const where = this.address === undefined ? '' : ` at ${this.address}`
    return `Could not read the statistics page ${this.name}${where}`
  }

  /**
   * Reads the page, narrowed to one backend if it is given. Rows of other proxies may come along.
   *
   * @throws HaproxyError `several-processes` when HAProxy runs more than one (`nbproc`), or what
   *   kept a readable page from arriving
   */
  async look(limits: RequestLimits, backend?: string): Promise<Snapshot> {
    const { body, mediaType } = await this.#get(csvAddress(this.#options.url, backend), limits)
    const snapshot = parseStatsCsv(body, `the statistics page ${this.name}`, mediaType)
    snapshot.processNumbers.forEach((number) => this.#processNumbers.add(number))
    if (this.#processNumbers.size > 1) {
      const seen = [...this.#processNumbers].join(' and ')
      throw new HaproxyError(
        'several-processes',
        `The statistics page ${this.name} is answered by the processes ${seen} of one HAProxy.`
      )
    }
    return snapshot
  }

  /**
   * Asks which process answers.
   *
   * @returns undefined where the page does not show it
   */
  async identify(limits: RequestLimits): Promise<Process | undefined> {
    return parseProcess((await this.#get(headAddress(this.#options.url), limits)).body)
  }

  async #get(url: URL, limits: RequestLimits): Promise<Answer> {
    const attempt = this.#reading
    const answer = await this.#exchange({ method: 'GET', url, attempt, ...limits })
    if (answer.status !== 200) {
      throw unexpectedStatus(answer, attempt, this.#history.wasRead)
    }
    this.#history.wasRead = true
    return answer
  }

  /**
   * Asks for a change of some servers of one backend; returns when HAProxy answered that it was done for
   * all of them. `DONE` proves only that the names were understood: look again to see what came of it.
   *
   * @throws HaproxyError with HAProxy's own code as its problem (`DENY`, `PART` …) or `not-haproxy`
   */
  async requestChange(
    change: AdminState | Command,
    backend: string,
    servers: readonly string[],
    limits: RequestLimits
  ): Promise<void> {
    const attempt = `Could not ask ${this.name} for ${change} of ${backend}/${servers.join(', ')}`
    let done = 0
    for (const form of forms(change, backend, servers)) {
      try {
        await this.#postExpecting('DONE', form, attempt, limits)
      } catch (error) {
        throw done > 0 ? asPartial(error) : error
      }
      done += 1
    }
  }

  /**
   * Asks for one half of an admin state of one server.
   *
   * @returns whether that changed anything; it did not where it was so already
   * @throws HaproxyError with HAProxy's own code as its problem, or `not-haproxy`
   */
  async clearFlag(
    flag: FlagChange,
    backend: string,
    server: string,
    limits: RequestLimits
  ): Promise<boolean> {
    const attempt = `Could not ask ${this.name} for ${flag} of ${backend}/${server}`
    const form = new URLSearchParams({ b: backend, action: flag, s: server })
    const verdict = await this.#post(form, attempt, limits)
    if (verdict !== 'DONE' && verdict !== 'NONE') {
      throw new HaproxyError(verdict, `${attempt}: HAProxy answered ${verdict}.`)
    }
    return verdict === 'DONE'
  }

  /**
   * Checks without side effect that changes of a backend are allowed: a change that names no server is
   * answered `NONE` where it would have been carried out.
   *
   * @throws HaproxyError `DENY`, or another of HAProxy's codes
   */
  async checkAdminAccess(backend: string, limits: RequestLimits): Promise<void> {
    const attempt = `Could not check the right to change ${backend} on ${this.name}`
    const form = new URLSearchParams({ b: backend, action: 'ready' })
    await this.#postExpecting('NONE', form, attempt, limits)
  }

  async #postExpecting(
    expected: 'DONE' | 'NONE',
    form: URLSearchParams,
    attempt: string,
    limits: RequestLimits
  ): Promise<void> {
    const verdict = await this.#post(form, attempt, limits)
    if (verdict !== expected) {
      throw new HaproxyError(
        verdict === 'DONE' ? 'UNKN' : verdict,
        `${attempt}: HAProxy answered ${verdict}.`
      )
    }
  }

  async #post(form: URLSearchParams, attempt: string, limits: RequestLimits): Promise<Verdict> {
    const url = new URL(this.name)
    const body = form.toString()
    return verdictOf(
      await this.#exchange({ method: 'POST', url, body, attempt, ...limits }),
      attempt
    )
  }

  async #exchange(request: Omit<Request, 'authorization' | 'address'>): Promise<Answer> {
    const { settings, trace = () => undefined } = this.#options
    const { method, url, body: sent = '' } = request
    const asked = `${method} ${url.href} ${sent}`.trimEnd()
    trace(asked)
    const answer = await exchange(
      { ...request, authorization: this.#authorization, address: this.address },
      settings
    )
    const { status, location = '', body } = answer
    const redirect = location && ` ${destination(location)}`
    trace(`${asked} → ${status}${redirect} (${body.length} characters)`)
    return answer
  }
}
