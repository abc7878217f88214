import { drawChart, evenly, inSeconds } from './chart.ts'

/** What was counted up to one moment of a watch, over all servers that were brought back. */
export interface BakeSample {
  readonly elapsedMs: number
  readonly requests: number
  readonly failed: number
  /** How many of these requests would have failed at the rate of the neighbours. */
  readonly expected: number
}

/** A chart of requests and failures over time, beside what the neighbours' rate makes of as many requests. */
export function bakeChart(samples: readonly BakeSample[]): string {
  const [first, ...others] = samples
  const last = others.at(-1)
  if (first === undefined || last === undefined || last.requests === 0) {
    return ''
  }
  const shown = evenly([first, ...others])
  const expected = (sample: BakeSample): string => String(Number(sample.expected.toFixed(1)))
  const numbers = shown.map(
    (sample) =>
      `${inSeconds(sample.elapsedMs)} s: ${sample.requests} requests, ${sample.failed} failed, ${expected(sample)} at the rate of the neighbours`
  )
  return drawChart({
    title: 'Requests (blue), failed (red), at the rate of the neighbours (grey)',
    colours: ['#2f81f7', '#e5534b', '#768390'],
    yLabel: 'requests',
    highest: last.requests,
    endMs: last.elapsedMs,
    lines: [
      shown.map(({ requests }) => requests),
      shown.map(({ failed }) => failed),
      shown.map(expected)
    ],
    numbers: numbers.join('; ')
  })
}
