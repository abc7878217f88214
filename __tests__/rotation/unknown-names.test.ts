import { describe, expect, test } from '@jest/globals'
import { parseStatsCsv, type Snapshot } from '../../src/haproxy/csv.ts'
import { Instance } from '../../src/rotation/instance.ts'
import { addressHint, listOf, noBackend } from '../../src/rotation/unknown-names.ts'
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
    ['is none of which the only letter differs', 'a', ['b'], undefined],
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

  async function missing(
    name: string,
    everything: Snapshot,
    servers: readonly string[] | 'every' = ['node1']
  ): Promise<readonly string[]> {
    const stage = set()
    const instance = new Instance((await stage.page()).page, stage.clock)
    const { problem, message, advice } = noBackend(instance, name, servers, everything)
    expect(problem).toBe('unknown-backend')
    return [stage.short(message), advice]
  }

  const EVERYTHING = [
    { pxname: 'users', svname: 'FRONTEND', type: '0' },
    { pxname: 'web', svname: 'BACKEND', type: '1' },
    { pxname: 'all', svname: 'FRONTEND', type: '0' },
    { pxname: 'all', svname: 'BACKEND', type: '1' }
  ]

  test('is reported with those that it shows', async () => {
    expect(await missing('wep', snapshot(...EVERYTHING))).toEqual([
      'The statistics page P1 shows no backend wep; there are the backends web, all. Did you mean web?',
      expect.stringContaining('Check the spelling')
    ])
  })

  test('may be a frontend, which leads to one', async () => {
    expect(await missing('users', snapshot(...EVERYTHING))).toEqual([
      'The statistics page P1 shows no backend users: users is a frontend.',
      'Name the backend that the frontend sends its traffic to.'
    ])
  })

  test('may be the server, and the server the backend', async () => {
    const everything = snapshot(
      { pxname: 'web', svname: 'BACKEND', type: '1' },
      { pxname: 'web', svname: 'node1' },
      { pxname: 'very', svname: 'node2' }
    )
    expect(await missing('node1', everything, ['node3', 'web'])).toEqual([
      'The statistics page P1 shows no backend node1, but web is a backend, and node1 a server in it: backend and server seem to be swapped.',
      'Swap the two.'
    ])
    expect((await missing('node1', everything, ['node3']))[1]).toContain('Check the spelling')
    expect((await missing('node9', everything, ['web']))[1]).toContain('Check the spelling')
    expect((await missing('node2', everything, 'every'))[1]).toContain('Check the spelling')
  })

  test('may be one of none', async () => {
    expect((await missing('web', snapshot()))[0]).toBe(
      'The statistics page P1 shows no backend web; it shows no backend at all.'
    )
  })
})

describe('a server that is named by its address', () => {
  const servers = [
    { name: 'node1', addr: '10.0.0.1:8080' },
    { name: 'node2', addr: '10.0.0.2:8080' },
    { name: 'node3', addr: '10.0.0.2:8081' },
    { name: 'node4', addr: '' },
    { name: 'node5', addr: '10.20.30.40:80' }
  ].map(({ name, addr }) => ({ pxname: 'web', svname: name, addr }))
  const hint = (wanted: string): string | undefined =>
    addressHint(wanted, parseStatsCsv(pageText(servers), 'a page').servers)
  const ADDRESS = 'That looks like an address, but its name in haproxy.cfg is needed'

  test.each([
    ['10.0.0.1:8080', `${ADDRESS}: that is node1.`],
    ['10.0.0.1', `${ADDRESS}: that is node1.`],
    ['10.0.0.2:8081', `${ADDRESS}: that is node3.`],
    ['10.0.0.2', `${ADDRESS}.`],
    ['10.0.0.9:8080', `${ADDRESS}.`],
    ['app.example.com:8080', `${ADDRESS}.`],
    ['10.20.30.40', `${ADDRESS}: that is node5.`],
    ['10.20.30.40:80', `${ADDRESS}: that is node5.`],
    ['10.20.30.41:x', undefined],
    ['node10.0.0.9', undefined],
    ['10.0.0.9.x', undefined],
    ['app:8080x', undefined],
    ['node9', undefined],
    ['node1.10.0.0.1.x', undefined],
    ['a:b', undefined]
  ])('%s: %s', (wanted, expected) => {
    expect(hint(wanted)).toBe(expected)
  })
})
