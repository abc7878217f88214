import { execFile } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { isDue } from './expressions.ts'
import { read } from './repository.ts'

interface Step {
  readonly if?: string
  readonly run?: string
}

const { jobs } = parse(read('.github/workflows/release.yml')) as {
  jobs: { release: { needs: string; steps: Step[] } }
}

let workspace: string
beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'release-'))
  await mkdir(join(workspace, 'bin'))
  const gh = join(workspace, 'bin/gh')
  // A release with the tag v1 already there, and none with v2.
  await writeFile(
    gh,
    '#!/bin/sh\necho "$*" >>said\ncase "$*" in *git/ref/tags/v2) exit 1 ;; esac\n'
  )
  await chmod(gh, 0o755)
})
afterEach(() => rm(workspace, { recursive: true }))

/** What `gh` was asked for and what the notes are after a tag was pushed; throws what a red step says. */
async function release(
  tag: string,
  version: string,
  changes: string
): Promise<{ said: string[]; notes: string }> {
  await writeFile(join(workspace, 'package.json'), JSON.stringify({ version }))
  await writeFile(join(workspace, 'CHANGELOG.md'), changes)
  const env = {
    PATH: `${join(workspace, 'bin')}:${process.env['PATH'] ?? ''}`,
    GITHUB_REF_NAME: tag,
    GITHUB_REPOSITORY: 'octocat/action',
    GITHUB_SHA: 'abc'
  }
  for (const step of jobs.release.steps) {
    if (step.run === undefined) continue
    if (!isDue(step.if, { github: { ref_name: tag } }, 'success')) continue
    await promisify(execFile)('bash', ['-e', '-c', step.run], { cwd: workspace, env })
  }
  const said = await readFile(join(workspace, 'said'), 'utf8')
  return {
    said: said.trim().split('\n'),
    notes: (await readFile(join(workspace, 'notes.md'), 'utf8')).trim()
  }
}

const changes =
  '# Changes\n\n## Unreleased\n\n- c\n\n## 1.2.0\n\n- b\n\n### More\n\n- bb\n\n## 1.1.0\n\n- a\n'

/** What the step that fails has printed. */
async function refusal(tag: string, version: string): Promise<string> {
  try {
    await release(tag, version, changes)
  } catch (error) {
    return (error as { readonly stdout: string }).stdout
  }
  throw new Error(`${tag} was released`)
}

describe('pushing a tag', () => {
  test('makes a release with its part of the change log and moves the major tag', async () => {
    const { said, notes } = await release('v1.2.0', '1.2.0', changes)
    expect(notes).toBe('- b\n\n### More\n\n- bb')
    expect(said).toEqual([
      'release create v1.2.0 --verify-tag --title v1.2.0 --notes-file notes.md --latest',
      'api repos/octocat/action/git/ref/tags/v1',
      'api --method PATCH repos/octocat/action/git/refs/tags/v1 -f sha=abc -F force=true'
    ])
  })

  test('makes the major tag where there is none', async () => {
    const { said } = await release('v2.0.0', '2.0.0', '## 2.0.0\n\n- new\n')
    expect(said.at(-1)).toBe(
      'api --method POST repos/octocat/action/git/refs -f ref=refs/tags/v2 -f sha=abc'
    )
  })

  test('makes a pre-release of a tag with a hyphen, and moves nothing', async () => {
    const { said } = await release('v2.0.0-rc.1', '2.0.0-rc.1', '## 2.0.0-rc.1\n\n- new\n')
    expect(said).toEqual([
      'release create v2.0.0-rc.1 --verify-tag --title v2.0.0-rc.1 --notes-file notes.md --prerelease'
    ])
  })

  test('is refused when the tag is not the version of package.json', async () => {
    expect(await refusal('v1.2.1', '1.2.0')).toContain('package.json says 1.2.0')
  })

  test('is refused when the change log says nothing of it', async () => {
    expect(await refusal('v1.3.0', '1.3.0')).toContain('has nothing under "## 1.3.0"')
  })

  test('waits for every check', () => {
    expect(jobs.release.needs).toBe('check')
  })
})

test('the change log has a part for the present version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## ${version}$`, 'm'))
})
