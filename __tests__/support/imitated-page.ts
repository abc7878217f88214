import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AdminState } from '../../src/haproxy/server.ts'
import { StatsPage } from '../../src/haproxy/stats-page.ts'
import { parseStatsUrl } from '../../src/haproxy/stats-url.ts'
import { systemClock } from '../../src/rotation/context.ts'
import { listen, type Listener } from './listener.ts'
import { headText, pageText, type Row } from './page-text.ts'

const RISE = 2
const FALL = 3
const FULL = RISE + FALL - 1
const HOUR = 3_600_000

/**
 * What an {@link ImitatedPage} does instead of answering as HAProxy does. It changes nothing then, but for
 * `done-reset`: that carries the change out, and its answer is lost.
 */
export type Trouble =
  | 'reset'
  | 'done-reset'
  | 'silence'
  | { readonly status: number }
  | { readonly code: string }
  | { readonly cells: Row }
  | { readonly html: string }

/** How an {@link ImitatedServer} begins; everything has a default. */
export interface ImitatedOptions {
  readonly backend?: string
  readonly admin?: AdminState
  /** Whether it has a health check. */
  readonly checked?: boolean
  /** Whether its application is dead. */
  readonly down?: boolean
  /** The server that it follows, as `backend/server`. */
  readonly tracks?: string
  readonly sessions?: number
  readonly queue?: number
  /** Cells that are shown in any state. */
  readonly cells?: Row
}

/** One server of an {@link ImitatedPage}, with the states and health checks of HAProxy (docs/haproxy-facts.md). */
export class ImitatedServer {
  readonly name: string
  readonly backend: string
  readonly checked: boolean
  readonly tracks: string | undefined
  /** The two flags of the admin state. */
  maint: boolean
  drain: boolean
  /** Whether it passes its health check, of which one is due after every look. */
  well: boolean
  sessions: number
  queue: number
  /** Sessions since the process started. */
  total = 0
  cells: Row
  /** When its status changed, on the page's clock. */
  changedAt = -HOUR
  #health: number
  #isUnchecked = false

  constructor(name: string, options: ImitatedOptions = {}) {
    const { backend = 'web', admin = 'ready', checked = true, down = false, cells = {} } = options
    this.name = name
    this.backend = backend
    this.checked = checked && options.tracks === undefined
    this.tracks = options.tracks
    this.maint = admin === 'maint'
    this.drain = admin === 'drain'
    this.well = !down
    this.sessions = options.sessions ?? 0
    this.queue = options.queue ?? 0
    this.cells = cells
    this.#health = down ? 0 : FULL
  }

  get isDown(): boolean {
    return this.#health < RISE
  }

  status(leader?: ImitatedServer): string {
    if (leader !== undefined) {
      if (leader.maint) return `MAINT (via ${leader.backend}/${leader.name})`
      if (this.maint) return 'MAINT'
      if (leader.isDown) return 'DOWN'
      return leader.drain || this.drain ? 'DRAIN' : 'UP'
    }
    if (this.maint) return 'MAINT'
    if (this.#health === 0) return 'DOWN'
    if (!this.checked) return this.drain ? 'DRAIN' : 'no check'
    if (this.#health < RISE) return `DOWN ${this.#health}/${RISE}`
    const word = this.drain ? 'DRAIN' : 'UP'
    return this.#health < FULL ? `${word} ${this.#health - RISE + 1}/${FALL}` : word
  }

  row(now: number, leader?: ImitatedServer): Row {
    const passed = this.#health >= RISE
    const isShown = this.checked && !this.maint
    return {
      pxname: this.backend,
      svname: this.name,
      status: this.status(leader),
      scur: String(this.sessions),
      qcur: String(this.queue),
      stot: String(this.total),
      lastchg: String(Math.max(0, Math.floor((now - this.changedAt) / 1_000))),
      check_status: !isShown ? '' : this.#isUnchecked ? 'INI' : passed ? 'L7OK' : 'L7STS',
      check_code: !isShown || this.#isUnchecked ? '' : passed ? '200' : '503',
      chkfail: this.checked ? '0' : '',
      ...(this.tracks !== undefined && { tracked: this.tracks }),
      ...this.cells
    }
  }

  /** Sets the flags of its admin state; health counts afresh from where a server leaves maint. */
  set(flags: { readonly maint?: boolean; readonly drain?: boolean }, now: number): boolean {
    const { maint = this.maint, drain = this.drain } = flags
    const changed = maint !== this.maint || drain !== this.drain
    if (this.maint && !maint && this.checked) this.#health = RISE
    if (maint !== this.maint) this.changedAt = now
    this.maint = maint
    this.drain = drain
    return changed
  }

  /** What `hdown` does, to a server without a check for ever. */
  forceDown(): void {
    this.#health = 0
  }

  /** The verdict of one health check. */
  check(): void {
    // While one check runs no other one begins.
    if (this.maint || !this.checked || this.cells.check_status?.startsWith('* ') === true) return
    this.#isUnchecked = false
    if (this.well) {
      this.#health = this.#health + 1 >= RISE ? FULL : this.#health + 1
    } else {
      this.#health = this.#health - 1 < RISE ? 0 : this.#health - 1
    }
  }

  /** What a reload without a state file makes of it. */
  forget(now: number): void {
    this.maint = false
    this.drain = false
    this.sessions = 0
    this.queue = 0
    this.total = 0
    this.changedAt = now
    this.#isUnchecked = this.checked
    this.#health = this.checked ? RISE : FULL
  }
}

/** A statistics page whose servers do as they are asked, for what a real HAProxy cannot be made to show. */
export class ImitatedPage {
  readonly url: string
  /** The same page as the sources speak to it. */
  readonly page: StatsPage
  readonly servers: ImitatedServer[]
  /** Every request: `GET /admin;csv;scope=web`, `GET process`, `POST b=web&action=drain&s=a`. */
  readonly requests: string[] = []
  /** Whether changes are allowed (`stats admin`). */
  admin = true
  /** The `Authorization` that is asked for, if any. */
  authorization: string | undefined
  /** The process that answers, and when it started, on the page's clock. */
  process: { readonly pid: number; readonly startedAt: number }
  /** The page's clock, in milliseconds: by default that of the run. */
  now = (): number => systemClock.now()
  /** Called before every answer and before what was asked for is done, with the number of the request. */
  before: (request: string, number: number) => Trouble | undefined = () => undefined
  readonly #happenings = new Map<number, () => void>()
  readonly #listener: Listener

  private constructor(listener: Listener, servers: readonly ImitatedServer[]) {
    this.#listener = listener
    this.url = `http://127.0.0.1:${listener.port}/admin`
    this.page = new StatsPage({
      url: parseStatsUrl(this.url),
      credentials: undefined,
      settings: {
        timeoutMs: 2_000,
        ca: undefined,
        clientCertificate: undefined,
        clientKey: undefined,
        verifyTls: true
      }
    })
    this.servers = [...servers]
    this.process = { pid: 100, startedAt: -2 * HOUR }
  }

  static async start(servers: readonly ImitatedServer[]): Promise<ImitatedPage> {
    const http = createServer()
    const page = new ImitatedPage(await listen(http), servers)
    http.on('request', (request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => (body += text))
      request.on('end', () => {
        page.#answer(request, body, response)
      })
    })
    return page
  }

  /** The POSTs among the requests, without the word. */
  get posts(): string[] {
    return this.requests
      .filter((request) => request.startsWith('POST '))
      .map((request) => request.slice('POST '.length))
  }

  /** The requests that were to change something: `drain web/a, web/b`. */
  get changes(): string[] {
    return this.posts.map((body) => {
      const form = new URLSearchParams(body)
      const servers = form.getAll('s').map((name) => `${form.get('b') ?? ''}/${name}`)
      return `${form.get('action') ?? ''} ${servers.join(', ')}`
    })
  }

  server(name: string, backend = 'web'): ImitatedServer {
    const found = this.servers.find((each) => each.name === name && each.backend === backend)
    if (found === undefined) throw new Error(`The page has no ${backend}/${name}`)
    return found
  }

  /** Has something happen when the n-th request has come, before its answer. */
  at(number: number, happening: () => void): void {
    this.#happenings.set(number, happening)
  }

  /** What a reload does: another process, and without a state file every admin state forgotten. */
  reload({ keep = false } = {}): void {
    this.process = { pid: this.process.pid + 1, startedAt: this.now() }
    if (!keep) {
      this.servers.forEach((server) => {
        server.forget(this.now())
      })
    }
  }

  stop(): Promise<void> {
    return this.#listener.stop()
  }

  #answer(request: IncomingMessage, body: string, response: ServerResponse): void {
    const isPost = request.method === 'POST'
    const url = request.url ?? ''
    const isHead = !isPost && !url.includes(';csv')
    this.requests.push(isPost ? `POST ${body}` : isHead ? 'GET process' : `GET ${url}`)
    this.#happenings.get(this.requests.length)?.()
    const trouble = this.before(this.requests.at(-1) ?? '', this.requests.length)
    if (trouble === 'silence') return
    if (trouble === 'done-reset') this.#change(body)
    if (trouble === 'reset' || trouble === 'done-reset') {
      request.socket.resetAndDestroy()
    } else if (trouble !== undefined && 'status' in trouble) {
      response.writeHead(trouble.status).end('hm')
    } else if (trouble !== undefined && 'html' in trouble) {
      response.end(trouble.html)
    } else if (
      this.authorization !== undefined &&
      request.headers.authorization !== this.authorization
    ) {
      response.writeHead(401).end()
    } else if (isPost) {
      const code = trouble !== undefined && 'code' in trouble ? trouble.code : this.#change(body)
      response.writeHead(303, { Location: `/admin;st=${code}` }).end()
    } else if (isHead) {
      response.end(headText(this.process.pid, this.now() - this.process.startedAt))
    } else {
      response.end(this.#csv(trouble !== undefined && 'cells' in trouble ? trouble.cells : {}))
      this.servers.forEach((server) => {
        server.check()
      })
    }
  }

  #csv(cells: Row): string {
    const rows = this.servers.map((server) => {
      const leader = this.servers.find(
        ({ name, backend }) => `${backend}/${name}` === server.tracks
      )
      return { ...server.row(this.now(), leader), ...cells }
    })
    return pageText(rows)
  }

  /** Answers as HAProxy does: what changes nothing is not counted, but for the three admin states. */
  #change(body: string): string {
    const form = new URLSearchParams(body)
    const names = form.getAll('s')
    if (!this.admin) return 'DENY'
    if (names.length === 0) return 'NONE'
    const found = this.servers.filter(
      ({ name, backend }) => backend === form.get('b') && names.includes(name)
    )
    const done = found.filter((server) => this.#carryOut(form.get('action') ?? '', server))
    if (found.length < names.length) return found.length === 0 ? 'ERRP' : 'PART'
    return done.length === names.length ? 'DONE' : 'NONE'
  }

  #carryOut(action: string, server: ImitatedServer): boolean {
    const now = this.now()
    switch (action) {
      case 'ready':
        server.set({ maint: false, drain: false }, now)
        return true
      case 'drain':
        server.set({ maint: false, drain: true }, now)
        return true
      case 'maint':
        server.set({ maint: true, drain: false }, now)
        return true
      case 'enable':
        return server.set({ maint: false }, now)
      case 'disable':
        return server.set({ maint: true }, now)
      case 'start':
        return server.set({ drain: false }, now)
      case 'stop':
        return server.set({ drain: true }, now)
      case 'hdown':
        if (server.tracks !== undefined) return false
        server.forceDown()
        return true
      case 'shutdown':
        server.sessions = 0
        return true
      default:
        return true
    }
  }
}

/** A server as {@link ImitatedPage} takes it. */
export function server(name: string, options?: ImitatedOptions): ImitatedServer {
  return new ImitatedServer(name, options)
}
