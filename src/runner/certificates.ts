import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { messageOf } from '../haproxy/errors.ts'
import type { TransportSettings } from '../haproxy/request-setup.ts'
import type { InputName } from './defaults.ts'
import { type InputReader, UNAVAILABLE } from './input-reader.ts'
import { mask } from './log.ts'

type Certificates = Pick<TransportSettings, 'ca' | 'clientCertificate' | 'clientKey'>

/** Reads the certificates, checks that they can be used, and masks the key. */
export function readCertificates(reader: InputReader): Certificates {
  const ca = readPem(reader, 'ca-certificate')
  const clientCertificate = readPem(reader, 'client-certificate')
  const clientKey = readPem(reader, 'client-key')
  if (clientKey !== undefined) {
    mask(clientKey)
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

/** Node would silently leave out what is not a certificate. */
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
    const reason = messageOf(error)
    reader.refuse(
      name,
      `it cannot be used (${reason}). It must be PEM, and a key must be without a passphrase.`
    )
  }
}
