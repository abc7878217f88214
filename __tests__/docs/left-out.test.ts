import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { root } from './repository.ts'

test('script/act is left out, with a word, where there is no Go to build act with', async () => {
  const bin = await mkdtemp(join(tmpdir(), 'no-go-'))
  try {
    for (const name of ['bash', 'dirname']) {
      const { stdout } = await promisify(execFile)('sh', ['-c', `command -v ${name}`])
      await symlink(stdout.trim(), join(bin, name))
    }
    const { stdout } = await promisify(execFile)('bash', [join(root, 'script/act')], {
      env: { PATH: bin }
    })
    expect(stdout).toBe('script/act is left out: act is built with Go, and there is none here.\n')
  } finally {
    await rm(bin, { recursive: true })
  }
})
