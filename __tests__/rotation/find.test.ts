import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import {
  findPools,
  refuseUndrivable,
  refuseUnknownStatus,
  type Wanted
} from '../../src/rotation/find.ts'
import { type Pool, targetsOf } from '../../src/rotation/pool.ts'
import { failureIn, failureOf } from '../haproxy/failure.ts'
import type { Row } from '../haproxy/page-text.ts'
import { Stage, ToyPage } from './stage.ts'

const FRONTEND = { svname: 'FRONTEND', type: '0' } as const
const BACKEND = { svname: 'BACKEND', type: '1' } as const

const ROWS: readonly Row[] = [
  { pxname: 'users', ...FRONTEND },
  { pxname: 'web', svname: 'node1' },
  { pxname: 'web', svname: 'node2', status: 'DOWN' },
  { pxname: 'web', ...BACKEND },
  { pxname: 'web-api', svname: 'node1', bck: '1' },
  { pxname: 'web-api', svname: 'node3' },
  { pxname: 'web-api', ...BACKEND },
  { pxname: 'all', ...FRONTEND },
  { pxname: 'all', svname: 'node4' },
  { pxname: 'all', ...BACKEND },
  { pxname: 'empty', ...BACKEND }
]

let first: ToyPage
let second: ToyPage
let stage: Stage

beforeEach(async () => {
  ;[first, second] = await Promise.all([ToyPage.start(ROWS), ToyPage.start(ROWS)])
  stage = new Stage()
})
afterEach(async () => {
  await Promise.all([first.stop(), second.stop()])
})

function find(
  backends: Wanted['backends'],
  servers: readonly string[],
  pages = [first.page]
): Promise<Pool[]> {
  return findPools({ pages, backends, servers }, stage)
}

async function found(...wanted: Parameters<typeof find>): Promise<string[]> {
  return targetsOf(await find(...wanted)).map(({ fullName }) => short(fullName))
}

async function missed(...wanted: Parameters<typeof find>): Promise<readonly [string, string]> {
  const { problem, message } = await failureIn(find(...wanted))
  return [problem, short(message)]
}

function short(text: string): string {
  return text.replaceAll(first.page.name, 'P1').replaceAll(second.page.name, 'P2')
}

describe('servers', () => {
  test('of one backend are found there, with all servers beside them', async () => {
    const pools = await find(['web'], ['node2'])
    expect(pools.map(({ backend }) => backend)).toEqual(['web'])
    expect(pools[0]?.targets.map(({ before }) => [before.name, before.status])).toEqual([
      ['node2', 'DOWN']
    ])
    expect(pools[0]?.servers.map(({ name }) => name)).toEqual(['node1', 'node2'])
  })

  test('of one backend cost one look, narrowed to it', async () => {
    await find(['web'], ['node1', 'node2'])
    expect(first.asked).toEqual(['GET /admin;csv;scope=web'])
  })

  test('of several backends are found in each of them', async () => {
    expect(await found(['web', 'web-api'], ['node1'])).toEqual([
      'web/node1 on P1',
      'web-api/node1 on P1'
    ])
  })

  test('of a proxy that is frontend and backend in one are found', async () => {
    expect(await found(['all'], ['node4'])).toEqual(['all/node4 on P1'])
  })

  test('of a backend whose own row is hidden are found', async () => {
    first.rows = [{ pxname: 'web', svname: 'node1' }]
    expect(await found(['web'], ['node1'])).toEqual(['web/node1 on P1'])
  })

  test('on several HAProxies are found on each of them', async () => {
    expect(await found(['web'], ['node1'], [first.page, second.page])).toEqual([
      'web/node1 on P1',
      'web/node1 on P2'
    ])
  })

  test('in every backend are found with one look at everything', async () => {
    expect(await found('every', ['node1', 'node3'])).toEqual([
      'web/node1 on P1',
      'web-api/node1 on P1',
      'web-api/node3 on P1'
    ])
    expect(first.asked).toEqual(['GET /admin;csv'])
  })

  test('in every backend leave alone the backends that have none of them', async () => {
    const pools = await find('every', ['node4'])
    expect(pools.map(({ backend }) => backend)).toEqual(['all'])
  })

  test('of a name that begins another are not that other', async () => {
    expect(await missed(['web'], ['node'])).toEqual([
      'unknown-server',
      'The backend web on P1 has no server node; there are the servers node1, node2. Did you mean node1?'
    ])
  })
})

describe('what is missing', () => {
  test.each<[string, string[], string[], string]>([
    [
      'a server',
      ['web'],
      ['nod1'],
      'The backend web on P1 has no server nod1; there are the servers node1, node2. Did you mean node1?'
    ],
    [
      'a server in other capitals',
      ['web'],
      ['NODE2'],
      'The backend web on P1 has no server NODE2; there are the servers node1, node2. Did you mean node2?'
    ],
    [
      'a server like no other',
      ['web'],
      ['xyz'],
      'The backend web on P1 has no server xyz; there are the servers node1, node2.'
    ],
    [
      'a server of another backend',
      ['web'],
      ['node3'],
      'The backend web on P1 has no server node3; there are the servers node1, node2. Did you mean node1?'
    ],
    [
      'all servers',
      ['empty'],
      ['node1'],
      'The backend empty on P1 has no server node1; it shows no server at all.'
    ],
    [
      'a server that is a row for the whole proxy',
      ['web'],
      ['BACKEND'],
      'The backend web on P1 has no server BACKEND (that is a row for the whole proxy); there are the servers node1, node2.'
    ],
    [
      'another server that is a row for the whole proxy',
      ['all'],
      ['FRONTEND'],
      'The backend all on P1 has no server FRONTEND (that is a row for the whole proxy); there are the servers node4.'
    ],
    [
      'servers with names that only begin or end so',
      ['all'],
      ['FRONTEND1', 'MY-BACKEND'],
      'The backend all on P1 has no server FRONTEND1; there are the servers node4. ' +
        'The backend all on P1 has no server MY-BACKEND; there are the servers node4.'
    ],
    [
      'one of two servers, and one in another backend',
      ['web', 'web-api'],
      ['node1', 'node3'],
      'The backend web on P1 has no server node3; there are the servers node1, node2. Did you mean node1?'
    ]
  ])('is named, with what there is: %s', async (_, backends, servers, message) => {
    expect(await missed(backends, servers)).toEqual(['unknown-server', message])
  })

  test.each<[string, string, string]>([
    [
      'a backend',
      'wep',
      'The statistics page P1 shows no backend wep; there are the backends web, web-api, all, empty. Did you mean web?'
    ],
    [
      'a backend in other capitals',
      'Web-API',
      'The statistics page P1 shows no backend Web-API; there are the backends web, web-api, all, empty. Did you mean web-api?'
    ],
    [
      'a backend like no other',
      'xyzxyz',
      'The statistics page P1 shows no backend xyzxyz; there are the backends web, web-api, all, empty.'
    ],
    [
      'a backend that is a frontend',
      'users',
      'The statistics page P1 shows no backend users: users is a frontend.'
    ]
  ])('is named, with what there is: %s', async (_, backend, message) => {
    expect(await missed([backend], ['node1'])).toEqual(['unknown-backend', message])
  })

  test('in a backend that is a frontend comes with the advice to name the backend', async () => {
    const { advice } = await failureIn(find(['users'], ['node1']))
    expect(advice).toBe('Name the backend that the frontend sends its traffic to.')
  })

  test('costs one more look, at everything, to say what there is', async () => {
    first.before = () => {
      first.rows = first.asked.length === 1 ? [] : ROWS
      return undefined
    }
    expect((await missed(['wep'], ['node1']))[1]).toContain('Did you mean web?')
    expect(first.asked).toEqual(['GET /admin;csv;scope=wep', 'GET /admin;csv'])
  })

  test('on a page without anything is named too', async () => {
    first.rows = []
    expect(await missed(['web'], ['node1'])).toEqual([
      'unknown-backend',
      'The statistics page P1 shows no backend web; it shows no backend at all.'
    ])
  })

  test('in every backend is named', async () => {
    expect(await missed('every', ['node1', 'node9'])).toEqual([
      'unknown-server',
      'No backend on P1 has a server node9; there are the servers node1, node2, node3, node4. Did you mean node1?'
    ])
  })

  test('is named all at once, on every page', async () => {
    second.rows = ROWS.filter(({ pxname }) => pxname !== 'web')
    expect(await missed(['web', 'all'], ['node1'], [first.page, second.page])).toEqual([
      'unknown-server',
      'The backend all on P1 has no server node1; there are the servers node4. Did you mean node4? ' +
        'The statistics page P2 shows no backend web; there are the backends web-api, all, empty. ' +
        'The backend all on P2 has no server node1; there are the servers node4. Did you mean node4?'
    ])
  })

  test.each([
    [20, ''],
    [21, ' and 1 more'],
    [25, ' and 5 more']
  ])('among %i names is listed with at most 20 of them', async (count, more) => {
    const names = Array.from({ length: count }, (_, index) => `s${String(index)}`)
    first.rows = names.map((svname) => ({ svname }))
    const [, message] = await missed(['web'], ['unlike-any-other'])
    expect(message).toBe(
      `The backend web on P1 has no server unlike-any-other; there are the servers ${names.slice(0, 20).join(', ')}${more}.`
    )
  })

  test.each([
    ['abcd', 'abxy', true],
    ['abcd', 'axyz', false],
    ['abc', 'axy', true],
    ['abc', 'xyz', false]
  ])('%s is like %s when at most half of it differs: %s', async (wanted, name, alike) => {
    first.rows = [{ svname: name }]
    const [, message] = await missed(['web'], [wanted])
    expect(message.endsWith(` Did you mean ${name}?`)).toBe(alike)
  })
})

describe('a page that cannot be read', () => {
  test('for a moment is read again', async () => {
    first.before = (number) => (number === 1 ? 'reset' : undefined)
    expect(await found(['web'], ['node1'])).toEqual(['web/node1 on P1'])
    expect(stage.clock.sleeps).toEqual([250])
  })

  test('fails all of it, however much is found elsewhere', async () => {
    second.before = () => ({ status: 401 })
    expect(await missed(['web'], ['node1'], [first.page, second.page])).toEqual([
      'unauthorized',
      'Could not read the statistics page P2: the user name or the password was not accepted (HTTP 401).'
    ])
  })

  test('goes before what is missing elsewhere', async () => {
    second.before = () => ({ status: 404 })
    const [problem] = await missed(['nope'], ['node1'], [first.page, second.page])
    expect(problem).toBe('wrong-path')
  })

  test('is not read again once the run is cancelled', async () => {
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(find(['web'], ['node1'])).rejects.toBe(reason)
  })
})

describe('a target that cannot be driven', () => {
  async function refusal(
    rows: readonly Row[],
    servers: readonly string[]
  ): Promise<string | undefined> {
    first.rows = rows
    const targets = targetsOf(await find('every', servers))
    try {
      refuseUndrivable(targets)
    } catch {
      const { problem, message, advice } = failureOf(() => {
        refuseUndrivable(targets)
      })
      expect([problem, advice]).toEqual(['undrivable', ''])
      return short(message)
    }
    return undefined
  }

  test.each([
    'UP',
    'UP 1/3',
    'DOWN',
    'DOWN 1/2',
    'NOLB',
    'DRAIN',
    'DRAIN (agent)',
    'MAINT',
    'no check'
  ])('is none that is %s', async (status) => {
    expect(await refusal([{ svname: 'a', status }], ['a'])).toBeUndefined()
  })

  test('has a host name that cannot be resolved', async () => {
    expect(await refusal([{ svname: 'a', status: 'MAINT (resolution)' }], ['a'])).toBe(
      'web/a on P1 is MAINT (resolution): HAProxy cannot resolve its host name, and only DNS can end that (`resolvers` in haproxy.cfg).'
    )
  })

  test('follows another server, which is named', async () => {
    const row = { svname: 'a', status: 'MAINT (via web/lead)', tracked: 'web/lead' }
    expect(await refusal([row], ['a'])).toBe(
      'web/a on P1 is MAINT (via web/lead): it follows web/lead; name that server instead.'
    )
  })

  test('follows another server, which is named from the status where the column is empty', async () => {
    const row = { svname: 'a', status: 'MAINT (via web/lead)' }
    expect(await refusal([row], ['a'])).toBe(
      'web/a on P1 is MAINT (via web/lead): it follows web/lead; name that server instead.'
    )
  })

  test('may follow a server that is itself a target', async () => {
    const rows = [
      { svname: 'lead', status: 'MAINT' },
      { svname: 'a', status: 'MAINT (via web/lead)', tracked: 'web/lead' }
    ]
    expect(await refusal(rows, ['a', 'lead'])).toBeUndefined()
    expect(await refusal(rows, ['a'])).toBeDefined()
  })

  test('may not follow a target of that name on another page', async () => {
    first.rows = [{ svname: 'a', status: 'MAINT (via web/lead)' }]
    second.rows = [{ svname: 'lead' }]
    const targets = targetsOf([
      ...(await find(['web'], ['a'])),
      ...(await find(['web'], ['lead'], [second.page]))
    ])
    expect(
      failureOf(() => {
        refuseUndrivable(targets)
      }).problem
    ).toBe('undrivable')
  })

  test('is told of with all others', async () => {
    const rows = [
      { svname: 'a', status: 'MAINT (resolution)' },
      { svname: 'b', status: 'MAINT (via x/y)' },
      { svname: 'c' }
    ]
    expect(await refusal(rows, ['a', 'b', 'c'])).toBe(
      'web/a on P1 is MAINT (resolution): HAProxy cannot resolve its host name, and only DNS can end that (`resolvers` in haproxy.cfg). ' +
        'web/b on P1 is MAINT (via x/y): it follows x/y; name that server instead.'
    )
  })
})

test('targets with a status that nobody knows are refused, also for a mere look', async () => {
  first.rows = [
    { svname: 'a', status: 'UPSIDE DOWN' },
    { svname: 'b' },
    { svname: 'c', status: 'hm' }
  ]
  const targets = targetsOf(await find('every', ['a', 'b', 'c']))
  const { problem, message } = failureOf(() => {
    refuseUnknownStatus(targets)
  })
  expect([problem, short(message)]).toEqual([
    'malformed',
    'A status that HAProxy is not known to write: web/a on P1 has "UPSIDE DOWN"; web/c on P1 has "hm".'
  ])
  const known = targets.filter(({ before }) => before.name === 'b')
  expect(() => {
    refuseUnknownStatus(known)
  }).not.toThrow()
})
