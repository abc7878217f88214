import { afterEach, describe, expect, jest, test } from '@jest/globals'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { DEFAULTS } from '../../src/runner/defaults.ts'
import { parseStatsCsv, type Snapshot } from '../../src/haproxy/csv.ts'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import { parseProcess } from '../../src/haproxy/process.ts'
import {
  isDrained,
  isOutOfRotation,
  isUp,
  parseAddress,
  type Server,
  statusWord,
  takesTraffic
} from '../../src/haproxy/server.ts'
import { csvAddress, parseStatsUrl } from '../../src/haproxy/stats-url.ts'
import { escapeForLog, escapeForHtml } from '../../src/runner/escape.ts'
import { InputError, InputReader } from '../../src/runner/input-reader.ts'
import { readInputs } from '../../src/runner/inputs.ts'
import { formatDuration, parseDuration } from '../../src/rotation/duration.ts'
import { headText } from '../support/page-text.ts'

/** Any text: all of Unicode, and half of a surrogate pair too. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.array(fc.nat(0xffff)).map((units) => String.fromCharCode(...units))
)

/** Pieces that mean something to somebody, put together at random. */
function jumble(...pieces: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 2 }))
  return fc.array(piece, { maxLength: 20 }).map((parts) => parts.join(''))
}

/** What a function gives, or the error that it throws. */
function outcome<T>(work: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: work() }
  } catch (error) {
    return { error }
  }
}

describe('a stats URL', () => {
  const host = fc.oneof(
    fc.constantFrom(
      'lb',
      'localhost',
      'lb.example.com',
      '[::1]',
      '[2001:db8::7]',
      'xn--bcher-kva.ch'
    ),
    fc.ipV4(),
    fc.domain()
  )
  const port = fc.oneof(
    fc.constant(''),
    fc.integer({ min: 1, max: 65_535 }).map((n) => `:${n}`)
  )
  const segment = fc.string({
    unit: fc.constantFrom(...'abcXYZ019-_.~!$*()+:=,'.split('')),
    minLength: 1,
    maxLength: 8
  })
  const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`)
  const query = fc.oneof(
    fc.constant(''),
    fc.constant('?stats'),
    segment.map((name) => `?${name}`)
  )
  const option = fc.constantFrom(
    ...[';csv', ';json', ';typed', ';norefresh', ';up', ';no-maint', ';st=DONE', ';st='],
    ...[';csv;scope=web', '?scope=web', '&scope=', ';scope=a.b:c-d_e']
  )
  const base = fc
    .tuple(fc.constantFrom('http', 'https', 'HTTP', 'Https'), host, port, path, query)
    .filter(([, , , way]) => !/\/\.{1,2}(\/|$)/.test(way))

  test('is the same without what the page adds to it', () => {
    fc.assert(
      fc.property(base, fc.array(option), ([scheme, name, number, way, ask], options) => {
        const plain = `${scheme}://${name}${number}${way}${ask}`
        const clean = parseStatsUrl(plain)
        expect(parseStatsUrl(plain + options.join('') + '#fragment').href).toBe(clean.href)
        const [before, after] = [new URL(plain), new URL(clean.href)]
        expect(after.host).toBe(before.host)
        expect(after.protocol).toBe(before.protocol)
        expect(after.pathname).toBe(before.pathname)
        expect(after.search).toBe(before.search)
      })
    )
  })

  test('never keeps credentials, which are what was percent-encoded', () => {
    const secret = fc
      .string({ unit: 'binary', minLength: 1 })
      .map((text) => `Zq7${text.toWellFormed()}`)
    fc.assert(
      fc.property(base, secret, secret, ([scheme, name, number, way, ask], username, password) => {
        const userinfo = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`
        const url = parseStatsUrl(`${scheme}://${userinfo}@${name}${number}${way}${ask}`)
        expect(url.userinfo).toEqual({ username, password })
        expect(url.href).not.toContain('Zq7')
        expect(url.href).toBe(parseStatsUrl(`${scheme}://${name}${number}${way}${ask}`).href)
      })
    )
  })

  const anyUrl = fc.oneof(
    jumble(
      ...['http://', 'https://', '//', '/', '@', ':', '?', '#', '%', '%41', '[', ']', '::', '\\'],
      ...[
        ';',
        ';csv',
        ';up',
        ';no-maint',
        'scope=',
        ';st=DONE',
        '&',
        'lb',
        ':80',
        'a:b@',
        '..',
        ' '
      ]
    ).map((rest) => `http://lb${rest}`),
    jumble('http://', 'https://', 'ftp://', 'file:///', 'javascript:', 'a', '@', ':', '/'),
    anyText
  )

  test('is understood once and for all, or refused in words that do not repeat it', () => {
    fc.assert(
      fc.property(anyUrl, (text) => {
        const result = outcome(() => parseStatsUrl(text))
        if ('error' in result) {
          expect(result.error).toBeInstanceOf(Error)
          const { message, name } = result.error as Error
          expect(name).toBe('Error')
          expect(message).toMatch(/^it(s user name)? /)
          if (text.length > 20) expect(message).not.toContain(text)
          return
        }
        const { href } = result.value
        const url = new URL(href)
        expect(url.protocol).toMatch(/^https?:$/)
        expect([url.username, url.password, url.hash]).toEqual(['', '', ''])
        expect(parseStatsUrl(href)).toEqual({ href, userinfo: undefined })
        expect(url.host).toBe(new URL(text).host)
      }),
      // A backslash is a slash to WHATWG, and so may end the host in the middle of a password.
      {
        numRuns: 2_000,
        examples: [['http://lb\\@'], ['http://lb?a@'], ['http://lb#a@b'], ['http://lb??']]
      }
    )
  })

  test('gives the address of a CSV on the same host, with no option that hides servers', () => {
    fc.assert(
      fc.property(anyUrl, fc.constantFrom(undefined, 'web', 'a.b:c-d_e'), (text, backend) => {
        const result = outcome(() => parseStatsUrl(text))
        fc.pre('value' in result)
        const address = csvAddress(result.value, backend)
        expect(address.host).toBe(new URL(result.value.href).host)
        const asked = address.pathname + address.search
        expect(asked).toContain(';csv')
        expect(asked).not.toMatch(/;(up|no-maint|json|typed)(?=[;?&/]|$)/)
        const scopes = asked.match(/[;?&]scope=[^;&]*/g) ?? []
        expect(scopes).toEqual(backend === undefined ? [] : [`;scope=${backend}`])
      }),
      { numRuns: 2_000 }
    )
  })
})

describe('a duration', () => {
  test('is read as it was written, within the rounding', () => {
    const any = fc.oneof(
      fc.double({ min: 0, max: 90_000_000, noNaN: true }),
      fc.double({ min: 0, max: 61_000, noNaN: true })
    )
    fc.assert(
      fc.property(any, (ms) => {
        const text = formatDuration(ms)
        const read = parseDuration(text)
        // Milliseconds, tenths of a second, seconds.
        const rounding = ms < 1_000 ? 0.5 : ms < 60_000 ? 50 : 500
        expect({ text, read: typeof read }).toEqual({ text, read: 'number' })
        expect(Math.abs((read ?? NaN) - ms)).toBeLessThanOrEqual(rounding)
      }),
      { examples: [[1_100], [999.7], [59_960], [0]] }
    )
  })

  test('of any text is a number of milliseconds, or none', () => {
    const text = fc.oneof(
      anyText,
      jumble('1', '0', '9', '99999999999999999999', 'h', 'm', 's', 'ms', ' ', '-', '.', 'e5', '٣')
    )
    fc.assert(
      fc.property(text, (given) => {
        const ms = parseDuration(given)
        if (ms === undefined) return
        expect(ms).toBeGreaterThanOrEqual(0)
        expect(given).toMatch(/^(\d+(h|ms?|s))+$/)
      }),
      { numRuns: 2_000 }
    )
  })

  test('of hours, minutes, seconds and milliseconds is their sum', () => {
    const part = fc.option(fc.nat(9_999), { nil: undefined })
    fc.assert(
      fc.property(part, part, part, part, (h, m, s, ms) => {
        const units = [
          [h, 'h', 3_600_000],
          [m, 'm', 60_000],
          [s, 's', 1_000],
          [ms, 'ms', 1]
        ] as const
        const text = units.map(([n, unit]) => (n === undefined ? '' : `${n}${unit}`)).join('')
        const sum = units.reduce((total, [n = 0, , factor]) => total + n * factor, 0)
        expect(parseDuration(text)).toBe(text === '' ? undefined : sum)
      })
    )
  })
})

describe('inputs', () => {
  const before = { ...process.env }
  afterEach(() => {
    for (const name of Object.keys(process.env)) {
      if (name.startsWith('INPUT_') && before[name] === undefined)
        Reflect.deleteProperty(process.env, name)
    }
  })
  const set = (name: string, text: string): void => {
    process.env[`INPUT_${name.toUpperCase()}`] = text
  }
  // The kernel keeps no NUL in an environment, and Node writes halves of surrogate pairs as U+FFFD.
  const envText = anyText.map((text) => text.replaceAll('\0', '').toWellFormed())

  test('that are lists hold what was put into them, in any mix of separators', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.:'.split('')), minLength: 1 })
    const separator = fc
      .array(fc.constantFrom(',', ' ', '\n', '\r\n', '\t'), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(word, separator), { minLength: 1 }),
        separator,
        (items, lead) => {
          set('server', lead + items.flat().join(''))
          expect(new InputReader().list('server')).toEqual(items.map(([each]) => each))
        }
      )
    )
  })

  test('that are lists in JSON hold what was put into them', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019-_.:'.split('')), minLength: 1 })
    fc.assert(
      fc.property(fc.array(word, { minLength: 1 }), fc.constantFrom(0, 2), (words, indent) => {
        set('server', JSON.stringify(words, undefined, indent))
        expect(new InputReader().list('server')).toEqual(words)
      })
    )
  })

  test('that are lists hold no empty word and no separator, or are refused', () => {
    fc.assert(
      fc.property(envText, (text) => {
        fc.pre(!text.trim().startsWith('['))
        set('server', text)
        const reader = new InputReader()
        const list = reader.list('server')
        for (const word of list) expect(word).toMatch(/^[^\s,]+$/)
        if (list.length === 0) {
          expect(() => {
            reader.finish()
          }).toThrow(InputError)
        }
      })
    )
  })

  test('of any text at all are understood or refused by name', () => {
    const written: string[] = []
    const spy = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text))
      return true
    })
    const names = Object.keys(DEFAULTS)
    const likely = fc.constantFrom(
      ...['', 'true', 'FALSE', '5', '5s', '1h', '-1', 'drain', 'MAINT', '*', 'web', 'a,b', 'fail'],
      ...['http://lb/admin', 'http://u:p@lb/;csv', '/etc/hosts', '/', '-----BEGIN CERTIFICATE-----']
    )
    try {
      fc.assert(
        fc.property(
          fc.dictionary(fc.constantFrom(...names), fc.oneof(envText, likely)),
          (given) => {
            for (const name of names) set(name, given[name] ?? '')
            const result = outcome(readInputs)
            if ('value' in result) {
              expect(result.value.instances.length).toBeGreaterThan(0)
              expect(result.value.servers.length).toBeGreaterThan(0)
              expect(result.value.wait.timeoutMs).toBeGreaterThanOrEqual(1_000)
              return
            }
            expect(result.error).toBeInstanceOf(InputError)
            const { problems } = result.error as InputError
            expect(problems.length).toBeGreaterThan(0)
            for (const problem of problems) expect(names).toContain(problem.split(':')[0])
          }
        ),
        { numRuns: 1_000 }
      )
    } finally {
      spy.mockRestore()
    }
    // All that is said before the inputs are known is what must be masked, and a notice of ours.
    const own =
      /^(::add-mask::.*|::notice title=Input password::The password ends in a line break.*)$/
    for (const line of written.join('').split('\n')) if (line !== '') expect(line).toMatch(own)
  })
})

describe('the CSV', () => {
  const fixture = readFileSync(new URL('../fixtures/csv-3.2.0.csv', import.meta.url), 'utf8')
  const columns = (fixture.split('\n')[0] ?? '').replace('# ', '').split(',')

  /** As HAProxy writes a cell (csv_enc_append); before 3.0 a line break stands in it as it is. */
  const write = (cell: string): string =>
    /[,"\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell

  interface Row {
    readonly pxname: string
    readonly svname: string
    readonly status: string
    readonly scur: number
    readonly qcur: number
    readonly weight: number
    readonly last_chk: string
    readonly check_status: string
  }

  const name = fc.oneof(
    anyText,
    fc.constantFrom('web', 'app1', 'a,b', '"', '""', '\n', ' web', 'web ', '#', '# pxname')
  )
  const row: fc.Arbitrary<Row> = fc.record({
    pxname: name,
    svname: name,
    status: fc.oneof(
      fc.constantFrom('UP', 'UP 1/3', 'MAINT', 'DRAIN', 'no check', 'DOWN'),
      anyText
    ),
    scur: fc.nat(),
    qcur: fc.nat(),
    weight: fc.nat(256),
    last_chk: fc.oneof(anyText, jumble(',', '"', '""', '\n', '\r\n', 'x', ' ')),
    check_status: fc.oneof(anyText, fc.constantFrom('L7OK', '* L7OK', 'L4CON', ''))
  })
  const rows = fc.array(row, { maxLength: 6 })

  const csvOf = (all: readonly Row[]): string => {
    const fixed: Readonly<Record<string, string>> = { type: '2', stot: '0', pid: '1', bck: '0' }
    const lines = all.map((one) => {
      const given = new Map<string, string | number>(Object.entries(one))
      return columns
        .map((column) => write(String(given.get(column) ?? fixed[column] ?? '')))
        .join(',')
    })
    return [`# ${columns.join(',')}`, ...lines, ''].join('\n')
  }

  const read = (csv: string): Snapshot => parseStatsCsv(csv, 'the page')

  test('gives every server exactly as it was written', () => {
    fc.assert(
      fc.property(rows, (all) => {
        const { servers } = read(csvOf(all))
        expect(
          servers.map(({ backend, name: server, status, sessions, queue, weight }) => ({
            pxname: backend,
            svname: server,
            status,
            scur: sessions,
            qcur: queue,
            weight
          }))
        ).toEqual(
          all.map(({ pxname, svname, status, scur, qcur, weight }) => ({
            pxname,
            svname,
            status,
            scur,
            qcur,
            weight
          }))
        )
        for (const [index, { check, word }] of servers.entries()) {
          const { last_chk: reason = '', check_status: state = '', status = '' } = all[index] ?? {}
          if (state.replace(/^\* /, '') !== '') expect(check).toContain(reason)
          expect(word).toBe(statusWord(status))
        }
      }),
      { numRuns: 500 }
    )
  })

  test('that was cut off anywhere is an error, or a page with fewer of the same servers', () => {
    fc.assert(
      fc.property(rows, fc.nat(), (all, at) => {
        const whole = csvOf(all)
        const { servers } = read(whole)
        const result = outcome(() => read(whole.slice(0, at % (whole.length + 1))))
        if ('error' in result) expect(result.error).toBeInstanceOf(HaproxyError)
        else expect(result.value.servers).toEqual(servers.slice(0, result.value.servers.length))
      }),
      { numRuns: 1_000 }
    )
  })

  test('in which a character was lost, doubled or changed is an error, or is still a page', () => {
    fc.assert(
      fc.property(rows, fc.nat(), fc.constantFrom('', ',', '"', '\n', '\0', 'x'), (all, at, by) => {
        const whole = csvOf(all)
        const index = at % whole.length
        const result = outcome(() => read(whole.slice(0, index) + by + whole.slice(index + 1)))
        if ('error' in result) expect(result.error).toBeInstanceOf(HaproxyError)
        else expectSound(result.value)
      }),
      { numRuns: 1_000 }
    )
  })

  test('of any text at all is an error with one of these problems, or a page', () => {
    const text = fc.oneof(
      anyText,
      anyText.map((rest) => `# pxname,${rest}`),
      anyText.map((rest) => `${fixture}${rest}\n`)
    )
    fc.assert(
      fc.property(text, (given) => {
        const result = outcome(() => read(given))
        if ('value' in result) {
          expectSound(result.value)
          return
        }
        expect(result.error).toBeInstanceOf(HaproxyError)
        const { problem, message } = result.error as HaproxyError
        expect(['not-csv', 'truncated', 'malformed']).toContain(problem)
        expect(message).toMatch(/^Could not read the page: /)
      }),
      { numRuns: 1_000 }
    )
  })

  function expectSound({ servers }: Snapshot): void {
    for (const { sessions, queue, weight } of servers) {
      for (const count of [sessions, queue, weight]) expect(count).toBeGreaterThanOrEqual(0)
    }
  }
})

describe('a status', () => {
  const words = ['UP', 'DOWN', 'NOLB', 'DRAIN', 'MAINT', 'no check'] as const
  const tail = fc.oneof(
    fc.constant(''),
    fc.tuple(fc.integer({ min: -1, max: 99 }), fc.nat(99)).map(([n, m]) => ` ${n}/${m}`),
    fc.constantFrom(' (agent)', ' (via web/app1)', ' (resolution)')
  )
  const [example] = parseStatsCsv(
    readFileSync(new URL('../fixtures/csv-3.2.0.csv', import.meta.url), 'utf8'),
    'the page'
  ).servers
  const serverOf = (status: string): Server => {
    if (example === undefined) throw new Error('The fixture has no server')
    return { ...example, status, word: statusWord(status), weight: 1, sessions: 0, queue: 0 }
  }

  test('that HAProxy writes is known by its first word', () => {
    fc.assert(
      fc.property(fc.constantFrom(...words), tail, (word, rest) => {
        expect(statusWord(word + rest)).toBe(word)
      })
    )
  })

  test('of any other text is no word at all, so that nobody takes it for anything', () => {
    const text = fc.oneof(
      anyText,
      jumble(...words, ' ', '1/3', '(agent)', '\n', '\0', 'up', 'UP ', '/')
    )
    fc.assert(
      fc.property(text, (status) => {
        const known = /^(UP|DOWN|NOLB|DRAIN|MAINT|no check)( -?\d+\/\d+| \([^)]*\))?$/.test(status)
        const server = serverOf(status)
        expect(server.word !== undefined).toBe(known)
        if (!known) {
          expect(isOutOfRotation(server) || isDrained(server, 0)).toBe(false)
          expect(isUp(server) || takesTraffic(server)).toBe(false)
        }
        // Never a prefix: health on its way is not up.
        if (isUp(server)) expect(['UP', 'no check']).toContain(status)
        // The two promises exclude each other.
        expect(isDrained(server, 0) && takesTraffic(server)).toBe(false)
      }),
      { numRuns: 2_000 }
    )
  })
})

describe('an address', () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6().map((address) => `[${address}]`)
  )

  test('is read as HAProxy wrote it', () => {
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        fc.pre(name !== '0.0.0.0' && name !== '[::]')
        expect(parseAddress(`${name}:${port}`)).toEqual({ host: name, port })
      })
    )
  })

  test('of any text names a host and a port as they stand in it, or is none', () => {
    const pieces = ['[', ']', ':', '::', '1', '0', '80', '.', '10.0.0.1', 'unix', '+', 'abns@']
    fc.assert(
      fc.property(fc.oneof(anyText, jumble(...pieces)), (text) => {
        const address = parseAddress(text)
        if (address === undefined) return
        const { host: name, port } = address
        expect(port).toBeGreaterThan(0)
        expect(['0.0.0.0', '[::]', '']).not.toContain(name)
        expect(text.startsWith(`${name}:`)).toBe(true)
        expect(Number(text.slice(name.length + 1))).toBe(port)
      }),
      { numRuns: 2_000, examples: [['0.0.0.0:80'], ['[::]:80'], [':1000'], ['unix'], ['1:0']] }
    )
  })
})

describe('the head of the page', () => {
  const pieces = [
    ...['<b>pid = </b> 9', ' (process #1', ', nbproc = 1)', '<b>uptime = </b> 9d 9h09m09s', '<br>'],
    ...['\n', '<h2>', 'pid = ', '0d ', '9 ']
  ]

  test('names its process, no matter how its description imitates one', () => {
    const anyPid = fc.integer({ min: 1, max: 4_194_304 })
    const seconds = fc.nat(1_000_000_000)
    fc.assert(
      fc.property(anyPid, seconds, jumble(...pieces), (pid, uptime, description) => {
        const uptimeMs = uptime * 1_000
        expect(parseProcess(headText(pid, uptimeMs, description))).toEqual({ pid, uptimeMs })
      }),
      { numRuns: 1_000 }
    )
  })

  test('of any text names a process of whole seconds, or none', () => {
    fc.assert(
      fc.property(fc.oneof(anyText, jumble(...pieces)), (text) => {
        const process = parseProcess(text)
        if (process === undefined) return
        expect(text).toContain(`<b>pid = </b> ${process.pid} (process #`)
        expect(process.uptimeMs % 1_000).toBe(0)
      }),
      { numRuns: 1_000 }
    )
  })
})

describe('what is printed of foreign text', () => {
  const hostile = fc.oneof(
    anyText,
    jumble(
      ...[
        '##[',
        '#',
        '[',
        ']',
        '##',
        '::',
        ':',
        '::error::',
        '::add-mask::x',
        '\n',
        '\r',
        '\u2028'
      ],
      ...['\u0085', '\u001b[31m', '\0', '\u202e', '\u2066', '\ufeff', '\u00a0', '%0A', ' ', '<b>'],
      ...['</td>', '&', '"', '&lt;', '<!--', '`', '|']
    )
  )
  // What .NET's TrimStart takes away before the runner looks for a command.
  const trimmed = /^[\p{Zs}\p{Zl}\p{Zp}\t-\r\u0085]+/u

  test('is one line that no runner, terminal or reader is misled by', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = escapeForLog(text)
        expect(shown).not.toContain('##[')
        expect(shown.replace(trimmed, '')).not.toMatch(/^::/)
        expect(shown).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u)
        expect(escapeForLog(shown)).toBe(shown)
      }),
      { numRuns: 5_000 }
    )
  })

  test('keeps the words of innocent text', () => {
    const innocent = fc.string({ unit: fc.constantFrom(...'abc XYZ/019-_.<>&|#é'.split('')) })
    fc.assert(
      fc.property(innocent, (text) => {
        expect(escapeForLog(text)).toBe(text.trim())
      })
    )
  })

  test('is text, not markup, in the summary', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const shown = escapeForHtml(text)
        expect(shown).not.toMatch(/[<>"]|##\[|[\r\n]/)
        expect(shown.replace(/&(amp|lt|gt|quot);/g, '')).not.toContain('&')
        const entities = { amp: '&', lt: '<', gt: '>', quot: '"' } as const
        const read = shown.replace(
          /&(amp|lt|gt|quot);/g,
          (_, entity: keyof typeof entities) => entities[entity]
        )
        expect(read).toBe(escapeForLog(text))
      }),
      { numRuns: 2_000 }
    )
  })
})
