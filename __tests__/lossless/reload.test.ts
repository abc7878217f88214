import { afterEach, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Farm, startFarm } from '../support/farm.ts'
import { makeStateFile, type StateFile } from '../support/state-file.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'
import { until } from '../support/until.ts'
import { rollingDeploy } from './rolling-deploy.ts'
import { startUsers, type Users } from './users.ts'

const nodes = ['app1', 'app2']
const hardStopAfter = '6s'
/** Longer than a step waits that knows nothing of the old processes, and shorter than those may live. */
const upload = '/slow?ms=5000'
const atLeast = 10_000
const caseLimitMs = 240_000

const crowds: Users[] = []
const uploads: Traffic[] = []
const cleanUp: (() => Promise<void>)[] = []

afterEach(async () => {
  await stopUsers()
  crowds.length = 0
  uploads.length = 0
  for (const step of cleanUp.splice(0).reverse()) await step()
})

async function stopUsers(): Promise<void> {
  await Promise.all([...crowds, ...uploads].map((users) => users.stop()))
}

/** A HAProxy that its service manager reloads, with or without a file in which admin states outlast that. */
interface Instance {
  readonly farm: Farm
  readonly state: StateFile | undefined
}

/** HAProxy's own retries are off: a request that meets a dead node has failed. */
async function stage(isKept: boolean, applications?: Farm['applications']): Promise<Instance> {
  const state = isKept ? await makeStateFile() : undefined
  const farm = await startFarm({
    ...(applications === undefined ? { servers: nodes } : { applications }),
    backendLines: [
      'retries 0',
      'timeout check 2s',
      'cookie NODE insert indirect nocache',
      ...(state === undefined ? [] : [state.backendLine])
    ],
    serverOptions: (name) => `check inter 500ms fall 3 rise 2 cookie ${name}`,
    extra: `${state?.section ?? 'global'}\n  hard-stop-after ${hardStopAfter}`
  })
  cleanUp.push(async () => {
    await farm.stop()
    await state?.remove()
  })
  crowds.push(startUsers(farm.userUrl))
  uploads.push(startTraffic(farm.userUrl, { workers: 6, path: upload }))
  return { farm, state }
}

async function reload({ farm, state }: Instance): Promise<void> {
  await state?.save(farm.haproxy)
  await farm.haproxy.reload()
}

test.each([
  ['a state file', true],
  ['none', false]
])(
  'a rolling deploy loses no request while each of two HAProxies is reloaded in every drain, with %s',
  async (_, isKept) => {
    const first = await stage(isKept)
    const second = await stage(isKept, first.farm.applications)
    const steps = await rollingDeploy({
      farms: [first.farm, second.farm],
      takeOut: { 'hard-stop-after': hardStopAfter },
      async meanwhile() {
        await sleep(1_000)
        await reload(first)
        await sleep(500)
        await reload(second)
      }
    })
    const answered = (): number => crowds.reduce((sum, users) => sum + users.answered, 0)
    await until(() => answered() >= atLeast, { limitMs: caseLimitMs, everyMs: 200 })
    await stopUsers()
    expect(crowds.flatMap(({ failures }) => failures)).toEqual([])
    expect(uploads.flatMap(({ failures }) => failures)).toEqual([])
    expect(steps.map(({ exitCode }) => exitCode)).toEqual(nodes.flatMap(() => [0, 0]))
    expect(steps.map(({ outputs }) => outputs['safe-to-stop'])).toEqual(
      nodes.flatMap(() => ['true', 'false'])
    )
  },
  caseLimitMs
)
