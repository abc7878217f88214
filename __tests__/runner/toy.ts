import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterEach } from '@jest/globals'
import type { AdminState } from '../../src/haproxy/server.ts'
import { listen, type Listener } from '../haproxy/listener.ts'
import { pageText, type Row } from '../haproxy/page-text.ts'
import type { Given } from './in-process.ts'

const RISE = 2
const FALL = 3
const FULL = RISE + FALL - 1

const NO_RESULT = {
  check_status: '',
  check_code: '',
  check_rise: '',
  check_fall: '',
  check_health: ''
}

/** What a {@link Toy} does instead of answering as HAProxy does. */
export type Trouble = 'reset' | 'silence' | { readonly status: number } | { readonly cells: Row }

/** One server of a {@link Toy}, with the states and the health checks of HAProxy (haproxy-facts, 5). */
export class ToyServer {
  readonly name: string
  readonly backend: string
  admin: AdminState
  /** Whether it passes its health check, of which one is due after every look. */
  well = true
  /** Whether it has a health check. */
  readonly checked: boolean
  sessions = 0
  queue = 0
  /** Cells that are shown whatever the state. */
  cells: Row
  #health = FULL

  constructor(name: string, options: ToyServerOptions = {}) {
    const { backend = 'web', admin = 'ready', checked = true, cells = {}, ...load } = options
    this.name = name
    this.backend = backend
    this.admin = admin
    this.checked = checked
    this.cells = cells
    this.sessions = load.sessions ?? 0
    this.queue = load.queue ?? 0
    if (load.down === true) {
      this.well = false
      this.#health = 0
    }
  }

  get status(): string {
    if (this.admin === 'maint') return 'MAINT'
    if (!this.checked) return this.admin === 'drain' ? 'DRAIN' : 'no check'
    if (this.#health === 0) return 'DOWN'
    if (this.#health < RISE) return `DOWN ${this.#health}/${RISE}`
    const word = this.admin === 'drain' ? 'DRAIN' : 'UP'
    return this.#health < FULL ? `${word} ${this.#health - RISE + 1}/${FALL}` : word
  }

  get row(): Row {
    const passed = this.#health >= RISE
    const check = {
      check_status: passed ? 'L7OK' : 'L7STS',
      check_code: passed ? '200' : '503',
      check_rise: String(RISE),
      check_fall: String(FALL),
      check_health: String(this.#health)
    }
    return {
      pxname: this.backend,
      svname: this.name,
      status: this.status,
      scur: String(this.sessions),
      qcur: String(this.queue),
      ...(this.checked && this.admin !== 'maint' ? check : NO_RESULT),
      chkfail: this.checked ? '0' : '',
      ...this.cells
    }
  }

  ask(state: AdminState): void {
    if (this.admin === 'maint' && state !== 'maint') this.#health = RISE
    this.admin = state
  }

  /** The verdict of one health check. */
  check(): void {
    if (this.admin === 'maint' || !this.checked) return
    if (this.well) {
      this.#health = this.#health + 1 >= RISE ? FULL : this.#health + 1
    } else {
      this.#health = this.#health - 1 < RISE ? 0 : this.#health - 1
    }
  }
}

export interface ToyServerOptions {
  readonly backend?: string
  readonly admin?: AdminState
  readonly checked?: boolean
  readonly down?: boolean
  readonly sessions?: number
  readonly queue?: number
  readonly cells?: Row
}

/** A statistics page whose servers do as they are asked. */
export class Toy {
  readonly url: string
  readonly servers: ToyServer[]
  /** Every request: `GET /admin;csv;scope=web`, `POST b=web&action=drain&s=a`. */
  readonly requests: string[] = []
  /** Whether changes are allowed (`stats admin`). */
  admin = true
  /** The `Authorization` that is asked for, if any. */
  authorization: string | undefined
  /** Called before every answer and before what was asked for is done. */
  before: (request: string, number: number) => Trouble | undefined = () => undefined
  readonly #happenings = new Map<number, () => void>()
  readonly #listener: Listener

  private constructor(listener: Listener, servers: readonly ToyServer[]) {
    this.#listener = listener
    this.url = `http://127.0.0.1:${listener.port}/admin`
    this.servers = [...servers]
  }

  static async start(servers: readonly ToyServer[]): Promise<Toy> {
    const http = createServer()
    const toy = new Toy(await listen(http), servers)
    http.on('request', (request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => (body += text))
      request.on('end', () => {
        toy.#answer(request, body, response)
      })
    })
    return toy
  }

  /** The POSTs among the requests, without the word. */
  get posts(): string[] {
    return this.requests
      .filter((request) => request.startsWith('POST '))
      .map((request) => request.slice('POST '.length))
  }

  server(name: string, backend = 'web'): ToyServer {
    const server = this.servers.find((each) => each.name === name && each.backend === backend)
    if (server === undefined) throw new Error(`The toy has no ${backend}/${name}`)
    return server
  }

  /** Has something happen when the n-th request has come, before its answer. */
  at(number: number, happening: () => void): void {
    this.#happenings.set(number, happening)
  }

  stop(): Promise<void> {
    return this.#listener.stop()
  }

  #answer(request: IncomingMessage, body: string, response: ServerResponse): void {
    const isPost = request.method === 'POST'
    this.requests.push(isPost ? `POST ${body}` : `GET ${request.url ?? ''}`)
    this.#happenings.get(this.requests.length)?.()
    const trouble = this.before(this.requests.at(-1) ?? '', this.requests.length)
    if (trouble === 'silence') return
    if (trouble === 'reset') {
      request.socket.resetAndDestroy()
    } else if (trouble !== undefined && 'status' in trouble) {
      response.writeHead(trouble.status).end('hm')
    } else if (
      this.authorization !== undefined &&
      request.headers.authorization !== this.authorization
    ) {
      response.writeHead(401).end()
    } else if (isPost) {
      response.writeHead(303, { Location: `/admin;st=${this.#change(body)}` }).end()
    } else {
      response.end(pageText(this.servers.map(({ row }) => ({ ...row, ...trouble?.cells }))))
      this.servers.forEach((server) => {
        server.check()
      })
    }
  }

  #change(body: string): string {
    const form = new URLSearchParams(body)
    const asked = form.getAll('s')
    const action = form.get('action') ?? ''
    if (!this.admin) return 'DENY'
    if (asked.length === 0) return 'NONE'
    const servers = this.servers.filter(
      ({ name, backend }) => backend === form.get('b') && asked.includes(name)
    )
    servers.forEach((server) => {
      if (action === 'ready' || action === 'drain' || action === 'maint') server.ask(action)
      if (action === 'shutdown') server.sessions = 0
    })
    return servers.length === asked.length ? 'DONE' : 'ERRP'
  }
}

/** Starts toys, each of which is stopped when its test is over. */
export function toyStarter(): (...servers: readonly ToyServer[]) => Promise<Toy> {
  const toys: Toy[] = []
  afterEach(async () => {
    await Promise.all(toys.splice(0).map((toy) => toy.stop()))
  })
  return async (...servers) => {
    const toy = await Toy.start(servers)
    toys.push(toy)
    return toy
  }
}

/** A server as {@link Toy} takes it. */
export function server(name: string, options?: ToyServerOptions): ToyServer {
  return new ToyServer(name, options)
}

/** The inputs of a step for server `a` of the backend `web` on these pages. */
export function inputsFor(toys: readonly Toy[], more: Given): Given {
  const urls = toys.map(({ url }) => url).join('\n')
  return { 'stats-url': urls, backend: 'web', server: 'a', ...more }
}
