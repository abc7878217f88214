import { connect, createServer, type Socket } from 'node:net'
import { listen } from './listener.ts'

/** One address with several HAProxies behind it. */
export interface Balancer {
  readonly port: number
  /** How many connections went to each of them, in their order. */
  readonly connections: readonly number[]
  /** This URL, by way of here. */
  through(url: string): string
  stop(): Promise<void>
}

/** Starts a TCP balancer on the loopback that hands one connection after the other to these ports, in turn. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const connections = ports.map(() => 0)
  const upstreams = new Set<Socket>()
  let next = 0
  const server = createServer((client) => {
    const index = next % ports.length
    next += 1
    connections[index] = (connections[index] ?? 0) + 1
    const upstream = connect(ports[index] ?? 0, '127.0.0.1')
    upstreams.add(upstream)
    upstream.on('error', () => client.destroy())
    upstream.once('close', () => upstreams.delete(upstream))
    client.pipe(upstream).pipe(client)
  })
  const listener = await listen(server)
  return {
    port: listener.port,
    connections,
    through(url) {
      const detour = new URL(url)
      detour.port = String(listener.port)
      return detour.href
    },
    async stop() {
      upstreams.forEach((upstream) => upstream.destroy())
      await listener.stop()
    }
  }
}
