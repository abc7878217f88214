import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import type { registerLogger, validate } from '@actions/languageservice'
import { parse } from 'yaml'
import { read, root } from './repository.ts'

type Validate = typeof validate
type Document = Parameters<Validate>[0]
type Config = NonNullable<Parameters<Validate>[1]>

interface Bundle {
  readonly validate: Validate
  readonly registerLogger: typeof registerLogger
  readonly TextDocument: {
    create(uri: string, language: string, version: number, text: string): Document
  }
}

/**
 * GitHub's own checker for workflows and actions, the one of its editor extension. It never goes online:
 * of the actions that others have made it knows nothing.
 */
export class LanguageService {
  readonly #bundle: Bundle
  readonly #failures: string[] = []
  #documents = 0

  private constructor(bundle: Bundle) {
    this.#bundle = bundle
    // What goes wrong within it, it tells a logger only.
    const note = (message: string): void => void this.#failures.push(message)
    const ignore = (): void => undefined
    bundle.registerLogger({ log: ignore, info: ignore, warn: note, error: note })
  }

  /** Bundles it first: it imports JSON in a way that Node refuses. */
  static async load(): Promise<LanguageService> {
    const directory = await mkdtemp(join(tmpdir(), 'language-service-'))
    try {
      const ncc = join(root, 'node_modules/@vercel/ncc/dist/ncc/cli.js')
      const entry = join(root, '__tests__/docs/language-service-entry.js')
      await promisify(execFile)(process.execPath, [ncc, 'build', entry, '-o', directory])
      const bundle = pathToFileURL(join(directory, 'index.js')).href
      return new LanguageService((await import(bundle)) as Bundle)
    } finally {
      await rm(directory, { recursive: true })
    }
  }

  /** What is wrong with a workflow or an action; each with its line. */
  async problems(path: string, text: string): Promise<string[]> {
    // It remembers what it read under one name.
    this.#documents += 1
    const uri = `file:///${this.#documents}/${path}`
    const document = this.#bundle.TextDocument.create(uri, 'yaml', 1, text)
    const diagnostics = await this.#bundle.validate(document, config)
    const said = diagnostics.map(({ range, message }) => {
      const words = typeof message === 'string' ? message : message.value
      return `line ${range.start.line + 1}: ${words}`
    })
    return [...said, ...this.#failures.splice(0)]
  }
}

type Provider = NonNullable<Config['actionsMetadataProvider']>
type Metadata = NonNullable<Awaited<ReturnType<Provider['fetchActionMetadata']>>>

const config: Config = {
  actionsMetadataProvider: {
    // Without inputs nothing is said about them.
    fetchActionMetadata: (action) =>
      Promise.resolve(
        action.name === 'haproxy-server-state'
          ? (parse(read('action.yml')) as Metadata)
          : { name: action.name, description: '' }
      )
  },
  fileProvider: {
    getFileContent: (reference) => {
      if ('repository' in reference && reference.repository !== 'haproxy-server-state') {
        return Promise.reject(new Error(`${reference.repository} is not known here`))
      }
      return Promise.resolve({ name: reference.path, content: read(reference.path) })
    }
  }
}
