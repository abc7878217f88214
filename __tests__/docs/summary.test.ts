import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Farm, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type ActionResult, type RunningAction, startAction } from '../support/runner.ts'
import { startTraffic } from '../support/traffic.ts'
import { type Page, showMarkdown, type Theme } from './page.ts'

// Several starts of a browser, on a machine that is busy.
jest.setTimeout(180_000)

const themes: readonly Theme[] = ['light', 'dark']

/** A folder for pictures of what was drawn, for a person to look at; none by default. */
const pictures = process.env['SCREENSHOTS']

function show(name: string, theme: Theme, { summary }: ActionResult): Promise<Page> {
  return showMarkdown(summary, theme, pictures && join(pictures, `${name}-${theme}.png`))
}

let farm: Farm
beforeEach(
  async () =>
    (farm = await startFarm({
      backendLines: ['timeout check 10s'],
      serverOptions: 'check inter 1s fall 3 rise 2'
    }))
)
afterEach(() => farm.stop())

function start(action: string, more: Readonly<Record<string, string>> = {}): RunningAction {
  const inputs = { 'stats-url': farm.statsUrl, backend: 'web', server: 'app1', action }
  return startAction({ ...inputs, 'poll-interval': '200ms', ...more })
}

/** Sessions on app1 that end one after the other. */
async function drainWithSessions(count: number): Promise<ActionResult> {
  const held: HeldConnection[] = []
  while (held.filter(({ application }) => application === 'app1').length < count) {
    held.push(await holdConnection(farm.userUrl))
  }
  // No process from before a reload, so nothing is left in doubt.
  const running = start('drain', { 'hard-stop-after': '0s' })
  await running.until(`DRAIN with ${count} sessions`)
  for (const connection of held) {
    await sleep(300)
    await connection.close()
  }
  return running.done
}

describe('the job summary of a drain', () => {
  test('has a chart of its sessions, drawn in light and dark, with the table and the numbers', async () => {
    const result = await drainWithSessions(5)
    expect(result.exitCode).toBe(0)
    for (const theme of themes) {
      const page = await show('drain', theme, result)
      expect(page.errors).toEqual([])
      expect(page.charts).toHaveLength(1)
      const [chart] = page.charts
      expect(chart?.kind).toBe('xychart')
      expect(chart?.texts).toEqual(expect.arrayContaining(['Sessions left', 'seconds', 'sessions']))
      expect(chart?.points).toBeGreaterThan(5)
      expect(chart?.width).toBeGreaterThan(300)
      expect(chart?.contrast).toBeGreaterThan(4.5)
      expect(chart?.lineContrast).toBeGreaterThan(3)
      expect(page.heading).toBe('✅ web/app1: drained')
      expect(page.table).toHaveLength(2)
      expect(page.table[1]).toEqual(expect.arrayContaining(['web', 'app1', 'UP', 'DRAIN', '0']))
      expect(page.text).toContain(result.lastLine)
      expect(page.text).toMatch(/The numbers\s+0\.0 s: 5, /)
      expect(page.text).not.toContain('xychart')
      expect(page.text).not.toContain('```')
    }
  })
})

describe('the job summary of a maint', () => {
  test('says what was proven, and how', async () => {
    const page = await show(
      'maint',
      'light',
      await start('maint', { 'hard-stop-after': '0s' }).done
    )
    expect(page.errors).toEqual([])
    expect(page.heading).toBe('✅ web/app1: safe to stop')
    expect(page.elements).toEqual(expect.arrayContaining(['ul', 'li']))
    expect(page.text).toMatch(/No session for [\d.]+s\./)
    expect(page.text).toContain('no older process can hold a session, given a hard-stop-after of')
    expect(page.text).toContain(`Serving in web on ${farm.statsUrl}: app2.`)
  })

  test('says in its title what was not', async () => {
    const result = await start('maint').done
    const page = await show('doubt', 'light', result)
    expect(page.heading).toBe('⚠️ web/app1: drained, not proven safe to stop')
    expect(page.text).toContain('HAProxy was started less than an hour ago')
    expect(page.text).toContain(result.lastLine)
  })
})

describe('the job summary of a ready with bake-time', () => {
  test('has a chart of requests and failures, beside the rate of the neighbours', async () => {
    await farm.set('app1', 'maint')
    farm.app('app1').fault = { kind: 'error', every: 10 }
    const traffic = startTraffic(farm.userUrl, { workers: 4, pauseMs: 50 })
    const result = await start('ready', { 'bake-time': '4s', 'max-error-rate': '20%' }).done
    await traffic.stop()
    expect(result.exitCode).toBe(0)
    for (const theme of themes) {
      const page = await show('bake', theme, result)
      expect(page.errors).toEqual([])
      expect(page.charts).toHaveLength(1)
      const [chart] = page.charts
      expect(chart?.kind).toBe('xychart')
      expect(chart?.texts).toEqual(expect.arrayContaining(['seconds', 'requests']))
      expect(chart?.texts.join(' ')).toContain('Requests (blue), failed (red)')
      expect(chart?.points).toBeGreaterThan(5)
      expect(chart?.width).toBeGreaterThan(300)
      expect(chart?.contrast).toBeGreaterThan(4.5)
      expect(chart?.lineContrast).toBeGreaterThan(3)
      expect(page.heading).toBe('✅ web/app1: up')
      expect(page.text).toContain(result.lastLine)
      expect(page.text).toMatch(/The numbers\s+0\.0 s: 0 requests, 0 failed/)
    }
  })
})

describe('the job summary of a ready that failed', () => {
  test('has the sentence and the table, and what the application says stays text', async () => {
    await farm.set('app1', 'maint')
    farm.app('app1').health = 503
    farm.app('app1').reason = '<img src=x> | <b>no</b> ```mermaid ::error::'
    const result = await start('ready', { 'wait-timeout': '4s' }).done
    expect(result.exitCode).toBe(1)
    for (const theme of themes) {
      const page = await show('ready', theme, result)
      expect(page.errors).toEqual([])
      expect(page.charts).toEqual([])
      expect(page.heading).toBe('❌ web/app1: not up')
      expect(page.table[1]).toEqual(expect.arrayContaining(['web', 'app1', 'MAINT', 'DOWN']))
      expect(page.text).toContain('Not up within 4s: web/app1')
      expect(page.text).toContain('<img src=x> | <b>no</b>')
      expect(page.elements).not.toContain('img')
      expect(page.elements).not.toContain('b')
    }
  })
})

test('the browser would show a chart that Mermaid cannot draw', async () => {
  const page = await showMarkdown('```mermaid\nxychart-beta\n  lime [1, 2\n```\n', 'light')
  expect(page.errors).toHaveLength(1)
  expect(page.charts).toEqual([])
})
