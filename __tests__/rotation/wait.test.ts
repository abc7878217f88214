import { beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import type { Backend } from '../../src/rotation/backend.ts'
import {
  type Progress,
  type WaitOptions,
  type WaitResult,
  waitUntil,
  whyNotMet
} from '../../src/rotation/wait.ts'
import { failureIn } from '../haproxy/failure.ts'
import { type ImitatedPage, server, type Trouble } from '../support/imitated-page.ts'
import { backendOf, targetIn } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const START = 5_000
/** A poll interval that no pause reaches before 1 s have passed: each is 100 ms. */
const OPTIONS: WaitOptions = { timeoutMs: 10_000, pollMs: 1_000, settleMs: 200 }

let stage: Stage
let page: ImitatedPage
let backend: Backend
/** When every look began, in milliseconds from the start of the wait. */
let looks: number[]
/** What was reported after every look: elapsed and remaining time. */
let reported: (readonly [number, number])[]

beforeEach(async () => {
  stage = set()
  page = await stage.page(server('a'), server('b'))
  backend = await backendOf(stage, page)
  page.requests.length = 0
  looks = []
  reported = []
  page.before = () => {
    looked()
    return undefined
  }
})

function looked(): void {
  looks.push(stage.clock.now() - START)
}

/** Has every look take so long. */
function slow(ms: number): void {
  page.before = () => {
    looked()
    stage.clock.pass(ms)
    return undefined
  }
}

type Judge = (seen: readonly Backend[]) => Progress | boolean

interface More {
  readonly backends?: readonly Backend[]
  readonly confirm?: () => boolean
}

function wait(
  judge: Judge,
  options: Partial<WaitOptions> = {},
  more: More = {}
): Promise<WaitResult> {
  const { backends = [backend], confirm = () => true } = more
  const condition = {
    judge: (seen: readonly Backend[]): Promise<Progress> =>
      attempt(() => {
        const verdict = judge(seen)
        return typeof verdict === 'string' ? verdict : verdict ? 'met' : 'waiting'
      }),
    confirm: () => attempt(confirm)
  }
  const onLook = (elapsedMs: number, remainingMs: number): void => {
    reported.push([elapsedMs, remainingMs])
  }
  return waitUntil({ backends, options: { ...OPTIONS, ...options }, condition, onLook }, stage)
}

/** What this returns or throws, as a promise. */
function attempt<T>(work: () => T): Promise<T> {
  return Promise.resolve().then(work)
}

/** A condition that holds at these looks; look 0 is the one before the wait. */
function holdsAt(...numbers: readonly number[]): Judge {
  let number = -1
  return () => numbers.includes((number += 1))
}

/** Throws these errors, one at a time, where one is given. */
function failing<T>(value: T, ...errors: readonly (Error | undefined)[]): () => T {
  let number = -1
  return () => {
    const error = errors[(number += 1)]
    if (error !== undefined) throw error
    return value
  }
}

const MET = { met: true, failure: undefined }
const UNMET = { met: false, failure: undefined }

describe('a condition that holds from the beginning', () => {
  test('is believed after the settle time, over the looks in between', async () => {
    expect(await wait(() => true)).toEqual({ ...MET, elapsedMs: 200, settledMs: 200 })
    expect(looks).toEqual([100, 200])
    expect(reported).toEqual([
      [0, 10_000],
      [100, 9_900],
      [200, 9_800]
    ])
  })

  test('needs a second look even without a settle time, which comes at once', async () => {
    expect(await wait(() => true, { settleMs: 0 })).toEqual({ ...MET, elapsedMs: 0, settledMs: 0 })
    expect(looks).toEqual([0])
  })

  test('is looked at once more at the end of a settle time that is shorter than the pause', async () => {
    expect(await wait(() => true, { settleMs: 30 })).toMatchObject(MET)
    expect(looks).toEqual([30])
  })

  test('is looked at once more at the end of a settle time that ends between two looks', async () => {
    expect(await wait(() => true, { settleMs: 250 })).toMatchObject(MET)
    expect(looks).toEqual([100, 200, 250])
  })

  test('may settle until the very end of the time', async () => {
    expect(await wait(() => true, { settleMs: 200, timeoutMs: 200 })).toMatchObject(MET)
    expect(looks).toEqual([100, 200])
  })

  test('is not believed when the time ends one millisecond before', async () => {
    expect(await wait(() => true, { settleMs: 201, timeoutMs: 200 })).toEqual({
      ...UNMET,
      elapsedMs: 200,
      settledMs: 200
    })
    expect(looks).toEqual([100, 200])
  })
})

describe('a condition that comes later', () => {
  test('settles from when it was first seen', async () => {
    expect(await wait(holdsAt(1, 2, 3), { settleMs: 150 })).toEqual({
      ...MET,
      elapsedMs: 250,
      settledMs: 150
    })
    expect(looks).toEqual([100, 200, 250])
  })

  test('and is interrupted settles afresh', async () => {
    expect(await wait(holdsAt(0, 2, 3, 4))).toMatchObject({ ...MET, settledMs: 200 })
    expect(looks).toEqual([100, 200, 300, 400])
  })

  test('settles from the end of the first look to the beginning of the last', async () => {
    slow(50)
    expect(await wait(holdsAt(1, 2, 3, 4))).toEqual({ ...MET, elapsedMs: 400, settledMs: 200 })
    expect(looks).toEqual([100, 200, 300, 350])
  })

  test('never is given up at the deadline, with a last look at that moment', async () => {
    expect(await wait(() => false, { timeoutMs: 250 })).toEqual({
      ...UNMET,
      elapsedMs: 250,
      settledMs: 0
    })
    expect(looks).toEqual([100, 200, 250])
    expect(reported).toEqual([
      [0, 250],
      [100, 150],
      [200, 50],
      [250, 0]
    ])
  })

  test('never is looked at twice at a deadline that falls on a look', async () => {
    expect(await wait(() => false, { timeoutMs: 200 })).toMatchObject(UNMET)
    expect(looks).toEqual([100, 200])
  })

  test('with the last look, too late to settle, is not believed', async () => {
    expect(await wait(holdsAt(2), { timeoutMs: 200, settleMs: 100 })).toEqual({
      ...UNMET,
      elapsedMs: 200,
      settledMs: 0
    })
  })

  test('and is lost with the last look is not believed', async () => {
    const result = await wait(holdsAt(0, 1), { timeoutMs: 200, settleMs: 200 })
    expect(result).toMatchObject(UNMET)
  })
})

describe('a condition that has settled', () => {
  test('is confirmed once', async () => {
    let asked = 0
    await wait(() => true, {}, { confirm: () => (asked += 1) > 0 })
    expect(asked).toBe(1)
  })

  test('and is not confirmed settles afresh', async () => {
    const confirm = holdsAt(1) as () => boolean
    expect(await wait(() => true, {}, { confirm })).toEqual({
      ...MET,
      elapsedMs: 500,
      settledMs: 200
    })
    expect(looks).toEqual([100, 200, 300, 400, 500])
  })

  test('and is not confirmed in time is not believed', async () => {
    const result = await wait(() => true, { timeoutMs: 300 }, { confirm: () => false })
    expect(result).toMatchObject(UNMET)
    expect(looks).toEqual([100, 200, 300])
  })

  test('and cannot be confirmed for a moment is confirmed later', async () => {
    const confirm = failing(true, new HaproxyError('reset', 'It was reset.'))
    expect(await wait(() => true, {}, { confirm })).toMatchObject(MET)
    // The pause after the failure is twice as long.
    expect(looks).toEqual([100, 200, 400, 500, 600])
    expect(stage.lines).toEqual([
      'info: It was reset. Trying again for up to 9.8s.',
      'info: The statistics page can be read again.'
    ])
  })

  test('and could not be confirmed is not believed, and that is why', async () => {
    const error = new HaproxyError('reset', 'It was reset.')
    const confirm = failing(true, error)
    const result = await wait(() => true, { timeoutMs: 400 }, { confirm })
    expect(result).toEqual({ met: false, elapsedMs: 400, settledMs: 0, failure: error })
    expect(looks).toEqual([100, 200, 400])
  })

  test('and could not be confirmed may be lost since, and then that is why', async () => {
    const confirm = failing(true, new HaproxyError('reset', 'It was reset.'))
    const result = await wait(holdsAt(0, 1, 2, 4), { timeoutMs: 500 }, { confirm })
    expect(result).toEqual({ ...UNMET, elapsedMs: 500, settledMs: 0 })
    expect(looks).toEqual([100, 200, 400, 500])
  })

  test('may be refuted for good', async () => {
    const confirm = failing(true, new HaproxyError('several-haproxies', 'Two of them.'))
    expect((await failureIn(wait(() => true, {}, { confirm }))).message).toBe('Two of them.')
  })
})

describe('the rhythm', () => {
  test('begins with pauses of 100 ms and goes on with a tenth of the time waited', async () => {
    await wait(() => false, { timeoutMs: 1_500, pollMs: 10_000 })
    expect(looks).toEqual([
      100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_100, 1_210, 1_331, 1_465, 1_500
    ])
  })

  test('reaches the poll interval and stays there', async () => {
    await wait(() => false, { timeoutMs: 60_000 })
    const pauses = looks.map((at, index) => at - (looks[index - 1] ?? 0))
    expect(Math.max(...pauses)).toBe(1_000)
    expect(looks.findIndex((_, index) => pauses[index] === 1_000)).toBe(
      looks.findIndex((at) => at > 11_000)
    )
    expect(pauses.slice(-10)).toEqual([...Array<number>(9).fill(1_000), pauses.at(-1)])
  })

  test('is never slower than the poll interval, be it short', async () => {
    await wait(() => false, { timeoutMs: 90, pollMs: 30 })
    expect(looks).toEqual([30, 60, 90])
  })

  test('counts from the beginning of a look, not from its end', async () => {
    slow(40)
    await wait(() => false, { timeoutMs: 300 })
    expect(looks).toEqual([100, 200, 300])
    expect(stage.clock.sleeps).toEqual([100, 60, 60])
  })

  test('does not hurry after a look that took longer than a pause', async () => {
    slow(170)
    await wait(() => false, { timeoutMs: 500 })
    expect(looks).toEqual([100, 270, 440, 610])
    expect(reported.at(-1)).toEqual([780, 0])
  })

  test('has a look soon after something was done, which interrupts what was settling', async () => {
    let number = -1
    const judge = (): Progress => ((number += 1) === 12 ? 'acted' : 'met')
    const options = { timeoutMs: 1_500, pollMs: 10_000, settleMs: 1_300 }
    expect(await wait(judge, options)).toMatchObject({ ...UNMET, settledMs: 190 })
    expect(looks.slice(10)).toEqual([1_100, 1_210, 1_310, 1_441, 1_500])
  })

  test('begins with a judgement of what was seen before, which costs no look', async () => {
    const seen: (readonly Backend[])[] = []
    await wait(
      (backends) => {
        seen.push(backends)
        return false
      },
      { timeoutMs: 1 }
    )
    expect(seen).toEqual([[backend], [backend]])
    expect(looks).toEqual([1])
  })

  test('has a condition that may end it by what it throws', async () => {
    const reason = new Error('the reason')
    await expect(wait(failing(true, reason))).rejects.toBe(reason)
    const lasting = new HaproxyError('changed-meanwhile', 'Somebody did it.')
    await expect(wait(failing(true, lasting))).rejects.toBe(lasting)
    expect(looks).toEqual([])
  })
})

describe('what is seen', () => {
  test('is taken in by the targets before it is judged', async () => {
    stage.at(50, () => {
      page.server('a').cells = { status: 'MAINT', scur: '3' }
    })
    const judged: (readonly [string, number])[] = []
    await wait(
      () => {
        const { status, sessions } = targetIn(backend).now
        judged.push([status, sessions])
        return false
      },
      { timeoutMs: 100 }
    )
    expect(judged).toEqual([
      ['UP', 0],
      ['MAINT', 3]
    ])
  })

  test('is asked for by backend', async () => {
    await wait(() => true, { settleMs: 0 })
    expect(page.requests).toEqual(['GET /admin;csv;scope=web'])
  })
})

describe('a look that fails', () => {
  const HOST = (): string => new URL(page.url).host
  const FAILED = (): string =>
    `Could not read the statistics page ${page.url}: ${HOST()} closed the connection without an answer.`

  /** Lets these looks fail, counted from 1. */
  function fail(...numbers: readonly number[]): void {
    page.before = (_, number) => {
      looked()
      return numbers.includes(number) ? 'reset' : undefined
    }
  }

  test('is no answer, and interrupts what was settling', async () => {
    fail(1)
    expect(await wait(() => true)).toMatchObject({ ...MET, settledMs: 200 })
    // Failed at 100 ms, so after a pause of 200 ms, then settled from there.
    expect(looks).toEqual([100, 300, 400, 500])
  })

  test('is not judged', async () => {
    fail(1)
    const seen: number[] = []
    await wait((backends) => {
      seen.push(backends.length)
      return true
    })
    expect(seen).toEqual([1, 0, 1, 1, 1])
  })

  test('is tried again after pauses that double up to 10 s, and are as before after a good one', async () => {
    fail(1, 2, 3, 4, 5, 6, 7, 8, 9, 11)
    await wait(() => false, { timeoutMs: 60_000, pollMs: 100 })
    expect(looks.slice(0, 14)).toEqual([
      100, 300, 700, 1_500, 3_100, 6_300, 12_700, 22_700, 32_700, 42_700, 42_800, 43_000, 43_100,
      43_200
    ])
  })

  test('is tried again after twice the tenth of the time waited', async () => {
    const numbers = Array.from({ length: 11 }, (_, index) => index + 1)
    fail(11, 12)
    await wait(() => false, { timeoutMs: 2_000 })
    expect(looks.slice(0, numbers.length + 2)).toEqual([
      100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 1_100, 1_320, 1_848
    ])
  })

  test('is tried again after a poll interval that is longer than 10 s itself', async () => {
    fail(...Array.from({ length: 60 }, (_, index) => index + 1))
    await wait(() => false, { timeoutMs: 120_000, pollMs: 20_000 })
    expect(looks.slice(0, 10)).toEqual([
      100, 300, 700, 1_500, 3_900, 16_380, 36_380, 56_380, 76_380, 96_380
    ])
  })

  test('is reported once as long as it is the same, with the time that is left, and that it is over', async () => {
    fail(1, 2, 4)
    await wait(() => false, { timeoutMs: 1_000 })
    expect(looks).toEqual([100, 300, 700, 800, 1_000])
    expect(stage.lines).toEqual([
      `info: ${FAILED()} Trying again for up to 900ms.`,
      'info: The statistics page can be read again.',
      `info: ${FAILED()} Trying again for up to 200ms.`,
      'info: The statistics page can be read again.'
    ])
  })

  test('is reported again when it fails in another way', async () => {
    const troubles: readonly Trouble[] = ['reset', { status: 503 }, { status: 503 }]
    page.before = (_, number) => troubles[number - 1]
    await wait(() => false, { timeoutMs: 2_000 })
    expect(stage.lines.map((line) => line.replace(/.*page http\S+ /, ''))).toEqual([
      `${HOST()} closed the connection without an answer. Trying again for up to 1.9s.`,
      'the request went to a backend that cannot answer (HTTP 503). Trying again for up to 1.7s.',
      'info: The statistics page can be read again.'
    ])
  })

  test('at the deadline is why the wait ended, and nothing goes on', async () => {
    fail(2)
    const { met, failure } = await wait(() => true, { timeoutMs: 200 })
    expect([met, failure?.message]).toEqual([false, FAILED()])
    expect(stage.lines).toEqual([])
  })

  test('before a good one at the deadline is not why the wait ended', async () => {
    fail(1)
    expect(await wait(() => false, { timeoutMs: 200 })).toMatchObject(UNMET)
    expect(looks).toEqual([100, 200])
  })

  test.each<[string, Trouble | undefined, string]>([
    ['the page asks for a password', { status: 401 }, 'login-needed'],
    ['the client is not welcome', { status: 403 }, 'forbidden'],
    ['several processes answer, each for itself', undefined, 'several-processes']
  ])('where %s ends the wait', async (_, trouble, problem) => {
    page.server('a').cells = { pid: '2' }
    page.before = () => trouble
    expect((await failureIn(wait(() => true))).problem).toBe(problem)
    expect(page.requests).toHaveLength(1)
  })

  test('because a target is gone says so', async () => {
    page.servers.splice(0, 1)
    const { met, failure } = await wait(() => false, { timeoutMs: 100 })
    expect([met, failure?.problem, failure?.message]).toEqual([
      false,
      'unknown-server',
      `web/a on ${page.url} is no longer there.`
    ])
  })

  test('by a mistake of ours ends the wait', async () => {
    const mistake = new TypeError('a mistake')
    backend.look = () => Promise.reject(mistake)
    await expect(wait(() => false)).rejects.toBe(mistake)
  })

  test('of one page leaves the others to be judged, and the condition unmet', async () => {
    const other = await stage.page(server('a'))
    const second = await backendOf(stage, other)
    other.before = (_, number) => (number === 2 ? 'reset' : undefined)
    const seen: (readonly Backend[])[] = []
    const judge: Judge = (backends) => {
      seen.push(backends)
      return true
    }
    const backends = [backend, second]
    expect(await wait(judge, { settleMs: 100 }, { backends })).toMatchObject(MET)
    expect(seen).toEqual([backends, [backend], backends, backends])
  })
})

describe('a condition that cannot find out', () => {
  const away = new HaproxyError('timed-out', 'It did not answer.')

  test('is like a look that failed', async () => {
    expect(await wait(failing(true, undefined, away))).toMatchObject({ ...MET, settledMs: 200 })
    expect(looks).toEqual([100, 300, 400, 500])
  })

  test('is asked again after pauses that double, and is reported once', async () => {
    expect(await wait(failing(true, away, away, away), { timeoutMs: 2_000 })).toMatchObject(MET)
    expect(looks).toEqual([200, 600, 1_400, 1_540, 1_600])
    expect(stage.lines).toEqual([
      'info: It did not answer. Trying again for up to 2s.',
      'info: The statistics page can be read again.'
    ])
  })

  test('at the deadline is why the wait ended', async () => {
    const { met, failure } = await wait(failing(true, undefined, away), { timeoutMs: 100 })
    expect([met, failure]).toEqual([false, away])
  })
})

describe('a look near the deadline', () => {
  test.each([
    [3_000, 2_900],
    [1_100, 1_000],
    [1_050, 1_000],
    [100, 1_000]
  ])('with the time out after %i ms gets %i ms for the first', async (timeoutMs, expected) => {
    const given: unknown[] = []
    backend.look = (limits) => {
      given.push(limits)
      return Promise.resolve()
    }
    await wait(() => false, { timeoutMs })
    expect(given[0]).toEqual({ signal: stage.cancelled, timeoutMs: expected })
  })
})

describe('a cancel', () => {
  const reason = new Error('cancelled')

  test('ends the pause between two looks', async () => {
    stage.at(200, () => {
      stage.cancel.abort(reason)
    })
    await expect(wait(() => false)).rejects.toBe(reason)
    expect(looks).toEqual([100])
  })

  test('ends a look', async () => {
    page.before = () => {
      stage.cancel.abort(reason)
      return undefined
    }
    await expect(wait(() => false)).rejects.toBe(reason)
  })

  test('that comes with the last answer ends the wait all the same', async () => {
    backend.look = () => {
      stage.cancel.abort(reason)
      return Promise.resolve()
    }
    await expect(wait(() => true, { settleMs: 0 })).rejects.toBe(reason)
  })
})

describe('why it was not so in time', () => {
  const failure = new HaproxyError('reset', 'It was reset.')

  test.each<[readonly string[], boolean, string]>([
    [['a is UP'], false, 'a is UP.'],
    [['a is UP', 'b is DRAIN'], false, 'a is UP; b is DRAIN.'],
    [[], false, 'the condition held, but not for the whole settle time.'],
    [['a is UP'], true, 'the last look failed. It was reset.'],
    [[], true, 'the last look failed. It was reset.']
  ])('with %j seen, and the last look failing: %s', (seen, isFailing, expected) => {
    const more = { failure: isFailing ? failure : undefined }
    expect(whyNotMet(seen, { met: false, elapsedMs: 1, settledMs: 0, ...more })).toBe(expected)
  })
})
