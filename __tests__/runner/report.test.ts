import { mkdirSync, rmSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../src/runner/inputs.ts'
import { main } from '../../src/main.ts'
import { Report, reportFailure } from '../../src/runner/report.ts'
import { type Given, inProcess, runMain } from './in-process.ts'
import { inputsFor, server, type Toy, type ToyServerOptions, toyStarter } from './toy.ts'

const start = toyStarter()

/** The last line of a step for server a, which is as told; b is up. */
async function lastLine(a: ToyServerOptions, given: Given, meanwhile?: Toy['before']) {
  const lb = await start(server('a', a), server('b'))
  lb.before = meanwhile ?? lb.before
  const { lastLine, exitCode } = await runMain(inputsFor([lb], given))
  return [exitCode, lastLine]
}

describe('the last line of a green step says what was achieved:', () => {
  const drain = { action: 'drain' }
  const maint = { action: 'maint' }
  const ready = { action: 'ready' }
  const hasty = { wait: 'false' }
  const busy = { sessions: 1 }

  test.each<[string, ToyServerOptions, Given, string]>([
    ['drained', {}, drain, 'Safe to stop: web/a on LB1 is DRAIN, waited 1s.'],
    [
      'out from the beginning',
      { admin: 'maint' },
      maint,
      'Safe to stop: web/a on LB1 is MAINT, as before, waited 1s.'
    ],
    [
      'drained but for the sessions that are allowed',
      busy,
      { ...maint, 'max-sessions': '1' },
      'As drained as was asked (max-sessions: 1): web/a on LB1 is MAINT with 1 session, waited 1s.'
    ],
    [
      'drained where sessions might have been left, and so perhaps only between two of them',
      {},
      { ...maint, 'max-sessions': '1' },
      'As drained as was asked (max-sessions: 1): web/a on LB1 is MAINT, waited 1s.'
    ],
    [
      'up without weight',
      { admin: 'maint', cells: { weight: '0' } },
      ready,
      'Up, but with weight 0 no traffic comes: web/a on LB1 is UP, waited 2s.'
    ],
    [
      'out and not drained',
      busy,
      { ...drain, 'on-timeout': 'continue', 'wait-timeout': '10s' },
      'Out of rotation but not drained: web/a on LB1 is DRAIN with 1 session, waited 10s.'
    ],
    [
      'out and not waited for',
      busy,
      { ...drain, ...hasty },
      'Out of rotation: web/a on LB1 is DRAIN with 1 session. Not waited for sessions to end.'
    ],
    [
      'out from the beginning and not waited for',
      { admin: 'maint' },
      { ...maint, ...hasty },
      'Out of rotation: web/a on LB1 is MAINT, as before. Not waited for sessions to end.'
    ],
    [
      'killed',
      busy,
      { ...maint, 'on-timeout': 'shutdown', 'wait-timeout': '10s' },
      'Safe to stop: web/a on LB1 is MAINT, waited 12s.'
    ],
    ['up', { admin: 'maint' }, ready, 'Back and taking traffic: web/a on LB1 is UP, waited 2s.'],
    [
      'up from the beginning',
      {},
      ready,
      'Back and taking traffic: web/a on LB1 is UP, as before, waited 1s.'
    ],
    [
      'up and not waited for',
      { admin: 'drain' },
      { ...ready, ...hasty },
      'Ready: web/a on LB1 is UP. Not waited until up.'
    ],
    [
      'ready from the beginning and not waited for',
      {},
      { ...ready, ...hasty },
      'Ready: web/a on LB1 is UP, as before. Not waited until up.'
    ],
    ['looked at', busy, { action: 'status' }, 'Seen: web/a on LB1 is UP with 1 session.'],
    [
      'sessions killed',
      busy,
      { action: 'shutdown' },
      'HAProxy carried out shutdown: web/a on LB1 is UP.'
    ],
    ['checks disabled', {}, { action: 'dhlth' }, 'HAProxy carried out dhlth: web/a on LB1 is UP.'],
    [
      'rehearsed',
      busy,
      { ...drain, 'dry-run': 'true' },
      'Dry run, nothing was changed: web/a on LB1 is UP with 1 session.'
    ]
  ])('%s', async (_, a, given, expected) => {
    expect(await lastLine(a, given)).toEqual([0, expected])
  })

  test('one server of two that changed is a change', async () => {
    const lb = await start(server('a', { admin: 'maint' }), server('b'), server('c'))
    const result = await runMain(inputsFor([lb], { ...maint, server: 'a b' }))
    expect(result.lastLine).toBe('Safe to stop: web/a, web/b on LB1 are MAINT, waited 1s.')
  })

  test('one server of two that is not drained is not safe to stop', async () => {
    const lb = await start(server('a'), server('b', busy), server('c'))
    const given = { server: 'a b', 'on-timeout': 'continue', 'wait-timeout': '10s' }
    const result = await runMain(inputsFor([lb], { ...drain, ...given }))
    expect(result.lastLine).toBe(
      'Out of rotation but not drained: web/a on LB1 is DRAIN; web/b on LB1 is DRAIN with 1 session, waited 10s.'
    )
  })

  test('idle at the end, but not for the settle time, is not safe', async () => {
    let sessions = 0
    const given = { ...drain, 'on-timeout': 'continue', 'wait-timeout': '5s', 'settle-time': '3s' }
    const shown = await lastLine({ cells: { stot: '0' } }, given, (_, number) => {
      sessions += number % 3 === 0 ? 1 : 0
      return { cells: { stot: String(sessions) } }
    })
    expect(shown).toEqual([0, 'Out of rotation but not drained: web/a on LB1 is DRAIN, waited 5s.'])
  })

  test('a state that was lost is a reload that the counters may not show', async () => {
    const lb = await start(server('a'), server('b'))
    lb.before = (_, number) => {
      if (number === 4) lb.server('a').ask('ready')
      return undefined
    }
    const result = await runMain(inputsFor([lb], maint))
    expect(result.lastLine).toMatch(
      /^Drained as far as can be seen: web\/a on LB1 is MAINT, waited \ds\. HAProxy may have been reloaded/
    )
  })

  test('a reload hides the requests of the old process, so nothing is called safe', async () => {
    const shown = await lastLine({ cells: { stot: '9' } }, maint, (_, number) =>
      number < 4 ? undefined : { cells: { stot: '0' } }
    )
    expect(shown).toEqual([
      0,
      'Drained as far as can be seen: web/a on LB1 is MAINT, waited 3s. HAProxy was reloaded meanwhile, ' +
        'and requests that its old process still serves are not shown; its `hard-stop-after` ends them.'
    ])
  })

  test('a reload of one HAProxy of two is enough for that', async () => {
    const [first, second] = await Promise.all([
      start(server('a', { cells: { stot: '9' } }), server('b')),
      start(server('a'), server('b'))
    ])
    first.before = (_, number) => (number < 4 ? undefined : { cells: { stot: '0' } })
    const result = await runMain(inputsFor([first, second], maint))
    expect(result.lastLine).toMatch(
      /^Drained as far as can be seen: web\/a on LB1 and web\/a on LB2 are MAINT, waited 3s\./
    )
  })
})

describe('the last line of a red step says what is so now, what to do and what the post step will do:', () => {
  const sticky =
    ' Clients pinned to a server by cookie or stick table keep coming in drain; maint ends that.'
  const late =
    'Wait longer (wait-timeout), allow a rest (max-sessions), or end it (on-timeout: shutdown).'
  const short = { 'wait-timeout': '1s' }
  const left = 'Not drained within 1s: web/a on LB1 is DRAIN with 1 session.'

  test.each<[string, ToyServerOptions, Given, string]>([
    [
      'nothing was changed',
      { cells: { status: 'MAINT (resolution)' } },
      { action: 'ready' },
      'web/a on LB1 is MAINT (resolution): HAProxy cannot resolve its host name, and only DNS can end that (`resolvers` in haproxy.cfg). ' +
        'Nothing was changed. Now web/a on LB1 is MAINT (resolution).'
    ],
    [
      'left out for good',
      { sessions: 1 },
      { action: 'drain', ...short },
      `${left} Now web/a on LB1 is DRAIN with 1 session. ${late}${sticky} ` +
        'The post step will not bring web/a on LB1 back (restore: never); action: ready does.'
    ],
    [
      'left out for now',
      { sessions: 1 },
      { action: 'drain', restore: 'failure', ...short },
      `${left} Now web/a on LB1 is DRAIN with 1 session. ${late}${sticky} ` +
        'The post step will bring web/a on LB1 back (restore: failure).'
    ],
    [
      'left out by an earlier step, which is nothing of this one’s',
      { sessions: 1, admin: 'maint' },
      { action: 'maint', restore: 'always', ...short },
      'Not drained within 1s: web/a on LB1 is MAINT with 1 session. Nothing was changed. ' +
        `Now web/a on LB1 is MAINT with 1 session. ${late}`
    ],
    [
      'put back',
      { sessions: 1 },
      { action: 'drain', restore: 'always', 'on-timeout': 'restore', ...short },
      `${left} What had changed was put back. Now web/a on LB1 is put back, UP with 1 session. ${late}${sticky}`
    ]
  ])('%s', async (_, a, given, expected) => {
    expect(await lastLine(a, given)).toEqual([1, expected])
  })

  test('a server on its way back is not the post step’s to bring back', async () => {
    const lb = await start(server('a', { admin: 'maint' }))
    lb.server('a').well = false
    const result = await runMain(
      inputsFor([lb], { action: 'ready', 'wait-timeout': '1s', restore: 'always' })
    )
    expect(result.lastLine).toBe(
      'Not up within 1s: web/a on LB1 is DOWN, its last check says L7STS/503. Now web/a on LB1 is DOWN, asked for drain. ' +
        'Look at the application and its health check, then ask for ready again. ' +
        'Load balancing sends no user to web/a on LB1 until somebody asks for ready.'
    )
  })

  test('a server that was asked to be ready is not held in drain either', async () => {
    const lb = await start(server('a', { admin: 'maint' }))
    lb.server('a').well = false
    const given = { action: 'ready', 'ready-through-drain': 'false', restore: 'always', ...short }
    const result = await runMain(inputsFor([lb], given))
    expect(result.lastLine).toBe(
      'Not up within 1s: web/a on LB1 is DOWN, its last check says L7STS/503. Now web/a on LB1 is DOWN. ' +
        'Look at the application and its health check, then ask for ready again.'
    )
  })

  test('of two servers the one that was found in that state is not told to come back', async () => {
    const lb = await start(
      server('a', { sessions: 1 }),
      server('b', { admin: 'drain' }),
      server('c')
    )
    const given = { server: 'a b', action: 'drain', restore: 'always', ...short }
    const result = await runMain(inputsFor([lb], given))
    expect(result.lastLine).toBe(
      `${left} Now web/a on LB1 is DRAIN with 1 session; web/b on LB1 is DRAIN. ${late}${sticky} ` +
        'The post step will bring web/a on LB1 back (restore: always).'
    )
  })

  test('without a word about servers that were never found', async () => {
    const lb = await start(server('b'))
    const result = await runMain(inputsFor([lb], { action: 'drain' }))
    expect(result.lastLine).toBe(
      'The backend web on LB1 has no server a; there are the servers b. Did you mean b? ' +
        'Nothing was changed. Check the spelling; names are case-sensitive.'
    )
  })
})

test('an unforeseen failure before any server was found says no more than it knows', async () => {
  const { lastLine, outputs } = await inProcess(
    inputsFor([], { 'stats-url': 'http://lb/admin', action: 'drain' }),
    async () => {
      const report = new Report(readInputs())
      report.failed(new Error('Out of order.'))
      await report.publish()
    }
  )
  expect(lastLine).toBe('Out of order. Nothing was changed.')
  expect(outputs['changed']).toBe('false')
})

test('what is thrown and is no error is told as it is', async () => {
  const { lastLine, exitCode } = await inProcess({}, () => {
    reportFailure('out of order', '', 'Try later.')
  })
  expect([exitCode, lastLine]).toEqual([1, 'out of order. Try later.'])
})

test('the last line is no command, whatever is in it', async () => {
  const { lines } = await inProcess({}, () => {
    reportFailure('a\n::notice::b ##[error]c')
  })
  expect(lines).toEqual(['::error::a ::notice::b ## [error]c.'])
})

describe('the outputs', () => {
  test('of several servers are the distinct statuses and the sum of the sessions', async () => {
    const lb = await start(
      server('a', { sessions: 2 }),
      server('b', { sessions: 3, queue: 5 }),
      server('c', { admin: 'maint', sessions: 4 }),
      server('d')
    )
    const given = { server: 'a b c', action: 'drain', wait: 'false' }
    const { outputs } = await runMain(inputsFor([lb], given))
    expect(outputs).toMatchObject({
      changed: 'true',
      status: 'DRAIN, DRAIN 1/3',
      'previous-status': 'UP, MAINT',
      sessions: '9',
      waited: '0.0'
    })
  })

  test('tell every server in JSON, with null for an admin state that its status hides', async () => {
    const [first, second] = await Promise.all([
      start(server('a', { sessions: 2, queue: 1 }), server('b')),
      start(server('a', { down: true }), server('b'))
    ])
    const given = { action: 'maint', wait: 'false' }
    const { outputs } = await runMain(inputsFor([first, second], given))
    const common = { backend: 'web', server: 'a', status: 'MAINT', adminState: 'maint', check: '' }
    expect(JSON.parse(outputs['result'] ?? '')).toEqual([
      {
        ...common,
        instance: 'LB1',
        previousStatus: 'UP',
        previousAdminState: 'ready',
        sessions: 2,
        queue: 1,
        changed: true
      },
      {
        ...common,
        instance: 'LB2',
        previousStatus: 'DOWN',
        previousAdminState: null,
        sessions: 0,
        queue: 0,
        changed: true
      }
    ])
  })

  test('tell of a server that stays DOWN what its last check says, and that its state is hidden', async () => {
    const lb = await start(server('a', { down: true }))
    const { outputs } = await runMain(inputsFor([lb], { action: 'status' }))
    expect(outputs['changed']).toBe('false')
    expect(JSON.parse(outputs['result'] ?? '')).toMatchObject([
      { adminState: null, previousAdminState: null, check: 'L7STS/503', changed: false }
    ])
  })

  test('say that something changed when one of two servers did', async () => {
    const lb = await start(server('a'), server('b', { admin: 'maint' }), server('c'))
    const given = { server: 'a b', action: 'maint' }
    const { outputs } = await runMain(inputsFor([lb], given))
    const result = JSON.parse(outputs['result'] ?? '') as { changed: boolean }[]
    expect(outputs['changed']).toBe('true')
    expect(result.map(({ changed }) => changed)).toEqual([true, false])
  })

  test('tell of the wait on failure too', async () => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    const given = { action: 'drain', 'wait-timeout': '2500ms' }
    const { outputs } = await runMain(inputsFor([lb], given))
    expect(outputs).toMatchObject({ waited: '2.5', sessions: '1', status: 'DRAIN' })
  })
})

describe('the summary', () => {
  test('says in its title that it was a dry run', async () => {
    const lb = await start(server('a'), server('b'))
    const given = { action: 'drain', 'dry-run': 'true' }
    const { summary } = await runMain(inputsFor([lb], given))
    expect(summary).toMatch(/^<h3>HAProxy: drain \(dry run\)<\/h3>\n/)
  })

  test('has a row for every server, and no chart where there was no wait', async () => {
    const lb = await start(server('a', { sessions: 2 }), server('b', { backend: 'api' }))
    const given = { backend: '*', server: 'a b', action: 'status' }
    const { summary } = await runMain(inputsFor([lb], given))
    const row = (...cells: string[]): string => `<tr><td>${cells.join('</td><td>')}</td></tr>`
    expect(summary).toContain(
      `${row('LB1', 'web', 'a', 'UP', 'UP', '2', '0ms')}${row('LB1', 'api', 'b', 'UP', 'UP', '0', '0ms')}</table>`
    )
    expect(summary).not.toContain('mermaid')
  })

  test('holds no markup of what HAProxy tells', async () => {
    const lb = await start(server('a', { cells: { status: 'UP <b>' } }))
    const { summary } = await runMain(inputsFor([lb], { action: 'status' }))
    expect(summary).toContain('has &quot;UP &lt;b&gt;&quot;')
    expect(summary).toContain('<td>UP &lt;b&gt;</td>')
    expect(summary).not.toContain('<b>')
  })

  test('is left out where there is no file for it, without a word', async () => {
    const lb = await start(server('a'))
    const result = await runMain(inputsFor([lb], { action: 'status' }), {
      env: { GITHUB_STEP_SUMMARY: '' }
    })
    expect(result).toMatchObject({
      exitCode: 0,
      lastLine: 'Seen: web/a on LB1 is UP.',
      summary: ''
    })
  })

  test('is left out where no server was found', async () => {
    const lb = await start(server('b'))
    const { summary, exitCode } = await runMain(inputsFor([lb], { action: 'status' }))
    expect([exitCode, summary]).toEqual([1, ''])
  })

  test('that cannot be written is only told of', async () => {
    const lb = await start(server('a'))
    const result = await inProcess(inputsFor([lb], { action: 'status' }), async () => {
      const path = process.env['GITHUB_STEP_SUMMARY'] ?? ''
      rmSync(path)
      mkdirSync(path)
      await main()
    })
    expect(result.exitCode).toBe(0)
    expect(result.annotations).toEqual([])
    expect(result.lastLine).toMatch(
      /^The job summary could not be written: Error: EISDIR: illegal operation on a directory.*\.$/
    )
  })
})
