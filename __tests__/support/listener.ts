import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { freePort } from './ports.ts'

/** A server of a test, with every connection that came to it. */
export interface Listener {
  readonly port: number
  readonly sockets: readonly Socket[]
  stop(): Promise<void>
}

/** Has a TCP, TLS or HTTP server listen on the loopback. */
export async function listen(server: Server, host = '127.0.0.1'): Promise<Listener> {
  const sockets: Socket[] = []
  server.on('connection', (socket: Socket) => {
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
  })
  const port = await freePort()
  server.listen(port, host)
  await once(server, 'listening')
  return {
    port,
    sockets,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      sockets.forEach((socket) => socket.destroy())
      await closed
    }
  }
}

/** Listens and hands every connection to this, once its first bytes have come. */
export function listenRaw(
  answer: (socket: Socket, request: string) => void,
  host?: string
): Promise<Listener> {
  return listen(
    createServer((socket) => {
      socket.once('data', (bytes) => {
        answer(socket, bytes.toString())
      })
    }),
    host
  )
}
