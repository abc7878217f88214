import { beforeEach, describe, expect, jest, test } from '@jest/globals'
import { cancel, type Given, runMain, runPost, type StepResult } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'

const start = pageStarter()

/** Runs the post step of a step that succeeded on these pages, after what happened in between. */
async function afterMain(
  pages: readonly ImitatedPage[],
  given: Given,
  between: () => void = () => undefined,
  jobStatus = 'success'
): Promise<StepResult> {
  const inputs = inputsFor(pages, { restore: 'always', ...given })
  const main = await runMain(inputs)
  expect(main.exitCode).toBe(0)
  pages.forEach((page) => (page.requests.length = 0))
  between()
  return runPost(main, inputs, { jobStatus })
}

function errors({ annotations }: StepResult): string[] {
  return annotations.filter(({ level }) => level === 'error').map(({ message }) => message)
}

const UNCHECKED = { checked: false } as const
const RESTORING = "Restoring web/a on LB1: restore is always and the job's status is success."
const LEAVING = 'Leaving alone what a later step or somebody else has changed since:'

describe('whether to restore', () => {
  const unknown = 'and this runner does not say how the job went.'

  test.each([
    [
      'failure',
      'success',
      "Not restoring web/a on LB1: restore is failure and the job's status is success."
    ],
    ['failure', '', `Warning: Not restoring web/a on LB1: restore is failure, ${unknown}`],
    ['failure', 'skipped', `Warning: Not restoring web/a on LB1: restore is failure, ${unknown}`]
  ])('restore: %s leaves the server out when the job is "%s"', async (restore, status, line) => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'maint', restore }, undefined, status)
    expect([post.log, post.exitCode, lb.requests]).toEqual([[line], 0, []])
    expect(post.titles).toEqual(status === 'success' ? [] : ['Not restored'])
  })

  test.each([
    ['failure', 'failure'],
    ['failure', 'cancelled'],
    ['always', 'success'],
    ['always', 'failure'],
    ['always', 'cancelled'],
    ['always', 'skipped']
  ])('restore: %s restores the server when the job is "%s"', async (restore, status) => {
    const lb = await start(server('a', UNCHECKED), server('b'))
    const post = await afterMain([lb], { action: 'maint', restore }, undefined, status)
    expect(post.log).toEqual([
      `Restoring web/a on LB1: restore is ${restore} and the job's status is ${status}.`,
      'Asking for ready: web/a on LB1.',
      'Notice: Restored to ready: web/a on LB1 is ready (no check).'
    ])
    expect(post.exitCode).toBe(0)
    expect(lb.posts).toEqual(['b=web&action=ready&s=a'])
  })

  test.each([
    ['changed nothing', { admin: 'maint' }, { action: 'maint' }],
    ['only looked', {}, { action: 'status' }],
    ['is to leave everything', {}, { action: 'maint', restore: 'never' }]
  ] as const)('a step that %s leaves nothing to restore', async (_, a, given) => {
    const lb = await start(server('a', a), server('b'))
    const post = await afterMain([lb], given)
    expect([post.log, post.exitCode, lb.requests]).toEqual([['Nothing to restore.'], 0, []])
  })

  test('a step that was refused leaves nothing to restore', async () => {
    const lb = await start(server('a'), server('b'))
    lb.admin = false
    const inputs = inputsFor([lb], { action: 'maint', restore: 'always' })
    const post = await runPost(await runMain(inputs), inputs)
    expect(post.log).toEqual(['Nothing to restore.'])
  })

  test('all servers are named with their pages', async () => {
    const [first, second] = await Promise.all([
      start(server('a'), server('b'), server('c')),
      start(server('a'), server('b'), server('c'))
    ])
    const given = { server: 'a b', action: 'maint', restore: 'failure' }
    const post = await afterMain([first, second], given)
    expect(post.log).toEqual([
      "Not restoring web/a, web/b on LB1; web/a, web/b on LB2: restore is failure and the job's status is success."
    ])
  })
})

describe('the way back', () => {
  test('begins with a fresh health check and leaves the rest to HAProxy', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'maint' })
    expect(post.lines.filter((line) => !line.startsWith('::debug::'))).toEqual([
      RESTORING,
      'Asking for drain, for a fresh health check: web/a on LB1.',
      'Ending the drain: web/a on LB1.',
      '::notice title=Restored to ready::Restored to ready: web/a on LB1 is DOWN 1/2, asked for ready.'
    ])
    expect(lb.requests.map((request) => request.split('?')[0])).toEqual([
      'GET process',
      'GET process',
      'GET /admin;csv;scope=web',
      'POST b=web&action=drain&s=a',
      'POST b=web&action=hdown&s=a',
      'GET /admin;csv;scope=web',
      'POST b=web&action=start&s=a',
      'GET /admin;csv;scope=web'
    ])
    expect(post.exitCode).toBe(0)
    lb.server('a').check()
    expect(lb.server('a').status()).toBe('UP')
  })

  test('is short where it is to be', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'maint', 'fresh-check': 'false' })
    expect(lb.posts).toEqual(['b=web&action=ready&s=a'])
    expect(post.lastLine).toBe('Restored to ready: web/a on LB1 is UP 1/3.')
  })

  test('of a server that is dead leaves it down, and sends it nobody', async () => {
    const lb = await start(server('a'), server('b'), server('c'))
    const post = await afterMain([lb], { server: 'a b', action: 'maint' }, () => {
      lb.server('a').well = false
    })
    expect(post.lastLine).toBe(
      'Restored to ready: web/a on LB1 is DOWN, asked for ready; web/b on LB1 is DOWN 1/2, asked for ready.'
    )
    expect(post.exitCode).toBe(0)
    for (let check = 0; check < 5; check += 1) lb.server('a').check()
    expect(lb.server('a')).toMatchObject({ maint: false, drain: false })
    expect(lb.server('a').status()).toBe('DOWN')
  })

  test('waits for a health check that runs, but no longer than the step would have', async () => {
    const lb = await start(server('a'), server('b'))
    const running = (): void => {
      lb.server('a').cells = { check_status: '* L7OK' }
    }
    const long = await afterMain([lb], { action: 'maint', 'wait-timeout': '3s' }, running)
    expect(errors(long)).toEqual([
      'Not released within 3s: web/a on LB1 is DOWN, and a health check of it is running. ' +
        'May not have been restored: check the statistics page and, unless somebody has changed them since, choose READY for web/a on LB1.'
    ])
  })

  test('leads to drain where the step found that and asked for maint', async () => {
    const lb = await start(server('a', { admin: 'drain' }), server('b'))
    const post = await afterMain([lb], { action: 'maint' })
    expect(post.lastLine).toBe('Restored to drain: web/a on LB1 is DRAIN 1/3.')
    expect(lb.posts).toEqual(['b=web&action=drain&s=a'])
  })

  test('leads each server to the state that it was found in', async () => {
    const lb = await start(
      server('a', UNCHECKED),
      server('b', { admin: 'drain', ...UNCHECKED }),
      server('c')
    )
    const post = await afterMain([lb], { server: 'a b', action: 'maint' })
    expect(post.log.filter((line) => /^(Asking|Notice)/.test(line))).toEqual([
      'Asking for ready: web/a on LB1.',
      'Notice: Restored to ready: web/a on LB1 is ready (no check).',
      'Asking for drain: web/b on LB1.',
      'Notice: Restored to drain: web/b on LB1 is DRAIN.'
    ])
  })

  test('leads to all backends of one HAProxy at once', async () => {
    const lb = await start(
      server('a'),
      server('b'),
      server('a', { backend: 'api' }),
      server('b', { backend: 'api' })
    )
    const post = await afterMain([lb], { backend: 'web api', action: 'maint' })
    expect(post.log.filter((line) => line.startsWith('Notice'))).toHaveLength(1)
    expect(lb.requests.filter((request) => request === 'GET process')).toHaveLength(2)
    expect([...lb.posts].sort().slice(0, 2)).toEqual([
      'b=api&action=drain&s=a',
      'b=api&action=hdown&s=a'
    ])
  })
})

describe('what somebody else did since', () => {
  test('is left alone', async () => {
    const lb = await start(server('a'), server('b'), server('c'))
    const post = await afterMain([lb], { server: 'a b', action: 'maint' }, () => {
      lb.server('a').set({ maint: false, drain: true }, 0)
      lb.server('b').set({ maint: false }, 0)
    })
    expect(post.log).toEqual([
      "Restoring web/a, web/b on LB1: restore is always and the job's status is success.",
      `${LEAVING} web/a on LB1 is DRAIN 1/3; web/b on LB1 is UP 1/3.`
    ])
    expect(post.exitCode).toBe(0)
    expect(lb.posts).toEqual([])
  })

  test('in drain is left alone, too', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'drain' }, () =>
      lb.server('a').set({ maint: true }, 0)
    )
    expect(post.log.slice(1)).toEqual([`${LEAVING} web/a on LB1 is MAINT.`])
    expect(lb.posts).toEqual([])
  })

  test('shows in a maint that is younger than the step’s', async () => {
    const lb = await start(server('a'), server('b'), server('c'))
    let now = 1_000_000
    const main = jest.spyOn(Date, 'now').mockImplementation(() => now)
    const post = await afterMain([lb], { server: 'a b', action: 'maint' }, () => {
      now += 60_000
      // The clock of the post step begins anew, and the page's with it.
      lb.process = { pid: 101, startedAt: -3_600_000 }
      lb.server('a').cells = { lastchg: '30' }
      lb.server('b').cells = { lastchg: '60' }
    })
    main.mockRestore()
    expect(post.log[1]).toBe(`${LEAVING} web/a on LB1 is MAINT.`)
    expect(lb.changes).toEqual(['drain web/b', 'hdown web/b', 'start web/b'])
  })

  test('to one server keeps no other out', async () => {
    const lb = await start(server('a', UNCHECKED), server('b'), server('c'))
    const post = await afterMain([lb], { server: 'a b', action: 'maint' }, () => {
      lb.server('b').set({ maint: false, drain: true }, 0)
    })
    expect(post.log.slice(1)).toEqual([
      `${LEAVING} web/b on LB1 is DRAIN 1/3.`,
      'Asking for ready: web/a on LB1.',
      'Notice: Restored to ready: web/a on LB1 is ready (no check).'
    ])
    expect(lb.posts).toEqual(['b=web&action=ready&s=a'])
  })

  test('while this step restores is noticed', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'maint' }, () => {
      lb.before = (request) => {
        if (request.includes('action=start')) lb.server('a').set({ maint: true, drain: false }, 0)
        return undefined
      }
    })
    expect(errors(post)).toEqual([
      expect.stringMatching(/HAProxy was not reloaded, so somebody else changed it/)
    ])
    expect(lb.server('a').status()).toBe('MAINT')
  })

  test('by removing a server is said, and keeps no other out', async () => {
    const lb = await start(server('a'), server('b', UNCHECKED), server('c'), server('d'))
    const post = await afterMain([lb], { server: 'a b c', action: 'maint' }, () => {
      lb.servers.splice(2, 1)
      lb.servers.splice(0, 1)
    })
    expect(post.log.slice(1, 3)).toEqual([
      'Warning: No longer in web on LB1: a, c.',
      'Asking for ready: web/b on LB1.'
    ])
    expect(post.titles).toEqual(['No longer there', 'Restored to ready'])
    expect(post.lastLine).toBe('Restored to ready: web/b on LB1 is ready (no check).')
    expect(post.exitCode).toBe(0)
  })

  test('by stopping the application changes nothing: it is restored from DOWN', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'drain' }, () => {
      const a = lb.server('a')
      a.well = false
      for (let check = 0; check < 3; check += 1) a.check()
      expect(a.status()).toBe('DOWN')
    })
    expect(lb.posts).toEqual(['b=web&action=ready&s=a'])
    expect(post.lastLine).toBe('Restored to ready: web/a on LB1 is DOWN, asked for ready.')
    expect(post.exitCode).toBe(0)
  })
})

describe('a server that was claimed', () => {
  /** Runs the post step of a step that was cancelled before its maint could follow the claim. */
  async function afterClaim(between: (lb: ImitatedPage) => void): Promise<[StepResult, string[]]> {
    const lb = await start(server('a', UNCHECKED), server('b'))
    lb.before = (request) => {
      if (!request.includes('action=maint')) return undefined
      cancel()
      return 'reset'
    }
    const given = { action: 'maint', restore: 'always', 'min-up-timeout': '1m' }
    const inputs = inputsFor([lb], given)
    const main = await runMain(inputs)
    expect([main.exitCode, lb.server('a').status()]).toEqual([1, 'DRAIN'])
    lb.requests.length = 0
    lb.before = () => undefined
    between(lb)
    return [await runPost(main, inputs, { jobStatus: 'cancelled' }), lb.posts]
  }

  test('is brought back from the drain of its claim', async () => {
    const [{ lastLine, exitCode }, posts] = await afterClaim(() => undefined)
    expect(lastLine).toBe('Restored to ready: web/a on LB1 is ready (no check).')
    expect([exitCode, posts]).toEqual([0, ['b=web&action=ready&s=a']])
  })

  test('is left alone where somebody else has brought it back', async () => {
    const [post, posts] = await afterClaim((lb) => lb.server('a').set({ drain: false }, 0))
    expect(post.lastLine).toBe(`${LEAVING} web/a on LB1 is ready (no check).`)
    expect([post.exitCode, posts]).toEqual([0, []])
  })
})

describe('a server that was not claimed', () => {
  test('is left in the drain that somebody else put it into', async () => {
    const lb = await start(server('a', UNCHECKED), server('b'))
    const post = await afterMain([lb], { action: 'maint' }, () =>
      lb.server('a').set({ maint: false, drain: true }, 0)
    )
    expect(post.lastLine).toBe(`${LEAVING} web/a on LB1 is DRAIN.`)
    expect(lb.posts).toEqual([])
  })
})

describe('what goes wrong', () => {
  const DENIED =
    'HAProxy refuses changes: `stats admin if …` is missing in haproxy.cfg or its condition is not true for this request, or `stats scope` leaves the backend out.'
  const byHand = (names: string, state = 'READY'): string =>
    `May not have been restored: check the statistics page and, unless somebody has changed them since, choose ${state} for ${names}.`
  let first: ImitatedPage
  let second: ImitatedPage
  beforeEach(async () => {
    ;[first, second] = await Promise.all([
      start(server('a', UNCHECKED), server('b')),
      start(server('a', UNCHECKED), server('b'))
    ])
  })

  test('on one HAProxy is an error that names its servers, and keeps no other from being restored', async () => {
    const post = await afterMain([first, second], { action: 'maint' }, () => {
      second.before = () => ({ status: 403 })
    })
    expect(post.exitCode).toBe(1)
    expect(errors(post)).toEqual([
      'Could not read the statistics page LB2: the request was refused (HTTP 403). ' +
        'A rule in haproxy.cfg (`stats http-request deny`, `http-request deny`) refuses this client. ' +
        byHand('web/a on LB2')
    ])
    expect(post.titles).toContain('Not restored')
    expect(first.server('a').status()).toBe('no check')
    expect(second.server('a').status()).toBe('MAINT')
  })

  test('for a moment is tried again', async () => {
    const post = await afterMain([first], { action: 'maint' }, () => {
      first.before = (_, number) => (number % 2 === 1 && number < 7 ? { status: 503 } : undefined)
    })
    expect(post.exitCode).toBe(0)
    expect(post.log.filter((line) => line.includes('Trying again in '))).toHaveLength(3)
    expect(first.server('a').status()).toBe('no check')
  })

  test('with the process alone is no reason not to restore', async () => {
    const post = await afterMain([first], { action: 'maint' }, () => {
      first.before = (request) => (request === 'GET process' ? { status: 403 } : undefined)
    })
    expect([post.exitCode, first.server('a').status()]).toEqual([0, 'no check'])
  })

  test('with the inputs leaves the servers out, and names them', async () => {
    const inputs = inputsFor([first, second], { action: 'maint', restore: 'always' })
    const main = await runMain(inputs)
    const post = await runPost(main, { ...inputs, wait: 'hm' })
    expect(errors(post)).toEqual([
      'wait: "hm" is neither true nor false.',
      `Nothing was changed. Correct the input wait. ${byHand('web/a on LB1; web/a on LB2')}`
    ])
    expect(post.titles).toContain('Not restored')
    expect(post.exitCode).toBe(1)
  })

  test('with the inputs names the way back of each server', async () => {
    second.server('a').set({ drain: true }, 0)
    const inputs = inputsFor([first, second], { action: 'maint', restore: 'always' })
    const post = await runPost(await runMain(inputs), { ...inputs, wait: 'hm' })
    expect(errors(post)[1]).toContain(byHand('web/a on LB1, DRAIN for web/a on LB2'))
  })

  test('with what the main step saved is an error, too', async () => {
    const inputs = inputsFor([first], { action: 'maint', restore: 'always' })
    const post = await runPost({ state: { intent: '{' } }, inputs)
    expect(errors(post)).toEqual([expect.stringMatching(/JSON/)])
    expect(errors(post)[0]).not.toMatch(/rotation|restored/)
    expect(post.exitCode).toBe(1)
  })

  test('on the way back to drain is an error as well', async () => {
    first.server('a').set({ drain: true }, 0)
    const post = await afterMain([first], { action: 'maint' }, () => (first.admin = false))
    expect(errors(post)).toEqual([
      'Could not ask LB1 for drain of web/a: HAProxy answered DENY. ' +
        `${DENIED} ${byHand('web/a on LB1', 'DRAIN')}`
    ])
  })

  test.each([1, 2])('is a cancel too, at request %i', async (number) => {
    const post = await afterMain([first], { action: 'maint' }, () => {
      first.at(number, cancel)
    })
    expect(errors(post)).toEqual([`Cancelled (SIGINT). ${byHand('web/a on LB1')}`])
    expect(first.posts).toEqual([])
  })
})

describe('the page of the saved state', () => {
  const joe = { username: 'joe', password: 'one-for-all-pages' }
  const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`

  test('is asked with the credentials of its URL, which are not in the state', async () => {
    const lb = await start(server('a', UNCHECKED), server('b'))
    lb.authorization = basic('ann:one-for-this-page')
    const url = lb.url.replace('//', '//ann:one-for-this-page@')
    const inputs = {
      ...inputsFor([], { action: 'maint', restore: 'always', ...joe }),
      'stats-url': url
    }
    const main = await runMain(inputs)
    expect(JSON.stringify(main.state)).not.toMatch(/one-for|ann|joe/)
    expect((await runPost(main, inputs)).exitCode).toBe(0)
    expect(lb.server('a').status()).toBe('no check')
  })

  test('is asked with the credentials of the inputs when they no longer name it', async () => {
    const [lb, other] = await Promise.all([start(server('a', UNCHECKED), server('b')), start()])
    lb.authorization = basic('joe:one-for-all-pages')
    const inputs = inputsFor([lb], { action: 'maint', restore: 'always', ...joe })
    const main = await runMain(inputs)
    const post = await runPost(main, { ...inputs, 'stats-url': other.url }, { debug: true })
    expect(post.exitCode).toBe(0)
    expect(post.log).toContain(`##[debug]POST ${lb.url} b=web&action=ready&s=a`)
    expect(lb.server('a').status()).toBe('no check')
    expect(other.requests).toEqual([])
  })

  test('is the one of several that the inputs name that it is', async () => {
    const [lb, other] = await Promise.all([
      start(server('a', UNCHECKED), server('b')),
      start(server('a', UNCHECKED), server('b'))
    ])
    const inputs = inputsFor([other, lb], { action: 'maint', restore: 'always' })
    const main = await runMain(inputsFor([lb], { action: 'maint', restore: 'always' }))
    expect((await runPost(main, inputs)).exitCode).toBe(0)
    expect(lb.server('a').status()).toBe('no check')
    expect(other.requests).toEqual([])
  })
})
