import { mkdirSync, rmSync } from 'node:fs'
import { beforeEach, describe, expect, test } from '@jest/globals'
import { HaproxyError, type Problem } from '../../src/haproxy/errors.ts'
import { BakeFailure } from '../../src/rotation/bake.ts'
import type { Outcome } from '../../src/rotation/outcome.ts'
import type { BakedServer } from '../../src/rotation/bake-verdict.ts'
import type { Target } from '../../src/rotation/target.ts'
import {
  chart,
  withoutSign,
  type Sample,
  type Summary,
  titleOf,
  titleOfFailure,
  writeSummary
} from '../../src/runner/summary.ts'
import { inProcess, type StepOptions, type StepResult } from './in-process.ts'
import { backendSeen, instanceAt } from './seen.ts'

let targets: readonly Target[]
beforeEach(() => {
  ;({ targets } = backendSeen([{ svname: 'a' }]))
})

describe('the title', () => {
  const proven = { doubts: [], facts: [] }
  const doubtful = { doubts: [{ kind: 'max sessions' }], facts: [] } as const

  test.each<[Outcome, string]>([
    [{ kind: 'observed' }, 'ℹ️ web/a: seen'],
    [{ kind: 'commanded' }, '✅ web/a: carried out'],
    [{ kind: 'requested' }, '✅ web/a: requested'],
    [{ kind: 'safe to stop', proof: proven }, '✅ web/a: safe to stop'],
    [{ kind: 'drained', proof: proven }, '✅ web/a: drained'],
    [{ kind: 'drained', proof: doubtful }, '⚠️ web/a: drained, not proven safe to stop'],
    [{ kind: 'not drained' }, '⚠️ web/a: not drained'],
    [{ kind: 'up' }, '✅ web/a: up'],
    [{ kind: 'all up' }, '✅ web/a: up']
  ])('of %j is %s', (outcome, expected) => {
    expect(titleOf(outcome, targets)).toBe(expected)
  })

  test('of a dry run is what it would do', () => {
    const plan = { kind: 'command', command: 'shutdown', targets } as const
    expect(titleOf({ kind: 'dry run', plan }, targets)).toBe(
      'ℹ️ Dry run: would request shutdown for web/a on http://lb/admin'
    )
  })

  test('of a dry run says no more than that where the plan is too long for a title', () => {
    const titleFor = (length: number): string => {
      const rest = 'request shutdown for web/ on http://lb/admin'.length
      const { targets: named } = backendSeen([{ svname: 'n'.repeat(length - rest) }])
      return titleOf(
        { kind: 'dry run', plan: { kind: 'command', command: 'shutdown', targets: named } },
        named
      )
    }
    expect(titleFor(120)).toMatch(/^ℹ️ Dry run: would request shutdown for web\/n+ on /)
    expect(titleFor(121)).toMatch(/^ℹ️ web\/n+: dry run$/)
  })

  test('of a return whose traffic leaves a doubt says so', () => {
    const traffic = { requests: 100, failed: 3 } as BakedServer['traffic']
    const baked = {
      elapsedMs: 30_000,
      maxErrorRate: 0.01,
      servers: [{ name: 'web/a', traffic, neighbours: traffic, verdict: 'unclear', missing: [] }]
    } as const
    expect(titleOf({ kind: 'up', baked }, targets)).toBe('⚠️ web/a: up, perhaps not well')
  })

  test('of a watch that failed names those that are not well', () => {
    const { targets: both } = backendSeen([{ svname: 'a' }, { svname: 'b' }])
    const out = { taken: [], outcome: undefined, troubles: [] }
    expect(titleOfFailure(new BakeFailure('No.', both.slice(1), out), both)).toBe(
      '❌ web/b: not well'
    )
  })

  test.each<[Problem, string]>([
    ['host-not-found', '❌ web/a: host not found'],
    ['refused', '❌ web/a: HAProxy not reached'],
    ['unreachable', '❌ web/a: HAProxy not reached'],
    ['reset', '❌ web/a: HAProxy not reached'],
    ['timed-out', '❌ web/a: HAProxy not reached'],
    ['proxy-refused', '❌ web/a: HAProxy not reached'],
    ['tls-unknown-issuer', '❌ web/a: certificate not trusted'],
    ['tls-expired', '❌ web/a: certificate not trusted'],
    ['tls-wrong-name', '❌ web/a: certificate not trusted'],
    ['tls-client-certificate', '❌ web/a: client certificate refused'],
    ['tls-not-spoken', '❌ web/a: the port does not speak TLS'],
    ['tls-spoken', '❌ web/a: the port speaks TLS'],
    ['tls-failed', '❌ web/a: TLS failed'],
    ['other-login', '❌ web/a: no statistics page'],
    ['forbidden', '❌ web/a: access forbidden'],
    ['redirected', '❌ web/a: no statistics page'],
    ['not-http', '❌ web/a: no statistics page'],
    ['unauthorized', '❌ web/a: login refused'],
    ['login-needed', '❌ web/a: login missing'],
    ['wrong-path', '❌ web/a: no statistics page'],
    ['not-csv', '❌ web/a: no statistics page'],
    ['oversized', '❌ web/a: no statistics page'],
    ['unknown-backend', '❌ web/a: no such backend'],
    ['unknown-server', '❌ web/a: no such server'],
    ['DENY', '❌ web/a: refused, HAProxy allows no changes'],
    ['not-returnable', '❌ web/a: refused, cannot come back by itself'],
    ['did-not-hold', '❌ web/a: the admin state did not hold'],
    ['several-haproxies', '❌ web/a: several HAProxies answer'],
    ['guard-refused', '❌ web/a: refused, too few others serve'],
    ['no-turn', '❌ web/a: no turn in time'],
    ['same-address', '❌ web/a: refused, its address is in use'],
    ['not-drained', '❌ web/a: not drained'],
    ['old-process', '❌ web/a: not drained'],
    ['not-up', '❌ web/a: not up'],
    ['bake-failed', '❌ web/a: not well'],
    ['not-baked', '❌ web/a: up, but not watched to the end'],
    ['changed-meanwhile', '❌ web/a: changed meanwhile'],
    ['cancelled', '❌ web/a: cancelled']
  ])('of a failure of the problem %s is %s', (problem, expected) => {
    expect(titleOfFailure(new HaproxyError(problem, 'No.'), targets)).toBe(expected)
  })

  test.each([
    [[{ svname: 'a', pxname: '2web' }], '2web/a: up'],
    [['a', 'b', 'c', 'd'].map((svname) => ({ svname })), '4 servers: up']
  ])('of an annotation leaves out the sign, and no number', (rows, expected) => {
    const backend = backendSeen(rows)
    expect(withoutSign(titleOf({ kind: 'up' }, backend.targets))).toBe(expected)
  })

  test('of a fleet that is not all up names those that are not', () => {
    const fleet = backendSeen([
      { svname: 'a' },
      { svname: 'b', status: 'DRAIN' },
      { svname: 'c', weight: '0' }
    ])
    const error = new HaproxyError('not-all-up', 'No.')
    expect(titleOfFailure(error, fleet.targets)).toBe('❌ web/b, web/c: not up')
  })

  test('of a failure of another kind says that it failed', () => {
    const error = Object.assign(new Error('No.'), { problem: 'not-up' })
    expect(titleOfFailure(error, targets)).toBe('❌ web/a: failed')
    expect(titleOfFailure(undefined, targets)).toBe('❌ web/a: failed')
  })

  test('names up to three servers, and counts more', () => {
    const named = (...names: readonly string[]): string =>
      titleOf({ kind: 'up' }, backendSeen(names.map((svname) => ({ svname }))).targets)
    expect(named('a', 'b', 'c')).toBe('✅ web/a, web/b, web/c: up')
    expect(named('a', 'b', 'c', 'd')).toBe('✅ 4 servers: up')
  })

  test('names a server that several HAProxies have once', () => {
    const other = backendSeen([{ svname: 'a' }, { svname: 'b' }], instanceAt('http://lb2/admin'))
    expect(titleOf({ kind: 'up' }, [...targets, ...other.targets])).toBe('✅ web/a, web/b: up')
  })

  test('takes a name as it is', () => {
    expect(titleOf({ kind: 'up' }, backendSeen([{ svname: '$&{}' }]).targets)).toBe(
      '✅ web/$&{}: up'
    )
  })
})

describe('the summary', () => {
  const header = ['HAProxy', 'Backend', 'Server', 'Before', 'After', 'Sessions', 'Waited']
  const row = (...cells: readonly string[]): string =>
    `<tr><td>${cells.join('</td><td>')}</td></tr>`
  const table = (...rows: readonly string[]): string =>
    `<table><tr><th>${header.join('</th><th>')}</th></tr>${rows.join('')}</table>\n`

  function written(more: Partial<Summary> = {}, options?: StepOptions): Promise<StepResult> {
    const summary = {
      title: 'Title',
      sentence: 'Sentence.',
      targets,
      isLook: false,
      waitedMs: 2_500,
      samples: [],
      facts: [],
      ...more
    }
    return inProcess(
      {},
      () => {
        writeSummary(summary)
      },
      options
    )
  }

  test('says what became of every server, and what was proven', async () => {
    const lb = backendSeen([
      { svname: 'a', status: 'DRAIN', scur: '3' },
      { svname: 'b', status: 'MAINT' }
    ])
    const { summary, lines } = await written({
      targets: lb.targets,
      facts: ['First.', 'Second.'],
      samples: samples([0, 3], [1_000, 0])
    })
    expect(summary).toBe(
      [
        '<h3>Title</h3>\n<p>Sentence.</p>\n',
        table(
          row('http://lb/admin', 'web', 'a', 'DRAIN', 'DRAIN', '3', '2.5s'),
          row('http://lb/admin', 'web', 'b', 'MAINT', 'MAINT', '0', '2.5s')
        ),
        '<ul><li>First.</li><li>Second.</li></ul>\n',
        chart(samples([0, 3], [1_000, 0]))
      ].join('')
    )
    expect(lines).toEqual([])
  })

  test('shows the status of before and of now', async () => {
    const { targets: changed } = backendSeen([{ svname: 'a' }])
    changed.forEach((target: Target) => {
      target.update({ ...target.before, status: 'MAINT', word: 'MAINT' })
    })
    const { summary } = await written({ targets: changed })
    expect(summary).toContain(row('http://lb/admin', 'web', 'a', 'UP', 'MAINT', '0', '2.5s'))
  })

  test('of a look has no before and after, but the state of every server, with the reason', async () => {
    const fleet = backendSeen([
      { svname: 'a', status: 'DRAIN', lastchg: '60', scur: '2' },
      { svname: 'b' }
    ])
    const { summary } = await written({ targets: fleet.targets, isLook: true })
    expect(summary).toBe(
      '<h3>Title</h3>\n<p>Sentence.</p>\n<table><tr><th>HAProxy</th><th>Backend</th><th>Server</th><th>State</th><th>Sessions</th></tr>' +
        row('http://lb/admin', 'web', 'a', 'DRAIN for 1m at most', '2') +
        row('http://lb/admin', 'web', 'b', 'UP', '0') +
        '</table>\n'
    )
  })

  test('ends with its table where nothing was proven and nothing waited for', async () => {
    const { summary } = await written()
    expect(summary).toBe(
      `<h3>Title</h3>\n<p>Sentence.</p>\n${table(row('http://lb/admin', 'web', 'a', 'UP', 'UP', '0', '2.5s'))}`
    )
  })

  test('has a row for 50 servers, and counts the others', async () => {
    const fleet = (...statuses: readonly string[]): readonly Target[] =>
      backendSeen(statuses.map((status, index) => ({ svname: `s${index}`, status }))).targets
    const rows = (text: string): number => text.split('<tr><td>').length - 1
    const up = Array.from({ length: 50 }, () => 'UP')
    const exact = (await written({ targets: fleet(...up) })).summary
    expect([rows(exact), exact.includes('more')]).toEqual([50, false])
    const more = (await written({ targets: fleet(...up, 'UP') })).summary
    expect(rows(more)).toBe(50)
    expect(more).toMatch(/<\/table>\n<p>and 1 more, all up<\/p>\n$/)
    const trouble = (await written({ targets: fleet(...up, 'UP', 'DOWN') })).summary
    expect(trouble).toMatch(/<\/table>\n<p>and 2 more: 2 in web \(1 not up\)<\/p>\n$/)
  })

  test('holds no markup of what others say', async () => {
    const named = backendSeen([{ pxname: 'w<b>', svname: 'a&"', status: 'UP <i>' }])
    const { summary } = await written({
      title: 'T<b>',
      sentence: 'S<b> & more.',
      facts: ['F<b>\n##[error]x'],
      targets: named.targets
    })
    expect(summary).toBe(
      '<h3>T&lt;b&gt;</h3>\n<p>S&lt;b&gt; &amp; more.</p>\n' +
        table(
          row(
            'http://lb/admin',
            'w&lt;b&gt;',
            'a&amp;&quot;',
            'UP &lt;i&gt;',
            'UP &lt;i&gt;',
            '0',
            '2.5s'
          )
        ) +
        '<ul><li>F&lt;b&gt; ## [error]x</li></ul>\n'
    )
  })

  test('has no table where no server was found', async () => {
    const { summary } = await written({ targets: [] })
    expect(summary).toBe('<h3>Title</h3>\n<p>Sentence.</p>\n')
  })

  test('is left out without a word where the runner gives no file for it', async () => {
    const options = { env: { GITHUB_STEP_SUMMARY: '' } }
    expect(await written({}, options)).toMatchObject({ summary: '', lines: [] })
  })

  test('that cannot be written is only mentioned', async () => {
    const { lines, exitCode } = await inProcess({}, () => {
      const path = process.env['GITHUB_STEP_SUMMARY'] ?? ''
      rmSync(path)
      mkdirSync(path)
      writeSummary({
        title: '',
        sentence: '',
        targets,
        isLook: false,
        waitedMs: 0,
        samples: [],
        facts: []
      })
    })
    expect(exitCode).toBe(0)
    expect(lines).toEqual([
      expect.stringMatching(/^The job summary could not be written: Error: EISDIR: .*\.$/)
    ])
  })
})

function samples(...pairs: readonly (readonly [number, number])[]): Sample[] {
  return pairs.map(([elapsedMs, sessions]) => ({ elapsedMs, sessions }))
}

/** The heights that the chart draws. */
function line(text: string): number[] {
  const [, numbers = ''] = /^ {2}line \[(.*)\]$/m.exec(text) ?? []
  return numbers.split(', ').map(Number)
}

describe('the chart', () => {
  test('shows sessions over time, with its numbers', () => {
    expect(chart(samples([0, 3], [1_000, 2], [2_000, 0]))).toBe(
      [
        '',
        '```mermaid',
        '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#2f81f7"}}}}%%',
        'xychart-beta',
        '  title "Sessions left"',
        '  x-axis "seconds" 0 --> 2.0',
        '  y-axis "sessions" 0 --> 3',
        '  line [3, 2, 0]',
        '```',
        '',
        '<details><summary>The numbers</summary>',
        '',
        '0.0 s: 3, 1.0 s: 2, 2.0 s: 0',
        '',
        '</details>',
        ''
      ].join('\n')
    )
  })

  test.each([
    ['nothing was seen', samples()],
    ['there was one look', samples([0, 3])],
    ['there never was a session', samples([0, 0], [1_000, 0])]
  ])('is left out when %s', (_, seen) => {
    expect(chart(seen)).toBe('')
  })

  test('is drawn when there was a session at any time', () => {
    expect(line(chart(samples([0, 0], [1_000, 1])))).toEqual([0, 1])
  })

  test('has as many points as there were looks, up to 40', () => {
    const seen = (count: number): Sample[] =>
      Array.from({ length: count }, (_, index) => ({
        elapsedMs: index * 1_000,
        sessions: 1 + index
      }))
    expect(line(chart(seen(39)))).toHaveLength(39)
    expect(line(chart(seen(40)))).toHaveLength(40)
    expect(line(chart(seen(41)))).toHaveLength(40)
    expect(line(chart(seen(79)))).toEqual(Array.from({ length: 40 }, (_, index) => 1 + index * 2))
  })

  test('draws what was last seen at even times between uneven looks', () => {
    expect(line(chart(samples([0, 4], [100, 3], [200, 2], [3_000, 1])))).toEqual([4, 2, 2, 1])
  })

  // The first look is judged a moment after the wait began.
  test('begins with what was seen first, not with the highest', () => {
    expect(line(chart(samples([0.02, 1], [1_000, 5], [2_000, 0])))).toEqual([1, 5, 0])
  })

  test('ends with what was seen last, however the times are rounded', () => {
    const ends = Array.from({ length: 200 }, (_, index) => 1_000 + index * 0.7)
    const lasts = ends.map((end) => {
      const seen = Array.from({ length: 7 }, (_, index) => ({
        elapsedMs: index < 6 ? index : end,
        sessions: index < 6 ? 1 : 0
      }))
      return line(chart(seen)).at(-1)
    })
    expect(lasts).toEqual(ends.map(() => 0))
  })
})
