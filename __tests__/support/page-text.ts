/** Columns in the order of HAProxy 2.6, as far as they are read, and that of a backup server. */
export const COLUMNS = [
  'pxname',
  'svname',
  'qcur',
  'scur',
  'stot',
  'econ',
  'eresp',
  'wretr',
  'wredis',
  'status',
  'weight',
  'bck',
  'chkfail',
  'lastchg',
  'pid',
  'throttle',
  'tracked',
  'type',
  'check_status',
  'check_code',
  'hrsp_1xx',
  'hrsp_2xx',
  'hrsp_3xx',
  'hrsp_4xx',
  'hrsp_5xx',
  'hrsp_other',
  'cli_abrt',
  'srv_abrt',
  'last_chk',
  'agent_status',
  'check_desc',
  'addr'
] as const

/** A row by column; what is not given is as on a server in HTTP mode that is up, checked and idle. */
export type Row = Readonly<Partial<Record<(typeof COLUMNS)[number], string>>>

const IDLE: Row = {
  pxname: 'web',
  svname: 'a',
  qcur: '0',
  scur: '0',
  stot: '0',
  econ: '0',
  eresp: '0',
  wretr: '0',
  wredis: '0',
  status: 'UP',
  weight: '1',
  bck: '0',
  chkfail: '0',
  lastchg: '9999',
  pid: '1',
  type: '2',
  check_status: 'L7OK',
  check_code: '200',
  hrsp_1xx: '0',
  hrsp_2xx: '0',
  hrsp_3xx: '0',
  hrsp_4xx: '0',
  hrsp_5xx: '0',
  hrsp_other: '0',
  cli_abrt: '0',
  srv_abrt: '0'
}

/**
 * The answer of a real HAProxy, with its process nine days older; any other answer as it is.
 *
 * @param pid the only process to make older; any by default
 */
export function daysOlder(answer: Buffer, pid?: number): Buffer {
  const which = pid === undefined ? String.raw`\d+` : String(pid)
  const uptime = new RegExp(String.raw`(?<=<b>pid = </b> ${which} .*?<b>uptime = </b> )0d`, 's')
  // Of the same length, because the answer is chunked.
  return Buffer.from(answer.toString('latin1').replace(uptime, '9d'), 'latin1')
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

/** The head of the HTML page, with what shows the process; the description may hold anything. */
export function headText(pid: number, uptimeMs: number, description = ''): string {
  const total = Math.floor(uptimeMs / 1_000)
  const [days, hours] = [Math.floor(total / 86_400), Math.floor((total % 86_400) / 3_600)]
  const [minutes, seconds] = [Math.floor((total % 3_600) / 60), total % 60]
  const two = (amount: number): string => String(amount).padStart(2, '0')
  return [
    `<h2>Statistics Report for pid ${pid}${description}</h2>`,
    `<p><b>pid = </b> ${pid} (process #1, nbproc = 1, nbthread = 2)<br>`,
    `<b>uptime = </b> ${days}d ${hours}h${two(minutes)}m${two(seconds)}s<br>`
  ].join('\n')
}
