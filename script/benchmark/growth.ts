import { type Farm, startFarm } from '../../__tests__/support/farm.ts'
import { startFaultProxy } from '../../__tests__/support/fault-proxy.ts'
import { type ActionResult, runAction } from '../../__tests__/support/runner.ts'
import { count, median, milliseconds, table } from './table.ts'

const runs = 9

/** What a step costs as the site grows: more servers on the page, more HAProxies. */
export async function growth(): Promise<string> {
  const pages: string[][] = []
  for (const servers of [10, 1000, 10_000]) pages.push(await measurePage(servers))
  const instances: string[][] = []
  for (const number of [1, 10, 50]) instances.push(await measureInstances(number))
  return `## Growth

A page with more and more servers, of which ten are in the backend that the step is about. A look is one
\`GET\`, from connecting to the last byte; its columns compare a look during a wait, narrowed to the backend, with
one at the whole page, which the first look of a take-out is. The step is a \`maint\` from start to end, with the
default settle time of 1 s.

${table(['servers on the page', 'bytes per look', 'of the whole page', 'time per look', 'of the whole page', 'requests per step', 'the step'], pages)}

The same backend on more and more HAProxies, all named in one step: the median of ${runs} runs of \`status\` and
of \`maint\` with \`wait: false\`.

${table(['HAProxies', '`status`', '`maint`'], instances)}`
}

async function measurePage(servers: number): Promise<string[]> {
  const others = servers - 10
  const farm = await startFarm({
    servers: 10,
    serverOptions: '',
    extra: others > 0 ? `backend others\n  server-template other 1-${others} 127.0.0.1:9` : ''
  })
  const faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  try {
    const narrow = await measureLook(`${farm.statsUrl};csv;scope=web`)
    const whole = await measureLook(`${farm.statsUrl};csv`)
    const step = await green({ 'stats-url': faultProxy.through(farm.statsUrl), action: 'maint' })
    return [
      count(servers),
      count(narrow.bytes),
      count(whole.bytes),
      `${narrow.ms.toFixed(1)} ms`,
      `${whole.ms.toFixed(1)} ms`,
      String(faultProxy.requests.length),
      milliseconds(step.durationMs)
    ]
  } finally {
    await faultProxy.stop()
    await farm.stop()
  }
}

async function measureLook(url: string): Promise<{ bytes: number; ms: number }> {
  const times: number[] = []
  let bytes = 0
  while (times.length < runs) {
    const began = performance.now()
    const response = await fetch(url, { headers: { Connection: 'close' } })
    bytes = (await response.arrayBuffer()).byteLength
    times.push(performance.now() - began)
  }
  return { bytes, ms: median(times) }
}

async function measureInstances(number: number): Promise<string[]> {
  const farms: Farm[] = []
  try {
    const first = await startFarm({ serverOptions: '' })
    farms.push(first)
    while (farms.length < number) {
      farms.push(await startFarm({ applications: first.applications, serverOptions: '' }))
    }
    const target = { 'stats-url': farms.map(({ statsUrl }) => statsUrl).join('\n') }
    const looks: number[] = []
    const changes: number[] = []
    while (looks.length < runs) {
      looks.push((await green({ ...target, action: 'status' })).durationMs)
      changes.push((await green({ ...target, action: 'maint', wait: 'false' })).durationMs)
      await green({ ...target, action: 'ready', wait: 'false' })
    }
    return [String(number), milliseconds(median(looks)), milliseconds(median(changes))]
  } finally {
    await Promise.all(farms.map((farm) => farm.stop()))
  }
}

async function green(inputs: Record<string, string>): Promise<ActionResult> {
  const result = await runAction({ backend: 'web', server: 'app1', ...inputs })
  if (result.exitCode !== 0) throw new Error(`A step was red:\n${result.log}`)
  return result
}
