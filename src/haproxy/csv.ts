import Papa from 'papaparse'
import { HaproxyError } from './errors.ts'
import { isPartial, type Server, statusWord } from './server.ts'

/** What a row of the page is about. Column `type`: 0 frontend, 1 backend, 2 server, 3 listener. */
export type RowKind = 'frontend' | 'backend' | 'server' | 'listener'

/** One look at a statistics page. */
export interface Snapshot {
  /** Every proxy on the page with the kinds of row that it has. */
  readonly proxies: ReadonlyMap<string, ReadonlySet<RowKind>>
  readonly servers: readonly Server[]
  /**
   * How many sessions each row has seen since HAProxy started, by `proxy/row`; a number that fell
   * tells of a reload or a restart.
   */
  readonly totals: ReadonlyMap<string, number>
  /** The HAProxy process that answered (1 … nbproc), not the system's process id. */
  readonly processes: ReadonlySet<string>
}

const HEADER = '# pxname,'
const KINDS = ['frontend', 'backend', 'server', 'listener'] as const
// Present in every version from 1.5 on (measured). All others are read as empty where they are missing.
const NEEDED = [
  'svname',
  'qcur',
  'scur',
  'stot',
  'status',
  'weight',
  'bck',
  'chkfail',
  'pid',
  'throttle',
  'tracked',
  'type',
  'check_status',
  'check_code'
]

/**
 * Reads the page's CSV. Columns are found by name, since HAProxy appends new ones with every version.
 *
 * @param source where the text came from, for messages
 * @throws HaproxyError `not-csv`, `truncated`, `malformed`
 */
export function parseStatsCsv(text: string, source: string): Snapshot {
  const doing = `Could not read ${source}`
  if (!text.startsWith(HEADER)) {
    throw new HaproxyError('not-csv', `${doing}: the answer is ${recognise(text)} instead of CSV.`)
  }
  if (!text.endsWith('\n')) {
    throw new HaproxyError('truncated', `${doing}: the CSV ends in the middle of a row.`)
  }
  const { data, errors } = Papa.parse<string[]>(text.slice('# '.length), {
    delimiter: ',',
    newline: '\n',
    skipEmptyLines: true
  })
  const [error] = errors
  if (error !== undefined) {
    const problem = error.code === 'MissingQuotes' ? 'truncated' : 'malformed'
    throw new HaproxyError(problem, `${doing}: ${error.message}.`)
  }
  const header = data[0] ?? []
  const missing = NEEDED.filter((column) => !header.includes(column))
  if (missing.length > 0) {
    throw new HaproxyError('malformed', `${doing}: the CSV has no column ${missing.join(', ')}.`)
  }
  const columns = new Map(header.map((column, index) => [column, index]))
  const proxies = new Map<string, Set<RowKind>>()
  const servers: Server[] = []
  const totals = new Map<string, number>()
  const processes = new Set<string>()
  for (const cells of data.slice(1)) {
    const cell = (column: string): string => cells[columns.get(column) ?? -1] ?? ''
    const label = `${cell('pxname')}/${cell('svname')}`
    const malformed = (what: string): HaproxyError =>
      new HaproxyError('malformed', `${doing}: the row of ${label} ${what}.`)
    const count = (column: string): number => {
      if (!/^\d+$/.test(cell(column))) {
        throw malformed(`has "${cell(column)}" in its column ${column}`)
      }
      return Number(cell(column))
    }
    if (cells.length !== header.length) {
      throw malformed(`has ${cells.length} cells where the header has ${header.length}`)
    }
    const kind = KINDS[count('type')]
    if (kind === undefined) {
      throw malformed(`is of the unknown type ${cell('type')}`)
    }
    processes.add(cell('pid'))
    proxies.set(cell('pxname'), (proxies.get(cell('pxname')) ?? new Set()).add(kind))
    if (kind === 'listener') {
      continue
    }
    totals.set(label, count('stot'))
    if (kind === 'server') {
      servers.push({
        backend: cell('pxname'),
        name: cell('svname'),
        status: cell('status'),
        word: statusWord(cell('status')),
        sessions: count('scur'),
        queue: count('qcur'),
        weight: count('weight'),
        backup: cell('bck') === '1',
        // In maint the check's own columns are empty, but `chkfail` is filled for every server whose
        // check is enabled (measured, 1.5 to 3.5).
        hasHealth: cell('chkfail') !== '' || cell('tracked') !== '',
        fullHealth: hasFullHealth(cell),
        tracked: cell('tracked') || undefined,
        check: checkResult(cell),
        checking: cell('check_status').startsWith(RUNNING),
        // INI, UNK, SOCKERR, PROCOK, L4OK, L6OK, L7OK, L7OKC, L4TOUT … (manual, "check_status").
        checkFailed: !/^(\* )?(|INI|UNK|CHECKED|PROCOK|L[46]OK|L7OKC?)$/.test(cell('check_status')),
        throttle: cell('throttle') === '' ? undefined : count('throttle')
      })
    }
  }
  return { proxies, servers, totals, processes }
}

/** Health is full at rise + fall - 1. Those columns exist from 1.7; before, and for a tracking server, the status alone tells. */
function hasFullHealth(cell: (column: string) => string): boolean {
  if (isPartial(cell('status'))) {
    return false
  }
  const [rise, fall, health] = ['check_rise', 'check_fall', 'check_health'].map(cell)
  return !rise || !fall || !health || Number(health) >= Number(rise) + Number(fall) - 1
}

/** Stands before the status of a check while the next one runs, from 1.9 on (measured). */
const RUNNING = '* '

function checkResult(cell: (column: string) => string): string {
  const running = cell('check_status').startsWith(RUNNING)
  const status = cell('check_status').replace(RUNNING, '')
  if (status === '') {
    return ''
  }
  // While a check runs, these two describe nothing.
  const code = running ? '' : cell('check_code')
  const reason = cell('last_chk') || (running ? '' : cell('check_desc'))
  return `${status}${code && `/${code}`}${reason && `: ${reason}`}`
}

function recognise(text: string): string {
  const start = text.trimStart().slice(0, 1024).toLowerCase()
  if (start === '') {
    return 'empty'
  }
  if (/^[{[]/.test(start)) {
    return 'a JSON document'
  }
  if (/^<(?:!doctype|html|head|body|\?xml|!--)/.test(start)) {
    const page = text.slice(0, 65_536)
    return /type=["']?password/i.test(page) ? 'a login page (HTML)' : 'an HTML page'
  }
  return 'something else'
}
