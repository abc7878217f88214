import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { freePort } from './ports.ts'

/** Starts a DNS server on the loopback that knows no name yet. */
export async function startDnsServer(): Promise<DnsServer> {
  const server = new DnsServer(await freePort())
  await server.start()
  return server
}

/** A tiny DNS server for the `resolvers` of haproxy.cfg: it knows IPv4 addresses, and every other name does not exist. */
class DnsServer {
  readonly port: number
  /** The names that it knows, in lower case, each with its address; may be changed. */
  readonly names = new Map<string, string>()
  readonly #socket = createSocket('udp4')

  constructor(port: number) {
    this.port = port
  }

  /** A section `resolvers local` that asks this server often and notices at once that a name is gone. */
  get section(): string {
    return [
      'resolvers local',
      `  nameserver local 127.0.0.1:${this.port}`,
      '  timeout resolve 100ms',
      '  timeout retry 100ms',
      '  hold valid 100ms',
      '  hold nx 100ms',
      '  hold obsolete 100ms'
    ].join('\n')
  }

  async start(): Promise<void> {
    this.#socket.on('message', (query, { port, address }) => {
      this.#socket.send(this.#answer(query), port, address)
    })
    this.#socket.bind(this.port, '127.0.0.1')
    await once(this.#socket, 'listening')
  }

  async stop(): Promise<void> {
    const closed = once(this.#socket, 'close')
    this.#socket.close()
    await closed
  }

  /** RFC 1035, 4.1: the header and the question of the query, with one answer or none. */
  #answer(query: Buffer): Buffer {
    const { name, end } = readName(query, HEADER)
    const question = query.subarray(HEADER, end + 4)
    const address = this.names.get(name)
    const isIpv4 = query.readUInt16BE(end) === TYPE_A
    const answers = address !== undefined && isIpv4 ? [record(address)] : []
    const header = Buffer.alloc(HEADER)
    query.copy(header, 0, 0, 2)
    header.writeUInt16BE(address === undefined ? NO_SUCH_NAME : NO_ERROR, 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(answers.length, 6)
    return Buffer.concat([header, question, ...answers])
  }
}

export type { DnsServer }

const HEADER = 12
const TYPE_A = 1
/** A response that is authoritative, to a query that asked for recursion. */
const NO_ERROR = 0x8580
const NO_SUCH_NAME = 0x8583

function readName(message: Buffer, start: number): { name: string; end: number } {
  const labels: string[] = []
  let at = start
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length).toLowerCase())
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}

/** An A record of class IN that lives for a second, its name a pointer to the one in the question. */
function record(address: string): Buffer {
  const head = Buffer.from([0xc0, HEADER, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4])
  return Buffer.concat([head, Buffer.from(address.split('.').map(Number))])
}
