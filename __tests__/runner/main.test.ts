import { describe, expect, test } from '@jest/globals'
import { cancel, type Given, runMain } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'

const start = pageStarter()

describe('a step that takes a server out', () => {
  test('tells the whole story, from the first look to the last line', async () => {
    const lb = await start(server('a', { sessions: 2, queue: 1 }), server('b'))
    const a = lb.server('a')
    lb.at(5, () => (a.queue = 0))
    lb.at(6, () => (a.sessions = 0))
    const result = await runMain(inputsFor([lb], { action: 'maint' }))
    expect(result.lines.filter((line) => !line.startsWith('::debug::'))).toEqual([
      'Found: web/a on LB1 is UP with 2 sessions, 1 queued.',
      'Asking for maint: web/a.',
      'web/a is MAINT with 2 sessions, 1 queued (0s elapsed, 5m left).',
      'web/a is MAINT with 2 sessions (100ms elapsed, 5m left).',
      'web/a is MAINT (200ms elapsed, 5m left).',
      'Safe to stop: web/a is MAINT, waited 1.2s.'
    ])
    expect(result.exitCode).toBe(0)
    // The first look, the process, and both once more; how many looks there are is the wait's affair.
    expect(lb.requests.slice(0, 2).sort()).toEqual(['GET /admin;csv', 'GET process'])
    expect(lb.requests.slice(2, 6)).toEqual([
      'POST b=web&action=maint&s=a',
      'GET /admin;csv;scope=web',
      'GET /admin;csv;scope=web',
      'GET /admin;csv;scope=web'
    ])
    expect(lb.requests.slice(6, -1)).toEqual(
      lb.requests.slice(6, -1).map(() => 'GET /admin;csv;scope=web')
    )
    expect(lb.requests.at(-1)).toBe('GET process')
    expect(result.outputs).toEqual({
      changed: 'true',
      status: 'MAINT',
      'previous-status': 'UP',
      sessions: '0',
      waited: '1.2',
      'safe-to-stop': 'true',
      result: expect.stringMatching(/^\[{.*}\]$/)
    })
    expect(result.summary.split('\n').slice(0, 3)).toEqual([
      '<h3>✅ web/a: safe to stop</h3>',
      '<p>Safe to stop: web/a is MAINT, waited 1.2s.</p>',
      '<table><tr><th>HAProxy</th><th>Backend</th><th>Server</th><th>Before</th><th>After</th><th>Sessions</th><th>Waited</th></tr>' +
        '<tr><td>LB1</td><td>web</td><td>a</td><td>UP</td><td>MAINT</td><td>0</td><td>1.2s</td></tr></table>'
    ])
    expect(result.summary).toContain('<ul><li>No session for 1s.</li>')
    // Queued requests count for the chart, as they count for the wait.
    expect(result.summary).toContain('\n0.0 s: 3, ')
  })

  test('makes three requests where it does not wait', async () => {
    const lb = await start(server('a', { sessions: 2 }), server('b'))
    const result = await runMain(inputsFor([lb], { action: 'maint', wait: 'false' }))
    expect(result.lastLine).toBe(
      'Out of rotation: web/a is MAINT with 2 sessions. This step did not wait for sessions to end.'
    )
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(lb.requests).toEqual([
      'GET /admin;csv',
      'POST b=web&action=maint&s=a',
      'GET /admin;csv;scope=web'
    ])
  })

  test('shows every request and its answer where debug logging is on', async () => {
    const lb = await start(server('a'))
    const result = await runMain(inputsFor([lb], { action: 'status' }), { debug: true })
    expect(result.log).toEqual([
      '##[debug]GET LB1;csv;scope=web',
      expect.stringMatching(/^##\[debug\]GET LB1;csv;scope=web → 200 \(\d+ characters\)$/),
      'Found: web/a on LB1 is UP.',
      'Seen: web/a is UP.'
    ])
  })
})

test('a step that brings a server back tells the whole story', async () => {
  const lb = await start(server('a', { admin: 'maint' }))
  const result = await runMain(inputsFor([lb], { action: 'ready' }))
  expect(result.log).toEqual([
    'Found: web/a on LB1 is MAINT.',
    'Asking for drain, for a fresh health check: web/a.',
    'web/a is DOWN, its last check says L7STS/503 (0s elapsed, 5m left).',
    'Ending the drain: web/a.',
    'web/a is DOWN 1/2, its last check says L7STS/503 (100ms elapsed, 5m left).',
    'web/a is UP (200ms elapsed, 5m left).',
    'Back and taking traffic: web/a is UP, waited 1.2s.'
  ])
  expect(lb.changes).toEqual(['drain web/a', 'hdown web/a', 'start web/a'])
  expect(result).toMatchObject({ exitCode: 0, state: { isPost: 'true' } })
  expect(result.outputs['safe-to-stop']).toBe('false')
})

test('a wait says every 30 seconds that it goes on while nothing changes', async () => {
  const lb = await start(server('a', { sessions: 2 }), server('b'))
  // The wait begins after the fourth request, with ten looks a second.
  lb.at(4 + 100, () => (lb.server('a').sessions = 1))
  const times = { 'poll-interval': '100ms', 'wait-timeout': '45s' }
  const result = await runMain(inputsFor([lb], { action: 'drain', ...times }))
  expect(result.log.slice(2, -1)).toEqual([
    'web/a is DRAIN with 2 sessions (0s elapsed, 45s left).',
    'web/a is DRAIN with 1 session (10s elapsed, 35s left).',
    'Still waiting: web/a is DRAIN with 1 session (40s elapsed, 5s left).'
  ])
})

test('a wait says so again 30 seconds after it did', async () => {
  const lb = await start(server('a', { sessions: 2 }), server('b'))
  const times = { 'poll-interval': '1m', 'wait-timeout': '90s' }
  const result = await runMain(inputsFor([lb], { action: 'drain', ...times }))
  const waiting = result.log.filter((line) => line.startsWith('Still waiting: '))
  expect(waiting).toHaveLength(2)
})

test('a wait names the server that changed, and no other', async () => {
  const lb = await start(server('a', { sessions: 1 }), server('b', { sessions: 1 }), server('c'))
  lb.at(5, () => (lb.server('b').sessions = 0))
  lb.at(7, () => (lb.server('a').sessions = 0))
  const result = await runMain(inputsFor([lb], { server: 'a b', action: 'maint' }))
  expect(result.log.slice(2)).toEqual([
    'web/a is MAINT with 1 session (0s elapsed, 5m left).',
    'web/b is MAINT with 1 session (0s elapsed, 5m left).',
    'web/b is MAINT (100ms elapsed, 5m left).',
    'web/a is MAINT (300ms elapsed, 5m left).',
    'Safe to stop: web/a, web/b are MAINT, waited 1.3s.'
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
    expect(result.log.filter((line) => line.includes('elapsed'))).toEqual([
      'web/a is no check (0s elapsed, 5m left).'
    ])
    expect(result.log.at(-2)).toBe(
      'Notice: web/a has no health check: HAProxy sends it traffic without knowing whether it is healthy.'
    )
  })

  test('says what the last check says where it failed', async () => {
    const lb = await start(server('a', { admin: 'maint' }))
    lb.server('a').well = false
    const result = await runMain(inputsFor([lb], { action: 'ready', 'wait-timeout': '2s' }))
    expect(result.log.slice(2)).toEqual([
      'web/a is DOWN, its last check says L7STS/503 (0s elapsed, 2s left).',
      'Ending the drain: web/a.',
      'Error: Not up within 2s: web/a is DOWN, its last check says L7STS/503. ' +
        'HAProxy brings web/a up by itself once its health check passes; to keep it out, ask for maint.'
    ])
  })
})

describe('a cancelled step', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    'names %s, and asks for nothing more',
    async (signal) => {
      const lb = await start(server('a', { sessions: 1 }), server('b'))
      lb.at(5, () => {
        cancel(signal)
      })
      const result = await runMain(inputsFor([lb], { action: 'drain' }))
      expect(result.lastLine).toBe(
        `Cancelled (${signal}). Now web/a is DRAIN with 1 session. ` +
          'The post step does not bring web/a back (restore: never); action: ready does.'
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
      if (number !== 4) return undefined
      cancel()
      return 'silence'
    }
    const result = await runMain(inputsFor([lb], { action: 'maint', restore: 'failure' }))
    expect(result.lastLine).toBe(
      'Cancelled (SIGINT). Now web/a is MAINT with 1 session. ' +
        'The post step brings web/a back if the job fails or is cancelled (restore: failure).'
    )
    expect(lb.requests.slice(3)).toEqual(['GET /admin;csv;scope=web', 'GET /admin;csv;scope=web'])
  })

  test('before its change has changed nothing, and has nothing to restore', async () => {
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
      'safe-to-stop': 'false',
      result: '[]'
    })
    expect(result).toMatchObject({
      exitCode: 1,
      state: { isPost: 'true' },
      summary: expect.stringMatching(/^<h3>❌ cancelled<\/h3>/)
    })
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
          'server: "*" is not a name; HAProxy allows letters, digits and _ . : - only. Servers must be named one by one; only action: status takes "*".'
      },
      { level: 'error', message: 'wait: "hm" is neither true nor false.' },
      { level: 'error', message: 'Nothing was changed. Correct these inputs: server, wait.' }
    ])
    expect(result.lastLine).toBe('Nothing was changed. Correct these inputs: server, wait.')
    expect(result).toMatchObject({
      exitCode: 1,
      outputs: {},
      state: { isPost: 'true' },
      summary: ''
    })
    expect(lb.requests).toEqual([])
  })

  test('cannot write a command into the log', async () => {
    const lb = await start()
    const result = await runMain(inputsFor([lb], { server: '##[error]x', action: 'drain' }))
    expect(result.lines.filter((line) => line.includes('##['))).toEqual([])
    expect(result.annotations[0]?.message).toContain('"## [error]x" is not a name')
  })
})

test('a step whose state cannot be saved ends before it asks for anything', async () => {
  const lb = await start(server('a'), server('b'))
  const result = await runMain(inputsFor([lb], { action: 'drain' }), {
    env: { GITHUB_STATE: '/nowhere/state' },
    debug: true
  })
  expect(result.lastLine).toBe(
    "The runner's state file cannot be written (Missing file at path: /nowhere/state). Nothing was changed."
  )
  expect(result.log.at(-2)).toMatch(
    /^##\[debug\]Error: The runner's state file cannot be written .* +at markMainStep/
  )
  expect(result).toMatchObject({ exitCode: 1, outputs: {}, summary: '' })
  expect(lb.requests).toEqual([])
})

test('a failure of HAProxy needs no stack', async () => {
  const lb = await start(server('a'))
  const result = await runMain(inputsFor([lb], { action: 'drain' }), { debug: true })
  expect(result.exitCode).toBe(1)
  expect(result.log.join('\n')).not.toContain('HaproxyError')
})

test('a run whose outputs cannot be set is red, and its last line says what is so', async () => {
  const lb = await start(server('a'))
  const result = await runMain(inputsFor([lb], { action: 'status' }), {
    env: { GITHUB_OUTPUT: '/nowhere/output' }
  })
  expect(result.exitCode).toBe(1)
  expect(result.lines.filter((line) => !line.startsWith('::debug::'))).toEqual([
    'Found: web/a on LB1 is UP.',
    '::error title=Failed::Missing file at path: /nowhere/output. So the outputs of this step are missing.',
    'Seen: web/a is UP.'
  ])
})

describe('the titles of the annotations', () => {
  const titles = async (lb: ImitatedPage, given: Given): Promise<readonly string[]> =>
    (await runMain(inputsFor([lb], given))).titles

  test('say what became of which server', async () => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    expect(await titles(lb, { action: 'drain', 'wait-timeout': '1s' })).toEqual([
      'web/a: not drained'
    ])
    expect(await titles(lb, { action: 'maint', 'max-sessions': '1' })).toEqual([
      'web/a: drained, not proven safe to stop'
    ])
  })

  test('say what was refused, also where no server was found', async () => {
    const lb = await start(server('a'))
    expect(await titles(lb, { action: 'maint' })).toEqual(['web/a: refused, too few others serve'])
    expect(await titles(lb, { action: 'maint', server: 'c' })).toEqual(['no such server'])
  })

  test('name the inputs that are bad', async () => {
    const lb = await start(server('a'))
    expect(await titles(lb, { action: 'hm', wait: 'hm' })).toEqual([
      'Input action',
      'Input wait',
      'Inputs to correct'
    ])
  })

  test('say what a notice is about', async () => {
    const lb = await start(server('a', { checked: false }))
    expect(await titles(lb, { action: 'ready' })).toEqual(['web/a: no health check'])
  })
})

test('nothing of a run is folded away in a group', async () => {
  const lb = await start(server('a', { sessions: 1 }), server('b'))
  const { lines } = await runMain(inputsFor([lb], { action: 'maint', 'wait-timeout': '1s' }))
  expect(lines.filter((line) => /^::group|^##\[group/.test(line))).toEqual([])
})
