import { createServer, type Server } from 'node:net'

// Asking the kernel for port 0 gives a port out of the range that outgoing connections use as well:
// under traffic one of them can sit on the port of an application that is down for a moment. So the
// ports come from below that range, and each parallel worker has its own thousand of them. Where the
// thousands begin depends on the run, so that two runs on one machine seldom meet.
const lowest = 10_240
const portsPerWorker = 1000
const blocks = 22
const worker = Number(process.env['STRYKER_MUTATOR_WORKER'] ?? process.env['JEST_WORKER_ID'] ?? 0)
const block = (process.ppid * 5 + worker) % blocks

let cursor = Math.floor(Math.random() * portsPerWorker)

/** A TCP port of the loopback that nobody listens on, and that no other test worker is given. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < portsPerWorker; attempt += 1) {
    cursor = (cursor + 1) % portsPerWorker
    const port = lowest + block * portsPerWorker + cursor
    if (await isFree(port)) return port
  }
  throw new Error(`All ${portsPerWorker} ports of test worker ${worker} are in use`)
}

/** As many different free ports, as {@link freePort} gives them. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe: Server = createServer()
    probe.once('error', () => {
      resolve(false)
    })
    probe.listen(port, '127.0.0.1', () => {
      probe.close(() => {
        resolve(true)
      })
    })
  })
}
