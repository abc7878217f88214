import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { HaproxyError } from '../../src/haproxy/errors.ts'
import type { Pool } from '../../src/rotation/pool.ts'
import { stepsOut, takeOut, type TakeOut } from '../../src/rotation/take-out.ts'
import { failureIn } from '../haproxy/failure.ts'
import type { Row } from '../haproxy/page-text.ts'
import { DOWN, MAINT, NO_CHECK } from './admin.ts'
import { short, Stage, ToyPage } from './stage.ts'

const RHYTHM = { timeoutMs: 10_000, intervalMs: 1_000, settleMs: 2_000 }
const ORDER: TakeOut = {
  state: 'drain',
  minUp: 1,
  wait: RHYTHM,
  maxSessions: 0,
  onTimeout: 'fail'
}
const BUSY: readonly Row[] = [{ svname: 'a', scur: '2' }, { svname: 'b' }]

let first: ToyPage
let second: ToyPage
let stage: Stage
/** What was told after every look: elapsed and remaining time. */
let looks: (readonly [number, number])[]

beforeEach(async () => {
  ;[first, second] = await Promise.all([ToyPage.start(BUSY), ToyPage.start(BUSY)])
  stage = new Stage()
  looks = []
})
afterEach(() => Promise.all([first.stop(), second.stop()]))

function take(pools: readonly Pool[], order: Partial<TakeOut> = {}): Promise<boolean> {
  return takeOut(pools, { ...ORDER, ...order }, stage, (elapsed, remaining) => {
    looks.push([elapsed, remaining])
  })
}

const shortly = (text: string): string => short(text, first, second)
const told = (level: string): string[] =>
  stage.lines.filter((line) => line.startsWith(`${level}: `)).map(shortly)

async function failure(...wanted: Parameters<typeof take>): Promise<HaproxyError> {
  return failureIn(take(...wanted))
}

/** Lets the sessions of server a end. */
const end = (toy = first): void => {
  toy.show('a', { scur: '0' })
}

describe('what must be asked for', () => {
  test.each<[Row, boolean, boolean]>([
    [{}, true, true],
    [NO_CHECK, true, true],
    [{ status: 'DRAIN' }, false, true],
    [{ status: 'DRAIN 1/3' }, false, true],
    [MAINT, true, false],
    [DOWN, true, true],
    [{ status: 'NOLB' }, true, true]
  ])('of a server that shows %j: drain %s, maint %s', async (row, drain, maint) => {
    first.rows = [{ svname: 'a', ...row }]
    const pool = await first.pool(['a'])
    const [target] = pool.targets
    expect(stepsOut([pool], 'drain')).toEqual(drain ? [{ target, states: ['drain'] }] : [])
    expect(stepsOut([pool], 'maint')).toEqual(maint ? [{ target, states: ['maint'] }] : [])
  })
})

describe('servers', () => {
  test('are taken out, and waited for until their sessions have ended', async () => {
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    stage.at(1_000, end)
    stage.at(3_000, () => {
      end(second)
    })
    await take(pools)
    expect([first.changes, second.changes]).toEqual([['drain web/a'], ['drain web/a']])
    expect(stage.lines.map(shortly)).toEqual([
      'phase: Changing',
      'info: Asking for drain: web/a on P1.',
      'info: Asking for drain: web/a on P2.',
      'phase: Waiting until drained'
    ])
    expect(looks).toEqual([0, 1, 2, 3, 4, 5].map((s) => [s * 1_000, 10_000 - s * 1_000]))
  })

  test('are not drained while requests wait in their queue', async () => {
    first.rows = [{ svname: 'a', qcur: '1' }, { svname: 'b' }]
    const { problem, message } = await failure([await first.pool(['a'])])
    expect([problem, shortly(message)]).toEqual([
      'not-drained',
      'Not drained within 10s: web/a on P1 is DRAIN with 1 queued.'
    ])
  })

  test('are drained with as many sessions as may remain', async () => {
    await take([await first.pool(['a'])], { maxSessions: 2 })
    expect(looks.at(-1)).toEqual([2_000, 8_000])
  })

  test('are only taken out where there is no waiting', async () => {
    await take([await first.pool(['a'])], { wait: undefined })
    expect(first.asked).toEqual(['POST b=web&action=drain&s=a', 'GET /admin;csv;scope=web'])
    expect([looks, told('phase')]).toEqual([[], ['phase: Changing']])
  })

  test('that are out already are only waited for, whoever else is up', async () => {
    first.rows = [
      { svname: 'a', status: 'DRAIN', scur: '1' },
      { svname: 'b', ...DOWN }
    ]
    const pool = await first.pool(['a'])
    stage.at(1_000, end)
    await take([pool])
    expect([first.changes, stage.lines]).toEqual([[], ['phase: Waiting until drained']])
  })
})

describe('the guard after the change', () => {
  /** Server b goes down while a is taken out. */
  function loseB(): void {
    first.before = (number) => {
      if (number === 2) first.show('b', DOWN)
      return undefined
    }
  }

  test('has everything put back when another server was lost meanwhile', async () => {
    loseB()
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    const { problem, message } = await failure(pools)
    expect([problem, shortly(message)]).toEqual([
      'guard-refused',
      'Without a the backend web on P1 would have 0 serving servers, and min-up asks for 1; not counted: b (DOWN). What had changed was put back.'
    ])
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a', 'ready web/a'],
      ['drain web/a', 'ready web/a']
    ])
  })

  test.each<[string, Row, Partial<TakeOut>]>([
    ['the guard is off', {}, { minUp: 0 }],
    ['the server took no traffic before', DOWN, {}]
  ])('lets it be when %s', async (_, row, order) => {
    first.rows = [{ svname: 'a', ...row }, { svname: 'b' }]
    loseB()
    await take([await first.pool(['a'])], order)
    expect(first.changes).toEqual(['drain web/a'])
  })

  test('lets it be when the other server goes down later', async () => {
    stage.at(1_000, () => {
      first.show('b', DOWN)
    })
    stage.at(3_000, end)
    await take([await first.pool(['a'])])
    expect(first.changes).toEqual(['drain web/a'])
  })
})

describe('a state that is lost while waiting', () => {
  /** What a reload without a state file does. */
  const reload = (): void => {
    first.show('a', { status: 'UP 1/3', check_health: '2', scur: '0' })
  }

  test('is asked for again, and no server is drained without it', async () => {
    stage.at(1_000, reload)
    await take([await first.pool(['a'])])
    expect(first.changes).toEqual(['drain web/a', 'drain web/a'])
    expect(told('warning')).toEqual([
      'warning: web/a on P1 lost the admin state drain and showed UP 1/3; asking again (1 of 3).'
    ])
    expect(looks.at(-1)).toEqual([4_000, 6_000])
  })

  test('is asked for again of the servers that lost it alone', async () => {
    first.rows = [...BUSY, { svname: 'c' }]
    const pool = await first.pool(['a', 'b'])
    stage.at(1_000, reload)
    await take([pool])
    expect(first.changes).toEqual(['drain web/a, web/b', 'drain web/a'])
  })

  test.each<['drain' | 'maint', string, Row, string[]]>([
    ['drain', 'maint', MAINT, []],
    ['drain', 'DOWN', DOWN, []],
    ['maint', 'drain', { status: 'DRAIN' }, ['maint web/a']],
    ['maint', 'DOWN', DOWN, ['maint web/a']]
  ])(
    'is lost or not by what is shown, %s having been asked for and then %s shown',
    async (state, _, row, again) => {
      stage.at(1_000, () => {
        first.show('a', row)
      })
      stage.at(2_000, end)
      await take([await first.pool(['a'])], { state })
      expect(first.changes).toEqual([`${state} web/a`, ...again])
    }
  )

  test('has everything put back when the guard would refuse it now', async () => {
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    stage.at(1_000, reload)
    stage.at(2_000, () => {
      first.show('b', DOWN)
    })
    const { problem, message } = await failure(pools)
    expect(problem).toBe('guard-refused')
    expect(shortly(message)).toMatch(
      /^Without a the backend web on P1 .* What had changed was put back\.$/
    )
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a', 'drain web/a', 'ready web/a'],
      ['drain web/a', 'ready web/a']
    ])
  })

  test('does not concern the guard where the server took no traffic before', async () => {
    first.rows = [
      { svname: 'a', ...DOWN },
      { svname: 'b', ...DOWN }
    ]
    stage.at(1_000, reload)
    await take([await first.pool(['a'])])
    expect(first.changes).toEqual(['drain web/a', 'drain web/a'])
  })

  test('again and again is never green, not even for a maint that shows as drain', async () => {
    stage.clock.onWake = () => {
      first.show('a', { status: 'DRAIN (agent)', scur: '0' })
    }
    const { problem, message } = await failure([await first.pool(['a'])], {
      state: 'maint',
      wait: { ...RHYTHM, settleMs: 0 }
    })
    expect(problem).toBe('did-not-hold')
    expect(shortly(message)).toContain('web/a on P1 would not stay in maint: DRAIN (agent)')
  })

  test('may be hidden by DOWN after a reload, and is asked for once more then', async () => {
    first.rows = [{ svname: 'a', ...DOWN, scur: '1', stot: '9' }, { svname: 'b' }]
    stage.at(2_000, () => {
      first.show('a', { stot: '0', scur: '0' })
    })
    await take([await first.pool(['a'])])
    expect(first.changes).toEqual(['drain web/a', 'drain web/a'])
  })

  test('again and again has everything put back', async () => {
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    for (const second of [1, 2, 3, 4]) {
      stage.at(second * 1_000, reload)
    }
    const { problem, message } = await failure(pools)
    expect([problem, shortly(message)]).toEqual([
      'did-not-hold',
      'web/a on P1 would not stay in drain: UP 1/3 after it was asked for 3 times again. What had changed was put back.'
    ])
    expect(second.changes).toEqual(['drain web/a', 'ready web/a'])
  })
})

describe('a server to which short requests keep coming', () => {
  /** Lets this many requests come to server a, and end, at every second up to this one. */
  function visits(until: number, each = 3): void {
    for (let second = 1; second <= until; second += 1) {
      stage.at(second * 1_000 - 500, () => {
        first.show('a', { scur: '0', stot: String(100 + second * each) })
      })
    }
  }
  const QUIET = [{ svname: 'a', stot: '90' }, { svname: 'b' }]

  test('is drained only when none has come for the settle time', async () => {
    first.rows = QUIET
    visits(4)
    await take([await first.pool(['a'])])
    // The look at 4 s is the last that shows a new one.
    expect(looks.at(-1)?.[0]).toBe(7_000)
    expect(told('info').filter((line) => line.includes('keep coming'))).toEqual([
      'info: New sessions keep coming to web/a on P1, so it is not drained although none shows now.'
    ])
  })

  test('is not drained in time when they go on, and the message says why', async () => {
    first.rows = QUIET
    visits(12)
    const { problem, message } = await failure([await first.pool(['a'])])
    expect([problem, shortly(message)]).toEqual([
      'not-drained',
      'Not drained within 10s: web/a on P1 is DRAIN, and 3 new sessions came to it.'
    ])
  })

  test('even in maint is told what in haproxy.cfg may be the cause', async () => {
    first.rows = QUIET
    visits(12)
    const { advice } = await failure([await first.pool(['a'])], { state: 'maint' })
    expect(advice).toMatch(
      /\. `option persist` or `force-persist` in haproxy\.cfg sends pinned clients even to a server in maint\.$/
    )
  })

  test('is not taken for what a reload does to the counter', async () => {
    first.rows = [{ svname: 'a', stot: '90' }, { svname: 'b' }]
    stage.at(1_000, () => {
      first.show('a', { stot: '0' })
    })
    await take([await first.pool(['a'])])
    expect(told('info').filter((line) => line.includes('keep coming'))).toEqual([])
  })

  test('is drained all the same where sessions may remain', async () => {
    first.rows = QUIET
    visits(12)
    await take([await first.pool(['a'])], { maxSessions: 1 })
    expect(looks.at(-1)?.[0]).toBe(2_000)
    expect(stage.lines.filter((line) => line.includes('keep coming'))).toEqual([])
  })

  test('is not held back by what came before it was out of rotation', async () => {
    first.rows = QUIET
    first.before = (number) => {
      if (number === 1) first.show('a', { stot: '95' })
      return undefined
    }
    await take([await first.pool(['a'])])
    expect(looks.at(-1)?.[0]).toBe(2_000)
  })
})

describe('servers that are not drained in time', () => {
  const NOT_DRAINED = 'Not drained within 10s: web/a on P1 is DRAIN with 2 sessions.'

  test('stay out and make the run fail', async () => {
    first.rows = [...BUSY, { svname: 'c' }]
    const { problem, message, advice, cause } = await failure([await first.pool(['a', 'b'])])
    expect([problem, shortly(message), cause]).toEqual(['not-drained', NOT_DRAINED, undefined])
    expect(advice).toBe(
      'Wait longer (wait-timeout), allow a rest (max-sessions), or end it (on-timeout: shutdown). ' +
        'Clients pinned to a server by cookie or stick table keep coming in drain; maint ends that.'
    )
    expect(first.changes).toEqual(['drain web/a, web/b'])
  })

  test('in maint come without the advice to try maint', async () => {
    const { message, advice } = await failure([await first.pool(['a'])], { state: 'maint' })
    expect(shortly(message)).toBe('Not drained within 10s: web/a on P1 is MAINT with 2 sessions.')
    expect(advice).toBe(
      'Wait longer (wait-timeout), allow a rest (max-sessions), or end it (on-timeout: shutdown).'
    )
  })

  test('because the page cannot be read come with the reason', async () => {
    const pool = await first.pool(['a'])
    first.before = (number) => (number > 2 ? 'reset' : undefined)
    const { message, advice, cause } = await failure([pool])
    const why = 'Could not read the statistics page P1: H1 closed the connection without an answer.'
    expect(shortly(message)).toBe(`Not drained within 10s: it could not be seen at the end. ${why}`)
    expect(advice).toBe((cause as HaproxyError).advice)
    expect(shortly((cause as HaproxyError).message)).toBe(why)
  })

  test('are put back everywhere where that is wanted', async () => {
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    stage.at(1_000, () => {
      end(second)
    })
    const { problem, message } = await failure(pools, { onTimeout: 'restore' })
    expect([problem, shortly(message)]).toEqual([
      'not-drained',
      `${NOT_DRAINED} What had changed was put back.`
    ])
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a', 'ready web/a'],
      ['drain web/a', 'ready web/a']
    ])
  })

  test('are gone on with, with a warning, where that is wanted', async () => {
    expect(await take([await first.pool(['a'])], { onTimeout: 'continue' })).toBe(false)
    expect(told('warning')).toEqual([`warning: ${NOT_DRAINED}`])
    expect(first.changes).toEqual(['drain web/a'])
  })

  test.each(['continue', 'shutdown'] as const)(
    'fail the run all the same where it is to %s, but the page cannot be read',
    async (onTimeout) => {
      const pool = await first.pool(['a'])
      first.before = (number) => (number > 2 ? 'reset' : undefined)
      expect((await failure([pool], { onTimeout })).problem).toBe('not-drained')
      expect([first.changes, told('warning')]).toEqual([['drain web/a'], []])
    }
  )

  test.each(['continue', 'shutdown'] as const)(
    'fail the run all the same where it is to %s, but one is back in rotation',
    async (onTimeout) => {
      first.rows = [...BUSY, { svname: 'c' }]
      const pool = await first.pool(['a', 'b'])
      stage.at(10_000, () => {
        first.show('b', { status: 'UP' })
      })
      const { problem, message } = await failure([pool], { onTimeout })
      expect([problem, shortly(message)]).toEqual([
        'not-drained',
        'Not drained within 10s: web/a on P1 is DRAIN with 2 sessions; web/b on P1 is UP.'
      ])
      expect(first.changes).toEqual(['drain web/a, web/b', 'drain web/b'])
    }
  )
})

describe('sessions that are left when the time is up', () => {
  const SHUTDOWN = { onTimeout: 'shutdown' } as const

  test('are killed where that is wanted, on the busy servers alone', async () => {
    first.rows = [...BUSY, { svname: 'c' }]
    const pools = [await first.pool(['a', 'b']), await second.pool(['a'])]
    end(second)
    await take(pools, SHUTDOWN)
    expect([first.changes, second.changes]).toEqual([
      ['drain web/a, web/b', 'shutdown web/a'],
      ['drain web/a']
    ])
    expect(told('warning')).toEqual([
      'warning: Not drained within 10s: web/a on P1 is DRAIN with 2 sessions. Killing what is left.'
    ])
  })

  test('and no more than may remain are left in peace', async () => {
    first.rows = [...BUSY, { svname: 'c' }]
    first.show('b', { scur: '1' })
    await take([await first.pool(['a', 'b'])], { ...SHUTDOWN, maxSessions: 1 })
    expect(first.changes).toEqual(['drain web/a, web/b', 'shutdown web/a'])
  })

  test('are seen to be gone for the whole settle time, on the same account of time', async () => {
    await take([await first.pool(['a'])], SHUTDOWN)
    expect(looks.slice(-5)).toEqual([
      [10_000, 0],
      [10_000, 9_000],
      [11_000, 8_000],
      [12_000, 7_000],
      [13_000, 6_000]
    ])
  })

  test('and do not end make the run fail', async () => {
    const pool = await first.pool(['a'])
    first.before = (number) =>
      first.asked[number - 1]?.includes('shutdown') ? { verdict: 'DONE' } : undefined
    const { problem, message, advice } = await failure([pool], SHUTDOWN)
    expect([problem, shortly(message)]).toEqual([
      'not-drained',
      'After its sessions were killed: Not drained within 9s: web/a on P1 is DRAIN with 2 sessions.'
    ])
    expect(advice).toContain('maint ends that')
    expect(first.changes).toEqual(['drain web/a', 'shutdown web/a'])
  })

  test('are not killed where the right to is refused', async () => {
    const pool = await first.pool(['a'])
    first.before = (number) =>
      first.asked[number - 1]?.includes('shutdown') ? { verdict: 'DENY' } : undefined
    const { problem, message } = await failure([pool], SHUTDOWN)
    expect([problem, shortly(message)]).toEqual([
      'DENY',
      'Could not ask P1 for shutdown of web/a: HAProxy answered DENY.'
    ])
  })

  test('are killed no more once the run must be over', async () => {
    const pool = await first.pool(['a'])
    const over = new Error('over')
    stage.at(10_000, () => {
      stage.end.abort(over)
    })
    await expect(take([pool], SHUTDOWN)).rejects.toBe(over)
    expect(first.changes).toEqual(['drain web/a'])
  })
})

test('a cancel while waiting leaves the servers out', async () => {
  const pools = [await first.pool(['a']), await second.pool(['a'])]
  const reason = new Error('cancelled')
  stage.at(2_000, () => {
    stage.cancel.abort(reason)
  })
  await expect(take(pools, { onTimeout: 'restore' })).rejects.toBe(reason)
  expect([first.changes, second.changes]).toEqual([['drain web/a'], ['drain web/a']])
})
