import { beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import { followersOf, targetsOf } from '../../src/rotation/backend.ts'
import { find, type Found, type FindOptions } from '../../src/rotation/find.ts'
import { failureIn } from '../haproxy/failure.ts'
import { type ImitatedServer, type ImitatedPage, server } from '../support/imitated-page.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage
let first: ImitatedPage
let second: ImitatedPage

/** A row for a whole proxy. */
function proxy(name: string, kind: 'FRONTEND' | 'BACKEND'): ImitatedServer {
  const cells = { type: kind === 'FRONTEND' ? '0' : '1' }
  return server(kind, { backend: name, checked: false, cells })
}

const rows = (): ImitatedServer[] => [
  proxy('users', 'FRONTEND'),
  server('node1'),
  server('node2', { down: true }),
  proxy('web', 'BACKEND'),
  server('node1', { backend: 'web-api', cells: { bck: '1' } }),
  server('node3', { backend: 'web-api' }),
  proxy('web-api', 'BACKEND'),
  proxy('all', 'FRONTEND'),
  server('node4', { backend: 'all' }),
  proxy('all', 'BACKEND'),
  proxy('empty', 'BACKEND')
]

beforeEach(async () => {
  stage = set()
  first = await stage.page(...rows())
  second = await stage.page(...rows())
})

/** Has the first page show these rows and no others. */
function show(...servers: readonly ImitatedServer[]): void {
  first.servers.splice(0, Infinity, ...servers)
}

function look(wanted: Partial<FindOptions>): Promise<Found> {
  return find(
    {
      pages: [first.page],
      backends: ['web'],
      servers: ['node1'],
      withOthers: false,
      processLooks: 0,
      oneInstance: false,
      ...wanted
    },
    stage
  )
}

async function found(wanted: Partial<FindOptions>): Promise<string[]> {
  const { backends } = await look(wanted)
  return targetsOf(backends).map(({ fullName }) => stage.short(fullName))
}

async function missed(wanted: Partial<FindOptions>): Promise<readonly [string, string]> {
  const { problem, message } = await failureIn(look(wanted))
  return [problem, stage.short(message)]
}

/** Both ways of looking: at the backends alone, and at the whole page. */
const WAYS = [
  ['looking at the backends alone', false],
  ['looking at the whole page', true]
] as const

describe.each(WAYS)('servers, %s,', (_, withOthers) => {
  test('of one backend are found there, with all servers beside them', async () => {
    const { backends } = await look({ servers: ['node2'], withOthers })
    expect(backends.map(({ name }) => name)).toEqual(['web'])
    expect(targetsOf(backends).map(({ before }) => [before.name, before.status])).toEqual([
      ['node2', 'DOWN']
    ])
    expect(backends[0]?.servers.map(({ name }) => name)).toEqual(['node1', 'node2'])
    expect(followersOf(backends)).toEqual([])
  })

  test('of several backends are found in each of them', async () => {
    expect(await found({ backends: ['web', 'web-api'], withOthers })).toEqual([
      'web/node1 on P1',
      'web-api/node1 on P1'
    ])
  })

  test('of a proxy that is frontend and backend in one are found', async () => {
    expect(await found({ backends: ['all'], servers: ['node4'], withOthers })).toEqual([
      'all/node4 on P1'
    ])
  })

  test('of a backend whose own row is hidden are found', async () => {
    show(server('node1'))
    expect(await found({ withOthers })).toEqual(['web/node1 on P1'])
  })

  test('on several HAProxies are found on each of them', async () => {
    expect(await found({ pages: [first.page, second.page], withOthers })).toEqual([
      'web/node1 on P1',
      'web/node1 on P2'
    ])
  })

  test('in every backend are found with one look at everything', async () => {
    expect(await found({ backends: 'every', servers: ['node1', 'node3'], withOthers })).toEqual([
      'web/node1 on P1',
      'web-api/node1 on P1',
      'web-api/node3 on P1'
    ])
    expect(first.requests).toEqual(['GET /admin;csv'])
  })

  test('in every backend leave alone the backends that have none of them', async () => {
    const { backends } = await look({ backends: 'every', servers: ['node4'], withOthers })
    expect(backends.map(({ name }) => name)).toEqual(['all'])
  })

  test('of a name that begins another are not that other', async () => {
    expect(await missed({ servers: ['node'], withOthers })).toEqual([
      'unknown-server',
      'The backend web on P1 has no server node; there are the servers node1, node2.'
    ])
  })
})

describe('every server', () => {
  test('of one backend is found, narrowed to it, with one look', async () => {
    expect(await found({ servers: 'every' })).toEqual(['web/node1 on P1', 'web/node2 on P1'])
    expect(first.requests).toEqual(['GET /admin;csv;scope=web'])
  })

  test('of several backends is found in each of them, with a look at each', async () => {
    expect(await found({ backends: ['web', 'all'], servers: 'every' })).toEqual([
      'web/node1 on P1',
      'web/node2 on P1',
      'all/node4 on P1'
    ])
    expect(first.requests).toHaveLength(2)
  })

  test('of every backend is found with one look at everything, each in its own backend', async () => {
    const { backends } = await look({ backends: 'every', servers: 'every' })
    expect(backends.map(({ name, servers }) => [name, ...servers.map((one) => one.name)])).toEqual([
      ['web', 'node1', 'node2'],
      ['web-api', 'node1', 'node3'],
      ['all', 'node4']
    ])
    expect(targetsOf(backends)).toHaveLength(5)
    expect(first.requests).toEqual(['GET /admin;csv'])
  })

  test('is found on every HAProxy', async () => {
    const pages = [first.page, second.page]
    expect(await found({ pages, backends: ['all'], servers: 'every' })).toEqual([
      'all/node4 on P1',
      'all/node4 on P2'
    ])
  })

  test.each<[string, Partial<FindOptions>, string, string]>([
    [
      'a backend without a server',
      { backends: ['web', 'empty'] },
      'unknown-server',
      'The backend empty on P1 has no server at all.'
    ],
    [
      'a backend that is not there',
      { backends: ['wbe'] },
      'unknown-backend',
      'The statistics page P1 shows no backend wbe; there are the backends web, web-api, all, empty.'
    ]
  ])('is missed in %s', async (_, wanted, problem, message) => {
    const [seen, said] = await missed({ ...wanted, servers: 'every' })
    expect([seen, said.startsWith(message)]).toEqual([problem, true])
  })

  test('is missed on a page without servers, which is no wrong name', async () => {
    show(proxy('empty', 'BACKEND'))
    const failure = await failureIn(look({ backends: 'every', servers: 'every' }))
    expect(stage.short(failure.message)).toBe('The statistics page P1 shows no server at all.')
    expect(failure.advice).toBe(
      'Is this the right page, and does no `stats scope` hide its backends?'
    )
  })
})

describe('a look', () => {
  test('at one backend costs one request, narrowed to it', async () => {
    await look({ servers: ['node1', 'node2'] })
    expect(first.requests).toEqual(['GET /admin;csv;scope=web'])
  })

  test('at several backends costs one for each', async () => {
    await look({ backends: ['web', 'web-api'] })
    expect(first.requests.toSorted()).toEqual([
      'GET /admin;csv;scope=web',
      'GET /admin;csv;scope=web-api'
    ])
  })

  test('at the whole page costs one', async () => {
    await look({ backends: ['web', 'web-api'], withOthers: true })
    expect(first.requests).toEqual(['GET /admin;csv'])
  })

  test('at the process costs one more', async () => {
    const { backends } = await look({ processLooks: 1 })
    expect(first.requests.toSorted()).toEqual(['GET /admin;csv;scope=web', 'GET process'])
    expect(backends[0]?.instance.process?.pid).toBe(100)
  })

  test('leaves out the process where it is not wanted', async () => {
    expect((await look({})).backends[0]?.instance.process).toBeUndefined()
  })
})

describe.each(WAYS)('what is missing, %s,', (_, withOthers) => {
  const NODES = 'there are the servers node1, node2.'

  test.each<[string, string[], string[], string]>([
    [
      'a server',
      ['web'],
      ['nod1'],
      `The backend web on P1 has no server nod1; ${NODES} Did you mean node1?`
    ],
    [
      'a server in other capitals',
      ['web'],
      ['NODE2'],
      `The backend web on P1 has no server NODE2; ${NODES} Did you mean node2?`
    ],
    [
      'a server like no other',
      ['web'],
      ['xyz'],
      `The backend web on P1 has no server xyz; ${NODES}`
    ],
    [
      'a server of another backend',
      ['web'],
      ['node3'],
      `The backend web on P1 has no server node3; ${NODES}`
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
      `The backend web on P1 has no server BACKEND (that is a row for the whole proxy); ${NODES}`
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
      `The backend web on P1 has no server node3; ${NODES}`
    ],
    [
      'several servers',
      ['web', 'all'],
      ['xyz', 'node4'],
      `The backend web on P1 has no server xyz; ${NODES} ` +
        `The backend web on P1 has no server node4; ${NODES} ` +
        'The backend all on P1 has no server xyz; there are the servers node4.'
    ]
  ])('is named, with what there is: %s', async (__, backends, servers, message) => {
    expect(await missed({ backends, servers, withOthers })).toEqual(['unknown-server', message])
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
  ])('is named, with what there is: %s', async (__, backend, message) => {
    expect(await missed({ backends: [backend], withOthers })).toEqual(['unknown-backend', message])
  })

  test('on a page without anything is named too', async () => {
    show()
    expect(await missed({ withOthers })).toEqual([
      'unknown-backend',
      'The statistics page P1 shows no backend web; it shows no backend at all.'
    ])
  })

  test('in every backend is named', async () => {
    const wanted = { backends: 'every', servers: ['node1', 'nodes1'], withOthers } as const
    expect(await missed(wanted)).toEqual([
      'unknown-server',
      'No backend on P1 has a server nodes1; there are the servers node1, node2, node3, node4. Did you mean node1?'
    ])
  })

  test('is named all at once, on every page', async () => {
    second.servers.splice(
      0,
      Infinity,
      ...rows().filter(({ backend }) => !backend.startsWith('web'))
    )
    const wanted = { backends: ['web', 'all'], pages: [first.page, second.page], withOthers }
    expect(await missed(wanted)).toEqual([
      'unknown-server',
      'The backend all on P1 has no server node1; there are the servers node4. ' +
        'The statistics page P2 shows no backend web; there are the backends all, empty. ' +
        'The backend all on P2 has no server node1; there are the servers node4.'
    ])
  })

  test('comes with advice where a server is named by its address', async () => {
    show(proxy('web', 'BACKEND'), server('node1', { cells: { addr: '10.0.0.1:80' } }))
    const { advice } = await failureIn(look({ servers: ['10.0.0.1:80'], withOthers }))
    expect(advice).toBe(
      'That looks like an address, but its name in haproxy.cfg is needed: that is node1.'
    )
  })

  test('comes with the advice for the first of it', async () => {
    const { advice } = await failureIn(look({ backends: ['users', 'wep'], withOthers }))
    expect(advice).toBe('Name the backend that the frontend sends its traffic to.')
  })
})

test('what is missing costs one more look, at everything, to say what there is', async () => {
  const all = first.servers.splice(0)
  first.at(2, () => {
    show(...all)
  })
  expect((await missed({ backends: ['wep'] }))[1]).toContain('Did you mean web?')
  expect(first.requests).toEqual(['GET /admin;csv;scope=wep', 'GET /admin;csv'])
})

describe('a page that cannot be read', () => {
  test('for a moment is read again', async () => {
    first.before = (_, number) => (number === 1 ? 'reset' : undefined)
    expect(await found({})).toEqual(['web/node1 on P1'])
    expect(stage.clock.sleeps).toEqual([250])
  })

  test('for a moment shows its process a moment later', async () => {
    let answers = 0
    first.before = (request) => {
      if (request !== 'GET process') return undefined
      answers += 1
      return answers === 1 ? 'reset' : undefined
    }
    const { backends } = await look({ processLooks: 1 })
    expect(backends[0]?.instance.process?.pid).toBe(100)
  })

  test('fails once its process is no longer asked for either', async () => {
    first.before = (request, number) =>
      request !== 'GET process' ? { status: 404 } : number < 3 ? 'reset' : undefined
    expect((await missed({ processLooks: 1 }))[0]).toBe('wrong-path')
    expect(first.requests.toSorted()).toEqual([
      'GET /admin;csv;scope=web',
      'GET process',
      'GET process'
    ])
  })

  test('is reported once, though its process cannot be asked for either', async () => {
    first.before = () => 'reset'
    expect(await missed({ processLooks: 1 })).toEqual([
      'reset',
      'Could not read the statistics page P1: H1 closed the connection without an answer.'
    ])
  })

  test('fails all of it, however much is found elsewhere', async () => {
    second.before = () => ({ status: 401 })
    expect(await missed({ pages: [first.page, second.page] })).toEqual([
      'login-needed',
      'Could not read the statistics page P2: the page asks for a user name and a password, and none was given (HTTP 401).'
    ])
  })

  test('goes before what is missing elsewhere', async () => {
    second.before = () => ({ status: 404 })
    const pages = [first.page, second.page]
    expect((await missed({ backends: ['nope'], pages }))[0]).toBe('wrong-path')
  })

  test('is not read again once the run is cancelled', async () => {
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(look({})).rejects.toBe(reason)
    await expect(look({ oneInstance: true, processLooks: 1 })).rejects.toBe(reason)
  })
})

describe('servers that follow a target', () => {
  beforeEach(() => {
    show(
      server('node1'),
      server('node2'),
      server('f1', { tracks: 'web/node1' }),
      server('f2', { backend: 'api', tracks: 'web/node1' }),
      server('f3', { backend: 'api', tracks: 'api/f2' }),
      server('f4', { backend: 'chat', tracks: 'api/f3' }),
      server('node1', { backend: 'chat' }),
      server('other', { backend: 'chat', tracks: 'chat/node1' }),
      server('other', { backend: 'more', tracks: 'web/node2' })
    )
  })

  const shown = ({ backends }: Found): unknown =>
    backends.map(({ name, targets, followers }) => [
      name,
      targets.map((target) => target.name),
      followers.map((target) => target.name)
    ])

  test('are found through chains, with their backends', async () => {
    expect(shown(await look({ withOthers: true }))).toEqual([
      ['web', ['web/node1'], ['web/f1']],
      ['api', [], ['api/f2', 'api/f3']],
      ['chat', [], ['chat/f4']]
    ])
  })

  test('are no followers where they are targets themselves', async () => {
    const wanted = { backends: ['web', 'api'], servers: ['f2'], withOthers: true }
    show(server('node1'), server('f2'), server('f2', { backend: 'api', tracks: 'web/f2' }))
    expect(shown(await look(wanted))).toEqual([
      ['web', ['web/f2'], []],
      ['api', ['api/f2'], []]
    ])
  })

  test('are found beside targets of the same backend', async () => {
    const wanted = { backends: 'every', servers: ['node1', 'f2'], withOthers: true } as const
    expect(shown(await look(wanted))).toEqual([
      ['web', ['web/node1'], ['web/f1']],
      ['api', ['api/f2'], ['api/f3']],
      ['chat', ['chat/node1'], ['chat/f4', 'chat/other']]
    ])
  })

  test('that follow in a circle are found once', async () => {
    show(server('node1', { cells: { tracked: 'web/f1' } }), server('f1', { tracks: 'web/node1' }))
    expect(shown(await look({ withOthers: true }))).toEqual([['web', ['web/node1'], ['web/f1']]])
  })

  test('are not looked for where they do not matter', async () => {
    expect(shown(await look({}))).toEqual([['web', ['web/node1'], []]])
    expect(shown(await look({ backends: 'every' }))).toEqual([
      ['web', ['web/node1'], []],
      ['chat', ['chat/node1'], []]
    ])
  })

  test('are of the instance of their leader', async () => {
    const { backends } = await look({ withOthers: true, processLooks: 1 })
    expect(new Set(backends.map(({ instance }) => instance)).size).toBe(1)
  })
})

describe('others at the address of a target', () => {
  const at = (address: string): { readonly cells: { readonly addr: string } } => ({
    cells: { addr: address }
  })

  function shown({ shared }: Found): unknown {
    const { same, down, otherPort, unknown, areShown } = shared
    const lists = [same, down, otherPort, unknown].map((others) =>
      others.map((other) =>
        stage.short(`${other.server.backend}/${other.server.name} on ${other.instance.name}`)
      )
    )
    return [...lists, areShown]
  }

  beforeEach(() => {
    for (const page of [first, second]) {
      page.servers.splice(
        0,
        Infinity,
        server('node1', at('10.0.0.1:80')),
        server('follower', { ...at('10.0.0.1:80'), tracks: 'web/node1' }),
        server('x', { backend: 'api', ...at('10.0.0.1:80') }),
        server('d', { backend: 'api', ...at('10.0.0.1:80'), down: true }),
        server('y', { backend: 'api', ...at('10.0.0.1:81') }),
        server('node1', { backend: 'api' })
      )
    }
  })

  test('are found on every page, without those that leave with it', async () => {
    const pages = [first.page, second.page]
    expect(shown(await look({ pages, withOthers: true }))).toEqual([
      ['api/x on P1', 'api/x on P2'],
      ['api/d on P1', 'api/d on P2'],
      ['api/y on P1', 'api/y on P2'],
      ['api/node1 on P1', 'api/node1 on P2'],
      true
    ])
  })

  test('are not all shown where one page does not show them', async () => {
    second.servers.splice(0, 1, server('node1'))
    const pages = [first.page, second.page]
    expect(shown(await look({ pages, withOthers: true }))).toEqual([
      ['api/x on P1'],
      ['api/d on P1'],
      ['api/y on P1'],
      ['api/node1 on P1', 'api/node1 on P2'],
      false
    ])
  })

  test.each<FindOptions['backends']>(['every', ['web']])(
    'are not looked for where they do not matter: %j',
    async (backends) => {
      expect(shown(await look({ backends }))).toEqual([[], [], [], [], false])
    }
  )
})

describe('a host', () => {
  /** How the page of a host with these addresses is read. */
  async function opened(
    addresses: readonly string[],
    oneInstance = true
  ): Promise<readonly [string | undefined, readonly string[]]> {
    first.page.resolve = () => Promise.resolve([...addresses])
    const [backend] = (await look({ oneInstance })).backends
    return [backend?.instance.page.address, backend?.instance.otherAddresses ?? []]
  }

  const NOT_PINNED = [undefined, []]

  test.each<[string, string[], readonly [string | undefined, readonly string[]]]>([
    [
      'several of one family',
      ['127.0.0.1', '10.0.0.2', '10.0.0.3'],
      ['127.0.0.1', ['10.0.0.2', '10.0.0.3']]
    ],
    ['several of the other', ['fe80::1', 'fe80::2'], ['fe80::1', ['fe80::2']]],
    [
      'several, and one of the other family',
      ['127.0.0.1', '10.0.0.2', '::1'],
      ['127.0.0.1', ['10.0.0.2', '::1']]
    ]
  ])(
    'with %s is read at the first, and the others are remembered',
    async (_, addresses, expected) => {
      expect(await opened(addresses)).toEqual(expected)
    }
  )

  test.each<[string, string[]]>([
    ['one address', ['127.0.0.1']],
    ['one of each family', ['127.0.0.1', '::1']],
    ['none that it would look up itself', []]
  ])('with %s is read as it is named', async (_, addresses) => {
    expect(await opened(addresses)).toEqual(NOT_PINNED)
  })

  test('is not looked up where nothing is to be changed', async () => {
    expect(await opened(['127.0.0.1', '10.0.0.2'], false)).toEqual(NOT_PINNED)
  })

  test('is looked up again where that failed in a way that may pass', async () => {
    const away = new HaproxyError('host-not-found', 'The name server was away.', {
      transient: true
    })
    const answers = [Promise.reject(away), Promise.resolve(['127.0.0.1', '10.0.0.2'])]
    first.page.resolve = () => answers.shift() ?? Promise.resolve([])
    const [backend] = (await look({ oneInstance: true })).backends
    expect(backend?.instance.otherAddresses).toEqual(['10.0.0.2'])
    expect(stage.clock.sleeps).toEqual([250])
  })

  test('keeps its name, also when it is read at one of its addresses', async () => {
    first.page.resolve = () => Promise.resolve(['127.0.0.1', '10.0.0.2'])
    expect(await found({ oneInstance: true })).toEqual(['web/node1 on P1'])
  })

  test('is looked up only until the run is cancelled', async () => {
    const given: unknown[] = []
    first.page.resolve = (limits) => {
      given.push(limits)
      return Promise.resolve([])
    }
    await look({ oneInstance: true })
    expect(given).toEqual([{ signal: stage.cancelled }])
  })
})
