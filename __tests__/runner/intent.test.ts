import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { Instance } from '../../src/rotation/instance.ts'
import type { Target } from '../../src/rotation/target.ts'
import { ageOf, type Intent, readIntent, saveIntent } from '../../src/runner/intent.ts'
import { failureOf } from '../haproxy/failure.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { pageStarter } from './imitated-pages.ts'
import { inProcess } from './in-process.ts'
import { backendSeen, instanceAt } from './seen.ts'

const start = pageStarter()
/** The time of day, in milliseconds since 1970. */
let today = 1_000_000

beforeEach(() => {
  today = 1_000_000
  jest.spyOn(Date, 'now').mockImplementation(() => today)
})
afterEach(() => {
  jest.restoreAllMocks()
})

/** What the post step reads after this. */
async function handedOver(work: () => void): Promise<Intent | undefined> {
  const { state } = await inProcess({}, work)
  let intent: Intent | undefined
  await inProcess({}, () => (intent = readIntent()), { state })
  return intent
}

function targetsOf(rows: readonly Row[], instance?: Instance): readonly Target[] {
  return backendSeen(rows, instance).targets
}

/** A HAProxy whose process has been seen: process 100, started two hours before the clock was at 0. */
async function identified(clock: FakeClock): Promise<Instance> {
  const page = await start(server('a'))
  page.now = () => clock.now()
  const instance = new Instance(page.page, clock)
  await instance.identify({ signal: new AbortController().signal })
  return instance
}

const TWO_HOURS = 7_200_000

describe('what a step is about to take out', () => {
  test('is handed over to the post step', async () => {
    expect(
      await handedOver(() => {
        saveIntent('failure', 'drain', targetsOf([{ svname: 'a' }]))
      })
    ).toEqual({
      restore: 'failure',
      state: 'drain',
      isClaimed: false,
      at: 1_000_000,
      instances: [{ url: 'http://lb/admin' }],
      backends: [{ url: 'http://lb/admin', backend: 'web', previous: 'ready', servers: ['a'] }]
    })
  })

  test('is not handed over where nothing is to be restored, however much it is', async () => {
    const many = targetsOf([{ svname: 'x'.repeat(200_000) }])
    const { state } = await inProcess({}, () => {
      saveIntent('never', 'maint', many)
    })
    expect(state).toEqual({})
  })

  test('is what was said last', async () => {
    const targets = targetsOf([{ svname: 'a' }])
    expect(
      await handedOver(() => {
        saveIntent('always', 'maint', targets)
        saveIntent('always', 'maint', [])
      })
    ).toEqual({
      restore: 'always',
      isClaimed: false,
      state: 'maint',
      at: 1_000_000,
      instances: [],
      backends: []
    })
  })

  test('is nothing where the step has taken nothing out', async () => {
    expect(await handedOver(() => undefined)).toBeUndefined()
  })

  test('is kept by HAProxy, backend and the admin state of before', async () => {
    const [first, second] = [instanceAt('http://lb1/admin'), instanceAt('http://lb2/admin')]
    const web: readonly Row[] = [
      { svname: 'a' },
      { svname: 'b', status: 'DRAIN' },
      { svname: 'c', status: 'UP 1/3' },
      { svname: 'd', status: 'DOWN' },
      { svname: 'e', status: 'DRAIN', tracked: 'web/b' },
      { svname: 'f', status: 'MAINT (via web/b)' },
      { svname: 'g', status: 'MAINT' }
    ]
    const targets = [
      ...targetsOf(web, first),
      ...targetsOf([{ pxname: 'api', svname: 'a' }], first),
      ...targetsOf([{ svname: 'a' }], second)
    ]
    const intent = await handedOver(() => {
      saveIntent('always', 'maint', targets)
    })
    const [lb1, lb2] = ['http://lb1/admin', 'http://lb2/admin']
    // Where the state of before was hidden, or perhaps a leader's, it is taken to be ready.
    expect(intent?.backends).toEqual([
      { url: lb1, backend: 'web', previous: 'ready', servers: ['a', 'c', 'd', 'e', 'f'] },
      { url: lb1, backend: 'web', previous: 'drain', servers: ['b'] },
      { url: lb1, backend: 'web', previous: 'maint', servers: ['g'] },
      { url: lb1, backend: 'api', previous: 'ready', servers: ['a'] },
      { url: lb2, backend: 'web', previous: 'ready', servers: ['a'] }
    ])
    expect(intent?.instances).toEqual([{ url: lb1 }, { url: lb2 }])
  })

  test('is dated by the last request, by the clock and by the uptime of HAProxy', async () => {
    const clock = new FakeClock()
    const instance = await identified(clock)
    const targets = targetsOf([{ svname: 'a' }, { svname: 'b' }, { svname: 'c' }], instance)
    const [a, b] = targets
    const said = async (): Promise<object | undefined> => {
      const intent = await handedOver(() => {
        saveIntent('always', 'maint', targets)
      })
      return intent && [intent.at, intent.instances]
    }
    clock.pass(1_000)
    // Before any request: now.
    const before = { pid: 100, uptimeMs: TWO_HOURS + 6_000 }
    expect(await said()).toEqual([1_000_000, [{ url: instance.name, process: before }]])
    a?.recordRequest('maint', clock.now())
    clock.pass(2_000.4)
    b?.recordRequest('maint', clock.now() - 500)
    expect(await said()).toEqual([
      999_500,
      [{ url: instance.name, process: { pid: 100, uptimeMs: TWO_HOURS + 7_500 } }]
    ])
  })
})

describe('what is too much for the runner to hand over', () => {
  /** Targets of which this many bytes are handed over. */
  async function ofBytes(bytes: number, filler = 'x'): Promise<readonly Target[]> {
    const empty = JSON.stringify(
      await handedOver(() => {
        saveIntent('always', 'maint', targetsOf([{ svname: '' }]))
      })
    )
    const missing = bytes - empty.length
    const fillers = filler.repeat(Math.floor(missing / Buffer.byteLength(filler)))
    return targetsOf([
      { svname: fillers.padEnd(fillers.length + (missing % Buffer.byteLength(filler)), 'x') }
    ])
  }
  const limit = 128 * 1024 - 64

  test('is refused before anything is changed', async () => {
    const targets = await ofBytes(limit + 1)
    const { state } = await inProcess({}, () => {
      const { problem, message, advice } = failureOf(() => {
        saveIntent('always', 'maint', targets)
      })
      expect([problem, message, advice]).toEqual([
        'too-many-servers',
        'The step names 1 server, more than the runner can hand to the post step that is to restore them.',
        'Name fewer servers at a time, or leave restore at never.'
      ])
    })
    expect(state).toEqual({})
  })

  test.each(['x', 'ö', '🔑'])('is counted in bytes (%s)', async (filler) => {
    const [most, more] = [await ofBytes(limit, filler), await ofBytes(limit + 1, filler)]
    const intent = await handedOver(() => {
      saveIntent('always', 'maint', most)
    })
    expect(Buffer.byteLength(JSON.stringify(intent))).toBe(limit)
    await inProcess({}, () => {
      expect(() => {
        saveIntent('always', 'maint', more)
      }).toThrow('more than the runner can hand')
    })
  })

  test('begins where a process still starts with it', () => {
    const { status } = spawnSync(process.execPath, ['-e', ''], {
      env: { STATE_intent: 'x'.repeat(limit) }
    })
    expect(status).toBe(0)
  })
})

describe('the time since a step asked for its state', () => {
  const intentOf = (url: string, process: Intent['instances'][number]['process']): Intent => ({
    restore: 'always',
    isClaimed: false,
    state: 'maint',
    at: 900_000,
    instances: [
      { url: 'http://other/admin', process: { pid: 100, uptimeMs: 0 } },
      { url, process }
    ],
    backends: []
  })

  test('is the growth of the uptime while HAProxy is the same process', async () => {
    const clock = new FakeClock()
    const instance = await identified(clock)
    clock.pass(30_000)
    const asked = { pid: 100, uptimeMs: TWO_HOURS + 3_000 }
    expect(ageOf(intentOf(instance.name, asked), instance)).toBe(32_000)
    const now = { pid: 100, uptimeMs: TWO_HOURS + 35_000 }
    expect(ageOf(intentOf(instance.name, now), instance)).toBe(0)
  })

  test.each([
    ['HAProxy is another process', { pid: 101, uptimeMs: 0 }],
    ['HAProxy has run for less than it had', { pid: 100, uptimeMs: TWO_HOURS + 5_001 }],
    ['the step did not know the process', undefined]
  ])('is that of the clock where %s', async (_, process) => {
    const instance = await identified(new FakeClock())
    expect(ageOf(intentOf(instance.name, process), instance)).toBe(100_000)
  })

  test('is that of the clock where the process is not known now', () => {
    const asked = { pid: 100, uptimeMs: 0 }
    expect(ageOf(intentOf('http://lb/admin', asked), instanceAt())).toBe(100_000)
  })

  test('is that of the clock where the step did not know the HAProxy', async () => {
    const instance = await identified(new FakeClock())
    const asked = { pid: 100, uptimeMs: 0 }
    expect(ageOf(intentOf('http://lb/admin', asked), instance)).toBe(100_000)
  })
})
