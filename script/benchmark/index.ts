import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { startFarm } from '../../__tests__/support/farm.ts'
import { falseUp } from './false-up.ts'
import { growth } from './growth.ts'
import { overshoot } from './overshoot.ts'
import { races } from './races.ts'
import { startUp } from './start-up.ts'
import { versionOf } from './ways.ts'

const file = 'docs/benchmarks.md'
const parts: Record<string, (times: number) => Promise<string>> = {
  overshoot,
  'false-up': falseUp,
  'start-up': startUp,
  growth,
  races
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { times: { type: 'string', default: '50' } }
})
const unknown = positionals.filter((name) => !(name in parts))
if (unknown.length > 0) throw new Error(`No such part: ${unknown.join(', ')}`)

const chosen = Object.entries(parts).filter(
  ([name]) => positionals.length === 0 || positionals.includes(name)
)
const sections: string[] = []
for (const [name, measure] of chosen) {
  console.log(`Measuring ${name}.`)
  sections.push(await measure(Number(values.times)))
}
const report = [await heading(), ...sections, ''].join('\n\n').trimEnd() + '\n'
const complete = positionals.length === 0 && values.times === '50'
if (complete) {
  writeFileSync(file, report)
  execFileSync('prettier', ['--write', file], { stdio: 'inherit' })
} else {
  console.log(`\n${report}`)
}

async function heading(): Promise<string> {
  const farm = await startFarm()
  const { version } = farm.haproxy
  await farm.stop()
  const [cpu] = cpus()
  const machine = `${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed()} GB of memory`
  const ansible = versionOf('ansible')
  const versions = [
    `HAProxy ${version}`,
    `Node ${process.versions.node}`,
    `curl ${versionOf('curl') ?? 'missing'}`,
    ansible === undefined ? 'Ansible missing, so not measured' : `Ansible ${ansible}`
  ]
  return `# Benchmarks

Written by \`script/bench\` on ${new Date().toISOString().slice(0, 10)}: ${machine};
${versions.join(', ')}. HAProxy, the applications and the users
all run on that one machine, over the loopback.`
}
