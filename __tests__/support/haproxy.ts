import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { startWatchdog } from './watchdog.ts'
import { until } from './until.ts'

const startLimitMs = 10_000

/** How {@link startHaproxy} runs HAProxy. */
export interface HaproxyOptions {
  /**
   * The program to run, a path or a name to be found on PATH; else the environment variable HAPROXY,
   * else `haproxy`. A wrapper must `exec` HAProxy: signals and `-sf` go to its process id.
   */
  readonly executable?: string
}

/** The version of the HAProxy that the tests run, as `haproxy -v` gives it, for what only some releases know. */
export function haproxyVersion(): Promise<string> {
  return readVersion(findExecutable(process.env['HAPROXY'] ?? 'haproxy'))
}

/** Starts a real HAProxy with this configuration; resolves once it accepts connections. */
export async function startHaproxy(config: string, options: HaproxyOptions = {}): Promise<Haproxy> {
  const executable = findExecutable(options.executable ?? process.env['HAPROXY'] ?? 'haproxy')
  const version = await readVersion(executable)
  const directory = await mkdtemp(join(tmpdir(), 'haproxy-'))
  const haproxy = new Haproxy(executable, version, directory, config)
  try {
    await haproxy.start()
  } catch (error) {
    await haproxy.stop()
    throw error
  }
  return haproxy
}

/** One HAProxy as its users see it, over all the processes that a reload or a restart makes of it. */
class Haproxy {
  /** As `haproxy -v` gives it, `2.6.12`. */
  readonly version: string
  readonly #executable: string
  readonly #directory: string
  #config: string
  #output = ''
  #generation = 0
  #current: Process | undefined
  readonly #alive = new Set<Process>()

  constructor(executable: string, version: string, directory: string, config: string) {
    this.#executable = executable
    this.version = version
    this.#directory = directory
    this.#config = config
  }

  /** All that its processes have written so far. */
  get output(): string {
    return this.#output
  }

  /** The id of the process that accepts connections; undefined while HAProxy is away. */
  get pid(): number | undefined {
    return this.#current?.child.pid
  }

  /** How many processes live, old ones that still finish their streams included. */
  get processes(): number {
    return this.#alive.size
  }

  /** Comes (back) with the same configuration, and with every server state forgotten. */
  async start(): Promise<void> {
    if (this.#current !== undefined) throw new Error('This HAProxy is running already')
    this.#current = await this.#launch([])
  }

  /**
   * Reloads as a service manager does: a new process takes over the ports with `-sf`, the old one
   * lives until its last stream ends. Resolves once every new connection goes to the new process.
   */
  async reload(config: string = this.#config): Promise<void> {
    const old = this.#current
    if (old === undefined) throw new Error('This HAProxy is away: there is nothing to reload')
    this.#config = config
    this.#current = await this.#launch(['-sf', String(old.child.pid)])
    await until(() => hasStoppedListening(old), { limitMs: startLimitMs, seen: () => this.#output })
  }

  /** Is away at once, as after `kill -9`, until {@link start}. */
  async kill(): Promise<void> {
    this.#current = undefined
    await Promise.all(
      [...this.#alive].map(async ({ child }) => {
        const gone = once(child, 'close')
        child.kill('SIGKILL')
        await gone
      })
    )
  }

  /** Ends all its processes and removes its files; may be called again. */
  async stop(): Promise<void> {
    await this.kill()
    await rm(this.#directory, { recursive: true, force: true })
  }

  /** Asks the runtime API, which bypasses the statistics page: `show stat`, `show servers state`. */
  async command(line: string): Promise<string> {
    if (this.#current === undefined) throw new Error('This HAProxy is away')
    return ask(this.#current.socketPath, line)
  }

  async #launch(extra: readonly string[]): Promise<Process> {
    this.#generation += 1
    const name = join(this.#directory, String(this.#generation))
    const socketPath = `${name}.sock`
    await writeFile(`${name}.cfg`, this.#config)
    await writeFile(`${name}-api.cfg`, `global\n  stats socket ${socketPath} level admin\n`)
    const child = spawn(
      this.#executable,
      ['-db', '-f', `${name}.cfg`, '-f', `${name}-api.cfg`, ...extra],
      { stdio: ['ignore', 'pipe', 'pipe'] }
    )
    startWatchdog(child)
    const launched: Process = { child, socketPath }
    this.#alive.add(launched)
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.#output += text))
    }
    child.once('close', () => {
      this.#alive.delete(launched)
      if (this.#current === launched) this.#current = undefined
    })
    await this.#whenServing(launched)
    return launched
  }

  /** All listeners are bound before the runtime API answers, and no counter moves by asking it. */
  async #whenServing(launched: Process): Promise<void> {
    const deadline = performance.now() + startLimitMs
    while (!(await answers(launched))) {
      if (!this.#alive.has(launched)) throw new Error(`HAProxy did not start:\n${this.#output}`)
      if (performance.now() > deadline) {
        launched.child.kill('SIGKILL')
        throw new Error(`HAProxy did not serve within ${startLimitMs} ms:\n${this.#output}`)
      }
      await sleep(10)
    }
  }
}

export type { Haproxy }

interface Process {
  readonly child: ChildProcess
  readonly socketPath: string
}

async function answers({ socketPath }: Process): Promise<boolean> {
  try {
    return (await ask(socketPath, 'show info')) !== ''
  } catch {
    return false
  }
}

async function hasStoppedListening({ socketPath }: Process): Promise<boolean> {
  try {
    const info = await ask(socketPath, 'show info')
    return info === '' || info.includes('Stopping: 1')
  } catch {
    return true
  }
}

function ask(socketPath: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(socketPath, () => socket.write(`${line}\n`))
    socket.setEncoding('utf8')
    socket.setTimeout(5000, () => socket.destroy(new Error(`No answer to ${line}`)))
    socket.on('data', (text) => (answer += String(text)))
    socket.once('error', reject)
    socket.once('close', () => {
      resolve(answer)
    })
  })
}

function findExecutable(name: string): string {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  const candidates = name.includes('/') ? [name] : folders.map((folder) => join(folder, name))
  const found = candidates.find(isExecutable)
  if (found === undefined) {
    throw new Error(
      `No HAProxy: there is no executable ${name}. Run script/bootstrap, which installs it, ` +
        'or set HAPROXY to the path of one.'
    )
  }
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const versions = new Map<string, Promise<string>>()

function readVersion(executable: string): Promise<string> {
  const version = versions.get(executable) ?? askVersion(executable)
  versions.set(executable, version)
  return version
}

async function askVersion(executable: string): Promise<string> {
  const { stdout } = await promisify(execFile)(executable, ['-v'])
  const version = /version (\d+(?:\.\d+)+)/.exec(stdout)?.[1]
  if (version === undefined) throw new Error(`${executable} -v names no version:\n${stdout}`)
  return version
}
