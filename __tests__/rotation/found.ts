import type { StatsPage } from '../../src/haproxy/stats-page.ts'
import { Backend, targetsOf } from '../../src/rotation/backend.ts'
import { Instance } from '../../src/rotation/instance.ts'
import type { BringBackOptions, TakeOutOptions } from '../../src/rotation/options.ts'
import type { Target } from '../../src/rotation/target.ts'
import type { ImitatedPage } from '../support/imitated-page.ts'
import type { Stage } from './stage.ts'

/** A drain that is waited for, with two seconds to settle. */
export const TAKE_OUT: TakeOutOptions = {
  state: 'drain',
  isClaimed: false,
  minUp: 1,
  wait: { timeoutMs: 10_000, pollMs: 1_000, settleMs: 2_000 },
  isAwaited: true,
  maxSessions: 0,
  onTimeout: 'fail',
  hardStopAfterMs: undefined,
  shared: { same: [], down: [], otherPort: [], unknown: [], areShown: true }
}

/** A return with a fresh check that is waited for, without time to settle. */
export const BRING_BACK: BringBackOptions = {
  freshCheck: true,
  wait: { timeoutMs: 20_000, pollMs: 1_000, settleMs: 0 },
  isAwaited: true,
  minUp: 1,
  onTimeout: 'fail'
}

/** What {@link find} looks for; everything has a default. */
export interface Finding {
  /** The targets, as `backend/server`. */
  readonly targets?: readonly string[]
  /** Servers that follow them, in the same form. */
  readonly followers?: readonly string[]
  /** Whether the process is known. */
  readonly withProcess?: boolean
  /** The pages at the other addresses of the same host. */
  readonly elsewhere?: readonly ImitatedPage[]
}

/** The backends of one page as a run finds them before it changes anything; the page then counts from 1 again. */
export async function find(
  stage: Stage,
  page: ImitatedPage,
  finding: Finding = {}
): Promise<Backend[]> {
  const { targets = ['web/a'], followers = [], withProcess = true, elsewhere = [] } = finding
  const addresses = elsewhere.map((_, index) => `10.0.0.${String(index + 2)}`)
  const instance = new Instance(atAddresses(page, elsewhere, addresses), stage.clock, addresses)
  const limits = { signal: stage.over }
  if (withProcess) await instance.identify(limits)
  const seen = await page.page.look(limits)
  const namesIn = (backend: string, names: readonly string[]): string[] =>
    names.filter((name) => name.startsWith(`${backend}/`)).map((name) => name.split('/')[1] ?? '')
  page.requests.length = 0
  return [...new Set([...targets, ...followers].map((name) => name.split('/')[0] ?? ''))].map(
    (backend) => {
      const names = {
        targets: namesIn(backend, targets),
        followers: namesIn(backend, followers)
      }
      return new Backend(instance, backend, names, seen)
    }
  )
}

function atAddresses(
  { page }: ImitatedPage,
  elsewhere: readonly ImitatedPage[],
  addresses: readonly string[]
): StatsPage {
  if (elsewhere.length === 0) return page
  const pinned = page.at('127.0.0.1')
  pinned.at = (address) => elsewhere[addresses.indexOf(address)]?.page ?? page
  return pinned
}

/** Status of every target, and whether it is known. */
export function statuses(backends: readonly Backend[]): string[] {
  return targetsOf(backends).map(({ now, isKnown }) => `${isKnown ? '' : 'perhaps '}${now.status}`)
}

/** The first target. */
export function firstOf(backends: readonly Backend[]): Target {
  const [target] = targetsOf(backends)
  if (target === undefined) throw new Error('There is no target')
  return target
}
