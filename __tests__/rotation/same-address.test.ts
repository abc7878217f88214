import { beforeEach, describe, expect, test } from '@jest/globals'
import type { Snapshot } from '../../src/haproxy/csv.ts'
import { Instance } from '../../src/rotation/instance.ts'
import {
  describeOthers,
  type Other,
  refuseSharedAddresses,
  type SharedAddresses,
  sharedAddresses
} from '../../src/rotation/same-address.ts'
import { failureOf } from '../haproxy/failure.ts'
import { server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const HERE = '10.0.0.1:8080'

let stage: Stage

beforeEach(() => {
  stage = set()
})

/** Who shares the addresses of the servers of `web`, of which none but those leave. */
async function shared(rows: readonly Row[], targets = ['a']): Promise<SharedAddresses> {
  const page = await stage.page(
    ...rows.map(({ pxname = 'web', svname = 'a', ...cells }) =>
      server(svname, { backend: pxname, cells })
    )
  )
  const snapshot: Snapshot = await page.page.look({ signal: stage.cancelled })
  const instance = new Instance(page.page, stage.clock)
  const leaving = snapshot.servers.filter(
    ({ backend, name }) => backend === 'web' && targets.includes(name)
  )
  return sharedAddresses(instance, snapshot, leaving, (each) => leaving.includes(each))
}

const names = (others: readonly Other[]): string[] =>
  others.map(({ server: { backend, name } }) => `${backend}/${name}`)

async function found(...rows: readonly Row[]): Promise<readonly (readonly string[])[]> {
  const all = await shared([{ svname: 'a', addr: HERE }, ...rows])
  return [names(all.same), names(all.otherPort), names(all.unknown)]
}

const NOBODY = [[], [], []]

describe('a server that was not named', () => {
  test.each<[string, Row, readonly (readonly string[])[]]>([
    ['is at the same address', { svname: 'x', addr: HERE }, [['api/x'], [], []]],
    ['is at another port of it', { svname: 'x', addr: '10.0.0.1:9090' }, [[], ['api/x'], []]],
    ['is at the same port of another host', { svname: 'x', addr: '10.0.0.2:8080' }, NOBODY],
    ['has the same name at another address', { svname: 'a', addr: '10.0.0.2:8080' }, NOBODY],
    ['has the same name at an address that is not shown', { svname: 'a' }, [[], [], ['api/a']]],
    ['has another name and an address that is not shown', { svname: 'x' }, NOBODY],
    ['cannot be compared', { svname: 'x', addr: '0.0.0.0:8080' }, NOBODY]
  ])('%s', async (_, row, expected) => {
    expect(await found({ pxname: 'api', ...row })).toEqual(expected)
  })

  test('is found in the same backend, too', async () => {
    expect(await found({ svname: 'x', addr: HERE })).toEqual([['web/x'], [], []])
  })

  test.each<[string, Row, boolean]>([
    ['takes traffic', { status: 'UP' }, true],
    ['is in drain, where pinned clients reach it', { status: 'DRAIN' }, true],
    ['is in maint', { status: 'MAINT' }, false],
    ['is in maint with a session', { status: 'MAINT', scur: '1' }, true],
    ['is in maint with a request queued', { status: 'MAINT', qcur: '1' }, true],
    ['is down', { status: 'DOWN' }, false]
  ])('counts by whether anybody can reach it: it %s', async (_, cells, counts) => {
    const [same] = await found({ pxname: 'api', svname: 'x', addr: HERE, ...cells })
    expect(same).toEqual(counts ? ['api/x'] : [])
  })

  test.each<[string, Row, readonly string[]]>([
    ['is down', { status: 'DOWN' }, ['api/x']],
    ['is on its way up', { status: 'DOWN 1/2' }, ['api/x']],
    ['is down with a session', { status: 'DOWN', scur: '1' }, []],
    ['is in maint', { status: 'MAINT' }, []],
    ['takes traffic', { status: 'UP' }, []]
  ])('may come up or not: it %s', async (_, cells, expected) => {
    const { down } = await shared([
      { addr: HERE },
      { pxname: 'api', svname: 'x', addr: HERE, ...cells },
      { pxname: 'api', svname: 'y', addr: '10.0.0.1:9090', ...cells }
    ])
    expect(names(down)).toEqual(expected)
  })

  test('may come up at an address that is not shown', async () => {
    const { down, unknown } = await shared([
      { addr: HERE },
      { pxname: 'api', svname: 'a', status: 'DOWN' }
    ])
    expect([names(down), names(unknown)]).toEqual([[], ['api/a']])
  })

  test('is unknown by the address of the target, too', async () => {
    const { same, otherPort, unknown } = await shared([
      { svname: 'a' },
      { pxname: 'api', svname: 'a', addr: HERE },
      { pxname: 'api', svname: 'b' }
    ])
    expect([names(same), names(otherPort), names(unknown)]).toEqual([[], [], ['api/a']])
  })

  test('belongs to the instance that was looked at', async () => {
    const { same } = await shared([{ addr: HERE }, { pxname: 'api', svname: 'x', addr: HERE }])
    expect(stage.short(same[0]?.instance.name ?? '')).toBe('P1')
  })

  test('is found for any of the targets, and once for several', async () => {
    const rows = ['a', 'b', 'c'].map((svname) => ({ svname, addr: HERE }))
    const { same } = await shared([...rows, { pxname: 'api', svname: 'x', addr: HERE }], ['a', 'b'])
    expect(names(same)).toEqual(['web/c', 'api/x'])
    const apart = [
      { svname: 'a', addr: HERE },
      { svname: 'b', addr: '10.0.0.9:80' }
    ]
    const beside = await shared([...apart, { svname: 'c', addr: HERE }], ['a', 'b'])
    expect(names(beside.same)).toEqual(['web/c'])
  })
})

test.each([
  [HERE, HERE, true],
  [HERE, '', false],
  ['', '', false]
])('addresses "%s" and "%s" of two targets are all shown: %s', async (a, b, expected) => {
  const rows = [
    { svname: 'a', addr: a },
    { svname: 'b', addr: b }
  ]
  expect((await shared(rows, ['a', 'b'])).areShown).toBe(expected)
})

describe('others at the address', () => {
  test('are named with their status, each once', async () => {
    const { same } = await shared([
      { addr: HERE },
      { pxname: 'api', svname: 'x', addr: HERE },
      { pxname: 'api', svname: 'y', addr: HERE, status: 'DRAIN' }
    ])
    expect(stage.short(describeOthers([...same, ...same]))).toBe(
      'api/x on P1 (UP), api/y on P1 (DRAIN)'
    )
  })

  test('are refused', async () => {
    const all = await shared([{ addr: HERE }, { pxname: 'api', svname: 'x', addr: HERE }])
    const { problem, message } = failureOf(() => {
      refuseSharedAddresses(all)
    })
    expect([problem, stage.short(message)]).toEqual([
      'same-address',
      'The same address is in use by servers that were not named: api/x on P1 (UP).'
    ])
  })

  test('are not refused on another port, nor for their name alone, nor while they are down', async () => {
    const all = await shared([
      { addr: HERE },
      { pxname: 'api', svname: 'x', addr: '10.0.0.1:9090' },
      { pxname: 'api', svname: 'a' },
      { pxname: 'api', svname: 'd', addr: HERE, status: 'DOWN' }
    ])
    expect(() => {
      refuseSharedAddresses(all)
    }).not.toThrow()
  })
})
