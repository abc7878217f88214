import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startFarm } from '../../__tests__/support/farm.ts'
import { median, milliseconds, table } from './table.ts'

const runs = 25

/** What a step costs that only looks: its time and memory, beside the least that they could be. */
export async function startUp(): Promise<string> {
  const farm = await startFarm()
  const folder = await mkdtemp(join(tmpdir(), 'bench-'))
  const summary = join(folder, 'summary')
  const output = join(folder, 'output')
  await writeFile(summary, '')
  await writeFile(output, '')
  const node = process.execPath
  const limit: Program = {
    name: 'a script of ten lines that makes the same `GET`',
    command: [node, 'script/benchmark/one-get.js', farm.statsUrl, 'web', 'app1']
  }
  const step: Program = {
    name: 'this action',
    command: [node, 'dist/index.js'],
    environment: {
      'INPUT_STATS-URL': farm.statsUrl,
      INPUT_BACKEND: 'web',
      INPUT_SERVER: 'app1',
      INPUT_ACTION: 'status',
      GITHUB_OUTPUT: output,
      GITHUB_STEP_SUMMARY: summary
    }
  }
  const programs = [
    { name: '`curl`', command: ['curl', '-sfo', '/dev/null', `${farm.statsUrl};csv;scope=web`] },
    { name: '`node -e 0`', command: [node, '-e', '0'] },
    limit,
    step
  ]
  try {
    const times = await inTurns(programs, wallTime)
    const sizes = await inTurns(programs, peakMemory)
    const rows = programs.map((program) => [
      program.name,
      milliseconds(times(program)),
      `${(sizes(program) / 1e6).toFixed()} MB`
    ])
    return `## Start-up

One \`status\` step (a look at one backend, outputs, job summary) from the start of its process to its end, and
the most memory that it held; the median of ${runs} runs, taken in turns. It takes
${(times(step) / times(limit)).toFixed(2)} times as long as the script.

${table(['', 'time', 'memory'], rows)}`
  } finally {
    await farm.stop()
    await rm(folder, { recursive: true })
  }
}

interface Program {
  readonly name: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
}

/** Measures every program in turns, so that what else the machine does falls upon all of them. */
async function inTurns(
  programs: readonly Program[],
  measure: (program: Program) => Promise<number>
): Promise<(program: Program) => number> {
  const measured = new Map(programs.map((program) => [program, [] as number[]]))
  for (let turn = 0; turn < runs; turn += 1) {
    for (const [program, values] of measured) values.push(await measure(program))
  }
  return (program) => median(measured.get(program) ?? [])
}

async function wallTime(program: Program): Promise<number> {
  const began = performance.now()
  await once(start(program), 'exit')
  return performance.now() - began
}

/** Its high-water mark, read until it is gone. */
async function peakMemory(program: Program): Promise<number> {
  const child = start(program)
  let kilobytes = 0
  while (child.exitCode === null) {
    kilobytes = highWaterMark(child) ?? kilobytes
    await sleep(1)
  }
  return kilobytes * 1024
}

/** Undefined when the process has just ended. */
function highWaterMark({ pid = 0 }: ChildProcess): number | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const mark = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]
    return mark === undefined ? undefined : Number(mark)
  } catch {
    return undefined
  }
}

function start({ command: [program = '', ...args], environment }: Program): ChildProcess {
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...environment } })
  child.once('exit', (code) => {
    if (code !== 0) throw new Error(`${program} ended with ${String(code)}`)
  })
  return child
}
