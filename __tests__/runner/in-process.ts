import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { summary } from '@actions/core'
import { main } from '../../src/main.ts'
import { post } from '../../src/post.ts'
import { systemClock } from '../../src/rotation/context.ts'
import { inputVariables, readDeclaredInputs } from '../support/action-inputs.ts'
import { readCommandFile } from '../support/command-file.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type Annotation, readLog } from '../support/runner-log.ts'

const DECLARED = readDeclaredInputs(new URL('../../action.yml', import.meta.url))
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

// One for all runs of this process: the toolkit keeps the path of the summary that it first sees.
const DIRECTORY = join(tmpdir(), `step-${process.pid}`)
const FILES = {
  GITHUB_OUTPUT: join(DIRECTORY, 'output'),
  GITHUB_STATE: join(DIRECTORY, 'state'),
  GITHUB_STEP_SUMMARY: join(DIRECTORY, 'summary')
}

export type Given = Readonly<Record<string, string>>

/** How a stage is run in this process; everything has a default. */
export interface StepOptions {
  /** What the default `${{ job.status }}` becomes; `success` if not given. */
  readonly jobStatus?: string
  /** State saved by an earlier stage. */
  readonly state?: Given
  /** Environment that differs from the runner's. */
  readonly env?: Given
  /** Whether step debug logging is on. */
  readonly debug?: boolean
}

/** A run that has ended. In all but the state the pages of `stats-url` are called LB1, LB2 …, for ports differ. */
export interface StepResult {
  readonly exitCode: number
  /** Every line as it was written, commands to the runner included. */
  readonly lines: readonly string[]
  /** Every line as a person sees it. */
  readonly log: readonly string[]
  readonly lastLine: string
  readonly annotations: readonly Annotation[]
  readonly titles: readonly string[]
  readonly masks: readonly string[]
  readonly outputs: Given
  readonly state: Given
  readonly summary: string
}

/** Runs the main step in this process, where mutants and coverage can be seen. */
export function runMain(given: Given, options?: StepOptions): Promise<StepResult> {
  return inProcess(given, main, options)
}

/** Runs the post step that belongs to an earlier main step: its state, the same inputs. */
export function runPost(
  { state }: Pick<StepResult, 'state'>,
  given: Given,
  options?: StepOptions
): Promise<StepResult> {
  return inProcess(given, post, { ...options, state })
}

/**
 * Does something as a step of this action, on a clock on which every wait is over at once. One at a time:
 * the environment is the process's own.
 */
export async function inProcess(
  given: Given,
  stage: () => unknown,
  options: StepOptions = {}
): Promise<StepResult> {
  const { jobStatus = 'success', state = {}, env = {}, debug = false } = options
  const clock = new FakeClock()
  const restore = [
    putInPlace(process.env, {
      ...inputVariables(DECLARED, given, jobStatus),
      ...Object.fromEntries(Object.entries(state).map(([name, value]) => [`STATE_${name}`, value])),
      GITHUB_ACTIONS: 'true',
      ...FILES,
      ...env
    }),
    putInPlace(systemClock, {
      now: () => clock.now(),
      sleep: (ms, signal) => clock.sleep(ms, signal)
    }),
    forgetNewListeners()
  ]
  mkdirSync(DIRECTORY, { recursive: true })
  Object.values(FILES).forEach((path) => {
    writeFileSync(path, '')
  })
  let written = ''
  const write = process.stdout.write.bind(process.stdout)
  process.stdout.write = (text: string | Uint8Array) => {
    written += String(text)
    return true
  }
  const named = renamer(given['stats-url'] ?? '')
  try {
    await stage()
    const lines = named(written).split('\n').slice(0, -1)
    const { text, ...seen } = readLog(lines, { debug })
    return {
      ...seen,
      exitCode: Number(process.exitCode ?? 0),
      lines,
      log: text.split('\n'),
      outputs: readCommandFile(named(read(FILES.GITHUB_OUTPUT))),
      state: readCommandFile(read(FILES.GITHUB_STATE)),
      summary: named(read(FILES.GITHUB_STEP_SUMMARY))
    }
  } finally {
    process.stdout.write = write
    process.exitCode = undefined
    summary.emptyBuffer()
    restore.forEach((undo) => {
      undo()
    })
    rmSync(DIRECTORY, { recursive: true })
  }
}

function renamer(urls: string): (text: string) => string {
  const pages = urls.split(/\s+/).flatMap((url) => URL.parse(url) ?? [])
  return (text) =>
    pages.reduce(
      (renamed, { origin, pathname }, index) =>
        renamed.replaceAll(origin + pathname, `LB${index + 1}`),
      text
    )
}

/** Cancels the run under way as the runner does. */
export function cancel(signal: (typeof SIGNALS)[number] = 'SIGINT'): void {
  process.emit(signal, signal)
}

/** Assigns and gives back a function that restores what was there. */
function putInPlace<T extends object>(target: T, values: Partial<T>): () => void {
  const before = { ...target }
  Object.assign(target, values)
  return () => {
    for (const name of Object.keys(values)) {
      Reflect.deleteProperty(target, name)
    }
    Object.assign(target, before)
  }
}

function forgetNewListeners(): () => void {
  const before = SIGNALS.map((signal) => process.listeners(signal))
  return () => {
    SIGNALS.forEach((signal, index) => {
      process
        .listeners(signal)
        .filter((listener) => before[index]?.includes(listener) !== true)
        .forEach((listener) => process.off(signal, listener))
    })
  }
}

function read(path: string): string {
  return existsSync(path) && statSync(path).isFile() ? readFileSync(path, 'utf8') : ''
}
