import { setTimeout as sleep } from 'node:timers/promises'
import { type Farm } from '../../__tests__/support/farm.ts'
import { type HeldConnection, holdConnection } from '../../__tests__/support/held-connection.ts'
import { quantile, seconds, table } from './table.ts'
import { repeat, type Stage, type Way, ways } from './ways.ts'

/** How long after the last session has ended a step that waits for it ends. */
export async function overshoot(times: number): Promise<string> {
  const rows: string[][] = []
  for (const way of ways) {
    const ms = await repeat(times, 'check inter 500ms', (stage) => drainOnce(way, stage))
    rows.push([way.name, ...[0.5, 0.99].map((share) => seconds(quantile(ms, share)))])
  }
  return `## Overshoot

From the end of the last session to the end of the step, over ${times} drains each. This action has its
defaults, and \`hard-stop-after: 0s\`. Its \`settle-time\` is 1 s, for which the others do not wait: they believe
the first zero.

${table(['', 'p50', 'p99'], rows)}`
}

async function drainOnce(way: Way, stage: Stage): Promise<number> {
  const { farm } = stage
  const held = await holdOn(farm, 'app1')
  const step = way.takeOut(stage)
  await farm.until(async () => (await farm.status('app1')) !== 'UP', 60_000)
  // At a random moment of every way's rhythm; the longest is five seconds.
  await sleep(1000 + Math.random() * 5000)
  await held.close()
  const ended = performance.now()
  if (!(await step)) throw new Error(`${way.name} did not take the server out`)
  const ms = performance.now() - ended
  await farm.set('app1', 'ready')
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  return ms
}

/** Round robin leads to the server sooner or later. */
async function holdOn(farm: Farm, server: string): Promise<HeldConnection> {
  for (;;) {
    const held = await holdConnection(farm.userUrl)
    if (held.application === server) return held
    await held.close()
  }
}
