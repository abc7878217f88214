import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { AdminState } from '../../src/haproxy/server.ts'
import {
  askInRounds,
  lookAgain,
  poolsOf,
  refuseIfNotHeld,
  type Step
} from '../../src/rotation/ask.ts'
import type { Pool } from '../../src/rotation/pool.ts'
import { failureIn, failureOf } from '../haproxy/failure.ts'
import { DOWN, MAINT } from './admin.ts'
import { short, Stage, ToyPage } from './stage.ts'

let first: ToyPage
let second: ToyPage
let stage: Stage

beforeEach(async () => {
  const rows = [{ svname: 'a' }, { svname: 'b' }, { svname: 'c' }, { pxname: 'api', svname: 'a' }]
  ;[first, second] = await Promise.all([ToyPage.start(rows), ToyPage.start(rows)])
  stage = new Stage()
})
afterEach(() => Promise.all([first.stop(), second.stop()]))

/** Steps for the targets of a pool, in their order. */
function steps({ targets }: Pool, ...states: readonly (readonly AdminState[])[]): Step[] {
  return targets.map((target, index) => ({ target, states: states[index] ?? [] }))
}

const told = (): string[] => stage.lines.map((line) => short(line, first, second))

describe('asking', () => {
  test('for one state makes one request for each backend', async () => {
    const [web, api] = [await first.pool(['a', 'b']), await first.pool(['a'], 'api')]
    await askInRounds([...steps(web, ['drain'], ['drain']), ...steps(api, ['drain'])], stage)
    expect(first.asked.sort()).toEqual([
      'POST b=api&action=drain&s=a',
      'POST b=web&action=drain&s=a&s=b'
    ])
    expect(told()).toEqual([
      'info: Asking for drain: web/a, web/b on P1.',
      'info: Asking for drain: api/a on P1.'
    ])
  })

  test('for several states asks for one after the other, and groups the servers of each', async () => {
    const pool = await first.pool(['a', 'b', 'c'])
    await askInRounds(steps(pool, ['maint', 'drain'], ['ready'], ['maint']), stage)
    expect(first.changes.slice(0, 2).sort()).toEqual(['maint web/a, web/c', 'ready web/b'])
    expect(first.changes.slice(2)).toEqual(['drain web/a'])
  })

  test('for nothing asks nobody', async () => {
    await askInRounds([], stage)
    await askInRounds(steps(await first.pool(['a']), []), stage)
    expect([first.asked, stage.lines]).toEqual([[], []])
  })

  test('leaves alone the servers that nothing is to be asked for', async () => {
    await askInRounds(steps(await first.pool(['a', 'b']), [], ['maint']), stage)
    expect(first.changes).toEqual(['maint web/b'])
  })

  test('asks a page that was away for a moment again, even where the change may have been made', async () => {
    const pool = await first.pool(['a'])
    first.before = (number) => (number === 1 ? 'done-reset' : undefined)
    await askInRounds(steps(pool, ['drain']), stage)
    expect(first.changes).toEqual(['drain web/a', 'drain web/a'])
    expect(told()).toEqual([
      'info: Asking for drain: web/a on P1.',
      'info: Could not ask P1 for drain of web/a: H1 closed the connection without an answer. Trying again in 250 ms.'
    ])
  })

  test('goes on to the next state nowhere when one page refuses the one before', async () => {
    const [one, two] = [await first.pool(['a']), await second.pool(['a'])]
    second.before = () => ({ verdict: 'DENY' })
    const states: AdminState[] = ['maint', 'drain']
    const { problem } = await failureIn(
      askInRounds([...steps(one, states), ...steps(two, states)], stage)
    )
    expect(problem).toBe('DENY')
    expect([first.changes, second.changes]).toEqual([['maint web/a'], ['maint web/a']])
  })

  test('that has begun goes on when the run is cancelled, and ends when it must be over', async () => {
    const pool = await first.pool(['a'])
    stage.cancel.abort(new Error('cancelled'))
    await askInRounds(steps(pool, ['drain']), stage)
    expect(first.changes).toEqual(['drain web/a'])
    const over = new Error('over')
    stage.end.abort(over)
    await expect(askInRounds(steps(pool, ['ready']), stage)).rejects.toBe(over)
    expect(first.changes).toHaveLength(1)
  })
})

test('the pools of some targets are each named once', async () => {
  const [one, two] = [await first.pool(['a', 'b']), await second.pool(['a'])]
  expect(poolsOf([...one.targets, ...two.targets, ...one.targets])).toEqual([one, two])
})

describe('looking again', () => {
  test('shows what came of a change', async () => {
    const pool = await first.pool(['a'])
    first.show('a', MAINT)
    await lookAgain(pool, stage)
    expect(pool.targets[0]?.now.status).toBe('MAINT')
  })

  test('is tried again after a look that failed', async () => {
    const pool = await first.pool(['a'])
    first.before = (number) => (number === 1 ? 'reset' : undefined)
    await lookAgain(pool, stage)
    expect(first.asked).toHaveLength(2)
  })

  test('ends when the run is cancelled', async () => {
    const pool = await first.pool(['a'])
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(lookAgain(pool, stage)).rejects.toBe(reason)
  })
})

describe('a state', () => {
  /** Steps of servers that now show this; what was asked of each stands before its row. */
  async function shown(
    ...servers: readonly (readonly [readonly AdminState[], Parameters<ToyPage['show']>[1]])[]
  ): Promise<Step[]> {
    const names = ['a', 'b', 'c'].slice(0, servers.length)
    const pool = await first.pool(names)
    servers.forEach(([, row], index) => {
      first.show(names[index] ?? '', row)
    })
    await lookAgain(pool, stage)
    return steps(pool, ...servers.map(([states]) => states))
  }

  test.each<[AdminState[], Parameters<ToyPage['show']>[1]]>([
    [['drain'], { status: 'DRAIN', scur: '3' }],
    [['drain'], DOWN],
    [['ready'], DOWN],
    [['maint', 'drain'], { status: 'DRAIN 1/3' }],
    [['maint'], MAINT],
    [['ready'], { status: 'UP 1/3' }],
    [[], {}],
    [[], MAINT]
  ])('holds: asked for %j, shown %j', async (states, row) => {
    const all = await shown([states, row])
    expect(() => {
      refuseIfNotHeld(all)
    }).not.toThrow()
  })

  test('that does not hold is told of, with what was asked for last and what is shown', async () => {
    const all = await shown(
      [['drain'], { scur: '2' }],
      [['ready'], {}],
      [['maint', 'drain'], MAINT]
    )
    const { problem, message, advice } = failureOf(() => {
      refuseIfNotHeld(all)
    })
    expect([problem, short(message, first)]).toEqual([
      'did-not-hold',
      'The admin state did not hold: web/a on P1 was asked for drain and is UP with 2 sessions; ' +
        'web/c on P1 was asked for drain and is MAINT.'
    ])
    expect(advice).toContain('agent check')
  })

  test('that does not hold because the server follows another comes with the advice to name that one', async () => {
    const all = await shown(
      [['ready'], { status: 'DRAIN' }],
      [['ready'], { tracked: 'api/ok' }],
      [['ready'], { status: 'DRAIN', tracked: 'api/lead' }]
    )
    const { advice } = failureOf(() => {
      refuseIfNotHeld(all)
    })
    expect(advice).toBe('It follows api/lead (track): name that server instead.')
  })
})
