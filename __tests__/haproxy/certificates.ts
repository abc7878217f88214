import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
  /** A file with both, as `bind … ssl crt` takes it. */
  readonly file: string
}

/** A certificate authority of a test's own, made by the `openssl` command in a directory of its own. */
export class Authority {
  /** The authority's certificate, in PEM. */
  readonly cert: string
  /** The same, as a file. */
  readonly file: string
  readonly #directory: string
  #issued = 0

  private constructor(directory: string, cert: string) {
    this.#directory = directory
    this.cert = cert
    this.file = join(directory, 'ca.pem')
  }

  static async create(name = 'test'): Promise<Authority> {
    const directory = await mkdtemp(join(tmpdir(), 'authority-'))
    const [key, file] = [join(directory, 'ca.key'), join(directory, 'ca.pem')]
    const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
    const what = ['-subj', `/CN=${name}`, '-days', '2', ...names]
    await run('openssl', ['req', '-x509', ...KEY, '-keyout', key, '-out', file, ...what])
    return new Authority(directory, await readFile(file, 'utf8'))
  }

  /** The authority as a server of its own: its certificate is for this machine, too. */
  async ownIdentity(): Promise<Identity> {
    const key = await readFile(join(this.#directory, 'ca.key'), 'utf8')
    const file = join(this.#directory, 'own.pem')
    await writeFile(file, this.cert + key)
    return { cert: this.cert, key, file }
  }

  /**
   * A certificate for these names (`DNS:x,IP:y`), valid from now on for so many days.
   *
   * @param use the only use that it is for (`clientAuth`)
   */
  async issue(names: string, days = 2, use?: string): Promise<Identity> {
    this.#issued += 1
    const serial = String(this.#issued)
    const path = (ending: string): string => join(this.#directory, `${serial}.${ending}`)
    const caKey = join(this.#directory, 'ca.key')
    const request = ['-keyout', path('key'), '-out', path('csr'), '-subj', '/CN=nobody']
    await run('openssl', ['req', ...KEY, ...request])
    const extendedKeyUsage = use === undefined ? '' : `extendedKeyUsage=${use}\n`
    await writeFile(path('ext'), `subjectAltName=${names}\n${extendedKeyUsage}`)
    const signing = [
      '-CA',
      this.file,
      '-CAkey',
      caKey,
      '-set_serial',
      serial,
      '-days',
      String(days)
    ]
    const files = ['-in', path('csr'), '-extfile', path('ext'), '-out', path('crt')]
    await run('openssl', ['x509', '-req', ...signing, ...files])
    const [cert, key] = await Promise.all([
      readFile(path('crt'), 'utf8'),
      readFile(path('key'), 'utf8')
    ])
    await writeFile(path('pem'), cert + key)
    return { cert, key, file: path('pem') }
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }
}
