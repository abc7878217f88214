import { ACTIONS, type HostileAction } from './fault-cases.ts'
import { type CaseResult } from './fault-run.ts'

/** One table over all cases: for each fault and action how many ended green and red, and the slowest. */
export function tableOf(results: readonly CaseResult[]): string {
  const byFault = Map.groupBy(results, ({ case: { fault } }) => fault.name)
  const header = ['fault', 'cases', ...ACTIONS, 'slowest of deadline']
  const rows = [...byFault].map(([name, mine]) => [
    name,
    String(mine.length),
    ...ACTIONS.map((action) => endsOf(mine, action)),
    slowestOf(mine)
  ])
  const count = (end: CaseResult['end']): number => results.filter((one) => one.end === end).length
  const total = [
    `${results.length} cases: ${count('green')} green, ${count('red')} red`,
    `hangs ${count('hung')}`,
    `false greens ${results.filter(({ falseGreen }) => falseGreen).length}`,
    `not as promised ${results.filter(({ complaints }) => complaints.length > 0).length}`,
    `slowest ${slowestOf(results)}`
  ]
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0))
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [
    '',
    'Faults × actions (g green, r red)',
    line(header),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map(line),
    total.join(', '),
    ''
  ].join('\n')
}

function endsOf(results: readonly CaseResult[], action: HostileAction): string {
  const mine = results.filter((one) => one.case.action === action)
  if (mine.length === 0) return '-'
  const count = (end: CaseResult['end']): number => mine.filter((one) => one.end === end).length
  const ends = [
    [count('green'), 'g'],
    [count('red'), 'r'],
    [count('hung'), ' HUNG']
  ] as const
  const bad = mine.some(({ complaints }) => complaints.length > 0) ? '!' : ''
  return ends.map(([amount, word]) => (amount > 0 ? `${amount}${word}` : '')).join(' ') + bad
}

/** The case that came nearest to its deadline. */
function slowestOf(results: readonly CaseResult[]): string {
  const share = ({ durationMs, deadlineMs }: CaseResult): number => durationMs / deadlineMs
  const slowest = results
    .filter(({ durationMs }) => !Number.isNaN(durationMs))
    .toSorted((a, b) => share(b) - share(a))[0]
  if (slowest === undefined) return '-'
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1)
  return `${seconds(slowest.durationMs)} of ${seconds(slowest.deadlineMs)} s`
}
