import { execFile } from 'node:child_process'
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { type Farm, startFarm } from '../support/farm.ts'
import { leaksIn } from '../support/secrets.ts'
import { blocksOf, root } from './repository.ts'

const run = promisify(execFile)
const page = 'docs/other-ci.md'
const password = 'correct horse battery'

/** The only block in a language; with several, the one that has this text. */
function block(language: string, part = ''): string {
  const found = blocksOf(page, language).filter(({ text }) => text.includes(part))
  if (found.length !== 1) throw new Error(`${page} has ${found.length} times ${language} ${part}`)
  return found[0]?.text ?? ''
}

interface GitlabJob {
  readonly script: readonly string[]
}
interface AzureStep {
  readonly bash?: string
  readonly env?: Readonly<Record<string, string>>
}

const script = block('sh')
const gitlab = (parse(block('text', 'script:')) as { deploy: GitlabJob }).deploy
const jenkins = block('text', 'pipeline {')
const azure = (parse(block('text', '- bash:')) as { steps: AzureStep[] }).steps

let farm: Farm
let home: string
beforeAll(async () => {
  farm = await startFarm({
    servers: ['node1', 'node2'],
    users: { username: 'deploy', password },
    statsLines: ['stats admin if TRUE', 'stats show-legends']
  })
  home = await mkdtemp(join(tmpdir(), 'other-ci-'))
  await release(join(home, 'OWNER/haproxy-server-state.git'))
})
afterAll(async () => {
  await farm.stop()
  await rm(home, { recursive: true })
})

/** A repository with the action at the tag that the page names, for `git clone`. */
async function release(repository: string): Promise<void> {
  const version = /^version=(\S+)$/m.exec(script)?.[1] ?? ''
  await mkdir(repository, { recursive: true })
  await cp(join(root, 'action.yml'), join(repository, 'action.yml'))
  await cp(join(root, 'dist'), join(repository, 'dist'), { recursive: true })
  const git = (...args: string[]): Promise<unknown> =>
    run('git', ['-c', 'user.name=o', '-c', 'user.email=o@localhost', ...args], { cwd: repository })
  await git('init', '--quiet')
  await git('add', '.')
  await git('commit', '--quiet', '--message', 'Release')
  await git('tag', version)
}

interface Ran {
  readonly exitCode: number
  readonly output: string
}

/** A job in a workspace of its own: these commands, one after the other, until one fails. */
async function runJob(
  commands: readonly { readonly line: string; readonly env: Readonly<Record<string, string>> }[],
  deploy = 'exit 0'
): Promise<Ran[]> {
  const workspace = await mkdtemp(join(home, 'workspace-'))
  const rotate = script
    .replace(/INPUT_STATS-URL=\S+/, `INPUT_STATS-URL=${farm.statsUrl}`)
    .replace(/INPUT_HARD-STOP-AFTER=\S+/, 'INPUT_HARD-STOP-AFTER=0s')
  for (const [name, text] of [
    ['rotate', rotate],
    ['deploy', `#!/bin/sh\n${deploy}\n`]
  ] as const) {
    await writeFile(join(workspace, name), text)
    await chmod(join(workspace, name), 0o755)
  }
  const ran: Ran[] = []
  for (const { line, env } of commands) {
    const result = await runLine(line, workspace, env)
    ran.push(result)
    if (result.exitCode !== 0) break
  }
  return ran
}

async function runLine(
  line: string,
  cwd: string,
  env: Readonly<Record<string, string>>
): Promise<Ran> {
  const options = {
    cwd,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: home,
      // What is to come from GitHub comes from the repository above.
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: `url.file://${home}/.insteadOf`,
      GIT_CONFIG_VALUE_0: 'https://github.com/',
      ...env
    }
  }
  try {
    const { stdout, stderr } = await run('sh', ['-e', '-c', line], options)
    return { exitCode: 0, output: stdout + stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { exitCode: code, output: stdout + stderr }
  }
}

function lastLine(ran: Ran | undefined): string | undefined {
  return ran?.output.trimEnd().split('\n').at(-1)
}

const given = { INPUT_PASSWORD: password }
const gitlabJob = gitlab.script.map((line) => ({ line, env: given }))
const jobs = {
  'GitLab CI': gitlabJob,
  Jenkins: [...jenkins.matchAll(/sh '(.*)'/g)].map(([, line = '']) => ({ line, env: given })),
  'Azure Pipelines': azure.flatMap(({ bash, env = {} }) => {
    if (bash === undefined) return []
    const secret = (value: string): string => value.replace('$(haproxyPassword)', password)
    const values = Object.entries(env).map(([name, value]) => [name, secret(value)])
    return [{ line: bash, env: Object.fromEntries(values) as Record<string, string> }]
  })
}

describe.each(Object.entries(jobs))('the job for %s', (_, job) => {
  test('takes node1 out, deploys, brings it back, and shows no secret', async () => {
    const [out, deploy, back, ...more] = await runJob(job)
    expect(lastLine(out)).toMatch(/^Safe to stop: /)
    expect(deploy?.exitCode).toBe(0)
    expect(lastLine(back)).toMatch(/^Back and taking traffic: /)
    expect(back?.exitCode).toBe(0)
    expect(more).toEqual([])
    expect(await farm.status('node1')).toBe('UP')

    const output = `${out?.output ?? ''}${back?.output ?? ''}`
    expect(output).not.toContain('::add-mask::')
    expect(leaksIn(output, [password])).toEqual([])
  })

  test('ends red with the deploy, and leaves node1 out', async () => {
    try {
      const ran = await runJob(job, 'exit 3')
      expect(ran.map(({ exitCode }) => exitCode)).toEqual([0, 3])
      expect(await farm.status('node1')).toBe('MAINT')
    } finally {
      await farm.set('node1', 'ready')
      await farm.until(async () => (await farm.status('node1')) === 'UP')
    }
  })
})

test('a step that is red for the action is red for the CI', async () => {
  const [out] = await runJob([{ line: './rotate maint node9', env: given }])
  expect(out?.exitCode).toBe(1)
  expect(lastLine(out)).toMatch(/^error: The backend web has no server node9/)
})

describe('the password', () => {
  test('is what Jenkins and Azure Pipelines hand over under the name of the input', () => {
    expect(jenkins).toContain("INPUT_PASSWORD = credentials('haproxy-password')")
    expect(azure.filter(({ env }) => env !== undefined)).toHaveLength(2)
    for (const { env } of azure) expect(Object.keys(env ?? given)).toEqual(['INPUT_PASSWORD'])
  })

  test('is not in the log without sed either', async () => {
    const line = `sed -i 's/ |$/ | cat/; /^ *sed /d' rotate; ./rotate maint node9`
    const [out] = await runJob([{ line, env: given }])
    expect(out?.output).toContain('node9')
    expect(leaksIn(out?.output ?? '', [password])).toEqual([])
  })
})

describe('what the page says of the files of the runner is so', () => {
  const status = './rotate status node1'

  test('outputs and summary are written where the variables say', async () => {
    const files = {
      GITHUB_OUTPUT: join(home, 'outputs'),
      GITHUB_STEP_SUMMARY: join(home, 'summary')
    }
    for (const file of Object.values(files)) await writeFile(file, '')
    const [look] = await runJob([{ line: status, env: { ...given, ...files } }])
    expect(look?.exitCode).toBe(0)
    expect(await readFile(files.GITHUB_OUTPUT, 'utf8')).toContain('status<<')
    expect(await readFile(files.GITHUB_STEP_SUMMARY, 'utf8')).toContain('<table>')
  })

  test('a step fails after its work where the file for its outputs does not exist', async () => {
    const env = { ...given, GITHUB_OUTPUT: join(home, 'nowhere') }
    const [look] = await runJob([{ line: status, env }])
    expect(look?.exitCode).toBe(1)
    expect(look?.output).toContain('the outputs of this step are missing')
    expect(look?.output).toContain('web/node1')
  })
})
