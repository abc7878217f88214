import { describe, expect, test } from '@jest/globals'
import { HaproxyError, type Problem } from '../../src/haproxy/errors.ts'
import type { StatusWord } from '../../src/haproxy/server.ts'
import type { Target } from '../../src/rotation/target.ts'
import { afterFailure } from '../../src/runner/fleet.ts'
import { readInputs } from '../../src/runner/inputs.ts'
import { type Given, inProcess, runMain, type StepResult } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import { backendSeen } from './seen.ts'
import {
  type ImitatedOptions,
  type ImitatedPage,
  type ImitatedServer,
  server
} from '../support/imitated-page.ts'

const start = pageStarter()

/** A look at every server of every backend on these pages. */
function look(pages: readonly ImitatedPage[], more: Given = {}): Promise<StepResult> {
  const urls = pages.map(({ url }) => url).join('\n')
  return runMain({ 'stats-url': urls, backend: '*', server: '*', action: 'status', ...more })
}

const UP = { expect: 'up' }
const several = (amount: number, options: ImitatedOptions = {}): ImitatedServer[] =>
  Array.from({ length: amount }, (_, index) => server(`s${index}`, options))

describe('a fleet that is all up', () => {
  test('is green, with its counts', async () => {
    const lb = await start(...several(3), ...several(2, { backend: 'api', checked: false }))
    const result = await look([lb], UP)
    expect([result.exitCode, result.lastLine]).toEqual([
      0,
      'All 5 servers are up: 3 in web, 2 in api.'
    ])
    expect(result.annotations).toEqual([])
    expect(result.summary).toContain('<h3>✅ 5 servers: up</h3>')
    expect(lb.requests).toEqual(['GET /admin;csv'])
  })

  test('of one server is green', async () => {
    const { lastLine } = await look([await start(server('a'))], UP)
    expect(lastLine).toBe('The server is up: 1 in web.')
  })

  test('is counted on each of several HAProxies', async () => {
    const lbs = await Promise.all([start(...several(2)), start(...several(1))])
    const { lastLine } = await look(lbs, UP)
    expect(lastLine).toBe('All 3 servers are up: 2 in web on LB1 and 1 in web on LB2.')
  })

  test('costs a request for each backend that is named', async () => {
    const lb = await start(...several(2), ...several(2, { backend: 'api' }))
    expect((await look([lb], { ...UP, backend: 'web' })).lastLine).toContain('All 2 servers')
    expect(lb.requests).toEqual(['GET /admin;csv;scope=web'])
  })
})

describe('a fleet that is not all up', () => {
  test('is red, and names each with the reason', async () => {
    const lb = await start(
      server('a'),
      server('b', { admin: 'drain' }),
      server('c', { admin: 'maint' }),
      server('d', { down: true }),
      server('e', { cells: { weight: '0' } }),
      server('f', { cells: { throttle: '30' } })
    )
    const result = await look([lb], UP)
    expect(result.exitCode).toBe(1)
    const age = '\\d+h(\\d+m)?'
    expect(result.lastLine).toMatch(
      new RegExp(
        `^5 of 6 servers not up: web/d is DOWN for ${age}, its last check says L7STS/503; web/c is MAINT for ${age} at most; ` +
          `web/b is DRAIN for ${age} at most; web/e is UP for ${age} at most, its weight is 0, so load balancing sends it nobody; ` +
          `web/f is UP for ${age}, slowstart gives it 30 % of its weight\\. Nothing was changed\\. `
      )
    )
    expect(result.summary).toContain('<h3>❌ 5 servers: not up</h3>')
    const rows = [...result.summary.matchAll(/<td>web<\/td><td>(\w)<\/td>/g)]
    expect(rows.map(([, name]) => name).join('')).toBe('dcbefa')
    expect(result.lastLine.split('Nothing was changed. ')[1]).toBe(
      'HAProxy brings a server up by itself once its health check passes: look at its application. ' +
        'Servers in MAINT or DRAIN may have been forgotten: action: ready brings them back. ' +
        'A weight of 0 is given by haproxy.cfg, by an agent, or by somebody over the runtime API. ' +
        'Slowstart ends by itself: run the step again.'
    )
    expect(lb.posts).toEqual([])
  })

  test.each<[string, ImitatedOptions, string]>([
    [
      'forgotten in maint',
      { admin: 'maint' },
      'Servers in MAINT or DRAIN may have been forgotten: action: ready brings them back.'
    ],
    [
      'forgotten in drain',
      { admin: 'drain' },
      'Servers in MAINT or DRAIN may have been forgotten: action: ready brings them back.'
    ],
    [
      'down',
      { down: true },
      'HAProxy brings a server up by itself once its health check passes: look at its application.'
    ],
    [
      'on its way',
      { cells: { status: 'UP 1/3' } },
      'HAProxy brings a server up by itself once its health check passes: look at its application.'
    ],
    [
      'sending nobody new',
      { cells: { status: 'NOLB' } },
      'HAProxy brings a server up by itself once its health check passes: look at its application.'
    ],
    [
      'without weight',
      { cells: { weight: '0' } },
      'A weight of 0 is given by haproxy.cfg, by an agent, or by somebody over the runtime API.'
    ],
    [
      'in slowstart',
      { cells: { throttle: '30' } },
      'Slowstart ends by itself: run the step again.'
    ],
    [
      'in maint with another',
      { cells: { status: 'MAINT (via web/x)' } },
      'One in MAINT (via …) comes back with the server that it follows.'
    ],
    [
      'in maint for DNS',
      { cells: { status: 'MAINT (resolution)' } },
      'HAProxy cannot resolve a host name: only DNS can end MAINT (resolution).'
    ]
  ])('has advice for one that is %s, and no other', async (_, options, advice) => {
    const lb = await start(server('a'), server('b', options), server('c', options))
    const { lastLine } = await look([lb], UP)
    expect(lastLine.split('Nothing was changed. ')[1]).toBe(advice)
  })

  test('is green where nothing is expected', async () => {
    const result = await look([await start(server('a'), server('b', { admin: 'drain' }))])
    expect(result.lastLine).toBe('Seen: web/a is UP; web/b is DRAIN.')
    expect(result.exitCode).toBe(0)
  })

  test('is named with its HAProxies where there are several', async () => {
    const lbs = await Promise.all([start(server('a')), start(server('a', { admin: 'drain' }))])
    const { lastLine } = await look(lbs, UP)
    expect(lastLine).toMatch(/^1 of 2 servers not up: web\/a on LB2 is DRAIN for /)
  })

  test('holds no command in what others say', async () => {
    const cells = { status: 'DOWN', check_status: 'L7STS', last_chk: 'x\n::error::no ##[error]<b>' }
    const result = await look([await start(server('a', { cells }))], UP)
    expect(result.lastLine).toContain('x ::error::no ## [error]<b>')
    expect(result.summary).toContain('&lt;b&gt;')
    expect(result.annotations).toHaveLength(1)
  })
})

describe('a large fleet', () => {
  const lines = ({ log }: StepResult): string[] => log.filter((line) => /^web\/s\d+ is /.test(line))

  test('of 50 servers is named one by one where nothing is expected, of more it is counted', async () => {
    const [some, more] = await Promise.all([start(...several(50)), start(...several(51))])
    expect((await look([some])).lastLine).toMatch(/^Seen: web\/s0, web\/s1, /)
    const result = await look([more])
    expect(result.log).toEqual([
      'Found: 51 servers, 51 in web.',
      'Seen: 51 servers, all up: 51 in web.'
    ])
  })

  test('is named one by one in a step that changes it', async () => {
    const lb = await start(...several(51))
    const names = lb.servers.map(({ name }) => name).join(' ')
    const given = { action: 'shutdown', 'dry-run': 'true', backend: 'web', server: names }
    const result = await look([lb], given)
    expect(result.log[0]).toMatch(/^Found: web\/s0, web\/s1, .*web\/s50 on LB1 are UP\.$/)
  })

  test('with little trouble names what is not up in the last line only', async () => {
    const lb = await start(...several(60), server('x', { admin: 'drain' }))
    const seen = await look([lb])
    expect(seen.log).toEqual([
      'Found: 61 servers, 61 in web (1 not up).',
      expect.stringMatching(/^Seen: 1 of 61 servers not up: web\/x is DRAIN for [^;]* at most\.$/)
    ])
    const { lastLine } = await look([lb], UP)
    expect(lastLine).toMatch(/^1 of 61 servers not up: web\/x is DRAIN for /)
  })

  test('with much trouble has counts in the last line, and a line each for 50 servers before it', async () => {
    const lb = await start(...several(120, { admin: 'drain' }), server('x'))
    const result = await look([lb], UP)
    expect(lines(result)).toHaveLength(50)
    expect(result.log).toContain('And 70 more servers not up.')
    expect(result.lastLine).toMatch(
      /^120 of 121 servers not up: 121 in web \(120 not up\)\. Nothing was changed\. Servers in /
    )
    expect(result.summary.split('<tr><td>')).toHaveLength(51)
    expect(result.summary).toContain('<p>and 71 more: 71 in web (70 not up)</p>')
    expect(lines(await look([lb]))).toHaveLength(50)
  })

  test('of 50 servers that are not up has a line for each, and no more', async () => {
    const name = 'n'.repeat(40)
    const lb = await start(
      ...Array.from({ length: 50 }, (_, index) => server(`${name}${index}`, { admin: 'maint' }))
    )
    const { log } = await look([lb], UP)
    expect(log).toHaveLength(1 + 50 + 1)
    expect(log.at(-2)).toMatch(/^web\/n+49 is MAINT /)
  })

  test('has a line each for as many as a line cannot hold', async () => {
    const name = 'n'.repeat(200)
    const lb = await start(
      ...Array.from({ length: 12 }, (_, index) => server(`${name}${index}`, { admin: 'maint' }))
    )
    const result = await look([lb], UP)
    expect(result.log.filter((line) => line.startsWith('web/nnn'))).toHaveLength(12)
    expect(result.log.some((line) => line.includes('more server'))).toBe(false)
    expect(result.log).toHaveLength(1 + 12 + 1)
    expect(result.lastLine).toMatch(/^12 of 12 servers not up: 12 in web \(12 not up\)\./)
    const seen = await look([lb])
    expect(seen.log).toHaveLength(2)
  })
})

describe('after a failure', () => {
  /** What is said of one server, which was UP, beside the message of an error. */
  async function said(
    problem: Problem,
    message: string,
    happened: (target: Target) => void = () => undefined
  ): Promise<readonly string[]> {
    const { targets } = backendSeen([{ svname: 'a' }])
    targets.forEach(happened)
    let words: readonly string[] = []
    await inProcess(inputsFor([], { 'stats-url': 'http://lb/admin', action: 'ready' }), () => {
      words = afterFailure(new HaproxyError(problem, message), readInputs(), targets)
    })
    return words
  }

  const A = 'web/a on http://lb/admin'
  const is = (target: Target, word: StatusWord): void => {
    target.update({ ...target.now, status: word, word })
  }
  const askedAndDown = (target: Target): void => {
    target.recordRequest('ready', 0)
    is(target, 'DOWN')
  }

  test('the state of a server is not said again in the same words', async () => {
    expect((await said('reset', `${A} is UP.`))[0]).toBe('')
    expect((await said('reset', `${A} is UP; no more.`))[0]).toBe('')
  })

  test.each([' with 2 sessions', ' 1/3', 'ON'])(
    'the state of a server is said where the message has a longer one: UP%s',
    async (more) => {
      expect((await said('reset', `Seen: ${A} is UP${more}.`))[0]).toBe(`Now ${A} is UP.`)
    }
  )

  test('what a server was asked for is said, but for a message about servers that are not up', async () => {
    const message = `${A} is DOWN.`
    expect((await said('not-up', message, askedAndDown))[0]).toBe('')
    expect((await said('reset', message, askedAndDown))[0]).toBe(
      `Now ${A} is DOWN, asked for ready.`
    )
  })

  test('a state that is not certain is said in any case', async () => {
    const message = `${A} is DOWN.`
    const perhaps = await said('not-up', message, (target) => {
      target.recordRequest('ready', 0, true)
      is(target, 'DOWN')
    })
    expect(perhaps[0]).toBe(`Now ${A} is DOWN, perhaps ready.`)
    const unknown = await said('not-up', message, (target) => {
      askedAndDown(target)
      target.invalidate()
    })
    expect(unknown[0]).toBe(`Now ${A} is in an unknown state (asked for ready, last seen DOWN).`)
  })

  test('a server that the message leaves out is said', async () => {
    expect((await said('not-up', 'web/b is DOWN; so it stays.', askedAndDown))[0]).toBe(
      `Now ${A} is DOWN, asked for ready.`
    )
  })
})

describe('an output', () => {
  test('that is more than GitHub takes is left empty, with a notice', async () => {
    const lb = await start(...several(3_000))
    const result = await look([lb], UP)
    expect(result.exitCode).toBe(0)
    expect(result.outputs).toMatchObject({ status: 'UP', result: '' })
    expect(result.titles).toEqual(['Output result'])
    expect(result.annotations.map(({ level, message }) => [level, message])).toEqual([
      [
        'notice',
        expect.stringMatching(
          /^The output result is left empty: \d{6} characters are more than GitHub takes \(500000\)\. Look at one backend at a time\.$/
        )
      ]
    ])
    expect(result.lastLine).toBe('All 3000 servers are up: 3000 in web.')
  })

  test('that is not is whole', async () => {
    const lb = await start(...several(1_000))
    const { outputs, annotations } = await look([lb], UP)
    expect(JSON.parse(outputs['result'] ?? '')).toHaveLength(1_000)
    expect(annotations).toEqual([])
  })
})
