import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { blocksOf, documents, read } from './repository.ts'

/** What a piece of configuration finds around it in a whole one. */
const around = `
defaults
    mode http
    timeout connect 5s
    timeout client 1m
    timeout server 1m
frontend somebody_must_listen
    bind 127.0.0.1:1
`

const blocks = [
  ...documents().flatMap((path) => blocksOf(path, 'haproxy')),
  { path: '.github/haproxy/haproxy.cfg', line: 1, text: read('.github/haproxy/haproxy.cfg') }
]

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'configuration-'))
  const file = (name: string): string => join(directory, name)
  const made = ['-keyout', file('key'), '-out', file('deploy-ca.pem'), '-subj', '/CN=lb', '-nodes']
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...made])
  // A state file as it is before the first reload: nothing but its version.
  await writeFile(file('server-state'), '1\n')
  await promisify(execFile)('sh', ['-c', 'cat key deploy-ca.pem >stats.pem'], { cwd: directory })
})
afterAll(() => rm(directory, { recursive: true }))

/** What HAProxy says to a configuration; nothing, if there is nothing to say. */
async function check(text: string): Promise<string> {
  const path = join(directory, 'haproxy.cfg')
  await writeFile(path, around + text.replaceAll(/\/(etc|var\/lib)\/haproxy\//g, `${directory}/`))
  const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` }
  const run = promisify(execFile)(process.env['HAPROXY'] ?? 'haproxy', ['-c', '-f', path], { env })
  const { stdout, stderr } = await run.catch((error: unknown) => error as Awaited<typeof run>)
  return (stdout + stderr)
    .split('\n')
    .filter((line) => /WARNING|ALERT/.test(line))
    .join('\n')
}

test('several pages show a configuration', () => {
  expect(new Set(blocks.map(({ path }) => path)).size).toBeGreaterThan(5)
})

test.each(blocks.map(({ path, line, text }) => [`${path}:${line}`, text] as const))(
  'HAProxy takes the configuration at %s without a word',
  async (_, text) => {
    expect(await check(text)).toBe('')
  }
)

test('the check itself finds a misspelt keyword', async () => {
  expect(await check('backend web\n    balence roundrobin\n')).toContain('balence')
})
