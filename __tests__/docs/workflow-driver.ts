import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import { type ActionOptions, type ActionResult, runAction, runPost } from '../support/runner.ts'
import { type Contexts, evaluate, evaluateText, isDue, type Status } from './expressions.ts'
import { read, root } from './repository.ts'

/** What a caller gives a reusable workflow. */
export interface Call {
  readonly inputs: Readonly<Record<string, unknown>>
  readonly secrets?: Readonly<Record<string, string>>
  /** The folder that stands for the caller's repository. */
  readonly repository: string
}

/** A step that has ended; a post step has the name of its main step. */
export interface StepRun {
  readonly name: string
  readonly outcome: 'success' | 'failure' | 'skipped'
  readonly log: string
}

/** One job of the matrix. */
export interface JobRun {
  readonly name: string
  /** Where it would run. */
  readonly runsOn: unknown
  readonly environment: string
  readonly result: Status
  readonly steps: readonly StepRun[]
  readonly posts: readonly StepRun[]
}

/** A reusable workflow that has ended. */
export interface WorkflowRun {
  readonly concurrencyGroup: string
  readonly jobs: readonly JobRun[]
}

interface Step {
  readonly name: string
  readonly if?: string | boolean
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly run?: string
  readonly shell?: string
  readonly env?: Readonly<Record<string, unknown>>
}

interface Job {
  readonly name: string
  readonly 'runs-on': string
  readonly environment?: string
  readonly strategy: {
    readonly 'max-parallel': number
    readonly 'fail-fast': boolean
    readonly matrix: Readonly<Record<string, string>>
  }
  readonly steps: readonly Step[]
}

interface Declared {
  readonly type?: 'string' | 'boolean' | 'number'
  readonly required?: boolean
  readonly default?: unknown
}

interface Workflow {
  readonly on: {
    readonly workflow_call: {
      readonly inputs: Readonly<Record<string, Declared>>
      readonly secrets: Readonly<Record<string, Declared>>
    }
  }
  readonly concurrency: { readonly group: string }
  readonly jobs: Readonly<Record<string, Job>>
}

interface Composite {
  readonly inputs: Readonly<Record<string, Declared>>
  readonly runs: { readonly steps: readonly Step[] }
}

/**
 * Runs a reusable workflow of this repository as GitHub does: fills in the inputs, goes through the jobs
 * of the matrix one after the other, runs the steps with the built bundle or in a shell, and the post
 * steps in reverse order. Knows what rolling-deploy.yml needs, and refuses the rest.
 */
export async function runWorkflow(path: string, call: Call): Promise<WorkflowRun> {
  const workflow = parse(read(path)) as Workflow
  const declared = workflow.on.workflow_call
  const contexts = {
    inputs: fill(declared.inputs, call.inputs),
    secrets: fill(declared.secrets, call.secrets ?? {}),
    github: { repository: 'octocat/shop' }
  }
  const [job, ...others] = Object.values(workflow.jobs)
  if (job === undefined || others.length > 0) throw new Error('This driver knows one job only')
  return {
    concurrencyGroup: evaluateText(workflow.concurrency.group, contexts),
    jobs: await runMatrix(job, contexts, call.repository)
  }
}

/** Runs a composite action of this repository as the only step of a job. */
export async function runComposite(path: string, call: Call): Promise<JobRun> {
  const composite = parse(read(path)) as Composite
  const job = {
    name: 'composite',
    'runs-on': 'ubuntu-latest',
    strategy: { 'max-parallel': 1, 'fail-fast': true, matrix: {} },
    steps: composite.runs.steps
  }
  const contexts = { inputs: fill(composite.inputs, call.inputs) }
  return new JobRunner(job, contexts).run(call.repository)
}

function fill(
  declared: Readonly<Record<string, Declared>>,
  given: Readonly<Record<string, unknown>>
): Record<string, unknown> {
  const unknown = Object.keys(given).filter((name) => !(name in declared))
  if (unknown.length > 0) throw new Error(`Not declared: ${unknown.join(', ')}`)
  const empty = { string: '', boolean: false, number: 0 }
  const filled = Object.entries(declared).map(([name, { type = 'string', ...rest }]) => {
    if (rest.required === true && !(name in given)) throw new Error(`Missing: ${name}`)
    const value = given[name] ?? rest.default ?? empty[type]
    if (typeof value !== type) throw new Error(`${name} is not a ${type}`)
    return [name, value]
  })
  return Object.fromEntries(filled) as Record<string, unknown>
}

async function runMatrix(job: Job, contexts: Contexts, repository: string): Promise<JobRun[]> {
  const { matrix, 'max-parallel': parallel, 'fail-fast': failFast } = job.strategy
  const [dimension, ...more] = Object.entries(matrix)
  if (dimension === undefined || more.length > 0) throw new Error('Not a matrix of one dimension')
  if (parallel !== 1) throw new Error('The servers are not deployed to one after the other')
  const [key, list] = dimension
  const values = evaluate(list, contexts)
  if (!Array.isArray(values) || values.length === 0) throw new Error('The matrix is empty')
  const runs: JobRun[] = []
  for (const value of values) {
    const strategy = { 'job-index': runs.length, 'job-total': values.length }
    const own = { ...contexts, strategy, matrix: { [key]: value as unknown } }
    const isOff = failFast && runs.some(({ result }) => result !== 'success')
    runs.push(isOff ? cancelled(job, own) : await new JobRunner(job, own).run(repository))
  }
  return runs
}

function describe(job: Job, contexts: Contexts) {
  return {
    name: evaluateText(job.name, contexts),
    runsOn: evaluate(job['runs-on'], contexts),
    environment: evaluateText(job.environment, contexts)
  }
}

function cancelled(job: Job, contexts: Contexts): JobRun {
  return { ...describe(job, contexts), result: 'cancelled', steps: [], posts: [] }
}

class JobRunner {
  readonly #job: Job
  readonly #contexts: Contexts
  readonly #posts: ((options: ActionOptions) => Promise<StepRun>)[] = []
  #status: Status = 'success'

  constructor(job: Job, contexts: Contexts) {
    this.#job = job
    this.#contexts = contexts
  }

  async run(repository: string): Promise<JobRun> {
    const workspace = await mkdtemp(join(tmpdir(), 'workspace-'))
    try {
      const steps: StepRun[] = []
      for (const step of this.#job.steps) {
        steps.push(this.#note(await this.#runStep(step, workspace, repository)))
      }
      const posts: StepRun[] = []
      for (const post of this.#posts.reverse()) {
        posts.push(this.#note(await post({ workspace, jobStatus: this.#status })))
      }
      return { ...describe(this.#job, this.#contexts), result: this.#status, steps, posts }
    } finally {
      await rm(workspace, { recursive: true, force: true })
    }
  }

  #note(run: StepRun): StepRun {
    if (run.outcome === 'failure') this.#status = 'failure'
    return run
  }

  async #runStep(step: Step, workspace: string, repository: string): Promise<StepRun> {
    const name = evaluateText(step.name, this.#contexts)
    if (!isDue(step.if, this.#contexts, this.#status)) return { name, outcome: 'skipped', log: '' }
    if (step.uses?.startsWith('actions/checkout@') === true) {
      await cp(repository, workspace, { recursive: true })
      return { name, outcome: 'success', log: '' }
    }
    return step.uses === undefined
      ? this.#runScript(name, step, workspace)
      : this.#runOwnAction(name, step.uses, step, workspace)
  }

  /** A step that uses an action of this repository; registers its post step before it begins. */
  async #runOwnAction(name: string, uses: string, step: Step, workspace: string): Promise<StepRun> {
    const directory = uses === 'OWNER/haproxy-server-state@v1' ? '.' : /^\$\/(.+)$/.exec(uses)?.[1]
    if (directory === undefined) throw new Error(`This driver cannot run ${uses}`)
    const manifest = parse(read(join(directory, 'action.yml'))) as {
      runs: { main: string; post: string }
    }
    const inputs = this.#texts(step.with)
    const bundle = (file: string) => ({
      bundle: process.env['BUNDLE'] ?? join(root, directory, file),
      limitMs: 300_000
    })
    const { main, post } = manifest.runs
    const options = { workspace, env: this.#texts(step.env), ...bundle(main) }
    const result = await runAction(inputs, { ...options, jobStatus: this.#status })
    this.#posts.push(async (own) =>
      runOf(name, await runPost(result, inputs, { ...options, ...bundle(post), ...own }))
    )
    return runOf(name, result)
  }

  async #runScript(name: string, step: Step, workspace: string): Promise<StepRun> {
    if (step.shell !== 'bash') throw new Error('This driver knows the shell bash only')
    const script = `${workspace}.sh`
    await writeFile(script, evaluateText(step.run, this.#contexts))
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', script], {
      cwd: workspace,
      env: { PATH: process.env['PATH'], CI: 'true', ...this.#texts(step.env) },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const closed = once(child, 'close') as Promise<[number | null]>
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      closed
    ])
    await rm(script)
    return { name, outcome: code === 0 ? 'success' : 'failure', log: output + errors }
  }

  #texts(mapping: Readonly<Record<string, unknown>> = {}): Record<string, string> {
    const contexts = { ...this.#contexts, job: { status: this.#status } }
    return Object.fromEntries(
      Object.entries(mapping).map(([name, value]) => [name, evaluateText(value, contexts)])
    )
  }
}

function runOf(name: string, { exitCode, log }: ActionResult): StepRun {
  return { name, outcome: exitCode === 0 ? 'success' : 'failure', log }
}
