import { type Socket } from 'node:net'

/** One whole HTTP/1 message as it came over the wire. */
export interface Message {
  readonly bytes: Buffer
  /** Whether all of it came in one TCP read. */
  readonly inOneRead: boolean
}

/** The first line and the headers of a message. */
export interface Head {
  readonly startLine: string
  /** By lower-case name; the values of a repeated header are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  /** Where the body begins, in bytes. */
  readonly length: number
}

/** The head of a message; undefined as long as it has not come whole. */
export function parseHead(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [startLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`
  }
  return { startLine, headers, length: end + 4 }
}

/** Cuts what a socket receives into whole HTTP messages. */
export class MessageReader {
  /** Resolves when the peer sends no more. */
  readonly ended: Promise<undefined>
  readonly #whole: Message[] = []
  readonly #kind: 'request' | 'answer'
  #bytes: Buffer = Buffer.alloc(0)
  #reads = 0
  #hasEnded = false
  #wake: () => void = () => undefined

  constructor(socket: Socket, kind: 'request' | 'answer') {
    this.#kind = kind
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#reads += 1
      this.#cut()
      this.#wake()
    })
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.#hasEnded = true
        this.#wake()
        resolve(undefined)
      }
      socket.once('end', end)
      socket.once('close', end)
    })
  }

  /** The next whole message; undefined when there will be none. */
  async next(): Promise<Message | undefined> {
    while (this.#whole.length === 0 && !this.#hasEnded) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    const message = this.#whole.shift()
    if (message !== undefined) return message
    // An answer without a length lasts until the connection ends.
    if (this.#kind === 'request' || this.#bytes.length === 0) return undefined
    const rest = { bytes: this.#bytes, inOneRead: this.#reads === 1 }
    this.#bytes = Buffer.alloc(0)
    return rest
  }

  #cut(): void {
    for (;;) {
      const length = wholeLength(this.#bytes, this.#kind)
      if (length === undefined) return
      this.#whole.push({ bytes: this.#bytes.subarray(0, length), inOneRead: this.#reads === 1 })
      this.#bytes = this.#bytes.subarray(length)
      this.#reads = this.#bytes.length > 0 ? 1 : 0
    }
  }
}

function wholeLength(bytes: Buffer, kind: 'request' | 'answer'): number | undefined {
  const head = parseHead(bytes)
  if (head === undefined) return undefined
  if (head.headers['transfer-encoding']?.toLowerCase() === 'chunked') {
    return endOfChunks(bytes, head.length)
  }
  const declared = head.headers['content-length']
  if (declared !== undefined) {
    const length = head.length + Number(declared)
    return bytes.length >= length ? length : undefined
  }
  const bodiless = kind === 'request' || /^HTTP\/1\.\d (1\d\d|204|304)/.test(head.startLine)
  return bodiless ? head.length : undefined
}

function endOfChunks(bytes: Buffer, start: number): number | undefined {
  for (let at = start; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    if (size === 0) {
      // Trailers, if any, and the empty line that ends them; it may be the line end just found.
      const end = bytes.indexOf('\r\n\r\n', lineEnd)
      return end < 0 ? undefined : end + 4
    }
    at = lineEnd + 2 + size + 2
    if (Number.isNaN(at) || at > bytes.length) return undefined
  }
}
