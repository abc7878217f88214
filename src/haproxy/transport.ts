import { HttpClient } from '@actions/http-client'
import type { RequestHandler } from '@actions/http-client/lib/interfaces'
import { getProxyUrl } from '@actions/http-client/lib/proxy'
import { X509Certificate } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import type { Agent, IncomingMessage, RequestOptions } from 'node:http'
import { isIP, isIPv6, type LookupFunction } from 'node:net'
import { checkServerIdentity, getCACertificates, type PeerCertificate } from 'node:tls'
import { HaproxyError } from './errors.ts'
import { explainFailure, type Phase } from './network-errors.ts'

/** How the statistics pages are reached. */
export interface TransportSettings {
  /** Deadline of one exchange, from connecting to the last byte, in milliseconds. */
  readonly timeoutMs: number
  /** Certificate authorities (PEM) to trust beside those that Node trusts. */
  readonly ca: string | undefined
  /** Certificate (PEM) to show to a page that asks for one. */
  readonly clientCertificate: string | undefined
  readonly clientKey: string | undefined
  readonly verifyTls: boolean
}

/** One request. */
export interface Request {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  /** The value of the Authorization header. */
  readonly authorization: string | undefined
  readonly body?: string
  /** The address to connect to, where the host of the URL has several. */
  readonly address?: string | undefined
  /** Deadline in milliseconds, where this request must end sooner than the settings say. */
  readonly timeoutMs?: number
  /** Ends the exchange early. */
  readonly signal: AbortSignal
  /** What is being attempted, to begin an error message with: `Could not read http://…`. */
  readonly doing: string
}

/** One complete answer. */
export interface Answer {
  readonly status: number
  readonly location: string | undefined
  readonly body: string
}

/** The largest answer that is read, in bytes; a page of 10,000 servers has about 4 million. */
const MAX_BODY = 32 * 1024 * 1024

/**
 * Makes one request on a connection of its own and reads the answer to its last byte.
 *
 * The connection is fresh every time because a kept one can stay with the process from before a reload,
 * which answers `DONE` and changes nothing that matters (docs/haproxy-facts.md, "Reloads"). Redirects are handed to the
 * caller: HAProxy answers every change with one, and following it turns each refusal into a 200.
 *
 * @throws HaproxyError for everything that keeps a complete answer from arriving; the signal's own
 *   reason when that ended it.
 */
export async function exchange(request: Request, settings: TransportSettings): Promise<Answer> {
  const { method, url, signal } = request
  const timeoutMs = Math.min(request.timeoutMs ?? Infinity, settings.timeoutMs)
  const deadline = new AbortController()
  const timer = setTimeout(() => {
    deadline.abort()
  }, timeoutMs)
  const ended = AbortSignal.any([signal, deadline.signal])
  const taming = new Taming(ended, settings, url, request.address)
  const client = new HttpClient('haproxy-server-state', [taming], {
    allowRedirects: false,
    allowRetries: false,
    keepAlive: false,
    ignoreSslError: !settings.verifyTls
  })
  try {
    signal.throwIfAborted()
    const { message } = await client.request(method, url.href, request.body ?? null, {
      ...(request.authorization !== undefined && { authorization: request.authorization }),
      ...(request.body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' })
    })
    taming.phase = 'reading the answer'
    const body = await read(message, request.doing)
    return { status: message.statusCode ?? 0, location: message.headers.location, body }
  } catch (error) {
    if (error instanceof HaproxyError) {
      throw error
    }
    signal.throwIfAborted()
    throw explainFailure(error, {
      doing: request.doing,
      url,
      phase: taming.phase,
      timedOutMs: deadline.signal.aborted ? timeoutMs : undefined
    })
  } finally {
    clearTimeout(timer)
    client.dispose()
  }
}

/**
 * The addresses of a host, in the order in which the resolver gives them; none for an address, and none where
 * a proxy connects, because that one resolves the name.
 *
 * @throws HaproxyError `host-not-found`, `timed-out`; the signal's own reason when that ended it
 */
export async function resolveHost(
  request: Pick<Request, 'url' | 'signal' | 'doing'>,
  { timeoutMs }: TransportSettings
): Promise<string[]> {
  const { url, signal, doing } = request
  const host = url.hostname.replace(/[[\]]/g, '')
  if (isIP(host) !== 0 || getProxyUrl(url) !== undefined) {
    return []
  }
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    // A look-up cannot be aborted, only left behind.
    const found = await Promise.race([
      lookup(host, { all: true }),
      rejection(signal),
      rejection(deadline)
    ])
    return found.map(({ address }) => address)
  } catch (error) {
    signal.throwIfAborted()
    const timedOutMs = deadline.aborted ? timeoutMs : undefined
    throw explainFailure(error, { doing, url, phase: 'looking up the host', timedOutMs })
  }
}

/** Rejects with the signal's reason as soon as that fires. */
function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) {
      fail()
    } else {
      signal.addEventListener('abort', fail, { once: true })
    }
  })
}

/** A resolver that knows one address for every name. */
function alwaysAt(address: string): LookupFunction {
  const family = isIP(address)
  return (_, options, callback) => {
    if (options.all === true) {
      callback(null, [{ address, family }])
    } else {
      callback(null, address, family)
    }
  }
}

async function read(message: IncomingMessage, doing: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) {
      throw new HaproxyError('oversized', `${doing}: the answer is larger than ${MAX_BODY} bytes.`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/**
 * Node 24 compares no IPv6 address with a certificate as it should: it passes it through IDNA first, which
 * leaves nothing of it (measured, 24.19).
 */
function checkIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  if (isIPv6(host) && new X509Certificate(certificate.raw).checkIP(host) !== undefined) {
    return undefined
  }
  return checkServerIdentity(host, certificate)
}

/** What is needed here of the agent that the HTTP client takes for a proxy (package `tunnel`). */
interface Tunnel {
  readonly proxyOptions: object
  readonly options: object
  createSocket(options: object, callback: (socket: unknown) => void): void
}

/**
 * Reaches into the options that the HTTP client has built, for what it offers no setting for: a signal,
 * certificates, and the host of an IPv6 literal, which it would look up in DNS with its brackets.
 */
class Taming implements RequestHandler {
  phase: Phase = 'connecting'
  readonly #signal: AbortSignal
  readonly #settings: TransportSettings
  readonly #url: URL
  readonly #address: string | undefined

  constructor(
    signal: AbortSignal,
    settings: TransportSettings,
    url: URL,
    address: string | undefined
  ) {
    this.#signal = signal
    this.#settings = settings
    this.#url = url
    this.#address = address
  }

  prepareRequest(options: RequestOptions): void {
    const tls = this.#tlsOptions()
    Object.assign(options, { signal: this.#signal }, tls)
    const agent = options.agent as Agent | Tunnel
    if ('proxyOptions' in agent) {
      // The tunnel opens its CONNECT with these, and without a signal waits for its answer for ever.
      Object.assign(agent.proxyOptions, { signal: this.#signal })
      Object.assign(agent.options, tls)
      this.phase = 'connecting through the proxy'
      this.#followTunnel(agent)
    } else {
      options.host = options.host?.replace(/[[\]]/g, '') ?? null
      if (this.#address !== undefined) {
        options.lookup = alwaysAt(this.#address)
      }
      this.#followConnection(agent)
    }
  }

  #tlsOptions(): object {
    const { ca, clientCertificate, clientKey } = this.#settings
    return {
      ...(ca !== undefined && { ca: [...getCACertificates('default'), ca] }),
      cert: clientCertificate,
      key: clientKey,
      // The host that is handed over is cut at its first colon when the connection goes through a proxy.
      checkServerIdentity: (_: string, certificate: PeerCertificate) =>
        checkIdentity(this.#url.hostname.replace(/[[\]]/g, ''), certificate)
    }
  }

  /** Notes when the connection stands, so that a time-out can say what it was waiting for. */
  #followConnection(agent: Agent): void {
    const create = agent.createConnection.bind(agent)
    agent.createConnection = (options, callback) => {
      const socket = create(options, callback)
      socket?.once(this.#url.protocol === 'https:' ? 'secureConnect' : 'connect', () => {
        this.phase = 'waiting for the answer'
      })
      return socket
    }
  }

  #followTunnel(agent: Tunnel): void {
    const create = agent.createSocket.bind(agent)
    agent.createSocket = (options, callback) => {
      create(options, (socket) => {
        this.phase = 'waiting for the answer'
        callback(socket)
      })
    }
  }

  canHandleAuthentication(): boolean {
    return false
  }

  handleAuthentication(): Promise<never> {
    return Promise.reject(new Error('This handler does not authenticate.'))
  }
}
