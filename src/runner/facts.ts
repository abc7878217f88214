import { formatDuration } from '../rotation/duration.ts'
import type { Fact, OldProcessState } from '../rotation/outcome.ts'
import { atSameAddress, describeOthers, type SharedAddresses } from '../rotation/same-address.ts'

/** What was proven of servers that are drained, as a sentence of the job summary. */
export function explainFact(fact: Fact): string {
  switch (fact.kind) {
    case 'idle': {
      const { maxSessions, forMs } = fact
      const rest =
        maxSessions === 0 ? 'No session' : `At most ${maxSessions} sessions on each server`
      return `${rest} for ${formatDuration(forMs)}.`
    }
    case 'process': {
      const { instance, pid, ageMs, older } = fact
      return `${instance.name}: process ${pid} has been running for ${formatDuration(ageMs)}; ${olderInWords(older)}.`
    }
    case 'addresses':
      return addressesInWords(fact.shared)
    case 'serving': {
      const { backend, servers } = fact
      return `Serving in ${backend}: ${servers.length > 0 ? servers.join(', ') : 'none'}.`
    }
  }
}

function olderInWords(older: OldProcessState): string {
  switch (older.kind) {
    case 'gone':
      return `no older process can hold a session, given a hard-stop-after of ${formatDuration(older.hardStopAfterMs)}`
    case 'assumed gone':
      return 'older processes are assumed to be gone after an hour'
    case 'was idle':
      return 'HAProxy was reloaded meanwhile, and no session was left on its old process'
    case 'may remain':
      return 'an older process may hold a session'
  }
}

function addressesInWords(shared: SharedAddresses): string {
  const others = atSameAddress(shared)
  if (others.length > 0) {
    return `At the same address: ${describeOthers(others)}.`
  }
  return shared.areShown
    ? 'When the step began, no other server in rotation was at the same address.'
    : 'The page does not show the addresses (stats show-legends).'
}
