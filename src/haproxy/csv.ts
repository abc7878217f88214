import Papa from 'papaparse'
import { HaproxyError } from './errors.ts'
import { Row, type RowKind, serverOf } from './row.ts'
import type { Server } from './server.ts'

/** One look at a statistics page. */
export interface Snapshot {
  /** Every proxy on the page with the kinds of row that it has. */
  readonly proxies: ReadonlyMap<string, ReadonlySet<RowKind>>
  readonly servers: readonly Server[]
  /** The number of the process that answered (1 … nbproc), not the system's process id. */
  readonly processNumbers: ReadonlySet<string>
}

const HEADER = '# pxname,'
// Present in every version from 1.5 on (docs/haproxy-facts.md, "CSV"). Any other column reads as empty where it
// is missing.
const NEEDED = [
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
]

/**
 * Reads the page's CSV. Columns are found by name, since HAProxy appends new ones with every version.
 *
 * @param source where the text came from, for messages
 * @param mediaType what it was said to be, for messages
 * @throws HaproxyError `not-csv`, `truncated`, `malformed`
 */
export function parseStatsCsv(text: string, source: string, mediaType?: string): Snapshot {
  const attempt = `Could not read ${source}`
  if (!text.startsWith(HEADER)) {
    const start = startOf(text, mediaType)
    throw new HaproxyError(
      'not-csv',
      `${attempt}: the answer is ${recognise(text)} instead of CSV${start}.`
    )
  }
  if (!text.endsWith('\n')) {
    throw new HaproxyError('truncated', `${attempt}: the CSV ends in the middle of a row.`)
  }
  const { data, errors } = Papa.parse<string[]>(text.slice('# '.length), {
    delimiter: ',',
    newline: '\n',
    skipEmptyLines: true
  })
  const [error] = errors
  if (error !== undefined) {
    const problem = error.code === 'MissingQuotes' ? 'truncated' : 'malformed'
    throw new HaproxyError(problem, `${attempt}: ${error.message}.`)
  }
  const header = data[0] ?? []
  const missing = NEEDED.filter((column) => !header.includes(column))
  if (missing.length > 0) {
    throw new HaproxyError('malformed', `${attempt}: the CSV has no column ${missing.join(', ')}.`)
  }
  const columns = new Map(header.map((column, index) => [column, index]))
  const table = { columns, width: header.length, attempt }
  const proxies = new Map<string, Set<RowKind>>()
  const servers: Server[] = []
  const processNumbers = new Set<string>()
  for (const cells of data.slice(1)) {
    const row = new Row(cells, table)
    const [proxy, kind] = [row.cell('pxname'), row.kind]
    processNumbers.add(row.cell('pid'))
    proxies.set(proxy, (proxies.get(proxy) ?? new Set()).add(kind))
    if (kind === 'server') {
      servers.push(serverOf(row))
    }
  }
  return { proxies, servers, processNumbers }
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

/** How much of an answer is searched for its first words, in characters. */
const MAX_SEARCHED = 4_096
/** How long they may be together, and how long each of them, in characters. */
const MAX_TOGETHER = 60
const MAX_WORD = 40

/** The media type of an answer that is not CSV, and its first words, without tags; empty where there is neither. */
export function startOf(text: string, mediaType: string | undefined): string {
  const words = firstWords(text)
  const parts = [mediaType ?? '', words && `it begins with "${words}"`].filter(
    (part) => part !== ''
  )
  return parts.length > 0 ? ` (${parts.join('; ')})` : ''
}

/** Whole words only: half of a secret that an answer repeats would not be masked. */
function firstWords(text: string): string {
  const beginning = text.slice(0, MAX_SEARCHED)
  if (/[\0\ufffd]/.test(beginning)) {
    // Binary, or in an encoding that cannot be shown.
    return ''
  }
  const words = beginning
    .replace(/<(script|style)\b.*?(?:<\/\1>|$)/gis, ' ')
    .replace(/<[^>]*(?:>|$)/g, ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
  if (text.length > MAX_SEARCHED) {
    // It may have been cut.
    words.pop()
  }
  let start = ''
  for (const word of words) {
    const longer = `${start} ${word}`.trimStart()
    if (longer.length > MAX_TOGETHER || word.length > MAX_WORD) {
      return `${start} …`.trimStart()
    }
    start = longer
  }
  return text.length > MAX_SEARCHED ? `${start} …` : start
}
