// Runs examples of the documentation as whole workflows with act, against a real HAProxy. What counts is what
// HAProxy showed meanwhile and what the log says; the exit code of act alone proves nothing.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { stripVTControlCharacters, styleText } from 'node:util'
import { parse } from 'yaml'
import { documentedExamples } from '../__tests__/docs/examples.ts'
import { read, root } from '../__tests__/docs/repository.ts'
import { type Farm, startFarm } from '../__tests__/support/farm.ts'
import { listen, type Listener } from '../__tests__/support/listener.ts'
import { startWatchdog } from '../__tests__/support/watchdog.ts'

const servers = ['node1', 'node2', 'node3']
const users = { username: 'deploy', password: 'a-long-password' }
const limitMs = 120_000

const about = `
Replaced in every workflow: the stats URL by that of the HAProxy here; hard-stop-after by 0s, for nobody reloads
it; OWNER/haproxy-server-state@v1 by action.yml and dist/ of this checkout. In place of actions/checkout, act itself
copies the workspace.

Left out, because act cannot do it:
  .github/workflows/rolling-deploy.yml and its callers: the self reference ($/…), and a queue
  the end of a matrix with its first red job (fail-fast): where a deploy fails, only the job of node1 is run
`

/** A workflow to run, and what must have come of it. */
interface Scenario {
  readonly name: string
  readonly workflow: string
  /** Other files of the repository that the workflow is in. */
  readonly files?: Readonly<Record<string, string>>
  /** What the deploy does: it fails on every server, or on none. */
  readonly deploy?: 'works' | 'fails'
  /** The only job of a matrix to run, as \`server:node1\`. */
  readonly only?: string
  readonly expected: Expected
}

interface Expected {
  readonly green: boolean
  /** The servers that were deployed to, in that order, each while HAProxy showed it in maintenance. */
  readonly deploys: readonly string[]
  /** The servers that HAProxy shows in maintenance in the end; all others are up. */
  readonly out: readonly string[]
  /** What the log has, in this order. */
  readonly log: readonly string[]
}

/** The README's YAML that has all of these. */
function fromReadme(...parts: readonly string[]): string {
  const found = documentedExamples().find(
    ({ place, text }) =>
      place.startsWith('README.md:') && parts.every((part) => text.includes(part))
  )
  if (found === undefined) throw new Error(`README.md has no example with ${parts.join(', ')}`)
  return found.text
}

const firstLook = fromReadme('haproxy-server-state@v1', 'dry-run: true')
const outAndBack = fromReadme('action: maint', './deploy', 'action: ready')
const twoSteps = read('examples/two-steps.yml')
const composite = {
  workflow: read('examples/composite-caller.yml'),
  files: { '.github/actions/deploy-to-server/action.yml': read('examples/composite/action.yml') }
}

const scenarios: readonly Scenario[] = [
  {
    name: 'the first look of the README changes nothing',
    workflow: firstLook,
    expected: { green: true, deploys: [], out: [], log: ['Dry run'] }
  },
  {
    name: 'the two steps of the README take node1 out, deploy, and bring it back',
    workflow: outAndBack,
    expected: {
      green: true,
      deploys: ['node1'],
      out: [],
      log: ['Safe to stop', 'Back and taking traffic']
    }
  },
  {
    name: 'the two steps of the README leave node1 out when the deploy fails',
    workflow: outAndBack,
    deploy: 'fails',
    expected: { green: false, deploys: ['node1'], out: ['node1'], log: ['Safe to stop'] }
  },
  {
    name: 'examples/two-steps.yml takes node1 out, deploys, and brings it back',
    workflow: twoSteps,
    expected: {
      green: true,
      deploys: ['node1'],
      out: [],
      log: ['Safe to stop', 'Back and taking traffic']
    }
  },
  {
    name: 'examples/two-steps.yml brings node1 back in the post step when the deploy fails',
    workflow: twoSteps,
    deploy: 'fails',
    expected: { green: false, deploys: ['node1'], out: [], log: ['Safe to stop', 'Restored'] }
  },
  {
    name: 'the composite action deploys to one server after the other',
    ...composite,
    expected: {
      green: true,
      deploys: servers,
      out: [],
      log: ['Safe to stop', 'Back and taking traffic']
    }
  },
  {
    name: 'the composite action brings the server back in its post step when the deploy fails',
    ...composite,
    deploy: 'fails',
    only: 'server:node1',
    expected: { green: false, deploys: ['node1'], out: [], log: ['Safe to stop', 'Restored'] }
  }
]

/** A deploy that was asked for, and the state in which HAProxy showed the server then. */
interface Deploy {
  readonly server: string
  readonly status: string
}

/** What the deploy command of a workflow speaks to: restarts the application, or fails. */
async function startDeployer(farm: Farm, works: boolean): Promise<Listener & { done: Deploy[] }> {
  const done: Deploy[] = []
  const deploy = async (server: string): Promise<void> => {
    done.push({ server, status: await farm.status(server) })
    if (!works) throw new Error(`The deploy to ${server} fails`)
    await farm.app(server).stop()
    await farm.app(server).start()
  }
  const listener = await listen(
    createServer((request, response) => {
      const server = (request.url ?? '').slice(1)
      deploy(server).then(
        () => response.end(`Deployed to ${server}\n`),
        (error: unknown) => response.writeHead(500).end(`${String(error)}\n`)
      )
    })
  )
  return { ...listener, done }
}

const askForDeploy =
  'fetch(process.argv[1]).then(async (answer) => {' +
  ' console.log(await answer.text()); process.exitCode = answer.ok ? 0 : 1 })'

/** The workflow with what is said in `about` replaced. */
function adapted(text: string, farm: Farm): string {
  return text
    .replaceAll(/https?:\/\/lb[^\s'"]*/g, farm.statsUrl)
    .replaceAll(/(hard-stop-after: )\d\S*/g, '$10s')
}

/** Writes the repository that a workflow is in. */
async function writeRepository(
  workspace: string,
  scenario: Scenario,
  farm: Farm,
  port: number
): Promise<void> {
  const script = `#!/bin/sh\nexec node -e '${askForDeploy}' "http://127.0.0.1:${port}/$1"\n`
  const files = {
    ...scenario.files,
    '.github/workflows/example.yml': adapted(scenario.workflow, farm),
    deploy: script,
    'deploy.sh': script
  }
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(workspace, path)), { recursive: true })
    await writeFile(join(workspace, path), text)
  }
  await chmod(join(workspace, 'deploy'), 0o755)
  await chmod(join(workspace, 'deploy.sh'), 0o755)
}

/** The event that starts a workflow. */
function eventOf(workflow: string): string {
  const { on } = parse(workflow) as { on: string | Record<string, unknown> }
  return typeof on === 'string' ? on : (Object.keys(on)[0] ?? '')
}

/** Runs act in a folder, with the action that is in another; its exit code and its log. */
async function runAct(
  scenario: Scenario,
  folders: { readonly workspace: string; readonly action: string; readonly home: string }
): Promise<{ green: boolean; log: string }> {
  const secrets = [...scenario.workflow.matchAll(/secrets\.(\w+)/g)].map(([, name = '']) => name)
  const given = [...new Set(secrets)]
  const labels = ['self-hosted', 'ubuntu-latest']
  const child = spawn(
    'act',
    [
      eventOf(scenario.workflow),
      ...labels.flatMap((label) => ['-P', `${label}=-self-hosted`]),
      ...given.flatMap((name) => ['-s', name]),
      ...(scenario.only === undefined ? [] : ['--matrix', scenario.only]),
      ...['--local-repository', `OWNER/haproxy-server-state@v1=${folders.action}`],
      ...['--action-cache-path', join(folders.home, 'actions'), '--no-cache-server']
    ],
    {
      cwd: folders.workspace,
      env: {
        PATH: process.env['PATH'],
        // What somebody has set up for act on this machine is none of our business.
        HOME: folders.home,
        ...Object.fromEntries(given.map((name) => [name, users.password]))
      },
      stdio: ['ignore', 'pipe', 'pipe']
    }
  )
  startWatchdog(child)
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log += text))
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  if (code === null) log += `\nact was ended after ${limitMs / 1000} s`
  // act looks for a git repository before every step, and says each time that there is none.
  const noise = /git re(f|vision)|located inside a git repository/
  const lines = stripVTControlCharacters(log).split('\n')
  return { green: code === 0, log: lines.filter((line) => !noise.test(line)).join('\n') }
}

/** Notes every state that HAProxy shows of the servers, until it is stopped. */
function watch(farm: Farm): { readonly seen: Set<string>; stop: () => Promise<void> } {
  const seen = new Set<string>()
  const end = new AbortController()
  const watching = (async () => {
    while (!end.signal.aborted) {
      for (const server of servers) seen.add(`${server} ${await farm.status(server)}`)
      await sleep(20)
    }
  })()
  return {
    seen,
    stop: () => {
      end.abort()
      return watching
    }
  }
}

/** Where the parts are not all in the text, or not in this order: the first that is missing. */
function missing(parts: readonly string[], text: string): string | undefined {
  let from = 0
  return parts.find((part) => {
    const at = text.indexOf(part, from)
    from = at + part.length
    return at === -1
  })
}

/** Runs a workflow; everything that is not as expected. */
async function problemsOf(scenario: Scenario): Promise<string[]> {
  const { expected } = scenario
  const home = await mkdtemp(join(tmpdir(), 'act-'))
  const folders = { home, workspace: join(home, 'workspace'), action: join(home, 'action') }
  const farm = await startFarm({
    servers,
    users,
    statsLines: ['stats admin if TRUE', 'stats show-legends']
  })
  const deployer = await startDeployer(farm, scenario.deploy !== 'fails')
  const problems: string[] = []
  try {
    await writeRepository(folders.workspace, scenario, farm, deployer.port)
    await cp(join(root, 'action.yml'), join(folders.action, 'action.yml'))
    await cp(join(root, 'dist'), join(folders.action, 'dist'), { recursive: true })

    const watched = watch(farm)
    const { green, log } = await runAct(scenario, folders)
    // The post step does not wait until a server is up.
    const left = (): Promise<boolean> => isLeft(farm, expected.out)
    await farm.until(left).catch((error: unknown) => problems.push(String(error)))
    await watched.stop()

    if (green !== expected.green) problems.push(`act was ${green ? 'green' : 'red'}`)
    const deploys = deployer.done.map(({ server, status }) => `${server} ${status}`)
    const wanted = expected.deploys.map((server) => `${server} MAINT`)
    if (deploys.join() !== wanted.join()) problems.push(`Deploys: ${deploys.join(', ')}`)
    const others = servers.filter((server) => !expected.deploys.includes(server))
    for (const state of watched.seen) {
      const untouched = others.some((server) => state.startsWith(`${server} `))
      if (untouched && !state.endsWith(' UP')) problems.push(`HAProxy showed ${state}`)
    }
    const part = missing(expected.log, log)
    if (part !== undefined) problems.push(`The log lacks "${part}", or has it too early`)
    if (problems.length > 0) problems.push(log)
  } finally {
    await deployer.stop()
    await farm.stop()
    await rm(home, { recursive: true, force: true })
  }
  return problems
}

/** Whether these servers are in maintenance, and all others up. */
async function isLeft(farm: Farm, out: readonly string[]): Promise<boolean> {
  const statuses = await Promise.all(servers.map((server) => farm.status(server)))
  return servers.every(
    (server, index) => statuses[index] === (out.includes(server) ? 'MAINT' : 'UP')
  )
}

console.log(about)
let failed = 0
for (const scenario of scenarios) {
  const began = performance.now()
  const problems = await problemsOf(scenario)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  const green = problems.length === 0
  const mark = green ? styleText('green', '✔') : styleText('red', '✘')
  console.log(`${mark} ${scenario.name} (${seconds} s)`)
  if (!green) console.log(problems.join('\n').replaceAll(/^/gm, '    '))
  failed += green ? 0 : 1
}
console.log(`\n${scenarios.length - failed} passed, ${failed} failed`)
if (failed > 0) process.exitCode = 1
