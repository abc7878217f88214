import { beforeEach, describe, expect, test } from '@jest/globals'
import type { AdminState } from '../../src/haproxy/server.ts'
import type { BringBackOptions } from '../../src/rotation/options.ts'
import { restore } from '../../src/rotation/restore.ts'
import { failureIn } from '../haproxy/failure.ts'
import { type ImitatedOptions, type ImitatedPage, server } from '../support/imitated-page.ts'
import { BRING_BACK, find, firstOf } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage
let page: ImitatedPage

beforeEach(() => {
  stage = set()
})

async function restored(
  state: AdminState,
  a: ImitatedOptions,
  order: Partial<BringBackOptions> = {}
): Promise<void> {
  page = await stage.page(server('a', a), server('b'))
  return restore(state, await find(stage, page), { ...BRING_BACK, ...order }, stage)
}

const lines = (): string[] => stage.lines.map((line) => stage.short(line))

describe('restoring', () => {
  test.each<[AdminState, ImitatedOptions, string]>([
    ['drain', { admin: 'maint' }, 'DRAIN 1/3'],
    ['maint', { admin: 'drain' }, 'MAINT']
  ])('%s asks for it once and says what came of it', async (state, a, status) => {
    await restored(state, a)
    expect(page.requests).toEqual([`POST b=web&action=${state}&s=a`, 'GET /admin;csv;scope=web'])
    expect(lines()).toEqual([
      `info: Asking for ${state}: web/a on P1.`,
      `notice: Restored to ${state}: web/a on P1 is ${status}.`
    ])
  })

  test('ready begins a fresh check and leaves the rest to HAProxy', async () => {
    await restored('ready', { admin: 'maint' })
    expect(page.changes).toEqual(['drain web/a', 'hdown web/a', 'start web/a'])
    expect(lines().at(-1)).toBe(
      'notice: Restored to ready: web/a on P1 is DOWN 1/2, asked for ready.'
    )
    expect(stage.clock.sleeps).toEqual([])
  })

  test('ready goes by what the user wants of a return', async () => {
    await restored('ready', { admin: 'maint' }, { freshCheck: false })
    expect(page.changes).toEqual(['ready web/a'])
  })

  test('no server asks and says nothing', async () => {
    page = await stage.page(server('a'))
    await restore('drain', await find(stage, page, { targets: ['web/x'] }), BRING_BACK, stage)
    expect([page.requests, stage.lines]).toEqual([[], []])
  })

  test.each(['ready', 'drain', 'maint'] as const)(
    '%s is not begun once cancelled',
    async (state) => {
      const reason = new Error('cancelled')
      stage.cancel.abort(reason)
      await expect(restored(state, { admin: 'maint' })).rejects.toBe(reason)
      expect(page.requests).toEqual([])
    }
  )

  test('that does not hold fails, and is not said to be done', async () => {
    const { problem, message } = await failureIn(restored('drain', { cells: { status: 'UP' } }))
    expect([problem, stage.short(message)]).toEqual([
      'did-not-hold',
      'The admin state did not hold: web/a on P1 was asked for drain and is UP.'
    ])
    expect(lines()).toEqual(['info: Asking for drain: web/a on P1.'])
  })
})

test('a server that is restored is known', async () => {
  page = await stage.page(server('a', { admin: 'drain' }))
  const backends = await find(stage, page)
  await restore('maint', backends, BRING_BACK, stage)
  expect(firstOf(backends)).toMatchObject({ isKnown: true, change: { state: 'maint' } })
})
