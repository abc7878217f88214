import type { Baked, BakeVerdict } from '../rotation/bake-verdict.ts'
import { HEARTBEAT_MS, type Log, type Observer } from '../rotation/context.ts'
import { statesOf } from '../rotation/describe.ts'
import { formatDuration } from '../rotation/duration.ts'
import { bakeChart, type BakeSample } from './bake-chart.ts'
import { standing } from './bake-words.ts'

/** Reports how a watch of traffic goes: a line where a verdict moves, a heartbeat, and a chart at the end. */
export class BakeReport implements Omit<Observer, 'onLook'> {
  readonly #bakeMs: number
  readonly #log: Log
  readonly #said = new Map<string, BakeVerdict>()
  readonly #samples: BakeSample[] = []
  #lastLineMs = 0

  /** @param bakeMs how long the watch is to last, in milliseconds */
  constructor(bakeMs: number, log: Log) {
    this.#bakeMs = bakeMs
    this.#log = log
  }

  /** The chart for the job summary; empty where nothing was watched, or there was no request. */
  get chart(): string {
    return bakeChart(this.#samples)
  }

  readonly onBakeLook: Observer['onBakeLook'] = (baked) => {
    const { servers, elapsedMs } = baked
    if (elapsedMs < (this.#samples.at(-1)?.elapsedMs ?? 0)) {
      // The watch began anew.
      this.#samples.length = 0
      this.#lastLineMs = 0
    }
    this.#samples.push({ elapsedMs, ...sumOf(baked) })
    const moved = servers.filter(({ name, verdict }) => this.#said.get(name) !== verdict)
    const isDue = elapsedMs - this.#lastLineMs >= HEARTBEAT_MS
    const time = `(${formatDuration(elapsedMs)} of ${formatDuration(this.#bakeMs)})`
    for (const server of isDue ? servers : moved) {
      this.#said.set(server.name, server.verdict)
      this.#log.info(`${standing(server)} ${time}.`)
      this.#lastLineMs = elapsedMs
    }
  }

  readonly onBadTakeOut: Observer['onBadTakeOut'] = (targets) => {
    let said = ''
    return (elapsedMs) => {
      const states = statesOf(targets)
      if (states !== said) {
        said = states
        this.#log.info(`${states} (${formatDuration(elapsedMs)} elapsed).`)
      }
    }
  }
}

function sumOf({ servers }: Baked): Omit<BakeSample, 'elapsedMs'> {
  const sum = (amount: (server: Baked['servers'][number]) => number): number =>
    servers.reduce((total, server) => total + amount(server), 0)
  return {
    requests: sum(({ traffic }) => traffic.requests),
    failed: sum(({ traffic }) => traffic.failed),
    expected: sum(({ traffic, neighbours: { requests, failed } }) =>
      requests === 0 ? 0 : (traffic.requests * failed) / requests
    )
  }
}
