import { describe, expect, test } from '@jest/globals'
import type { Traffic } from '../../src/rotation/bake-traffic.ts'
import type { Baked, BakedServer } from '../../src/rotation/bake-verdict.ts'
import { targetsOf } from '../../src/rotation/backend.ts'
import { BakeReport } from '../../src/runner/bake-report.ts'
import { find } from '../rotation/found.ts'
import { stageSetter } from '../rotation/stage.ts'
import { server } from '../support/imitated-page.ts'

const setStage = stageSetter()

function traffic(requests: number, failed: number): Traffic {
  const reasons = { brokenAnswers: 0, refusedConnections: 0, redispatches: 0, unanswered: 0 }
  return { requests, failed, reasons: { ...reasons, serverErrors: failed } }
}

function baked(seconds: number, ...servers: readonly Partial<BakedServer>[]): Baked {
  return {
    elapsedMs: seconds * 1_000,
    maxErrorRate: 0.05,
    servers: servers.map((each) => ({
      name: 'web/a',
      traffic: traffic(10 * seconds, 0),
      neighbours: traffic(0, 0),
      verdict: 'well',
      missing: [],
      ...each
    }))
  }
}

/** When lines were written, in words. */
function times(lines: readonly string[]): string[] {
  return lines.map((line) => /\(.*(?= of 2m\)\.$)/.exec(line)?.[0].slice(1) ?? line)
}

describe('the lines of a watch', () => {
  test('come where the verdict of a server moves, of that server alone', () => {
    const { log, lines } = setStage()
    const { onBakeLook } = new BakeReport(120_000, log)
    onBakeLook(baked(1, {}, { name: 'web/b', verdict: 'too few' }))
    onBakeLook(baked(2, {}, { name: 'web/b', verdict: 'too few' }))
    onBakeLook(baked(3, {}, { name: 'web/b', verdict: 'unclear' }))
    expect(lines).toEqual([
      'info: web/a is well: 10 requests, 0 failed, neighbours without requests (1s of 2m).',
      'info: web/b is not judged yet, too few requests to judge: 10 requests, 0 failed, neighbours without requests (1s of 2m).',
      'info: web/b is not judged yet, more failed than max-error-rate allows, perhaps by chance: 30 requests, 0 failed, neighbours without requests (3s of 2m).'
    ])
  })

  test('come every 30 seconds at the least', () => {
    const { log, lines } = setStage()
    const { onBakeLook } = new BakeReport(120_000, log)
    ;[0, 10, 20, 29, 30, 31, 59, 60].forEach((seconds) => {
      onBakeLook(baked(seconds, {}))
    })
    expect(times(lines)).toEqual(['0s', '30s', '1m'])
  })

  test('come as often in a watch that has begun anew', () => {
    const { log, lines } = setStage()
    const { onBakeLook } = new BakeReport(120_000, log)
    ;[0, 1, 31, 2, 30, 31].forEach((seconds) => {
      onBakeLook(baked(seconds, {}))
    })
    expect(times(lines)).toEqual(['0s', '31s', '30s'])
  })
})

describe('the chart of a watch', () => {
  test('adds the servers up, each at the rate of its own neighbours', () => {
    const report = new BakeReport(120_000, setStage().log)
    report.onBakeLook(baked(0, {}))
    report.onBakeLook(
      baked(
        1,
        { traffic: traffic(10, 1), neighbours: traffic(40, 8) },
        { name: 'web/b', traffic: traffic(20, 3), neighbours: traffic(30, 6) },
        { name: 'web/c', traffic: traffic(5, 0) }
      )
    )
    expect(report.chart).toContain('1.0 s: 35 requests, 4 failed, 6 at the rate of the neighbours')
  })

  test('shows nothing from before the watch began anew', () => {
    const report = new BakeReport(120_000, setStage().log)
    ;[0, 1, 40, 2, 3].forEach((seconds) => {
      report.onBakeLook(baked(seconds, {}))
    })
    expect(report.chart).toContain('line [20, 30]')
    expect(report.chart).not.toContain('40.0 s')
  })
})

test('the way out of a server that is not well is logged where its state moves', async () => {
  const stage = setStage()
  const page = await stage.page(server('a', { sessions: 2 }), server('b'))
  const backends = await find(stage, page)
  const look = async (): Promise<void> => {
    await Promise.all(backends.map((backend) => backend.look({ signal: stage.over })))
  }
  const onLook = new BakeReport(120_000, stage.log).onBadTakeOut(targetsOf(backends))
  page.server('a').maint = true
  await look()
  onLook(0, 10_000)
  onLook(1_000, 9_000)
  page.server('a').sessions = 0
  await look()
  onLook(2_000, 8_000)
  expect(stage.lines.map((line) => stage.short(line))).toEqual([
    'info: web/a on P1 is MAINT with 2 sessions (0s elapsed).',
    'info: web/a on P1 is MAINT (2s elapsed).'
  ])
})
