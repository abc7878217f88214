import { HttpClient } from '@actions/http-client'
import type { IncomingMessage } from 'node:http'
import { HaproxyError } from './errors.ts'
import { explainFailure } from './network-errors.ts'
import { RequestSetup, type TransportSettings } from './request-setup.ts'

/** How a request may end early. */
export interface RequestLimits {
  readonly signal: AbortSignal
  /** Deadline in milliseconds, where it must end sooner than the settings say. */
  readonly timeoutMs?: number
}

/** One request. */
export interface Request extends RequestLimits {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  /** The value of the Authorization header. */
  readonly authorization: string | undefined
  readonly body?: string
  /** The address to connect to, where the host of the URL has several. */
  readonly address?: string | undefined
  /** What is being attempted, to begin an error message with: `Could not read http://…`. */
  readonly attempt: string
}

/** One complete answer. */
export interface Answer {
  readonly status: number
  readonly location: string | undefined
  /** Of a 401, which ways to log in it offers, and whether the request had a user name and a password. */
  readonly login?: { readonly schemes: string; readonly wasGiven: boolean } | undefined
  /** The media type of the body (`text/html`), as far as the answer says it. */
  readonly mediaType?: string | undefined
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
  const setup = new RequestSetup(ended, settings, url, request.address)
  const client = new HttpClient('haproxy-server-state', [setup], {
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
    setup.phase = 'reading the answer'
    const body = await read(message, request.attempt)
    const { statusCode: status = 0, headers } = message
    const schemes = headers['www-authenticate'] ?? 'Basic'
    const mediaType = /^[\w.+-]+\/[\w.+-]+/.exec(headers['content-type'] ?? '')?.[0]
    const login = { schemes, wasGiven: request.authorization !== undefined }
    const { location } = headers
    return { status, location, mediaType, ...(status === 401 && { login }), body }
  } catch (error) {
    if (error instanceof HaproxyError) {
      throw error
    }
    signal.throwIfAborted()
    throw explainFailure(error, {
      attempt: request.attempt,
      url,
      phase: setup.phase,
      timedOutMs: deadline.signal.aborted ? timeoutMs : undefined
    })
  } finally {
    clearTimeout(timer)
    client.dispose()
  }
}

async function read(message: IncomingMessage, attempt: string): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_BODY) {
      throw new HaproxyError(
        'oversized',
        `${attempt}: the answer is larger than ${MAX_BODY} bytes.`
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
