import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Socket } from 'node:net'
import { type Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from './ports.ts'

/** How {@link startApplication} starts an application. */
export interface ApplicationOptions {
  /** Its name, which is the body of its answers. */
  readonly name: string
  /** The port on 127.0.0.1; a free one by default. */
  readonly port?: number
}

/** A user's request as the application saw it begin. */
export interface UserRequest {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly path: string
}

/**
 * Starts a toy application in this process. `/health` is its health check, `/slow?ms=3000` answers
 * after so many milliseconds, `/hold` upgrades like a WebSocket and stays open; every other path
 * answers at once with the application's name.
 */
export async function startApplication(options: ApplicationOptions): Promise<Application> {
  const application = new Application(options.name, options.port ?? (await freePort()))
  await application.start()
  return application
}

class Application {
  readonly name: string
  readonly port: number
  /** The status code with which health checks are answered; may be set. */
  health = 200
  /** The reason phrase of that answer, which HAProxy shows as `last_chk`; may be set. */
  reason = 'OK'
  /** How long a health check waits for its answer, in milliseconds; may be set. */
  healthDelayMs = 0
  /** What becomes of every n-th user request: an answer of 500, a connection cut without one, or nothing ever. */
  fault: { readonly kind: 'error' | 'cut' | 'silence'; readonly every: number } | undefined
  /** How many user requests have begun. */
  served = 0
  /** How many user requests have begun and not ended, held connections included. */
  inFlight = 0
  /** How many health checks have begun. */
  healthChecks = 0
  /** When the last health check that passed began, in milliseconds since 1970. */
  lastHealthCheckAt: number | undefined
  /** Every user request, in the order in which they began. */
  readonly requests: UserRequest[] = []
  #server: Server | undefined
  readonly #sockets = new Set<Socket>()

  constructor(name: string, port: number) {
    this.name = name
    this.port = port
  }

  get running(): boolean {
    return this.#server !== undefined
  }

  /** Starts (again) on the same port. */
  async start(): Promise<void> {
    if (this.#server !== undefined) throw new Error(`${this.name} is running already`)
    const server = createServer((request, response) => {
      if (request.url === '/health') void this.#answerHealthCheck(response)
      else void this.#answerUser(request, response)
    })
    server.on('upgrade', (request, socket) => {
      this.#hold(request, socket)
    })
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
  }

  /** Is gone at once, like a killed process: its connections break, its port refuses. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  /** Takes no new connection, like a process that only ends what it has begun: those that it has go on. */
  refuse(): void {
    this.#server?.close()
    this.#server = undefined
  }

  async #answerHealthCheck(response: ServerResponse): Promise<void> {
    const began = Date.now()
    this.healthChecks += 1
    if (this.healthDelayMs > 0) await sleep(this.healthDelayMs, undefined, { ref: false })
    if (response.destroyed) return
    response.writeHead(this.health, this.reason).end()
    if (this.health < 400) this.lastHealthCheckAt = began
  }

  async #answerUser(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = this.#begin(request)
    const number = this.served
    response.once('close', () => (this.inFlight -= 1))
    if (url.pathname === '/slow') {
      await sleep(Number(url.searchParams.get('ms')), undefined, { ref: false })
    }
    if (response.destroyed) return
    const { kind, every } = this.fault ?? {}
    if (every === undefined || number % every !== 0) response.end(this.name)
    else if (kind === 'error') response.writeHead(500).end()
    else if (kind === 'cut') request.socket.destroy()
  }

  #hold(request: IncomingMessage, socket: Duplex): void {
    const url = this.#begin(request)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => (this.inFlight -= 1))
    if (url.pathname !== '/hold') {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const key = `${request.headers['sec-websocket-key'] ?? ''}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\n` +
        `X-Application: ${this.name}\r\n\r\n`
    )
    socket.once('end', () => socket.end())
    socket.resume()
  }

  #begin(request: IncomingMessage): URL {
    const path = request.url ?? '/'
    this.served += 1
    this.inFlight += 1
    this.requests.push({ at: Date.now(), path })
    return new URL(path, 'http://application')
  }
}

export type { Application }
