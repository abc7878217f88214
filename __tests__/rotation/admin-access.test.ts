import { beforeEach, describe, expect, test } from '@jest/globals'
import { checkAdminAccess } from '../../src/rotation/admin-access.ts'
import type { Backend } from '../../src/rotation/backend.ts'
import { failureIn } from '../haproxy/failure.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'
import { find } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage
let first: ImitatedPage
let second: ImitatedPage

beforeEach(async () => {
  stage = set()
  first = await stage.page(server('a'), server('a', { backend: 'api' }))
  second = await stage.page(server('a'))
})

async function onBoth(): Promise<Backend[]> {
  const targets = ['web/a', 'api/a']
  return [...(await find(stage, first, { targets })), ...(await find(stage, second))]
}

describe('a check of the right to change', () => {
  test('is one request for each backend that names no server, and is not said', async () => {
    await checkAdminAccess(await onBoth(), stage)
    expect(first.requests).toEqual(['POST b=web&action=ready', 'POST b=api&action=ready'])
    expect(second.requests).toEqual(['POST b=web&action=ready'])
    expect(stage.lines).toEqual([])
  })

  test('fails where a change would be refused', async () => {
    second.admin = false
    const { problem, message } = await failureIn(checkAdminAccess(await onBoth(), stage))
    expect([problem, stage.short(message)]).toEqual([
      'DENY',
      'Could not check the right to change web on P2: HAProxy answered DENY.'
    ])
  })

  test('is tried again where a page is away for a moment', async () => {
    const backends = await find(stage, first)
    first.before = (_, number) => (number === 1 ? 'reset' : undefined)
    await checkAdminAccess(backends, stage)
    expect(first.requests).toHaveLength(2)
  })

  test('ends when the run is cancelled', async () => {
    const backends = await find(stage, first)
    const reason = new Error('cancelled')
    first.at(1, () => {
      stage.cancel.abort(reason)
    })
    await expect(checkAdminAccess(backends, stage)).rejects.toBe(reason)
  })
})
