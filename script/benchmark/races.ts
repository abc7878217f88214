import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Farm, startFarm } from '../../__tests__/support/farm.ts'
import { startTraffic } from '../../__tests__/support/traffic.ts'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import { StatsPage } from '../../src/haproxy/stats-page.ts'
import { parseStatsUrl } from '../../src/haproxy/stats-url.ts'
import { type Context, NO_OBSERVER, systemClock } from '../../src/rotation/context.ts'
import { find, type Found } from '../../src/rotation/find.ts'
import { takeOut } from '../../src/rotation/take-out.ts'
import { takeTurn } from '../../src/rotation/turn.ts'
import { count, median, milliseconds, table } from './table.ts'

/** What users meet while several runs try to get the same turn (`min-up: all` with `min-up-timeout`). */
export async function races(times: number): Promise<string> {
  const rows: string[][] = []
  for (const servers of [2, 4, 6]) {
    for (const roundTripMs of [1, 20, 100]) rows.push(await measure(servers, roundTripMs, times))
  }
  return `## Races for a turn

${times} races each: as many runs as there are servers begin at the same moment, with \`min-up: all\` and
\`min-up-timeout\`, under about 250 requests a second. A race ends when one of them has its turn.

${table(['servers', 'round trip', 'races with nobody serving', 'the longest such moment', 'users that failed', 'turns at once', 'median until a turn'], rows)}`
}

async function measure(servers: number, roundTripMs: number, times: number): Promise<string[]> {
  const names = Array.from({ length: servers }, (_, index) => `app${String(index + 1)}`)
  const farm = await startFarm({ servers: names, serverOptions: '' })
  const line = await startLine(Number(new URL(farm.statsUrl).port), roundTripMs)
  try {
    const all: Race[] = []
    for (let index = 0; index < times; index += 1) all.push(await race(farm, line.url, names))
    const gaps = all.map(({ longestGapMs }) => longestGapMs)
    return [
      count(servers),
      milliseconds(roundTripMs),
      `${String(gaps.filter((gap) => gap > 0).length)} of ${String(times)}`,
      milliseconds(Math.max(...gaps)),
      count(all.reduce((sum, { failed }) => sum + failed, 0)),
      count(Math.max(...all.map(({ most }) => most))),
      milliseconds(median(all.map(({ turnMs }) => turnMs)))
    ]
  } finally {
    line.server.close()
    await farm.stop()
  }
}

interface Race {
  readonly longestGapMs: number
  readonly failed: number
  /** How many had their turn at once. */
  readonly most: number
  readonly turnMs: number
}

async function race(farm: Farm, url: string, names: readonly string[]): Promise<Race> {
  for (const name of names) await farm.set(name, 'ready')
  const traffic = startTraffic(farm.userUrl, { workers: 4, pauseMs: 15 })
  const end = new AbortController()
  const began = systemClock.now()
  const watch = watchServing(farm)
  let turnMs = 0
  const runs = names.map(async (name) => {
    try {
      await run(name, url, end.signal)
      turnMs ||= systemClock.now() - began
      // Long enough for the claims of others to arrive.
      await sleep(400)
      end.abort(new HaproxyError('cancelled', 'Another run has its turn.'))
    } catch (error) {
      if (!(error instanceof HaproxyError) || !end.signal.aborted) throw error
    }
  })
  await Promise.all(runs)
  const rows = await farm.rows()
  const most = rows.filter(({ status }) => status?.startsWith('MAINT')).length
  const longestGapMs = await watch.stop()
  await traffic.stop()
  return { longestGapMs, failed: traffic.failed, most, turnMs }
}

/** One run of its own: waits for its turn, and takes its server out. */
async function run(name: string, url: string, cancelled: AbortSignal): Promise<void> {
  const quiet = (): undefined => undefined
  const log = { info: quiet, notice: quiet, warning: quiet }
  const context: Context = {
    clock: systemClock,
    log,
    observer: NO_OBSERVER,
    cancelled,
    over: new AbortController().signal
  }
  const settings = {
    timeoutMs: 10_000,
    ca: undefined,
    clientCertificate: undefined,
    clientKey: undefined,
    verifyTls: true
  }
  const page = new StatsPage({ url: parseStatsUrl(url), credentials: undefined, settings })
  const wanted = {
    pages: [page],
    backends: ['web'],
    servers: [name],
    withOthers: true,
    processLooks: 0,
    oneInstance: true
  } as const
  const search = (): Promise<Found> => find(wanted, context)
  const turn = { minUp: 'all', timeoutMs: 60_000, pollMs: 1_000, onClaim: quiet } as const
  const { found, isClaimed } = await takeTurn(search, turn, context)
  await takeOut(
    found.backends,
    {
      state: 'maint',
      isClaimed,
      minUp: 'all',
      wait: { timeoutMs: 60_000, pollMs: 1_000, settleMs: 0 },
      isAwaited: false,
      maxSessions: 0,
      onTimeout: 'fail',
      hardStopAfterMs: undefined,
      shared: found.shared
    },
    context
  )
}

/** Watches for moments in which no server takes new users. */
function watchServing(farm: Farm): { stop(): Promise<number> } {
  let longestMs = 0
  const end = new AbortController()
  const watching = (async () => {
    let since: number | undefined
    while (!end.signal.aborted) {
      const rows = await farm.rows()
      const now = systemClock.now()
      const serving = rows.some(
        ({ type, status = '' }) => type === '2' && /^(UP|no check)/.test(status)
      )
      since = serving ? undefined : (since ?? now)
      // A gap is seen at its first look only; half the pause before that belongs to it.
      if (since !== undefined) longestMs = Math.max(longestMs, now - since + 1)
      await sleep(2)
    }
  })()
  return {
    async stop() {
      end.abort()
      await watching
      return longestMs
    }
  }
}

/** A line to HAProxy on which a handshake and an exchange take one round trip each. */
async function startLine(
  port: number,
  roundTripMs: number
): Promise<{ readonly server: Server; readonly url: string }> {
  const server = createServer((client) => {
    const haproxy = connect(port, '127.0.0.1')
    client.on('data', (data) => setTimeout(() => haproxy.write(data), roundTripMs * 1.5))
    haproxy.on('data', (data) => setTimeout(() => client.write(data), roundTripMs / 2))
    haproxy.on('end', () => setTimeout(() => client.end(), roundTripMs / 2 + 1))
    for (const [one, other] of [
      [client, haproxy],
      [haproxy, client]
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => setTimeout(() => other.destroy(), roundTripMs + 5))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port: own } = server.address() as AddressInfo
  return { server, url: `http://127.0.0.1:${String(own)}/admin` }
}
