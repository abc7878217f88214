import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import type { AdminState } from '../../src/haproxy/server.ts'
import type { Step } from '../../src/rotation/ask.ts'
import { change, changeWhatever } from '../../src/rotation/change.ts'
import { failureIn } from '../haproxy/failure.ts'
import { short, Stage, ToyPage } from './stage.ts'

let first: ToyPage
let second: ToyPage
let stage: Stage

beforeEach(async () => {
  ;[first, second] = await Promise.all([
    ToyPage.start([{ svname: 'a' }, { svname: 'b' }]),
    ToyPage.start([{ svname: 'a' }])
  ])
  stage = new Stage()
})
afterEach(() => Promise.all([first.stop(), second.stop()]))

/** Steps for server a on both pages. */
async function steps(...states: readonly AdminState[]): Promise<Step[]> {
  const pools = [await first.pool(['a']), await second.pool(['a'])]
  return pools.flatMap(({ targets }) => targets.map((target) => ({ target, states })))
}

const accept = (): void => undefined
const changes = (): string[][] => [first.changes, second.changes]

describe.each([
  ['all or nothing', (all: readonly Step[]) => change(all, accept, stage)],
  ['whatever comes', (all: readonly Step[]) => changeWhatever(all, stage)]
])('a change, %s,', (_, make) => {
  test('is asked for everywhere and read back', async () => {
    const all = await steps('drain')
    await make(all)
    expect([first.asked, second.asked]).toEqual([
      ['POST b=web&action=drain&s=a', 'GET /admin;csv;scope=web'],
      ['POST b=web&action=drain&s=a', 'GET /admin;csv;scope=web']
    ])
    expect(all.map(({ target: { now, certain } }) => [now.status, certain])).toEqual([
      ['DRAIN', true],
      ['DRAIN', true]
    ])
  })

  test('is not begun once the run is cancelled', async () => {
    const all = await steps('drain')
    const reason = new HaproxyError('cancelled', 'Cancelled.')
    stage.cancel.abort(reason)
    await expect(make(all)).rejects.toBe(reason)
    expect([first.asked, second.asked]).toEqual([[], []])
  })

  test('that is cancelled when it has begun stays as it is', async () => {
    const all = await steps('drain')
    const reason = new HaproxyError('cancelled', 'Cancelled.')
    first.before = () => {
      stage.cancel.abort(reason)
      return undefined
    }
    await expect(make(all)).rejects.toMatchObject({ problem: 'cancelled' })
    expect(changes()).toEqual([['drain web/a'], ['drain web/a']])
  })
})

describe('a change, all or nothing,', () => {
  test('begins a part of the story', async () => {
    await change(await steps('drain'), accept, stage)
    expect(stage.lines[0]).toBe('phase: Changing')
  })

  test('that one page refuses is put back on the other', async () => {
    second.before = (number) => (number === 1 ? { verdict: 'DENY' } : undefined)
    const { problem, message, advice } = await failureIn(
      change(await steps('drain'), accept, stage)
    )
    expect([problem, short(message, first, second)]).toEqual([
      'DENY',
      'Could not ask P2 for drain of web/a: HAProxy answered DENY. What had changed was put back.'
    ])
    expect(advice).toContain('stats admin')
    expect(changes()).toEqual([['drain web/a', 'ready web/a'], ['drain web/a']])
  })

  test('that does not hold on one page is put back on both', async () => {
    second.before = (number) => (number === 1 ? { verdict: 'DONE' } : undefined)
    const { problem, message } = await failureIn(change(await steps('maint'), accept, stage))
    expect([problem, short(message, first, second)]).toEqual([
      'did-not-hold',
      'The admin state did not hold: web/a on P2 was asked for maint and is UP. What had changed was put back.'
    ])
    expect(changes()).toEqual([
      ['maint web/a', 'ready web/a'],
      ['maint web/a', 'ready web/a']
    ])
  })

  test('that is not accepted, by what was read back, is put back', async () => {
    const all = await steps('drain')
    const notAccepted = (): void => {
      const seen = all.map(({ target }) => target.now.status).join(', ')
      throw new HaproxyError('guard-refused', `Too few: ${seen}.`)
    }
    const { problem, message } = await failureIn(change(all, notAccepted, stage))
    expect([problem, message]).toEqual([
      'guard-refused',
      'Too few: DRAIN, DRAIN. What had changed was put back.'
    ])
    expect(all.map(({ target }) => target.undone)).toEqual([true, true])
  })
})

describe('a change, whatever comes,', () => {
  test('is no part of the story by itself', async () => {
    await changeWhatever(await steps('drain'), stage)
    expect(stage.lines.filter((line) => line.startsWith('phase'))).toEqual([])
  })

  test('stays where it was made when it fails elsewhere', async () => {
    second.before = (number) => (number === 1 ? { verdict: 'DONE' } : undefined)
    const { message } = await failureIn(changeWhatever(await steps('maint'), stage))
    expect(short(message, first, second)).toBe(
      'The admin state did not hold: web/a on P2 was asked for maint and is UP.'
    )
    expect(changes()).toEqual([['maint web/a'], ['maint web/a']])
  })

  test('of nothing asks nobody', async () => {
    await changeWhatever([], stage)
    expect([first.asked, second.asked]).toEqual([[], []])
  })
})
