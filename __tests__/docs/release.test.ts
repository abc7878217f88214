import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { isDue } from './expressions.ts'
import { read } from './repository.ts'

interface Step {
  readonly name?: string
  readonly if?: string
  readonly uses?: string
  readonly with?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly run?: string
}
interface Job {
  readonly needs?: string
  readonly outputs?: Readonly<Record<string, string>>
  readonly permissions?: Readonly<Record<string, string>>
  readonly steps: readonly Step[]
}

const { jobs } = parse(read('.github/workflows/release.yml')) as {
  jobs: { check: Job; release: Job }
}
/** What the checked-out tag has as dist/index.js. */
const bundle = 'console.log(1)\n'
const digest = (text: string): string => `${createHash('sha256').update(text).digest('hex')}  -`

let workspace: string
beforeEach(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'release-'))
  await mkdir(join(workspace, 'bin'))
  const gh = join(workspace, 'bin/gh')
  // A release with the tag v1 already there, and none with v2; a ruleset that keeps v3 where it is.
  await writeFile(
    gh,
    '#!/bin/sh\necho "$*" >>said\ncase "$*" in *git/ref/tags/v2 | *git/refs/tags/v3*) exit 1 ;; esac\n'
  )
  await chmod(gh, 0o755)
  await mkdir(join(workspace, 'dist'))
  await writeFile(join(workspace, 'dist/index.js'), bundle)
})
afterEach(() => rm(workspace, { recursive: true }))

/** What `gh` was asked for and what the notes are after a tag was pushed; throws what a red step says. */
async function release(
  tag: string,
  version: string,
  changes: string,
  built = bundle
): Promise<{ said: string[]; notes: string }> {
  await writeFile(join(workspace, 'package.json'), JSON.stringify({ version }))
  await writeFile(join(workspace, 'CHANGELOG.md'), changes)
  const env = {
    PATH: `${join(workspace, 'bin')}:${process.env['PATH'] ?? ''}`,
    GITHUB_REF_NAME: tag,
    GITHUB_REPOSITORY: 'octocat/action',
    GITHUB_SHA: 'abc',
    BUILT: digest(built)
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
  '# Changes\n\n## Unreleased\n\n- c\n\n## 3.0.0\n\n- d\n\n## 1.2.0\n\n- b\n\n### More\n\n- bb\n\n## 1.1.0\n\n- a\n'

/** What the step that fails has printed. */
async function refusal(tag: string, version: string, built = bundle): Promise<string> {
  try {
    await release(tag, version, changes, built)
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

  test('is red, but released, where the major tag may not be moved, and says how to move it by hand', async () => {
    const output = await refusal('v3.0.0', '3.0.0')
    expect(output).toMatch(/^::error::v3\.0\.0 is released, but v3 was not moved to it: .*$/m)
    expect(output).toContain('git push --force origin abc:refs/tags/v3')
    expect(await readFile(join(workspace, 'said'), 'utf8')).toContain('release create v3.0.0')
  })

  test('releases nothing when dist/ is not what the checks have built', async () => {
    expect(await refusal('v1.2.0', '1.2.0', 'console.log(2)\n')).toContain('Nothing was released')
    await expect(readFile(join(workspace, 'said'))).rejects.toThrow('ENOENT')
  })

  test('waits for every check, and compares with what these have built', async () => {
    expect(jobs.release.needs).toBe('check')
    expect(jobs.release.steps.find(({ env }) => env?.['BUILT'] !== undefined)?.env).toEqual({
      BUILT: '${{ needs.check.outputs.dist }}'
    })
    expect(jobs.check.outputs).toEqual({ dist: '${{ steps.build.outputs.dist }}' })
    const build = jobs.check.steps.at(-1)
    await mkdir(join(workspace, 'built/dist'), { recursive: true })
    // In place of the build, which script/check compares with dist/ anyway.
    const npm = join(workspace, 'bin/npm')
    await writeFile(
      npm,
      '#!/bin/sh\necho "$*" >said-to-npm\ncp dist/index.js "$RUNNER_TEMP/dist"\n'
    )
    await chmod(npm, 0o755)
    const env = {
      PATH: `${join(workspace, 'bin')}:${process.env['PATH'] ?? ''}`,
      RUNNER_TEMP: join(workspace, 'built'),
      GITHUB_OUTPUT: join(workspace, 'outputs')
    }
    await promisify(execFile)('bash', ['-e', '-c', build?.run ?? ''], { cwd: workspace, env })
    expect(await readFile(join(workspace, 'outputs'), 'utf8')).toBe(`dist=${digest(bundle)}\n`)
    expect(await readFile(join(workspace, 'said-to-npm'), 'utf8')).toBe(
      `run --silent build -- --quiet --out ${join(workspace, 'built/dist')}\n`
    )
  })

  test('attests dist/index.js before the release is made, with no right that this does not need', () => {
    const { permissions, steps } = jobs.release
    const names = steps.map(({ name }) => name)
    const attest = steps.findIndex(({ uses }) =>
      uses?.startsWith('actions/attest-build-provenance@')
    )
    expect(steps[attest]?.with).toEqual({ 'subject-path': 'dist/index.js' })
    expect(names.indexOf('Make the release')).toBeGreaterThan(attest)
    expect(names.findIndex((name) => name?.startsWith('Compare dist/'))).toBeLessThan(attest)
    expect(permissions).toEqual({
      contents: 'write',
      'id-token': 'write',
      attestations: 'write'
    })
    expect(jobs.check.permissions).toBeUndefined()
  })
})

test('action.yml has what the Marketplace asks for', () => {
  const { name, description, branding } = parse(read('action.yml')) as Record<string, unknown>
  expect(name).toMatch(/\S/)
  // The Marketplace refuses a longer one.
  expect(String(description).length).toBeLessThan(125)
  expect(branding).toEqual({
    icon: expect.stringMatching(/^[a-z-]+$/),
    color: expect.stringMatching(/^(white|yellow|blue|green|orange|red|purple|gray-dark)$/)
  })
})

test('the change log has a part for the present version', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  expect(read('CHANGELOG.md')).toMatch(new RegExp(`^## ${version}$`, 'm'))
})
