import { describe, expect, test } from '@jest/globals'
import { readInputs } from '../../src/runner/inputs.ts'
import { log } from '../../src/runner/log.ts'
import { Report } from '../../src/runner/report.ts'
import { type Given, inProcess, runMain, type StepResult } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import {
  type ImitatedOptions,
  type ImitatedPage,
  type ImitatedServer,
  server
} from '../support/imitated-page.ts'

const start = pageStarter()
const MAINT = { admin: 'maint' } as const
const DRAIN = { admin: 'drain' } as const
const BUSY = { sessions: 1 }
const maint = { action: 'maint' }
const drain = { action: 'drain' }
const ready = { action: 'ready' }
const HASTY = { wait: 'false' }
const SHORT = { 'wait-timeout': '10s' }

/** A step for server a, which is as given; b is up. */
async function step(
  a: ImitatedOptions,
  given: Given,
  more: readonly ImitatedServer[] = [],
  prepare: (lb: ImitatedPage) => void = () => undefined
): Promise<StepResult> {
  const lb = await start(server('a', a), server('b'), ...more)
  prepare(lb)
  return runMain(inputsFor([lb], given))
}

/** The levels of all annotations. */
const levels = ({ annotations }: StepResult): string[] => annotations.map(({ level }) => level)

describe('the last line of a green step says what was achieved:', () => {
  test.each<[string, ImitatedOptions, Given, string]>([
    ['in maint', {}, maint, 'Safe to stop: web/a is MAINT, waited 1s.'],
    [
      'in maint from the beginning',
      MAINT,
      maint,
      'Safe to stop: web/a is MAINT, as before, waited 1s.'
    ],
    [
      'killed',
      BUSY,
      { ...maint, 'on-timeout': 'shutdown', ...SHORT },
      'Safe to stop: web/a is MAINT, waited 11.1s.'
    ],
    [
      'killed, and in maint from the beginning',
      { ...MAINT, ...BUSY },
      { ...maint, 'on-timeout': 'shutdown', ...SHORT },
      'Safe to stop: web/a is MAINT, waited 11.1s.'
    ],
    [
      'in drain',
      {},
      drain,
      'Drained: web/a is DRAIN, waited 1s. Pinned clients may come back; maint keeps them away.'
    ],
    [
      'in drain from the beginning',
      DRAIN,
      drain,
      'Drained: web/a is DRAIN, as before, waited 1s. Pinned clients may come back; maint keeps them away.'
    ],
    [
      'in maint, which is enough for drain',
      MAINT,
      drain,
      'Drained: web/a is MAINT, as before, waited 1s. Pinned clients may come back; maint keeps them away.'
    ],
    [
      'out and not waited for',
      BUSY,
      { ...drain, ...HASTY },
      'Out of rotation: web/a is DRAIN with 1 session. This step did not wait for sessions to end.'
    ],
    [
      'out from the beginning and not waited for',
      MAINT,
      { ...maint, ...HASTY },
      'Out of rotation: web/a is MAINT, as before. This step did not wait for sessions to end.'
    ],
    ['up', MAINT, ready, 'Back and taking traffic: web/a is UP, waited 1.2s.'],
    [
      'up from the beginning',
      {},
      ready,
      'Back and taking traffic: web/a is UP, as before, waited 1s. Already up, so not checked again.'
    ],
    [
      'up without a check',
      { ...DRAIN, checked: false },
      ready,
      'Back and taking traffic: web/a is ready (no check), waited 1s.'
    ],
    [
      'up and not waited for',
      DRAIN,
      { ...ready, ...HASTY },
      'Ready: web/a is DOWN 1/2, asked for ready. This step did not wait until up.'
    ],
    [
      'ready from the beginning and not waited for',
      {},
      { ...ready, ...HASTY },
      'Ready: web/a is UP, as before. This step did not wait until up.'
    ],
    ['looked at', BUSY, { action: 'status' }, 'Seen: web/a is UP with 1 session.'],
    ['sessions killed', BUSY, { action: 'shutdown' }, 'HAProxy carried out shutdown: web/a is UP.'],
    ['checks disabled', {}, { action: 'dhlth' }, 'HAProxy carried out dhlth: web/a is UP.'],
    [
      'a dry run',
      BUSY,
      { ...drain, 'dry-run': 'true' },
      'Dry run, nothing was changed: web/a is UP with 1 session. A real run would put web/a into drain.'
    ]
  ])('%s', async (_, a, given, expected) => {
    const result = await step(a, given)
    expect(result.lastLine).toBe(expected)
    expect([result.exitCode, levels(result).filter((level) => level === 'error')]).toEqual([0, []])
    expect(result.log.at(-1)).toBe(expected)
    expect(result.outputs['safe-to-stop']).toBe(String(expected.startsWith('Safe to stop')))
    expect(result.summary).toContain(`<p>${expected}</p>`)
  })

  test('one server of two that changed is a change', async () => {
    const lb = await start(server('a', MAINT), server('b'), server('c'))
    const result = await runMain(inputsFor([lb], { ...maint, server: 'a b' }))
    expect(result.lastLine).toBe('Safe to stop: web/a, web/b are MAINT, waited 1s.')
  })

  test('the sessions of a follower that were killed are a change', async () => {
    const follower = server('f', { backend: 'api', tracks: 'web/a', sessions: 1 })
    const given = { ...maint, 'on-timeout': 'shutdown', ...SHORT }
    const result = await step(MAINT, given, [follower])
    expect(result.lastLine).toBe('Safe to stop: web/a is MAINT, waited 11.1s.')
    expect(result.outputs).toMatchObject({ changed: 'true' })
  })

  test('a follower is watched while it has sessions, and only then', async () => {
    const follower = { backend: 'api', tracks: 'web/a' }
    const busy = server('f', { ...follower, sessions: 2 })
    const result = await step(
      BUSY,
      { ...maint, 'min-up': '0' },
      [busy, server('g', follower)],
      (lb) => {
        lb.at(6, () => {
          lb.server('a').sessions = 0
          busy.sessions = 0
        })
      }
    )
    const watched = result.log.filter((line) => line.includes(' elapsed, '))
    expect(watched[0]).toMatch(/^web\/a is MAINT with 1 session \(/)
    expect(
      watched.some((line) => line.includes('api/f is MAINT (via web/a) with 2 sessions ('))
    ).toBe(true)
    expect(watched.join('\n')).not.toContain('api/g')
    expect(result.summary).toContain('\n0.0 s: 3, ')
  })

  test('the sessions of a server in rotation are none that are left', async () => {
    const { summary } = await step(BUSY, ready)
    expect(summary).not.toContain('Sessions left')
  })

  test('nothing is claimed to be proven of a return, or of a failure', async () => {
    expect((await step(MAINT, ready)).summary).not.toContain('<li>')
    expect((await step(BUSY, { ...drain, 'wait-timeout': '1s' })).summary).not.toContain('<li>')
  })

  test('a server that was up, but had to be asked for again after a reload, is not taken as found', async () => {
    const lb = await start(server('a', MAINT), server('b'), server('c'))
    lb.at(10, () => {
      lb.reload()
      lb.server('b').set({ drain: true }, 0)
    })
    const { lastLine } = await runMain(inputsFor([lb], { ...ready, server: 'a b' }))
    expect(lastLine).toMatch(/^Back and taking traffic: web\/a, web\/b are UP, waited [\d.]+s\.$/)
  })

  test('of two that are up the one that was not checked anew is named', async () => {
    const lb = await start(server('a', MAINT), server('b'), server('c'))
    const { lastLine } = await runMain(inputsFor([lb], { ...ready, server: 'a b' }))
    expect(lastLine).toBe(
      'Back and taking traffic: web/a, web/b are UP, waited 1.2s. Already up, so not checked again: web/b.'
    )
  })
})

describe('the last line of a green step warns of what is not proven:', () => {
  const DOUBTFUL = 'Drained, but not proven safe to stop: web/a is MAINT'
  const ADDRESS = { cells: { addr: '10.0.0.1:80' } }
  const young = (lb: ImitatedPage): void => {
    lb.process = { pid: 1, startedAt: 5_000 - 90_000 }
  }

  test.each<[string, ImitatedOptions, Given, ImitatedServer[], (lb: ImitatedPage) => void, string]>(
    [
      [
        'HAProxy started not long ago',
        {},
        maint,
        [],
        young,
        `${DOUBTFUL}, waited 1s. HAProxy was started less than an hour ago (1m30s), and a process from before may still hold requests: ` +
          'set `hard-stop-after` in haproxy.cfg and give the same value as the input hard-stop-after.'
      ],
      [
        'which process answers is not shown',
        {},
        maint,
        [],
        (lb) => {
          lb.before = (request) => (request === 'GET process' ? { status: 403 } : undefined)
        },
        `${DOUBTFUL}, waited 1s. Which process answers is not shown, so a reload would go unnoticed: let this user read the HTML page as well.`
      ],
      [
        'another process may have answered all along',
        {},
        maint,
        [],
        (lb) => {
          lb.at(6, () => {
            lb.process = { pid: 100, startedAt: lb.process.startedAt + 6_000 }
          })
        },
        `${DOUBTFUL}, waited 2.1s. Another process of HAProxy answers than when this step began, and it may be older than the step: run the step again.`
      ],
      [
        'an agent check may bring it back',
        { cells: { agent_status: 'L7OK' } },
        maint,
        [],
        () => undefined,
        `${DOUBTFUL}, waited 1s. An agent check may bring web/a back: run action: dagent before this step, and action: eagent once the server is back.`
      ],
      [
        'another server at its address is to be ignored',
        ADDRESS,
        { ...maint, 'same-address': 'ignore' },
        [server('x', { backend: 'api', ...ADDRESS })],
        () => undefined,
        `${DOUBTFUL}, waited 1s. Also at the same address: api/x (UP). Take every server at that address out in the same step.`
      ],
      [
        'a server of its name elsewhere may be the same',
        {},
        maint,
        [server('a', { backend: 'api' })],
        () => undefined,
        `${DOUBTFUL}, waited 1s. api/a (UP) may be the same application, and the page does not show its address: ` +
          "name its backend, use backend: '*', or put `stats show-legends` into haproxy.cfg."
      ],
      [
        'others that were to serve have gone down',
        {},
        maint,
        [],
        (lb) => {
          lb.at(6, () => (lb.server('b').cells = { status: 'DOWN' }))
        },
        `${DOUBTFUL}, waited 1s. Fewer other servers are up now than min-up asks for: bring another one back in web.`
      ],
      [
        'sessions may be left',
        BUSY,
        { ...maint, 'max-sessions': '1' },
        [],
        () => undefined,
        `${DOUBTFUL} with 1 session, waited 1s. Sessions may remain, because max-sessions allows them; set it to 0 for proof.`
      ],
      [
        'more than one thing, in drain',
        BUSY,
        { ...drain, 'max-sessions': '1' },
        [],
        young,
        'Drained: web/a is DRAIN with 1 session, waited 1s. Pinned clients may come back; maint keeps them away. ' +
          'HAProxy was started less than an hour ago (1m30s), and a process from before may still hold requests: ' +
          'set `hard-stop-after` in haproxy.cfg and give the same value as the input hard-stop-after. Sessions may remain, because max-sessions allows them; set it to 0 for proof.'
      ],
      [
        'it is not drained, and the step is to go on',
        BUSY,
        { ...drain, 'on-timeout': 'continue', ...SHORT },
        [],
        () => undefined,
        'Out of rotation but not drained: web/a is DRAIN with 1 session, waited 10s.'
      ]
    ]
  )('%s', async (_, a, given, more, prepare, expected) => {
    const result = await step(a, given, more, prepare)
    expect(result.lastLine).toBe(expected)
    expect(result.log.at(-1)).toBe(`Warning: ${expected}`)
    expect(result.exitCode).toBe(0)
    expect(result.outputs['safe-to-stop']).toBe('false')
  })

  test('one server of two that is not drained', async () => {
    const lb = await start(server('a'), server('b', BUSY), server('c'))
    const given = { server: 'a b', 'on-timeout': 'continue', ...SHORT }
    const result = await runMain(inputsFor([lb], { ...drain, ...given }))
    expect(result.lastLine).toBe(
      'Out of rotation but not drained: web/a is DRAIN; web/b is DRAIN with 1 session, waited 10s.'
    )
  })

  test('idle at the end, but not for the settle time', async () => {
    const given = { ...drain, 'on-timeout': 'continue', 'wait-timeout': '5s', 'settle-time': '3s' }
    const result = await step({}, given, [], (lb) => {
      lb.before = (request, number) => {
        lb.server('a').total += request.includes(';csv') && number % 3 === 0 ? 1 : 0
        return undefined
      }
    })
    expect(result.lastLine).toBe('Out of rotation but not drained: web/a is DRAIN, waited 5s.')
  })
})

describe('the last line of a red step says what is so now, what to do and what the post step will do:', () => {
  const pinned =
    'Clients pinned to a server by cookie or stick table keep coming in drain; maint ends that.'
  const ways =
    'You can wait longer (wait-timeout), let some sessions remain (max-sessions) or end the sessions (on-timeout: shutdown).'
  const short = { 'wait-timeout': '1s' }
  const left = 'Not drained within 1s: web/a is DRAIN with 1 session.'

  test.each<[string, ImitatedOptions, Given, string]>([
    [
      'nothing was changed',
      { cells: { status: 'MAINT (resolution)' } },
      { action: 'ready', ...HASTY },
      'web/a is MAINT (resolution): HAProxy cannot resolve its host name, and only DNS can end that (`resolvers` in haproxy.cfg). ' +
        'Nothing was changed.'
    ],
    [
      'left out for good',
      BUSY,
      { ...drain, ...short },
      `${left} ${pinned} ${ways} The post step does not bring web/a back (restore: never); action: ready does.`
    ],
    [
      'left out for now',
      BUSY,
      { ...drain, restore: 'failure', ...short },
      `${left} ${pinned} ${ways} The post step brings web/a back if the job fails or is cancelled (restore: failure).`
    ],
    [
      'left out by an earlier step, which is nothing of this one’s',
      { ...BUSY, ...MAINT },
      { ...maint, restore: 'always', ...short },
      'Not drained within 1s: web/a is MAINT with 1 session. Nothing was changed. ' + ways
    ],
    [
      'rolled back',
      BUSY,
      { ...drain, restore: 'always', 'on-timeout': 'restore', ...short },
      `${left} What had changed was rolled back. Now web/a is UP with 1 session (rolled back). ${pinned} ${ways}`
    ]
  ])('%s', async (_, a, given, expected) => {
    const result = await step(a, given)
    expect([result.exitCode, result.lastLine]).toEqual([1, expected])
    expect(result.log.at(-1)).toBe(`Error: ${expected}`)
    expect(result.outputs['safe-to-stop']).toBe('false')
  })

  test('killed sessions are a change', async () => {
    const given = { ...maint, 'on-timeout': 'shutdown', ...short }
    const result = await step({ ...MAINT, sessions: 1 }, given, [], (lb) => {
      lb.before = (request) => (request.includes('shutdown') ? { code: 'DONE' } : undefined)
    })
    expect(result.exitCode).toBe(1)
    expect(result.lastLine).toMatch(/^After the sessions were killed: Not drained within /)
    expect(result.lastLine).not.toContain('Nothing was changed.')
    expect(result.outputs['changed']).toBe('true')
  })

  test('killed sessions of a follower are a change', async () => {
    const follower = server('f', { backend: 'api', tracks: 'web/a', sessions: 1 })
    const given = { ...maint, 'on-timeout': 'shutdown', ...short }
    const result = await step(MAINT, given, [follower], (lb) => {
      lb.before = (request) => (request.includes('shutdown') ? { code: 'DONE' } : undefined)
    })
    expect(result.lastLine).toMatch(/^After the sessions were killed: /)
    expect(result.lastLine).not.toContain('Nothing was changed.')
  })

  test('an old process that may hold sessions has a remedy of its own', async () => {
    const result = await step(BUSY, { ...maint, 'wait-timeout': '20s' }, [], (lb) => {
      lb.at(10, () => {
        lb.reload({ keep: true })
        lb.server('a').sessions = 0
      })
    })
    expect(result.lastLine).toBe(
      'Not drained within 20s: a process from before a reload may still hold sessions. Now web/a is MAINT. ' +
        '`hard-stop-after` in haproxy.cfg limits how long an old process lives. ' +
        'If it is set there, give the same value as the input hard-stop-after, and make wait-timeout longer than that. ' +
        'The post step does not bring web/a back (restore: never); action: ready does.'
    )
  })

  test('a server on its way back is not the post step’s to bring back', async () => {
    const given = { ...ready, restore: 'always', ...short }
    const result = await step(MAINT, given, [], (lb) => {
      lb.server('a').well = false
    })
    expect(result.lastLine).toBe(
      'Not up within 1s: web/a is DOWN, its last check says L7STS/503. ' +
        'HAProxy brings web/a up by itself once its health check passes; to keep it out, ask for maint.'
    )
  })

  test('a server that starts slowly has its state said once', async () => {
    const result = await step(MAINT, { ...ready, ...short }, [], (lb) => {
      lb.server('a').cells = { throttle: '30' }
    })
    expect(result.lastLine).toBe(
      'Not up within 1s: web/a is UP, slowstart gives it 30 % of its weight. ' +
        'Look at the application and its health check, then ask for ready again.'
    )
  })

  test('a server that is held in drain by its return says so', async () => {
    const given = { ...ready, restore: 'always', ...short }
    const result = await step(MAINT, given, [], (lb) => {
      lb.at(4, () => (lb.server('a').cells = { check_status: '* L7OK' }))
    })
    expect(result.lastLine).toBe(
      'Not up within 1s: web/a is DOWN, its last check says L7OK. ' +
        'Look at the application and its health check, then ask for ready again. ' +
        'web/a stays in drain until somebody asks for ready.'
    )
  })

  test('a server that may be held in drain by its return says so', async () => {
    const given = { ...ready, restore: 'always', ...short }
    const result = await step(MAINT, given, [], (lb) => {
      lb.before = (request) => (request.includes('=start') ? 'reset' : undefined)
    })
    expect(result.lastLine).toMatch(/ web\/a may stay in drain until somebody asks for ready\.$/)
  })

  test('a server that its return has put back is not held in drain', async () => {
    const given = { ...ready, 'on-timeout': 'restore', ...short }
    const result = await step(DRAIN, given, [], (lb) => {
      lb.at(4, () => (lb.server('a').cells = { check_status: '* L7OK' }))
    })
    expect(result.lastLine).toMatch(
      / What had changed was rolled back\. Now web\/a is DOWN \(rolled back\)\. /
    )
    expect(result.lastLine).not.toContain('stays in drain')
  })

  test('a server that others have made ready is not held in drain', async () => {
    const result = await step(MAINT, ready, [], (lb) => {
      lb.at(6, () => {
        lb.server('a').set({ drain: false }, 0)
        lb.server('a').check()
        lb.server('a').check()
      })
    })
    expect(result.lastLine).toContain(
      'web/a was asked for drain and is UP. HAProxy was not reloaded, so somebody else changed it. Find out who did it (a person, another job, an agent check, a controller), then run this step again.'
    )
    expect(result.lastLine).not.toContain('stays in drain')
  })

  test('a server that others have drained since is held there', async () => {
    const result = await step(MAINT, ready, [], (lb) => {
      lb.at(9, () => lb.server('a').set({ drain: true }, 0))
    })
    expect(result.lastLine).toContain(
      'web/a was asked for ready and is DRAIN. HAProxy was not reloaded, so somebody else changed it. Find out who did it (a person, another job, an agent check, a controller), then run this step again. web/a stays in drain until somebody asks for ready.'
    )
    expect(result.lastLine).toMatch(/ web\/a stays in drain until somebody asks for ready\.$/)
  })

  test('a server that cannot be seen is not known to be held in drain', async () => {
    const result = await step(MAINT, { ...ready, ...short }, [], (lb) => {
      lb.before = (request, number) =>
        number > 4 && !request.startsWith('POST') ? 'reset' : undefined
    })
    expect(result.lastLine).toContain('in an unknown state ')
    expect(result.lastLine).not.toMatch(/stays? in drain/)
  })

  test('of two servers the one that was found in that state is not one that comes back', async () => {
    const lb = await start(server('a', BUSY), server('b', DRAIN), server('c'))
    const given = { server: 'a b', action: 'drain', restore: 'always', ...short }
    const result = await runMain(inputsFor([lb], given))
    expect(result.lastLine).toBe(
      `${left} Now web/a is DRAIN with 1 session; web/b is DRAIN. ${pinned} ${ways} ` +
        'The post step brings web/a back (restore: always).'
    )
  })

  test('a server of which nobody knows whether it was changed', async () => {
    const result = await step({}, drain, [], (lb) => {
      lb.before = (request, number) =>
        number > 2 ? (request.startsWith('POST') ? 'done-reset' : 'reset') : undefined
    })
    expect(result.lastLine).toMatch(/^Not everything could be rolled back: .*perhaps UP/)
    expect(result.lastLine).toContain(
      'Now web/a is in an unknown state (asked for drain, last seen UP).'
    )
  })

  test('another hand', async () => {
    const result = await step(BUSY, drain, [], (lb) => {
      lb.at(8, () => lb.server('a').set({ drain: false }, 0))
    })
    expect(result.lastLine).toBe(
      'web/a was asked for drain and is UP with 1 session. HAProxy was not reloaded, so somebody else changed it. ' +
        'Changed meanwhile, and left alone: web/a. ' +
        'Find out who did it (a person, another job, an agent check, a controller), then run this step again.'
    )
  })

  test('no servers that were never found', async () => {
    const lb = await start(server('b'))
    const result = await runMain(inputsFor([lb], drain))
    expect(result.lastLine).toMatch(
      /^The backend web has no server a; there are the servers b\..* Nothing was changed\. Check the spelling; names are case-sensitive\.$/
    )
  })
})

test('an unforeseen failure before any server was found says no more than it knows', async () => {
  const { lastLine, outputs } = await inProcess(
    inputsFor([], { 'stats-url': 'http://lb/admin', action: 'drain' }),
    () => {
      new Report(readInputs(), log).fail(new Error('Out of order.'))
    }
  )
  expect(lastLine).toBe('Out of order. Nothing was changed.')
  expect(outputs['changed']).toBe('false')
})

describe('the outputs', () => {
  test('of several servers are the distinct statuses and the sum of the sessions', async () => {
    const lb = await start(
      server('a', { sessions: 2 }),
      server('b', { sessions: 3, queue: 5 }),
      server('c', { admin: 'drain', sessions: 4 }),
      server('d')
    )
    const given = { server: 'a b c', action: 'drain', wait: 'false' }
    const { outputs } = await runMain(inputsFor([lb], given))
    expect(outputs).toMatchObject({
      changed: 'true',
      status: 'DRAIN',
      'previous-status': 'UP, DRAIN',
      sessions: '9',
      waited: '0.0'
    })
  })

  test('describe every server in JSON, with null for an admin state that its status hides', async () => {
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

  test('say of a server that stays DOWN what its last check says, and that its state is hidden', async () => {
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

  test('hold the wait on failure, too', async () => {
    const lb = await start(server('a', { sessions: 1 }), server('b'))
    const given = { action: 'drain', 'wait-timeout': '2500ms' }
    const { outputs } = await runMain(inputsFor([lb], given))
    expect(outputs).toMatchObject({ waited: '2.5', sessions: '1', status: 'DRAIN' })
  })
})
