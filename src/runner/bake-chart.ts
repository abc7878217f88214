/** What was counted up to one moment of a watch, over all servers that were brought back. */
export interface BakeSample {
  readonly elapsedMs: number
  readonly requests: number
  readonly failed: number
  /** How many of so many requests would have failed on the neighbours. */
  readonly expected: number
}

/** More points than this would not be told apart on GitHub's page. */
const POINTS = 40

/** A chart of requests and failures over time, beside what the neighbours' rate makes of as many requests. */
export function bakeChart(samples: readonly BakeSample[]): string {
  const [first] = samples
  const last = samples.at(-1)
  if (first === undefined || last === undefined || samples.length < 2 || last.requests === 0) {
    return ''
  }
  // The chart spaces its points evenly, so it needs the counts at even times.
  const points = Math.min(POINTS, samples.length)
  const shown = Array.from({ length: points }, (_, index) => {
    const time = index === points - 1 ? last.elapsedMs : (last.elapsedMs * index) / (points - 1)
    return { ...(samples.findLast(({ elapsedMs }) => elapsedMs <= time) ?? first), elapsedMs: time }
  })
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1)
  const expected = (sample: BakeSample): string => String(Number(sample.expected.toFixed(1)))
  const numbers = shown.map(
    (sample) =>
      `${seconds(sample.elapsedMs)} s: ${sample.requests} requests, ${sample.failed} failed, ${expected(sample)} at the rate of the neighbours`
  )
  return [
    '',
    '```mermaid',
    // Blue, red and grey that can be seen in the light and in the dark theme.
    '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#2f81f7, #e5534b, #768390"}}}}%%',
    'xychart-beta',
    '  title "Requests (blue), failed (red), at the rate of the neighbours (grey)"',
    `  x-axis "seconds" 0 --> ${seconds(last.elapsedMs)}`,
    `  y-axis "requests" 0 --> ${last.requests}`,
    `  line [${shown.map(({ requests }) => requests).join(', ')}]`,
    `  line [${shown.map(({ failed }) => failed).join(', ')}]`,
    `  line [${shown.map(expected).join(', ')}]`,
    '```',
    '',
    '<details><summary>The numbers</summary>',
    '',
    numbers.join('; '),
    '',
    '</details>',
    ''
  ].join('\n')
}
