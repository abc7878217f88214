import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { command } from '../../src/rotation/command.ts'
import { lookOnceMore } from '../../src/rotation/look-once-more.ts'
import { rehearse } from '../../src/rotation/rehearse.ts'
import { failureIn } from '../haproxy/failure.ts'
import { short, Stage, ToyPage } from './stage.ts'

let first: ToyPage
let second: ToyPage
let stage: Stage

beforeEach(async () => {
  const rows = [{ svname: 'a', scur: '3' }, { svname: 'b' }, { pxname: 'api', svname: 'a' }]
  ;[first, second] = await Promise.all([ToyPage.start(rows), ToyPage.start(rows)])
  stage = new Stage()
})
afterEach(() => Promise.all([first.stop(), second.stop()]))

const told = (): string[] => stage.lines.map((line) => short(line, first, second))

describe('a command', () => {
  test('is carried out everywhere, and what came of it is seen', async () => {
    const pools = [await first.pool(['a', 'b']), await second.pool(['a'])]
    await command(pools, 'shutdown', stage)
    expect([first.asked, second.asked]).toEqual([
      ['POST b=web&action=shutdown&s=a&s=b', 'GET /admin;csv;scope=web'],
      ['POST b=web&action=shutdown&s=a', 'GET /admin;csv;scope=web']
    ])
    const sessions = pools.flatMap(({ targets }) => targets.map(({ now }) => now.sessions))
    expect(sessions).toEqual([0, 0, 0])
    expect(told()).toEqual(['info: Asking for shutdown: web/a, web/b on P1 and web/a on P2.'])
  })

  test('that one page declines is carried out on the others, and stays so', async () => {
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    first.before = () => ({ verdict: 'NONE' })
    const { problem } = await failureIn(command(pools, 'dhlth', stage))
    expect(problem).toBe('NONE')
    expect([first.changes, second.changes]).toEqual([['dhlth web/a'], ['dhlth web/a']])
    expect(pools.flatMap(({ targets }) => targets.map(({ commanded }) => commanded))).toEqual([
      false,
      true
    ])
  })

  test('is not begun once the run is cancelled', async () => {
    const pool = await first.pool(['a'])
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(command([pool], 'dhlth', stage)).rejects.toBe(reason)
    expect([first.asked, stage.lines]).toEqual([[], []])
  })

  test('that has begun is carried out though the run is cancelled, but not looked at', async () => {
    const pool = await first.pool(['a'])
    const reason = new Error('cancelled')
    first.before = () => {
      stage.cancel.abort(reason)
      return undefined
    }
    await expect(command([pool], 'dhlth', stage)).rejects.toBe(reason)
    expect(first.asked).toEqual(['POST b=web&action=dhlth&s=a'])
    expect(pool.targets[0]?.commanded).toBe(true)
  })

  test('that has begun ends when the run must be over', async () => {
    const pool = await first.pool(['a'])
    const over = new Error('over')
    first.before = () => {
      stage.end.abort(over)
      return undefined
    }
    await expect(command([pool], 'dhlth', stage)).rejects.toBe(over)
  })

  test('is looked at again where the look fails', async () => {
    const pool = await first.pool(['a'])
    first.before = (number) => (number === 2 ? 'reset' : undefined)
    await command([pool], 'hdown', stage)
    expect(first.asked).toHaveLength(3)
    expect(pool.targets[0]?.certain).toBe(true)
  })

  test('that may not have been heard is repeated', async () => {
    const pool = await first.pool(['a'])
    first.before = (number) => (number === 1 ? 'done-reset' : undefined)
    await command([pool], 'ehlth', stage)
    expect(first.changes).toEqual(['ehlth web/a', 'ehlth web/a'])
  })

  test('that was declined is not repeated', async () => {
    const pool = await first.pool(['a'])
    first.before = () => ({ verdict: 'ERRP' })
    await failureIn(command([pool], 'ehlth', stage))
    expect(first.changes).toEqual(['ehlth web/a'])
  })
})

describe('a shutdown of sessions', () => {
  test('that may have been heard is not repeated, for sessions that came since would end too', async () => {
    const pool = await first.pool(['a'])
    first.before = () => 'done-reset'
    expect((await failureIn(command([pool], 'shutdown', stage))).problem).toBe('reset')
    expect(first.changes).toEqual(['shutdown web/a'])
  })

  test('that never arrived is repeated', async () => {
    const pool = await first.pool(['a'])
    await first.stop()
    const { problem } = await failureIn(command([pool], 'shutdown', stage))
    expect([problem, stage.clock.sleeps]).toEqual(['refused', [250, 1_000, 2_500]])
  })
})

describe('a rehearsal', () => {
  test('proves the right to change every backend, and names no server', async () => {
    const pools = [
      await first.pool(['a', 'b']),
      await first.pool(['a'], 'api'),
      await second.pool(['a'])
    ]
    first.before = second.before = () => ({ verdict: 'NONE' })
    await rehearse(pools, stage)
    expect([first.asked.sort(), second.asked]).toEqual([
      ['POST b=api&action=ready', 'POST b=web&action=ready'],
      ['POST b=web&action=ready']
    ])
    expect(stage.lines).toEqual([])
  })

  test('fails where a change would be refused', async () => {
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    first.before = () => ({ verdict: 'NONE' })
    second.before = () => ({ verdict: 'DENY' })
    const { problem, message } = await failureIn(rehearse(pools, stage))
    expect([problem, short(message, first, second)]).toEqual([
      'DENY',
      'Could not prove the right to change web on P2: HAProxy answered DENY.'
    ])
  })

  test('is tried again where a page is away for a moment', async () => {
    const pool = await first.pool(['a'])
    first.before = (number) => (number === 1 ? 'reset' : { verdict: 'NONE' })
    await rehearse([pool], stage)
    expect(first.asked).toHaveLength(2)
  })

  test('ends when the run is cancelled', async () => {
    const pool = await first.pool(['a'])
    const reason = new Error('cancelled')
    first.before = () => {
      stage.cancel.abort(reason)
      return { verdict: 'NONE' }
    }
    await expect(rehearse([pool], stage)).rejects.toBe(reason)
  })
})

describe('the last look at what is not known', () => {
  test('makes it known, and looks nowhere else', async () => {
    const [unknown, known] = [await first.pool(['a', 'b']), await second.pool(['a'])]
    await unknown.ask('drain', unknown.targets.slice(1), { signal: stage.over })
    await lookOnceMore([unknown, known], stage)
    expect(first.asked.at(-1)).toBe('GET /admin;csv;scope=web')
    expect(second.asked).toEqual([])
    expect(unknown.targets.map(({ now, certain }) => [now.status, certain])).toEqual([
      ['UP', true],
      ['DRAIN', true]
    ])
  })

  test('leaves unknown what cannot be seen on one page, and makes the rest known', async () => {
    const pools = [await first.pool(['a']), await second.pool(['a'])]
    for (const pool of pools) {
      await pool.ask('drain', pool.targets, { signal: stage.over })
    }
    first.before = () => 'reset'
    await lookOnceMore(pools, stage)
    expect(pools.map(({ targets }) => targets[0]?.certain)).toEqual([false, true])
    expect(first.asked.filter((request) => request.startsWith('GET'))).toHaveLength(1)
  })

  test('is a short one', async () => {
    const pool = await first.pool(['a'])
    await pool.ask('drain', pool.targets, { signal: stage.over })
    const given: (number | undefined)[] = []
    pool.look = (limits) => {
      given.push(limits.timeoutMs)
      return Promise.resolve()
    }
    await lookOnceMore([pool], stage)
    expect(given).toEqual([500])
  })

  test('is had though the run is cancelled, and ends when it must be over', async () => {
    const pool = await first.pool(['a'])
    await pool.ask('drain', pool.targets, { signal: stage.over })
    stage.cancel.abort(new Error('cancelled'))
    await lookOnceMore([pool], stage)
    expect(pool.targets[0]?.certain).toBe(true)
    await pool.ask('ready', pool.targets, { signal: new AbortController().signal })
    const over = new Error('over')
    stage.end.abort(over)
    await expect(lookOnceMore([pool], stage)).rejects.toBe(over)
  })
})
