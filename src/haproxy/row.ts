import { readCounters } from './counters.ts'
import { HaproxyError } from './errors.ts'
import { parseAddress, type Server, statusWord } from './server.ts'

// Column `type`: 0 frontend, 1 backend, 2 server, 3 listener.
const KINDS = ['frontend', 'backend', 'server', 'listener'] as const
/** What a row of the page is about. */
export type RowKind = (typeof KINDS)[number]

/** What the rows of one page have in common. */
interface Table {
  /** The places of its columns, by their names. */
  readonly columns: ReadonlyMap<string, number>
  /** How many cells a row has. */
  readonly width: number
  /** What is being attempted, to begin an error message with. */
  readonly attempt: string
}

/** One row of the page, by the names of its columns. */
export class Row {
  readonly #cells: readonly string[]
  readonly #table: Table

  /** @throws HaproxyError `malformed` where it is not as wide as the table */
  constructor(cells: readonly string[], table: Table) {
    this.#cells = cells
    this.#table = table
    if (cells.length !== table.width) {
      throw this.#malformed(`has ${cells.length} cells where the header has ${table.width}`)
    }
  }

  get kind(): RowKind {
    const kind = KINDS[this.count('type')]
    if (kind === undefined) {
      throw this.#malformed(`is of the unknown type ${this.cell('type')}`)
    }
    return kind
  }

  /** What a column says; empty where the page does not have it. */
  readonly cell = (column: string): string =>
    this.#cells[this.#table.columns.get(column) ?? -1] ?? ''

  /** @throws HaproxyError `malformed` where a column holds no number */
  count(column: string): number {
    if (!/^\d+$/.test(this.cell(column))) {
      throw this.#malformed(`has "${this.cell(column)}" in its column ${column}`)
    }
    return Number(this.cell(column))
  }

  #malformed(what: string): HaproxyError {
    const label = `${this.cell('pxname')}/${this.cell('svname')}`
    return new HaproxyError('malformed', `${this.#table.attempt}: the row of ${label} ${what}.`)
  }
}

/** The server that a row is about. */
export function serverOf(row: Row): Server {
  const { cell } = row
  return {
    backend: cell('pxname'),
    name: cell('svname'),
    status: cell('status'),
    word: statusWord(cell('status')),
    sessions: row.count('scur'),
    queue: row.count('qcur'),
    weight: row.count('weight'),
    total: row.count('stot'),
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
    throttle: cell('throttle') === '' ? undefined : row.count('throttle'),
    address: parseAddress(cell('addr')),
    secondsInState: cell('lastchg') === '' ? undefined : row.count('lastchg')
  }
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
