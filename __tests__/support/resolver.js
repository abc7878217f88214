// Loaded into a run by names.ts: answers look-ups of some host names instead of the machine's resolver.
import dns from 'node:dns'
import { existsSync, open } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { isIP } from 'node:net'

const names = JSON.parse(process.env['TEST_NAMES'] ?? '{}')
const lookUp = dns.lookup

dns.lookup = (host, options, callback) => {
  const known = names[host]
  if (known === undefined) {
    lookUp(host, options, callback)
  } else if (existsSync(known.fifo)) {
    process.stderr.write(`Looking up ${host}.\n`)
    // Nobody ever writes to the FIFO, so a thread of the pool waits in `open`, as it does in `getaddrinfo`.
    open(known.fifo, 'r', callback)
  } else {
    const found = known.addresses.map((address) => ({ address, family: isIP(address) }))
    process.nextTick(() => {
      if (options.all) callback(null, found)
      else callback(null, found[0].address, found[0].family)
    })
  }
}
dns.promises.lookup = (host, options = {}) =>
  new Promise((resolve, reject) => {
    dns.lookup(host, options, (error, found, family) => {
      if (error) reject(error)
      else resolve(options.all ? found : { address: found, family })
    })
  })
syncBuiltinESMExports()
