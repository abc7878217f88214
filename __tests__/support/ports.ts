import { connect, createServer, type Server } from 'node:net'

// Asking the kernel for port 0 gives a port out of the range that outgoing connections use as well:
// under traffic one of them can sit on the port of an application that is down for a moment. So the
// ports come from below that range, in blocks. Whoever listens on the first port of a block has the rest of it,
// so that tests which run at the same time never meet.
const lowest = 10_240
const portsPerBlock = 125
const blocks = 176

let block: Promise<number> | undefined
let cursor = 0

/** A TCP port of the loopback that nobody listens on, and that no other test is given. */
export async function freePort(): Promise<number> {
  block ??= claimBlock()
  const first = await block
  for (let attempt = 1; attempt < portsPerBlock; attempt += 1) {
    cursor = (cursor % (portsPerBlock - 1)) + 1
    const port = first + cursor
    if (await isFree(port)) return port
  }
  throw new Error(`All ports from ${first} to ${first + portsPerBlock - 1} are in use`)
}

/**
 * The first port of a block that is this process's own until it ends. Jest loads this file anew for every test
 * file, and a mutation test loads all of them thousands of times, so a block that the process has is found again.
 */
async function claimBlock(): Promise<number> {
  const owner = String(process.pid)
  for (let attempt = 0; attempt < blocks; attempt += 1) {
    const port = lowest + ((process.pid + attempt) % blocks) * portsPerBlock
    const claim = await listen(port)
    claim
      ?.on('connection', (socket) => socket.on('error', () => socket.destroy()).end(owner))
      .unref()
    if (claim !== undefined || (await ownerOf(port)) === owner) return port
  }
  throw new Error('All blocks of ports are in use')
}

/** What the owner of a block says of itself. */
function ownerOf(port: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1')
    socket.setTimeout(200, () => socket.destroy())
    socket.on('data', (text) => (answer += String(text)))
    socket.once('error', () => undefined)
    socket.once('close', () => {
      resolve(answer)
    })
  })
}

/** As many different free ports, as {@link freePort} gives them. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

async function isFree(port: number): Promise<boolean> {
  const probe = await listen(port)
  if (probe === undefined) return false
  await new Promise((resolve) => probe.close(resolve))
  return true
}

/** Listens on a port of the loopback; undefined where somebody else does. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => {
      resolve(undefined)
    })
    server.listen(port, '127.0.0.1', () => {
      resolve(server)
    })
  })
}
