import { getProxyUrl } from '@actions/http-client/lib/proxy'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { explainFailure } from './network-errors.ts'
import type { TransportSettings } from './request-setup.ts'
import type { Request } from './transport.ts'

/**
 * The addresses of a host, in the order in which the resolver gives them; none for an address, and none where
 * a proxy connects, because that one resolves the name.
 *
 * @throws HaproxyError `host-not-found`, `timed-out`; the signal's own reason when that ended it
 */
export async function resolveHost(
  request: Pick<Request, 'url' | 'signal' | 'attempt'>,
  { timeoutMs }: TransportSettings
): Promise<string[]> {
  const { url, signal, attempt } = request
  const host = url.hostname.replace(/[[\]]/g, '')
  if (isIP(host) !== 0 || getProxyUrl(url) !== undefined) {
    return []
  }
  const deadline = AbortSignal.timeout(timeoutMs)
  try {
    // A look-up cannot be aborted, only left behind.
    const found = await Promise.race([
      lookup(host, { all: true }),
      rejection(signal),
      rejection(deadline)
    ])
    return found.map(({ address }) => address)
  } catch (error) {
    signal.throwIfAborted()
    const timedOutMs = deadline.aborted ? timeoutMs : undefined
    throw explainFailure(error, { attempt, url, phase: 'looking up the host', timedOutMs })
  }
}

/** Rejects with the signal's reason as soon as that fires. */
function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void => {
      reject(signal.reason as Error)
    }
    if (signal.aborted) {
      fail()
    } else {
      signal.addEventListener('abort', fail)
    }
  })
}
