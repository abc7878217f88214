import { startTraffic } from '../../__tests__/support/traffic.ts'
import { count, table } from './table.ts'
import { repeat, type Stage, type Way, ways } from './ways.ts'

/** What users meet when a server is brought back whose application is dead. */
export async function falseUp(times: number): Promise<string> {
  const rows: string[][] = []
  for (const way of ways) {
    const returns = await repeat(times, 'check inter 1s fall 3 rise 2', (stage) =>
      returnDead(way, stage)
    )
    const green = returns.filter(({ saysUp }) => saysUp).length
    const met = returns.filter(({ hits }) => hits > 0).length
    const hits = returns.reduce((sum, each) => sum + each.hits, 0)
    rows.push([way.name, `${green} of ${times}`, `${met} of ${times}`, count(hits)])
  }
  return `## False up

${times} returns of a server whose application fails its health check (\`inter 1s fall 3\`), under about 40
requests a second.

${table(['', 'said that it is up', 'sent users to it', 'requests that met it'], rows)}`
}

interface Return {
  readonly saysUp: boolean
  readonly hits: number
}

async function returnDead(way: Way, stage: Stage): Promise<Return> {
  const { farm } = stage
  const application = farm.app('app1')
  await farm.set('app1', 'maint')
  application.health = 503
  const traffic = startTraffic(farm.userUrl, { workers: 2, pauseMs: 45 })
  const before = application.served
  const saysUp = await way.bringBack(stage)
  await farm.until(async () => (await farm.status('app1')) === 'DOWN')
  const hits = application.served - before
  await traffic.stop()
  application.health = 200
  await farm.set('app1', 'ready')
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  return { saysUp, hits }
}
