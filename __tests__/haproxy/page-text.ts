/** Columns in the order of HAProxy 2.6, as far as they are read. */
export const COLUMNS = [
  'pxname',
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
  'check_code',
  'last_chk',
  'check_desc',
  'check_rise',
  'check_fall',
  'check_health'
] as const

/** A row by column; what is not given is as on a server that is up, checked and idle. */
export type Row = Readonly<Partial<Record<(typeof COLUMNS)[number], string>>>

const IDLE: Row = {
  pxname: 'web',
  svname: 'a',
  qcur: '0',
  scur: '0',
  stot: '0',
  status: 'UP',
  weight: '1',
  bck: '0',
  chkfail: '0',
  pid: '1',
  type: '2',
  check_status: 'L7OK',
  check_code: '200',
  check_rise: '2',
  check_fall: '3',
  check_health: '4'
}

/** The page as HAProxy writes it: header and rows end with a comma. */
export function pageText(rows: readonly Row[], columns: readonly string[] = COLUMNS): string {
  const lines = rows.map((row) => {
    const cells: Readonly<Record<string, string>> = { ...IDLE, ...row }
    return [...columns.map((column) => quoted(cells[column] ?? '')), ''].join(',')
  })
  return [`# ${columns.join(',')},`, ...lines, ''].join('\n')
}

function quoted(cell: string): string {
  return /[,"\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell
}
