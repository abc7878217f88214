import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { parseStatsCsv, startOf } from '../../src/haproxy/csv.ts'
import type { Server } from '../../src/haproxy/server.ts'
import { failureOf } from './failure.ts'
import { COLUMNS, pageText, type Row } from '../support/page-text.ts'

const SOURCE = 'the statistics page http://lb/admin'

function fixture(version: string): string {
  return readFileSync(new URL(`../fixtures/csv-${version}.csv`, import.meta.url), 'utf8')
}

function serverOf(row: Row): Server {
  const [server] = parseStatsCsv(pageText([row]), SOURCE).servers
  if (server === undefined) {
    throw new Error('There is no server in it.')
  }
  return server
}

function problemOf(text: string): readonly [string, string] {
  const { problem, message } = failureOf(() => parseStatsCsv(text, SOURCE))
  return [problem, message]
}

const VERSIONS = [
  '1.5.0',
  '1.6.0',
  '1.7.0',
  '1.8.0',
  '1.9.0',
  '2.0.0',
  '2.2.0',
  '2.4.0',
  '2.6.0',
  '2.8.0',
  '3.0.0',
  '3.2.0',
  '3.3.0',
  '3.4.0',
  '3.5-dev5'
]

describe.each(VERSIONS)('the farm as HAProxy %s shows it', (version) => {
  // 1.5.0 shows weight 0 as DRAIN; 1.8.0 alone does not say that t1 tracks another server. Agents are shown
  // from 1.7 on, but not by 2.4.0.
  const w0 = version === '1.5.0' ? 'DRAIN' : 'UP'
  const t1 = version === '1.8.0' ? ['no check', ''] : ['UP', 'be_app/srv1']
  const agents = ['1.5.0', '1.6.0', '2.4.0'].includes(version) ? [] : ['a1', 'a2']

  test('has the same servers with the same words, checks and weights', () => {
    const { servers } = parseStatsCsv(fixture(version), SOURCE)
    const seen = servers.map((server) => [
      `${server.backend}/${server.name}`,
      server.status,
      server.word,
      server.tracked ?? '',
      server.hasCheck,
      server.weight,
      server.checkFailed
    ])
    const [status, tracked] = t1
    expect(seen).toEqual([
      ['be_app/srv1', 'UP', 'UP', '', true, 1, false],
      ['be_app/srv-2.x_y:z', 'UP', 'UP', '', true, 1, false],
      ['be_app/nochk', 'no check', 'no check', '', false, 1, false],
      ['be_app/bk', 'UP', 'UP', '', true, 1, false],
      ['be_app/dwn', 'DOWN', 'DOWN', '', true, 1, true],
      ['be_app/slow', 'UP', 'UP', '', true, 10, false],
      ['be_app/w0', w0, w0, '', true, 0, false],
      ['be_app/dis', 'MAINT', 'MAINT', '', true, 1, false],
      ['BE_track-1/t1', status, status, tracked, false, 1, false],
      ['BE_track-1/tn', 'UP', 'UP', '', true, 1, false],
      ['be_404/n1', 'UP', 'UP', '', true, 1, false],
      ['be_agent/a1', 'UP', 'UP', '', true, 1, false],
      ['be_agent/a2', 'no check', 'no check', '', false, 1, false]
    ])
  })

  test('has no sessions, no queue and no slowstart anywhere', () => {
    const { servers } = parseStatsCsv(fixture(version), SOURCE)
    const seen = servers.map(({ sessions, queue, throttle }) => ({ sessions, queue, throttle }))
    expect(seen).toEqual(Array(13).fill({ sessions: 0, queue: 0, throttle: undefined }))
  })

  test('has agent checks where it shows them, and one server that was never checked', () => {
    const { servers } = parseStatsCsv(fixture(version), SOURCE)
    const having = (test: (server: Server) => boolean): string[] =>
      servers.filter(test).map(({ name }) => name)
    expect(having(({ hasAgent }) => hasAgent)).toEqual(agents)
    expect(having(({ unchecked }) => unchecked)).toEqual(['dis'])
  })

  test('has no addresses, for that takes `stats show-legends`', () => {
    const { servers } = parseStatsCsv(fixture(version), SOURCE)
    expect(servers.map(({ address }) => address)).toEqual(Array(13).fill(undefined))
  })

  test('tells since when its servers are as they are, up to 1.6 only of those with a check', () => {
    const { servers } = parseStatsCsv(fixture(version), SOURCE)
    const isOld = ['1.5.0', '1.6.0'].includes(version)
    const unknown = servers.filter(({ secondsInState }) => secondsInState === undefined)
    expect(unknown.map(({ name }) => name)).toEqual(isOld ? ['nochk', 't1', 'a2'] : [])
  })

  test('has the same proxies and one process', () => {
    const { proxies, processNumbers } = parseStatsCsv(fixture(version), SOURCE)
    expect(Object.fromEntries([...proxies].map(([name, kinds]) => [name, [...kinds]]))).toEqual({
      fe: ['frontend'],
      st: ['frontend'],
      st_noadm: ['frontend'],
      st_deny: ['frontend', 'backend'],
      st_q: ['frontend'],
      st_httpauth: ['frontend', 'backend'],
      st_legends: ['frontend'],
      st_default: ['frontend'],
      be_app: ['server', 'backend'],
      'BE_track-1': ['server', 'backend'],
      be_404: ['server', 'backend'],
      be_agent: ['server', 'backend']
    })
    expect([...processNumbers]).toEqual(['1'])
  })

  test('tells why the dead server is down', () => {
    const { servers } = parseStatsCsv(fixture(version), SOURCE)
    const reason = /^3\.[45]/.test(version) ? 'ECONNREFUSED returned by OS' : 'Connection refused'
    expect(servers.find(({ name }) => name === 'dwn')?.check).toMatch(
      new RegExp(`^L4CON: ${reason}`)
    )
  })

  test('reads the same with its columns in reverse order', () => {
    expect(parseStatsCsv(reversed(fixture(version)), SOURCE)).toEqual(
      parseStatsCsv(fixture(version), SOURCE)
    )
  })
})

/** The fixtures have no comma inside a cell. The first column must stay, or it is no HAProxy's page. */
function reversed(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [first = '', ...others] = line.split(',')
      return [first, ...others.reverse()].join(',')
    })
    .map((line) => `${line}\n`)
    .join('')
}

/** What is no number is no count. */
const COUNTERS = {
  stot: 99,
  wretr: 0,
  wredis: 0,
  econ: 4,
  eresp: 0,
  cli_abrt: 0,
  hrsp_1xx: 0,
  hrsp_3xx: 0,
  hrsp_4xx: 0,
  hrsp_5xx: 0,
  hrsp_other: 0
}

describe('a row of a server', () => {
  test('gives everything from the columns of these names', () => {
    const row: Row = {
      pxname: 'be',
      svname: 's1',
      qcur: '3',
      scur: '17',
      stot: '99',
      econ: '4',
      hrsp_2xx: '',
      srv_abrt: 'x',
      status: 'UP 2/3',
      weight: '42',
      bck: '1',
      chkfail: '5',
      lastchg: '61',
      pid: '1',
      throttle: '7',
      tracked: '',
      check_status: 'L7STS',
      check_code: '503',
      last_chk: 'Service Unavailable',
      agent_status: 'L7OK',
      addr: '10.0.0.1:8080'
    }
    expect(serverOf(row)).toEqual({
      backend: 'be',
      name: 's1',
      status: 'UP 2/3',
      word: 'UP',
      sessions: 17,
      queue: 3,
      counters: COUNTERS,
      total: 99,
      weight: 42,
      hasCheck: true,
      hasAgent: true,
      tracked: undefined,
      check: 'L7STS/503: Service Unavailable',
      checkFailed: true,
      checking: false,
      unchecked: false,
      throttle: 7,
      address: { host: '10.0.0.1', port: 8080 },
      secondsInState: 61
    })
  })

  test('gives throttle 0 as 0 and an empty one as none', () => {
    expect(serverOf({ throttle: '0' }).throttle).toBe(0)
    expect(serverOf({ throttle: '' }).throttle).toBeUndefined()
  })

  test('with a status that no HAProxy writes is kept, without a word', () => {
    expect(serverOf({ status: 'UPSIDE' })).toMatchObject({ status: 'UPSIDE', word: undefined })
  })

  test('gives an empty time since its last change as none', () => {
    expect(serverOf({ lastchg: '0' }).secondsInState).toBe(0)
    expect(serverOf({ lastchg: '' }).secondsInState).toBeUndefined()
  })

  test.each<[string, Row, boolean]>([
    ['a check that never failed', { chkfail: '0' }, true],
    ['neither a check nor a leader', { chkfail: '', tracked: '' }, false],
    ['no check but a leader', { chkfail: '', tracked: 'be/other' }, false],
    ['a leader whose check it shows', { chkfail: '2', tracked: 'be/other' }, false],
    ['a check that is paused in maint', { status: 'MAINT', check_status: '' }, true]
  ])('with %s has a check of its own: %s', (_, row, expected) => {
    expect(serverOf(row).hasCheck).toBe(expected)
  })

  test.each([
    ['', false],
    ['L7OK', true],
    ['CHECKED', true],
    ['INI', true],
    ['L4CON', true]
  ])('with the agent status "%s" has an agent check: %s', (agent_status, expected) => {
    expect(serverOf({ agent_status }).hasAgent).toBe(expected)
  })

  test.each<[string, Row, boolean]>([
    ['no verdict yet', { check_status: 'INI' }, true],
    ['an unknown verdict', { check_status: 'UNK' }, true],
    ['its first check under way', { check_status: '* INI' }, true],
    ['its first check under way, unknown', { check_status: '* UNK' }, true],
    ['nothing to show, as in maint', { check_status: '' }, true],
    ['a mark of a running check alone', { check_status: '* ' }, true],
    ['a check that passed', { check_status: 'L7OK' }, false],
    ['a check that passed and runs again', { check_status: '* L7OK' }, false],
    ['a check that failed', { check_status: 'L4CON' }, false],
    ['a word that begins like it', { check_status: 'INIT' }, false],
    ['a word that ends like it', { check_status: 'XINI' }, false],
    ['no check', { chkfail: '', check_status: '' }, false],
    ['no check and no verdict', { chkfail: '', check_status: 'INI' }, false]
  ])('with %s was not checked yet: %s', (_, row, expected) => {
    expect(serverOf(row).unchecked).toBe(expected)
  })

  test('has an address that can be compared, or none', () => {
    expect(serverOf({ addr: '[::1]:80' }).address).toEqual({ host: '[::1]', port: 80 })
    expect(serverOf({ addr: 'unix' }).address).toBeUndefined()
    expect(serverOf({ addr: '' }).address).toBeUndefined()
  })

  test('of a tracking server names its leader', () => {
    expect(serverOf({ tracked: 'be/leader' }).tracked).toBe('be/leader')
    expect(serverOf({ tracked: '' }).tracked).toBeUndefined()
  })

  test.each<[string, Row]>([
    ['', { check_status: '' }],
    ['L7OK', { check_code: '' }],
    ['L7OK/200', {}],
    ['L7OK/200: OK', { last_chk: 'OK' }],
    ['L7OK/200: Layer7 check passed', { check_desc: 'Layer7 check passed' }],
    ['L7OK/200: OK', { last_chk: 'OK', check_desc: 'Layer7 check passed' }],
    [
      'L4CON: Connection refused',
      { check_status: 'L4CON', check_code: '', last_chk: 'Connection refused' }
    ],
    ['L7STS', { check_status: '* L7STS', check_code: '0', check_desc: 'Layer7 wrong status' }],
    ['', { check_status: '', check_code: '200', last_chk: 'left over' }]
  ])('tells its check in one line as "%s"', (expected, row) => {
    expect(serverOf(row).check).toBe(expected)
  })

  test.each([
    ['', false],
    ['L7OK', false],
    ['* L7OK', true],
    ['* L4CON', true]
  ])('with the check status "%s" is being checked: %s', (check_status, expected) => {
    expect(serverOf({ check_status }).checking).toBe(expected)
  })

  // The words of check_status, manual 9.1, and what each says of the last check.
  test.each([
    ['', false],
    ['INI', false],
    ['UNK', false],
    ['CHECKED', false],
    ['L4OK', false],
    ['L6OK', false],
    ['L7OK', false],
    ['L7OKC', false],
    ['PROCOK', false],
    ['* L7OK', false],
    ['* INI', false],
    ['* ', false],
    ['HANA', true],
    ['SOCKERR', true],
    ['L4TOUT', true],
    ['L4CON', true],
    ['L6TOUT', true],
    ['L6RSP', true],
    ['L7TOUT', true],
    ['L7RSP', true],
    ['L7STS', true],
    ['PROCERR', true],
    ['PROCTOUT', true],
    ['* L4CON', true],
    ['L5OK', true],
    ['XL7OK', true],
    ['L7OKX', true]
  ])('with the check status "%s" has a failed check: %s', (check_status, expected) => {
    expect(serverOf({ check_status }).checkFailed).toBe(expected)
  })
})

describe('rows of other types', () => {
  test('are counted among proxies, and only servers are servers', () => {
    const { proxies, servers } = parseStatsCsv(
      pageText([
        { pxname: 'web', svname: 'FRONTEND', type: '0', stot: '11', qcur: '', weight: '' },
        { pxname: 'web', svname: 'sock-1', type: '3', stot: '12' },
        { pxname: 'web', svname: 'BACKEND', type: '2', stot: '13' },
        { pxname: 'web', svname: 'all', type: '1', stot: '14' },
        { pxname: 'old', svname: 'sock-1', type: '3', stot: '' }
      ]),
      SOURCE
    )
    expect(servers.map(({ name }) => name)).toEqual(['BACKEND'])
    expect(proxies).toEqual(
      new Map([
        ['web', new Set(['frontend', 'listener', 'server', 'backend'])],
        ['old', new Set(['listener'])]
      ])
    )
  })

  test('tell the process that answered', () => {
    const text = pageText([{ pid: '2' }, { svname: 'b', pid: '2' }, { svname: 'c', pid: '1' }])
    expect([...parseStatsCsv(text, SOURCE).processNumbers]).toEqual(['2', '1'])
  })

  test('of a type that does not exist are refused', () => {
    expect(problemOf(pageText([{ type: '4' }]))).toEqual([
      'malformed',
      `Could not read ${SOURCE}: the row of web/a is of the unknown type 4.`
    ])
  })
})

describe('cells in quotes', () => {
  test.each([
    ['a comma', 'Moved, gone'],
    ['a quote', 'say "no"'],
    ['a line feed, as before 3.0', 'first\nsecond'],
    ['a carriage return and a line feed', 'first\r\nsecond'],
    ['all of them', '",\n"']
  ])('may hold %s', (_, last_chk) => {
    const text = pageText([{ last_chk }, { svname: 'b', scur: '5' }])
    const { servers } = parseStatsCsv(text, SOURCE)
    expect(servers.map(({ name, check, sessions }) => [name, check, sessions])).toEqual([
      ['a', `L7OK/200: ${last_chk}`, 0],
      ['b', 'L7OK/200', 5]
    ])
  })

  test('that go on behind their end are refused', () => {
    const text = pageText([{}]).replace(',L7OK,', ',"L7"OK,')
    expect(problemOf(text)).toEqual([
      'malformed',
      `Could not read ${SOURCE}: Trailing quote on quoted field is malformed.`
    ])
  })
})

describe('columns', () => {
  test('that are unknown do not disturb, wherever they stand', () => {
    const more = [
      '(null)',
      '-',
      ...COLUMNS.slice(1, 7),
      'src_ilim',
      ...COLUMNS.slice(7),
      '-',
      'h2_x'
    ]
    const columns = ['pxname', ...more]
    expect(parseStatsCsv(pageText([{ scur: '8' }], columns), SOURCE)).toEqual(
      parseStatsCsv(pageText([{ scur: '8' }]), SOURCE)
    )
  })

  test.each([
    'svname',
    'qcur',
    'scur',
    'stot',
    'status',
    'weight',
    'chkfail',
    'pid',
    'throttle',
    'tracked',
    'type',
    'check_status',
    'check_code'
  ])('without %s are refused', (missing) => {
    const columns = COLUMNS.filter((column) => column !== missing)
    expect(problemOf(pageText([{}], columns))).toEqual([
      'malformed',
      `Could not read ${SOURCE}: the CSV has no column ${missing}.`
    ])
  })

  test.each(['last_chk', 'check_desc', 'agent_status', 'addr', 'lastchg'])(
    'without %s are read',
    (missing) => {
      const columns = COLUMNS.filter((column) => column !== missing)
      const [server] = parseStatsCsv(pageText([{ addr: '1.2.3.4:5' }], columns), SOURCE).servers
      expect(server).toMatchObject({
        name: 'a',
        check: 'L7OK/200',
        hasAgent: false,
        address: missing === 'addr' ? undefined : { host: '1.2.3.4', port: 5 },
        secondsInState: missing === 'lastchg' ? undefined : 9_999
      })
    }
  )

  test('that are missing are all named', () => {
    expect(problemOf(pageText([{}], ['pxname', 'svname', 'qcur', 'scur', 'stot']))).toEqual([
      'malformed',
      `Could not read ${SOURCE}: the CSV has no column status, weight, chkfail, pid, throttle, tracked, type, check_status, check_code.`
    ])
  })
})

describe('counts', () => {
  test.each([
    ['scur', '-1'],
    ['scur', ''],
    ['scur', 'x'],
    ['scur', '1.5'],
    ['scur', '0x1'],
    ['scur', ' 1'],
    ['scur', '1 '],
    ['qcur', ''],
    ['weight', ''],
    ['stot', ''],
    ['type', ''],
    ['type', '2a'],
    ['throttle', '7%'],
    ['lastchg', '-1'],
    ['lastchg', 'x']
  ])('in column %s cannot be "%s"', (column, cell) => {
    expect(problemOf(pageText([{ [column]: cell }]))).toEqual([
      'malformed',
      `Could not read ${SOURCE}: the row of web/a has "${cell}" in its column ${column}.`
    ])
  })

  test('may have many digits', () => {
    expect(serverOf({ scur: '4294967295' }).sessions).toBe(4_294_967_295)
  })
})

describe('an answer that is not the page', () => {
  const instead = (what: string, text: string): readonly string[] => [
    'not-csv',
    `Could not read ${SOURCE}: the answer is ${what} instead of CSV${startOf(text, undefined)}.`
  ]

  test.each([
    ['empty', ''],
    ['empty', ' \r\n\t'],
    ['a JSON document', '{"stats": []}'],
    ['a JSON document', ' [{"objType":"Server"}]'],
    ['an HTML page', '<!DOCTYPE html><title>HAProxy</title>'],
    ['an HTML page', '\n <html><body># pxname,</body></html>'],
    ['an HTML page', `${' '.repeat(2_000)}<html>`],
    ['an HTML page', '<HEAD><TITLE>x</TITLE></HEAD>'],
    ['an HTML page', '<body>x'],
    ['an HTML page', '<?xml version="1.0"?><html>'],
    ['an HTML page', '<!-- x --><html>'],
    ['a login page (HTML)', '<html><form><input type="password" name="p"></form></html>'],
    ['a login page (HTML)', "<html><input TYPE='PASSWORD'>"],
    ['a login page (HTML)', '<html><input type=password>'],
    ['a login page (HTML)', `<html>${' '.repeat(65_517)}type=password`],
    ['an HTML page', `<html>${' '.repeat(65_518)}type=password`],
    ['something else', 'type=password'],
    ['something else', 'stats = [{"objType":"Server"}]'],
    ['something else', '<div>x</div>'],
    ['something else', 'x <html>'],
    ['something else', '# pxname'],
    ['something else', '#pxname,svname\n'],
    ['something else', '\0# pxname,svname\n'],
    ['something else', '\uFEFF# pxname,svname\n'],
    ['something else', 'pxname,svname\n']
  ])('is recognised as %s', (what, text) => {
    expect(problemOf(text)).toEqual(instead(what, text))
  })

  test('is told by its type and its first words', () => {
    const { message } = failureOf(() => parseStatsCsv('<html>Shop', SOURCE, 'text/html'))
    expect(message).toBe(
      `Could not read ${SOURCE}: the answer is an HTML page instead of CSV (text/html; it begins with "Shop").`
    )
  })
})

describe('a page that broke off', () => {
  const whole = pageText([{}, { svname: 'b' }])

  test.each([
    ['without the last line feed', whole.slice(0, -1)],
    ['in the middle of a row', whole.slice(0, -20)],
    ['in the middle of the header', whole.slice(0, 30)]
  ])('%s is truncated', (_, text) => {
    expect(problemOf(text)).toEqual([
      'truncated',
      `Could not read ${SOURCE}: the CSV ends in the middle of a row.`
    ])
  })

  test('and may be whole the next time, which a malformed one is not', () => {
    expect(failureOf(() => parseStatsCsv(whole.slice(0, -1), SOURCE)).transient).toBe(true)
    expect(failureOf(() => parseStatsCsv(pageText([{ scur: 'x' }]), SOURCE)).transient).toBe(false)
  })

  test('behind the line feed of a quoted cell is truncated too', () => {
    const text = pageText([{ last_chk: 'first\nsecond' }])
    expect(problemOf(text.slice(0, text.indexOf('second')))[0]).toBe('truncated')
  })

  test('with a row that is short of a cell is malformed', () => {
    const [header = '', row = ''] = pageText([{}]).split('\n')
    expect(problemOf(`${header}\n${row.slice(0, -1)}\n`)).toEqual([
      'malformed',
      `Could not read ${SOURCE}: the row of web/a has 32 cells where the header has 33.`
    ])
  })

  test('with a row that has one cell too many is malformed', () => {
    const [header = '', row = ''] = pageText([{}]).split('\n')
    expect(problemOf(`${header}\n${row},\n`)).toEqual([
      'malformed',
      `Could not read ${SOURCE}: the row of web/a has 34 cells where the header has 33.`
    ])
  })

  test('with the shifted row of 1.6.0 (DRAIN (agent) without its comma) is malformed', () => {
    const text = pageText([{ status: 'DRAIN (agent)' }]).replace('DRAIN (agent),', 'DRAIN (agent)')
    expect(problemOf(text)[0]).toBe('malformed')
  })
})

describe('a page with little on it', () => {
  test('that is only a header has nothing', () => {
    expect(parseStatsCsv(pageText([]), SOURCE)).toEqual({
      proxies: new Map(),
      servers: [],
      processNumbers: new Set()
    })
  })

  test('may end with empty lines', () => {
    expect(parseStatsCsv(`${pageText([{}])}\n\n`, SOURCE).servers).toHaveLength(1)
  })

  test('with NUL bytes in a name keeps them apart from other names', () => {
    const { servers } = parseStatsCsv(pageText([{ svname: 'a\0' }, {}]), SOURCE)
    expect(servers.map(({ name }) => name)).toEqual(['a\0', 'a'])
  })

  test('with NUL bytes in a number is malformed', () => {
    expect(problemOf(pageText([{ scur: '0\0' }]))[0]).toBe('malformed')
  })
})

describe('the start of an answer that is no statistics page', () => {
  test.each([
    ['', undefined, ''],
    ['', 'text/html', ' (text/html)'],
    ['{"ok": true}', 'application/json', ' (application/json; it begins with "{"ok": true}")'],
    ['Not\n found \t here\n', undefined, ' (it begins with "Not found here")'],
    ['\0a\0b', 'text/csv', ' (text/csv)'],
    ['a \ufffd b', 'text/csv', ' (text/csv)'],
    [
      '<!doctype html><head><style>p { }</style><title>Shop</title><script>1 < 2</script><p>Hello',
      'text/html',
      ' (text/html; it begins with "Shop Hello")'
    ],
    ['<p>Hello <script>never ends', undefined, ' (it begins with "Hello")'],
    ['Hello <p never ends', undefined, ' (it begins with "Hello")'],
    ['One<script>x</script>two<br>three', undefined, ' (it begins with "One two three")']
  ])('%j of the type %s is%s', (text, mediaType, expected) => {
    expect(startOf(text, mediaType)).toBe(expected)
  })

  test('is at most 60 characters of whole words', () => {
    expect(startOf('word '.repeat(13), undefined)).toBe(
      ` (it begins with "${'word '.repeat(12)}…")`
    )
    const text = `${'a'.repeat(30)} ${'b'.repeat(29)}`
    expect(startOf(text, undefined)).toBe(` (it begins with "${text}")`)
    expect(startOf(`${text}b`, undefined)).toBe(` (it begins with "${'a'.repeat(30)} …")`)
  })

  test('never has a part of a word, which might be a part of a secret', () => {
    expect(startOf('c'.repeat(40), undefined)).toBe(` (it begins with "${'c'.repeat(40)}")`)
    expect(startOf(`Hello${' '.repeat(4_085)}secret`, undefined)).toBe(
      ' (it begins with "Hello secret")'
    )
    expect(startOf('c'.repeat(41), undefined)).toBe(' (it begins with "…")')
    expect(startOf(`Hello ${'c'.repeat(41)} you`, undefined)).toBe(' (it begins with "Hello …")')
    expect(startOf(`Hello${' '.repeat(4_090)}secret`, undefined)).toBe(
      ' (it begins with "Hello …")'
    )
  })
})
