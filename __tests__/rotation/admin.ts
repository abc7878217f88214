import type { Row } from '../haproxy/page-text.ts'

const UNCHECKED: Row = {
  check_status: '',
  check_code: '',
  last_chk: '',
  check_rise: '',
  check_fall: '',
  check_health: ''
}

/** A server in maint: its checks pause, and their columns are empty. */
export const MAINT: Row = { status: 'MAINT', ...UNCHECKED }
/** A server without a health check. */
export const NO_CHECK: Row = { status: 'no check', chkfail: '', ...UNCHECKED }
/** A server that answers its checks no more. */
export const DOWN: Row = {
  status: 'DOWN',
  check_status: 'L4CON',
  check_code: '',
  last_chk: 'Connection refused',
  check_health: '0'
}
/** Health as it counts from where a server leaves maint: one check to go to full, two to down. */
const FRESH: Row = { check_status: 'INI', check_rise: '2', check_fall: '3', check_health: '2' }

/** What the page shows after a change, as HAProxy 1.6 to 3.5 do (measured). */
export function rowsAfter(
  rows: readonly Row[],
  action: string,
  backend: string,
  names: readonly string[]
): Row[] {
  const changed = rows.map((row) => {
    const isMeant = (row.pxname ?? 'web') === backend && names.includes(row.svname ?? 'a')
    return isMeant && (row.type ?? '2') === '2' ? rowAfter(row, action) : row
  })
  return changed.map((row) => following(row, changed))
}

function rowAfter(row: Row, action: string): Row {
  const { status = 'UP' } = row
  // What a server has from another one, or from DNS, no change of its own can end.
  if (status.startsWith('MAINT (')) {
    return row
  }
  const idle = row.chkfail === '' ? 'no check' : 'UP'
  switch (action) {
    case 'maint':
      return { ...row, ...MAINT }
    case 'drain':
      return status === 'MAINT'
        ? { ...row, ...outOfMaint(row, 'DRAIN', 'DRAIN') }
        : { ...row, status: status.replace(/^(UP|no check)/, 'DRAIN') }
    case 'ready':
      return status === 'MAINT'
        ? { ...row, ...outOfMaint(row, 'UP', idle) }
        : { ...row, status: status.replace(/^DRAIN( \(agent\))?/, idle) }
    case 'shutdown':
      return { ...row, scur: '0' }
    default:
      return row
  }
}

/** A check of its own begins anew with maint's end; of one that there is not, or is another server's, nothing is seen. */
function outOfMaint({ chkfail, tracked }: Row, word: string, unchecked: string): Row {
  return chkfail === '' || tracked !== undefined
    ? { status: unchecked, ...UNCHECKED }
    : { status: `${word} 1/3`, ...FRESH }
}

/** A server that tracks another shows that one's state; a state of its own beside it is left out here. */
function following(row: Row, rows: readonly Row[]): Row {
  const leader = rows.find(({ pxname = 'web', svname }) => `${pxname}/${svname}` === row.tracked)
  if (leader === undefined) {
    return row
  }
  const { status = 'UP' } = leader
  return { ...row, status: status === 'MAINT' ? `MAINT (via ${row.tracked})` : status }
}
