/** The columns that count what users met on a server, since its process started or since they were cleared. */
const COLUMNS = [
  'stot',
  'wretr',
  'wredis',
  'econ',
  'eresp',
  'srv_abrt',
  'cli_abrt',
  'hrsp_1xx',
  'hrsp_2xx',
  'hrsp_3xx',
  'hrsp_4xx',
  'hrsp_5xx',
  'hrsp_other'
] as const

/** The name of such a column. */
export type Counter = (typeof COLUMNS)[number]

/** What a server has counted; without the columns that the page does not fill, as those of answers in TCP mode. */
export type Counters = Readonly<Partial<Record<Counter, number>>>

/** Reads the columns that are filled; what is no number is no count. */
export function readCounters(cell: (column: string) => string): Counters {
  const filled = COLUMNS.filter((column) => /^\d+$/.test(cell(column)))
  return Object.fromEntries(filled.map((column) => [column, Number(cell(column))]))
}

/** Adds up what several servers have counted, or one at several times. */
export function addCounters(one: Counters, other: Counters): Counters {
  return combine(one, other, (a, b) => a + b)
}

/** What was counted between two looks at one server. */
export function countedSince(before: Counters, now: Counters): Counters {
  return combine(now, before, (a, b) => a - b)
}

/** Whether counts have fallen from one look to the next: they were cleared, or another process answers. */
export function haveFallen(before: Counters, now: Counters): boolean {
  return Object.values(countedSince(before, now)).some((growth) => growth < 0)
}

function combine(one: Counters, other: Counters, how: (a: number, b: number) => number): Counters {
  const filled = COLUMNS.filter((name) => one[name] !== undefined || other[name] !== undefined)
  return Object.fromEntries(filled.map((name) => [name, how(one[name] ?? 0, other[name] ?? 0)]))
}
