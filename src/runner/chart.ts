/** What was seen at one moment, in milliseconds since the beginning. */
interface Timed {
  readonly elapsedMs: number
}

/** A chart of what was counted over time. */
interface Chart {
  readonly title: string
  /** The colours of the lines, in their order; each must be seen in the light and in the dark theme. */
  readonly colours: readonly string[]
  readonly yLabel: string
  readonly highest: number
  readonly endMs: number
  readonly lines: readonly (readonly (number | string)[])[]
  /** The same in words, for those who cannot see it. */
  readonly numbers: string
}

/** More points than this would run into one another on GitHub's page. */
const MAX_POINTS = 40

/** What was seen at even times: a chart spaces its points evenly. */
export function evenly<T extends Timed>(samples: readonly [T, ...T[]]): T[] {
  const points = Math.min(MAX_POINTS, samples.length)
  const end = samples.at(-1)?.elapsedMs ?? 0
  return Array.from({ length: points }, (_, index) => {
    const time = index === points - 1 ? end : (end * index) / (points - 1)
    const seen = samples.findLast(({ elapsedMs }) => elapsedMs <= time) ?? samples[0]
    return { ...seen, elapsedMs: time }
  })
}

/** `1.5` for 1,500 ms. */
export function inSeconds(ms: number): string {
  return (ms / 1_000).toFixed(1)
}

/** A chart in Mermaid, with its numbers folded. */
export function drawChart({
  title,
  colours,
  yLabel,
  highest,
  endMs,
  lines,
  numbers
}: Chart): string {
  return [
    '',
    '```mermaid',
    `%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "${colours.join(', ')}"}}}}%%`,
    'xychart-beta',
    `  title "${title}"`,
    `  x-axis "seconds" 0 --> ${inSeconds(endMs)}`,
    `  y-axis "${yLabel}" 0 --> ${highest}`,
    ...lines.map((points) => `  line [${points.join(', ')}]`),
    '```',
    '',
    '<details><summary>The numbers</summary>',
    '',
    numbers,
    '',
    '</details>',
    ''
  ].join('\n')
}
