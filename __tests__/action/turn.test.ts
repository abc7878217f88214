import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, jest, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type ActionResult, runAction, runPost, startAction } from '../support/runner.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'
import { until } from '../support/until.ts'

// Six deploys, one after the other, on a machine that is busy.
jest.setTimeout(240_000)

const SIX = ['app1', 'app2', 'app3', 'app4', 'app5', 'app6']
const CHECKED = 'check inter 100ms fall 3 rise 1'

let farms: Farm[] = []
const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  farms = []
})

async function stage(count = 1, options: FarmOptions = {}): Promise<Traffic[]> {
  for (let index = 0; index < count; index += 1) {
    const [first] = farms
    const shared = first === undefined ? {} : { applications: first.applications }
    const farm = await startFarm({ servers: SIX, serverOptions: CHECKED, ...options, ...shared })
    farms.push(farm)
    stops.push(() => farm.stop())
  }
  const traffic = farms.map(({ userUrl }) => startTraffic(userUrl, { limitMs: 200_000 }))
  stops.push(() => Promise.all(traffic.map((each) => each.stop())))
  return traffic
}

function inputsFor(server: string, action: string, more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': farms.map(({ statsUrl }) => statsUrl).join(' '),
    backend: 'web',
    server,
    action,
    'min-up': 'all',
    'min-up-timeout': '90s',
    'poll-interval': '300ms',
    'settle-time': '200ms',
    ...more
  }
}

/** Who has a turn: from a green maint to the beginning of what ends it. */
class Holders {
  readonly order: string[] = []
  most = 0
  readonly #now = new Set<string>()

  begin(server: string): void {
    this.order.push(server)
    this.#now.add(server)
    this.most = Math.max(this.most, this.#now.size)
  }

  end(server: string): void {
    this.#now.delete(server)
  }
}

/** One job of its own repository: out, deploy, back. */
async function deploy(server: string, holders: Holders): Promise<ActionResult[]> {
  const out = await runAction(inputsFor(server, 'maint'))
  if (out.exitCode !== 0) return [out]
  holders.begin(server)
  await sleep(50)
  holders.end(server)
  return [out, await runAction(inputsFor(server, 'ready'))]
}

function expectGreen(results: readonly (readonly ActionResult[])[]): void {
  expect(results.flat().filter(({ exitCode }) => exitCode !== 0)).toEqual([])
  expect(results.map((steps) => steps.length)).toEqual(results.map(() => 2))
}

async function expectAllUp(): Promise<void> {
  for (const farm of farms) {
    for (const name of SIX) expect(await farm.status(name)).toBe('UP')
  }
}

describe('jobs that start at the same moment with min-up: all', () => {
  test.each([1, 2])(
    'take turns on %i HAProxy, one at a time, all are green, and no user fails',
    async (count) => {
      const traffic = await stage(count)
      const holders = new Holders()
      expectGreen(await Promise.all(SIX.map((server) => deploy(server, holders))))
      expect([holders.most, holders.order.toSorted()]).toEqual([1, SIX])
      await expectAllUp()
      expect(traffic.flatMap(({ failures }) => failures)).toEqual([])
    }
  )

  test('go on when one is cancelled while it has its turn, and when the return of one fails', async () => {
    const traffic = await stage()
    const [farm] = farms
    if (farm === undefined) throw new Error('no farm')
    const holders = new Holders()
    const held = await holdOn(farm, 'app1')
    const cancelled = inputsFor('app1', 'maint', { restore: 'failure' })
    const first = startAction(cancelled)
    await first.until(/web\/app1 is MAINT with 1 session/)
    const others = ['app3', 'app4'].map((server) => deploy(server, holders))
    const failing = failThenHeal(farm, 'app2')
    await sleep(1_000)
    const result = await first.cancel()
    expect(result.exitCode).toBe(1)
    expect((await runPost(result, cancelled, { jobStatus: 'cancelled' })).exitCode).toBe(0)
    await held.close()
    const [out, back] = await failing
    expect([out?.exitCode, back?.exitCode]).toEqual([0, 1])
    expect(back?.lastLine).toContain('HAProxy brings web/app2')
    expectGreen(await Promise.all(others))
    expect(holders.most).toBe(1)
    await farm.until(async () => (await farm.status('app2')) === 'UP')
    expect(traffic.flatMap(({ failures }) => failures)).toEqual([])
  })
})

async function holdOn(farm: Farm, server: string): Promise<HeldConnection> {
  for (;;) {
    const held = await holdConnection(farm.userUrl)
    if (held.application === server) return held
    await held.close()
  }
}

/** A deploy of a version that is ill at first: its return is red, and HAProxy brings it up later. */
async function failThenHeal(farm: Farm, server: string): Promise<ActionResult[]> {
  const out = await runAction(inputsFor(server, 'maint'))
  const application = farm.app(server)
  application.health = 503
  const back = await runAction(inputsFor(server, 'ready', { 'wait-timeout': '2s' }))
  application.health = 200
  return [out, back]
}

describe('a job that waits for its turn', () => {
  test('touches nothing, and on time-out says who was missing and for how long', async () => {
    await stage()
    const [farm] = farms
    await farm?.set('app2', 'maint')
    const result = await runAction(inputsFor('app1', 'maint', { 'min-up-timeout': '2s' }))
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toMatch(
      /^No turn within 2s: Without app1 the backend web would have 4 serving servers \(app3, app4, app5, app6\), and needs 5 \(all others\); not counted: app2 \(MAINT for [1-9]s\)\. Nothing was changed\./
    )
    expect(result.lastLine).toContain('lower min-up')
    expect(await farm?.status('app1')).toBe('UP')
  })

  test('ends within a second when it is cancelled, and has touched nothing', async () => {
    await stage()
    const [farm] = farms
    await farm?.set('app2', 'maint')
    const waiting = startAction(inputsFor('app1', 'maint'))
    await waiting.until('Waiting for a turn')
    const result = await waiting.cancel()
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain('Nothing was changed.')
  })

  test('sees at its turn who uses the address by then', async () => {
    await stage(1, {
      statsLines: ['stats admin if TRUE', 'stats show-legends'],
      extra: ([application]) =>
        `backend api\n  server other 127.0.0.1:${String(application?.port ?? 0)} disabled\n`
    })
    const [farm] = farms
    await farm?.set('app2', 'maint')
    const waiting = startAction(inputsFor('app1', 'maint'))
    await waiting.until('Waiting for a turn')
    expect(await farm?.post('b=api&action=ready&s=other')).toBe('DONE')
    await farm?.set('app2', 'ready')
    const result = await waiting.done
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('The same address is in use')
    expect(result.lastLine).toContain('Nothing was changed.')
    await until(async () => (await farm?.status('app1')) === 'UP')
  })

  test('that can never come is refused at once', async () => {
    await stage()
    const result = await runAction(inputsFor('app1', 'maint', { 'min-up': '90%' }))
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toContain('and needs 6 (90% of 6)')
    expect(result.lastLine).toContain('Nothing was changed.')
    expect(result.log).not.toContain('Waiting for a turn')
  })
})
