import { beforeEach, describe, expect, test } from '@jest/globals'
import { cancel, type Given, runMain, runPost, type StepResult } from './in-process.ts'
import { inputsFor, server, type Toy, type ToyServerOptions, toyStarter } from './toy.ts'

const start = toyStarter()

/** Runs the post step of a step that succeeded on these pages, after whatever happened in between. */
async function afterMain(
  toys: readonly Toy[],
  given: Given,
  between: () => void = () => undefined,
  jobStatus = 'success'
): Promise<StepResult> {
  const inputs = inputsFor(toys, { restore: 'always', ...given })
  const main = await runMain(inputs)
  expect(main.exitCode).toBe(0)
  toys.forEach((toy) => (toy.requests.length = 0))
  between()
  return runPost(main, inputs, { jobStatus })
}

function errors({ annotations }: StepResult): string[] {
  return annotations.filter(({ level }) => level === 'error').map(({ message }) => message)
}

describe('whether to put back', () => {
  const unknown = 'and this runner does not tell how the job fared.'

  test.each([
    ['never', 'failure', 'Not putting back web/a on LB1: restore is never.'],
    ['never', 'success', 'Not putting back web/a on LB1: restore is never.'],
    [
      'failure',
      'success',
      "Not putting back web/a on LB1: restore is failure and the job's status is success."
    ],
    ['failure', '', `Warning: Not putting back web/a on LB1: restore is failure, ${unknown}`],
    ['failure', 'skipped', `Warning: Not putting back web/a on LB1: restore is failure, ${unknown}`]
  ])('restore: %s leaves the server out when the job is "%s"', async (restore, status, line) => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'maint', restore }, undefined, status)
    expect(post.log).toEqual([line])
    expect(post.exitCode).toBe(0)
    expect(lb.requests).toEqual([])
  })

  test.each([
    ['failure', 'failure'],
    ['failure', 'cancelled'],
    ['always', 'success'],
    ['always', 'failure'],
    ['always', 'cancelled'],
    ['always', 'skipped']
  ])('restore: %s puts the server back when the job is "%s"', async (restore, status) => {
    const lb = await start(server('a', { checked: false }), server('b'))
    const post = await afterMain([lb], { action: 'maint', restore }, undefined, status)
    expect(post.log).toEqual([
      `Putting back web/a on LB1: restore is ${restore} and the job's status is ${status}.`,
      'Asking for ready: web/a on LB1.',
      'Notice: web/a on LB1 has no health check: HAProxy sends it traffic without knowing that it is well.',
      'Put back to ready: web/a on LB1 is ready (no check).'
    ])
    expect(post.exitCode).toBe(0)
    expect(lb.posts).toEqual(['b=web&action=ready&s=a'])
  })

  test.each([
    ['changed nothing', { admin: 'maint' }, { action: 'maint' }],
    ['only looked', {}, { action: 'status' }]
  ] as const)('a step that %s leaves nothing to put back', async (_, a, given) => {
    const lb = await start(server('a', a), server('b'))
    const post = await afterMain([lb], given)
    expect(post.log).toEqual(['Nothing to put back: this step took no server out of rotation.'])
    expect(post.exitCode).toBe(0)
    expect(lb.requests).toEqual([])
  })

  test('a step that was refused leaves nothing to put back', async () => {
    const lb = await start(server('a'), server('b'))
    lb.admin = false
    const inputs = inputsFor([lb], { action: 'maint', restore: 'always' })
    const post = await runPost(await runMain(inputs), inputs)
    expect(post.log).toEqual(['Nothing to put back: this step took no server out of rotation.'])
  })

  test('all servers are named with their pages', async () => {
    const [first, second] = await Promise.all([
      start(server('a'), server('b'), server('c')),
      start(server('a'), server('b'), server('c'))
    ])
    const given = { server: 'a b', action: 'maint', restore: 'never' }
    const post = await afterMain([first, second], given)
    expect(post.log).toEqual([
      'Not putting back web/a, web/b on LB1; web/a, web/b on LB2: restore is never.'
    ])
  })
})

describe('the way back', () => {
  test('goes through drain and past the health check, in one story without phases', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'maint' })
    expect(post.lines.filter((line) => !line.startsWith('::debug::'))).toEqual([
      "Putting back web/a on LB1: restore is always and the job's status is success.",
      'Asking for drain: web/a on LB1.',
      'Its health check passed; asking for ready: web/a on LB1.',
      'Put back to ready: web/a on LB1 is UP.'
    ])
    expect(post.exitCode).toBe(0)
    expect(lb.server('a').status).toBe('UP')
  })

  test('is short where it is told to be', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'maint', 'ready-through-drain': 'false' })
    expect(lb.posts).toEqual(['b=web&action=ready&s=a'])
    expect(post.lastLine).toBe('Put back to ready: web/a on LB1 is UP.')
  })

  test('of a server that is not well ends in ready all the same, with a warning', async () => {
    const lb = await start(server('a'), server('b'), server('c'))
    const post = await afterMain([lb], { server: 'a b', action: 'maint' }, () => {
      lb.server('a').well = false
    })
    expect(post.log.slice(-2)).toEqual([
      'Put back to ready: web/a on LB1 is DOWN; web/b on LB1 is UP.',
      'Warning: Ready, but not up: web/a on LB1 is DOWN. HAProxy sends it users once its health check passes.'
    ])
    expect(post.exitCode).toBe(0)
    expect(lb.server('a').admin).toBe('ready')
  })

  test('waits 5 s and no longer for a server that is not well', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'maint' }, () => {
      lb.server('a').well = false
    })
    // Ten looks in five seconds, besides one to find it and one to read back each of two changes.
    expect(lb.requests.filter((request) => request.startsWith('GET'))).toHaveLength(13)
    expect(post.exitCode).toBe(0)
  })

  test.each<[string, string, ToyServerOptions, string]>([
    ['drain', 'maint', { admin: 'drain' }, 'Put back to drain: web/a on LB1 is DRAIN 1/3.'],
    ['maint', 'drain', { admin: 'maint' }, 'Put back to maint: web/a on LB1 is MAINT.']
  ])('leads to %s where the step found that and asked for %s', async (found, action, a, line) => {
    const lb = await start(server('a', a), server('b'))
    const post = await afterMain([lb], { action })
    expect(post.lastLine).toBe(line)
    expect(lb.posts).toEqual([`b=web&action=${found}&s=a`])
  })

  test('leads each server to the state that it was found in', async () => {
    const lb = await start(
      server('a', { checked: false }),
      server('b', { admin: 'drain', checked: false }),
      server('c')
    )
    const post = await afterMain([lb], { server: 'a b', action: 'maint' })
    expect(post.log.filter((line) => /^(Asking|Put) /.test(line))).toEqual([
      'Asking for ready: web/a on LB1.',
      'Put back to ready: web/a on LB1 is ready (no check).',
      'Asking for drain: web/b on LB1.',
      'Put back to drain: web/b on LB1 is DRAIN.'
    ])
  })
})

describe('what somebody else did since', () => {
  test('is left alone', async () => {
    const lb = await start(server('a'), server('b'), server('c'))
    const post = await afterMain([lb], { server: 'a b', action: 'maint' }, () => {
      lb.server('a').ask('drain')
      lb.server('b').ask('ready')
    })
    expect(post.log).toEqual([
      "Putting back web/a, web/b on LB1: restore is always and the job's status is success.",
      'Leaving alone what is no longer in maint (changed by a later step or by somebody else): web/a on LB1 is DRAIN 1/3; web/b on LB1 is UP 1/3.'
    ])
    expect(post.exitCode).toBe(0)
    expect(lb.requests).toEqual(['GET /admin;csv;scope=web'])
  })

  test('is a warning where DOWN hides whether a server is held in drain', async () => {
    const lb = await start(server('a'), server('b'), server('c'))
    const post = await afterMain([lb], { server: 'a b', action: 'maint' }, () => {
      lb.server('a').ask('ready')
      lb.server('b').ask('drain')
      lb.server('b').well = false
      lb.server('b').check()
    })
    expect(post.log.slice(1)).toEqual([
      'Warning: Leaving alone what is no longer in maint (changed by a later step or by somebody else): web/a on LB1 is UP 1/3; web/b on LB1 is DOWN. ' +
        'What is DOWN may be held in drain, out of rotation: choose READY once it is well.'
    ])
    expect(post.exitCode).toBe(0)
    expect(lb.posts).toEqual([])
  })

  test('to one server keeps no other out', async () => {
    const lb = await start(server('a', { checked: false }), server('b'), server('c'))
    const post = await afterMain([lb], { server: 'a b', action: 'maint' }, () => {
      lb.server('b').ask('drain')
    })
    expect(post.log.slice(1)).toEqual([
      'Leaving alone what is no longer in maint (changed by a later step or by somebody else): web/b on LB1 is DRAIN 1/3.',
      'Asking for ready: web/a on LB1.',
      'Notice: web/a on LB1 has no health check: HAProxy sends it traffic without knowing that it is well.',
      'Put back to ready: web/a on LB1 is ready (no check).'
    ])
    expect(lb.posts).toEqual(['b=web&action=ready&s=a'])
  })

  test('by removing a server is told, and keeps no other out', async () => {
    const lb = await start(server('a'), server('b', { checked: false }), server('c'), server('d'))
    const post = await afterMain([lb], { server: 'a b c', action: 'maint' }, () => {
      lb.servers.splice(2, 1)
      lb.servers.splice(0, 1)
    })
    expect(post.log.slice(1, 3)).toEqual([
      'Warning: No longer in web on LB1: a, c.',
      'Asking for ready: web/b on LB1.'
    ])
    expect(post.lastLine).toBe('Put back to ready: web/b on LB1 is ready (no check).')
    expect(post.exitCode).toBe(0)
  })

  test('by stopping the application changes nothing: it is put back from DOWN', async () => {
    const lb = await start(server('a'), server('b'))
    const post = await afterMain([lb], { action: 'drain' }, () => {
      const a = lb.server('a')
      a.well = false
      a.check()
      a.check()
      a.check()
      expect(a.status).toBe('DOWN')
    })
    expect(lb.posts).toEqual(['b=web&action=ready&s=a'])
    expect(post.annotations).toMatchObject([{ level: 'warning' }])
    expect(post.exitCode).toBe(0)
  })
})

describe('what goes wrong', () => {
  const byHand = 'Look at the statistics page and choose READY there.'
  let first: Toy
  let second: Toy
  beforeEach(async () => {
    ;[first, second] = await Promise.all([
      start(server('a', { checked: false }), server('b')),
      start(server('a', { checked: false }), server('b'))
    ])
  })

  test('on one HAProxy is an error that names its servers, and keeps no other from being put back', async () => {
    const post = await afterMain([first, second], { action: 'maint' }, () => {
      second.before = () => ({ status: 403 })
    })
    expect(post.exitCode).toBe(1)
    expect(errors(post)).toEqual([
      'Could not read the statistics page LB2: the request was refused (HTTP 403). ' +
        `Not known to be back in rotation: web/a on LB2. ${byHand}`
    ])
    expect(first.server('a').status).toBe('no check')
    expect(second.server('a').status).toBe('MAINT')
  })

  test('for a moment is tried again', async () => {
    const post = await afterMain([first], { action: 'maint' }, () => {
      first.before = (_, number) => (number < 4 ? { status: 503 } : undefined)
    })
    expect(post.exitCode).toBe(0)
    expect(post.log.filter((line) => line.endsWith('ms.'))).toHaveLength(3)
    expect(first.server('a').status).toBe('no check')
  })

  test('with the inputs leaves the servers out, and names them', async () => {
    const inputs = inputsFor([first, second], { action: 'maint', restore: 'always' })
    const main = await runMain(inputs)
    const post = await runPost(main, { ...inputs, wait: 'hm' })
    expect(errors(post)).toEqual([
      'wait: "hm" is neither true nor false.',
      `Nothing was changed: please correct wait. Not known to be back in rotation: web/a on LB1; web/a on LB2. ${byHand}`
    ])
    expect(post.exitCode).toBe(1)
  })

  test.each(['drain', 'maint'] as const)(
    'on the way back to %s is an error as well',
    async (admin) => {
      first.server('a').ask(admin)
      const action = admin === 'drain' ? 'maint' : 'drain'
      const post = await afterMain([first], { action }, () => (first.admin = false))
      expect(errors(post)).toEqual([
        `Could not ask LB1 for ${admin} of web/a: HAProxy answered DENY. ` +
          `Not known to be back in rotation: web/a on LB1. ${byHand}`
      ])
    }
  )

  test('is a cancel too', async () => {
    const post = await afterMain([first], { action: 'maint' }, () => {
      first.at(1, cancel)
    })
    expect(errors(post)).toEqual([
      `Cancelled (SIGINT). Not known to be back in rotation: web/a on LB1. ${byHand}`
    ])
    expect(first.posts).toEqual([])
  })
})

describe('the page of the saved state', () => {
  const joe = { username: 'joe', password: 'one-for-all-pages' }
  const basic = (login: string): string => `Basic ${Buffer.from(login).toString('base64')}`

  test('is asked with the credentials of its URL, which are not in the state', async () => {
    const lb = await start(server('a', { checked: false }), server('b'))
    lb.authorization = basic('ann:one-for-this-page')
    const url = lb.url.replace('//', '//ann:one-for-this-page@')
    const inputs = {
      ...inputsFor([], { action: 'maint', restore: 'always', ...joe }),
      'stats-url': url
    }
    const main = await runMain(inputs)
    expect(JSON.stringify(main.state)).not.toMatch(/one-for|ann|joe/)
    expect((await runPost(main, inputs)).exitCode).toBe(0)
    expect(lb.server('a').status).toBe('no check')
  })

  test('is asked with the credentials of the inputs when they no longer name it', async () => {
    const [lb, other] = await Promise.all([
      start(server('a', { checked: false }), server('b')),
      start()
    ])
    lb.authorization = basic('joe:one-for-all-pages')
    const inputs = inputsFor([lb], { action: 'maint', restore: 'always', ...joe })
    const main = await runMain(inputs)
    const post = await runPost(main, { ...inputs, 'stats-url': other.url }, { debug: true })
    expect(post.exitCode).toBe(0)
    expect(post.log).toContain(`##[debug]POST ${lb.url} b=web&action=ready&s=a`)
    expect(lb.server('a').status).toBe('no check')
    expect(other.requests).toEqual([])
  })

  test('is the one of several that the inputs name that it is', async () => {
    const [lb, other] = await Promise.all([
      start(server('a', { checked: false }), server('b')),
      start(server('a', { checked: false }), server('b'))
    ])
    const inputs = inputsFor([other, lb], { action: 'maint', restore: 'always' })
    const main = await runMain(inputsFor([lb], { action: 'maint', restore: 'always' }))
    expect((await runPost(main, inputs)).exitCode).toBe(0)
    expect(lb.server('a').status).toBe('no check')
    expect(other.requests).toEqual([])
  })
})
