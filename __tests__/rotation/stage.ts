import { createServer, type Server } from 'node:http'
import { StatsPage } from '../../src/haproxy/stats-page.ts'
import { parseStatsUrl } from '../../src/haproxy/stats-url.ts'
import { Pool } from '../../src/rotation/pool.ts'
import type { Context } from '../../src/rotation/context.ts'
import { listen, type Listener } from '../haproxy/listener.ts'
import { pageText, type Row } from '../haproxy/page-text.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { rowsAfter } from './admin.ts'

/**
 * What a {@link ToyPage} does instead of what HAProxy does. It changes nothing then, but for `done-reset`:
 * that carries the change out, and its answer is lost.
 */
export type Trouble =
  'reset' | 'done-reset' | { readonly status: number } | { readonly verdict: string }

/** A server that speaks like HAProxy's statistics page, shows whatever it is told to, and obeys. */
export class ToyPage {
  /** Every row on the page. */
  rows: readonly Row[] = []
  /** Every request: `GET /admin;csv`, `POST b=web&action=drain&s=a`. */
  readonly asked: string[] = []
  /** Called before every answer, with the number of the request, counted from 1. */
  before: (number: number) => Trouble | undefined = () => undefined
  readonly page: StatsPage
  readonly #listener: Listener

  private constructor(listener: Listener) {
    this.#listener = listener
    const url = parseStatsUrl(`http://127.0.0.1:${String(listener.port)}/admin`)
    const none = { ca: undefined, clientCertificate: undefined, clientKey: undefined }
    this.page = new StatsPage(url, undefined, { timeoutMs: 10_000, verifyTls: true, ...none })
  }

  static async start(rows: readonly Row[]): Promise<ToyPage> {
    const server: Server = createServer()
    const toy = new ToyPage(await listen(server))
    toy.rows = rows
    server.on('request', (request, response) => {
      let body = ''
      request.setEncoding('utf8').on('data', (text: string) => (body += text))
      request.on('end', () => {
        const isPost = request.method === 'POST'
        toy.asked.push(isPost ? `POST ${body}` : `GET ${request.url ?? ''}`)
        const trouble = toy.before(toy.asked.length)
        if (isPost && (trouble === undefined || trouble === 'done-reset')) {
          toy.#obey(new URLSearchParams(body))
        }
        if (trouble === 'reset' || trouble === 'done-reset') {
          request.socket.resetAndDestroy()
        } else if (trouble !== undefined && 'status' in trouble) {
          response.writeHead(trouble.status).end('hm')
        } else if (isPost) {
          const code = trouble?.verdict ?? 'DONE'
          response.writeHead(303, { Location: `/admin;st=${code}` }).end()
        } else {
          response.end(pageText(toy.rows))
        }
      })
    })
    return toy
  }

  /** A pool of these servers of one backend, as the page shows them now. */
  async pool(names: readonly string[], backend = 'web'): Promise<Pool> {
    const seen = await this.page.look({ signal: new AbortController().signal })
    this.asked.length = 0
    return new Pool(this.page, backend, names, seen)
  }

  /** Changes what the rows of one server show. */
  show(server: string, shown: Row, backend = 'web'): void {
    this.rows = this.rows.map((row) =>
      (row.pxname ?? 'web') === backend && row.svname === server ? { ...row, ...shown } : row
    )
  }

  /** The requests that were to change something: `drain web/a, web/b`. */
  get changes(): string[] {
    return this.asked
      .filter((request) => request.startsWith('POST '))
      .map((request) => {
        const form = new URLSearchParams(request.slice('POST '.length))
        const servers = form.getAll('s').map((server) => `${form.get('b')}/${server}`)
        return `${form.get('action')} ${servers.join(', ')}`
      })
  }

  #obey(form: URLSearchParams): void {
    const [action, backend] = [form.get('action') ?? '', form.get('b') ?? '']
    this.rows = rowsAfter(this.rows, action, backend, form.getAll('s'))
  }

  stop(): Promise<void> {
    return this.#listener.stop()
  }
}

/** Text with short names for pages and their addresses, which hold ports: `P1` is at `H1`. */
export function short(text: string, ...toys: readonly ToyPage[]): string {
  return toys.reduce((told, { page }, index) => {
    const number = String(index + 1)
    return told
      .replaceAll(page.name, `P${number}`)
      .replaceAll(new URL(page.name).host, `H${number}`)
  }, text)
}

/** Context of a test: a clock of its own, a log to read, and two triggers. */
export class Stage implements Context {
  readonly clock = new FakeClock()
  /** Every line with its level: `warning: HAProxy was reloaded …`. */
  readonly lines: string[] = []
  readonly cancel = new AbortController()
  readonly end = new AbortController()
  readonly cancelled = this.cancel.signal
  readonly over = this.end.signal
  readonly #begun = this.clock.now()
  readonly #plans: { readonly due: number; readonly deed: () => void }[] = []
  readonly log = {
    phase: (title: string): void => void this.lines.push(`phase: ${title}`),
    info: (text: string): void => void this.lines.push(`info: ${text}`),
    notice: (text: string): void => void this.lines.push(`notice: ${text}`),
    warning: (text: string): void => void this.lines.push(`warning: ${text}`)
  }

  /** Has something happen once so many milliseconds have passed on the clock, before anybody wakes. */
  at(ms: number, deed: () => void): void {
    this.#plans.push({ due: this.#begun + ms, deed })
    this.clock.onWake = (now) => {
      const [due, later] = [
        this.#plans.filter((plan) => plan.due <= now),
        this.#plans.filter((plan) => plan.due > now)
      ]
      this.#plans.splice(0, Infinity, ...later)
      due.forEach((plan) => {
        plan.deed()
      })
    }
  }
}
