const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const
const DURATION = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d)?)s)?(?:(\d+)ms)?$/

/** Reads `500ms`, `2.5s`, `5m`, `1h` or `1m30s` as milliseconds; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (match === null || text === '') {
    return undefined
  }
  const [hours, minutes, seconds, ms] = match.slice(1).map((digits) => Number(digits || 0))
  return (
    (hours ?? 0) * UNITS.h +
    (minutes ?? 0) * UNITS.m +
    Math.round((seconds ?? 0) * UNITS.s) +
    (ms ?? 0)
  )
}

const AGES = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'm'],
  [1, 's']
] as const

/** Writes how long something has lasted, in seconds, to two units at most: `3d4h`, `2h10m`, `45s`. */
export function formatAge(seconds: number): string {
  const largest = AGES.findIndex(([size]) => seconds >= size)
  const parts = AGES.slice(largest, largest < 0 ? undefined : largest + 2)
  let left = seconds
  const written = parts.map(([size, unit]) => {
    const count = Math.floor(left / size)
    left %= size
    return count > 0 ? `${count}${unit}` : ''
  })
  return written.join('') || '0s'
}

/** Writes milliseconds the way they are read: `500ms`, `2.5s`, `1m30s`, `1h`. */
export function formatDuration(ms: number): string {
  if (Math.round(ms) === 0) {
    return '0s'
  }
  if (Math.round(ms) < UNITS.s) {
    return `${Math.round(ms)}ms`
  }
  const tenths = Math.round(ms / 100)
  if (tenths < 600) {
    return `${tenths / 10}s`
  }
  const total = Math.round(ms / UNITS.s)
  const parts = [
    [Math.floor(total / 3_600), 'h'],
    [Math.floor((total % 3_600) / 60), 'm'],
    [total % 60, 's']
  ] as const
  return parts.map(([count, unit]) => (count > 0 ? `${count}${unit}` : '')).join('')
}
