import { describe, expect, test } from '@jest/globals'
import { cancel, runMain } from './in-process.ts'
import { inputsFor, server, toyStarter } from './toy.ts'

const start = toyStarter()

describe('a step that takes a server out', () => {
  test('tells the whole story, from the first look to the last line', async () => {
    const lb = await start(server('a', { sessions: 2, queue: 1 }), server('b'))
    const a = lb.server('a')
    lb.at(4, () => (a.queue = 0))
    lb.at(5, () => (a.sessions = 0))
    const result = await runMain(inputsFor([lb], { action: 'maint' }))
    expect(result.lines.filter((line) => !line.startsWith('::debug::'))).toEqual([
      '::group::Looking',
      'Found: web/a on LB1 is UP with 2 sessions, 1 queued.',
      '::endgroup::',
      '::group::Changing',
      'Asking for maint: web/a on LB1.',
      '::endgroup::',
      '::group::Waiting until drained',
      'web/a on LB1 is MAINT with 2 sessions, 1 queued (0ms elapsed, 5m left).',
      'web/a on LB1 is MAINT with 2 sessions (1s elapsed, 4m59s left).',
      'web/a on LB1 is MAINT (2s elapsed, 4m58s left).',
      '::endgroup::',
      'Safe to stop: web/a on LB1 is MAINT, waited 3s.'
    ])
    expect(result.exitCode).toBe(0)
    expect(lb.requests).toEqual([
      'GET /admin;csv;scope=web',
      'POST b=web&action=maint&s=a',
      'GET /admin;csv;scope=web',
      'GET /admin;csv;scope=web',
      'GET /admin;csv;scope=web',
      'GET /admin;csv;scope=web'
    ])
    expect(result.outputs).toEqual({
      changed: 'true',
      status: 'MAINT',
      'previous-status': 'UP',
      sessions: '0',
      waited: '3.0',
      result: expect.stringMatching(/^\[{.*}\]$/)
    })
    expect(result.summary.split('\n').slice(0, 3)).toEqual([
      '<h3>HAProxy: maint</h3>',
      '<p>Safe to stop: web/a on LB1 is MAINT, waited 3s.</p>',
      '<table><tr><th>HAProxy</th><th>Backend</th><th>Server</th><th>Before</th><th>After</th><th>Sessions</th><th>Waited</th></tr>' +
        '<tr><td>LB1</td><td>web</td><td>a</td><td>UP</td><td>MAINT</td><td>0</td><td>3s</td></tr></table>'
    ])
    // Queued requests count for the chart, as they count for the wait.
    expect(result.summary).toContain('\n0.0 s: 3, 1.0 s: 2, 2.0 s: 0, 3.0 s: 0\n')
  })

  test('shows every request and its answer where debug logging is on', async () => {
    const lb = await start(server('a'))
    const result = await runMain(inputsFor([lb], { action: 'status' }), { debug: true })
    expect(result.log).toEqual([
      'Looking',
      '##[debug]GET LB1;csv;scope=web',
      expect.stringMatching(/^##\[debug\]GET LB1;csv;scope=web → 200 \(\d+ characters\)$/),
      'Found: web/a on LB1 is UP.',
      'Seen: web/a on LB1 is UP.'
    ])
  })
})

test('a step that brings a server back tells the whole story', async () => {
  const lb = await start(server('a', { admin: 'maint' }))
  const result = await runMain(inputsFor([lb], { action: 'ready' }))
  expect(result.log).toEqual([
    'Looking',
    'Found: web/a on LB1 is MAINT.',
    'Changing',
    'Asking for drain: web/a on LB1.',
    'Waiting until up',
    'web/a on LB1 is DRAIN 1/3 (0ms elapsed, 5m left).',
    'web/a on LB1 is DRAIN (1s elapsed, 4m59s left).',
    'Its health check passed; asking for ready: web/a on LB1.',
    'web/a on LB1 is UP (1s elapsed, 4m59s left).',
    'Back and taking traffic: web/a on LB1 is UP, waited 2s.'
  ])
  expect(lb.posts).toEqual(['b=web&action=drain&s=a', 'b=web&action=ready&s=a'])
  expect(result).toMatchObject({ exitCode: 0, state: {} })
})

test('a wait says every 30 seconds that it goes on while nothing changes', async () => {
  const lb = await start(server('a', { sessions: 2 }), server('b'))
  lb.at(7, () => (lb.server('a').sessions = 1))
  const times = { 'poll-interval': '10s', 'wait-timeout': '1m50s' }
  const result = await runMain(inputsFor([lb], { action: 'drain', ...times }))
  expect(result.log.slice(5, -1)).toEqual([
    'web/a on LB1 is DRAIN with 2 sessions (0ms elapsed, 1m50s left).',
    'Still waiting: web/a on LB1 is DRAIN with 2 sessions (30s elapsed, 1m20s left).',
    'web/a on LB1 is DRAIN with 1 session (40s elapsed, 1m10s left).',
    'Still waiting: web/a on LB1 is DRAIN with 1 session (1m10s elapsed, 40s left).',
    'Still waiting: web/a on LB1 is DRAIN with 1 session (1m40s elapsed, 10s left).'
  ])
})

test('a wait tells of the server that changed, and of no other', async () => {
  const lb = await start(server('a', { sessions: 1 }), server('b', { sessions: 1 }), server('c'))
  lb.at(4, () => (lb.server('b').sessions = 0))
  lb.at(6, () => (lb.server('a').sessions = 0))
  const result = await runMain(inputsFor([lb], { server: 'a b', action: 'maint' }))
  expect(result.log.slice(5)).toEqual([
    'web/a on LB1 is MAINT with 1 session (0ms elapsed, 5m left).',
    'web/b on LB1 is MAINT with 1 session (0ms elapsed, 5m left).',
    'web/b on LB1 is MAINT (1s elapsed, 4m59s left).',
    'web/a on LB1 is MAINT (3s elapsed, 4m57s left).',
    'Safe to stop: web/a, web/b on LB1 are MAINT, waited 4s.'
  ])
})

describe('a wait until up', () => {
  test('says nothing of sessions, which are the sign of a server that serves', async () => {
    const lb = await start(server('a', { admin: 'drain', checked: false }))
    lb.before = (_, number) => {
      lb.server('a').sessions = number
      return undefined
    }
    const result = await runMain(inputsFor([lb], { action: 'ready', 'settle-time': '3s' }))
    expect(result.log.slice(4, -2)).toEqual([
      'Waiting until up',
      'web/a on LB1 is no check (0ms elapsed, 5m left).'
    ])
    expect(result.log.at(-2)).toBe(
      'Notice: web/a on LB1 has no health check: HAProxy sends it traffic without knowing that it is well.'
    )
  })

  test('tells what the last check says where it failed', async () => {
    const lb = await start(server('a', { admin: 'maint' }))
    lb.server('a').well = false
    const result = await runMain(inputsFor([lb], { action: 'ready', 'wait-timeout': '2s' }))
    expect(result.log.slice(5)).toEqual([
      'web/a on LB1 is DRAIN 1/3 (0ms elapsed, 2s left).',
      'web/a on LB1 is DOWN, its last check says L7STS/503 (1s elapsed, 1s left).',
      'Error: Not up within 2s: web/a on LB1 is DOWN, its last check says L7STS/503. Now web/a on LB1 is DOWN, asked for drain. ' +
        'Look at the application and its health check, then ask for ready again. ' +
        'Load balancing sends no user to web/a on LB1 until somebody asks for ready.'
    ])
  })
})

describe('a cancelled step', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'names %s, and asks for nothing more',
    async (signal) => {
      const lb = await start(server('a', { sessions: 1 }), server('b'))
      lb.at(4, () => {
        cancel(signal)
      })
      const result = await runMain(inputsFor([lb], { action: 'drain' }))
      expect(result.lastLine).toBe(
        `Cancelled (${signal}). Now web/a on LB1 is DRAIN with 1 session. ` +
          'The post step will not bring web/a on LB1 back (restore: never); action: ready does.'
      )
      expect(result.annotations).toEqual([{ level: 'error', message: result.lastLine }])
      expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'true', status: 'DRAIN' } })
      expect(result.summary).toContain(result.lastLine)
      expect(lb.posts).toEqual(['b=web&action=drain&s=a'])
    }
  )

  test('looks once more when it does not know what came of its change', async () => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    lb.before = (_, number) => {
      if (number !== 3) return undefined
      cancel()
      return 'silence'
    }
    const result = await runMain(inputsFor([lb], { action: 'maint', restore: 'failure' }))
    expect(result.lastLine).toBe(
      'Cancelled (SIGINT). Now web/a on LB1 is MAINT with 1 session. ' +
        'The post step will bring web/a on LB1 back (restore: failure).'
    )
    expect(lb.requests).toHaveLength(4)
  })

  test('before its change has changed nothing, and has nothing to put back', async () => {
    const lb = await start(server('a'), server('b'))
    lb.at(1, cancel)
    const result = await runMain(inputsFor([lb], { action: 'maint', restore: 'always' }))
    expect(result.lastLine).toBe('Cancelled (SIGINT). Nothing was changed.')
    expect(result.outputs).toEqual({
      changed: 'false',
      status: '',
      'previous-status': '',
      sessions: '0',
      waited: '0.0',
      result: '[]'
    })
    expect(result).toMatchObject({ exitCode: 1, state: {}, summary: '' })
  })
})

describe('bad inputs', () => {
  test('are named one by one, and in the last line each once', async () => {
    const lb = await start()
    const result = await runMain(inputsFor([lb], { server: 'a/b *', action: 'drain', wait: 'hm' }))
    expect(result.annotations).toEqual([
      {
        level: 'error',
        message:
          'server: "a/b" is not a name; HAProxy allows letters, digits and _ . : - only. The backend goes into backend, the server into server.'
      },
      {
        level: 'error',
        message:
          'server: "*" is not a name; HAProxy allows letters, digits and _ . : - only. Servers must be named one by one.'
      },
      { level: 'error', message: 'wait: "hm" is neither true nor false.' },
      { level: 'error', message: 'Nothing was changed: please correct server, wait.' }
    ])
    expect(result.lastLine).toBe('Nothing was changed: please correct server, wait.')
    expect(result).toMatchObject({ exitCode: 1, outputs: {}, state: {}, summary: '' })
    expect(lb.requests).toEqual([])
  })

  test('cannot write a command into the log', async () => {
    const lb = await start()
    const result = await runMain(inputsFor([lb], { server: '##[error]x', action: 'drain' }))
    expect(result.lines.filter((line) => line.includes('##['))).toEqual([])
    expect(result.annotations[0]?.message).toContain('"## [error]x" is not a name')
  })
})

test('a failure that is no fault of HAProxy tells the developers where it was', async () => {
  const lb = await start(server('a'), server('b'))
  const result = await runMain(inputsFor([lb], { action: 'drain' }), {
    env: { GITHUB_STATE: '/nowhere/state' },
    debug: true
  })
  expect(result.lastLine).toBe(
    'Missing file at path: /nowhere/state. Nothing was changed. Now web/a on LB1 is UP.'
  )
  expect(result.log.at(-2)).toMatch(
    /^##\[debug\]Error: Missing file at path: \/nowhere\/state +at .*saveState/
  )
  expect(lb.posts).toEqual([])
})

test('a failure of HAProxy needs no stack', async () => {
  const lb = await start(server('a'))
  const result = await runMain(inputsFor([lb], { action: 'drain' }), { debug: true })
  expect(result.exitCode).toBe(1)
  expect(result.log.join('\n')).not.toContain('HaproxyError')
})

test('a run whose outputs cannot be set is red', async () => {
  const lb = await start(server('a'))
  const result = await runMain(inputsFor([lb], { action: 'status' }), {
    env: { GITHUB_OUTPUT: '/nowhere/output' }
  })
  expect(result.exitCode).toBe(1)
  expect(result.lines.filter((line) => !line.startsWith('::debug::'))).toEqual([
    '::group::Looking',
    'Found: web/a on LB1 is UP.',
    '::endgroup::',
    'Seen: web/a on LB1 is UP.',
    '::error::Missing file at path: /nowhere/output. Seen: web/a on LB1 is UP.'
  ])
})
