import { beforeEach, describe, expect, test } from '@jest/globals'
import type { AdminState } from '../../src/haproxy/server.ts'
import type { Backend } from '../../src/rotation/backend.ts'
import { isChanged, isMoved, type Target, wasTouched } from '../../src/rotation/target.ts'
import { failureOf } from '../haproxy/failure.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { backendOf, targetIn } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage
let page: ImitatedPage
let backend: Backend
let target: Target

async function begin(cells: Row = {}): Promise<void> {
  stage = set()
  page = await stage.page(server('a', { cells }))
  backend = await backendOf(stage, page)
  target = targetIn(backend)
}

/** Shows the target with these cells. */
async function look(cells: Row): Promise<void> {
  page.server('a').cells = cells
  await backend.look({ signal: stage.cancelled })
}

describe('a target', () => {
  beforeEach(() => begin({ status: 'DRAIN' }))

  test('is as it was found until it is seen again', async () => {
    expect([target.before.status, target.now, target.isKnown]).toEqual([
      'DRAIN',
      target.before,
      true
    ])
    await look({ status: 'MAINT' })
    expect([target.before.status, target.now.status]).toEqual(['DRAIN', 'MAINT'])
  })

  test('goes by its backend, its name and its HAProxy', () => {
    expect(target.backend).toBe(backend)
    expect([target.name, target.fullName]).toEqual(['web/a', `web/a on ${page.url}`])
  })

  test.each([
    ['7', '7', 0],
    ['7', '10', 3],
    ['7', '2', -5]
  ])('with %s sessions and then %s has had %i new ones', async (first, then, expected) => {
    await look({ stot: first })
    await look({ stot: then })
    expect(target.newSessions).toBe(expected)
  })

  test('has had no new sessions when it is found', () => {
    expect(target.newSessions).toBe(0)
  })

  test('keeps why its last check failed while the next one runs, which hides it', async () => {
    const failed = { check_status: 'L7STS', check_code: '503', last_chk: 'Out of coffee' }
    await look(failed)
    expect(target.now.check).toBe('L7STS/503: Out of coffee')
    const running = { check_status: '* L7STS', check_code: '0', last_chk: '', scur: '4' }
    await look(running)
    expect([target.now.check, target.now.sessions]).toEqual(['L7STS/503: Out of coffee', 4])
    await look({ ...running, check_status: '* L7OK' })
    expect(target.now.check).toBe('L7OK')
    await look(failed)
    await look({ ...running, check_status: 'L7STS', check_code: '' })
    expect(target.now.check).toBe('L7STS')
  })

  test('that is gone says so, and that it may come back', () => {
    target.invalidate()
    const { problem, message, advice, transient } = failureOf(() => {
      target.update(undefined)
    })
    expect([problem, message, advice, transient]).toEqual([
      'unknown-server',
      `web/a on ${page.url} is no longer there.`,
      'Was it removed, or HAProxy reloaded without it?',
      true
    ])
    expect(target.isKnown).toBe(false)
  })

  test('with a status that nobody knows says so, and is not taken in', () => {
    target.invalidate()
    const { problem, message, transient } = failureOf(() => {
      target.update({ ...target.before, status: 'UPSIDE', word: undefined })
    })
    expect([problem, message, transient]).toEqual([
      'malformed',
      `web/a on ${page.url} has the unknown status "UPSIDE".`,
      false
    ])
    expect([target.now.status, target.isKnown]).toEqual(['DRAIN', false])
  })
})

describe('what was done to a target', () => {
  const NOTHING = { state: undefined, at: 0, isRolledBack: false, isCommanded: false }
  const record = (): unknown => [target.change, target.isKnown, wasTouched(target)]

  beforeEach(() => begin())

  test('is nothing at first', () => {
    expect(record()).toEqual([NOTHING, true, false])
  })

  test('may be the request for an admin state, after which it must be seen again', async () => {
    target.recordRequest('drain', 7_000)
    expect(record()).toEqual([{ ...NOTHING, state: 'drain', at: 7_000 }, false, true])
    await look({ status: 'DRAIN' })
    expect(target.isKnown).toBe(true)
  })

  test('may be a request of unknown fate, until the next one', () => {
    target.recordRequest('drain', 7_000, true)
    expect(target.change).toEqual({ ...NOTHING, state: 'drain', at: 7_000, isUncertain: true })
    target.recordRequest('drain', 8_000)
    expect(target.change.isUncertain).toBeUndefined()
  })

  test('may be a command, after which it must be seen again', () => {
    target.recordCommand()
    expect(record()).toEqual([{ ...NOTHING, isCommanded: true }, false, true])
  })

  test('may have been rolled back', () => {
    target.recordRequest('drain', 7_000)
    target.recordRollBack()
    const change = { ...NOTHING, state: 'drain', at: 7_000, isRolledBack: true }
    expect(record()).toEqual([change, false, true])
  })

  test('adds up', () => {
    target.recordCommand()
    target.recordRequest('drain', 7_000)
    target.recordRollBack()
    target.recordRequest('maint', 8_000)
    const change = { state: 'maint', at: 8_000, isRolledBack: false, isCommanded: true }
    expect(target.change).toEqual(change)
    target.recordCommand()
    expect(target.change).toEqual(change)
  })
})

interface Past {
  readonly before: string
  readonly state?: AdminState
  /** What a look showed afterwards; without it nothing was seen since. */
  readonly now?: string
  readonly isRolledBack?: boolean
}

describe('a target', () => {
  test.each<[Past, boolean]>([
    [{ before: 'UP' }, false],
    [{ before: 'UP', now: 'DRAIN' }, false],
    [{ before: 'UP', state: 'drain', now: 'DRAIN' }, true],
    [{ before: 'UP', state: 'drain', now: 'UP' }, false],
    [{ before: 'UP', state: 'drain', now: 'UP 1/3' }, false],
    [{ before: 'UP', state: 'drain' }, true],
    [{ before: 'UP', state: 'drain', now: 'DRAIN', isRolledBack: true }, false],
    [{ before: 'UP', state: 'drain', isRolledBack: true }, false],
    [{ before: 'UP', state: 'drain', now: 'DOWN' }, true],
    [{ before: 'UP', state: 'ready', now: 'DOWN' }, false],
    [{ before: 'UP', state: 'ready', now: 'DRAIN' }, true],
    [{ before: 'UP', state: 'ready' }, false],
    [{ before: 'DOWN', state: 'drain', now: 'DOWN' }, true],
    [{ before: 'DOWN', state: 'drain', now: 'DRAIN' }, true],
    [{ before: 'DOWN', state: 'ready', now: 'UP' }, true],
    [{ before: 'DRAIN', state: 'maint', now: 'MAINT' }, true],
    [{ before: 'DRAIN', state: 'drain' }, false],
    [{ before: 'MAINT', state: 'ready', now: 'MAINT' }, false],
    [{ before: 'MAINT', state: 'drain', now: 'DRAIN 1/3' }, true]
  ])('with the past %j is moved: %s', async ({ before, state, now, isRolledBack }, expected) => {
    await begin({ status: before })
    if (state !== undefined) target.recordRequest(state, 1)
    if (now !== undefined) await look({ status: now })
    if (isRolledBack === true) target.recordRollBack()
    expect([isMoved(target), isChanged(target)]).toEqual([expected, expected])
  })

  test('that a command was carried out for is changed, but not moved', async () => {
    await begin()
    target.recordCommand()
    expect([isMoved(target), isChanged(target)]).toEqual([false, true])
  })
})
