import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { AdminState } from '../../src/haproxy/server.ts'
import {
  isChanged,
  isMoved,
  type Pool,
  type Target,
  targetsOf,
  wasAsked
} from '../../src/rotation/pool.ts'
import { failureIn } from '../haproxy/failure.ts'
import { Stage, ToyPage } from './stage.ts'

let toy: ToyPage
let stage: Stage
let pool: Pool

const ROWS = [
  { svname: 'a' },
  { svname: 'b', status: 'DRAIN' },
  { svname: 'c', status: 'DOWN' },
  { pxname: 'web2', svname: 'a', status: 'MAINT' }
]

beforeEach(async () => {
  toy = await ToyPage.start(ROWS)
  stage = new Stage()
  pool = await toy.pool(['c', 'a'])
})
afterEach(() => toy.stop())

const limits = (): { signal: AbortSignal } => ({ signal: stage.cancelled })
const states = (): unknown =>
  pool.targets.map(({ before, now, certain, asked }) => [before.status, now.status, certain, asked])

describe('a pool', () => {
  test('has its targets in the order of the page, and all servers of its backend alone', () => {
    expect(pool.targets.map(({ name }) => name)).toEqual(['web/a', 'web/c'])
    expect(pool.servers.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(states()).toEqual([
      ['UP', 'UP', true, undefined],
      ['DOWN', 'DOWN', true, undefined]
    ])
  })

  test('sees what changed in targets and others', async () => {
    toy.rows = [{ svname: 'a', status: 'MAINT' }, { svname: 'c' }]
    await pool.look(limits())
    expect(states()).toEqual([
      ['UP', 'MAINT', true, undefined],
      ['DOWN', 'UP', true, undefined]
    ])
    expect(pool.servers.map(({ name }) => name)).toEqual(['a', 'c'])
  })

  test('remembers why the last check failed while the next one runs, which hides it', async () => {
    const checks = async (row: Record<string, string>): Promise<string | undefined> => {
      toy.rows = [{ svname: 'a', ...row }, { svname: 'c' }]
      await pool.look(limits())
      return pool.targets[0]?.now.check
    }
    const failed = { check_status: 'L7STS', check_code: '503', last_chk: 'Out of coffee' }
    expect(await checks(failed)).toBe('L7STS/503: Out of coffee')
    const running = { check_status: '* L7STS', check_code: '0', last_chk: '' }
    expect(await checks(running)).toBe('L7STS/503: Out of coffee')
    expect(await checks({ ...running, check_status: '* L7OK' })).toBe('L7OK')
  })

  test('whose target is gone says so, and that it may come back', async () => {
    toy.rows = ROWS.slice(1)
    const { problem, message, advice, transient } = await failureIn(pool.look(limits()))
    expect([problem, message, advice, transient]).toEqual([
      'unknown-server',
      `web/a on ${toy.page.name} is no longer there.`,
      'Was it removed, or HAProxy reloaded without it?',
      true
    ])
  })

  test('whose target has a status that nobody knows says so', async () => {
    toy.rows = [{ svname: 'a', status: 'UPSIDE' }, { svname: 'c' }]
    const { problem, message } = await failureIn(pool.look(limits()))
    expect([problem, message]).toEqual([
      'malformed',
      `web/a on ${toy.page.name} has the unknown status "UPSIDE".`
    ])
  })

  test('does not mind a server beside its targets that has such a status', async () => {
    toy.rows = [{ svname: 'a' }, { svname: 'b', status: 'UPSIDE' }, { svname: 'c' }]
    await pool.look(limits())
    expect(pool.servers.map(({ status }) => status)).toEqual(['UP', 'UPSIDE', 'UP'])
  })

  test('is not certain of what it asked for until it looks again', async () => {
    await pool.ask('drain', pool.targets.slice(0, 1), limits())
    expect(states()).toEqual([
      ['UP', 'UP', false, 'drain'],
      ['DOWN', 'DOWN', true, undefined]
    ])
    toy.rows = [{ svname: 'a', status: 'DRAIN' }, ...ROWS.slice(1)]
    await pool.look(limits())
    expect(states()).toEqual([
      ['UP', 'DRAIN', true, 'drain'],
      ['DOWN', 'DOWN', true, undefined]
    ])
  })

  test.each(['PART', 'UNKN'])('is not certain after %s', async (verdict) => {
    toy.before = () => ({ verdict })
    expect((await failureIn(pool.ask('drain', pool.targets.slice(0, 1), limits()))).problem).toBe(
      verdict
    )
    expect(pool.targets[0]).toMatchObject({ asked: 'drain', certain: false })
  })

  test.each(['DENY', 'ERRP', 'NONE'])('has asked for nothing after %s', async (verdict) => {
    toy.before = () => ({ verdict })
    await failureIn(pool.ask('drain', pool.targets, limits()))
    expect(pool.targets.map(({ asked, certain }) => [asked, certain])).toEqual([
      [undefined, true],
      [undefined, true]
    ])
  })

  test('is not certain when nobody knows whether it was heard', async () => {
    toy.before = () => 'reset'
    await failureIn(pool.ask('drain', pool.targets.slice(0, 1), limits()))
    expect(pool.targets[0]).toMatchObject({ asked: 'drain', certain: false })
  })

  test('is certain of nothing after a look that failed, until one that did not', async () => {
    toy.before = (number) => (number === 1 ? 'reset' : undefined)
    await failureIn(pool.look(limits()))
    expect(pool.targets.map(({ now, certain }) => [now.status, certain])).toEqual([
      ['UP', false],
      ['DOWN', false]
    ])
    await pool.look(limits())
    expect(pool.targets.map(({ certain }) => certain)).toEqual([true, true])
  })

  test('is certain of the targets that are there, not of the one that is gone', async () => {
    toy.rows = ROWS.filter(({ svname }) => svname !== 'c')
    await failureIn(pool.look(limits()))
    expect(pool.targets.map(({ certain }) => certain)).toEqual([true, false])
  })

  test('counts reloads', async () => {
    const seen: number[] = []
    for (const stot of ['5', '4', '4', '0', '9']) {
      toy.rows = [{ svname: 'a', stot }, { svname: 'c' }]
      await pool.look(limits())
      seen.push(pool.reloads)
    }
    expect(seen).toEqual([0, 1, 1, 2, 2])
  })
})

describe('targets', () => {
  test('of several pools are all of theirs', async () => {
    const other = await toy.pool(['a'], 'web2')
    expect(targetsOf([pool, other]).map(({ name }) => name)).toEqual(['web/a', 'web/c', 'web2/a'])
  })

  interface Past {
    readonly before: string
    readonly asked?: AdminState
    readonly now?: string
    readonly certain?: boolean
    readonly undone?: boolean
  }

  async function targetWith({ before, now = before, ...past }: Past): Promise<Target> {
    toy.rows = [{ svname: 'a', status: before }]
    const [target] = (await toy.pool(['a'])).targets
    if (target === undefined) throw new Error('There is no target.')
    toy.rows = [{ svname: 'a', status: now }]
    await target.pool.look(limits())
    return Object.assign(target, past)
  }

  test.each<[Past, boolean]>([
    [{ before: 'UP' }, false],
    [{ before: 'UP', now: 'DRAIN' }, false],
    [{ before: 'UP', asked: 'drain', now: 'DRAIN' }, true],
    [{ before: 'UP', asked: 'drain', now: 'UP' }, false],
    [{ before: 'UP', asked: 'drain', now: 'UP 1/3' }, false],
    [{ before: 'UP', asked: 'drain', now: 'UP', certain: false }, true],
    [{ before: 'UP', asked: 'drain', now: 'DRAIN', undone: true }, false],
    [{ before: 'UP', asked: 'drain', now: 'DOWN' }, true],
    [{ before: 'UP', asked: 'ready', now: 'DOWN' }, false],
    [{ before: 'UP', asked: 'ready', now: 'DRAIN' }, true],
    [{ before: 'UP', asked: 'ready', certain: false }, false],
    [{ before: 'DOWN', asked: 'drain' }, true],
    [{ before: 'DOWN', asked: 'ready', now: 'UP' }, true],
    [{ before: 'DRAIN', asked: 'maint', now: 'MAINT' }, true],
    [{ before: 'DRAIN', asked: 'drain', certain: false }, false],
    [{ before: 'MAINT', asked: 'ready', now: 'MAINT' }, false],
    [{ before: 'MAINT', asked: 'drain', now: 'DRAIN 1/3' }, true]
  ])('that have the past %j are moved: %s', async (past, expected) => {
    const target = await targetWith(past)
    expect([isMoved(target), isChanged(target)]).toEqual([expected, expected])
    expect(wasAsked(target)).toBe(past.asked !== undefined)
  })

  test('that a command was carried out for are changed, but not moved', async () => {
    const target = await targetWith({ before: 'DRAIN' })
    await target.pool.command('shutdown', [target], limits())
    expect(toy.asked.at(-1)).toBe('POST b=web&action=shutdown&s=a')
    expect([target.asked, target.certain]).toEqual([undefined, false])
    expect([isMoved(target), isChanged(target), wasAsked(target)]).toEqual([false, true, true])
  })

  test('that a command was refused for are neither', async () => {
    const target = await targetWith({ before: 'DRAIN' })
    toy.before = () => ({ verdict: 'NONE' })
    await failureIn(target.pool.command('dhlth', [target], limits()))
    expect([isMoved(target), isChanged(target), wasAsked(target)]).toEqual([false, false, false])
    expect(target.certain).toBe(true)
  })

  test('that are put back keep what was asked of them, and are not certain', async () => {
    const target = await targetWith({ before: 'UP', asked: 'drain', now: 'DRAIN' })
    await target.pool.putBack('ready', [target], limits())
    expect(toy.asked.at(-1)).toBe('POST b=web&action=ready&s=a')
    expect([target.asked, target.certain]).toEqual(['drain', false])
  })
})
