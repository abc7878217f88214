import { beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import { areOne, Instance } from '../../src/rotation/instance.ts'
import { failureIn } from '../haproxy/failure.ts'
import type { ImitatedPage, Trouble } from '../support/imitated-page.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
/** The clock begins here, and every process below was seen for the first time then. */
const START = 5_000
const LONG_AGO = -7_200_000
const PROCESS = { pid: 100, startedAt: LONG_AGO }
const OTHER = { pid: 200, startedAt: LONG_AGO - 60_000 }
const NOT_SHOWN: readonly (readonly [string, Trouble])[] = [
  ['does not show it', { html: '<p>Nothing here</p>' }],
  ['refuses to show it', { status: 403 }]
]

let stage: Stage
let page: ImitatedPage
let instance: Instance

beforeEach(async () => {
  stage = set()
  page = await stage.page()
  instance = new Instance(page.page, stage.clock)
})

const limits = (): { signal: AbortSignal } => ({ signal: stage.cancelled })

/** Has these processes answer the next requests, the last of them for ever. */
function answering(...processes: readonly (typeof PROCESS | Trouble)[]): void {
  let answered = 0
  page.before = () => {
    const answer = processes[Math.min(answered, processes.length - 1)]
    answered += 1
    if (typeof answer === 'object' && 'pid' in answer) {
      page.process = answer
      return undefined
    }
    return answer
  }
}

/** Asks again a second after the first time. */
async function recheck(): Promise<string> {
  stage.clock.pass(1_000)
  page.requests.length = 0
  return instance.recheck(limits())
}

test('an instance goes by its stats URL, and knows the other addresses of its host', () => {
  expect([instance.name, instance.page, instance.otherAddresses]).toEqual([page.url, page.page, []])
  expect(new Instance(page.page, stage.clock, ['::1']).otherAddresses).toEqual(['::1'])
})

describe('the process', () => {
  test('is not known before it was asked for', () => {
    expect([instance.process, instance.firstProcess]).toEqual([undefined, undefined])
    expect(instance.showsProcess).toBe(false)
  })

  test('is known by its pid and its start, with one request', async () => {
    await instance.identify(limits())
    const seen = { ...PROCESS, firstSeenAt: START, lastSeenAt: START }
    expect([instance.process, instance.firstProcess]).toEqual([seen, seen])
    expect(instance.showsProcess).toBe(true)
    expect(page.requests).toEqual(['GET process'])
  })

  test('seems to have started up to a second late, for HAProxy shows whole seconds', async () => {
    page.process = { pid: 7, startedAt: 3_001 }
    await instance.identify(limits())
    expect(instance.process?.startedAt).toBe(4_000)
  })

  test.each(NOT_SHOWN)('stays unknown where the page %s', async (_, trouble) => {
    page.before = () => trouble
    await instance.identify(limits())
    expect([instance.process, instance.firstProcess]).toEqual([undefined, undefined])
    expect(instance.showsProcess).toBe(false)
  })

  test('does not make two instances one where it is known of neither', () => {
    expect(areOne(instance, new Instance(page.page, stage.clock))).toBe(false)
  })

  test('is no longer shown where the page is not found any more', async () => {
    await instance.identify(limits())
    page.before = () => ({ status: 404 })
    expect(await recheck()).toBe('unknown')
    expect(instance.showsProcess).toBe(false)
  })

  test('is not taken for unknown when the run is cancelled', async () => {
    const reason = new HaproxyError('cancelled', 'Cancelled (SIGINT).')
    page.before = () => {
      stage.cancel.abort(reason)
      return 'silence'
    }
    await expect(instance.identify(limits())).rejects.toBe(reason)
  })

  test('may be known a moment later where the page could not be read', async () => {
    page.before = () => 'reset'
    expect((await failureIn(instance.identify(limits()))).problem).toBe('reset')
  })

  test('is not taken for hidden because of a mistake of ours, or a cancel', async () => {
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(instance.identify(limits())).rejects.toBe(reason)
  })
})

describe('asked for twice at once, the process', () => {
  test('is that which answers both times', async () => {
    await instance.identify(limits(), 2)
    expect(page.requests).toEqual(['GET process', 'GET process'])
    expect(instance.process).toMatchObject({ pid: page.process.pid })
    expect(instance.firstProcess).toBe(instance.process)
  })

  test('is refused where two HAProxies answer in turn', async () => {
    answering(PROCESS, OTHER, PROCESS, OTHER, PROCESS)
    expect((await failureIn(instance.identify(limits(), 2))).problem).toBe('several-haproxies')
  })

  test('is the newer one where HAProxy was reloaded just then', async () => {
    const newer = { pid: 101, startedAt: START }
    answering(PROCESS, newer)
    await instance.identify(limits(), 2)
    expect([instance.process?.pid, instance.firstProcess?.pid]).toEqual([101, 101])
  })
})

describe('asked for again, the process', () => {
  beforeEach(() => instance.identify(limits()))

  test.each([
    ['exactly as before', 0],
    ['up to two seconds later', 2_000],
    ['up to two seconds earlier', -2_000]
  ])('is the same that started %s', async (_, shift) => {
    page.process = { ...PROCESS, startedAt: LONG_AGO + shift }
    expect(await recheck()).toBe('same')
    expect(instance.process).toEqual({ ...PROCESS, firstSeenAt: START, lastSeenAt: START + 1_000 })
    expect(page.requests).toEqual(['GET process'])
  })

  test('is newer when it started after the one before was last seen', async () => {
    page.process = { pid: 101, startedAt: START + 1_000 }
    stage.clock.pass(1_000)
    expect(await recheck()).toBe('newer')
    expect(page.requests).toEqual(['GET process'])
    expect(instance.process).toEqual({
      ...page.process,
      firstSeenAt: START + 2_000,
      lastSeenAt: START + 2_000
    })
    expect(instance.firstProcess?.pid).toBe(100)
  })

  test('is newer with the pid of the one before, as in a container', async () => {
    page.process = { pid: 100, startedAt: START + 1_000 }
    expect(await recheck()).toBe('newer')
  })

  test.each([
    ['another pid', { ...PROCESS, pid: 200 }],
    ['a start that is later', { ...PROCESS, startedAt: LONG_AGO + 3_000 }],
    ['a start that is earlier', { ...PROCESS, startedAt: LONG_AGO - 3_000 }],
    ['a start just before the last look', { pid: 200, startedAt: START - 1_000 }]
  ])('is unclear after three looks that show %s', async (_, process) => {
    page.process = process
    expect(await recheck()).toBe('unclear')
    expect(page.requests).toEqual(['GET process', 'GET process', 'GET process'])
    expect(instance.process).toMatchObject(process)
    expect(instance.firstProcess).toMatchObject(PROCESS)
    expect(await recheck()).toBe('same')
  })

  test('is newer when it started at the moment of the last look', async () => {
    page.process = { pid: 200, startedAt: START }
    expect(await recheck()).toBe('newer')
  })

  test('is newer when that only shows while it is looked into', async () => {
    answering(OTHER, { pid: 300, startedAt: START + 1_000 })
    expect(await recheck()).toBe('newer')
    expect(page.requests).toHaveLength(2)
  })

  test('is compared with the one that answered last', async () => {
    page.process = { pid: 101, startedAt: START + 1_000 }
    expect(await recheck()).toBe('newer')
    page.process = { pid: 102, startedAt: START + 1_500 }
    expect(await recheck()).toBe('newer')
  })

  test('is unknown where the page suddenly does not show it', async () => {
    page.before = () => ({ html: '<p>Nothing here</p>' })
    expect(await recheck()).toBe('unknown')
    expect([instance.process, instance.showsProcess]).toEqual([undefined, false])
    expect(instance.firstProcess).toMatchObject(PROCESS)
    page.before = () => undefined
    expect(await recheck()).toBe('unknown')
    expect(page.requests).toEqual([])
  })

  test('is a failure where the page suddenly refuses to show it: that may be a reload', async () => {
    answering({ status: 403 })
    expect((await failureIn(recheck())).problem).toBe('forbidden')
    answering(OTHER, { status: 403 })
    expect((await failureIn(recheck())).problem).toBe('forbidden')
  })

  test('does not outlast a cancel', async () => {
    const reason = new HaproxyError('cancelled', 'Cancelled (SIGINT).')
    page.before = () => {
      stage.cancel.abort(reason)
      return 'silence'
    }
    await expect(recheck()).rejects.toBe(reason)
  })

  test('may be known a moment later where the page could not be read', async () => {
    answering('reset')
    expect((await failureIn(recheck())).problem).toBe('reset')
    answering(PROCESS)
    expect(await recheck()).toBe('same')
  })
})

test('a process that was not known at first stays unknown, without a request', async () => {
  expect(await recheck()).toBe('unknown')
  expect(page.requests).toEqual([])
})

describe('two HAProxies at one address', () => {
  const message = (): string =>
    `Two HAProxies answer in turn at ${page.url}: its process is not the same from one look to the next, and then is again.`

  beforeEach(() => instance.identify(limits()))

  test.each([
    ['the second look', [OTHER, PROCESS]],
    ['the third look', [OTHER, OTHER, PROCESS]]
  ])('are noticed when %s shows the first one again', async (_, processes) => {
    answering(...processes)
    const { problem, message: said } = await failureIn(recheck())
    expect([problem, said]).toEqual(['several-haproxies', message()])
    expect(page.requests).toHaveLength(processes.length)
  })

  test('are noticed when an older one answers after it was taken for replaced', async () => {
    answering({ pid: 101, startedAt: START + 1_000 })
    expect(await recheck()).toBe('newer')
    answering({ pid: 102, startedAt: START + 2_000 })
    stage.clock.pass(1_000)
    expect(await recheck()).toBe('newer')
    answering(PROCESS)
    expect((await failureIn(recheck())).problem).toBe('several-haproxies')
  })

  test('are looked for when a change does not show', async () => {
    answering(PROCESS, PROCESS, OTHER, PROCESS)
    expect((await failureIn(instance.refuseIfSeveral(limits()))).problem).toBe('several-haproxies')
  })

  test('are not suspected as long as one process answers four times', async () => {
    page.requests.length = 0
    await instance.refuseIfSeveral(limits())
    expect(page.requests).toEqual(Array(4).fill('GET process'))
  })

  test('are looked for also where the process was not asked for before', async () => {
    const unasked = new Instance(page.page, stage.clock)
    answering(OTHER, PROCESS, OTHER)
    expect((await failureIn(unasked.refuseIfSeveral(limits()))).problem).toBe('several-haproxies')
  })
})

describe('processes at the other addresses of the host', () => {
  /** The process at two other addresses; none where it is not shown. */
  async function elsewhere(...processes: readonly (typeof PROCESS | undefined)[]): Promise<void> {
    const pages = await Promise.all(
      processes.map(async (process) => {
        const there = await stage.page()
        there.process = process ?? PROCESS
        if (process === undefined) there.before = () => ({ status: 403 })
        return there
      })
    )
    const pinned = page.page.at('10.0.0.1')
    pinned.identify = (...given) => page.page.identify(...given)
    const addresses = pages.map((_, index) => `10.0.0.${String(index + 2)}`)
    pinned.at = (address) => pages[addresses.indexOf(address)]?.page ?? page.page
    instance = new Instance(pinned, stage.clock, addresses)
  }

  const refusal = async (): Promise<readonly string[]> => {
    const { problem, message } = await failureIn(instance.refuseIfOthersAnswer(limits()))
    return [problem, stage.short(message)]
  }
  const message = (addresses: string): string =>
    `The host of P1 has several addresses, and they are several HAProxies: the process at 10.0.0.1 is not the one at ${addresses}.`

  test('are accepted where they are the same', async () => {
    await elsewhere(PROCESS, { ...PROCESS, startedAt: LONG_AGO + 2_000 })
    await instance.identify(limits())
    await expect(instance.refuseIfOthersAnswer(limits())).resolves.toBeUndefined()
  })

  test('are refused by name where they are others, or are not shown', async () => {
    await elsewhere(OTHER, PROCESS, undefined)
    await instance.identify(limits())
    expect(await refusal()).toEqual(['several-haproxies', message('10.0.0.2, 10.0.0.4')])
  })

  test('that show none leave it known that the page itself does', async () => {
    await elsewhere(undefined)
    await instance.identify(limits())
    await refusal()
    expect(instance.showsProcess).toBe(true)
  })

  test('are not asked for where the process is not known, or there are no others', async () => {
    await elsewhere(OTHER)
    await expect(instance.refuseIfOthersAnswer(limits())).resolves.toBeUndefined()
    const alone = new Instance(page.page, stage.clock)
    await alone.identify(limits())
    await expect(alone.refuseIfOthersAnswer(limits())).resolves.toBeUndefined()
  })

  test('may be known a moment later where the page could not be read', async () => {
    await elsewhere(PROCESS)
    await instance.identify(limits())
    instance.page.at('10.0.0.2').identify = () =>
      Promise.reject(new HaproxyError('reset', 'It was reset.'))
    expect(await refusal()).toEqual(['reset', 'It was reset.'])
  })
})

describe("HAProxy's own count of the time since something", () => {
  const elapsed = (): number => instance.elapsedSince(4_000, 14_000)

  test('is that of the clock before a process is known', () => {
    expect(elapsed()).toBe(10_000)
  })

  test('goes on to the present', () => {
    expect(instance.elapsedSince(4_000)).toBe(1_000)
  })

  test.each<[string, typeof PROCESS, number]>([
    ['goes with the clock', PROCESS, 0],
    [
      'is behind as far as a process is stalled',
      { ...PROCESS, startedAt: LONG_AGO + 6_000 },
      6_000
    ],
    ['is not ahead of the clock', { ...PROCESS, startedAt: LONG_AGO - 6_000 }, 0],
    ['goes with the clock for another process', { pid: 200, startedAt: LONG_AGO + 6_000 }, 0],
    ['begins anew with a process that was started since', { pid: 100, startedAt: START + 1_000 }, 0]
  ])('%s', async (_, process, lag) => {
    await instance.identify(limits())
    page.process = process
    await recheck()
    expect(elapsed()).toBe(10_000 - lag)
  })

  test('is behind by every stall', async () => {
    await instance.identify(limits())
    for (const stalled of [4_000, 9_000]) {
      page.process = { ...PROCESS, startedAt: LONG_AGO + stalled }
      expect(await recheck()).toBe('unclear')
    }
    expect(elapsed()).toBe(1_000)
  })
})

describe('processes from before', () => {
  test.each([
    ['a second more than hard-stop-after after this one was seen', { startedAt: 0 }, 26_000],
    ['at the latest 30 s after the start and hard-stop-after', { startedAt: -60_000 }, -10_000],
    ['by what comes first', { startedAt: -25_000 }, 25_000]
  ])('are gone %s', (_, { startedAt }, expected) => {
    const process = { pid: 1, startedAt, firstSeenAt: START, lastSeenAt: 9_000 }
    expect(instance.oldProcessesGoneAt(process, 20_000)).toBe(expected)
  })
})
