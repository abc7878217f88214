import type { TransportSettings } from '../../src/haproxy/request-setup.ts'
import { type Answer, exchange, type Request } from '../../src/haproxy/transport.ts'
import { failureIn } from './failure.ts'

export const SETTINGS: TransportSettings = {
  timeoutMs: 10_000,
  ca: undefined,
  clientCertificate: undefined,
  clientKey: undefined,
  verifyTls: true
}

/** Makes one request, as everything is by default unless it is given. */
export function fetchFrom(
  url: string,
  settings: Partial<TransportSettings> = {},
  request: Partial<Request> = {}
): Promise<Answer> {
  return exchange(
    {
      method: 'GET',
      url: new URL(url),
      authorization: undefined,
      signal: new AbortController().signal,
      attempt: 'Could not do it',
      ...request
    },
    { ...SETTINGS, ...settings }
  )
}

/** The problem of a request that fails, and its message with HOST for the address. */
export async function problemAt(
  url: string,
  settings: Partial<TransportSettings> = {}
): Promise<readonly [string, string]> {
  const { problem, message } = await failureIn(fetchFrom(url, settings))
  return [problem, message.replace(new URL(url).host, 'HOST')]
}
