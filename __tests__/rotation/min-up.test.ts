import { beforeEach, describe, expect, test } from '@jest/globals'
import { Backend } from '../../src/rotation/backend.ts'
import { Instance } from '../../src/rotation/instance.ts'
import { canBeMet, type MinUp, requiredIn, requirementOf } from '../../src/rotation/min-up.ts'
import { server } from '../support/imitated-page.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage

beforeEach(() => {
  stage = set()
})

/** A backend of so many servers, of which `s1` leaves, and besides of slots that DNS has not filled. */
async function backendOf(size: number, slots = 0): Promise<Backend> {
  const servers = Array.from({ length: size }, (_, index) => server(`s${String(index + 1)}`))
  const unresolved = { cells: { status: 'MAINT (resolution)' } }
  const empty = Array.from({ length: slots }, (_, index) => server(`t${String(index)}`, unresolved))
  const page = await stage.page(...servers, ...empty)
  const seen = await page.page.look({ signal: stage.cancelled })
  return new Backend(new Instance(page.page, stage.clock), 'web', { targets: ['s1'] }, seen)
}

const SIZES = [1, 2, 3, 4, 10] as const

describe.each<[MinUp, readonly number[], readonly boolean[]]>([
  // So many must serve, and whether they can, in backends of 1, 2, 3, 4 and 10 servers.
  [0, [0, 0, 0, 0, 0], [true, true, true, true, true]],
  [1, [1, 1, 1, 1, 1], [false, true, true, true, true]],
  [3, [3, 3, 3, 3, 3], [false, false, false, true, true]],
  ['all', [1, 1, 2, 3, 9], [false, true, true, true, true]],
  ['0%', [0, 0, 0, 0, 0], [true, true, true, true, true]],
  ['1%', [1, 1, 1, 1, 1], [false, true, true, true, true]],
  ['25%', [1, 1, 1, 1, 3], [false, true, true, true, true]],
  ['34%', [1, 1, 2, 2, 4], [false, true, true, true, true]],
  ['50%', [1, 1, 2, 2, 5], [false, true, true, true, true]],
  ['70%', [1, 2, 3, 3, 7], [false, false, false, true, true]],
  ['75%', [1, 2, 3, 3, 8], [false, false, false, true, true]],
  ['90%', [1, 2, 3, 4, 9], [false, false, false, false, true]],
  ['99%', [1, 2, 3, 4, 10], [false, false, false, false, false]]
])('min-up %s', (minUp, required, possible) => {
  test.each(SIZES.map((size, index) => [size, required[index], possible[index]] as const))(
    'of %i servers asks for %i, which can hold: %s',
    async (size, expected, holds) => {
      const backend = await backendOf(size)
      expect([requiredIn(backend, minUp), canBeMet(backend, minUp)]).toEqual([expected, holds])
    }
  )
})

test('slots that DNS has not filled are no servers', async () => {
  const backend = await backendOf(4, 6)
  const each = (['all', '50%', 4] as const).map((minUp) => [
    requiredIn(backend, minUp),
    canBeMet(backend, minUp)
  ])
  expect(each).toEqual([
    [3, true],
    [2, true],
    [4, false]
  ])
})

test('the words for it say what it comes to', async () => {
  const backend = await backendOf(4, 1)
  const words = (['all', '50%', 2] as const).map((minUp) => requirementOf(backend, minUp))
  expect(words).toEqual(['3 (all others)', '2 (50% of 4)', '2'])
})
