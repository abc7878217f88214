import { describe, expect, test } from '@jest/globals'
import type { Backend } from '../../src/rotation/backend.ts'
import type { BakedServer } from '../../src/rotation/bake-verdict.ts'
import { BakeWindow } from '../../src/rotation/bake-window.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'
import type { Row } from '../support/page-text.ts'
import { find } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const setStage = stageSetter()

/** Shows some cells of servers, by `backend/server`. */
function show(page: ImitatedPage, cells: Readonly<Record<string, Row>>): void {
  for (const each of page.servers) {
    each.cells = { ...each.cells, ...cells[`${each.backend}/${each.name}`] }
  }
}

async function look(stage: Stage, backends: readonly Backend[]): Promise<void> {
  await Promise.all(backends.map((backend) => backend.look({ signal: stage.over })))
}

function judged(window: BakeWindow): Readonly<Record<string, BakedServer>> {
  return Object.fromEntries(window.judge(0.05, false).map((each) => [each.name, each]))
}

describe('a window', () => {
  test('counts every server for itself, beside the others of its own backend', async () => {
    const stage = setStage()
    const page = await stage.page(
      server('a', { cells: { stot: '1000' } }),
      server('b'),
      server('c', { cells: { stot: '500' } }),
      server('a', { backend: 'api', cells: { stot: '70' } }),
      server('d', { backend: 'api' })
    )
    const backends = await find(stage, page, { targets: ['web/a', 'web/b', 'api/a'] })
    const window = new BakeWindow(backends, stage.clock.now())
    show(page, {
      'web/a': { stot: '1010' },
      'web/b': { stot: '20', hrsp_5xx: '4' },
      'web/c': { stot: '540' },
      'api/a': { stot: '100' },
      'api/d': { stot: '50', hrsp_5xx: '2' }
    })
    await look(stage, backends)
    window.add(backends)
    expect(judged(window)).toMatchObject({
      'web/a': { traffic: { requests: 10, failed: 0 }, neighbours: { requests: 40, failed: 0 } },
      'web/b': { traffic: { requests: 20, failed: 4 }, neighbours: { requests: 40, failed: 0 } },
      'api/a': { traffic: { requests: 30, failed: 0 }, neighbours: { requests: 50, failed: 2 } }
    })
  })

  test('counts a server over all HAProxies, and misses what one of them does not show', async () => {
    const stage = setStage()
    const pages = [
      await stage.page(server('a'), server('b'), server('c')),
      await stage.page(server('a', { cells: { eresp: '' } }), server('b'), server('c'))
    ]
    const targets = ['web/a', 'web/b']
    const backends = (await Promise.all(pages.map((page) => find(stage, page, { targets })))).flat()
    const window = new BakeWindow(backends, stage.clock.now())
    for (const page of pages) {
      show(page, { 'web/a': { stot: '10' }, 'web/b': { stot: '5' }, 'web/c': { stot: '20' } })
    }
    await look(stage, backends)
    window.add(backends)
    expect(judged(window)).toMatchObject({
      'web/a': { traffic: { requests: 20 }, neighbours: { requests: 40 }, missing: ['eresp'] },
      'web/b': { traffic: { requests: 10 }, neighbours: { requests: 40 }, missing: [] }
    })
  })

  test('does not count a neighbour that leaves or comes back meanwhile', async () => {
    const stage = setStage()
    const page = await stage.page(server('a'), server('b'), server('c', { admin: 'drain' }))
    const backends = await find(stage, page)
    const window = new BakeWindow(backends, stage.clock.now())
    page.server('b').drain = true
    page.server('c').drain = false
    show(page, { 'web/a': { stot: '10' }, 'web/b': { stot: '20' }, 'web/c': { stot: '30' } })
    await look(stage, backends)
    window.add(backends)
    expect(judged(window)['web/a']?.neighbours.requests).toBe(0)
  })

  test('takes requests for unanswered unless the serving neighbours hold as many', async () => {
    const stage = setStage()
    const page = await stage.page(
      server('a'),
      server('b'),
      server('c'),
      server('a', { backend: 'api' }),
      server('d', { backend: 'api' }),
      server('e', { backend: 'api', admin: 'drain', sessions: 900 })
    )
    const backends = await find(stage, page, { targets: ['web/a', 'web/b', 'api/a'] })
    const window = new BakeWindow(backends, stage.clock.now())
    for (let second = 1; second <= 12; second += 1) {
      stage.clock.pass(1_000)
      const count = String(10 * second)
      const waiting = { stot: count, scur: count }
      const answered = { stot: count, hrsp_2xx: count }
      show(page, {
        'web/a': waiting,
        'web/b': answered,
        'web/c': waiting,
        'api/a': waiting,
        'api/d': answered
      })
      await look(stage, backends)
      window.add(backends)
    }
    const { 'web/a': excused, 'web/b': well, 'api/a': hung } = judged(window)
    expect(excused?.traffic.reasons.unanswered).toBe(0)
    expect(well?.traffic.reasons.unanswered).toBe(0)
    expect(hung?.traffic.reasons.unanswered).toBe(20)
  })
})
