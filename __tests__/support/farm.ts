import { type Application, startApplication } from './application.ts'
import { type Haproxy, startHaproxy } from './haproxy.ts'
import { freePorts } from './ports.ts'
import { until } from './until.ts'

/** What {@link startFarm} sets up; everything has a default. */
export interface FarmOptions {
  /** How many servers (`app1`, `app2`, …) or their names; two by default. */
  readonly servers?: number | readonly string[]
  /** Applications of another farm to share instead: several HAProxies in front of the same ones. */
  readonly applications?: readonly Application[]
  /** The name of the backend; `web` by default. */
  readonly backend?: string
  /** What follows the address on a server line; `check inter 200ms fall 3 rise 2` by default. */
  readonly serverOptions?: string | ((name: string, index: number) => string)
  /** More lines of the backend section. */
  readonly backendLines?: readonly string[]
  /** Lines of the statistics section; `stats admin if TRUE` by default. */
  readonly statsLines?: readonly string[]
  /** The path of the statistics page; `/admin` by default. */
  readonly statsUri?: string
  /** What follows the address on the bind line of the statistics page: `ssl crt /tmp/x.pem`. */
  readonly statsBindOptions?: string
  /** The credentials that the statistics page asks for; none by default. */
  readonly users?: { readonly username: string; readonly password: string }
  /** More configuration, put at the end: other backends, another `global` section. */
  readonly extra?: string | ((applications: readonly Application[]) => string)
  /** Whether to wait until every health check has come to its first verdict; `true` by default. */
  readonly settle?: boolean
  /** The HAProxy to run; see `HaproxyOptions`. */
  readonly executable?: string
}

/** Starts applications, and a real HAProxy with a backend of them and a statistics page. */
export async function startFarm(options: FarmOptions = {}): Promise<Farm> {
  const { backend = 'web', statsUri = '/admin', statsBindOptions = '', extra = '' } = options
  const shared = options.applications !== undefined
  const applications = options.applications ?? (await startApplications(options.servers ?? 2))
  const [userPort, statsPort] = await freePorts(2)
  const config = [
    'defaults',
    '  mode http',
    '  timeout connect 1s',
    '  timeout client 1m',
    '  timeout server 1m',
    // Not the interval between checks: on a busy machine the applications here may answer late.
    '  timeout check 10s',
    '  option redispatch',
    'frontend users',
    `  bind 127.0.0.1:${String(userPort)}`,
    `  default_backend ${backend}`,
    `backend ${backend}`,
    '  option httpchk GET /health',
    ...indent(options.backendLines ?? []),
    ...indent(serverLines(applications, options.serverOptions)),
    'frontend stats',
    `  bind 127.0.0.1:${String(statsPort)} ${statsBindOptions}`,
    '  stats enable',
    `  stats uri ${statsUri}`,
    ...indent(options.users === undefined ? [] : [authLine(options.users)]),
    ...indent(options.statsLines ?? ['stats admin if TRUE']),
    typeof extra === 'string' ? extra : extra(applications),
    ''
  ].join('\n')
  const scheme = /\bssl\b/.test(statsBindOptions) ? 'https' : 'http'
  let haproxy: Haproxy | undefined
  try {
    haproxy = await startHaproxy(config, options)
    const farm = new Farm({
      applications,
      ownsApplications: !shared,
      backend,
      config,
      haproxy,
      statsUrl: `${scheme}://127.0.0.1:${String(statsPort)}${statsUri}`,
      userUrl: `http://127.0.0.1:${String(userPort)}`,
      authorization: options.users && basic(options.users)
    })
    if (options.settle ?? true) await farm.settled()
    return farm
  } catch (error) {
    await haproxy?.stop()
    if (!shared) await stopAll(applications)
    throw error
  }
}

interface Stage {
  readonly applications: readonly Application[]
  readonly ownsApplications: boolean
  readonly backend: string
  readonly config: string
  readonly haproxy: Haproxy
  readonly statsUrl: string
  readonly userUrl: string
  readonly authorization: string | undefined
}

class Farm {
  readonly applications: readonly Application[]
  readonly haproxy: Haproxy
  /** The name of the backend that holds the applications. */
  readonly backend: string
  /** The configuration that HAProxy was started with. */
  readonly config: string
  /** The statistics page, without credentials. */
  readonly statsUrl: string
  /** The frontend for users, without a slash at its end. */
  readonly userUrl: string
  readonly #authorization: string | undefined
  readonly #ownsApplications: boolean

  constructor(stage: Stage) {
    this.applications = stage.applications
    this.haproxy = stage.haproxy
    this.backend = stage.backend
    this.config = stage.config
    this.statsUrl = stage.statsUrl
    this.userUrl = stage.userUrl
    this.#authorization = stage.authorization
    this.#ownsApplications = stage.ownsApplications
  }

  /** The application behind this server. */
  app(server: string): Application {
    const found = this.applications.find(({ name }) => name === server)
    if (found === undefined) throw new Error(`This farm has no server ${server}`)
    return found
  }

  /** Every row of HAProxy's statistics by column name, read past the statistics page. */
  async rows(): Promise<Record<string, string>[]> {
    return readCsv(await this.haproxy.command('show stat'))
  }

  /** One row of HAProxy's statistics; `server` may be `BACKEND` or `FRONTEND`. */
  async row(backend: string, server: string): Promise<Record<string, string>> {
    const rows = await this.rows()
    const found = rows.find((row) => row['pxname'] === backend && row['svname'] === server)
    if (found === undefined) throw new Error(`No row ${backend}/${server} in\n${list(rows)}`)
    return found
  }

  /** The status of one server as HAProxy shows it: `UP`, `UP 1/3`, `DRAIN`, … */
  async status(server: string, backend = this.backend): Promise<string> {
    return (await this.row(backend, server))['status'] ?? ''
  }

  /** Posts this body to the statistics page; the code of its verdict: `DONE`, `NONE`, `DENY`, … */
  async post(body: string): Promise<string> {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', Connection: 'close' }
    const response = await fetch(this.statsUrl, {
      method: 'POST',
      body,
      headers: this.#authorization ? { ...headers, Authorization: this.#authorization } : headers,
      redirect: 'manual'
    })
    await response.arrayBuffer()
    const code = /;st=([A-Z]{4})/.exec(response.headers.get('location') ?? '')?.[1]
    if (code === undefined) throw new Error(`No verdict from HAProxy: HTTP ${response.status}`)
    return code
  }

  /** Sets the admin state of one server and checks that HAProxy took the order. */
  async set(server: string, state: 'ready' | 'drain' | 'maint'): Promise<void> {
    const code = await this.post(`s=${server}&b=${this.backend}&action=${state}`)
    if (code !== 'DONE') throw new Error(`HAProxy answered ${code} to ${state} of ${server}`)
  }

  /** Waits until the predicate holds, for so many milliseconds at most. */
  async until(predicate: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
    await until(predicate, { limitMs, seen: async () => list(await this.rows()) })
  }

  /** Waits until no server is on its way between two states, like `UP 1/3` after a start. */
  async settled(limitMs = 15_000): Promise<void> {
    await this.until(async () => {
      const rows = await this.rows()
      return !rows.some((row) => row['type'] === '2' && /\d\/\d/.test(row['status'] ?? ''))
    }, limitMs)
  }

  /** Ends HAProxy and the applications that this farm started; may be called again. */
  async stop(): Promise<void> {
    await this.haproxy.stop()
    if (this.#ownsApplications) await stopAll(this.applications)
  }
}

export type { Farm }

async function startApplications(servers: number | readonly string[]): Promise<Application[]> {
  const names =
    typeof servers === 'number'
      ? Array.from({ length: servers }, (_, index) => `app${index + 1}`)
      : servers
  const ports = await freePorts(names.length)
  return Promise.all(
    names.map((name, index) => startApplication({ name, port: ports[index] ?? 0 }))
  )
}

async function stopAll(applications: readonly Application[]): Promise<void> {
  await Promise.all(applications.map((application) => application.stop()))
}

function serverLines(
  applications: readonly Application[],
  options: FarmOptions['serverOptions'] = 'check inter 200ms fall 3 rise 2'
): string[] {
  return applications.map(({ name, port }, index) => {
    const text = typeof options === 'string' ? options : options(name, index)
    return `server ${name} 127.0.0.1:${port} ${text}`
  })
}

function authLine({ username, password }: { username: string; password: string }): string {
  return `stats auth '${`${username}:${password}`.replaceAll("'", String.raw`'\''`)}'`
}

function basic({ username, password }: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`)
}

function readCsv(text: string): Record<string, string>[] {
  const [header = '', ...lines] = text.trim().split('\n')
  const names = header.replace(/^# /, '').split(',')
  return lines.map((line) => {
    const cells = line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)
    return Object.fromEntries(names.map((name, index) => [name, unquote(cells[index] ?? '')]))
  })
}

function unquote(cell: string): string {
  return cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell
}

function list(rows: readonly Record<string, string>[]): string {
  return rows
    .map((row) =>
      [row['pxname'], row['svname'], row['status'], `scur ${row['scur'] ?? ''}`].join(' ')
    )
    .join('\n')
}
