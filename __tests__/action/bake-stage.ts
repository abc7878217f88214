import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type RunningAction, startAction } from '../support/runner.ts'
import { startTraffic, type Traffic, type TrafficOptions } from '../support/traffic.ts'

/** Long enough that a step which ends before it has not waited for its end. */
const LONG = '60s'
/** What {@link stage} has set up last. */
export let farm: Farm
const stops: (() => Promise<void>)[] = []

export async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm({ servers: 3, ...options })
  stopLater(farm)
}

export function stopLater(thing: { stop(): Promise<void> }): void {
  stops.push(() => thing.stop())
}

/** Ends what a test has set up, the last first; for its `afterEach`. */
export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop()
}

/** About 60 requests a second. */
export function traffic(options: TrafficOptions = {}, userUrl = farm.userUrl): Traffic {
  const users = startTraffic(userUrl, { workers: 6, pauseMs: 100, ...options })
  stopLater(users)
  return users
}

/** A return of app1 out of maint, with a watch of its traffic. */
export async function bring(more: Readonly<Record<string, string>> = {}): Promise<RunningAction> {
  await farm.set('app1', 'maint')
  return startAction({
    'stats-url': farm.statsUrl,
    backend: 'web',
    server: 'app1',
    action: 'ready',
    'bake-time': LONG,
    'poll-interval': '500ms',
    'settle-time': '300ms',
    'hard-stop-after': '0s',
    ...more
  })
}
