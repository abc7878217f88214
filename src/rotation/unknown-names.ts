import leven from 'leven'
import type { Snapshot } from '../haproxy/csv.ts'
import { HaproxyError } from '../haproxy/errors.ts'
import type { Server } from '../haproxy/server.ts'
import type { Instance } from './instance.ts'

/**
 * The error of a backend that the page does not show, which names those that it shows.
 *
 * @param servers the servers that were looked for in it
 */
export function noBackend(
  instance: Instance,
  name: string,
  servers: readonly string[] | 'every',
  everything: Snapshot
): HaproxyError {
  const what = `The statistics page ${instance.name} shows no backend ${name}`
  if (everything.proxies.has(name)) {
    return new HaproxyError('unknown-backend', `${what}: ${name} is a frontend.`, {
      advice: 'Name the backend that the frontend sends its traffic to.'
    })
  }
  const names = [...everything.proxies]
    .filter(([, kinds]) => kinds.has('backend'))
    .map(([proxy]) => proxy)
  const meant = everything.servers.find(
    (server) => server.name === name && servers !== 'every' && servers.includes(server.backend)
  )
  if (meant !== undefined) {
    return new HaproxyError(
      'unknown-backend',
      `${what}, but ${meant.backend} is a backend, and ${name} a server in it: backend and server seem to be swapped.`,
      { advice: 'Swap the two.' }
    )
  }
  return new HaproxyError('unknown-backend', `${what}; ${listOf('backend', names, name)}`)
}

/** At most this many names are listed, lest one error fill the log. */
const MAX_LISTED = 20

/** What names there are, and which one may have been meant. */
export function listOf(
  kind: 'backend' | 'server',
  names: readonly string[],
  wanted: string
): string {
  if (names.length === 0) {
    return `it shows no ${kind} at all.`
  }
  const nearest = closestTo(wanted, names)
  const meant = nearest === undefined ? '' : ` Did you mean ${nearest}?`
  const listed = names.slice(0, MAX_LISTED).join(', ')
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : ''
  return `there are the ${kind}s ${listed}${more}.${meant}`
}

/**
 * The one name that is most similar. Capitals do not count, for a wrong one is the likeliest mistake; another
 * number does, for it names another server.
 */
function closestTo(wanted: string, names: readonly string[]): string | undefined {
  const sought = wanted.toLowerCase()
  const byDistance = Map.groupBy(names, (name) => leven(sought, name.toLowerCase()))
  const least = Math.min(...byDistance.keys())
  const [nearest = '', ...asNear] = byDistance.get(least) ?? []
  const isOtherNumber = least > 0 && lettersOf(nearest.toLowerCase()) === lettersOf(sought)
  const isSimilar = least <= Math.ceil(wanted.length / 2) && least < wanted.length
  return isSimilar && asNear.length === 0 && !isOtherNumber ? nearest : undefined
}

/** What to say of a server that was named by its address, or may have been; undefined for any other name. */
export function addressHint(wanted: string, servers: readonly Server[]): string | undefined {
  if (!/^\d+\.\d+\.\d+\.\d+$|:\d+$/.test(wanted)) {
    return undefined
  }
  const [only, ...others] = servers.filter(
    ({ address }) =>
      address !== undefined && [address.host, `${address.host}:${address.port}`].includes(wanted)
  )
  const found = only !== undefined && others.length === 0 ? `: that is ${only.name}` : ''
  return `That looks like an address, but its name in haproxy.cfg is needed${found}.`
}

function lettersOf(name: string): string {
  return name.replaceAll(/\d/g, '')
}
