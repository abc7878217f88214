import { afterEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAgent } from '../support/agent.ts'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import {
  type ActionResult,
  runAction,
  type RunningAction,
  runPost,
  startAction
} from '../support/runner.ts'

let farm: Farm
let wire: FaultProxy
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm({ servers: 3, ...options })
  stops.push(() => farm.stop())
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => wire.stop())
}

/** A session on each of these servers. */
async function holdOn(...servers: readonly string[]): Promise<HeldConnection[]> {
  const held = new Map<string, HeldConnection>()
  while (!servers.every((server) => held.has(server))) {
    const connection = await holdConnection(farm.userUrl)
    if (servers.includes(connection.application) && !held.has(connection.application)) {
      held.set(connection.application, connection)
      stops.push(() => connection.close())
    } else {
      await connection.close()
    }
  }
  return [...held.values()]
}

function inputsFor(more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server: 'app1 app2',
    action: 'maint',
    'poll-interval': '200ms',
    'settle-time': '400ms',
    'hard-stop-after': '0s',
    ...more
  }
}

function start(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction(inputsFor(more))
}

function posts(): string[] {
  return wire.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

/** What somebody does by hand, past the statistics page; several orders leave no time between them. */
async function byHand(...orders: readonly string[]): Promise<void> {
  await farm.haproxy.command(orders.join('; '))
}

/** HAProxy counts whole seconds, so an order must be this much later to differ from another. */
const later = 3_500

function expectRed(result: ActionResult, ...said: readonly (string | RegExp)[]): void {
  expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
  for (const text of said) expect(result.lastLine).toMatch(text)
}

describe('while maint waits', () => {
  test.each(['ready', 'drain'])(
    "an operator's %s is the end of it: that server stays so, the others are rolled back",
    async (state) => {
      await stage()
      await holdOn('app2')
      const action = start()
      await action.until(/app2 is MAINT with 1 session/)
      await byHand(`set server web/app1 state ${state}`)
      const result = await action.done
      expectRed(
        result,
        `web/app1 was asked for maint and is `,
        'HAProxy was not reloaded, so somebody else changed it.',
        'What had changed was rolled back.',
        'Changed meanwhile, and left alone: web/app1'
      )
      expect(result.log).not.toContain('Nothing was changed')
      expect(await farm.status('app1')).toMatch(state === 'ready' ? /^UP/ : /^DRAIN/)
      expect(await farm.status('app2')).toMatch(/^UP/)
      expect(posts()).toEqual(['b=web&action=maint&s=app1&s=app2', 'b=web&action=enable&s=app2'])
    }
  )

  test('an agent check that puts a server back is named, and not worked against', async () => {
    const agent = await startAgent('up')
    stops.push(() => agent.stop())
    await stage({
      serverOptions: (name) =>
        `check inter 200ms${
          name === 'app1' ? ` agent-check agent-port ${agent.port} agent-inter 200ms` : ''
        }`
    })
    await holdOn('app2')
    const action = start()
    await action.until(/app2 is MAINT with 1 session/)
    agent.answer = 'up ready'
    const result = await action.done
    expectRed(result, 'web/app1', 'somebody else changed it', 'An agent check is enabled there.')
    expect(posts().filter((body) => body.includes('app1'))).toHaveLength(1)
    expect(await farm.status('app1')).toMatch(/^UP/)
    expect(await farm.status('app2')).toMatch(/^UP/)
  })

  test('a server that was in MAINT before and is made ready is not asked for it again', async () => {
    await stage()
    await farm.set('app1', 'maint')
    await holdOn('app2')
    const action = start()
    await action.until(/app2 is MAINT with 1 session/)
    await byHand('set server web/app1 state ready')
    const result = await action.done
    expectRed(result, /web\/app1 is UP/, 'somebody else changed it')
    expect(posts()).toEqual(['b=web&action=maint&s=app2', 'b=web&action=enable&s=app2'])
  })
})

describe('on-timeout: restore', () => {
  test("does not take back an operator's maint that is younger than the step's", async () => {
    await stage()
    await holdOn('app1', 'app2')
    const action = start({ 'on-timeout': 'restore', 'wait-timeout': '7s' })
    await action.until(/app2 is MAINT with 1 session/)
    await sleep(later)
    await byHand('set server web/app1 state ready', 'set server web/app1 state maint')
    const result = await action.done
    expectRed(
      result,
      'Not drained within 7s',
      'What had changed was rolled back.',
      'Changed meanwhile, and left alone: web/app1'
    )
    expect(await farm.status('app1')).toBe('MAINT')
    expect(await farm.status('app2')).toMatch(/^UP/)
    expect(posts().at(-1)).toBe('b=web&action=enable&s=app2')
    expect(result.outputs['changed']).toBe('true')
  })

  test("does not take back an operator's maint of a server that the step drains", async () => {
    await stage()
    await holdOn('app1', 'app2')
    const action = start({ action: 'drain', 'on-timeout': 'restore', 'wait-timeout': '2s' })
    await action.until(/app2 is DRAIN with 1 session/)
    await byHand('set server web/app1 state maint')
    const result = await action.done
    expectRed(result, 'Not drained within 2s', 'Changed meanwhile, and left alone: web/app1')
    expect(await farm.status('app1')).toBe('MAINT')
    expect(await farm.status('app2')).toBe('UP')
  })

  test('puts back what nobody else has touched, to what it was', async () => {
    await stage()
    await farm.set('app2', 'drain')
    await holdOn('app1')
    const result = await runAction(
      inputsFor({ 'on-timeout': 'restore', 'wait-timeout': '5s', 'min-up': '1' })
    )
    expectRed(result, 'Not drained within 5s', 'What had changed was rolled back.')
    expect(result.lastLine).not.toContain('Left alone')
    expect(result.outputs['changed']).toBe('false')
    expect(await farm.status('app1')).toMatch(/^UP/)
    expect(await farm.status('app2')).toMatch(/^DRAIN/)
  })
})

describe('the post step', () => {
  async function taken(): Promise<ActionResult> {
    await stage()
    const result = await runAction(inputsFor({ restore: 'always' }))
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'MAINT' } })
    return result
  }

  test("does not take back an operator's maint that is younger than the step's", async () => {
    const main = await taken()
    await sleep(later)
    await byHand('set server web/app1 state ready', 'set server web/app1 state maint')
    const post = await runPost(main, inputsFor({ restore: 'always' }))
    expect(post.exitCode).toBe(0)
    expect(post.log).toMatch(/Leaving alone .*web\/app1 on \S+ is MAINT\./)
    expect(await farm.status('app1')).toBe('MAINT')
    await farm.until(async () => (await farm.status('app2')) === 'UP')
    expect(posts().filter((body) => body.includes('app1'))).toEqual([
      'b=web&action=maint&s=app1&s=app2'
    ])
  })

  test.each([
    ['drain', /^DRAIN/],
    ['ready', /^UP/]
  ] as const)("does not touch a server after an operator's %s", async (state, status) => {
    const main = await taken()
    await byHand(`set server web/app1 state ${state}`)
    const post = await runPost(main, inputsFor({ restore: 'always' }))
    expect(post.exitCode).toBe(0)
    expect(await farm.status('app1')).toMatch(status)
    await farm.until(async () => (await farm.status('app2')) === 'UP')
    expect(posts().filter((body) => body.includes('app1'))).toHaveLength(1)
  })

  test('brings back what nobody else has touched, however long it took', async () => {
    const main = await taken()
    await sleep(later)
    const post = await runPost(main, inputsFor({ restore: 'always' }))
    expect(post.exitCode).toBe(0)
    expect(post.log).not.toContain('Leaving alone')
    await farm.until(async () => (await farm.status('app1')) === 'UP')
    await farm.until(async () => (await farm.status('app2')) === 'UP')
  })
})

describe('while ready waits for another server', () => {
  async function returning(): Promise<RunningAction> {
    await stage()
    await farm.set('app1', 'maint')
    await farm.set('app2', 'maint')
    farm.app('app2').health = 503
    const action = start({ action: 'ready' })
    // Nothing is asked for any more: HAProxy does the rest.
    await farm.until(() => posts().filter((body) => body.includes('action=start')).length === 2)
    return action
  }

  test("an operator's maint of one that is up already is left as it is, and ends the step", async () => {
    const action = await returning()
    await action.until(/app1 is UP \(/)
    await byHand('set server web/app1 state maint')
    const from = posts().length
    const result = await action.done
    expectRed(
      result,
      /web\/app1 was asked for ready and is MAINT/,
      'HAProxy was not reloaded, so somebody else changed it.'
    )
    expect(await farm.status('app1')).toBe('MAINT')
    expect(posts()).toHaveLength(from)
    // What of the return was done stays: HAProxy brings the other one up once it is well.
    expect(await farm.status('app2')).toMatch(/^DOWN/)
    farm.app('app2').health = 200
    await farm.until(async () => (await farm.status('app2')) === 'UP')
  })

  test("an operator's maint of one that is still down is left as it is, too", async () => {
    const action = await returning()
    await action.until(/app2 is DOWN/)
    await action.until(/app1 is UP \(/)
    await byHand('set server web/app2 state maint')
    const from = posts().length
    const result = await action.done
    expectRed(result, /web\/app2 was asked for ready and is MAINT/, 'somebody else changed it')
    expect(await farm.status('app2')).toBe('MAINT')
    expect(await farm.status('app1')).toBe('UP')
    expect(posts()).toHaveLength(from)
  })
})

describe('counters that somebody clears four times', () => {
  async function clear(): Promise<void> {
    for (let times = 0; times < 4; times += 1) {
      const looks = wire.requests.length
      await byHand('clear counters all')
      await farm.until(() => wire.requests.length > looks + 1)
    }
  }

  test('are no reload while maint waits', async () => {
    await stage()
    const [held] = await holdOn('app1')
    const action = start({ server: 'app1' })
    await action.until('MAINT with 1 session')
    await clear()
    await held?.close()
    const result = await action.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
    expect(result.annotations).toEqual([])
    expect(posts()).toHaveLength(1)
  })

  test('are no reload while ready waits', async () => {
    await stage()
    // Sessions that HAProxy has counted, so that its counters fall.
    for (let times = 0; times < 12; times += 1) await fetch(farm.userUrl)
    await farm.set('app1', 'maint')
    farm.app('app1').health = 503
    const action = start({ action: 'ready', server: 'app1' })
    await farm.until(() => posts().at(-1)?.includes('action=start') === true)
    const from = posts().length
    await clear()
    farm.app('app1').health = 200
    const result = await action.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(result.annotations).toEqual([])
    expect(posts()).toHaveLength(from)
  })
})
