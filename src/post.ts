import { listenForCancel } from './cancellation.ts'
import { canBe, isUp } from './haproxy/server.ts'
import { type Inputs, readInputs } from './inputs.ts'
import { type Intent, type IntendedPool, readIntent } from './intent.ts'
import { reopenPage } from './pages.ts'
import { log } from './log.ts'
import { reportFailure } from './report.ts'
import { bringBack } from './rotation/bring-back.ts'
import { change } from './rotation/change.ts'
import { everywhere } from './rotation/everywhere.ts'
import { namesOf, statesOf } from './rotation/describe.ts'
import { persist } from './rotation/persist.ts'
import { Pool } from './rotation/pool.ts'
import { type Surroundings, systemClock } from './rotation/surroundings.ts'

/** How a server's health is waited for before it is sent users whatever its verdict. */
const GLANCE = { timeoutMs: 5_000, intervalMs: 500, settleMs: 0 }

/** The post step: puts back what the main step took out, if it was asked to and nobody else has. */
export async function post(): Promise<void> {
  const intent = readIntent()
  if (intent === undefined || intent.pools.length === 0) {
    log.info('Nothing to put back: this step has left no server out of rotation.')
    return
  }
  if (intent.restore === 'never') {
    log.info(`Not putting back ${told(intent.pools)}: restore is never.`)
    return
  }
  const surroundings = { clock: systemClock, log, ...listenForCancel() }
  try {
    const inputs = readInputs()
    if (isDue(intent, inputs)) {
      await everywhere(intent.pools, (pool) => putBack(intent, pool, inputs, surroundings))
    }
  } catch (error) {
    reportFailure(
      error,
      `Not known to be back in rotation: ${told(intent.pools)}. Look at the statistics page and choose READY there.`
    )
  }
}

function isDue({ restore, pools }: Intent, { jobStatus }: Inputs): boolean {
  if (restore === 'always' || jobStatus === 'failure' || jobStatus === 'cancelled') {
    return true
  }
  if (jobStatus === 'success') {
    log.info(`Not putting back ${told(pools)}: restore is failure, and the job succeeded so far.`)
  } else {
    log.warning(
      `Not putting back ${told(pools)}: restore is failure, and this runner does not tell how the job fared.`
    )
  }
  return false
}

/** Puts back those servers of one pool that are still as the main step left them. */
async function putBack(
  intent: Intent,
  { url, backend, previous, servers }: IntendedPool,
  inputs: Inputs,
  surroundings: Surroundings
): Promise<void> {
  const page = reopenPage(url, inputs)
  const seen = await persist(
    () => page.look({ signal: surroundings.cancelled }, backend),
    surroundings
  )
  const all = new Pool(page, backend, servers, seen)
  const left = all.targets.filter(({ before }) => canBe(before, intent.state))
  const moved = all.targets.filter((target) => !left.includes(target))
  if (moved.length > 0) {
    log.info(
      `Somebody has already changed what this step left: ${statesOf(moved)}; leaving that alone.`
    )
  }
  const gone = servers.filter((name) => !all.targets.some(({ before }) => before.name === name))
  if (gone.length > 0) {
    log.warning(`No longer there: ${gone.join(', ')} of ${all.name}.`)
  }
  if (left.length === 0) {
    return
  }
  const pool = new Pool(
    page,
    backend,
    left.map(({ before }) => before.name),
    seen
  )
  log.info(`Putting back to ${previous}: ${statesOf(pool.targets)}.`)
  if (previous === 'ready') {
    const order = {
      throughDrain: inputs.readyThroughDrain,
      wait: GLANCE,
      unproven: 'ready'
    } as const
    await bringBack([pool], order, surroundings, () => undefined)
  } else {
    const steps = pool.targets.map((target) => ({ target, states: [previous] }))
    await change(steps, () => undefined, surroundings)
  }
  const notUp = previous === 'ready' ? pool.targets.filter(({ now }) => !isUp(now)) : []
  log.info(`Put back to ${previous}: ${statesOf(pool.targets)}.`)
  if (notUp.length > 0) {
    log.warning(
      `Ready, but not up yet: ${namesOf(notUp)}. HAProxy sends it users once its health check passes.`
    )
  }
}

function told(pools: readonly IntendedPool[]): string {
  return pools
    .map(
      ({ url, backend, servers }) =>
        `${servers.map((name) => `${backend}/${name}`).join(', ')} on ${url}`
    )
    .join('; ')
}
