import { createServer } from 'node:net'
import { listen, type Listener } from './listener.ts'

/** Starts an agent on the loopback that gives this answer to every agent check. */
export async function startAgent(answer: string): Promise<Agent> {
  const agent = new Agent(answer)
  await agent.start()
  return agent
}

/** The other side of an agent check. */
class Agent {
  /** What it says: `up`, `up ready`, `drain`, `50%`; may be set. */
  answer: string
  /** How often it was asked. */
  asked = 0
  #listener: Listener | undefined

  constructor(answer: string) {
    this.answer = answer
  }

  get port(): number {
    return this.#listener?.port ?? 0
  }

  async start(): Promise<void> {
    const server = createServer((socket) => {
      this.asked += 1
      socket.end(`${this.answer}\n`)
    })
    this.#listener = await listen(server)
  }

  async stop(): Promise<void> {
    await this.#listener?.stop()
  }
}

export type { Agent }
