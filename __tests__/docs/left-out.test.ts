import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { root } from './repository.ts'

/** A folder for PATH with what the scripts need, but not the tools that they install something with. */
let bin: string
beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), 'bare-'))
  for (const name of ['bash', 'dirname']) {
    const { stdout } = await promisify(execFile)('sh', ['-c', `command -v ${name}`])
    await symlink(stdout.trim(), join(bin, name))
  }
})
afterAll(() => rm(bin, { recursive: true }))

test.each([
  ['act', 'act is built with Go, and there is none here.'],
  ['zizmor', 'zizmor is installed with Python and its venv, and they are not here.']
])(
  'script/%s is left out, with a word, where it has nothing to install its tool with',
  async (name, reason) => {
    // A folder in which no tool is installed yet.
    const copy = join(bin, 'copy')
    const { stdout } = await promisify(execFile)('sh', [
      '-c',
      `mkdir -p ${copy}/script && cp ${join(root, 'script', name)} ${copy}/script/ && PATH=${bin} exec bash ${copy}/script/${name}`
    ])
    expect(stdout).toBe(`script/${name} is left out: ${reason}\n`)
  }
)
