import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { MessageReader, type Message, parseHead } from './http-message.ts'
import { freePort } from './ports.ts'

/** What goes wrong with one request. */
export type Fault =
  /** The connection is reset as it is accepted, before anything is read. */
  | { readonly kind: 'refuse' }
  /** The request is read, HAProxy never gets it, the connection is reset. */
  | { readonly kind: 'reset-before' }
  /** HAProxy gets the request only when this has resolved. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /** HAProxy gets the request and answers; its answer is dropped and the connection reset. */
  | { readonly kind: 'reset-after' }
  /** The request is read, HAProxy never gets it, nothing is answered. */
  | { readonly kind: 'silence' }
  /** HAProxy gets the request; half of the answer's headers come, then nothing more. */
  | { readonly kind: 'stall-headers' }
  /** HAProxy gets the request; the headers and half of the body come, then nothing more. */
  | { readonly kind: 'stall-body' }
  /** HAProxy gets the request; half of its answer comes, then the connection ends in order. */
  | { readonly kind: 'truncate' }
  /** HAProxy never gets the request; these bytes are the answer, then the connection ends. */
  | { readonly kind: 'answer'; readonly bytes: Buffer }
  /** HAProxy gets the request; its whole answer is changed, then the connection ends. */
  | { readonly kind: 'rewrite'; readonly rewrite: (answer: Buffer) => Buffer }

/** A TCP connection from the client. */
export interface RecordedConnection {
  /** Counted from 1. */
  readonly number: number
  /** When it was accepted, in milliseconds since 1970. */
  readonly at: number
  readonly refused: boolean
  /** How many whole requests came over it. */
  readonly requests: number
}

/** A whole request: its headers and all the bytes of its body have come. */
export interface RecordedRequest {
  /**
   * Counted from 1 over all connections. The first request of a connection takes its number when the
   * connection is accepted, so that a refused one has a number too; here that one is missing.
   */
  readonly number: number
  /** The number of its connection. */
  readonly connection: number
  /** When it was whole, in milliseconds since 1970. */
  readonly at: number
  readonly method: string
  readonly path: string
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether headers and body came in one TCP read. */
  readonly inOneRead: boolean
  /** Its length on the wire, in bytes. */
  readonly bytes: number
  /** What HAProxy answered, faults aside; undefined while or when there was no answer. */
  readonly answer: { readonly status: number; readonly bytes: number } | undefined
}

/** What a fault is decided on. */
export interface Moment {
  /** The number of the request. */
  readonly number: number
  /** Undefined as the connection is accepted, where only `refuse` has an effect. */
  readonly request: RecordedRequest | undefined
}

/**
 * Decides what goes wrong. Asked twice for the first request of a connection: as the connection is
 * accepted and when the request is whole. So decide by the number and keep no count.
 */
export type FaultPlan = (moment: Moment) => Fault | undefined

/** How {@link startFaultProxy} is set up. */
export interface FaultProxyOptions {
  /** Where HAProxy listens; `127.0.0.1` by default. */
  readonly host?: string
  readonly port: number
  /** None by default. */
  readonly fault?: FaultPlan
}

/**
 * Starts a TCP proxy in front of HAProxy, which records every request and can spoil any of them. It
 * has to read the requests, so the statistics page behind it must be plain HTTP.
 */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const faultProxy = new FaultProxy(options, await freePort())
  await faultProxy.start()
  return faultProxy
}

/** The bytes of a plain HTTP answer, for the fault `answer`. */
export function httpAnswer(
  status: number,
  body: string | Buffer = '',
  headers: Readonly<Record<string, string>> = {}
): Buffer {
  const bytes = Buffer.from(body)
  const lines = Object.entries({ Connection: 'close', 'Content-Length': bytes.length, ...headers })
  const head = [`HTTP/1.1 ${status} Answer`, ...lines.map(([name, value]) => `${name}: ${value}`)]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), bytes])
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }

class FaultProxy {
  readonly port: number
  /** What goes wrong from now on; undefined: nothing. */
  fault: FaultPlan | undefined
  readonly #host: string
  readonly #upstreamPort: number
  readonly #requests: Writable<RecordedRequest>[] = []
  readonly #connections: Writable<RecordedConnection>[] = []
  readonly #sockets = new Set<Socket>()
  #lastNumber = 0
  #server: Server | undefined

  constructor(options: FaultProxyOptions, port: number) {
    this.#host = options.host ?? '127.0.0.1'
    this.#upstreamPort = options.port
    this.fault = options.fault
    this.port = port
  }

  /** Every whole request so far. */
  get requests(): readonly RecordedRequest[] {
    return this.#requests
  }

  /** Every connection so far. */
  get connections(): readonly RecordedConnection[] {
    return this.#connections
  }

  /** This URL of HAProxy, by way of here. */
  through(url: string): string {
    const detour = new URL(url)
    detour.hostname = '127.0.0.1'
    detour.port = String(this.port)
    return detour.href
  }

  /** Forgets what was recorded and counts from 1 again. */
  reset(): void {
    this.#requests.length = 0
    this.#connections.length = 0
    this.#lastNumber = 0
  }

  /** Listens (again) on its port. */
  async start(): Promise<void> {
    if (this.#server !== undefined) throw new Error('This fault proxy is listening already')
    const server = createServer({ allowHalfOpen: true }, (client) => {
      this.#accept(client)
    })
    server.listen(this.port, '127.0.0.1')
    await once(server, 'listening')
    this.#server = server
  }

  /** Breaks every connection and refuses new ones; may be called again. */
  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = once(server, 'close')
    server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #accept(client: Socket): void {
    this.#lastNumber += 1
    const number = this.#lastNumber
    const refused = this.fault?.({ number, request: undefined })?.kind === 'refuse'
    const connection = {
      number: this.#connections.length + 1,
      at: Date.now(),
      refused,
      requests: 0
    }
    this.#connections.push(connection)
    this.#track(client)
    if (refused) client.resetAndDestroy()
    else void this.#serve(client, connection, number)
  }

  async #serve(
    client: Socket,
    connection: Writable<RecordedConnection>,
    firstNumber: number
  ): Promise<void> {
    const incoming = new MessageReader(client, 'request')
    const upstream = new Upstream(() => this.#track(connect(this.#upstreamPort, this.#host)))
    for (;;) {
      const message = await Promise.race([incoming.next(), upstream.ended])
      if (message === undefined) break
      connection.requests += 1
      if (connection.requests > 1) this.#lastNumber += 1
      const number = connection.requests > 1 ? this.#lastNumber : firstNumber
      const request = record(message, number, connection.number)
      this.#requests.push(request)
      const fault = this.fault?.({ number, request })
      const reply = await replyOf(fault, () => upstream.ask(message, request))
      if (reply.bytes.length > 0) await write(client, reply.bytes)
      if (reply.then === 'reset') client.resetAndDestroy()
      if (reply.then === 'stall') await incoming.ended
      if (reply.then !== 'go on') break
    }
    client.end()
    upstream.close()
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }
}

export type { FaultProxy }

/** What the client gets, and what then becomes of its connection. */
interface Reply {
  readonly bytes: Buffer
  readonly then: 'go on' | 'finish' | 'stall' | 'reset'
}

async function replyOf(
  fault: Fault | undefined,
  ask: () => Promise<Buffer | undefined>
): Promise<Reply> {
  const nothing = Buffer.alloc(0)
  switch (fault?.kind) {
    case 'refuse':
    case 'reset-before':
      return { bytes: nothing, then: 'reset' }
    case 'silence':
      return { bytes: nothing, then: 'stall' }
    case 'answer':
      return { bytes: fault.bytes, then: 'finish' }
    case 'hold':
      await fault.until
      break
    case 'reset-after':
    case 'stall-headers':
    case 'stall-body':
    case 'truncate':
    case 'rewrite':
    case undefined:
  }
  const answer = await ask()
  if (answer === undefined) return { bytes: nothing, then: 'reset' }
  const head = parseHead(answer)?.length ?? answer.length
  switch (fault?.kind) {
    case 'reset-after':
      return { bytes: nothing, then: 'reset' }
    case 'stall-headers':
      return { bytes: answer.subarray(0, head / 2), then: 'stall' }
    case 'stall-body':
      return { bytes: answer.subarray(0, (head + answer.length) / 2), then: 'stall' }
    case 'truncate':
      return { bytes: answer.subarray(0, answer.length / 2), then: 'finish' }
    case 'rewrite':
      return { bytes: fault.rewrite(answer), then: 'finish' }
    case 'hold':
    case undefined:
      return { bytes: answer, then: 'go on' }
  }
}

/** The connection to HAProxy that belongs to one connection of the client, made when needed. */
class Upstream {
  /** Resolves when HAProxy has closed it, or could not be reached. */
  readonly ended: Promise<undefined>
  readonly #connect: () => Socket
  #connection: { readonly socket: Socket; readonly answers: MessageReader } | undefined
  #end: () => void = () => undefined

  constructor(connectToHaproxy: () => Socket) {
    this.#connect = connectToHaproxy
    this.ended = new Promise((resolve) => {
      this.#end = () => {
        resolve(undefined)
      }
    })
  }

  /** Passes a request on; its whole answer, or undefined when the connection ended without one. */
  async ask(message: Message, request: Writable<RecordedRequest>): Promise<Buffer | undefined> {
    const { socket, answers } = (this.#connection ??= this.#open())
    await write(socket, message.bytes)
    const answer = await answers.next()
    if (answer === undefined) return undefined
    const status = Number(parseHead(answer.bytes)?.startLine.split(' ')[1])
    request.answer = { status, bytes: answer.bytes.length }
    return answer.bytes
  }

  close(): void {
    this.#connection?.socket.destroy()
  }

  #open() {
    const socket = this.#connect()
    const answers = new MessageReader(socket, 'answer')
    void answers.ended.then(this.#end)
    return { socket, answers }
  }
}

function record(message: Message, number: number, connection: number): Writable<RecordedRequest> {
  const { startLine = '', headers = {}, length = 0 } = parseHead(message.bytes) ?? {}
  const [method = '', path = ''] = startLine.split(' ')
  return {
    number,
    connection,
    at: Date.now(),
    method,
    path,
    headers,
    body: message.bytes.toString('utf8', length),
    inOneRead: message.inOneRead,
    bytes: message.bytes.length,
    answer: undefined
  }
}

/** Resolves when the kernel has taken the bytes, or the connection is gone. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    socket.write(bytes, () => {
      resolve()
    })
  })
}
