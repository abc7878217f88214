import { StatsPage } from '../haproxy/stats-page.ts'
import { parseStatsUrl } from '../haproxy/stats-url.ts'
import type { Inputs } from './inputs.ts'
import { debug, log } from './log.ts'

/** The statistics pages of all HAProxies that the inputs name. */
export function openPages(inputs: Inputs): StatsPage[] {
  warnOfUnverifiedTls(inputs)
  return inputs.instances.map(
    ({ url, credentials }) =>
      new StatsPage({ url, credentials, settings: inputs.transport, trace: debug })
  )
}

/** The page at a URL that the main step has read and saved without its credentials; those come from the inputs. */
export function reopenPage(href: string, inputs: Inputs): StatsPage {
  const known = inputs.instances.find(({ url }) => url.href === href)
  return new StatsPage({
    url: known?.url ?? parseStatsUrl(href),
    credentials: known === undefined ? inputs.credentials : known.credentials,
    settings: inputs.transport,
    trace: debug,
    wasRead: true
  })
}

function warnOfUnverifiedTls({ transport, instances }: Inputs): void {
  if (!transport.verifyTls && instances.some(({ url }) => url.href.startsWith('https:'))) {
    log.warning(
      'tls-verify is false: anybody between here and HAProxy can read the password and answer in its place.',
      'TLS is not verified'
    )
  }
}
