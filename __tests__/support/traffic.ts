import { Agent, get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const failuresKept = 10

/** How {@link startTraffic} behaves. */
export interface TrafficOptions {
  /** How many users ask at the same time, each one request after the other; 4 by default. */
  readonly workers?: number
  /** What they ask for; `/` by default. */
  readonly path?: string
  /** What every request carries: `{ Cookie: 'NODE=app1' }`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Whether a user keeps one connection over many requests; by default not. */
  readonly keepAlive?: boolean
  /** How long a user pauses after an answer, in milliseconds; 10 by default. */
  readonly pauseMs?: number
  /** How long a user waits for an answer before giving up, in milliseconds; 15 s by default. */
  readonly patienceMs?: number
  /** The traffic ends by itself after so many milliseconds; 2 minutes by default. */
  readonly limitMs?: number
}

/** A request that did not end with a 200. */
export interface Failure {
  /** When it was sent, in milliseconds since 1970. */
  readonly at: number
  readonly reason: string
}

/** Counters of running traffic; they move while it runs. */
export interface Traffic {
  /** How many requests were answered with 200. */
  readonly ok: number
  readonly failed: number
  /** The first few failures. */
  readonly failures: readonly Failure[]
  /** How many answers each application gave, by the name in the body. */
  readonly byServer: ReadonlyMap<string, number>
  /**
   * How often a kept connection was closed just as it was used again, and the request was sent once
   * more on a fresh one, as browsers do.
   */
  readonly reconnects: number
  /** Lets the requests in flight end, then resolves. */
  stop(): Promise<void>
}

/** Sends steady user traffic through a frontend until it is stopped. */
export function startTraffic(userUrl: string, options: TrafficOptions = {}): Traffic {
  const { workers = 4, path = '/', keepAlive = false, pauseMs = 10, limitMs = 120_000 } = options
  const { headers = {}, patienceMs = 15_000 } = options
  const url = new URL(path, userUrl)
  const agent = new Agent({ keepAlive, maxSockets: workers })
  const end = new AbortController()
  const ended = AbortSignal.any([end.signal, AbortSignal.timeout(limitMs)])
  const byServer = new Map<string, number>()
  const failures: Failure[] = []
  const counters = { ok: 0, failed: 0, reconnects: 0 }

  const askOnce = async (): Promise<void> => {
    const at = Date.now()
    let outcome = await ask(url, agent, headers, patienceMs)
    if (outcome.kind === 'stale') {
      counters.reconnects += 1
      outcome = await ask(url, new Agent(), headers, patienceMs)
    }
    if (outcome.kind === 'ok') {
      counters.ok += 1
      byServer.set(outcome.body, (byServer.get(outcome.body) ?? 0) + 1)
    } else {
      counters.failed += 1
      if (failures.length < failuresKept) failures.push({ at, reason: outcome.reason })
    }
  }
  const work = async (): Promise<void> => {
    while (!ended.aborted) {
      await askOnce()
      await sleep(pauseMs)
    }
  }
  const finished = Promise.all(Array.from({ length: workers }, work))

  return {
    get ok() {
      return counters.ok
    },
    get failed() {
      return counters.failed
    },
    get reconnects() {
      return counters.reconnects
    },
    failures,
    byServer,
    async stop() {
      end.abort()
      await finished
      agent.destroy()
    }
  }
}

type Outcome =
  | { readonly kind: 'ok'; readonly body: string }
  | { readonly kind: 'failed' | 'stale'; readonly reason: string }

function ask(
  url: URL,
  agent: Agent,
  headers: Readonly<Record<string, string>>,
  patienceMs: number
): Promise<Outcome> {
  return new Promise((resolve) => {
    let answered = false
    const request = get(url, { agent, headers, signal: AbortSignal.timeout(patienceMs) })
    request.once('error', (error) => {
      const stale = request.reusedSocket && !answered && /ECONNRESET|EPIPE/.test(codeOf(error))
      resolve({ kind: stale ? 'stale' : 'failed', reason: error.message })
    })
    request.once('response', (response) => {
      answered = true
      void read(response).then(resolve)
    })
  })
}

async function read(response: IncomingMessage): Promise<Outcome> {
  let body = ''
  try {
    for await (const text of response.setEncoding('utf8')) body += String(text)
  } catch (error) {
    return { kind: 'failed', reason: `the answer broke off: ${String(error)}` }
  }
  if (response.statusCode === 200) return { kind: 'ok', body }
  return { kind: 'failed', reason: `HTTP ${String(response.statusCode)}` }
}

function codeOf(error: Error): string {
  return 'code' in error ? String(error.code) : ''
}
