import { parse } from 'yaml'
import { type Contexts, evaluate, evaluateText, isDue, type Status } from './expressions.ts'
import { type Machine, runSteps, type Step, type StepsRun } from './job-driver.ts'
import { read } from './repository.ts'

/** An environment of the caller's repository. */
export interface Environment {
  readonly secrets?: Readonly<Record<string, string>>
  /** What its required reviewers say. */
  readonly review?: 'approve' | 'reject'
}

/** What a caller gives a reusable workflow, and what it meets there. */
export interface Call extends Machine {
  readonly inputs: Readonly<Record<string, unknown>>
  /** Those that the caller passes by their names; empty where only an environment has them. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly environments?: Readonly<Record<string, Environment>>
  /** The job before which somebody cancels the run. */
  readonly cancelBefore?: string
  /** The attempt of which this is "Re-run failed jobs". */
  readonly earlier?: WorkflowRun
}

/** One job, or one of a matrix. */
export interface JobRun extends StepsRun {
  readonly name: string
  /** Where it would run. */
  readonly runsOn: unknown
  readonly environment: string
}

/** A job of the file, which may be several of a matrix. */
export interface JobsRun {
  readonly result: Result
  readonly runs: readonly JobRun[]
  /** Those of all jobs of a matrix together. */
  readonly outputs: Readonly<Record<string, string>>
}

export type Result = Status | 'skipped'

/** A reusable workflow that has ended. */
export interface WorkflowRun {
  readonly concurrencyGroup: string
  /** By the names that the file has for them, in its order. */
  readonly jobs: Readonly<Record<string, JobsRun>>
  readonly outputs: Readonly<Record<string, string>>
  /** The environments whose reviewers were asked, once for each time. */
  readonly asked: readonly string[]
}

interface Job {
  readonly name: string
  readonly needs?: string | readonly string[]
  readonly if?: string | boolean
  readonly 'runs-on': string
  readonly environment?: string
  readonly strategy?: {
    readonly 'max-parallel': unknown
    readonly 'fail-fast': boolean
    readonly matrix: Readonly<Record<string, string>>
  }
  readonly outputs?: Readonly<Record<string, string>>
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
      readonly outputs: Readonly<Record<string, { readonly value: string }>>
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
 * in the order of the file, those of a matrix as many at a time as it says, and collects the outputs.
 * Knows what rolling-deploy.yml needs, and refuses the rest. What it cannot do is to cancel a job of a
 * matrix while it runs.
 */
export async function runWorkflow(path: string, call: Call): Promise<WorkflowRun> {
  const workflow = parse(read(path)) as Workflow
  return new WorkflowRunner(workflow, call).run()
}

/** Runs a composite action of this repository as the only step of a job. */
export async function runComposite(path: string, call: Call): Promise<StepsRun> {
  const composite = parse(read(path)) as Composite
  return runSteps(composite.runs.steps, {}, { inputs: fill(composite.inputs, call.inputs) }, call)
}

/** Runs the only job of a workflow, which is given as text. */
export async function runOnlyJob(text: string, machine: Machine): Promise<StepsRun> {
  const [job, ...others] = Object.values((parse(text) as Workflow).jobs)
  if (job === undefined || others.length > 0) throw new Error('Not exactly one job')
  return runSteps(job.steps, {}, {}, machine)
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

class WorkflowRunner {
  readonly #workflow: Workflow
  readonly #call: Call
  readonly #inputs: Readonly<Record<string, unknown>>
  readonly #jobs: Record<string, JobsRun> = {}
  readonly #asked: string[] = []
  /** Of a re-run, the jobs that are run again. */
  readonly #again = new Set<string>()
  #cancelled = false

  constructor(workflow: Workflow, call: Call) {
    this.#workflow = workflow
    this.#call = call
    this.#inputs = fill(workflow.on.workflow_call.inputs, call.inputs)
  }

  async run(): Promise<WorkflowRun> {
    const { on, concurrency, jobs } = this.#workflow
    const contexts = { inputs: this.#inputs }
    for (const [id, job] of Object.entries(jobs)) {
      const earlier = this.#kept(id, job)
      this.#jobs[id] = earlier ?? (await this.#runJobs(id, job))
    }
    const outputs = Object.entries(on.workflow_call.outputs).map(([name, { value }]) => [
      name,
      evaluateText(value, { ...contexts, jobs: this.#seen(Object.keys(jobs)) })
    ])
    return {
      concurrencyGroup: evaluateText(concurrency.group, contexts),
      jobs: this.#jobs,
      outputs: Object.fromEntries(outputs) as Record<string, string>,
      asked: this.#asked
    }
  }

  /** The job as it was, if "Re-run failed jobs" neither runs it nor one that it needs. */
  #kept(id: string, job: Job): JobsRun | undefined {
    const earlier = this.#call.earlier?.jobs[id]
    if (earlier === undefined) return undefined
    const isWell = earlier.result === 'success' || earlier.result === 'skipped'
    if (isWell && !needsOf(job).some((other) => this.#again.has(other))) return earlier
    this.#again.add(id)
    return undefined
  }

  /** What expressions see of jobs. */
  #seen(ids: readonly string[]): Record<string, object> {
    return Object.fromEntries(
      ids.map((id) => [id, { result: this.#jobs[id]?.result, outputs: this.#jobs[id]?.outputs }])
    )
  }

  /** Every job that this one needs, and those that these need. */
  #ancestors(job: Job): string[] {
    const direct = needsOf(job)
    return direct.flatMap((id) => {
      const needed = this.#workflow.jobs[id]
      if (needed === undefined) throw new Error(`There is no job ${id}`)
      return [id, ...this.#ancestors(needed)]
    })
  }

  /** What `success()` and its like say: `skipped` is none of the three. */
  #statusFor(job: Job): Result {
    if (this.#cancelled) return 'cancelled'
    const results = this.#ancestors(job).map((id) => this.#jobs[id]?.result)
    return results.find((each) => each === 'failure') ?? results.find(isNoSuccess) ?? 'success'
  }

  async #runJobs(id: string, job: Job): Promise<JobsRun> {
    const contexts = { inputs: this.#inputs, needs: this.#seen(needsOf(job)) }
    if (!isDue(job.if, contexts, this.#statusFor(job))) {
      return { result: 'skipped', runs: [], outputs: {} }
    }
    const legs = matrixOf(job, contexts)
    const parallel = Number(evaluate(job.strategy?.['max-parallel'] ?? 1, contexts))
    const before = needsOf(job).some((other) => this.#again.has(other))
      ? []
      : (this.#call.earlier?.jobs[id]?.runs ?? [])
    const runs: (JobRun | undefined)[] = legs.map((_, index) =>
      before[index]?.result === 'success' ? before[index] : undefined
    )
    const waiting = runs.flatMap((run, index) => (run === undefined ? [index] : []))
    let failed = false
    const work = async (): Promise<void> => {
      for (let index = waiting.shift(); index !== undefined; index = waiting.shift()) {
        const run = await this.#runOne(job, { ...contexts, ...legs[index] }, failed)
        runs[index] = run
        if (run.result !== 'success' && job.strategy?.['fail-fast'] === true) failed = true
      }
    }
    await Promise.all(Array.from({ length: parallel }, work))
    const done = runs.filter((run) => run !== undefined)
    return { result: resultOf(done), runs: done, outputs: this.#outputsOf(id, before, done) }
  }

  /** A job that is not run again keeps its outputs, as does one that sets none. */
  #outputsOf(
    id: string,
    before: readonly JobRun[],
    runs: readonly JobRun[]
  ): Record<string, string> {
    const kept = before.length > 0 ? this.#call.earlier?.jobs[id]?.outputs : {}
    return Object.assign({ ...kept }, ...runs.map(({ outputs }) => outputs)) as Record<
      string,
      string
    >
  }

  async #runOne(job: Job, contexts: Contexts, isOff: boolean): Promise<JobRun> {
    const name = evaluateText(job.name, contexts)
    if (name === this.#call.cancelBefore) this.#cancelled = true
    const environment = evaluateText(job.environment, contexts)
    const about = { name, runsOn: evaluate(job['runs-on'], contexts), environment }
    const nothing = { steps: [], posts: [], outputs: {} }
    const asks = isDue(job.if, contexts, this.#statusFor(job))
    if (isOff || !asks) return { ...about, ...nothing, result: 'cancelled' }
    if (!this.#isApproved(environment)) return { ...about, ...nothing, result: 'failure' }
    const secrets = this.#secretsFor(environment)
    const machine = { ...this.#call, masked: Object.values(secrets).map(String) }
    const all = { ...contexts, secrets, github: { repository: 'octocat/shop' } }
    return { ...about, ...(await runSteps(job.steps, job.outputs ?? {}, all, machine)) }
  }

  #isApproved(environment: string): boolean {
    const review = this.#call.environments?.[environment]?.review
    if (review === undefined) return true
    this.#asked.push(environment)
    return review === 'approve'
  }

  /** Secrets that the caller does not pass are not there; the environment's value takes the place of a passed one. */
  #secretsFor(environment: string): Record<string, unknown> {
    const passed = this.#call.secrets ?? {}
    const own = this.#call.environments?.[environment]?.secrets ?? {}
    const found = Object.entries(passed).map(([name, value]) => [name, own[name] ?? value])
    const { secrets } = this.#workflow.on.workflow_call
    return fill(secrets, Object.fromEntries(found) as Record<string, string>)
  }
}

function needsOf({ needs = [] }: Job): readonly string[] {
  return typeof needs === 'string' ? [needs] : needs
}

function isNoSuccess(result: Result | undefined): boolean {
  return result !== 'success'
}

/** What each job of a matrix of one dimension has in its contexts. */
function matrixOf({ strategy }: Job, contexts: Contexts): Contexts[] {
  if (strategy === undefined) return [{}]
  const [dimension, ...more] = Object.entries(strategy.matrix)
  if (dimension === undefined || more.length > 0) throw new Error('Not a matrix of one dimension')
  const [key, list] = dimension
  const values = evaluate(list, contexts)
  if (!Array.isArray(values) || values.length === 0) throw new Error('The matrix is empty')
  return values.map((value: unknown, index) => ({
    strategy: { 'job-index': index, 'job-total': values.length },
    matrix: { [key]: value }
  }))
}

function resultOf(runs: readonly JobRun[]): Status {
  const results = runs.map(({ result }) => result)
  return results.find((each) => each === 'failure') ?? results.find(isNoSuccess) ?? 'success'
}
