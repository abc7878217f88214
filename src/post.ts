import { listenForCancel } from './runner/cancellation.ts'
import { type AdminState, canBe, isUp, shownAdminState } from './haproxy/server.ts'
import type { StatsPage } from './haproxy/stats-page.ts'
import { type Inputs, readInputs } from './runner/inputs.ts'
import { type Intent, type IntendedPool, readIntent } from './runner/intent.ts'
import { reopenPage } from './runner/pages.ts'
import { log } from './runner/log.ts'
import { reportFailure } from './runner/report.ts'
import { bringBack } from './rotation/bring-back.ts'
import { changeWhatever } from './rotation/change.ts'
import { statesOf } from './rotation/describe.ts'
import { settleAll } from './rotation/settle-all.ts'
import { retry } from './rotation/retry.ts'
import { Pool, targetsOf } from './rotation/pool.ts'
import { type Context, systemClock } from './rotation/context.ts'

/** How a server's health is waited for before it is sent users whatever its verdict. */
const GLANCE = { timeoutMs: 5_000, intervalMs: 500, settleMs: 0 }

/** The post step: puts back what the main step took out, if it was asked to and nobody else has. */
export async function post(): Promise<void> {
  const intent = readIntent()
  if (intent === undefined || intent.pools.length === 0) {
    log.info('Nothing to put back: this step took no server out of rotation.')
    return
  }
  if (intent.restore === 'never') {
    log.info(`Not putting back ${told(intent.pools)}: restore is never.`)
    return
  }
  // Several HAProxies are put back side by side, so their stories have no phases.
  const plain = { ...log, phase: () => undefined }
  const context = { clock: systemClock, log: plain, ...listenForCancel() }
  try {
    const inputs = readInputs()
    if (isDue(intent, inputs)) {
      const pages = Map.groupBy(intent.pools, ({ url }) => url)
      await Promise.all(
        [...pages].map(([url, pools]) => putBack(url, { ...intent, pools }, inputs, context))
      )
    }
  } catch (error) {
    reportFailure(error, byHand(intent.pools))
  }
}

function byHand(pools: readonly IntendedPool[]): string {
  return `Not known to be back in rotation: ${told(pools)}. Look at the statistics page and choose READY there.`
}

function isDue({ restore, pools }: Intent, { jobStatus }: Inputs): boolean {
  const why = `restore is ${restore} and the job's status is ${jobStatus}`
  if (restore === 'always' || jobStatus === 'failure' || jobStatus === 'cancelled') {
    log.info(`Putting back ${told(pools)}: ${why}.`)
    return true
  }
  if (jobStatus === 'success') {
    log.info(`Not putting back ${told(pools)}: ${why}.`)
  } else {
    log.warning(
      `Not putting back ${told(pools)}: restore is ${restore}, and this runner does not tell how the job fared.`
    )
  }
  return false
}

/** Puts back what was taken out on one HAProxy; what goes wrong there keeps no other from being put back. */
async function putBack(
  url: string,
  intent: Intent,
  inputs: Inputs,
  context: Context
): Promise<void> {
  try {
    const page = reopenPage(url, inputs)
    const all = await settleAll(intent.pools, (intended) =>
      findWhatIsLeft(page, intended, intent.state, context)
    )
    const found = all.filter(({ pool }) => pool.targets.length > 0)
    await giveBackToReady(
      found.filter(({ previous }) => previous === 'ready'),
      inputs,
      context
    )
    for (const state of ['drain', 'maint'] as const) {
      await giveBackTo(
        state,
        found.filter(({ previous }) => previous === state),
        context
      )
    }
  } catch (error) {
    reportFailure(error, byHand(intent.pools))
  }
}

/** Those servers of one backend that are still as the main step left them. */
interface Left {
  readonly pool: Pool
  readonly previous: AdminState
}

async function findWhatIsLeft(
  page: StatsPage,
  { url, backend, previous, servers }: IntendedPool,
  state: AdminState,
  context: Context
): Promise<Left> {
  const limits = { signal: context.cancelled }
  const seen = await retry(() => page.look(limits, backend), context)
  const { targets } = new Pool(page, backend, servers, seen)
  const left = targets.filter(({ before }) => canBe(before, state))
  const moved = targets.filter((target) => !left.includes(target))
  const gone = servers.filter((name) => !targets.some(({ before }) => before.name === name))
  if (gone.length > 0) {
    log.warning(`No longer in ${backend} on ${url}: ${gone.join(', ')}.`)
  }
  if (moved.length > 0) {
    const told = `Leaving alone what is no longer in ${state} (changed by a later step or by somebody else): ${statesOf(moved)}.`
    if (moved.every(({ before }) => shownAdminState(before) !== undefined)) {
      log.info(told)
    } else {
      log.warning(
        `${told} What is DOWN may be held in drain, out of rotation: choose READY once it is well.`
      )
    }
  }
  const names = left.map(({ before }) => before.name)
  return { pool: new Pool(page, backend, names, seen), previous }
}

/** Goes only towards ready: what cannot be put back is never taken out again. */
async function giveBackToReady(
  left: readonly Left[],
  { readyThroughDrain }: Inputs,
  context: Context
): Promise<void> {
  const pools = left.map(({ pool }) => pool)
  const targets = targetsOf(pools)
  if (targets.length === 0) {
    return
  }
  const order = { throughDrain: readyThroughDrain, wait: GLANCE, unproven: 'ready' } as const
  await bringBack(pools, order, context, () => undefined)
  log.info(`Put back to ready: ${statesOf(targets)}.`)
  const down = targets.filter(({ now }) => !isUp(now))
  if (down.length > 0) {
    log.warning(
      `Ready, but not up: ${statesOf(down)}. HAProxy sends it users once its health check passes.`
    )
  }
}

async function giveBackTo(
  state: AdminState,
  left: readonly Left[],
  context: Context
): Promise<void> {
  const targets = targetsOf(left.map(({ pool }) => pool))
  if (targets.length > 0) {
    const steps = targets.map((target) => ({ target, states: [state] }))
    await changeWhatever(steps, context)
    log.info(`Put back to ${state}: ${statesOf(targets)}.`)
  }
}

function told(pools: readonly IntendedPool[]): string {
  return pools
    .map(({ url, backend, servers }) => {
      return `${servers.map((name) => `${backend}/${name}`).join(', ')} on ${url}`
    })
    .join('; ')
}
