import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import type { AdminState } from '../../src/haproxy/server.ts'
import { type Target, targetsOf } from '../../src/rotation/pool.ts'
import { allOrNothing, undo, undone } from '../../src/rotation/undo.ts'
import { failureIn } from '../haproxy/failure.ts'
import type { Row } from '../haproxy/page-text.ts'
import { DOWN, MAINT, NO_CHECK } from './admin.ts'
import { short, Stage, ToyPage, type Trouble } from './stage.ts'

let first: ToyPage
let second: ToyPage
let stage: Stage

beforeEach(async () => {
  ;[first, second] = await Promise.all([ToyPage.start([]), ToyPage.start([])])
  stage = new Stage()
})
afterEach(() => Promise.all([first.stop(), second.stop()]))

/** Targets that were found so and then changed by this run; every row is one. */
async function changed(
  state: AdminState,
  rows: readonly Row[],
  toy = first
): Promise<readonly Target[]> {
  toy.rows = rows
  const pools = []
  for (const backend of new Set(rows.map(({ pxname = 'web' }) => pxname))) {
    const names = rows.map(({ svname = '' }) => svname)
    pools.push(await toy.pool(names, backend))
  }
  const limits = { signal: stage.over }
  await Promise.all(pools.map((pool) => pool.ask(state, pool.targets, limits)))
  await Promise.all(pools.map((pool) => pool.look(limits)))
  toy.asked.length = 0
  return targetsOf(pools)
}

/** From now on the page is in trouble at the requests that these words begin. */
function trouble(toy: ToyPage, words: string, what: Trouble): void {
  toy.before = (number) => (toy.asked[number - 1]?.startsWith(words) ? what : undefined)
}

const told = (): string[] => stage.lines.map((line) => short(line, first, second))

async function failureOfUndo(targets: readonly Target[]): Promise<readonly [string, string]> {
  const { problem, message } = await failureIn(undo(targets, stage))
  return [problem, short(message, first, second)]
}

const seen = (targets: readonly Target[]): unknown =>
  targets.map(({ now, certain, undone }) => [now.status, certain, undone])

describe('an undo', () => {
  test.each<[string, Row, AdminState, string, string]>([
    ['UP', {}, 'drain', 'ready', 'UP'],
    ['UP', {}, 'maint', 'ready', 'UP 1/3'],
    ['no check', NO_CHECK, 'maint', 'ready', 'no check'],
    ['DRAIN', { status: 'DRAIN' }, 'maint', 'drain', 'DRAIN 1/3'],
    ['MAINT', MAINT, 'ready', 'maint', 'MAINT'],
    ['DOWN', DOWN, 'drain', 'ready', 'DOWN']
  ])('of a server that was %s', async (_, row, asked, back, status) => {
    const targets = await changed(asked, [{ svname: 'a', ...row }])
    await undo(targets, stage)
    expect(first.asked).toEqual([`POST b=web&action=${back}&s=a`, 'GET /admin;csv;scope=web'])
    expect(seen(targets)).toEqual([[status, true, true]])
    expect(told()).toEqual(['phase: Putting back', `info: Putting back to ${back}: web/a on P1.`])
  })

  test('puts each server back to what it was, on every page', async () => {
    const targets = [
      ...(await changed('maint', [
        { svname: 'a' },
        { svname: 'b', status: 'DRAIN' },
        { svname: 'c' },
        { pxname: 'api', svname: 'a' }
      ])),
      ...(await changed('maint', [{ svname: 'a' }], second))
    ]
    await undo(targets, stage)
    expect(first.changes.sort()).toEqual(['drain web/b', 'ready api/a', 'ready web/a, web/c'])
    expect(second.changes).toEqual(['ready web/a'])
    expect(targets.map(({ undone }) => undone)).toEqual([true, true, true, true, true])
  })

  test('leaves alone what it was not given', async () => {
    const targets = await changed('drain', [{ svname: 'a' }, { svname: 'b' }])
    await undo(targets.slice(0, 1), stage)
    expect(first.changes).toEqual(['ready web/a'])
    expect(targets.map(({ undone }) => undone)).toEqual([true, false])
  })

  test('of a server and of one that tracks it judges both when both were asked', async () => {
    const targets = await changed('maint', [
      { pxname: 'api', svname: 'x', tracked: 'web/a' },
      { svname: 'a' }
    ])
    expect(targets.map(({ now }) => now.status)).toEqual(['MAINT (via web/a)', 'MAINT'])
    await undo(targets, stage)
    expect(seen(targets)).toEqual([
      ['UP 1/3', true, true],
      ['UP 1/3', true, true]
    ])
  })

  test('of a server that was in maint with the one that it tracks lets it follow again', async () => {
    const targets = await changed('ready', [
      { svname: 'a', ...MAINT },
      { pxname: 'api', svname: 'x', ...MAINT, status: 'MAINT (via web/a)', tracked: 'web/a' }
    ])
    await undo(targets, stage)
    expect(first.changes.sort()).toEqual(['maint web/a', 'ready api/x'])
    expect(seen(targets)).toEqual([
      ['MAINT', true, true],
      ['MAINT (via web/a)', true, true]
    ])
  })

  test('tries again where a page is away for a moment', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    first.before = (number) => (number === 1 || number === 3 ? 'reset' : undefined)
    await undo(targets, stage)
    expect(first.changes).toEqual(['ready web/a', 'ready web/a'])
    expect(seen(targets)).toEqual([['UP', true, true]])
  })

  test('goes on when the run is cancelled, also over a page that is away', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    stage.cancel.abort(new Error('cancelled'))
    first.before = (number) => (number === 1 || number === 3 ? 'reset' : undefined)
    await undo(targets, stage)
    expect(seen(targets)).toEqual([['UP', true, true]])
  })

  test('ends when the run must be over, and tells what is not back', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    stage.end.abort(new HaproxyError('cancelled', 'Out of time.'))
    expect(await failureOfUndo(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is perhaps DRAIN. Out of time.'
    ])
    expect(first.asked).toEqual([])
  })
})

describe('an undo that fails', () => {
  test('on one page puts back what is on the other', async () => {
    const targets = [
      ...(await changed('drain', [{ svname: 'a' }])),
      ...(await changed('drain', [{ svname: 'a' }], second))
    ]
    trouble(first, 'POST', { verdict: 'DENY' })
    expect(await failureOfUndo(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is DRAIN. Could not ask P1 for ready of web/a: HAProxy answered DENY.'
    ])
    expect(seen(targets)).toEqual([
      ['DRAIN', true, false],
      ['UP', true, true]
    ])
  })

  test('to hold tells what is seen instead, of every server', async () => {
    const targets = await changed('drain', [
      { svname: 'a', scur: '2' },
      { svname: 'b' },
      { svname: 'c' }
    ])
    first.before = (number) => {
      if (number === 2) {
        first.show('a', { status: 'DRAIN' })
        first.show('c', MAINT)
      }
      return undefined
    }
    expect(await failureOfUndo(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is DRAIN with 2 sessions; web/c on P1 is MAINT.'
    ])
    expect(targets.map(({ undone }) => undone)).toEqual([false, true, false])
  })

  test('to be read back is not known to be done', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    trouble(first, 'GET', { status: 401 })
    expect(await failureOfUndo(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is perhaps DRAIN. Could not read the statistics page P1: the user name or the password was not accepted (HTTP 401).'
    ])
    expect(seen(targets)).toEqual([['DRAIN', false, false]])
  })

  test('in the same words for two servers says them once', async () => {
    const targets = await changed('drain', [{ svname: 'a' }, { svname: 'b' }])
    trouble(first, 'POST', { status: 403 })
    expect((await failureOfUndo(targets))[1]).toBe(
      'web/a on P1 is DRAIN; web/b on P1 is DRAIN. Could not ask P1 for ready of web/a, b: the request was refused (HTTP 403).'
    )
  })

  test('in other words on another page says both', async () => {
    const targets = [
      ...(await changed('drain', [{ svname: 'a' }])),
      ...(await changed('drain', [{ svname: 'a' }], second))
    ]
    trouble(first, 'POST', { verdict: 'DENY' })
    trouble(second, 'POST', { verdict: 'ERRP' })
    expect((await failureOfUndo(targets))[1]).toBe(
      'web/a on P1 is DRAIN; web/a on P2 is DRAIN. Could not ask P1 for ready of web/a: HAProxy answered DENY. Could not ask P2 for ready of web/a: HAProxy answered ERRP.'
    )
  })

  test('to be heard but is seen to be done all the same has been done', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    trouble(first, 'POST', 'done-reset')
    await undo(targets, stage)
    expect(seen(targets)).toEqual([['UP', true, true]])
  })

  test('where the state is hidden is not known to be done', async () => {
    const targets = await changed('drain', [{ svname: 'a', ...DOWN }])
    trouble(first, 'POST', { verdict: 'DENY' })
    expect(await failureOfUndo(targets)).toEqual([
      'did-not-hold',
      'web/a on P1 is DOWN. Could not ask P1 for ready of web/a: HAProxy answered DENY.'
    ])
    expect(targets[0]?.undone).toBe(false)
  })

  test('where the state was hidden, and is seen to be drain, has not been done', async () => {
    const targets = await changed('drain', [{ svname: 'a', ...DOWN }])
    first.before = (number) => {
      if (number === 2) first.show('a', { status: 'DRAIN', check_health: '4' })
      return undefined
    }
    expect(await failureOfUndo(targets)).toEqual(['did-not-hold', 'web/a on P1 is DRAIN.'])
  })
})

describe('a deed, all or nothing,', () => {
  const failure = new HaproxyError('refused', 'It was refused.')

  test('that succeeds gives what it gave, and nothing is put back', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    expect(await allOrNothing(targets, stage, () => Promise.resolve('done'))).toBe('done')
    expect(first.asked).toEqual([])
  })

  test('that fails is undone', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    const { problem, message, advice, cause } = await failureIn(
      allOrNothing(targets, stage, () => Promise.reject(failure))
    )
    expect([problem, message, advice]).toEqual([
      'refused',
      'It was refused. What had changed was put back.',
      failure.advice
    ])
    expect(cause).toBe(failure)
    expect(first.changes).toEqual(['ready web/a'])
  })

  test.each([
    ['by a mistake of ours', new TypeError('a mistake'), false],
    ['when the run is cancelled', failure, true]
  ])('that fails %s stays as it is', async (_, error, isCancelled) => {
    const targets = await changed('drain', [{ svname: 'a' }])
    if (isCancelled) stage.cancel.abort(new Error('cancelled'))
    await expect(allOrNothing(targets, stage, () => Promise.reject(error))).rejects.toBe(error)
    expect(first.asked).toEqual([])
  })
})

describe('a failure', () => {
  const failure = new HaproxyError('not-drained', 'It took too long.', { advice: 'Wait longer.' })

  test('before anything was changed stays as it is', async () => {
    first.rows = [{ svname: 'a' }]
    const { targets } = await first.pool(['a'])
    expect(await undone(failure, targets, stage)).toBe(failure)
    expect([first.asked, stage.lines]).toEqual([[], []])
  })

  test('puts back only the servers that were changed', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    second.rows = [{ svname: 'a' }]
    const { targets: untouched } = await second.pool(['a'])
    const { message } = await undone(failure, [...untouched, ...targets], stage)
    expect(message).toBe('It took too long. What had changed was put back.')
    expect([first.changes, second.asked]).toEqual([['ready web/a'], []])
  })

  test('says what could not be put back, and what to do about both', async () => {
    const targets = await changed('drain', [{ svname: 'a' }])
    trouble(first, 'POST', { verdict: 'DENY' })
    const { problem, message, advice, cause } = await undone(failure, targets, stage)
    expect([problem, short(message, first), advice]).toEqual([
      'not-drained',
      'Not everything could be put back: web/a on P1 is DRAIN. Could not ask P1 for ready of web/a: HAProxy answered DENY. It began with: It took too long.',
      'Put back by hand what is not as it was. Wait longer.'
    ])
    expect(cause).toBeInstanceOf(HaproxyError)
  })
})
