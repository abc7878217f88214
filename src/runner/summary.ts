import { summary as jobSummary } from '@actions/core'
import { appendFileSync } from 'node:fs'
import { isUnclear } from './bake-words.ts'
import { drawChart, evenly, inSeconds } from './chart.ts'
import { escapeForHtml } from './escape.ts'
import { failureSentence } from './failure.ts'
import { isOfFleet, MAX_ROWS } from './fleet.ts'
import { log } from './log.ts'
import { planInWords } from './plan-words.ts'
import { HaproxyError, type Problem } from '../haproxy/errors.ts'
import { isUp } from '../haproxy/server.ts'
import { BakeFailure } from '../rotation/bake.ts'
import { formatDuration } from '../rotation/duration.ts'
import { countsOf, stateInWords } from '../rotation/fleet.ts'
import type { Outcome } from '../rotation/outcome.ts'
import type { Target } from '../rotation/target.ts'

/** How many sessions and queued requests were left at one moment of a wait. */
export interface Sample {
  readonly elapsedMs: number
  readonly sessions: number
}

/** What the job summary says of a run. */
export interface Summary {
  /** What became of it. */
  readonly title: string
  /** The last sentence of the log. */
  readonly sentence: string
  readonly targets: readonly Target[]
  /** Whether the run was to change nothing, so that there is no before and after. */
  readonly isLook: boolean
  readonly waitedMs: number
  readonly samples: readonly Sample[]
  /** The chart of a watch of traffic; empty where there was none. */
  readonly bakeChart?: string
  /** What was proven, and how. */
  readonly facts: readonly string[]
}

const OUTCOMES = {
  observed: 'ℹ️ {}: seen',
  'dry run': 'ℹ️ {}: dry run',
  commanded: '✅ {}: carried out',
  requested: '✅ {}: requested',
  'safe to stop': '✅ {}: safe to stop',
  drained: '✅ {}: drained',
  'not drained': '⚠️ {}: not drained',
  up: '✅ {}: up',
  'all up': '✅ {}: up'
} as const satisfies Record<Outcome['kind'], string>

/** The longest plan that makes a title, in characters. */
const MAX_PLAN_LENGTH = 120

/** The title of a run that has succeeded. */
export function titleOf(outcome: Outcome, targets: readonly Target[]): string {
  const hasDoubts = outcome.kind === 'drained' && outcome.proof.doubts.length > 0
  if (isUnclear(outcome)) {
    return fill('⚠️ {}: up, perhaps not well', targets)
  }
  const plan = outcome.kind === 'dry run' ? planInWords(outcome.plan) : ''
  if (plan !== '' && plan.length <= MAX_PLAN_LENGTH) {
    return `ℹ️ Dry run: would ${plan}`
  }
  const title = hasDoubts ? '⚠️ {}: drained, not proven safe to stop' : OUTCOMES[outcome.kind]
  return fill(title, targets)
}

const FAILURES: Partial<Record<Problem, string>> = {
  'host-not-found': 'host not found',
  refused: 'HAProxy not reached',
  unreachable: 'HAProxy not reached',
  reset: 'HAProxy not reached',
  'timed-out': 'HAProxy not reached',
  'proxy-refused': 'HAProxy not reached',
  'tls-unknown-issuer': 'certificate not trusted',
  'tls-expired': 'certificate not trusted',
  'tls-wrong-name': 'certificate not trusted',
  'tls-client-certificate': 'client certificate refused',
  'tls-not-spoken': 'the port does not speak TLS',
  'tls-spoken': 'the port speaks TLS',
  'tls-failed': 'TLS failed',
  'other-login': 'no statistics page',
  forbidden: 'access forbidden',
  redirected: 'no statistics page',
  'not-http': 'no statistics page',
  unauthorized: 'login refused',
  'login-needed': 'login missing',
  'wrong-path': 'no statistics page',
  'not-csv': 'no statistics page',
  oversized: 'no statistics page',
  'unknown-backend': 'no such backend',
  'unknown-server': 'no such server',
  DENY: 'refused, HAProxy allows no changes',
  'not-returnable': 'refused, cannot come back by itself',
  'did-not-hold': 'the admin state did not hold',
  'several-haproxies': 'several HAProxies answer',
  'guard-refused': 'refused, too few others serve',
  'no-turn': 'no turn in time',
  'same-address': 'refused, its address is in use',
  'not-drained': 'not drained',
  'old-process': 'not drained',
  'not-up': 'not up',
  'bake-failed': 'not well',
  'not-baked': 'up, but not watched to the end',
  'not-all-up': 'not up',
  'changed-meanwhile': 'changed meanwhile',
  cancelled: 'cancelled'
}

/** The title of a run that failed. */
export function titleOfFailure(error: unknown, targets: readonly Target[]): string {
  const what = error instanceof HaproxyError ? FAILURES[error.problem] : undefined
  return fill(`❌ {}: ${what ?? 'failed'}`, blamed(error, targets))
}

/** A title without its sign, for the list of annotations. */
export function withoutSign(title: string): string {
  return title.slice(title.indexOf(' ') + 1)
}

function blamed(error: unknown, targets: readonly Target[]): readonly Target[] {
  if (error instanceof BakeFailure) {
    return error.bad
  }
  return isOfFleet(error) ? targets.filter(({ now }) => !isUp(now)) : targets
}

/** At most this many names go into a title. */
const MAX_NAMES = 3

function fill(title: string, targets: readonly Target[]): string {
  const names = [...new Set(targets.map(({ name }) => name))]
  const all = names.length > MAX_NAMES ? `${names.length} servers` : names.join(', ')
  return targets.length === 0 ? title.replace('{}: ', '') : title.replace('{}', () => all)
}

/** Writes the job summary. A report must not fail the step, so what goes wrong is only said. */
export function writeSummary(summary: Summary): void {
  // Another runner, or an old server, gives no file for it.
  const path = process.env['GITHUB_STEP_SUMMARY']
  if (!path) {
    return
  }
  try {
    jobSummary
      .addHeading(escapeForHtml(summary.title), 3)
      .addRaw(`<p>${escapeForHtml(summary.sentence)}</p>`, true)
    if (summary.targets.length > 0) {
      jobSummary.addTable(table(summary))
    }
    jobSummary
      .addRaw(rest(summary))
      .addRaw(list(summary.facts))
      .addRaw(chart(summary.samples))
      .addRaw(summary.bakeChart ?? '')
    // Not by the toolkit, which needs a thread of Node's pool: name look-ups that hang may hold all of them.
    appendFileSync(path, jobSummary.stringify())
    jobSummary.emptyBuffer()
  } catch (error) {
    log.info(`The job summary could not be written: ${failureSentence(error)}`)
  }
}

function list(facts: readonly string[]): string {
  const items = facts.map((fact) => `<li>${escapeForHtml(fact)}</li>`)
  return items.length > 0 ? `<ul>${items.join('')}</ul>\n` : ''
}

function table({ targets, isLook, waitedMs }: Summary): Parameters<typeof jobSummary.addTable>[0] {
  const header = isLook
    ? ['HAProxy', 'Backend', 'Server', 'State', 'Sessions']
    : ['HAProxy', 'Backend', 'Server', 'Before', 'After', 'Sessions', 'Waited']
  const rows = targets
    .slice(0, MAX_ROWS)
    .map(({ backend, before, now }) => [
      backend.instance.name,
      before.backend,
      before.name,
      ...(isLook ? [stateInWords(now)] : [before.status, now.status]),
      String(now.sessions),
      ...(isLook ? [] : [formatDuration(waitedMs)])
    ])
  return [
    header.map((data) => ({ data, header: true })),
    ...rows.map((row) => row.map((cell) => escapeForHtml(cell)))
  ]
}

/** What the table leaves out. */
function rest({ targets }: Summary): string {
  const others = targets.slice(MAX_ROWS)
  const areUp = others.every(({ now }) => isUp(now))
  const what = areUp ? ', all up' : `: ${countsOf(others)}`
  return others.length > 0 ? `<p>and ${others.length} more${escapeForHtml(what)}</p>\n` : ''
}

/** A chart of the sessions over time with its numbers, or nothing where there never was a session. */
export function chart(samples: readonly Sample[]): string {
  const highest = Math.max(0, ...samples.map(({ sessions }) => sessions))
  const [first, ...others] = samples
  if (first === undefined || others.length === 0 || highest === 0) {
    return ''
  }
  const shown = evenly([first, ...others])
  return drawChart({
    title: 'Sessions left',
    // Mermaid's own light theme draws the line in a grey that cannot be seen.
    colours: ['#2f81f7'],
    yLabel: 'sessions',
    highest,
    endMs: shown.at(-1)?.elapsedMs ?? 0,
    lines: [shown.map(({ sessions }) => sessions)],
    numbers: shown
      .map(({ elapsedMs, sessions }) => `${inSeconds(elapsedMs)} s: ${sessions}`)
      .join(', ')
  })
}
