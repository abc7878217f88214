// Runs the integration tests on each of the HAProxy releases that script/matrix has fetched, and shows
// in one table how many of each behaviour's tests hold on which.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

const behaviours = '__tests__/action'

/** What jest writes with `--json`, as far as it is of use here. */
interface JestReport {
  readonly testResults: readonly TestFile[]
}

interface TestFile {
  readonly name: string
  /** What kept the whole file from running. */
  readonly message: string
  readonly assertionResults: readonly {
    readonly fullName: string
    readonly status: string
    readonly failureMessages: readonly string[]
  }[]
}

/** How the tests of one file fared. */
interface Verdict {
  readonly passed: number
  /** Each begins with the name of the test. */
  readonly failures: readonly string[]
  readonly skipped: number
}

/** How all of them fared on one HAProxy, by the name of the file. */
interface Column {
  readonly version: string
  readonly verdicts: ReadonlyMap<string, Verdict>
}

/** The tests mostly wait for HAProxy's own checks, so two releases take hardly longer than one. */
const atOnce = 2

async function runAll(releases: readonly string[]): Promise<Column[]> {
  const columns = new Map<string, Column>()
  const left = releases.values()
  const lane = async (): Promise<void> => {
    for (const release of left) columns.set(release, await run(release))
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return releases.flatMap((release) => columns.get(release) ?? [])
}

async function run(release: string): Promise<Column> {
  const haproxy = resolve('.cache/haproxy', release, 'haproxy')
  const banner = execFileSync(haproxy, ['-v'], { encoding: 'utf8' })
  const version = /version (\d[\d.]*)/.exec(banner)?.[1] ?? release
  const began = performance.now()
  const { testResults } = await runTests(haproxy)
  const verdicts = new Map(
    testResults.map((file) => [basename(file.name, '.test.ts'), judge(file)])
  )
  const failures = [...verdicts].flatMap(([name, verdict]) =>
    verdict.failures.map((failure) => `  ${name}: ${failure}`)
  )
  const seconds = ((performance.now() - began) / 1000).toFixed()
  const outcome = failures.length === 0 ? 'all hold' : `${failures.length} failed`
  console.log([`HAProxy ${version}: ${outcome}, ${seconds} s`, ...failures].join('\n'))
  return { version, verdicts }
}

async function runTests(haproxy: string): Promise<JestReport> {
  const scratch = mkdtempSync(join(tmpdir(), 'matrix-'))
  const file = join(scratch, 'report.json')
  try {
    const jest = spawn(
      'npm',
      ['run', '--silent', 'test:all', '--', behaviours, '--json', '--outputFile', file],
      { env: { ...process.env, HAPROXY: haproxy }, stdio: ['ignore', 'ignore', 'pipe'] }
    )
    let said = ''
    jest.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
    await once(jest, 'close')
    if (!existsSync(file)) throw new Error(`jest did not finish:\n${said}`)
    return JSON.parse(readFileSync(file, 'utf8')) as JestReport
  } finally {
    rmSync(scratch, { recursive: true })
  }
}

function judge({ assertionResults, message }: TestFile): Verdict {
  const having = (status: string) => assertionResults.filter((test) => test.status === status)
  const failures = having('failed').map(
    ({ fullName, failureMessages }) => `${fullName}\n${excerpt(failureMessages[0] ?? '')}`
  )
  const passed = having('passed').length
  return {
    passed,
    failures: assertionResults.length > 0 ? failures : [excerpt(message)],
    skipped: assertionResults.length - passed - failures.length
  }
}

/** The first lines of a failure, which say what was expected and what was seen. */
function excerpt(message: string): string {
  const lines = stripVTControlCharacters(message).split('\n')
  return lines
    .slice(0, 12)
    .map((line) => `      ${line}`)
    .join('\n')
}

function cell(verdict: Verdict | undefined): string {
  if (verdict === undefined) return 'missing'
  const { passed, failures, skipped } = verdict
  const parts = [
    `${passed} hold`,
    ...(failures.length > 0 ? [`${failures.length} FAILED`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : [])
  ]
  return parts.join(', ')
}

const columns = await runAll(process.argv.slice(2))
const names = [...new Set(columns.flatMap(({ verdicts }) => [...verdicts.keys()]))].sort()
const rows = [
  ['', ...columns.map(({ version }) => version)],
  ...names.map((name) => [name, ...columns.map(({ verdicts }) => cell(verdicts.get(name)))])
]
const widths = (rows[0] ?? []).map((_, column) =>
  Math.max(...rows.map((row) => (row[column] ?? '').length))
)
console.log()
for (const row of rows) {
  console.log(
    row
      .map((text, column) => text.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd()
  )
}
const complete = columns.every(({ verdicts }) =>
  names.every((name) => verdicts.get(name)?.failures.length === 0)
)
if (!complete || names.length === 0) process.exitCode = 1
