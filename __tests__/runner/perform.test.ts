import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { cancel, type Given, runMain, type StepResult } from './in-process.ts'
import { inputsFor, server, type ToyServerOptions, toyStarter } from './toy.ts'

const start = toyStarter()

/** What the step left for its post step. */
function saved({ state }: StepResult): unknown {
  return state['intent'] === undefined ? undefined : JSON.parse(state['intent'])
}

describe('what is asked for', () => {
  test.each<[string, ToyServerOptions, Given, string[]]>([
    ['of status is nothing', { admin: 'maint' }, { action: 'status' }, []],
    ['of drain is drain', {}, { action: 'drain' }, ['drain']],
    [
      'of drain is drain for a server in maint too',
      { admin: 'maint' },
      { action: 'drain' },
      ['drain']
    ],
    [
      'of maint is maint for a server in drain too',
      { admin: 'drain' },
      { action: 'maint' },
      ['maint']
    ],
    ['of maint is nothing for a server in maint', { admin: 'maint' }, { action: 'maint' }, []],
    ['of ready is nothing for a server that is up', {}, { action: 'ready' }, []],
    [
      'of ready is a way through drain',
      { admin: 'maint' },
      { action: 'ready' },
      ['drain', 'ready']
    ],
    [
      'of ready is a way through maint and drain for a server in drain',
      { admin: 'drain' },
      { action: 'ready' },
      ['maint', 'drain', 'ready']
    ],
    [
      'of ready is ready alone without ready-through-drain',
      { admin: 'maint' },
      { action: 'ready', 'ready-through-drain': 'false' },
      ['ready']
    ],
    [
      'of ready is ready alone without waiting',
      { admin: 'maint' },
      { action: 'ready', wait: 'false' },
      ['ready']
    ],
    ['of shutdown is shutdown', {}, { action: 'shutdown' }, ['shutdown']],
    ['of hdown is hdown', {}, { action: 'hdown' }, ['hdown']]
  ])('%s', async (_, a, given, actions) => {
    const lb = await start(server('a', a), server('b'))
    const result = await runMain(inputsFor([lb], given))
    expect(result.exitCode).toBe(0)
    expect(lb.posts).toEqual(actions.map((action) => `b=web&action=${action}&s=a`))
  })
})

describe('on timeout', () => {
  test.each([
    ['fail', 1, ['drain']],
    ['restore', 1, ['drain', 'ready']],
    ['shutdown', 0, ['drain', 'shutdown']],
    ['continue', 0, ['drain']]
  ])('%s exits with %i and has asked for %j', async (onTimeout, exitCode, actions) => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    const result = await runMain(
      inputsFor([lb], { action: 'drain', 'on-timeout': onTimeout, 'wait-timeout': '2s' })
    )
    expect(result.exitCode).toBe(exitCode)
    expect(lb.posts).toEqual(actions.map((action) => `b=web&action=${action}&s=a`))
  })
})

describe('a wait', () => {
  test('is as long as it is told to be', async () => {
    const lb = await start(server('a'), server('b'))
    const given = { action: 'drain', 'settle-time': '5s', 'poll-interval': '500ms' }
    const { outputs } = await runMain(inputsFor([lb], given))
    expect(outputs['waited']).toBe('5.0')
    expect(lb.requests.filter((request) => request.startsWith('GET'))).toHaveLength(12)
  })

  test('ends with as many sessions as are allowed', async () => {
    const lb = await start(server('a', { sessions: 3 }), server('b'))
    const given = { action: 'drain', 'max-sessions': '3' }
    const { exitCode, outputs } = await runMain(inputsFor([lb], given))
    expect([exitCode, outputs['sessions']]).toEqual([0, '3'])
  })

  test.each([
    ['drain', {}],
    ['ready', { admin: 'maint' }]
  ] as const)('after %s is left out if it is not wanted', async (action, a) => {
    const lb = await start(server('a', a), server('b'))
    const { exitCode, log } = await runMain(inputsFor([lb], { action, wait: 'false' }))
    expect(exitCode).toBe(0)
    expect(log.filter((line) => line.startsWith('Waiting'))).toEqual([])
    expect(lb.requests.filter((request) => request.startsWith('GET'))).toHaveLength(2)
  })
})

describe('what is refused, before anything is asked for:', () => {
  test.each<[string, ToyServerOptions, ToyServerOptions, Given, string]>([
    [
      'a server whose status HAProxy is not known to write',
      { cells: { status: 'SLEEPING' } },
      {},
      { action: 'status' },
      'A status that HAProxy is not known to write: web/a on LB1 has "SLEEPING".'
    ],
    [
      'a server that only another one can bring back',
      { cells: { status: 'MAINT (via api/x)' } },
      {},
      { action: 'ready' },
      'web/a on LB1 is MAINT (via api/x): it follows api/x; name that server instead.'
    ],
    [
      'the last server that serves',
      {},
      { admin: 'maint' },
      { action: 'drain' },
      'Without a the backend web on LB1 would have 0 serving servers, and min-up asks for 1; not counted: b (MAINT).'
    ],
    [
      'the last server that serves, in a rehearsal too',
      {},
      { admin: 'maint' },
      { action: 'maint', 'dry-run': 'true' },
      'Without a the backend web on LB1 would have 0 serving servers, and min-up asks for 1; not counted: b (MAINT).'
    ],
    [
      'one server too many',
      {},
      {},
      { action: 'drain', 'min-up': '2' },
      'Without a the backend web on LB1 would have 1 serving server (b), and min-up asks for 2; it has no further servers.'
    ]
  ])('%s', async (_, a, b, given, expected) => {
    const lb = await start(server('a', a), server('b', b))
    const result = await runMain(inputsFor([lb], { ...given, restore: 'always' }))
    expect(result.lastLine.startsWith(`${expected} Nothing was changed.`)).toBe(true)
    expect(result).toMatchObject({ exitCode: 1, state: {}, outputs: { changed: 'false' } })
    expect(lb.posts).toEqual([])
  })

  test('not the last server where it serves nobody', async () => {
    const lb = await start(server('a', { admin: 'drain' }))
    expect((await runMain(inputsFor([lb], { action: 'maint' }))).exitCode).toBe(0)
  })

  test('not the status of a server that cannot be changed', async () => {
    const lb = await start(server('a', { cells: { status: 'MAINT (resolution)' } }))
    const result = await runMain(inputsFor([lb], { action: 'status' }))
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'MAINT (resolution)' } })
  })
})

describe('a dry run', () => {
  const proven = 'The right to change is proven everywhere. A real run would'

  test.each<[string, ToyServerOptions, Given, string]>([
    ['drain', {}, {}, 'ask for drain: web/a on LB1.'],
    ['maint', { admin: 'drain' }, {}, 'ask for maint: web/a on LB1.'],
    ['maint', { admin: 'maint' }, {}, 'find nothing to change.'],
    ['ready', { admin: 'maint' }, {}, 'ask for drain, then ready: web/a on LB1.'],
    ['ready', { admin: 'drain' }, {}, 'ask for maint, then drain, then ready: web/a on LB1.'],
    ['ready', { admin: 'maint' }, { wait: 'false' }, 'ask for ready: web/a on LB1.'],
    [
      'ready',
      { admin: 'maint' },
      { 'ready-through-drain': 'false' },
      'ask for ready: web/a on LB1.'
    ],
    ['ready', {}, {}, 'find nothing to change.'],
    ['shutdown', {}, {}, 'ask for shutdown: web/a on LB1.'],
    ['dhlth', {}, {}, 'ask for dhlth: web/a on LB1.']
  ])('of %s for %j with %j says what it would do', async (action, a, more, plan) => {
    const lb = await start(server('a', a), server('b'))
    const { status } = lb.server('a')
    const given = { action, 'dry-run': 'true', restore: 'always', ...more }
    const result = await runMain(inputsFor([lb], given))
    expect(result.log).toEqual([
      'Looking',
      `Found: web/a on LB1 is ${status}.`,
      `${proven} ${plan}`,
      `Dry run, nothing was changed: web/a on LB1 is ${status}.`
    ])
    expect(lb.requests).toEqual(['GET /admin;csv;scope=web', 'POST b=web&action=ready'])
    expect(lb.server('a').status).toBe(status)
    expect(result).toMatchObject({ exitCode: 0, state: {}, outputs: { changed: 'false' } })
  })

  test('of status is a look like any other', async () => {
    const lb = await start(server('a'))
    const result = await runMain(inputsFor([lb], { action: 'status', 'dry-run': 'true' }))
    expect(result.lastLine).toBe('Dry run, nothing was changed: web/a on LB1 is UP.')
    expect(lb.posts).toEqual([])
  })

  test('names every server with what it would be asked for', async () => {
    const [first, second] = await Promise.all([
      start(server('a', { admin: 'maint' }), server('b', { admin: 'maint', checked: false })),
      start(server('a', { admin: 'drain' }), server('b'))
    ])
    const given = { server: 'a b', action: 'ready', 'dry-run': 'true' }
    const result = await runMain(inputsFor([first, second], given))
    expect(result.log.at(-2)).toBe(
      `${proven} ask for drain, then ready: web/a on LB1; ask for ready: web/b on LB1; ` +
        'ask for maint, then drain, then ready: web/a on LB2.'
    )
  })

  test.each(['maint', 'ready', 'shutdown'])(
    'of %s is red where one HAProxy does not allow changes',
    async (action) => {
      const [first, second] = await Promise.all([
        start(server('a'), server('b')),
        start(server('a'), server('b'))
      ])
      second.admin = false
      const result = await runMain(inputsFor([first, second], { action, 'dry-run': 'true' }))
      expect(result.exitCode).toBe(1)
      expect(result.lastLine).toMatch(
        /^Could not prove the right to change web on LB2: HAProxy answered DENY\. Nothing was changed\./
      )
    }
  )
})

describe('the word that is left for the post step', () => {
  const impatient = { 'on-timeout': 'restore', 'wait-timeout': '1s' }

  test('is given before the change, so that no death of this step can lose it', async () => {
    const lb = await start(server('a'), server('b'))
    let stateAtChange = ''
    lb.at(2, () => {
      stateAtChange = readFileSync(process.env['GITHUB_STATE'] ?? '', 'utf8')
    })
    await runMain(inputsFor([lb], { action: 'maint', restore: 'failure' }))
    expect(stateAtChange).toContain('"servers":["a"]')
  })

  test('groups the servers by page, by backend and by what they were before', async () => {
    const [first, second] = await Promise.all([
      start(
        server('a'),
        server('b'),
        server('c', { admin: 'drain' }),
        server('d'),
        server('a', { backend: 'api' }),
        server('z', { backend: 'api' })
      ),
      start(server('a', { down: true }), server('d'))
    ])
    const given = { backend: '*', server: 'a b c', action: 'maint', restore: 'failure' }
    expect(saved(await runMain(inputsFor([first], given)))).toEqual({
      restore: 'failure',
      state: 'maint',
      pools: [
        { url: first.url, backend: 'web', previous: 'ready', servers: ['a', 'b'] },
        { url: first.url, backend: 'web', previous: 'drain', servers: ['c'] },
        { url: first.url, backend: 'api', previous: 'ready', servers: ['a'] }
      ]
    })
    // What DOWN hides is taken to be ready.
    const other = inputsFor([second], { action: 'drain', restore: 'always' })
    expect(saved(await runMain(other))).toEqual({
      restore: 'always',
      state: 'drain',
      pools: [{ url: second.url, backend: 'web', previous: 'ready', servers: ['a'] }]
    })
  })

  test('leaves out servers that were in that state before', async () => {
    const lb = await start(server('a'), server('b', { admin: 'maint' }), server('c'))
    const given = { server: 'a b', action: 'maint', restore: 'always' }
    expect(saved(await runMain(inputsFor([lb], given)))).toMatchObject({
      pools: [{ servers: ['a'] }]
    })
  })

  test('is taken back where HAProxy refused the change', async () => {
    const lb = await start(server('a'), server('b'))
    lb.admin = false
    const result = await runMain(inputsFor([lb], { action: 'maint', restore: 'always' }))
    expect(result.exitCode).toBe(1)
    expect(saved(result)).toEqual({ restore: 'always', state: 'maint', pools: [] })
  })

  test('is taken back for what the step has put back itself', async () => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    const given = { action: 'drain', restore: 'always', ...impatient }
    const result = await runMain(inputsFor([lb], given))
    expect(result.exitCode).toBe(1)
    expect(saved(result)).toEqual({ restore: 'always', state: 'drain', pools: [] })
  })

  test('is kept for the one of two HAProxies where putting back failed', async () => {
    const [first, second] = await Promise.all([
      start(server('a', { sessions: 1 }), server('b')),
      start(server('a', { sessions: 1 }), server('b'))
    ])
    second.before = (request) =>
      request.startsWith('POST') && request.includes('ready') ? { status: 403 } : undefined
    const given = { action: 'drain', restore: 'always', ...impatient }
    const result = await runMain(inputsFor([first, second], given))
    expect(result.lastLine).toMatch(/^Not everything could be put back: web\/a on LB2 is DRAIN/)
    expect(result.lastLine).toMatch(
      /The post step will bring web\/a on LB2 back \(restore: always\)\.$/
    )
    expect(saved(result)).toEqual({
      restore: 'always',
      state: 'drain',
      pools: [{ url: second.url, backend: 'web', previous: 'ready', servers: ['a'] }]
    })
  })

  test('stays for a cancelled step', async () => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    lb.at(4, cancel)
    const result = await runMain(inputsFor([lb], { action: 'maint', restore: 'failure' }))
    expect(saved(result)).toMatchObject({ pools: [{ servers: ['a'] }] })
  })

  test.each(['ready', 'shutdown', 'status'])('is not given by %s', async (action) => {
    const lb = await start(server('a', { admin: 'drain' }))
    const result = await runMain(inputsFor([lb], { action, restore: 'always' }))
    expect(result).toMatchObject({ exitCode: 0, state: {} })
  })
})
