// The ways to take a server out of rotation and back: this action, and what people do today.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Farm, startFarm } from '../../__tests__/support/farm.ts'
import { startWatchdog } from '../../__tests__/support/watchdog.ts'
import { runAction } from '../../__tests__/support/runner.ts'

/** A farm of two servers that every way can reach: over the statistics page and over a socket. */
export interface Stage {
  readonly farm: Farm
  readonly socket: string
  stop(): Promise<void>
}

export async function startStage(serverOptions: string): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'))
  const socket = join(folder, 'admin.sock')
  const farm = await startFarm({
    serverOptions,
    extra: `global\n  stats socket ${socket} level admin`
  })
  return {
    farm,
    socket,
    async stop() {
      await farm.stop()
      await rm(folder, { recursive: true })
    }
  }
}

/** One way to do it; each resolves to whether it says that it succeeded, as soon as it has ended. */
export interface Way {
  readonly name: string
  takeOut(stage: Stage): Promise<boolean>
  bringBack(stage: Stage): Promise<boolean>
}

/** What is waited for before a server that does not come up is given up. */
const patienceSeconds = 5

const action: Way = {
  name: 'this action',
  // Nobody reloads this HAProxy, so it has no old process that could still hold requests.
  takeOut: (stage) => act(stage, { action: 'maint', 'hard-stop-after': '0s' }),
  bringBack: (stage) => act(stage, { action: 'ready', 'wait-timeout': `${patienceSeconds}s` })
}

async function act({ farm }: Stage, inputs: Record<string, string>): Promise<boolean> {
  const target = { 'stats-url': farm.statsUrl, backend: farm.backend, server: 'app1' }
  return (await runAction({ ...target, ...inputs })).exitCode === 0
}

/** Asks for a state, then looks every second until a column of the server's row is as it should be. */
const loop = `
  url=$1 state=$2 column=$3 wanted=$4 tries=$5
  curl -sf -o /dev/null -d "s=app1&b=web&action=$state" "$url" || exit 1
  for ((; tries > 0; tries--)); do
    [[ $(curl -sf "$url;csv" | grep ^web,app1, | cut -d, -f"$column") == $wanted ]] && exit 0
    sleep 1
  done
  exit 1`

const curl: Way = {
  name: '`curl` in a loop with `sleep 1`',
  takeOut: ({ farm }) => run('bash', ['-c', loop, 'loop', farm.statsUrl, 'maint', '5', '0', '300']),
  bringBack: ({ farm }) =>
    run('bash', ['-c', loop, 'loop', farm.statsUrl, 'ready', '18', 'UP*', String(patienceSeconds)])
}

const ansible: Way = {
  name: "Ansible's `community.general.haproxy`",
  takeOut: (stage) => play(stage, 'state=disabled drain=true wait=true'),
  bringBack: (stage) => play(stage, 'state=enabled wait=true')
}

function play({ socket, farm }: Stage, options: string): Promise<boolean> {
  const module = `host=app1 backend=${farm.backend} socket=${socket} ${options}`
  return run('ansible', ['localhost', '-m', 'community.general.haproxy', '-a', module])
}

async function run(program: string, args: readonly string[]): Promise<boolean> {
  const child: ChildProcess = spawn(program, args, { stdio: 'ignore' })
  startWatchdog(child)
  const [code] = (await once(child, 'exit')) as [number | null]
  return code === 0
}

/** The version of a program as it tells it itself, or undefined where there is no such program. */
export function versionOf(program: string): string | undefined {
  try {
    const text = execFileSync(program, ['--version'], { encoding: 'utf8' })
    return /\d+(\.\d+)+/.exec(text)?.[0]
  } catch {
    return undefined
  }
}

export const ways: readonly Way[] = [
  action,
  curl,
  ...(versionOf('ansible') === undefined ? [] : [ansible])
]

/** Does something so many times on stages of its own, several at a time: most of it is waiting. */
export async function repeat<T>(
  times: number,
  serverOptions: string,
  once: (stage: Stage) => Promise<T>
): Promise<T[]> {
  const lanes = 6
  const results: T[] = []
  let left = times
  await Promise.all(
    Array.from({ length: Math.min(lanes, times) }, async () => {
      const stage = await startStage(serverOptions)
      try {
        while (left-- > 0) results.push(await once(stage))
      } finally {
        await stage.stop()
      }
    })
  )
  return results
}
