import type { RequestHandler } from '@actions/http-client/lib/interfaces'
import { X509Certificate } from 'node:crypto'
import type { Agent, RequestOptions } from 'node:http'
import { isIP, isIPv6, type LookupFunction } from 'node:net'
import { checkServerIdentity, getCACertificates, type PeerCertificate } from 'node:tls'
import type { Phase } from './network-errors.ts'

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
export class RequestSetup implements RequestHandler {
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
      // The host that Node passes is cut at its first colon when the connection goes through a proxy.
      checkServerIdentity: (_: string, certificate: PeerCertificate) =>
        checkIdentity(this.#url.hostname.replace(/[[\]]/g, ''), certificate)
    }
  }

  /** Notes when the connection is established, so that a time-out can say what it was waiting for. */
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

/**
 * Node 24.19 runs an IPv6 address through IDNA before it compares it with a certificate, which leaves it empty
 * (__tests__/hostile/tls.test.ts).
 */
function checkIdentity(host: string, certificate: PeerCertificate): Error | undefined {
  if (isIPv6(host) && new X509Certificate(certificate.raw).checkIP(host) !== undefined) {
    return undefined
  }
  return checkServerIdentity(host, certificate)
}
