import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Pool } from '../../src/rotation/pool.ts'
import { askUnlessAway, Reask } from '../../src/rotation/reask.ts'
import { failureIn } from '../haproxy/failure.ts'
import { Stage, ToyPage } from './stage.ts'

let toy: ToyPage
let stage: Stage
let pool: Pool

beforeEach(async () => {
  toy = await ToyPage.start([
    { svname: 'a' },
    { svname: 'b', scur: '2' },
    { svname: 'c', status: 'DRAIN (agent)' }
  ])
  stage = new Stage()
  pool = await toy.pool(['a', 'b', 'c'])
})
afterEach(() => toy.stop())

const lost = (...names: readonly string[]): Pool['targets'] =>
  pool.targets.filter(({ before }) => names.includes(before.name))

describe('a state that was lost', () => {
  test('is asked for again, in one request, with a warning', async () => {
    const reask = new Reask(stage)
    await reask.ask(pool, 'drain', lost('a', 'b'))
    expect(toy.asked).toEqual(['POST b=web&action=drain&s=a&s=b'])
    expect(stage.lines).toEqual([
      `warning: web/a, web/b on ${toy.page.name} lost the admin state drain and showed UP, UP with 2 sessions; asking again (1 of 3).`
    ])
    expect(lost('a', 'b').map(({ asked, certain }) => [asked, certain])).toEqual([
      ['drain', false],
      ['drain', false]
    ])
    expect(lost('c')[0]?.asked).toBeUndefined()
  })

  test('is told once where several show the same', async () => {
    toy.rows = [{ svname: 'a' }, { svname: 'b' }, { svname: 'c' }]
    await pool.look({ signal: stage.cancelled })
    await new Reask(stage).ask(pool, 'maint', lost('a', 'b'))
    expect(stage.lines[0]).toContain('lost the admin state maint and showed UP; asking again')
  })

  test('by an agent is said to be', async () => {
    await new Reask(stage).ask(pool, 'ready', lost('a', 'c'))
    expect(stage.lines[0]).toContain(
      'lost the admin state ready by an agent check and showed UP, DRAIN (agent); asking again (1 of 3).'
    )
  })

  test('is asked for three times and no more', async () => {
    const reask = new Reask(stage)
    for (const time of [1, 2, 3]) {
      await reask.ask(pool, 'drain', lost('a'))
      expect(stage.lines.at(-1)).toContain(`asking again (${String(time)} of 3).`)
    }
    const { problem, message, advice } = await failureIn(reask.ask(pool, 'drain', lost('a', 'b')))
    expect([problem, message]).toEqual([
      'did-not-hold',
      `web/a, web/b on ${toy.page.name} would not stay in drain: UP, UP with 2 sessions after it was asked for 3 times again.`
    ])
    expect(advice).toContain('agent check')
    expect(toy.asked).toHaveLength(3)
    expect(stage.lines).toHaveLength(3)
  })

  test('is counted for each pool of its own', async () => {
    const other = await toy.pool(['a'])
    const reask = new Reask(stage)
    for (const each of [pool, pool, pool, other]) {
      await reask.ask(each, 'drain', each.targets.slice(0, 1))
    }
    expect(stage.lines.map((line) => /\((\d) of 3\)/.exec(line)?.[1])).toEqual(['1', '2', '3', '1'])
  })

  test('is remembered', async () => {
    const reask = new Reask(stage)
    const other = await toy.pool(['a'])
    expect(reask.happened(pool)).toBe(false)
    await reask.ask(pool, 'drain', lost('a'))
    expect([reask.happened(pool), reask.happened(other)]).toEqual([true, false])
  })

  test('is asked for until the run must be over, not only until it is cancelled', async () => {
    stage.cancel.abort(new Error('cancelled'))
    await new Reask(stage).ask(pool, 'drain', lost('a'))
    expect(toy.asked).toHaveLength(1)
    const over = new Error('over')
    stage.end.abort(over)
    await expect(new Reask(stage).ask(pool, 'drain', lost('a'))).rejects.toBe(over)
    expect(toy.asked).toHaveLength(1)
  })
})

describe('a page that is away when it is asked', () => {
  test('is left to the next look', async () => {
    toy.before = () => 'reset'
    expect(await askUnlessAway(pool, 'drain', lost('a'), stage)).toBe(false)
    const host = new URL(toy.page.name).host
    expect(stage.lines).toEqual([
      `info: Could not ask ${toy.page.name} for drain of web/a: ${host} closed the connection without an answer.`
    ])
    expect(lost('a').map(({ asked, certain }) => [asked, certain])).toEqual([['drain', false]])
  })

  test('with HTTP 503 is left to the next look', async () => {
    toy.before = () => ({ status: 503 })
    expect(await askUnlessAway(pool, 'drain', lost('a'), stage)).toBe(false)
    expect(stage.lines).toHaveLength(1)
  })
})

describe('a page that is there when it is asked', () => {
  test('has done it, and nothing is said', async () => {
    expect(await askUnlessAway(pool, 'maint', lost('a', 'b'), stage)).toBe(true)
    expect(toy.asked).toEqual(['POST b=web&action=maint&s=a&s=b'])
    expect(stage.lines).toEqual([])
  })
})

describe('a page that refuses', () => {
  test('has refused, and nothing is taken to be asked for', async () => {
    toy.before = () => ({ verdict: 'DENY' })
    const { problem } = await failureIn(askUnlessAway(pool, 'drain', lost('a'), stage))
    expect(problem).toBe('DENY')
    expect(lost('a').map(({ asked, certain }) => [asked, certain])).toEqual([[undefined, true]])
    expect(stage.lines).toEqual([])
  })

  test('in part may have changed something', async () => {
    toy.before = () => ({ verdict: 'PART' })
    expect((await failureIn(askUnlessAway(pool, 'drain', lost('a'), stage))).problem).toBe('PART')
    expect(lost('a').map(({ asked, certain }) => [asked, certain])).toEqual([['drain', false]])
  })

  test('by a mistake of ours has failed', async () => {
    const mistake = new TypeError('a mistake')
    pool.ask = () => Promise.reject(mistake)
    await expect(askUnlessAway(pool, 'drain', lost('a'), stage)).rejects.toBe(mistake)
  })
})
