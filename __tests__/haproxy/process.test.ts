import { describe, expect, test } from '@jest/globals'
import { parseProcess } from '../../src/haproxy/process.ts'
import { headText } from '../support/page-text.ts'

const [SECOND, MINUTE, HOUR, DAY] = [1_000, 60_000, 3_600_000, 86_400_000] as const

/** The lines of the page that show the process, in the words of HAProxy 1.5 to 3.5. */
function head(process: string, uptime: string): string {
  return `<p><b>pid = </b> ${process}<br>\n<b>uptime = </b> ${uptime}<br>\n`
}

describe('the process', () => {
  test.each([
    ['0d 0h00m00s', 0],
    ['0d 0h00m18s', 18 * SECOND],
    ['0d 0h01m00s', MINUTE],
    ['0d 1h00m00s', HOUR],
    ['0d 23h59m59s', DAY - SECOND],
    ['1d 0h00m00s', DAY],
    ['2d 3h04m05s', 2 * DAY + 3 * HOUR + 4 * MINUTE + 5 * SECOND],
    ['400d 12h34m56s', 400 * DAY + 12 * HOUR + 34 * MINUTE + 56 * SECOND],
    // From 2.8 on.
    ['0d 0h00m07s; warnings = 2', 7 * SECOND]
  ])('that has been up for %s has been so for %i ms', (uptime, uptimeMs) => {
    expect(parseProcess(head('8 (process #1, nbproc = 1, nbthread = 2)', uptime))).toEqual({
      pid: 8,
      uptimeMs
    })
  })

  test.each([
    ['1.5 and 1.6', '31 (process #1, nbproc = 1)'],
    ['1.8 to 2.4', '31 (process #1, nbproc = 1, nbthread = 4)'],
    ['the second of two', '31 (process #2, nbproc = 2)']
  ])('is known by its pid (%s)', (_, process) => {
    expect(parseProcess(head(process, '0d 0h00m01s'))).toEqual({ pid: 31, uptimeMs: SECOND })
  })

  test('is found in the whole page', () => {
    const page = `<html><head>\n${headText(4_711, 90_061_000)}\n<table>0d 9h09m09s</table></html>`
    expect(parseProcess(page)).toEqual({ pid: 4_711, uptimeMs: 90_061_000 })
  })

  // `stats show-desc` writes its text before the process, as it is.
  test.each([
    ['the whole of it', `: ${head('9 (process #1, nbproc = 1)', '9d 9h09m09s')}`],
    ['its first half', ': <b>pid = </b> 9 (process #1, '],
    ['its second half', ': <b>uptime = </b> 9d 9h09m09s'],
    ['several lines', `\n\n${head('9 (process #1)', '9d 9h09m09s').repeat(3)}`]
  ])('is not what a description imitates: %s', (_, description) => {
    expect(parseProcess(headText(8, 18_000, description))).toEqual({ pid: 8, uptimeMs: 18_000 })
  })
})

describe('a page shows no process', () => {
  const good = head('8 (process #1, nbproc = 1)', '0d 0h00m18s')

  test('unless it is spoiled', () => {
    expect(parseProcess(good)).toEqual({ pid: 8, uptimeMs: 18_000 })
  })

  test.each([
    ['it is empty', ''],
    ['it is the CSV', '# pxname,svname,\nweb,a,\n'],
    ['it is another page', '<html><body>pid = 8, uptime = 0d 0h00m18s</body></html>'],
    ['the pid is missing', good.replace('<b>pid = </b> 8', '')],
    ['the pid is no number', good.replace('> 8 (', '> x (')],
    ['something stands between pid and process', good.replace('8 (process', '8 x (process')],
    ['the process has no number sign', good.replace('process #', 'process ')],
    ['the uptime is missing', good.replace(/<b>uptime.*/, '')],
    ['the uptime comes before the pid', good.split('\n').toReversed().join('\n')],
    ['the days are missing', good.replace('0d ', '')],
    ['the hours are missing', good.replace('0h', '')],
    ['the minutes are missing', good.replace('00m', '')],
    ['the seconds are missing', good.replace('18s', '')],
    ['the uptime breaks off', good.slice(0, good.indexOf('18s') + 2)]
  ])('where %s', (_, page) => {
    expect(parseProcess(page)).toBeUndefined()
  })
})
