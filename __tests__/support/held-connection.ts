import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { type Duplex } from 'node:stream'

/** A connection that stays open through HAProxy, like a WebSocket; it counts as one session. */
export interface HeldConnection {
  /** The name of the application at its other end. */
  readonly application: string
  /** Whether neither side has closed it yet. */
  readonly open: boolean
  /** Closes it from the user's side; resolves when it is closed. */
  close(): Promise<void>
}

/**
 * Opens a connection to `/hold` of an application behind this frontend and keeps it open.
 *
 * @param headers what the request carries besides, such as the cookie of a pinned client
 */
export async function holdConnection(
  userUrl: string,
  headers: Readonly<Record<string, string>> = {}
): Promise<HeldConnection> {
  const [answer, socket] = await upgrade(new URL('/hold', userUrl), headers)
  socket.on('error', () => socket.destroy())
  socket.once('end', () => socket.end())
  socket.resume()
  return {
    application: String(answer.headers['x-application']),
    get open() {
      return !socket.closed
    },
    async close() {
      if (socket.closed) return
      socket.destroy()
      await once(socket, 'close')
    }
  }
}

function upgrade(
  url: URL,
  headers: Readonly<Record<string, string>>
): Promise<[IncomingMessage, Duplex]> {
  return new Promise((resolve, reject) => {
    const asked = request(url, {
      agent: false,
      headers: {
        ...headers,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ=='
      }
    })
    asked.once('upgrade', (answer, socket) => {
      resolve([answer, socket])
    })
    asked.once('response', (answer) => {
      answer.resume()
      reject(new Error(`No upgrade at ${url.href}: ${String(answer.statusCode)}`))
    })
    asked.once('error', reject)
    asked.end()
  })
}
