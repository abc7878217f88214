import { describe, expect, test } from '@jest/globals'
import { parseStatsCsv, type Snapshot } from '../../src/haproxy/csv.ts'
import { Instance } from '../../src/rotation/instance.ts'
import { listOf, noBackend } from '../../src/rotation/unknown-names.ts'
import { pageText, type Row } from '../support/page-text.ts'
import { stageSetter } from './stage.ts'

const set = stageSetter()

describe('names that there are', () => {
  test('are listed with what they name', () => {
    expect(listOf('server', ['node1', 'node2'], 'xyz')).toBe('there are the servers node1, node2.')
    expect(listOf('backend', [], 'xyz')).toBe('it shows no backend at all.')
  })

  test.each([
    [20, ''],
    [21, ' and 1 more'],
    [25, ' and 5 more']
  ])('are %i, of which at most 20 are listed', (count, more) => {
    const names = Array.from({ length: count }, (_, index) => `s${String(index)}`)
    const listed = names.slice(0, 20).join(', ')
    expect(listOf('server', names, 'unlike-any-other')).toBe(
      `there are the servers ${listed}${more}.`
    )
  })
})

describe('a name that may have been meant', () => {
  test.each<[string, string, readonly string[], string | undefined]>([
    ['is the most similar', 'nod1', ['node1', 'node2'], 'node1'],
    ['is the most similar, wherever it stands', 'nod2', ['node1', 'node2'], 'node2'],
    ['is one with other capitals', 'NODE2', ['node1', 'node2'], 'node2'],
    ['is one that is written with capitals', 'node2', ['Node1', 'Node2'], 'Node2'],
    ['is none when nothing is similar', 'xyz', ['node1', 'node2'], undefined],
    ['is one of which half differs', 'abcd', ['abxy'], 'abxy'],
    ['is none of which more than half differs', 'abcd', ['axyz'], undefined],
    ['is one of which the smaller half is alike', 'abc', ['axy'], 'axy'],
    ['is none of which all differs', 'abc', ['xyz'], undefined],
    ['is none when two are equally near', 'node', ['node1', 'node2'], undefined],
    ['is none when two differ in capitals only', 'web', ['WEB', 'Web'], undefined],
    [
      'is one when two that are farther off are equally near',
      'nod1',
      ['node1', 'node2', 'node3'],
      'node1'
    ],
    ['is none that differs in digits only', 'node3', ['node1'], undefined],
    ['is none that differs in digits and capitals only', 'NODE3', ['Node1'], undefined],
    ['is none that has more digits', 'node1', ['node01'], undefined],
    ['is one that differs in digits and more', 'nod3', ['node1'], 'node1']
  ])('%s: %s among %j', (_, wanted, names, meant) => {
    const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
    expect(listOf('server', names, wanted)).toBe(
      `there are the servers ${names.join(', ')}.${hint}`
    )
  })
})

describe('a backend that the page does not show', () => {
  const snapshot = (...rows: readonly Row[]): Snapshot => parseStatsCsv(pageText(rows), 'a page')

  async function missing(name: string, everything: Snapshot): Promise<readonly string[]> {
    const stage = set()
    const instance = new Instance((await stage.page()).page, stage.clock)
    const { problem, message, advice } = noBackend(instance, name, everything)
    expect(problem).toBe('unknown-backend')
    return [stage.short(message), advice]
  }

  const EVERYTHING = snapshot(
    { pxname: 'users', svname: 'FRONTEND', type: '0' },
    { pxname: 'web', svname: 'BACKEND', type: '1' },
    { pxname: 'all', svname: 'FRONTEND', type: '0' },
    { pxname: 'all', svname: 'BACKEND', type: '1' }
  )

  test('is reported with those that it shows', async () => {
    expect(await missing('wep', EVERYTHING)).toEqual([
      'The statistics page P1 shows no backend wep; there are the backends web, all. Did you mean web?',
      expect.stringContaining('Check the spelling')
    ])
  })

  test('may be a frontend, which leads to one', async () => {
    expect(await missing('users', EVERYTHING)).toEqual([
      'The statistics page P1 shows no backend users: users is a frontend.',
      'Name the backend that the frontend sends its traffic to.'
    ])
  })

  test('may be one of none', async () => {
    expect((await missing('web', snapshot()))[0]).toBe(
      'The statistics page P1 shows no backend web; it shows no backend at all.'
    )
  })
})
