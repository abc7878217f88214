import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../support/ports.ts'

/** What a proxy does with a CONNECT. */
export type ProxyManner =
  | 'connect'
  /** Refuses with this status. */
  | { readonly refuse: number }
  /** Accepts the TCP connection and never says a word. */
  | 'silence'
  /** Begins to answer and stops. */
  | 'stall'
  /** Closes the connection. */
  | 'close'
  /** Says that it is connected, and passes nothing on. */
  | 'swallow'
  /** Answers these bytes. */
  | { readonly say: string }

/** One CONNECT as it came. */
export interface Tunnel {
  /** `host:port` as it was asked for. */
  readonly target: string
  readonly authorization: string | undefined
}

/** A small HTTP proxy that knows CONNECT only and leads every tunnel to the same port of the loopback. */
export class ConnectProxy {
  readonly port: number
  manner: ProxyManner = 'connect'
  /** Every CONNECT so far. */
  readonly tunnels: Tunnel[] = []
  /** Everything else that was asked for. */
  readonly others: string[] = []
  readonly #upstreamPort: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(port: number, upstreamPort: number) {
    this.port = port
    this.#upstreamPort = upstreamPort
    this.#server = createServer((client) => {
      this.#track(client)
      let head = ''
      const collect = (chunk: Buffer): void => {
        head += chunk.toString('latin1')
        if (!head.includes('\r\n\r\n')) return
        client.off('data', collect)
        this.#answer(client, head)
      }
      client.on('data', collect)
    })
  }

  /** @param upstreamPort where HAProxy listens on the loopback, of every name that is asked for */
  static async start(upstreamPort: number): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(await freePort(), upstreamPort)
    proxy.#server.listen(proxy.port, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #answer(client: Socket, head: string): void {
    const target = /^CONNECT (\S+)/.exec(head)?.[1]
    if (target === undefined) {
      this.others.push(head.split('\r\n')[0] ?? '')
      client.end('HTTP/1.1 405 Only CONNECT\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const authorization = /^proxy-authorization: (.*?)\r$/im.exec(head)?.[1]
    this.tunnels.push({ target, authorization })
    const { manner } = this
    switch (manner) {
      case 'connect':
        this.#connect(client)
        break
      case 'silence':
        break
      case 'stall':
        client.write('HTTP/1.1 200 Conn')
        break
      case 'close':
        client.resetAndDestroy()
        break
      case 'swallow':
        client.write('HTTP/1.1 200 Connection established\r\n\r\n')
        client.resume()
        break
      default:
        if ('say' in manner) client.end(manner.say)
        else client.end(`HTTP/1.1 ${manner.refuse} No\r\nContent-Length: 0\r\n\r\n`)
    }
  }

  #connect(client: Socket): void {
    const upstream = connect(this.#upstreamPort, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    this.#track(upstream)
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#sockets.delete(socket))
  }
}
