import { parseStatsCsv } from '../../src/haproxy/csv.ts'
import { StatsPage } from '../../src/haproxy/stats-page.ts'
import { parseStatsUrl } from '../../src/haproxy/stats-url.ts'
import { Backend } from '../../src/rotation/backend.ts'
import { Instance } from '../../src/rotation/instance.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { pageText, type Row } from '../support/page-text.ts'

/** A HAProxy that nobody asks anything. */
export function instanceAt(url = 'http://lb/admin', clock = new FakeClock()): Instance {
  const settings = {
    timeoutMs: 1_000,
    ca: undefined,
    clientCertificate: undefined,
    clientKey: undefined,
    verifyTls: true
  }
  return new Instance(
    new StatsPage({ url: parseStatsUrl(url), credentials: undefined, settings }),
    clock
  )
}

/** A backend whose servers are as these rows show them; all of them are targets. */
export function backendSeen(rows: readonly Row[], instance: Instance = instanceAt()): Backend {
  const snapshot = parseStatsCsv(pageText(rows), 'the page')
  const { backend = 'web' } = snapshot.servers[0] ?? {}
  return new Backend(
    instance,
    backend,
    { targets: snapshot.servers.map(({ name }) => name) },
    snapshot
  )
}
