import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const preload = fileURLToPath(new URL('./resolver.js', import.meta.url))

/** A resolver that knows one host name. */
export interface Resolver {
  /** The environment of a run that asks it. */
  readonly env: Readonly<Record<string, string>>
  /**
   * Has every look-up hang from now on, as where nobody answers: it cannot be aborted. Each says on standard error
   * that it begins.
   */
  hang(): Promise<void>
  stop(): Promise<void>
}

/** Makes a resolver that has these addresses for this name; any other name is the machine's to look up. */
export async function makeResolver(name: string, addresses: readonly string[]): Promise<Resolver> {
  const directory = await mkdtemp(join(tmpdir(), 'resolver-'))
  const fifo = join(directory, 'fifo')
  return {
    env: {
      NODE_OPTIONS: `--import=${preload}`,
      TEST_NAMES: JSON.stringify({ [name]: { addresses, fifo } })
    },
    async hang() {
      await promisify(execFile)('mkfifo', [fifo])
    },
    stop: () => rm(directory, { recursive: true, force: true })
  }
}
