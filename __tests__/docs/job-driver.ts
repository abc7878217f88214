import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import { readCommandFile } from '../support/command-file.ts'
import { type ActionOptions, type ActionResult, runAction, runPost } from '../support/runner.ts'
import { readLog } from '../support/runner-log.ts'
import { type Contexts, evaluateText, isDue, type Status } from './expressions.ts'
import { read, root } from './repository.ts'

/** A step as a workflow or a composite action has it. */
export interface Step {
  readonly name: string
  readonly id?: string
  readonly if?: string | boolean
  readonly uses?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly run?: string
  readonly shell?: string
  readonly env?: Readonly<Record<string, unknown>>
}

/** A step that has ended; a post step has the name of its main step. */
export interface StepRun {
  readonly name: string
  readonly outcome: 'success' | 'failure' | 'skipped'
  /** What a person sees, with the secrets masked. */
  readonly log: string
}

/** The steps of a job that have ended. */
export interface StepsRun {
  readonly result: Status
  readonly steps: readonly StepRun[]
  readonly posts: readonly StepRun[]
  /** What the expressions in the outputs of the job come to, without the empty ones. */
  readonly outputs: Readonly<Record<string, string>>
}

/** Where steps run. */
export interface Machine {
  /** The folder that stands for the caller's repository. */
  readonly repository: string
  /** A folder of programs that are found before all others. */
  readonly programs?: string
  /** The secrets that the runner masks from the beginning. */
  readonly masked?: readonly string[]
}

/** Runs the steps of one job, with the built bundle or in a shell, and the post steps in reverse order. */
export async function runSteps(
  steps: readonly Step[],
  outputs: Readonly<Record<string, string>>,
  contexts: Contexts,
  machine: Machine
): Promise<StepsRun> {
  return new StepsRunner(contexts, machine).run(steps, outputs)
}

class StepsRunner {
  readonly #machine: Machine
  readonly #given: Contexts
  readonly #posts: ((options: ActionOptions) => Promise<StepRun>)[] = []
  readonly #outputs: Record<string, { outputs: Readonly<Record<string, string>> }> = {}
  readonly #masked: string[]
  #status: Status = 'success'

  constructor(contexts: Contexts, machine: Machine) {
    this.#given = contexts
    this.#machine = machine
    this.#masked = [...(machine.masked ?? [])]
  }

  async run(steps: readonly Step[], outputs: Readonly<Record<string, string>>): Promise<StepsRun> {
    const workspace = await mkdtemp(join(tmpdir(), 'workspace-'))
    try {
      const runs: StepRun[] = []
      for (const step of steps) runs.push(this.#note(await this.#runStep(step, workspace)))
      const posts: StepRun[] = []
      for (const post of this.#posts.reverse()) {
        posts.push(this.#note(await post({ workspace, jobStatus: this.#status })))
      }
      const set = Object.entries(this.#texts(outputs)).filter(([, value]) => value !== '')
      return { result: this.#status, steps: runs, posts, outputs: Object.fromEntries(set) }
    } finally {
      await rm(workspace, { recursive: true, force: true })
    }
  }

  get #contexts(): Contexts {
    return { ...this.#given, steps: this.#outputs, job: { status: this.#status } }
  }

  #note(run: StepRun): StepRun {
    if (run.outcome === 'failure') this.#status = 'failure'
    return run
  }

  async #runStep(step: Step, workspace: string): Promise<StepRun> {
    const name = evaluateText(step.name, this.#contexts)
    if (!isDue(step.if, this.#contexts, this.#status)) return { name, outcome: 'skipped', log: '' }
    if (step.uses?.startsWith('actions/checkout@') === true) {
      await cp(this.#machine.repository, workspace, { recursive: true })
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
    if (step.id !== undefined) this.#outputs[step.id] = { outputs: result.outputs }
    return runOf(name, result)
  }

  async #runScript(name: string, step: Step, workspace: string): Promise<StepRun> {
    // Without `shell: bash` a failing part of a pipe would go unnoticed.
    const options = step.shell === 'bash' ? ['--noprofile', '--norc', '-eo', 'pipefail'] : ['-e']
    const script = `${workspace}.sh`
    const output = `${workspace}.output`
    await Promise.all([
      writeFile(script, evaluateText(step.run, this.#contexts)),
      writeFile(output, '')
    ])
    const path = [this.#machine.programs ?? [], process.env['PATH'] ?? []].flat().join(':')
    const child = spawn('bash', [...options, script], {
      cwd: workspace,
      env: {
        PATH: path,
        CI: 'true',
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: '/dev/null',
        ...this.#texts(step.env)
      },
      stdio: ['ignore', 'pipe', 'pipe']
    })
    const closed = once(child, 'close') as Promise<[number | null]>
    const [said, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      closed
    ])
    if (step.id !== undefined) {
      this.#outputs[step.id] = { outputs: readCommandFile(await readFile(output, 'utf8')) }
    }
    await Promise.all([rm(script), rm(output)])
    const log = readLog((said + errors).split('\n'), { masked: this.#masked })
    this.#masked.push(...log.masks)
    return { name, outcome: code === 0 ? 'success' : 'failure', log: log.text }
  }

  #texts(mapping: Readonly<Record<string, unknown>> = {}): Record<string, string> {
    return Object.fromEntries(
      Object.entries(mapping).map(([name, value]) => [name, evaluateText(value, this.#contexts)])
    )
  }
}

function runOf(name: string, { exitCode, log }: ActionResult): StepRun {
  return { name, outcome: exitCode === 0 ? 'success' : 'failure', log }
}
