import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import type { Pool } from '../../src/rotation/pool.ts'
import { type Outcome, type Rhythm, watch, whyNotMet } from '../../src/rotation/watch.ts'
import { failureIn } from '../haproxy/failure.ts'
import { Stage, ToyPage, type Trouble } from './stage.ts'

const RHYTHM: Rhythm = { timeoutMs: 10_000, intervalMs: 1_000, settleMs: 2_000 }
const START = 5_000

let toy: ToyPage
let stage: Stage
let pool: Pool
/** The time of every look, from the start. */
let looks: number[]
/** What the wait told after every look: elapsed and remaining time. */
let told: (readonly [number, number])[]

beforeEach(async () => {
  toy = await ToyPage.start([{ svname: 'a' }, { svname: 'b', status: 'DRAIN' }])
  pool = await toy.pool(['a'])
  stage = new Stage()
  looks = []
  told = []
  toy.before = () => {
    looks.push(stage.clock.now() - START)
    return undefined
  }
})
afterEach(() => toy.stop())

type Judge = (seen: readonly Pool[]) => boolean | 'acted'

function wait(judge: Judge, rhythm: Partial<Rhythm> = {}, pools = [pool]): Promise<Outcome> {
  return watch(
    pools,
    { ...RHYTHM, ...rhythm },
    (seen) => {
      const judgement = judge(seen)
      return Promise.resolve({ met: judgement === true, acted: judgement === 'acted' })
    },
    stage,
    (elapsed, remaining) => told.push([elapsed, remaining])
  )
}

/** A condition that holds from the first of these looks on and not from the next; look 0 costs nothing. */
function holdsAt(...numbers: readonly number[]): Judge {
  let number = -1
  return () => {
    number += 1
    return numbers.includes(number)
  }
}

const MET = { met: true, blind: undefined }
const UNMET = { met: false, blind: undefined }

describe('a condition that holds from the beginning', () => {
  test('is believed after the settle time, over the looks in between', async () => {
    expect(await wait(() => true)).toEqual({ ...MET, elapsedMs: 2_000 })
    expect(looks).toEqual([1_000, 2_000])
    expect(told).toEqual([
      [0, 10_000],
      [1_000, 9_000],
      [2_000, 8_000]
    ])
  })

  test('needs a second look even without a settle time, which comes at once', async () => {
    expect(await wait(() => true, { settleMs: 0 })).toMatchObject(MET)
    expect(looks).toEqual([0])
  })

  test('is looked at once more at the end of a settle time that is shorter than the interval', async () => {
    expect(await wait(() => true, { settleMs: 300 })).toMatchObject(MET)
    expect(looks).toEqual([300])
  })

  test('is looked at once more at the end of a settle time that ends between two looks', async () => {
    expect(await wait(() => true, { settleMs: 2_500 })).toMatchObject(MET)
    expect(looks).toEqual([1_000, 2_000, 2_500])
  })

  test('may settle until the very end of the time', async () => {
    expect(await wait(() => true, { settleMs: 2_000, timeoutMs: 2_000 })).toMatchObject(MET)
    expect(looks).toEqual([1_000, 2_000])
  })

  test('is not believed when the time ends one millisecond before', async () => {
    expect(await wait(() => true, { settleMs: 2_001, timeoutMs: 2_000 })).toMatchObject(UNMET)
    expect(looks).toEqual([1_000, 2_000])
  })
})

describe('a condition that comes later', () => {
  test('is looked for once in an interval', async () => {
    let number = 0
    expect(await wait(() => (number += 1) > 3, { settleMs: 0 })).toMatchObject(MET)
    expect(looks).toEqual([1_000, 2_000, 3_000, 3_000])
  })

  test('settles from when it was first seen', async () => {
    expect(await wait(holdsAt(1, 2, 3, 4), { settleMs: 1_500 })).toMatchObject(MET)
    expect(looks).toEqual([1_000, 2_000, 2_500])
  })

  test('that is interrupted settles afresh', async () => {
    expect(await wait(holdsAt(0, 2, 3, 4), { settleMs: 2_000 })).toMatchObject(MET)
    expect(looks).toEqual([1_000, 2_000, 3_000, 4_000])
  })

  test('never is given up at the deadline, with a last look at that moment', async () => {
    expect(await wait(() => false, { timeoutMs: 2_500 })).toEqual({ ...UNMET, elapsedMs: 2_500 })
    expect(looks).toEqual([1_000, 2_000, 2_500])
    expect(told).toEqual([
      [0, 2_500],
      [1_000, 1_500],
      [2_000, 500],
      [2_500, 0]
    ])
  })

  test('never is looked at twice at a deadline that falls on a look', async () => {
    expect(await wait(() => false, { timeoutMs: 2_000 })).toMatchObject(UNMET)
    expect(looks).toEqual([1_000, 2_000])
  })

  test('with the last look, too late to settle, is not believed', async () => {
    expect(await wait(holdsAt(2), { timeoutMs: 2_000, settleMs: 100 })).toMatchObject(UNMET)
  })
})

describe('the rhythm', () => {
  test('counts from the beginning of a look, not from its end', async () => {
    toy.before = () => {
      looks.push(stage.clock.now() - START)
      stage.clock.pass(400)
      return undefined
    }
    await wait(() => false, { timeoutMs: 3_000 })
    expect(looks).toEqual([1_000, 2_000, 3_000])
    expect(stage.clock.sleeps).toEqual([1_000, 600, 600])
  })

  test('does not hurry after a look that took longer than an interval', async () => {
    toy.before = () => {
      looks.push(stage.clock.now() - START)
      stage.clock.pass(1_700)
      return undefined
    }
    await wait(() => false, { timeoutMs: 5_000 })
    expect(looks).toEqual([1_000, 2_700, 4_400, 6_100])
    expect(told.at(-1)).toEqual([7_800, 0])
  })

  test('settles from the end of the first look to the beginning of the last', async () => {
    toy.before = () => {
      looks.push(stage.clock.now() - START)
      stage.clock.pass(500)
      return undefined
    }
    expect(await wait(holdsAt(1, 2, 3), { settleMs: 1_000 })).toMatchObject(MET)
    expect(looks).toEqual([1_000, 2_000, 2_500])
  })

  test('is broken by a look at once after something was done', async () => {
    let number = 0
    await wait(() => ((number += 1) === 2 ? 'acted' : false), { timeoutMs: 3_000 })
    expect(looks).toEqual([1_000, 1_000, 2_000, 3_000])
  })

  test('begins with a judgement of what was seen before, which costs no look', async () => {
    const seen: (readonly Pool[])[] = []
    await wait(
      (pools) => {
        seen.push(pools)
        return false
      },
      { timeoutMs: 1 }
    )
    expect(seen).toEqual([[pool], [pool]])
    expect(looks).toEqual([1])
  })

  test('has judges who may end it by what they throw', async () => {
    const reason = new Error('the reason')
    await expect(
      wait(() => {
        throw reason
      })
    ).rejects.toBe(reason)
    expect(looks).toEqual([])
  })
})

describe('what is seen', () => {
  test('is noted in the targets before it is judged', async () => {
    stage.clock.onWake = () => {
      toy.rows = [{ svname: 'a', status: 'MAINT', scur: '3' }]
    }
    const judged: (readonly [string, number])[] = []
    await wait(
      () => {
        judged.push(...pool.targets.map(({ now }) => [now.status, now.sessions] as const))
        return false
      },
      { timeoutMs: 1_000 }
    )
    expect(judged).toEqual([
      ['UP', 0],
      ['MAINT', 3]
    ])
  })

  test('is asked for by backend', async () => {
    await wait(() => true, { settleMs: 0 })
    expect(toy.asked).toEqual(['GET /admin;csv;scope=web'])
  })
})

describe('a look that fails', () => {
  /** Lets these looks fail, counted from 1. */
  function fail(...numbers: readonly number[]): void {
    toy.before = (number) => {
      looks.push(stage.clock.now() - START)
      return numbers.includes(number) ? 'reset' : undefined
    }
  }

  const HOST = (): string => new URL(toy.page.name).host
  const FAILED = (): string =>
    `Could not read the statistics page ${toy.page.name}: ${HOST()} closed the connection without an answer.`

  test('is no answer, and interrupts what was settling', async () => {
    fail(1)
    expect(await wait(() => true, { settleMs: 2_000 })).toMatchObject(MET)
    // Failed at 1 s, so after a pause of 2 s, then settled from there.
    expect(looks).toEqual([1_000, 3_000, 4_000, 5_000])
  })

  test('is not judged', async () => {
    fail(1)
    const seen: number[] = []
    await wait((pools) => {
      seen.push(pools.length)
      return true
    })
    expect(seen).toEqual([1, 0, 1, 1, 1])
  })

  test('is tried again after pauses that double up to 10 s, and are as before after a good one', async () => {
    fail(1, 2, 3, 4, 5, 6, 8)
    await wait(() => false, { timeoutMs: 60_000 })
    expect(looks.slice(0, 11)).toEqual([
      1_000, 3_000, 7_000, 15_000, 25_000, 35_000, 45_000, 46_000, 48_000, 49_000, 50_000
    ])
  })

  test('is tried again after an interval that is longer than 10 s itself', async () => {
    fail(1, 2, 3)
    await wait(() => false, { timeoutMs: 80_000, intervalMs: 20_000 })
    expect(looks).toEqual([20_000, 40_000, 60_000, 80_000])
  })

  test('is told once as long as it is the same, with the time that is left, and that it is over', async () => {
    fail(1, 2, 4)
    await wait(() => false, { timeoutMs: 10_000 })
    expect(looks).toEqual([1_000, 3_000, 7_000, 8_000, 10_000])
    expect(stage.lines).toEqual([
      `info: ${FAILED()} Going on for up to 9s.`,
      'info: The statistics page can be read again.',
      `info: ${FAILED()} Going on for up to 2s.`,
      'info: The statistics page can be read again.'
    ])
  })

  test('at the deadline is told as what blinded the wait, and nothing goes on', async () => {
    fail(2)
    const { met, blind } = await wait(() => true, { timeoutMs: 2_000 })
    expect(met).toBe(false)
    expect(blind?.message).toBe(FAILED())
    expect(stage.lines.filter((line) => line.includes('Going on'))).toEqual([])
  })

  test('before a good one at the deadline blinds nobody', async () => {
    fail(1)
    expect(await wait(() => false, { timeoutMs: 2_000 })).toMatchObject(UNMET)
    expect(looks).toEqual([1_000, 2_000])
  })

  test.each<[string, Trouble | undefined, string]>([
    ['the password is wrong', { status: 401 }, 'unauthorized'],
    ['the client is not welcome', { status: 403 }, 'forbidden'],
    ['several processes answer, each for itself', undefined, 'several-processes']
  ])('where %s ends the wait', async (_, trouble, problem) => {
    toy.rows = [{ svname: 'a', pid: '2' }]
    toy.before = () => trouble
    expect((await failureIn(wait(() => true))).problem).toBe(problem)
    expect(toy.asked).toHaveLength(1)
  })

  test('because a target is gone says so', async () => {
    toy.rows = [{ svname: 'b' }]
    const { met, blind } = await wait(() => false, { timeoutMs: 1_000 })
    expect(met).toBe(false)
    expect([blind?.problem, blind?.message]).toEqual([
      'unknown-server',
      `web/a on ${toy.page.name} is no longer there.`
    ])
  })

  test('by a mistake of ours ends the wait', async () => {
    const mistake = new TypeError('a mistake')
    pool.look = () => Promise.reject(mistake)
    await expect(wait(() => false)).rejects.toBe(mistake)
  })

  test('of one page leaves the others to be judged, and the condition unmet', async () => {
    const other = await ToyPage.start([{ svname: 'a' }])
    try {
      const second = await other.pool(['a'])
      other.before = (number) => (number === 1 ? 'reset' : undefined)
      const seen: (readonly Pool[])[] = []
      const outcome = await wait(
        (pools) => {
          seen.push(pools)
          return true
        },
        { settleMs: 1_000 },
        [pool, second]
      )
      expect(outcome).toMatchObject(MET)
      expect(seen).toEqual([[pool, second], [pool], [pool, second], [pool, second]])
    } finally {
      await other.stop()
    }
  })
})

describe('a look near the deadline', () => {
  test.each([
    [3_000, 2_000],
    [2_000, 1_000],
    [1_500, 1_000],
    [1_000, 1_000]
  ])('with the time out after %i ms gets %i ms for the first', async (timeoutMs, expected) => {
    const given: (number | undefined)[] = []
    pool.look = (limits) => {
      given.push(limits.timeoutMs)
      return Promise.resolve()
    }
    await wait(() => false, { timeoutMs })
    expect(given[0]).toBe(expected)
  })
})

describe('a reload', () => {
  const warning = (): string =>
    `warning: HAProxy was reloaded or restarted: web on ${toy.page.name} counts its sessions from zero. ` +
    'Requests that the process of before still serves can no longer be seen; its `hard-stop-after` ends them.'

  test.each([
    [['5', '4'], 1],
    [['5', '5'], 0],
    [['5', '6'], 0],
    [['5', '0'], 1],
    [['5', '4', '3'], 2]
  ])('is told of when the totals go %j: %i times', async (totals, times) => {
    let number = 0
    toy.before = () => {
      toy.rows = [{ svname: 'a', stot: totals[Math.min(number, totals.length - 1)] ?? '' }]
      number += 1
      return undefined
    }
    await wait(() => false, { timeoutMs: 5_000 })
    expect(stage.lines).toEqual(Array<string>(times).fill(warning()))
  })

  test('that came before the wait is not told of in it', async () => {
    toy.rows = [{ svname: 'a', stot: '9' }]
    await pool.look({ signal: stage.cancelled })
    toy.rows = [{ svname: 'a', stot: '8' }]
    await pool.look({ signal: stage.cancelled })
    await wait(() => false, { timeoutMs: 2_000 })
    expect(stage.lines).toEqual([])
  })

  test('is seen in any row of the page, also in one of another proxy', async () => {
    toy.rows = [{ svname: 'a' }, { pxname: 'stats', svname: 'FRONTEND', type: '0', stot: '8' }]
    await pool.look({ signal: stage.cancelled })
    toy.rows = [{ svname: 'a' }, { pxname: 'stats', svname: 'FRONTEND', type: '0', stot: '7' }]
    await wait(() => false, { timeoutMs: 1_000 })
    expect(stage.lines).toEqual([warning()])
  })

  test('is not seen in rows that come or go', async () => {
    toy.rows = [
      { svname: 'a', stot: '4' },
      { svname: 'c', stot: '9' }
    ]
    await pool.look({ signal: stage.cancelled })
    toy.rows = [
      { svname: 'a', stot: '4' },
      { svname: 'd', stot: '1' }
    ]
    await wait(() => false, { timeoutMs: 1_000 })
    expect(stage.lines).toEqual([])
  })
})

describe('a cancel', () => {
  const reason = new Error('cancelled')

  test('ends the pause between two looks', async () => {
    stage.clock.onWake = (now) => {
      if (now - START >= 2_000) stage.cancel.abort(reason)
    }
    await expect(wait(() => false)).rejects.toBe(reason)
    expect(looks).toEqual([1_000])
  })

  test('ends a look', async () => {
    toy.before = () => {
      stage.cancel.abort(reason)
      return undefined
    }
    await expect(wait(() => false)).rejects.toBe(reason)
  })

  test('that comes with the last answer ends the wait all the same', async () => {
    pool.look = () => {
      stage.cancel.abort(reason)
      return Promise.resolve()
    }
    await expect(wait(() => true, { settleMs: 0 })).rejects.toBe(reason)
  })
})

describe('why it was not so in time', () => {
  const blind = new HaproxyError('reset', 'It was reset.')

  test.each<[readonly string[], HaproxyError | undefined, string]>([
    [['a is UP'], undefined, 'a is UP.'],
    [['a is UP', 'b is DRAIN'], undefined, 'a is UP; b is DRAIN.'],
    [[], undefined, 'it was so, but not for the whole settle time.'],
    [['a is UP'], blind, 'it could not be seen at the end. It was reset.'],
    [[], blind, 'it could not be seen at the end. It was reset.']
  ])('with %j seen and %s', (seen, error, expected) => {
    expect(whyNotMet(seen, { met: false, elapsedMs: 1, blind: error })).toBe(expected)
  })
})
