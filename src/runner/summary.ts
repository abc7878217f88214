import * as core from '@actions/core'
import { escapeForHtml } from './escape.ts'
import { log } from './log.ts'
import { formatDuration } from '../rotation/duration.ts'
import type { Target } from '../rotation/pool.ts'

/** How many sessions and queued requests were left at one moment of a wait. */
export interface Sample {
  readonly elapsedMs: number
  readonly sessions: number
}

/** What the job summary tells of a run. */
export interface Summary {
  readonly title: string
  /** The last sentence of the log. */
  readonly sentence: string
  readonly targets: readonly Target[]
  readonly waitedMs: number
  readonly samples: readonly Sample[]
}

/** Writes the job summary. A report must not fail the deed, so what goes wrong is only told. */
export async function writeSummary(summary: Summary): Promise<void> {
  // Without this file (another runner, an old server) the toolkit throws.
  if (summary.targets.length === 0 || !process.env['GITHUB_STEP_SUMMARY']) {
    return
  }
  try {
    await core.summary
      .addHeading(escapeForHtml(summary.title), 3)
      .addRaw(`<p>${escapeForHtml(summary.sentence)}</p>`, true)
      .addTable(table(summary))
      .addRaw(chart(summary.samples))
      .write()
  } catch (error) {
    log.info(`The job summary could not be written: ${String(error)}.`)
  }
}

function table({ targets, waitedMs }: Summary): Parameters<typeof core.summary.addTable>[0] {
  const header = ['HAProxy', 'Backend', 'Server', 'Before', 'After', 'Sessions', 'Waited']
  const rows = targets.map(({ pool, before, now }) => [
    pool.page.name,
    before.backend,
    before.name,
    before.status,
    now.status,
    String(now.sessions),
    formatDuration(waitedMs)
  ])
  return [
    header.map((data) => ({ data, header: true })),
    ...rows.map((row) => row.map((cell) => escapeForHtml(cell)))
  ]
}

/** More points than this would not be told apart on GitHub's page. */
const POINTS = 40

/** A chart of the sessions over time with its numbers, or nothing where there never was a session. */
export function chart(samples: readonly Sample[]): string {
  const highest = Math.max(0, ...samples.map(({ sessions }) => sessions))
  const end = samples.at(-1)?.elapsedMs ?? 0
  if (samples.length < 2 || highest === 0) {
    return ''
  }
  // The chart spaces its points evenly, so it needs the sessions at even times.
  const points = Math.min(POINTS, samples.length)
  const times = Array.from({ length: points }, (_, index) =>
    index === points - 1 ? end : (end * index) / (points - 1)
  )
  const sessions = times.map(
    (time) => (samples.findLast(({ elapsedMs }) => elapsedMs <= time) ?? samples[0])?.sessions ?? 0
  )
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1)
  const numbers = times.map((time, index) => `${seconds(time)} s: ${sessions[index] ?? 0}`)
  return [
    '',
    '```mermaid',
    // Mermaid's own light theme draws the line in a grey that cannot be seen; this blue can, on both.
    '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#2f81f7"}}}}%%',
    'xychart-beta',
    '  title "Sessions left"',
    `  x-axis "seconds" 0 --> ${seconds(end)}`,
    `  y-axis "sessions" 0 --> ${highest}`,
    `  line [${sessions.join(', ')}]`,
    '```',
    '',
    '<details><summary>The numbers</summary>',
    '',
    numbers.join(', '),
    '',
    '</details>',
    ''
  ].join('\n')
}
