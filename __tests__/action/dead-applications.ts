import { type Farm, startFarm } from '../support/farm.ts'
import { haproxyVersion } from '../support/haproxy.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { freePorts } from '../support/ports.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'

/** The servers that are to come back, each named after what its application does when it is dead. */
const servers = ['answers-503', 'refuses', 'hangs'] as const

/** Something that HAProxy counts, for every server that is to come back, by `backend/server`. */
export type Counts = Readonly<Record<string, number>>

/**
 * Starts three applications that are to die and one that stays well, all of them servers of one backend for every
 * way in which health can begin after maint.
 */
export async function startDeadApplications(): Promise<DeadApplications> {
  const variants = Object.entries(await healths())
  const ports = await freePorts(variants.length)
  const backends = variants.map(([name, health], index) => ({
    name,
    health,
    port: ports[index] ?? 0
  }))
  const farm = await startFarm({
    servers: ['well', ...servers],
    serverOptions: '',
    extra: (applications) =>
      backends
        .flatMap(({ name: backend, health, port: userPort }) => [
          `frontend users-of-${backend}`,
          `  bind 127.0.0.1:${userPort}`,
          `  default_backend ${backend}`,
          `backend ${backend}`,
          '  option httpchk GET /health',
          '  timeout check 500ms',
          '  retries 1',
          '  cookie NODE insert indirect nocache',
          ...applications.map(({ name, port }) => {
            const check = `check inter 2s fastinter 200ms downinter 200ms rise 2 ${health}`
            return `  server ${name} 127.0.0.1:${port} cookie ${name} ${name === 'well' ? '' : check}`
          })
        ])
        .join('\n')
  })
  const wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  const users = new Map(backends.map(({ name, port }) => [name, `http://127.0.0.1:${port}`]))
  return new DeadApplications(farm, wire, users)
}

/** What the server line says of health, by the name of the backend. */
async function healths(): Promise<Record<string, string>> {
  const [major = 0, minor = 0] = (await haproxyVersion()).split('.').map(Number)
  const hasInitState = major > 3 || (major === 3 && minor >= 1)
  return {
    fall1: 'fall 1',
    fall3: 'fall 3',
    ...(hasInitState ? { 'fully-up': 'fall 3 init-state fully-up' } : {})
  }
}

class DeadApplications {
  readonly #farm: Farm
  readonly #wire: FaultProxy
  readonly #users: ReadonlyMap<string, string>
  readonly #newcomers: Traffic[] = []
  readonly #pinned: Traffic[] = []
  #met: Promise<Counts> | undefined

  constructor(farm: Farm, wire: FaultProxy, users: ReadonlyMap<string, string>) {
    this.#farm = farm
    this.#wire = wire
    this.#users = users
  }

  /** The inputs that name all of them. */
  get inputs(): Record<string, string> {
    return {
      'stats-url': this.#wire.through(this.#farm.statsUrl),
      backend: [...this.#users.keys()].join(),
      server: servers.join(),
      'poll-interval': '200ms',
      'settle-time': '300ms'
    }
  }

  /** Begins to send newcomers to every backend, and for every server of it a client that is pinned to it. */
  startUsers(): void {
    for (const url of this.#users.values()) {
      this.#newcomers.push(startTraffic(url, { workers: 1, pauseMs: 20 }))
      for (const name of servers) {
        const headers = { Cookie: `NODE=${name}` }
        this.#pinned.push(startTraffic(url, { workers: 1, pauseMs: 20, headers }))
      }
    }
  }

  /** Why requests of newcomers failed. */
  get failures(): unknown[] {
    return this.#newcomers.flatMap(({ failures }) => failures)
  }

  /** Has a pinned client hang on every server. */
  hold(): Promise<HeldConnection[]> {
    const all = [...this.#users.values()].flatMap((url) =>
      servers.map((name) => holdConnection(url, { Cookie: `NODE=${name}` }))
    )
    return Promise.all(all)
  }

  /** From now on their health checks fail. */
  die(): void {
    this.#farm.app('answers-503').health = 503
    this.#farm.app('refuses').refuse()
    this.#farm.app('hangs').healthDelayMs = 60_000
  }

  async getWell(): Promise<void> {
    this.#farm.app('answers-503').health = 200
    await this.#farm.app('refuses').start()
    this.#farm.app('hangs').healthDelayMs = 0
  }

  async statuses(): Promise<string[]> {
    return (await this.#rows()).map(({ status = '' }) => status)
  }

  /** How often load balancing has chosen each server: for whoever is not pinned to it. */
  async chosen(): Promise<Counts> {
    return this.#counts(({ lbtot }) => Number(lbtot))
  }

  /** How many requests were sent to each server, whoever sent them. */
  async met(): Promise<Counts> {
    return this.#counts(({ stot, wretr }) => Number(stot) - Number(wretr))
  }

  /** Has {@link metBefore} say what {@link met} says when the next change is asked for. */
  watchForChange(): void {
    this.#met = undefined
    this.#wire.fault = ({ request }) => {
      if (request?.method === 'POST') this.#met ??= this.met()
      return undefined
    }
  }

  async metBefore(): Promise<Counts> {
    if (this.#met === undefined) throw new Error('Nothing was asked for')
    return this.#met
  }

  until(predicate: () => Promise<boolean>): Promise<void> {
    return this.#farm.until(predicate)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#newcomers, ...this.#pinned].map((traffic) => traffic.stop()))
    await this.#wire.stop()
    await this.#farm.stop()
  }

  async #counts(read: (row: Record<string, string>) => number): Promise<Counts> {
    const rows = await this.#rows()
    return Object.fromEntries(
      rows.map((row) => [`${row['pxname'] ?? ''}/${row['svname'] ?? ''}`, read(row)])
    )
  }

  async #rows(): Promise<Record<string, string>[]> {
    const rows = await this.#farm.rows()
    return rows.filter(
      ({ pxname = '', svname }) =>
        this.#users.has(pxname) && servers.some((server) => server === svname)
    )
  }
}

export type { DeadApplications }
