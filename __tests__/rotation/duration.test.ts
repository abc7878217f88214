import { describe, expect, test } from '@jest/globals'
import { formatAge, formatDuration, parseDuration } from '../../src/rotation/duration.ts'

describe('a duration', () => {
  test.each([
    ['0ms', 0],
    ['0s', 0],
    ['1ms', 1],
    ['500ms', 500],
    ['1500ms', 1_500],
    ['1s', 1_000],
    ['30s', 30_000],
    ['90s', 90_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['24h', 86_400_000],
    ['1m30s', 90_000],
    ['1h30m', 5_400_000],
    ['1h2m3s', 3_723_000],
    ['1h2m3s4ms', 3_723_004],
    ['1s500ms', 1_500],
    ['2.3s', 2_300],
    ['2m5ms', 120_005],
    ['007s', 7_000]
  ])('%s is %i milliseconds', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  test.each([
    '',
    ' ',
    '5',
    '0',
    '5 m',
    ' 5m',
    '5m ',
    '5m\n',
    '1.55s',
    '1.s',
    '.5s',
    '1.5m',
    '-1s',
    '+1s',
    '1S',
    '1M',
    '1d',
    '1w',
    '5min',
    '5sec',
    's',
    'm',
    'ms',
    '30s1m',
    '1m1h',
    '1ms1s',
    '1s1s',
    '1m 30s',
    '1m30',
    '5mm',
    '٣s',
    'x5m',
    'five minutes'
  ])('cannot be written "%s"', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })
})

describe('milliseconds', () => {
  test.each([
    [0, '0s'],
    [0.4, '0s'],
    [0.5, '1ms'],
    [1, '1ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [1_049, '1s'],
    [1_050, '1.1s'],
    [1_500, '1.5s'],
    [2_000, '2s'],
    [59_900, '59.9s'],
    [59_949, '59.9s'],
    [60_000, '1m'],
    [60_499, '1m'],
    [60_500, '1m1s'],
    [90_000, '1m30s'],
    [119_499, '1m59s'],
    [119_500, '2m'],
    [300_000, '5m'],
    [3_599_499, '59m59s'],
    [3_599_500, '1h'],
    [3_600_000, '1h'],
    [3_601_000, '1h1s'],
    [3_660_000, '1h1m'],
    [3_723_000, '1h2m3s'],
    [86_400_000, '24h']
  ])('%d are written %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  // What rounds up to the next unit is written in that unit.
  test.each([
    [999.5, '1s'],
    [59_950, '1m'],
    [59_999, '1m']
  ])('%d, which round up to the next unit, are written %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text)
  })

  test.each(['1ms', '999ms', '1s', '59s', '1m', '1m30s', '59m59s', '1h', '1h1s', '24h'])(
    'read from %s are written the same',
    (text) => {
      expect(formatDuration(parseDuration(text) ?? NaN)).toBe(text)
    }
  )
})

describe('ages', () => {
  test.each([
    [0, '0s'],
    [1, '1s'],
    [59, '59s'],
    [60, '1m'],
    [61, '1m1s'],
    [3_599, '59m59s'],
    [3_600, '1h'],
    [3_659, '1h'],
    [7_800, '2h10m'],
    [7_859, '2h10m'],
    [86_399, '23h59m'],
    [86_400, '1d'],
    [86_459, '1d'],
    [89_999, '1d'],
    [273_600, '3d4h'],
    [31_536_000, '365d']
  ])('of %d seconds are written %s, to two units', (seconds, text) => {
    expect(formatAge(seconds)).toBe(text)
  })
})
