import Papa from 'papaparse'
import { readCounters } from './counters.ts'
import { HaproxyError } from './errors.ts'
import { parseAddress, type Server, statusWord } from './server.ts'

/** What a row of the page is about. Column `type`: 0 frontend, 1 backend, 2 server, 3 listener. */
type RowKind = 'frontend' | 'backend' | 'server' | 'listener'

/** One look at a statistics page. */
export interface Snapshot {
  /** Every proxy on the page with the kinds of row that it has. */
  readonly proxies: ReadonlyMap<string, ReadonlySet<RowKind>>
  readonly servers: readonly Server[]
  /** The number of the process that answered (1 … nbproc), not the system's process id. */
  readonly processNumbers: ReadonlySet<string>
}

const HEADER = '# pxname,'
const KINDS = ['frontend', 'backend', 'server', 'listener'] as const
// Present in every version from 1.5 on (docs/haproxy-facts.md, "CSV"). All others are read as empty where they
// are missing.
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
 * @param mediaType what it was said to be, for messages
 * @throws HaproxyError `not-csv`, `truncated`, `malformed`
 */
export function parseStatsCsv(text: string, source: string, mediaType?: string): Snapshot {
  const doing = `Could not read ${source}`
  if (!text.startsWith(HEADER)) {
    const start = startOf(text, mediaType)
    throw new HaproxyError(
      'not-csv',
      `${doing}: the answer is ${recognise(text)} instead of CSV${start}.`
    )
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
  const processNumbers = new Set<string>()
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
    processNumbers.add(cell('pid'))
    proxies.set(cell('pxname'), (proxies.get(cell('pxname')) ?? new Set()).add(kind))
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
        total: count('stot'),
        counters: readCounters(cell),
        // In maint the check's own columns are empty, but `chkfail` is filled for every server whose
        // check is switched on (docs/haproxy-facts.md, "Health checks").
        hasCheck: cell('chkfail') !== '' && cell('tracked') === '',
        hasAgent: cell('agent_status') !== '',
        tracked: cell('tracked') || undefined,
        check: checkResult(cell),
        checking: cell('check_status').startsWith(RUNNING),
        // INI, UNK, SOCKERR, PROCOK, L4OK, L6OK, L7OK, L7OKC, L4TOUT … (manual, "check_status").
        checkFailed: !/^(\* )?(|INI|UNK|CHECKED|PROCOK|L[46]OK|L7OKC?)$/.test(cell('check_status')),
        unchecked: cell('chkfail') !== '' && /^(\* )?(|INI|UNK)$/.test(cell('check_status')),
        throttle: cell('throttle') === '' ? undefined : count('throttle'),
        address: parseAddress(cell('addr')),
        secondsInState: cell('lastchg') === '' ? undefined : count('lastchg')
      })
    }
  }
  return { proxies, servers, processNumbers }
}

/** Stands before the status of a check while the next one runs, from 1.9 on (docs/haproxy-facts.md, "Health checks"). */
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

/** So much of an answer is looked at for its first words, and so long may they be together, and each of them. */
const [BEGINNING, TOGETHER, EACH] = [4_096, 60, 40] as const

/** The media type of such an answer and its first words, without tags; empty where there is neither. */
export function startOf(text: string, mediaType: string | undefined): string {
  const words = firstWords(text)
  const parts = [mediaType ?? '', words && `it begins with "${words}"`].filter(
    (part) => part !== ''
  )
  return parts.length > 0 ? ` (${parts.join('; ')})` : ''
}

/** Whole words only: half of a secret that an answer repeats would not be masked. */
function firstWords(text: string): string {
  const beginning = text.slice(0, BEGINNING)
  if (/[\0\ufffd]/.test(beginning)) {
    // No text, or in an encoding that nobody could read.
    return ''
  }
  const words = beginning
    .replace(/<(script|style)\b.*?(?:<\/\1>|$)/gis, ' ')
    .replace(/<[^>]*(?:>|$)/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
  if (text.length > BEGINNING) {
    // It may have been cut.
    words.pop()
  }
  let start = ''
  for (const word of words) {
    const longer = `${start} ${word}`.trimStart()
    if (longer.length > TOGETHER || word.length > EACH) {
      return `${start} …`.trimStart()
    }
    start = longer
  }
  return text.length > BEGINNING ? `${start} …` : start
}
