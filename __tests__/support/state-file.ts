import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Haproxy } from './haproxy.ts'

/** A file in which admin states outlast a reload, as a service manager keeps one. */
export interface StateFile {
  /** The section that names the file, for the end of the configuration. */
  readonly section: string
  /** The line with which a backend reads it. */
  readonly backendLine: string
  /** Writes down what HAProxy has at this moment, for its next process to read. */
  save(haproxy: Haproxy): Promise<void>
  remove(): Promise<void>
}

/** Makes an empty state file; without a `save` before it, a reload forgets every admin state. */
export async function makeStateFile(): Promise<StateFile> {
  const directory = await mkdtemp(join(tmpdir(), 'state-'))
  const path = join(directory, 'servers')
  await writeFile(path, '')
  return {
    section: `global\n  server-state-file ${path}`,
    backendLine: 'load-server-state-from-file global',
    async save(haproxy) {
      await writeFile(path, await haproxy.command('show servers state'))
    },
    remove: () => rm(directory, { recursive: true, force: true })
  }
}
