// A rolling deploy as a workflow does it, shown from outside: node1, then node2, is taken out of
// rotation, killed, started again and brought back, while users keep asking.
import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'
import { type Application } from '../__tests__/support/application.ts'
import { type Farm, startFarm } from '../__tests__/support/farm.ts'
import { runAction } from '../__tests__/support/runner.ts'
import { startTraffic, type Traffic } from '../__tests__/support/traffic.ts'

const nodes = ['node1', 'node2']
const users = { username: 'deployer', password: 'correct horse battery staple' }
const downMs = 2000
const warmUpMs = 2000

type Action = 'maint' | 'ready'
const titles: Record<Action, string> = { maint: 'Take out', ready: 'Bring back' }
/** Nobody reloads this HAProxy, so it has no old process that could still hold requests. */
const noOldProcess = { 'hard-stop-after': '0s' }

interface Step {
  readonly node: string
  readonly action: Action
  readonly seconds: string
  readonly green: boolean
}

/** One step of the workflow, shown as the run's page shows it. */
async function step(farm: Farm, node: string, action: Action): Promise<Step> {
  console.log(styleText('bold', `\n${titles[action]} ${node}`) + `  (action: ${action})`)
  const { exitCode, log, durationMs } = await runAction({
    ...users,
    'stats-url': farm.statsUrl,
    backend: farm.backend,
    server: node,
    action,
    ...(action === 'maint' ? noOldProcess : {})
  })
  console.log(log.trimEnd().replaceAll(/^/gm, '    '))
  const green = exitCode === 0
  const seconds = `${(durationMs / 1000).toFixed(1)} s`
  console.log(green ? styleText('green', `  ✔ ${seconds}`) : styleText('red', `  ✘ ${seconds}`))
  return { node, action, seconds, green }
}

/** What happens between the two steps; the application goes on warming up when this is done. */
async function deploy(application: Application): Promise<void> {
  console.log(`\nDeploy on ${application.name}: its application is killed, and started again`)
  console.log(`after ${downMs / 1000} s; its health check fails for ${warmUpMs / 1000} s more.`)
  await application.stop()
  await sleep(downMs)
  application.health = 503
  application.reason = 'Warming up'
  await application.start()
  setTimeout(() => {
    application.health = 200
    application.reason = 'OK'
  }, warmUpMs)
}

/** Like a job, stops at the first step that is red. */
async function rollingDeploy(farm: Farm): Promise<Step[]> {
  const steps: Step[] = []
  for (const node of nodes) {
    for (const action of ['maint', 'ready'] as const) {
      if (action === 'ready') await deploy(farm.app(node))
      const done = await step(farm, node, action)
      steps.push(done)
      if (!done.green) return steps
    }
  }
  return steps
}

function showTable(rows: readonly (readonly string[])[]): void {
  console.log()
  for (const row of rows) {
    const line = row.map((cell) => cell.padEnd(17)).join('')
    console.log(line.trimEnd())
  }
}

function startUsers({ userUrl }: Farm): Traffic[] {
  return [
    startTraffic(userUrl, { workers: 4, keepAlive: true, pauseMs: 20 }),
    startTraffic(userUrl, { workers: 4, pauseMs: 20 }),
    startTraffic(userUrl, { workers: 2, path: '/slow?ms=1500' })
  ]
}

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

const farm = await startFarm({
  servers: nodes,
  users,
  serverOptions: 'check inter 500ms fall 3 rise 2'
})
try {
  console.log(`
HAProxy ${farm.haproxy.version}: backend ${farm.backend} with ${nodes.join(' and ')},
statistics page ${farm.statsUrl}, user ${users.username} and a password.
Ten users ask all the time: four on kept connections, four on new ones, and two for
an answer that takes 1.5 s.`)

  const traffic = startUsers(farm)
  const steps = await rollingDeploy(farm)
  await Promise.all(traffic.map((part) => part.stop()))

  showTable([
    ['Node', 'Requests served', ...Object.values(titles)],
    ...nodes.map((node) => [
      node,
      String(sum(traffic.map(({ byServer }) => byServer.get(node) ?? 0))),
      ...steps.filter((each) => each.node === node).map(({ seconds }) => seconds)
    ])
  ])
  const failed = sum(traffic.map((part) => part.failed))
  const total = failed + sum(traffic.map(({ ok }) => ok))
  const lossless = failed === 0 && total > 0
  console.log(styleText(lossless ? 'green' : 'red', `\n${failed} of ${total} requests failed.`))
  for (const { reason } of traffic.flatMap(({ failures }) => failures)) console.log(`  ${reason}`)

  const complete = steps.length === 2 * nodes.length && steps.every(({ green }) => green)
  if (!complete) console.log(styleText('red', 'The deploy stopped at a red step.'))
  if (!lossless || !complete) process.exitCode = 1
} finally {
  await farm.stop()
}
