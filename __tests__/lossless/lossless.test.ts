import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Farm, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type ActionResult } from '../support/runner.ts'
import { until } from '../support/until.ts'
import { rollingDeploy } from './rolling-deploy.ts'
import { startUsers, type Users } from './users.ts'

const nodes = ['app1', 'app2']
const atLeast = 10_000
const caseLimitMs = 150_000

let farm: Farm
let held: HeldConnection
let crowds: Users[]
const cleanUp: (() => Promise<void>)[] = []

/** HAProxy's own retries are off: a request that meets a dead node has failed. */
async function stage(applications?: Farm['applications']): Promise<Farm> {
  const staged = await startFarm({
    ...(applications === undefined ? { servers: nodes } : { applications }),
    backendLines: ['retries 0', 'timeout check 2s', 'cookie NODE insert indirect nocache'],
    serverOptions: (name) => `check inter 500ms fall 3 rise 2 cookie ${name}`,
    // Longer than any request of the users takes: the old process of a reload ends by then.
    extra: 'global\n  hard-stop-after 4s'
  })
  cleanUp.unshift(() => staged.stop())
  return staged
}

beforeEach(async () => {
  farm = await stage()
  held = await holdConnection(farm.userUrl)
  crowds = [startUsers(farm.userUrl)]
})

afterEach(async () => {
  await Promise.all(crowds.map((users) => users.stop()))
  await held.close()
  for (const step of cleanUp.splice(0)) await step()
})

/** Goes on until enough requests were made. */
async function expectLossless(): Promise<void> {
  const answered = () => crowds.reduce((sum, users) => sum + users.answered, 0)
  await until(() => answered() >= atLeast, { limitMs: caseLimitMs, everyMs: 200 })
  await Promise.all(crowds.map((users) => users.stop()))
  expect(crowds.flatMap(({ failures }) => failures)).toEqual([])
}

/** The user at the other end of the held connection leaves while its node is being taken out. */
async function endHeld(node: string): Promise<void> {
  if (node !== held.application) return
  await sleep(1500)
  await held.close()
}

function exitCodes(steps: readonly ActionResult[]): unknown[] {
  return steps.map(({ exitCode }) => exitCode)
}

test(
  'a rolling deploy loses no request',
  async () => {
    const steps = await rollingDeploy({ farms: [farm], meanwhile: endHeld })
    expect(exitCodes(steps)).toEqual([0, 0, 0, 0])
    await expectLossless()
  },
  caseLimitMs
)

test(
  'nor one that ends held connections, and stops at a node that comes back broken',
  async () => {
    const steps = await rollingDeploy({
      farms: [farm],
      takeOut: { 'wait-timeout': '3s', 'on-timeout': 'shutdown' },
      broken: 'app2'
    })
    expect(exitCodes(steps)).toEqual([0, 0, 0, 1])
    expect(steps.at(-1)?.lastLine).toContain('Not up within 6s: web/app2')
    expect(held.open).toBe(false)
    const { served } = farm.app('app2')
    await expectLossless()
    expect(farm.app('app2').served).toBe(served)
  },
  caseLimitMs
)

test(
  'nor one with a reload of HAProxy while a node is being taken out',
  async () => {
    const steps = await rollingDeploy({
      farms: [farm],
      takeOut: { 'hard-stop-after': '4s' },
      async meanwhile(node) {
        await Promise.all([endHeld(node), node === 'app2' && reloadSoon()])
      }
    })
    expect(exitCodes(steps)).toEqual([0, 0, 0, 0])
    await expectLossless()
  },
  caseLimitMs
)

async function reloadSoon(): Promise<void> {
  await sleep(1000)
  await farm.haproxy.reload()
}

test(
  'nor one behind two HAProxies',
  async () => {
    const second = await stage(farm.applications)
    crowds.push(startUsers(second.userUrl))
    const steps = await rollingDeploy({ farms: [farm, second], meanwhile: endHeld })
    expect(exitCodes(steps)).toEqual([0, 0, 0, 0])
    await expectLossless()
  },
  caseLimitMs
)
