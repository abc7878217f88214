import { createServer } from 'node:http'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { COMMANDS } from '../../src/haproxy/commands.ts'
import { StatsPage } from '../../src/haproxy/stats-page.ts'
import { basicAuthorization } from '../../src/haproxy/stats-url.ts'
import { type Credentials, parseStatsUrl } from '../../src/haproxy/stats-url.ts'
import { failureIn } from './failure.ts'
import { listen, type Listener } from '../support/listener.ts'
import { headText, pageText, type Row } from '../support/page-text.ts'

const SETTINGS = {
  timeoutMs: 10_000,
  ca: undefined,
  clientCertificate: undefined,
  clientKey: undefined,
  verifyTls: true
}
const LIMITS = { signal: new AbortController().signal }

function pageAt(url: string, credentials?: Credentials): StatsPage {
  return new StatsPage({ url: parseStatsUrl(url), credentials, settings: SETTINGS })
}

const NO_SERVER = '<h1>503</h1>\nNo server is available to handle this request.\n'

interface Canned {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

describe('an answer', () => {
  let answers: Canned[] = []
  let asked: string[] = []
  let listener: Listener
  let page: StatsPage

  beforeAll(async () => {
    const server = createServer((request, response) => {
      asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
      const { status, headers = {}, body = '' } = answers.shift() ?? { status: 599 }
      request.resume().on('end', () => response.writeHead(status, headers).end(body))
    })
    listener = await listen(server)
  })
  beforeEach(() => {
    answers = []
    asked = []
    page = pageAt(`http://127.0.0.1:${listener.port}/admin`)
  })
  afterAll(() => listener.stop())

  const ask = (): Promise<void> => page.requestChange('drain', 'web', ['a', 'b'], LIMITS)
  const attempt = (): string => `Could not ask ${page.name} for drain of web/a, b`
  const verdict = (code: string): Canned => ({
    status: 303,
    headers: { Location: `/admin;st=${code}` }
  })

  describe('to a change', () => {
    test.each([
      '/admin;st=DONE',
      '/admin;st=DONE;norefresh',
      '/admin;st=DONE;up;norefresh?scope=web',
      '/admin?stats;st=DONE',
      '/elsewhere;st=DONE',
      'http://lb/admin;st=DONE',
      ';st=DONE'
    ])('is done where it leads to %s', async (Location) => {
      answers = [{ status: 303, headers: { Location } }]
      await ask()
      expect(asked).toEqual(['POST /admin'])
    })

    test.each(['DENY', 'ERRP', 'NONE', 'PART', 'EXCD', 'IVAL', 'UNKN'])(
      'is %s and fails as such',
      async (code) => {
        answers = [verdict(code)]
        const { problem, message } = await failureIn(ask())
        expect([problem, message]).toEqual([code, `${attempt()}: HAProxy answered ${code}.`])
      }
    )

    test.each(['NEWS', 'XXXX'])('with the unheard-of code %s is not understood', async (code) => {
      answers = [verdict(code)]
      const { problem, message } = await failureIn(ask())
      expect([problem, message]).toEqual(['UNKN', `${attempt()}: HAProxy answered UNKN.`])
    })

    test.each([
      ['/admin'],
      ['/admin;st='],
      ['/admin;st=done'],
      ['/admin;st=DON'],
      ['/admin?st=DONE'],
      ['https://lb/login'],
      ['https://joe:s3cret@lb/login'],
      ['//joe:s3cret@lb/login'],
      ['/joe@home']
    ])('without a verdict (%s) comes from an application', async (Location) => {
      answers = [{ status: 303, headers: { Location } }]
      const { problem, message } = await failureIn(ask())
      expect([problem, message]).toEqual([
        'not-haproxy',
        `${attempt()}: the answer (HTTP 303) does not say what became of it.`
      ])
    })

    test.each([
      ['https://joe:s3cret@lb/login?next=/x', 'https://lb/login'],
      ['//joe:s3cret@lb/login#top', '//lb/login'],
      ['/joe@home', '/joe@home']
    ])('that leads on to %s is shown without what may be secret', async (Location, shown) => {
      answers = [{ status: 302, headers: { Location } }]
      const { problem, message } = await failureIn(ask())
      expect([problem, message]).toEqual([
        'redirected',
        `${attempt()}: the answer redirects to ${shown} (HTTP 302).`
      ])
    })

    test.each([300, 301, 302, 307, 308, 399])(
      'with a verdict under HTTP %i is not HAProxy’s',
      async (status) => {
        answers = [{ status, headers: { Location: '/admin;st=DONE' } }]
        const { problem, message } = await failureIn(ask())
        expect([problem, message]).toEqual([
          'redirected',
          `${attempt()}: the answer redirects to /admin;st=DONE (HTTP ${status}).`
        ])
      }
    )

    test.each([200, 404, 405])('of HTTP %i comes from an application', async (status) => {
      answers = [{ status, headers: { Location: '/admin;st=DONE' }, body: 'hm' }]
      const { problem, message } = await failureIn(ask())
      expect([problem, message]).toEqual([
        'not-haproxy',
        `${attempt()}: the answer (HTTP ${status}) does not say what became of it.`
      ])
    })

    test('that leads nowhere comes from an application', async () => {
      answers = [{ status: 303, body: 'x' }]
      const { problem, message } = await failureIn(ask())
      expect([problem, message]).toEqual([
        'not-haproxy',
        `${attempt()}: the answer (HTTP 303) does not say what became of it.`
      ])
    })
  })

  describe('to the check of the right to change', () => {
    const check = (): Promise<void> => page.checkAdminAccess('web', LIMITS)
    const checking = (): string => `Could not check the right to change web on ${page.name}`

    test('is NONE where it is given', async () => {
      answers = [verdict('NONE')]
      await check()
      expect(asked).toEqual(['POST /admin'])
    })

    test.each(['DENY', 'ERRP', 'PART', 'EXCD', 'IVAL', 'UNKN'])(
      'is a failure: %s',
      async (code) => {
        answers = [verdict(code)]
        const { problem, message } = await failureIn(check())
        expect([problem, message]).toEqual([code, `${checking()}: HAProxy answered ${code}.`])
      }
    )

    test('is not understood when it was DONE, for nothing was asked', async () => {
      answers = [verdict('DONE')]
      const { problem, message } = await failureIn(check())
      expect([problem, message]).toEqual(['UNKN', `${checking()}: HAProxy answered DONE.`])
    })
  })

  describe('to one half of an admin state', () => {
    const start = (): Promise<boolean> => page.clearFlag('start', 'web', 'a', LIMITS)

    test.each([
      ['DONE', true],
      ['NONE', false]
    ])('of %s says whether something was changed: %s', async (code, changed) => {
      answers = [verdict(code)]
      expect(await start()).toBe(changed)
      expect(asked).toEqual(['POST /admin'])
    })

    test.each(['DENY', 'ERRP', 'PART', 'EXCD', 'IVAL', 'UNKN'])(
      'is a failure: %s',
      async (code) => {
        answers = [verdict(code)]
        const { problem, message } = await failureIn(start())
        expect([problem, message]).toEqual([
          code,
          `Could not ask ${page.name} for start of web/a: HAProxy answered ${code}.`
        ])
      }
    )

    test('without a verdict comes from an application', async () => {
      answers = [{ status: 200, body: 'hm' }]
      expect((await failureIn(start())).problem).toBe('not-haproxy')
    })
  })

  describe('to the question which process answers', () => {
    test('names it', async () => {
      answers = [{ status: 200, body: headText(8, 18_000) }]
      expect(await page.identify(LIMITS)).toEqual({ pid: 8, uptimeMs: 18_000 })
      expect(asked).toEqual(['GET /admin;norefresh;scope=..none..'])
    })

    test('that does not show it leaves it unknown', async () => {
      answers = [{ status: 200, body: '<html>' }]
      expect(await page.identify(LIMITS)).toBeUndefined()
    })

    test.each([
      [{ status: 403, body: headText(8, 18_000) }, 'forbidden'],
      [{ status: 503 }, 'wrong-path'],
      [{ status: 201, body: headText(8, 18_000) }, 'unexpected-status']
    ])('of %j is a failure of the problem %s', async (answer, expected) => {
      answers = [answer]
      const { problem, message } = await failureIn(page.identify(LIMITS))
      expect(problem).toBe(expected)
      expect(message).toContain(`Could not read the statistics page ${page.name}: `)
    })
  })

  describe('that HAProxy itself gives to a wrong path', () => {
    const read = { status: 200, body: pageText([]) }
    const away = { status: 503, body: NO_SERVER }
    const isTransient = async (from = page): Promise<boolean> =>
      (await failureIn(from.look(LIMITS))).transient

    test('does not pass', async () => {
      answers = [away]
      expect(await isTransient()).toBe(false)
    })

    test('may pass where the page was read before, at any address of its host', async () => {
      answers = [read, away, away, away]
      await page.look(LIMITS)
      expect([await isTransient(), await isTransient(page.at('127.0.0.1'))]).toEqual([true, true])
    })

    test('may pass where the page was read at an address of its host only', async () => {
      answers = [read, away, away]
      await page.at('127.0.0.1').look(LIMITS)
      expect([await isTransient(page.at('127.0.0.1')), await isTransient()]).toEqual([true, true])
    })

    test('may pass where an earlier run has read the page', async () => {
      answers = [away]
      const url = parseStatsUrl(page.name)
      const known = new StatsPage({
        url,
        credentials: undefined,
        settings: SETTINGS,
        wasRead: true
      })
      expect(await isTransient(known)).toBe(true)
    })

    test('may pass where a change was asked for', async () => {
      answers = [away]
      expect((await failureIn(ask())).transient).toBe(true)
    })
  })

  describe('to a look', () => {
    const look = async (answer: Canned): Promise<readonly [string, string, boolean]> => {
      answers = [answer]
      const { problem, message, transient } = await failureIn(page.look(LIMITS))
      return [
        problem,
        message.replace(`Could not read the statistics page ${page.name}: `, ''),
        transient
      ]
    }

    test.each<[Canned, string, string, boolean]>([
      [
        { status: 401 },
        'login-needed',
        'the page asks for a user name and a password, and none was given (HTTP 401).',
        false
      ],
      [
        { status: 401, headers: { 'WWW-Authenticate': 'Negotiate realm=x' } },
        'other-login',
        'the answer asks for another login, Negotiate instead of Basic (HTTP 401).',
        false
      ],
      [
        { status: 401, headers: { 'WWW-Authenticate': '"Strange"' } },
        'other-login',
        'the answer asks for another login, an unknown one instead of Basic (HTTP 401).',
        false
      ],
      [{ status: 403 }, 'forbidden', 'the request was refused (HTTP 403).', false],
      [{ status: 404 }, 'wrong-path', 'there is no statistics page at this URL (HTTP 404).', false],
      [
        { status: 400, body: 'Client sent an HTTP request to an HTTPS server.' },
        'tls-spoken',
        'the port speaks TLS, and this request did not (HTTP 400).',
        false
      ],
      [
        { status: 400, body: 'Bad request' },
        'unexpected-status',
        'the answer is not a statistics page (HTTP 400).',
        false
      ],
      [
        { status: 503, body: NO_SERVER },
        'wrong-path',
        'there is no statistics page at this URL; HAProxy sent the request to a backend that has no server for it (HTTP 503).',
        false
      ],
      [
        { status: 502 },
        'wrong-path',
        'the request went to a backend that cannot answer (HTTP 502).',
        true
      ],
      [
        { status: 503 },
        'wrong-path',
        'the request went to a backend that cannot answer (HTTP 503).',
        true
      ],
      [
        { status: 504 },
        'wrong-path',
        'the request went to a backend that cannot answer (HTTP 504).',
        true
      ],
      [
        { status: 500 },
        'unexpected-status',
        'the answer is not a statistics page, but empty (HTTP 500).',
        false
      ],
      [
        { status: 500, body: 'x' },
        'unexpected-status',
        'the answer is not a statistics page (HTTP 500).',
        false
      ],
      [
        { status: 204 },
        'unexpected-status',
        'the answer is not a statistics page, but empty (HTTP 204).',
        false
      ],
      [
        { status: 201, body: 'x' },
        'unexpected-status',
        'the answer is not a statistics page (HTTP 201).',
        false
      ],
      [
        { status: 299, headers: { Location: '/x' } },
        'unexpected-status',
        'the answer is not a statistics page, but empty (HTTP 299).',
        false
      ],
      [
        { status: 300, headers: { Location: '/x' } },
        'redirected',
        'the answer redirects to /x (HTTP 300).',
        false
      ],
      [
        { status: 301, headers: { Location: 'https://lb/admin' } },
        'redirected',
        'the answer redirects to https://lb/admin (HTTP 301).',
        false
      ],
      [
        { status: 302 },
        'unexpected-status',
        'the answer is not a statistics page, but empty (HTTP 302).',
        false
      ],
      [
        { status: 399, headers: { Location: '/x' } },
        'redirected',
        'the answer redirects to /x (HTTP 399).',
        false
      ],
      [
        { status: 400, headers: { Location: '/x' } },
        'unexpected-status',
        'the answer is not a statistics page, but empty (HTTP 400).',
        false
      ],
      [
        { status: 200, body: '<p>Hello', headers: { 'Content-Type': 'text/plain; charset=utf-8' } },
        'not-csv',
        'the answer is something else instead of CSV (text/plain; it begins with "Hello").',
        false
      ],
      [
        { status: 200, body: '<html>', headers: { 'Content-Type': 'oops' } },
        'not-csv',
        'the answer is an HTML page instead of CSV.',
        false
      ],
      [{ status: 200, body: '' }, 'not-csv', 'the answer is empty instead of CSV.', false],
      [
        { status: 200, body: '{}' },
        'not-csv',
        'the answer is a JSON document instead of CSV (it begins with "{}").',
        false
      ],
      [
        { status: 200, body: '# pxname,' },
        'truncated',
        'the CSV ends in the middle of a row.',
        true
      ]
    ])('of %j is %s', async (answer, problem, message, transient) => {
      expect(await look(answer)).toEqual([problem, message, transient])
    })
  })

  describe('is traced', () => {
    test('with what was asked and what came, without secrets', async () => {
      const lines: string[] = []
      const url = parseStatsUrl(`http://ann:s3cret@127.0.0.1:${listener.port}/admin`)
      const traced = new StatsPage({
        url,
        credentials: { username: 'joe', password: 's3cret' },
        settings: SETTINGS,
        trace: (text) => {
          lines.push(text.replaceAll(url.href, 'URL'))
        }
      })
      const Location = 'http://ann:s3cret@lb/admin;st=DONE'
      answers = [
        { status: 200, body: pageText([]) },
        { status: 303, headers: { Location } },
        { status: 200, body: headText(1, 0) }
      ]
      await traced.look(LIMITS, 'web')
      await traced.requestChange('drain', 'web', ['a'], LIMITS)
      await traced.at('127.0.0.1').identify(LIMITS)
      expect(lines).toEqual([
        'GET URL;csv;scope=web',
        `GET URL;csv;scope=web → 200 (${pageText([]).length} characters)`,
        'POST URL b=web&action=drain&s=a',
        'POST URL b=web&action=drain&s=a → 303 http://lb/admin;st=DONE (0 characters)',
        'GET URL;norefresh;scope=..none..',
        `GET URL;norefresh;scope=..none.. → 200 (${headText(1, 0).length} characters)`
      ])
    })
  })

  describe('of several processes', () => {
    const shown = (...pids: string[]): Canned => ({
      status: 200,
      body: pageText(pids.map((pid, index): Row => ({ svname: `s${index}`, pid })))
    })

    test('on one page is refused', async () => {
      answers = [shown('1', '2')]
      const { problem, message } = await failureIn(page.look(LIMITS))
      expect([problem, message]).toEqual([
        'several-processes',
        `The statistics page ${page.name} is answered by the processes 1 and 2 of one HAProxy.`
      ])
    })

    test('that answer in turn is refused at the first other one', async () => {
      answers = [shown('1', '1'), shown('1'), shown('2')]
      await page.look(LIMITS)
      await page.look(LIMITS)
      expect((await failureIn(page.look(LIMITS))).problem).toBe('several-processes')
    })

    test('is remembered of each address for itself', async () => {
      answers = [shown('1'), shown('2')]
      await page.look(LIMITS)
      expect((await page.at('127.0.0.1').look(LIMITS)).servers).toHaveLength(1)
    })

    test('is one process only where each has a page of its own', async () => {
      answers = [shown('2'), shown('2')]
      await page.look(LIMITS)
      expect((await page.look(LIMITS)).processNumbers).toEqual(new Set(['2']))
    })
  })
})

describe('the words of the page', () => {
  test('are these, beside the admin states', () => {
    expect(COMMANDS).toEqual([
      'shutdown',
      'ehlth',
      'dhlth',
      'hrunn',
      'hnolb',
      'hdown',
      'eagent',
      'dagent',
      'arunn',
      'adown'
    ])
  })
})

describe('Basic authorization', () => {
  test.each([
    ['joe', 'pw', 'Basic am9lOnB3'],
    ['joe', '', 'Basic am9lOg=='],
    ['ö', '🔑', 'Basic w7Y68J+UkQ=='],
    ['joe', ' a:b ', 'Basic am9lOiBhOmIg']
  ])('of %s with %s', (username, password, expected) => {
    expect(basicAuthorization({ username, password })).toBe(expected)
  })
})
