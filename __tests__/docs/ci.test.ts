import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { filesIn, read } from './repository.ts'

interface Job {
  readonly needs?: string | readonly string[]
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps?: readonly { readonly uses?: string; readonly run?: string }[]
}

function jobsOf(path: string): Record<string, Job> {
  return (parse(read(path)) as { jobs: Record<string, Job> }).jobs
}

describe('the check "All passed"', () => {
  const { passed, ...others } = jobsOf('.github/workflows/ci.yml')
  const results = Object.keys(others).map(() => 'success')
  const judge = (seen: readonly string[]): Promise<unknown> =>
    promisify(execFile)('bash', ['-e', '-c', passed?.steps?.[0]?.run ?? 'exit 9'], {
      env: { RESULTS: seen.join(' ') }
    })

  test('waits for every other job', () => {
    expect(passed?.needs).toEqual(Object.keys(others))
  })

  test('is green when all of them are', async () => {
    await expect(judge(results)).resolves.toBeDefined()
  })

  test.each(['failure', 'cancelled', 'skipped'])(
    'is red when one of them is %s',
    async (result) => {
      for (const index of results.keys()) {
        await expect(judge(results.with(index, result))).rejects.toThrow('Command failed')
      }
    }
  )
})

test('no job has a right to write but these', () => {
  const rights = filesIn('.github/workflows', /\.yml$/).flatMap((path) =>
    Object.entries(jobsOf(path)).flatMap(([name, { permissions = {} }]) =>
      Object.entries(permissions)
        .filter(([, level]) => level === 'write')
        .map(([right]) => `${path.split('/').at(-1) ?? ''} ${name}: ${right}`)
    )
  )
  expect(rights).toEqual([
    'codeql.yml analyze: security-events',
    'release.yml release: contents',
    'release.yml release: id-token',
    'release.yml release: attestations',
    'scorecard.yml scorecard: security-events',
    'scorecard.yml scorecard: id-token'
  ])
})

test('the job of the Scorecard has actions only, or it would not be published', () => {
  const { scorecard } = jobsOf('.github/workflows/scorecard.yml')
  for (const step of scorecard?.steps ?? []) expect(step.uses).toMatch(/@[0-9a-f]{40}$/)
})
