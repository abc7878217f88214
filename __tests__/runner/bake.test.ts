import { describe, expect, test } from '@jest/globals'
import { bakeChart } from '../../src/runner/bake-chart.ts'
import { cancel, type Given, runMain } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import { type ImitatedPage, type ImitatedServer, server } from '../support/imitated-page.ts'
import { COLUMNS, type Row } from '../support/page-text.ts'

const start = pageStarter()
const FRESH = ['drain web/a', 'hdown web/a', 'start web/a']
const LOOK = 'GET /admin;csv;scope=web'

/** What a server counts from one look to the next, while it takes traffic. */
type PerLook = Readonly<Partial<Record<(typeof COLUMNS)[number], number>>>

/** Has servers count, and things happen at a look after server a has come up. */
function serve(
  lb: ImitatedPage,
  growth: Readonly<Record<string, PerLook>>,
  happenings: Readonly<Record<number, () => unknown>> = {}
): void {
  let looks = 0
  const counts = new Map<ImitatedServer, Record<string, number>>()
  lb.before = (request) => {
    const a = lb.server('a')
    if (!request.startsWith('GET /admin') || (a.status() !== 'UP' && looks === 0)) return undefined
    looks += 1
    happenings[looks]?.()
    for (const each of lb.servers) {
      const count = counts.get(each) ?? {}
      counts.set(each, count)
      const fullName = `${each.backend}/${each.name}`
      for (const [column, number] of Object.entries(growth[fullName] ?? growth[each.name] ?? {})) {
        count[column] = (count[column] ?? 0) + (each.status().startsWith('UP') ? number : 0)
      }
      const cells = Object.fromEntries(
        Object.entries(count).map(([column, number]) => [column, String(number)])
      ) as Row
      each.cells = { ...each.cells, ...cells }
    }
    return undefined
  }
}

const GOOD: PerLook = { stot: 10, hrsp_2xx: 10 }
const HALF: PerLook = { stot: 10, hrsp_2xx: 5, hrsp_5xx: 5 }
const MAINT = { admin: 'maint' } as const

function given(more: Given = {}): Given {
  return {
    action: 'ready',
    'bake-time': '30s',
    'settle-time': '0s',
    'hard-stop-after': '0s',
    ...more
  }
}

function clearCounters(lb: ImitatedPage): void {
  lb.servers.forEach((each) => {
    each.cells = {}
  })
}

describe('the last line of a step that watched says what it saw:', () => {
  test.each<[string, PerLook, PerLook, RegExp]>([
    ['nothing failed', GOOD, GOOD, /Baked for 30s: \d+ requests, 0 failed, neighbours 0 %\.$/],
    [
      'too few requests',
      { stot: 0 },
      GOOD,
      /Baked for 30s: 0 requests, 0 failed, neighbours 0 %, too few requests to judge\.$/
    ],
    [
      'no neighbour was asked',
      GOOD,
      {},
      /: \d+ requests, 0 failed, neighbours without requests\.$/
    ],
    [
      'no worse than the neighbours',
      HALF,
      HALF,
      /: \d+ requests, \d+ failed \(50 %: \d+ answered with 5xx\), neighbours 50 %\.$/
    ],
    ['thousands', { stot: 1_000, hrsp_2xx: 1_000 }, GOOD, /: \d\d,000 requests, 0 failed/]
  ])('%s', async (_, a, b, expected) => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a, b })
    const result = await runMain(inputsFor([lb], given()))
    expect(result.lastLine).toMatch(/^Back and taking traffic: web\/a is UP, waited /)
    expect(result.lastLine).toMatch(expected)
    expect(result.exitCode).toBe(0)
    expect(result.annotations).toEqual([])
    expect(result.log.join()).not.toContain('The watch goes on')
    expect(lb.changes).toEqual(FRESH)
  })

  test('more than is allowed, but perhaps by chance', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: GOOD, b: GOOD }, { 10: () => (lb.server('a').cells = { hrsp_5xx: '11' }) })
    const result = await runMain(inputsFor([lb], given({ 'max-error-rate': '3%' })))
    expect(result.lastLine).toMatch(
      /\(3\.\d %: 11 answered with 5xx\), neighbours 0 %\. On web\/a more failed than max-error-rate \(3 % beyond the neighbours\) allows, which may be chance/
    )
    expect(result.annotations.map(({ level }) => level)).toEqual(['warning'])
    expect(result.exitCode).toBe(0)
  })

  test('what it was judged without', async () => {
    const lb = await start(server('a', MAINT), server('b', { cells: { wredis: '' } }))
    lb.server('a').cells = { wredis: '' }
    serve(lb, { a: GOOD, b: GOOD })
    const { lastLine } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(
      /neighbours 0 %\. HAProxy does not show wredis here, so failures of that kind do not count\.$/
    )
  })

  test('that TCP mode counts only sessions and errors', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    lb.server('a').cells = Object.fromEntries(
      COLUMNS.filter((column) => column.startsWith('hrsp_')).map((column) => [column, ''])
    )
    serve(lb, { a: { stot: 10 }, b: GOOD })
    const { lastLine } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(/In TCP mode only sessions and errors of their connections count\.$/)
  })

  test('each of several servers', async () => {
    const lb = await start(server('a', MAINT), server('b', MAINT), server('c'))
    serve(lb, { a: GOOD, b: { stot: 0 }, c: GOOD })
    const { lastLine } = await runMain({ ...inputsFor([lb], given()), server: 'a b' })
    expect(lastLine).toMatch(
      /Baked for 30s: web\/a \d+ requests, 0 failed, neighbours 0 %; web\/b 0 requests, .*, too few requests to judge\.$/
    )
  })
})

describe('a watch', () => {
  test('is left out by default, without a wait, and by other actions', async () => {
    for (const more of [
      { 'bake-time': '' },
      { wait: 'false' },
      { action: 'maint' },
      { action: 'status' },
      { 'dry-run': 'true' }
    ]) {
      const lb = await start(server('a'), server('b'))
      serve(lb, { a: HALF, b: GOOD })
      const result = await runMain(inputsFor([lb], given(more)))
      expect(result.exitCode).toBe(0)
      expect(result.log.join()).not.toMatch(/Baked|requests/)
    }
  })

  test('takes one look of the size of the backend for each poll interval', async () => {
    const looks = async (more: Given): Promise<number> => {
      const lb = await start(server('a'), server('b'))
      serve(lb, { a: GOOD, b: GOOD })
      await runMain(inputsFor([lb], given(more)))
      expect(lb.requests.filter((request) => request === 'GET /admin;csv').length).toBe(0)
      return lb.requests.filter((request) => request === LOOK).length
    }
    const without = await looks({ 'bake-time': '0s' })
    expect((await looks({ 'bake-time': '60s' })) - without).toBeLessThanOrEqual(62)
    expect((await looks({ 'bake-time': '60s', 'poll-interval': '10s' })) - without).toBeLessThan(9)
  })

  test('says when its verdict moves, and that it goes on', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: GOOD, b: GOOD })
    const { log } = await runMain(inputsFor([lb], given({ 'bake-time': '100s' })))
    const said = log.filter((line) => /^web\/a is .* requests, /.test(line))
    expect(said[0]).toMatch(
      /not judged yet, too few requests to judge: 0 requests, .* \(\S+ of 1m40s\)\.$/
    )
    expect(said[1]).toMatch(
      /^web\/a is well: 20 requests, 0 failed, neighbours 0 % \(2\S*s of 1m40s\)\.$/
    )
    expect(said.length).toBe(5)
  })

  test('is drawn in the job summary', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: GOOD, b: GOOD })
    const { summary } = await runMain(inputsFor([lb], given()))
    expect(summary).toContain('xychart-beta')
    expect(summary).toContain('title "Requests (blue), failed (red)')
  })

  test('begins anew after a reload', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(
      lb,
      { a: GOOD, b: GOOD },
      {
        10: () => {
          clearCounters(lb)
          lb.reload()
        }
      }
    )
    const { lastLine, annotations, exitCode } = await runMain(inputsFor([lb], given()))
    expect(annotations.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^HAProxy was reloaded or restarted: the watch of the traffic begins anew\. It lasts 30s\.$/
      )
    ])
    expect(lastLine).toMatch(/Baked for 3\dS?/i)
    expect(exitCode).toBe(0)
  })

  test('begins anew, once, for a reload that only its end shows', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: GOOD, b: GOOD })
    const count = lb.before
    let isReloaded = false
    lb.before = (request, number) => {
      const isEnd = request === 'GET process' && Number(lb.server('a').cells.stot ?? 0) >= 50
      if (isEnd && !isReloaded) {
        isReloaded = true
        serve(lb, { a: GOOD, b: GOOD })
        clearCounters(lb)
        lb.reload()
        return undefined
      }
      return count(request, number)
    }
    const { lastLine, annotations, exitCode } = await runMain(inputsFor([lb], given()))
    expect(isReloaded).toBe(true)
    expect(annotations.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^HAProxy was reloaded or restarted: the watch .* begins anew\./)
    ])
    expect(lastLine).toMatch(/Baked for 3\ds: 3\d\d requests, 0 failed/)
    expect(exitCode).toBe(0)
  })

  test('begins anew at once for a reload that only the time in the state shows', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(
      lb,
      { a: GOOD, b: GOOD },
      {
        20: () => {
          lb.reload()
          lb.server('b').changedAt = -3_600_000
        }
      }
    )
    const { annotations } = await runMain(inputsFor([lb], given()))
    expect(annotations).toHaveLength(1)
    expect(annotations[0]?.message).toMatch(/^HAProxy was reloaded or restarted: the watch/)
    expect(lb.requests.filter((request) => request === LOOK).length).toBeLessThan(60)
  })

  test('begins anew, whole, for a reload of one of two HAProxies that only its end shows', async () => {
    const [one, two] = [
      await start(server('a', MAINT), server('b')),
      await start(server('a', MAINT), server('b'))
    ]
    serve(one, { a: GOOD, b: GOOD })
    serve(two, { a: GOOD, b: GOOD })
    const count = two.before
    let isReloaded = false
    two.before = (request, number) => {
      if (request === 'GET process' && Number(two.server('a').cells.stot ?? 0) >= 50) {
        if (!isReloaded) two.reload()
        isReloaded = true
      }
      return count(request, number)
    }
    const { lastLine, annotations } = await runMain(inputsFor([one, two], given()))
    expect(annotations.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^HAProxy was reloaded or restarted at LB2: the watch /)
    ])
    expect(lastLine).toMatch(/Baked for 3\ds: \d{3} requests, 0 failed/)
  })

  test('waits for a server that is down right after a reload', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(
      lb,
      { a: GOOD, b: GOOD },
      {
        10: () => {
          clearCounters(lb)
          lb.reload()
          lb.server('a').cells = { status: 'DOWN 1/2' }
        },
        13: () => (lb.server('a').cells = {})
      }
    )
    const { lastLine, exitCode } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(/^Back and taking traffic: web\/a is UP, .* Baked for 3\ds: /)
    expect(exitCode).toBe(0)
  })

  test('begins anew where the counters of one server are cleared at one of two HAProxies', async () => {
    const [one, two] = [
      await start(server('a', MAINT), server('b')),
      await start(server('a', MAINT), server('b', { cells: { eresp: '5' } }))
    ]
    serve(one, { a: GOOD, b: GOOD })
    serve(two, { a: GOOD, b: GOOD }, { 10: () => (two.server('b').cells = {}) })
    const { annotations, exitCode } = await runMain(inputsFor([one, two], given()))
    expect(annotations.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^The counters of LB2 were cleared: the watch /)
    ])
    expect(exitCode).toBe(0)
  })

  test('begins anew where somebody clears the counters', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: { stot: 100, hrsp_2xx: 100 }, b: GOOD })
    const counting = lb.before
    let looks = 0
    lb.before = (request, number) => {
      const trouble = counting(request, number)
      looks += lb.server('a').status() === 'UP' ? 1 : 0
      if (looks === 12) clearCounters(lb)
      return trouble
    }
    const { annotations, exitCode } = await runMain(inputsFor([lb], given()))
    expect(annotations[0]?.message).toMatch(
      /^The counters of LB1 were cleared: the watch of the traffic/
    )
    expect(exitCode).toBe(0)
  })

  test('that the page does not let end is red, and leaves the server', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: GOOD, b: GOOD })
    const counting = lb.before
    let looks = 0
    lb.before = (request, number) => {
      looks += lb.server('a').status() === 'UP' ? 1 : 0
      return looks > 10 ? 'reset' : counting(request, number)
    }
    const { lastLine, exitCode } = await runMain(inputsFor([lb], given({ 'wait-timeout': '20s' })))
    expect(lastLine).toMatch(
      /^The traffic could not be watched for 30s within 50s: the last look failed\. Could not read/
    )
    expect(exitCode).toBe(1)
    expect(lb.changes).toEqual(FRESH)
  })

  test('that reloads interrupt again and again is red, and leaves the server', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    const happenings = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        10 + 10 * index,
        () => {
          clearCounters(lb)
          lb.reload()
        }
      ])
    )
    serve(lb, { a: GOOD, b: GOOD }, happenings)
    const { lastLine, exitCode } = await runMain(inputsFor([lb], given({ 'wait-timeout': '20s' })))
    expect(lastLine).toMatch(
      /^The traffic could not be watched for 30s within 50s: reloads or cleared counters kept interrupting it\. Now web\/a is UP/
    )
    expect(exitCode).toBe(1)
    expect(lb.changes).toEqual(FRESH)
  })

  test.each([
    ['a check that begins to fail', { status: 'UP 2/3' }, /UP 2\/3, its last check says/],
    ['a weight of 0', { weight: '0' }, /UP, its weight is 0, so load balancing sends it nobody\./]
  ])('ends when the server is up again after %s', async (_, cells, seen) => {
    const show = (lb: ImitatedPage, more: Row): void => {
      lb.server('a').cells = { ...lb.server('a').cells, ...more }
    }
    const goOn = await start(server('a', MAINT), server('b'))
    serve(
      goOn,
      { a: GOOD, b: GOOD },
      {
        20: () => {
          show(goOn, cells)
        },
        40: () => {
          show(goOn, { status: 'UP', weight: '1' })
        }
      }
    )
    const green = await runMain(inputsFor([goOn], given()))
    expect(green.lines.join()).toMatch(/The watch goes on: web\/a is UP/)
    expect(green.log.filter((line) => line.startsWith('The watch goes on'))).toHaveLength(1)
    expect(green.lastLine).toMatch(/^Back and taking traffic: web\/a is UP, .* Baked for 3\ds: /)
    expect(green.exitCode).toBe(0)

    const lb = await start(server('a', MAINT), server('b'))
    serve(
      lb,
      { a: GOOD, b: GOOD },
      {
        20: () => {
          show(lb, cells)
        }
      }
    )
    const red = await runMain(inputsFor([lb], given({ 'wait-timeout': '20s' })))
    expect(red.lastLine).toMatch(/^Watched for 50s, and not up: web\/a is UP/)
    expect(red.lastLine).toMatch(seen)
    expect(red.lastLine).toMatch(/Look at the application and its health check/)
    expect(red.titles).toEqual(['web/a: not up'])
    expect(red.exitCode).toBe(1)
    expect(lb.changes).toEqual(FRESH)
  })

  test('names every server that is not up at the end', async () => {
    const lb = await start(server('a', MAINT), server('b', MAINT), server('c'))
    const halfUp = (): void => {
      for (const each of lb.servers.slice(0, 2)) each.cells = { ...each.cells, status: 'UP 2/3' }
    }
    serve(lb, { a: GOOD, b: GOOD, c: GOOD }, { 20: halfUp })
    const { lastLine } = await runMain({
      ...inputsFor([lb], given({ 'wait-timeout': '20s' })),
      server: 'a b'
    })
    expect(lastLine).toMatch(/, and not up: web\/a is UP 2\/3[^;]*; web\/b is UP 2\/3/)
  })

  test.each([
    ['a page that cannot be read any more', 45, 'the last look failed. Could not read'],
    ['reloads that keep coming', Infinity, 'reloads or cleared counters kept interrupting it.']
  ])('blames %s, and not a server that is not up', async (_, lastLook, why) => {
    const isReloaded = lastLook === Infinity
    const lb = await start(server('a', MAINT), server('b'))
    const happenings = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [
        10 + 10 * index,
        () => {
          if (isReloaded) lb.reload()
          lb.server('a').cells = { status: 'UP 2/3' }
        }
      ])
    )
    serve(lb, { a: GOOD, b: GOOD }, happenings)
    const counting = lb.before
    let looks = 0
    lb.before = (request, number) => {
      looks += lb.server('a').status().startsWith('UP') ? 1 : 0
      return looks > lastLook ? 'reset' : counting(request, number)
    }
    const { lastLine } = await runMain(inputsFor([lb], given({ 'wait-timeout': '20s' })))
    expect(lastLine).toContain(`The traffic could not be watched for 30s within 50s: ${why}`)
    expect(lastLine.endsWith('try https:// in the URL.')).toBe(!isReloaded)
    expect(lb.changes).toEqual(FRESH)
  })

  test('begins anew, once, where the counters of one of two backends are cleared', async () => {
    const inApi = { backend: 'api' }
    const lb = await start(
      server('a', MAINT),
      server('b'),
      server('a', { ...MAINT, ...inApi }),
      server('b', inApi)
    )
    serve(lb, { a: GOOD, b: GOOD })
    const counting = lb.before
    let looks = 0
    lb.before = (request, number) => {
      const trouble = counting(request, number)
      looks += request === LOOK && lb.server('a').status() === 'UP' ? 1 : 0
      if (looks === 12) {
        for (const each of lb.servers.slice(0, 2)) each.cells = {}
      }
      return trouble
    }
    const { annotations } = await runMain({ ...inputsFor([lb], given()), backend: 'web api' })
    expect(annotations.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^The counters of LB1 were cleared: the watch of the traffic/)
    ])
  })

  test('ends with a cancel, and leaves the server', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(
      lb,
      { a: GOOD, b: GOOD },
      {
        5: () => {
          cancel()
        }
      }
    )
    const { exitCode } = await runMain(inputsFor([lb], given()))
    expect(exitCode).toBe(1)
    expect(lb.changes).toEqual(FRESH)
  })
})

describe('a server that is bad', () => {
  test('goes back to maint, and that is safe to stop', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    lb.servers.forEach((each, index) => {
      each.cells = { addr: `10.0.0.${String(index)}:80` }
    })
    serve(lb, { a: HALF, b: GOOD })
    const { lastLine, exitCode, summary, outputs } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toBe(
      'Too many requests failed on web/a within 3s: 40 requests, 20 failed (50 %: 20 answered with 5xx), neighbours 0 %. Out of rotation again, and safe to stop: web/a. Now web/a is MAINT. Look at what the application answers, and at its log, before it is brought back again.'
    )
    expect(exitCode).toBe(1)
    expect(lb.changes).toEqual([...FRESH, 'maint web/a'])
    expect(summary).toContain('❌ web/a: not well')
    expect(outputs).toMatchObject({ status: 'MAINT', changed: 'false' })
  })

  test.each<[string, { maint: boolean; drain?: boolean }, string]>([
    ['back', { maint: false }, 'UP'],
    ['in drain', { maint: false, drain: true }, 'DRAIN']
  ])('is not called safe to stop where it is %s at the last look', async (_, flags, status) => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: HALF, b: GOOD })
    const counting = lb.before
    lb.before = (request, number) => {
      // The process is what is asked for last before the proof.
      if (request === 'GET process' && lb.changes.includes('maint web/a')) {
        lb.server('a').set(flags, Date.now())
      }
      return counting(request, number)
    }
    const { lastLine, exitCode } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toContain(
      `neighbours 0 %. Changed since, by somebody else or by a reload: web/a. Now web/a is ${status}`
    )
    expect(lastLine).not.toContain('safe to stop')
    expect(exitCode).toBe(1)
    expect(lb.changes.at(-1)).toBe('maint web/a')
  })

  test('goes to maint that was up before, and that is a change', async () => {
    const lb = await start(server('a'), server('b'))
    serve(lb, { a: HALF, b: GOOD })
    const { lastLine, outputs } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toContain('Out of rotation again')
    expect(lastLine).not.toContain('Nothing was changed')
    expect(outputs).toMatchObject({ status: 'MAINT', changed: 'true' })
  })

  test('is not proven safe to stop where something is in doubt, which is said', async () => {
    const lb = await start(server('a', MAINT), server('b'), server('a', { backend: 'api' }))
    serve(lb, { a: HALF, b: GOOD })
    const { lastLine } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toContain(
      'Out of rotation again and drained, but not proven safe to stop: web/a. '
    )
    expect(lastLine).toContain('api/a (UP) may be the same application')
  })

  test('is out although it does not get drained', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    lb.server('a').sessions = 3
    serve(lb, { a: HALF, b: GOOD })
    const { lastLine } = await runMain(inputsFor([lb], given({ 'wait-timeout': '5s' })))
    expect(lastLine).toContain(
      'Out of rotation again, but not drained: web/a. Not drained within 5s'
    )
  })

  test('is not put back by on-timeout: restore', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    lb.server('a').sessions = 3
    serve(lb, { a: HALF, b: GOOD })
    const more = { 'wait-timeout': '5s', 'on-timeout': 'restore' }
    await runMain(inputsFor([lb], given(more)))
    expect(lb.changes).toEqual([...FRESH, 'maint web/a'])
  })

  test('stays where others need it', async () => {
    const lb = await start(server('a', MAINT), server('b', MAINT))
    serve(lb, { a: HALF })
    const { lastLine, exitCode, log } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(
      /Left in rotation: web\/a\. Without a the backend web would have 0 serving servers, and needs 1/
    )
    expect(exitCode).toBe(1)
    expect(log.join()).not.toContain('out of rotation again')
    expect(lb.server('a').status()).toBe('UP')
  })

  test('stays down where it alone could come back', async () => {
    const lb = await start(server('a', MAINT), server('b', MAINT))
    serve(lb, { a: GOOD }, { 6: () => (lb.server('a').well = false) })
    const { lastLine, exitCode } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toContain(
      'web/a was up, and while its traffic was watched it became DOWN, its last check says L7STS/503. Left as it is: web/a. Without a the backend web would have 0 serving servers, and needs 1; not counted: b (MAINT for 1h12s). Now web/a is DOWN, asked for ready. Look at what the application answers, and at its log, before it is brought back again.'
    )
    expect(exitCode).toBe(1)
    expect(lb.changes).toEqual(FRESH)
  })

  test('is taken out although another HAProxy cannot be seen', async () => {
    const [one, two] = [
      await start(server('a', MAINT), server('b')),
      await start(server('a', MAINT), server('b'))
    ]
    serve(one, { a: HALF, b: GOOD })
    serve(two, { a: GOOD, b: GOOD }, { 3: () => (two.before = () => 'reset') })
    const { lastLine } = await runMain(inputsFor([one, two], given({ 'wait-timeout': '20s' })))
    expect(lastLine).toMatch(/^Too many requests failed on web\/a within /)
  })

  test('does not take the good ones with it, and counts them as serving', async () => {
    const lb = await start(server('a', MAINT), server('b', MAINT))
    serve(lb, { a: HALF, b: GOOD })
    const result = await runMain({
      ...inputsFor([lb], given({ 'fresh-check': 'false' })),
      server: 'a b'
    })
    expect(result.lastLine).toMatch(/^Too many requests failed on web\/a within 3s: /)
    expect(lb.changes.at(-1)).toBe('maint web/a')
  })

  test('takes another bad one with it as far as others serve', async () => {
    const lb = await start(server('a', MAINT), server('b', MAINT))
    serve(lb, { a: HALF, b: HALF })
    const result = await runMain({
      ...inputsFor([lb], given({ 'fresh-check': 'false' })),
      server: 'a b'
    })
    expect(result.lastLine).toContain(
      'Too many requests failed on web/a within 3s: 40 requests, 20 failed (50 %: 20 answered with 5xx), neighbours without requests. Too many requests failed on web/b within 3s: 40 requests, 20 failed (50 %: 20 answered with 5xx), neighbours without requests. Out of rotation again, and safe to stop: web/a. Left in rotation: web/b. Without a, b the backend web would have 0 serving servers, and needs 1; it has no other servers. Now web/a is MAINT; web/b is UP. Look at what the application answers, and at its log. What is still in rotation goes on serving users: ask for maint once enough others serve.'
    )
    expect(lb.changes.at(-1)).toBe('maint web/a')
  })

  test('takes no server of the same name in another backend with it', async () => {
    const backends = ['web', 'api'].flatMap((backend) => [
      server('a', { ...MAINT, backend }),
      server('b', { ...MAINT, backend }),
      server('c', { backend })
    ])
    const lb = await start(...backends)
    serve(lb, { 'web/a': HALF, 'api/b': HALF, a: GOOD, b: GOOD, c: GOOD })
    const { lastLine } = await runMain({
      ...inputsFor([lb], given({ 'fresh-check': 'false' })),
      backend: 'web api',
      server: 'a b'
    })
    expect(lastLine).toContain('Now web/a, api/b are MAINT; web/b, api/a are UP.')
    expect(lb.changes.filter((change) => change.startsWith('maint')).toSorted()).toEqual([
      'maint api/b',
      'maint web/a'
    ])
  })

  test('is judged by the sum over the HAProxies, and leaves all of them', async () => {
    const [one, two] = [
      await start(server('a', MAINT), server('b')),
      await start(server('a', MAINT), server('b'))
    ]
    serve(one, { a: { stot: 10, hrsp_2xx: 10 }, b: GOOD })
    serve(two, { a: { stot: 10, hrsp_5xx: 10 }, b: GOOD })
    const { lastLine } = await runMain(inputsFor([one, two], given()))
    expect(lastLine).toMatch(
      /^Too many requests failed on web\/a within \S+: \d+ requests, \d+ failed \((4|5)\d %/
    )
    expect([one, two].map(({ changes }) => changes.at(-1))).toEqual(['maint web/a', 'maint web/a'])
  })

  test('leaves every HAProxy although its check fails at one of them', async () => {
    const [one, two] = [
      await start(server('a', MAINT), server('b')),
      await start(server('a', MAINT), server('b'))
    ]
    serve(one, { a: GOOD, b: GOOD }, { 6: () => (one.server('a').well = false) })
    serve(two, { a: GOOD, b: GOOD })
    const { lastLine } = await runMain(inputsFor([one, two], given()))
    expect(lastLine).toMatch(/^web\/a on LB1 was up, and while/)
    expect([one, two].map(({ changes }) => changes.at(-1))).toEqual(['maint web/a', 'maint web/a'])
  })

  test('stays where HAProxy refuses the change, and that is said', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: HALF, b: GOOD }, { 4: () => (lb.admin = false) })
    const { lastLine, exitCode } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(/^Too many requests failed on web\/a within .*HAProxy answered DENY/)
    expect(lastLine).toContain(
      'Too many requests failed on web/a within 3s: 40 requests, 20 failed (50 %: 20 answered with 5xx), neighbours 0 %. Left in rotation: web/a. Could not ask LB1 for maint of web/a: HAProxy answered DENY. HAProxy refuses changes: `stats admin if …` is missing in haproxy.cfg or its condition is not true for this request, or `stats scope` leaves the backend out. Now web/a is UP. Look at what the application answers, and at its log. What is still in rotation goes on serving users: ask for maint once enough others serve.'
    )
    expect(lastLine).not.toContain('Out of rotation again')
    expect(exitCode).toBe(1)
  })

  test('is not said to be left in rotation where that cannot be seen any more', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: HALF, b: GOOD })
    const counting = lb.before
    lb.before = (request, number) => {
      const isAsked = lb.changes.includes('maint web/a')
      if (request.includes('action=maint') && !isAsked) return 'done-reset'
      return isAsked ? 'reset' : counting(request, number)
    }
    const { lastLine, exitCode } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toContain('Now web/a is in an unknown state (asked for maint, last seen UP).')
    expect(lastLine).not.toContain('Left in rotation')
    expect(exitCode).toBe(1)
  })

  test('is left alone where somebody takes it out at that moment', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: HALF, b: GOOD })
    const counting = lb.before
    lb.before = (request, number) => {
      lb.server('a').drain ||= request === 'GET /admin;csv'
      return counting(request, number)
    }
    const { lastLine } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(
      /neighbours 0 %\. web\/a is DRAIN\. HAProxy was not reloaded, so somebody else changed it\./
    )
    expect(lb.changes).toEqual(FRESH)
  })

  test('is told as well where somebody brings it back meanwhile', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    lb.server('a').sessions = 3
    serve(lb, { a: HALF, b: GOOD })
    const counting = lb.before
    let looks = 0
    lb.before = (request, number) => {
      if (request === LOOK && lb.changes.includes('maint web/a')) looks += 1
      if (looks === 3) lb.server('a').maint = false
      return counting(request, number)
    }
    const { lastLine } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(
      /^Too many requests failed on web\/a .* Left in rotation: web\/a\. web\/a was asked for maint and is UP with 3 sessions\. HAProxy was not reloaded, so somebody else changed it\. Changed meanwhile, and left alone: web\/a\. /
    )
  })

  test('is not forgotten for what others have done to another one', async () => {
    const lb = await start(server('a'), server('b'), server('c'))
    serve(
      lb,
      { a: { stot: 10 }, b: GOOD, c: GOOD },
      {
        8: () => {
          lb.server('a').cells = { ...lb.server('a').cells, hrsp_5xx: '40' }
          lb.server('b').drain = true
        }
      }
    )
    const { lastLine } = await runMain({ ...inputsFor([lb], given()), server: 'a b' })
    expect(lastLine).toMatch(/^Too many requests failed on web\/a within /)
    expect(lb.changes.at(-1)).toBe('maint web/a')
  })

  test('stays in rotation where it is needed, although one of two HAProxies has it down', async () => {
    const [one, two] = [
      await start(server('a', MAINT), server('b', MAINT)),
      await start(server('a', MAINT), server('b', MAINT))
    ]
    serve(one, { a: GOOD })
    serve(two, { a: GOOD }, { 6: () => (two.server('a').well = false) })
    const { lastLine } = await runMain(inputsFor([one, two], given()))
    expect(lastLine).toContain(' Left in rotation: web/a on LB1 and web/a on LB2. ')
  })

  test('is not said to be asked for maint at a HAProxy that refused that', async () => {
    const [one, two] = [
      await start(server('a', MAINT), server('b')),
      await start(server('a', MAINT), server('b'))
    ]
    serve(one, { a: GOOD, b: GOOD })
    serve(
      two,
      { a: GOOD, b: GOOD },
      {
        6: () => {
          two.server('a').well = false
          two.admin = false
        }
      }
    )
    const { lastLine } = await runMain(inputsFor([one, two], given()))
    expect(lastLine).toContain('web/a on LB2 is DOWN, asked for ready')
  })

  test('is one whose check says that it is stopping', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: GOOD, b: GOOD }, { 6: () => (lb.server('a').cells = { status: 'NOLB' }) })
    const { lastLine } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(/^web\/a was up, and while its traffic was watched it became NOLB/)
  })

  test('is one whose check fails', async () => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: GOOD, b: GOOD }, { 6: () => (lb.server('a').well = false) })
    const { lastLine } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(
      /^web\/a was up, and while its traffic was watched it became DOWN\S*( \d\/\d)?, its last check says L7STS\/503\. Out of rotation again/
    )
    expect(lb.changes.at(-1)).toBe('maint web/a')
  })
})

test.each(['drain', 'maint'] as const)(
  'a server that others ask for %s is left alone',
  async (flag) => {
    const lb = await start(server('a', MAINT), server('b'))
    serve(lb, { a: GOOD, b: GOOD }, { 6: () => (lb.server('a')[flag] = true) })
    const { lastLine, exitCode } = await runMain(inputsFor([lb], given()))
    expect(lastLine).toMatch(
      /^web\/a was asked for ready and is (DRAIN|MAINT)\. HAProxy was not reloaded, so somebody else changed it\./
    )
    expect(exitCode).toBe(1)
    expect(lb.changes).toEqual(FRESH)
  }
)

test('a server that others take out at two HAProxies is told for the one that was asked', async () => {
  const [one, two] = [
    await start(server('a', MAINT), server('b')),
    await start(server('a', MAINT), server('b'))
  ]
  for (const lb of [one, two]) {
    serve(lb, { a: GOOD, b: GOOD }, { 6: () => (lb.server('a').drain = true) })
  }
  const { lastLine } = await runMain(inputsFor([one, two], given()))
  expect(lastLine).toMatch(/^web\/a on LB1 was asked for ready and is DRAIN\. HAProxy was not/)
})

describe('the chart', () => {
  const sample = (elapsedMs: number, requests: number, failed = 0, expected = 0) => ({
    elapsedMs,
    requests,
    failed,
    expected
  })

  test('is left out where there is nothing to draw', () => {
    expect(bakeChart([])).toBe('')
    expect(bakeChart([sample(0, 10)])).toBe('')
    expect(bakeChart([sample(0, 0), sample(1_000, 0)])).toBe('')
  })

  test('has requests, failures and the rate of the neighbours, at even times', () => {
    const text = bakeChart([sample(10, 0), sample(1_000, 10, 2, 0.24), sample(4_000, 40, 8, 1)])
    expect(text).toContain('"plotColorPalette": "#2f81f7, #e5534b, #768390"')
    expect(text).toContain('x-axis "seconds" 0 --> 4.0')
    expect(text).toContain('y-axis "requests" 0 --> 40')
    expect(text).toContain('line [0, 10, 40]\n  line [0, 2, 8]\n  line [0, 0.2, 1]')
    expect(text).toContain('2.0 s: 10 requests, 2 failed, 0.2 at the rate of the neighbours; ')
  })

  test('has no more points than can be told apart', () => {
    const many = Array.from({ length: 200 }, (_, index) => sample(index * 1_000, index * 10))
    const [, points = ''] = /line \[([^\]]*)\]/.exec(bakeChart(many)) ?? []
    expect(points.split(', ')).toHaveLength(40)
  })
})
