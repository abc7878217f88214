import { afterEach } from '@jest/globals'
import { type Context, NO_OBSERVER, type Observer } from '../../src/rotation/context.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ImitatedPage, type ImitatedServer } from '../support/imitated-page.ts'

/** The context of a test: a clock of its own, a log to read, and two triggers. */
export class Stage implements Context {
  readonly clock = new FakeClock()
  /** Every line with its level: `warning: HAProxy was reloaded …`. */
  readonly lines: string[] = []
  readonly cancel = new AbortController()
  readonly end = new AbortController()
  readonly cancelled = this.cancel.signal
  readonly over = this.end.signal
  readonly #began = this.clock.now()
  readonly #plans: { readonly due: number; readonly work: () => void }[] = []
  readonly #pages: ImitatedPage[] = []
  readonly log = {
    info: (text: string): void => void this.lines.push(`info: ${text}`),
    notice: (text: string): void => void this.lines.push(`notice: ${text}`),
    warning: (text: string): void => void this.lines.push(`warning: ${text}`)
  }

  /** What was observed after every look: elapsed and remaining time, in milliseconds. */
  readonly looks: (readonly [number, number])[] = []
  readonly observer: Observer = {
    ...NO_OBSERVER,
    onLook: (elapsedMs, remainingMs) => void this.looks.push([elapsedMs, remainingMs])
  }

  /** How long the last wait had lasted by its last look, in milliseconds. */
  get waitedMs(): number {
    return this.looks.at(-1)?.[0] ?? 0
  }

  /** Starts a page on this stage's clock. */
  async page(...servers: readonly ImitatedServer[]): Promise<ImitatedPage> {
    const page = await ImitatedPage.start(servers)
    page.now = () => this.clock.now()
    this.#pages.push(page)
    return page
  }

  /** Has something happen once so many milliseconds have passed on the clock, before anybody wakes. */
  at(ms: number, work: () => void): void {
    this.#plans.push({ due: this.#began + ms, work })
    this.clock.onWake = (now) => {
      const due = this.#plans.filter((plan) => plan.due <= now)
      const later = this.#plans.filter((plan) => plan.due > now)
      this.#plans.splice(0, Infinity, ...later)
      due.forEach((plan) => {
        plan.work()
      })
    }
  }

  /** Text with short names for pages and their addresses, which hold ports: `P1` is at `H1`. */
  short(text: string): string {
    return this.#pages.reduce((shorter, { url }, index) => {
      const number = String(index + 1)
      return shorter.replaceAll(url, `P${number}`).replaceAll(new URL(url).host, `H${number}`)
    }, text)
  }

  /** Stops its pages. */
  async leave(): Promise<void> {
    await Promise.all(this.#pages.splice(0).map((page) => page.stop()))
  }
}

/** Sets stages, each of which is left when its test is over. */
export function stageSetter(): () => Stage {
  const stages: Stage[] = []
  afterEach(async () => {
    await Promise.all(stages.splice(0).map((stage) => stage.leave()))
  })
  return () => {
    const stage = new Stage()
    stages.push(stage)
    return stage
  }
}
