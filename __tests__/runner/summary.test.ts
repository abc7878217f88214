import { describe, expect, test } from '@jest/globals'
import { chart, type Sample } from '../../src/runner/summary.ts'

function samples(...pairs: readonly (readonly [number, number])[]): Sample[] {
  return pairs.map(([elapsedMs, sessions]) => ({ elapsedMs, sessions }))
}

/** The heights that the chart draws. */
function line(text: string): number[] {
  const [, numbers = ''] = /^ {2}line \[(.*)\]$/m.exec(text) ?? []
  return numbers.split(', ').map(Number)
}

describe('the chart', () => {
  test('shows sessions over time, with its numbers', () => {
    expect(chart(samples([0, 3], [1_000, 2], [2_000, 0]))).toBe(
      [
        '',
        '```mermaid',
        '%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#2f81f7"}}}}%%',
        'xychart-beta',
        '  title "Sessions left"',
        '  x-axis "seconds" 0 --> 2.0',
        '  y-axis "sessions" 0 --> 3',
        '  line [3, 2, 0]',
        '```',
        '',
        '<details><summary>The numbers</summary>',
        '',
        '0.0 s: 3, 1.0 s: 2, 2.0 s: 0',
        '',
        '</details>',
        ''
      ].join('\n')
    )
  })

  test.each([
    ['nothing was seen', samples()],
    ['there was one look', samples([0, 3])],
    ['there never was a session', samples([0, 0], [1_000, 0])]
  ])('is left out when %s', (_, seen) => {
    expect(chart(seen)).toBe('')
  })

  test('is drawn when there was a session at any time', () => {
    expect(line(chart(samples([0, 0], [1_000, 1])))).toEqual([0, 1])
  })

  test('has as many points as there were looks, up to 40', () => {
    const seen = (count: number): Sample[] =>
      Array.from({ length: count }, (_, index) => ({
        elapsedMs: index * 1_000,
        sessions: 1 + index
      }))
    expect(line(chart(seen(39)))).toHaveLength(39)
    expect(line(chart(seen(40)))).toHaveLength(40)
    expect(line(chart(seen(41)))).toHaveLength(40)
    expect(line(chart(seen(79)))).toEqual(Array.from({ length: 40 }, (_, index) => 1 + index * 2))
  })

  test('draws what was last seen at even times between uneven looks', () => {
    expect(line(chart(samples([0, 4], [100, 3], [200, 2], [3_000, 1])))).toEqual([4, 2, 2, 1])
  })

  // The first look is judged a moment after the wait began.
  test('begins with what was seen first, not with the highest', () => {
    expect(line(chart(samples([0.02, 1], [1_000, 5], [2_000, 0])))).toEqual([1, 5, 0])
  })

  test('ends with what was seen last, however the times are rounded', () => {
    const ends = Array.from({ length: 200 }, (_, index) => 1_000 + index * 0.7)
    const lasts = ends.map((end) => {
      const seen = Array.from({ length: 7 }, (_, index) => ({
        elapsedMs: index < 6 ? index : end,
        sessions: index < 6 ? 1 : 0
      }))
      return line(chart(seen)).at(-1)
    })
    expect(lasts).toEqual(ends.map(() => 0))
  })
})
