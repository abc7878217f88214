import { setTimeout as sleep } from 'node:timers/promises'
import { startTraffic } from '../support/traffic.ts'

const slow = '/slow?ms=2000'
const requestLimitMs = 15_000

/** What the users have met so far. */
export interface Users {
  readonly answered: number
  /** Why requests failed: of each kind of user the first few. */
  readonly failures: readonly string[]
  /** Lets the requests in flight end, then resolves. */
  stop(): Promise<void>
}

/**
 * Users of every kind: on kept connections and on new ones, with short requests and with ones of two
 * seconds, and some that a cookie pins to a server.
 */
export function startUsers(userUrl: string): Users {
  const traffics = [
    startTraffic(userUrl, { workers: 8, keepAlive: true, pauseMs: 15 }),
    startTraffic(userUrl, { workers: 4, pauseMs: 15 }),
    startTraffic(userUrl, { workers: 3, path: slow, keepAlive: true }),
    startTraffic(userUrl, { workers: 3, path: slow })
  ]
  const pinned = ['/', '/', slow].map((path) => startPinnedUser(new URL(path, userUrl)))
  return {
    get answered() {
      const counts = [...traffics.map(({ ok }) => ok), ...pinned.map(({ answered }) => answered)]
      return counts.reduce((sum, count) => sum + count, 0)
    },
    get failures() {
      return [
        ...traffics.flatMap(({ failures }) => failures.map(({ reason }) => reason)),
        ...pinned.flatMap(({ failures }) => failures)
      ]
    },
    async stop() {
      await Promise.all([...traffics, ...pinned].map((users) => users.stop()))
    }
  }
}

/** A user who keeps the cookie that it was given last, and asks on a new connection every time. */
function startPinnedUser(url: URL): Users {
  let cookie = ''
  let answered = 0
  let ended = false
  const failures: string[] = []
  const ask = async (): Promise<void> => {
    const response = await fetch(url, {
      headers: { Connection: 'close', Cookie: cookie },
      signal: AbortSignal.timeout(requestLimitMs)
    })
    await response.arrayBuffer()
    if (response.status !== 200) throw new Error(`HTTP ${response.status}`)
    cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? cookie
  }
  const work = async (): Promise<void> => {
    while (!ended) {
      try {
        await ask()
        answered += 1
      } catch (error) {
        failures.push(`pinned by ${cookie}: ${String(error)}`)
      }
      await sleep(10)
    }
  }
  const finished = work()
  return {
    get answered() {
      return answered
    },
    failures,
    async stop() {
      ended = true
      await finished
    }
  }
}
