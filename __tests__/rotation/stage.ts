import { createServer, type Server } from 'node:http'
import { StatsPage } from '../../src/haproxy/stats-page.ts'
import { parseStatsUrl } from '../../src/haproxy/stats-url.ts'
import { Pool } from '../../src/rotation/pool.ts'
import type { Surroundings } from '../../src/rotation/surroundings.ts'
import { listen, type Listener } from '../haproxy/listener.ts'
import { pageText, type Row } from '../haproxy/page-text.ts'
import { FakeClock } from '../support/fake-clock.ts'

/** What a {@link ToyPage} does instead of answering as HAProxy does. */
export type Trouble = 'reset' | { readonly status: number } | { readonly verdict: string }

/** A server that speaks like HAProxy's statistics page and shows whatever it is told to. */
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
        if (trouble === 'reset') {
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

  stop(): Promise<void> {
    return this.#listener.stop()
  }
}

/** Surroundings of a test: a clock of its own, a log to read, and two triggers. */
export class Stage implements Surroundings {
  readonly clock = new FakeClock()
  /** Every line with its level: `warning: HAProxy was reloaded …`. */
  readonly lines: string[] = []
  readonly cancel = new AbortController()
  readonly end = new AbortController()
  readonly cancelled = this.cancel.signal
  readonly over = this.end.signal
  readonly log = {
    phase: (title: string): void => void this.lines.push(`phase: ${title}`),
    info: (text: string): void => void this.lines.push(`info: ${text}`),
    notice: (text: string): void => void this.lines.push(`notice: ${text}`),
    warning: (text: string): void => void this.lines.push(`warning: ${text}`)
  }
}
