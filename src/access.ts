import { getInput, notice, setSecret } from '@actions/core'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { InputName } from './defaults.ts'
import { basicAuthorization } from './haproxy/stats-page.ts'
import { type Credentials, parseStatsUrl, type StatsUrl } from './haproxy/stats-url.ts'
import type { TransportSettings } from './haproxy/transport.ts'
import { type InputReader, UNAVAILABLE } from './input-reader.ts'

/** One HAProxy and how to log in there. */
export interface Instance {
  readonly url: StatsUrl
  readonly credentials: Credentials | undefined
}

const COLON = 'has a colon, which HTTP Basic authentication cannot carry.'

/** Reads the credentials for every URL that carries none, and has them masked. */
export function readCredentials(reader: InputReader): Credentials | undefined {
  const username = reader.text('username')
  // Never trimmed: a password may begin or end with a space.
  const given = getInput('password', { trimWhitespace: false })
  const password = given.replace(/\r?\n$/, '')
  if (username === '' && password === '') {
    return undefined
  }
  const credentials = masked({ username, password })
  if (password !== given) {
    notice('The password ends in a line break, which is left out. Store the secret without it.')
  }
  if (username.includes(':')) {
    // Not shown: what follows the colon may be the password.
    reader.refuse('username', `it ${COLON}`)
  }
  if (password === '') {
    reader.refuse('password', `it is empty although there is a user name. ${UNAVAILABLE}`)
  }
  return credentials
}

/** Reads the instances, each of them once, and has the passwords in their URLs masked. */
export function readInstances(reader: InputReader, fallback: Credentials | undefined): Instance[] {
  const instances = new Map<string, Instance>()
  const list = reader.list('stats-url')
  // A password alone is enough for URLs that carry a user name, and for no other.
  if (fallback?.username === '' && !list.every((text) => /\/\/[^/?#]*@/.test(text))) {
    reader.refuse('username', `it is empty although there is a password. ${UNAVAILABLE}`)
  }
  for (const [index, text] of list.entries()) {
    try {
      const url = parseStatsUrl(text)
      instances.set(url.href, { url, credentials: credentialsFor(url, fallback) })
    } catch (error) {
      const which = list.length > 1 ? ` (number ${index + 1} of ${list.length})` : ''
      const reason = error instanceof Error ? error.message : String(error)
      // The URL itself is not shown: it may hold a password.
      reader.refuse('stats-url', `the URL${which} cannot be used: ${reason}.`)
    }
  }
  return [...instances.values()]
}

function credentialsFor(
  { userinfo }: StatsUrl,
  fallback: Credentials | undefined
): Credentials | undefined {
  if (userinfo === undefined) {
    return fallback
  }
  const { username, password = fallback?.password } = userinfo
  if (username.includes(':')) {
    throw new Error(`its user name ${COLON.replace(/\.$/, '')}`)
  }
  if (password === undefined || password === '') {
    throw new Error('it carries a user name, and there is no password for it')
  }
  return masked({ username, password })
}

/** Has a password masked in every form in which it may turn up somewhere. */
function masked(credentials: Credentials): Credentials {
  const { password } = credentials
  if (password !== '') {
    const forms = [
      password,
      encodeURIComponent(password),
      new URLSearchParams({ '': password }).toString().slice(1),
      JSON.stringify(password).slice(1, -1),
      Buffer.from(password).toString('base64'),
      basicAuthorization(credentials).replace('Basic ', '')
    ]
    new Set(forms).forEach(setSecret)
  }
  return credentials
}

type Certificates = Pick<TransportSettings, 'ca' | 'clientCertificate' | 'clientKey'>

/** Reads the certificates, sees that they can be used, and has the key masked. */
export function readCertificates(reader: InputReader): Certificates {
  const ca = readPem(reader, 'ca-certificate')
  const clientCertificate = readPem(reader, 'client-certificate')
  const clientKey = readPem(reader, 'client-key')
  if (clientKey !== undefined) {
    setSecret(clientKey)
  }
  if ((clientCertificate === undefined) !== (clientKey === undefined)) {
    const missing = clientKey === undefined ? 'client-key' : 'client-certificate'
    reader.refuse(missing, `a client certificate and its key go together. ${UNAVAILABLE}`)
  }
  if (ca !== undefined) {
    check(reader, 'ca-certificate', () => {
      readAll(ca)
    })
  }
  if (clientCertificate !== undefined) {
    check(reader, 'client-certificate', () => {
      readAll(clientCertificate)
    })
  }
  if (clientCertificate !== undefined && clientKey !== undefined) {
    check(reader, 'client-key', () =>
      createSecureContext({ cert: clientCertificate, key: clientKey })
    )
  }
  return { ca, clientCertificate, clientKey }
}

function readPem(reader: InputReader, name: InputName): string | undefined {
  const text = reader.text(name)
  if (text === '' || text.includes('-----BEGIN ')) {
    return text === '' ? undefined : text
  }
  try {
    const pem = readFileSync(text, 'utf8')
    if (pem.includes('-----BEGIN ')) {
      return pem
    }
    reader.refuse(name, 'it is a file that holds no PEM text.')
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException
    reader.refuse(name, `it is neither PEM text nor a file that can be read (${code}).`)
  }
  return undefined
}

/** Node would leave out in silence what is not a certificate. */
function readAll(pem: string): void {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs) ?? []
  if (certificates.length === 0) {
    throw new Error('it has no certificate')
  }
  certificates.forEach((certificate) => new X509Certificate(certificate))
}

function check(reader: InputReader, name: InputName, use: () => unknown): void {
  try {
    use()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    reader.refuse(
      name,
      `it cannot be used (${reason}). It must be PEM, and a key must be without a passphrase.`
    )
  }
}
