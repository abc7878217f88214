import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { cancel, type Given, runMain, type StepResult } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import { type ImitatedOptions, server } from '../support/imitated-page.ts'

const start = pageStarter()

/** What the step left for its post step. */
function saved({ state }: StepResult): unknown {
  return state['intent'] === undefined ? undefined : JSON.parse(state['intent'])
}

const MAINT = { admin: 'maint' } as const
const DRAIN = { admin: 'drain' } as const
const FRESH = ['drain', 'hdown', 'start']

describe('what is asked for', () => {
  test.each<[string, ImitatedOptions, Given, string[]]>([
    ['of status is nothing', MAINT, { action: 'status' }, []],
    ['of drain is drain', {}, { action: 'drain' }, ['drain']],
    ['of drain is nothing for a server in maint', MAINT, { action: 'drain' }, []],
    ['of maint is maint for a server in drain too', DRAIN, { action: 'maint' }, ['maint']],
    ['of maint is nothing for a server in maint', MAINT, { action: 'maint' }, []],
    ['of ready is nothing for a server that is up', {}, { action: 'ready' }, []],
    ['of ready is a fresh check for a server in maint', MAINT, { action: 'ready' }, FRESH],
    ['of ready is a fresh check for a server in drain', DRAIN, { action: 'ready' }, FRESH],
    [
      'of ready is ready alone without a fresh check',
      MAINT,
      { action: 'ready', 'fresh-check': 'false' },
      ['ready']
    ],
    [
      'of ready is a fresh check without a wait, too',
      MAINT,
      { action: 'ready', wait: 'false' },
      FRESH
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
    ['restore', 1, ['drain', 'start']],
    ['shutdown', 0, ['drain', 'shutdown']],
    ['continue', 0, ['drain']]
  ])('%s exits a drain with %i and has asked for %j', async (onTimeout, exitCode, actions) => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    const result = await runMain(
      inputsFor([lb], { action: 'drain', 'on-timeout': onTimeout, 'wait-timeout': '2s' })
    )
    expect(result.exitCode).toBe(exitCode)
    expect(lb.posts).toEqual(actions.map((action) => `b=web&action=${action}&s=a`))
  })

  test.each([
    ['fail', FRESH],
    ['restore', [...FRESH, 'maint']]
  ])('%s exits a return with 1 and has asked for %j', async (onTimeout, actions) => {
    const lb = await start(server('a', MAINT), server('b'))
    lb.server('a').well = false
    const result = await runMain(
      inputsFor([lb], { action: 'ready', 'on-timeout': onTimeout, 'wait-timeout': '2s' })
    )
    expect(result.exitCode).toBe(1)
    expect(lb.posts).toEqual(actions.map((action) => `b=web&action=${action}&s=a`))
  })
})

describe('a wait', () => {
  test('is as long as it is to be', async () => {
    const lb = await start(server('a'), server('b'))
    const given = { action: 'drain', 'settle-time': '5s', 'poll-interval': '500ms' }
    const { outputs } = await runMain(inputsFor([lb], given))
    expect(outputs['waited']).toBe('5.0')
  })

  test('looks no less often than it is to', async () => {
    const looks = async (interval: string): Promise<number> => {
      const lb = await start(server('a', { sessions: 1 }), server('b'))
      const given = { 'wait-timeout': '60s', 'poll-interval': interval }
      await runMain(inputsFor([lb], { action: 'drain', ...given }))
      return lb.requests.filter((request) => request === 'GET /admin;csv;scope=web').length
    }
    expect(await looks('100ms')).toBeGreaterThan(600)
    expect(await looks('1s')).toBeLessThan(100)
  })

  test('ends with as many sessions as are allowed', async () => {
    const lb = await start(server('a', { sessions: 3 }), server('b'))
    const given = { action: 'drain', 'max-sessions': '3' }
    const { exitCode, outputs } = await runMain(inputsFor([lb], given))
    expect([exitCode, outputs['sessions']]).toEqual([0, '3'])
  })

  test('for old processes lasts for as long as the input says', async () => {
    const lb = await start(server('a'), server('b'))
    lb.process = { pid: 1, startedAt: 0 }
    const given = { action: 'maint', 'hard-stop-after': '20s' }
    const { lastLine, outputs } = await runMain(inputsFor([lb], given))
    expect(lastLine).toMatch(/^Safe to stop: /)
    expect(Number(outputs['waited'])).toBeGreaterThanOrEqual(20)
  })

  // Which of two HAProxies was changed would not show in the end where a server is down.
  test.each([
    ['drain', {}, 0],
    ['ready', MAINT, 2]
  ] as const)('after %s is left out if it is not wanted', async (action, a, processLooks) => {
    const lb = await start(server('a', a), server('b'))
    const { exitCode, log } = await runMain(inputsFor([lb], { action, wait: 'false' }))
    expect(exitCode).toBe(0)
    expect(log.filter((line) => line.includes('elapsed'))).toEqual([])
    const looks = lb.requests.filter((request) => request === 'GET process')
    expect(looks).toHaveLength(processLooks)
  })
})

describe('what is refused, before anything is asked for:', () => {
  const SAME = { cells: { addr: '10.0.0.1:80' } }

  test.each<[string, ImitatedOptions, ImitatedOptions, Given, string]>([
    [
      'a server whose status HAProxy is not known to write',
      { cells: { status: 'SLEEPING' } },
      {},
      { action: 'status' },
      'A status that HAProxy is not known to write: web/a has "SLEEPING". Nothin'
    ],
    [
      'a server that only another one can bring back',
      { cells: { status: 'MAINT (via api/x)', tracked: 'api/x' } },
      {},
      { action: 'ready' },
      'web/a is MAINT (via api/x): it follows api/x; name that server instead. Nothin'
    ],
    [
      'a server that DNS has lost, where there is no wait for it',
      { cells: { status: 'MAINT (resolution)' } },
      {},
      { action: 'ready', wait: 'false' },
      'web/a is MAINT (resolution): HAProxy cannot resolve its host name, and o'
    ],
    [
      'the last server that serves',
      {},
      MAINT,
      { action: 'drain' },
      'Without a the backend web would have 0 serving servers, and needs 1; not counted: b (MAINT for 1h5s). '
    ],
    [
      'the last server that serves, in a dry run too',
      {},
      MAINT,
      { action: 'maint', 'dry-run': 'true' },
      'Without a the backend web would have 0 serving servers, and needs 1; not counted: b (MAINT for 1h5s). '
    ],
    [
      'one server too many',
      {},
      {},
      { action: 'drain', 'min-up': '2' },
      'Without a the backend web would have 1 serving server (b), and needs 2; it has no further servers. Nothin'
    ],
    [
      'a server whose address another one has, in drain',
      SAME,
      SAME,
      { action: 'drain' },
      'The same address is in use by servers that were not named: web/b (UP). Nothin'
    ],
    [
      'a server whose address another one has, in maint and a dry run',
      SAME,
      SAME,
      { action: 'maint', 'dry-run': 'true' },
      'The same address is in use by servers that were not named: web/b (UP). Nothin'
    ]
  ])('%s', async (_, a, b, given, expected) => {
    const lb = await start(server('a', a), server('b', b))
    const result = await runMain(inputsFor([lb], { ...given, restore: 'always' }))
    expect(result.lastLine.slice(0, expected.length)).toBe(expected)
    expect(result.lastLine).toContain(' Nothing was changed.')
    expect(result).toMatchObject({ exitCode: 1, state: { isPost: 'true' } })
    expect(result.outputs).toMatchObject({ changed: 'false', 'safe-to-stop': 'false' })
    expect(saved(result)).toBeUndefined()
    expect(lb.posts).toEqual([])
  })

  test('not the last server where it serves nobody', async () => {
    const lb = await start(server('a', DRAIN))
    expect((await runMain(inputsFor([lb], { action: 'maint' }))).exitCode).toBe(0)
  })

  test('not a server that is to come back, whoever has its address or its place', async () => {
    const lb = await start(server('a', { ...MAINT, ...SAME }), server('b', { down: true, ...SAME }))
    expect((await runMain(inputsFor([lb], { action: 'ready' }))).exitCode).toBe(0)
  })

  test('not the status of a server that cannot be changed', async () => {
    const lb = await start(server('a', { cells: { status: 'MAINT (resolution)' } }))
    const result = await runMain(inputsFor([lb], { action: 'status' }))
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'MAINT (resolution)' } })
  })

  test('not a name that DNS may find again while the step waits', async () => {
    const lb = await start(server('a', { ...MAINT, cells: { status: 'MAINT (resolution)' } }))
    lb.at(10, () => (lb.server('a').cells = {}))
    const result = await runMain(inputsFor([lb], { action: 'ready' }))
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  })

  test('not a server whose address another one has, where that is to be ignored', async () => {
    const lb = await start(server('a', SAME), server('b', SAME))
    const given = { action: 'maint', 'same-address': 'ignore' }
    const result = await runMain(inputsFor([lb], given))
    expect([result.exitCode, lb.changes]).toEqual([0, ['maint web/a']])
    expect(result.outputs['safe-to-stop']).toBe('false')
  })
})

describe('a take-out that an old process would outlast', () => {
  const LONG = { action: 'drain', 'hard-stop-after': '1h', 'wait-timeout': '10s' }
  const young = async (given: Given): Promise<[StepResult, string[]]> => {
    const lb = await start(server('a'), server('b'))
    lb.process = { pid: 1, startedAt: 0 }
    return [await runMain(inputsFor([lb], { ...LONG, ...given })), lb.changes]
  }

  test.each(['fail', 'restore'])(
    'is refused with on-timeout: %s, before anything is asked for',
    async (onTimeout) => {
      const [{ lastLine }, changes] = await young({ 'on-timeout': onTimeout })
      expect(lastLine).toMatch(
        /^A wait of 10s could not end well: a process from before a reload may live on for 1h\S*\. Nothing was changed\. /
      )
      expect(changes).toEqual([])
    }
  )

  test.each<[string, Given]>([
    ['may go on after the wait', { 'on-timeout': 'continue' }],
    ['kills the sessions that are left', { 'on-timeout': 'shutdown' }],
    ['does not wait', { wait: 'false' }],
    ['has claimed its server already', { 'min-up-timeout': '1m' }]
  ])('is made where it %s', async (_, given) => {
    const [{ lastLine }, changes] = await young(given)
    expect(changes[0]).toBe('drain web/a')
    expect(lastLine).not.toContain('could not end well')
  })
})

test.each([
  ['drain', 1],
  ['ready', 0]
])(
  'on %s, another backend on another port of the same host is noted %i times',
  async (action, times) => {
    const lb = await start(
      server('a', { cells: { addr: '10.0.0.1:80' } }),
      server('b', { cells: { addr: '10.0.0.1:81' } }),
      server('c', { backend: 'api', cells: { addr: '10.0.0.1:82' } })
    )
    const { log } = await runMain(inputsFor([lb], { action }))
    expect(log.filter((line) => line.startsWith('Notice: '))).toEqual(
      Array(times).fill(
        'Notice: Also on the same host, on another port: api/c (UP). Is one of them the same application?'
      )
    )
  }
)

describe('a dry run', () => {
  test('of a take-out that would wait for its turn says so', async () => {
    const lb = await start(server('a'), server('b', MAINT), server('c'))
    const given = { action: 'maint', 'dry-run': 'true', 'min-up': 'all', 'min-up-timeout': '30m' }
    const { exitCode, lastLine } = await runMain(inputsFor([lb], given))
    expect(exitCode).toBe(0)
    expect(lastLine).toContain(
      'Dry run, nothing was changed: web/a is UP. A real run would wait for its turn for up to 30m, and then put web/a into maint.'
    )
    const never = await runMain(inputsFor([lb], { ...given, 'min-up': '3' }))
    expect(never.lastLine).toContain('and needs 3')
    expect(lb.posts).toEqual(['b=web&action=ready'])
  })

  test.each<[string, ImitatedOptions, Given, string]>([
    ['drain', {}, {}, 'put web/a into drain'],
    ['maint', DRAIN, {}, 'put web/a into maint'],
    ['maint', MAINT, {}, 'change nothing'],
    ['ready', MAINT, {}, 'bring web/a back with a fresh health check'],
    ['ready', DRAIN, {}, 'bring web/a back with a fresh health check'],
    ['ready', MAINT, { wait: 'false' }, 'bring web/a back with a fresh health check'],
    ['ready', MAINT, { 'fresh-check': 'false' }, 'make web/a ready'],
    [
      'ready',
      MAINT,
      { 'bake-time': '30s' },
      'bring web/a back with a fresh health check, and then watch the traffic for 30s'
    ],
    ['ready', { ...MAINT, checked: false }, {}, 'make web/a ready'],
    [
      'ready',
      { down: true },
      {},
      'make web/a ready, for HAProxy to bring up once its health check passes'
    ],
    ['ready', {}, {}, 'change nothing'],
    ['shutdown', {}, {}, 'request shutdown for web/a'],
    ['dhlth', {}, {}, 'request dhlth for web/a']
  ])('of %s for %j with %j says what a real run would do', async (action, a, more, plan) => {
    const lb = await start(server('a', a), server('b'))
    const status = lb.server('a').status()
    const given = { action, 'dry-run': 'true', restore: 'always', ...more }
    const result = await runMain(inputsFor([lb], given))
    const seen = status === 'no check' ? 'ready (no check)' : status
    expect(result.log).toEqual([
      `Found: web/a on LB1 is ${seen}.`,
      `Dry run, nothing was changed: web/a is ${seen}. A real run would ${plan}.`
    ])
    const isTakeOut = action === 'drain' || action === 'maint'
    expect(lb.requests).toEqual([
      `GET /admin;csv${isTakeOut ? '' : ';scope=web'}`,
      'POST b=web&action=ready'
    ])
    expect(lb.server('a').status()).toBe(status)
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false' } })
    expect(saved(result)).toBeUndefined()
  })

  test('of status is a look like any other', async () => {
    const lb = await start(server('a'))
    const result = await runMain(inputsFor([lb], { action: 'status', 'dry-run': 'true' }))
    expect(result.lastLine).toBe('Seen: web/a is UP.')
    expect(lb.posts).toEqual([])
  })

  test('names every server with how it would come back', async () => {
    const api = { backend: 'api' }
    const lb = await start(
      server('a', MAINT),
      server('b', { ...MAINT, checked: false }),
      server('c'),
      server('a', { ...api, ...DRAIN }),
      server('b', { ...api, down: true }),
      server('c', { ...api, ...MAINT, checked: false })
    )
    const given = { backend: 'web api', server: 'a b c', action: 'ready', 'dry-run': 'true' }
    const { lastLine } = await runMain(inputsFor([lb], given))
    expect(lastLine).toMatch(
      / A real run would bring web\/a back with a fresh health check; make web\/b, api\/c ready once the health checks in the other backends have passed; leave web\/c alone; make api\/a ready without a fresh check, because no other server serves; make api\/b ready, for HAProxy to bring up once its health check passes\.$/
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
        /^Could not check the right to change web on LB2: HAProxy answered DENY\. Nothing was changed\./
      )
    }
  )
})

describe('what is left for the post step', () => {
  const impatient = { 'on-timeout': 'restore', 'wait-timeout': '1s' }

  test('is saved before the change, so that no death of this step can lose it', async () => {
    const lb = await start(server('a'), server('b'))
    let stateAtChange = ''
    lb.before = (request) => {
      if (request.startsWith('POST')) {
        stateAtChange = readFileSync(process.env['GITHUB_STATE'] ?? '', 'utf8')
      }
      return undefined
    }
    await runMain(inputsFor([lb], { action: 'maint', restore: 'failure' }))
    expect(stateAtChange).toContain('"servers":["a"]')
  })

  test('groups the servers by page, by backend and by what they were before', async () => {
    const [first, second] = await Promise.all([
      start(
        server('a'),
        server('b'),
        server('c', DRAIN),
        server('d'),
        server('a', { backend: 'api' }),
        server('z', { backend: 'api' })
      ),
      start(server('a', { down: true }), server('d'))
    ])
    const given = { backend: '*', server: 'a b c', action: 'maint', restore: 'failure' }
    expect(saved(await runMain(inputsFor([first], given)))).toMatchObject({
      restore: 'failure',
      state: 'maint',
      backends: [
        { url: first.url, backend: 'web', previous: 'ready', servers: ['a', 'b'] },
        { url: first.url, backend: 'web', previous: 'drain', servers: ['c'] },
        { url: first.url, backend: 'api', previous: 'ready', servers: ['a'] }
      ]
    })
    // What DOWN hides is taken to be ready.
    const other = inputsFor([second], { action: 'drain', restore: 'always' })
    expect(saved(await runMain(other))).toMatchObject({
      restore: 'always',
      state: 'drain',
      backends: [{ url: second.url, backend: 'web', previous: 'ready', servers: ['a'] }]
    })
  })

  test('leaves out servers that were in that state before', async () => {
    const lb = await start(server('a'), server('b', MAINT), server('c'))
    const given = { server: 'a b', action: 'maint', restore: 'always' }
    expect(saved(await runMain(inputsFor([lb], given)))).toMatchObject({
      backends: [{ servers: ['a'] }]
    })
  })

  test('is nothing where nothing is to be restored', async () => {
    const lb = await start(server('a'), server('b'))
    const result = await runMain(inputsFor([lb], { action: 'maint' }))
    expect([result.exitCode, saved(result)]).toEqual([0, undefined])
  })

  test.each<[string, Given, () => Promise<Awaited<ReturnType<typeof start>>>]>([
    [
      'HAProxy refused the change',
      { action: 'maint' },
      async () => Object.assign(await start(server('a'), server('b')), { admin: false })
    ],
    [
      'the step has rolled back itself',
      { action: 'drain', ...impatient },
      () => start(server('a', { sessions: 1 }), server('b'))
    ]
  ])('is nothing any more where %s', async (_, given, open) => {
    const lb = await open()
    const result = await runMain(inputsFor([lb], { ...given, restore: 'always' }))
    expect(result.exitCode).toBe(1)
    expect(saved(result)).toMatchObject({ backends: [] })
  })

  test('is the one of two HAProxies where a roll-back failed', async () => {
    const [first, second] = await Promise.all([
      start(server('a', { sessions: 1 }), server('b')),
      start(server('a', { sessions: 1 }), server('b'))
    ])
    second.before = (request) => (request.includes('action=start') ? { status: 403 } : undefined)
    const given = { action: 'drain', restore: 'always', ...impatient }
    const result = await runMain(inputsFor([first, second], given))
    expect(result.lastLine).toMatch(/^Not everything could be rolled back: web\/a on LB2 is DRAIN/)
    expect(result.lastLine).toMatch(
      /The post step brings web\/a on LB2 back \(restore: always\)\.$/
    )
    expect(saved(result)).toMatchObject({
      backends: [{ url: second.url, backend: 'web', previous: 'ready', servers: ['a'] }]
    })
  })

  test('stays for a cancelled step', async () => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    lb.at(6, cancel)
    const result = await runMain(inputsFor([lb], { action: 'maint', restore: 'failure' }))
    expect(saved(result)).toMatchObject({ backends: [{ servers: ['a'] }] })
  })

  test('is no more than the runner can hand over, or nothing is changed', async () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `node${'x'.repeat(130)}${index}`)
    const lb = await start(...names.map((name) => server(name)), server('z'))
    const given = { server: names.join(' '), action: 'drain', restore: 'always' }
    const result = await runMain(inputsFor([lb], given))
    expect(result.lastLine).toMatch(
      /^The step names 1000 servers, more than the runner can hand to the post step/
    )
    expect([result.exitCode, lb.posts]).toEqual([1, []])
  })

  test('is saved before a claim, and after it no more than it is', async () => {
    const lb = await start(server('a'), server('b', MAINT), server('c'))
    let stateAtClaim = ''
    lb.before = (request) => {
      if (request.startsWith('POST') && stateAtClaim === '') {
        stateAtClaim = readFileSync(process.env['GITHUB_STATE'] ?? '', 'utf8')
      }
      return undefined
    }
    const given = { action: 'maint', restore: 'failure', 'min-up-timeout': '1m' }
    const result = await runMain(inputsFor([lb], given))
    expect(stateAtClaim).toContain('"state":"drain"')
    expect(stateAtClaim).toContain('"servers":["a"]')
    expect(lb.changes).toEqual(['drain web/a', 'maint web/a'])
    expect(saved(result)).toMatchObject({
      state: 'maint',
      isClaimed: false,
      backends: [{ servers: ['a'] }]
    })
  })

  test('is nothing any more where HAProxy refused the claim', async () => {
    const lb = await start(server('a'), server('b'))
    lb.admin = false
    const given = { action: 'maint', restore: 'always', 'min-up-timeout': '1m' }
    const result = await runMain(inputsFor([lb], given))
    expect(result.lastLine).toMatch(/HAProxy answered DENY\. Nothing was changed\./)
    expect(saved(result)).toMatchObject({ backends: [] })
  })

  test('says that one of two servers may still be in the drain of its claim', async () => {
    const api = { backend: 'api' }
    const lb = await start(server('a'), server('b'), server('a', api), server('b', api))
    lb.before = (request) => {
      if (request === 'POST b=api&action=maint&s=a') {
        cancel()
        return 'reset'
      }
      return undefined
    }
    const given = { backend: 'web api', action: 'maint', restore: 'always' }
    const result = await runMain(inputsFor([lb], { ...given, 'min-up-timeout': '1m' }))
    expect(result.lastLine).toContain(' Now web/a is MAINT; api/a is DRAIN. ')
    expect(lb.server('a', 'api').status()).toBe('DRAIN')
    expect(saved(result)).toMatchObject({
      state: 'maint',
      isClaimed: true,
      backends: [{ backend: 'web' }, { backend: 'api' }]
    })
  })

  test.each(['ready', 'shutdown', 'status'])('is nothing after %s', async (action) => {
    const lb = await start(server('a', DRAIN), server('b'))
    const result = await runMain(inputsFor([lb], { action, restore: 'always' }))
    expect([result.exitCode, saved(result)]).toEqual([0, undefined])
  })
})
