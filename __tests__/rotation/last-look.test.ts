import { beforeEach, expect, test } from '@jest/globals'
import type { Backend } from '../../src/rotation/backend.ts'
import { lastLook } from '../../src/rotation/last-look.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'
import { backendOf, targetIn } from './backends.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage
let page: ImitatedPage
let unknown: Backend
let known: Backend

beforeEach(async () => {
  stage = set()
  page = await stage.page(server('a'), server('b'), server('a', { backend: 'web2' }))
  unknown = await backendOf(stage, page, { targets: ['a', 'b'] })
  known = await backendOf(stage, page, { name: 'web2' })
  targetIn(unknown, 'b').invalidate()
  page.requests.length = 0
})

test('the last look is at backends with a target that is not known, and at no others', async () => {
  page.server('b').set({ maint: true }, 0)
  await lastLook([unknown, known], stage)
  expect(page.requests).toEqual(['GET /admin;csv;scope=web'])
  expect([targetIn(unknown, 'b').isKnown, targetIn(unknown, 'b').now.status]).toEqual([
    true,
    'MAINT'
  ])
})

test('the last look costs nothing where everything is known', async () => {
  await lastLook([known], stage)
  expect(page.requests).toEqual([])
})

test('the last look that fails leaves the target unknown', async () => {
  page.before = () => 'reset'
  await lastLook([unknown], stage)
  expect(targetIn(unknown, 'b').isKnown).toBe(false)
})

test('the last look goes on when the run is cancelled, for up to half a second', async () => {
  stage.cancel.abort(new Error('cancelled'))
  const given: unknown[] = []
  unknown.look = (limits) => {
    given.push(limits)
    return Promise.resolve()
  }
  await lastLook([unknown], stage)
  expect(given).toEqual([{ signal: stage.over, timeoutMs: 500 }])
})

test('the last look ends when the run must be over', async () => {
  const reason = new Error('over')
  stage.end.abort(reason)
  await expect(lastLook([unknown], stage)).rejects.toBe(reason)
})
