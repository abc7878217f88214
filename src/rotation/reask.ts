import { HaproxyError } from '../haproxy/errors.ts'
import { type AdminState, shownAdminState } from '../haproxy/server.ts'
import { namesOf, seenAs } from './describe.ts'
import type { Pool, Target } from './pool.ts'
import type { Context } from './context.ts'

const MOST = 3

/**
 * Asks again for admin states that were lost, as a reload without a state file loses them. At most three
 * times for each pool: what is lost again and again is taken away by somebody.
 */
export class Reask {
  readonly #context: Context
  readonly #times = new Map<Pool, number>()
  readonly #reloads = new Map<Pool, number>()

  constructor(context: Context) {
    this.#context = context
  }

  /** Whether this pool was asked again. */
  happened(pool: Pool): boolean {
    return this.#times.has(pool)
  }

  /**
   * Targets that may have lost their state where the status does not tell: `DOWN` shows the same with and
   * without it, and HAProxy was reloaded since this was asked last.
   */
  inDoubt(pool: Pool): readonly Target[] {
    const isNew = pool.reloads !== (this.#reloads.get(pool) ?? 0)
    this.#reloads.set(pool, pool.reloads)
    return isNew ? pool.targets.filter(({ now }) => shownAdminState(now) === undefined) : []
  }

  /**
   * @param lost targets of one pool that no longer are what they were asked to be
   * @throws HaproxyError `did-not-hold` after the third time
   */
  async ask(pool: Pool, state: AdminState, lost: readonly Target[]): Promise<void> {
    const { log, over } = this.#context
    const times = (this.#times.get(pool) ?? 0) + 1
    const statuses = [...new Set(lost.map(seenAs))].join(', ')
    if (times > MOST) {
      throw new HaproxyError(
        'did-not-hold',
        `${namesOf(lost)} would not stay in ${state}: ${statuses} after it was asked for ${MOST} times again.`
      )
    }
    this.#times.set(pool, times)
    const isByAgent = lost.some(({ now }) => now.status.endsWith('(agent)'))
    pool.hasForgotten ||= !isByAgent
    const agent = isByAgent ? ' by an agent check' : ''
    log.warning(
      `${namesOf(lost)} lost the admin state ${state}${agent} and showed ${statuses}; asking again (${times} of ${MOST}).`
    )
    await askUnlessAway(pool, state, lost, { log, over })
  }
}

/**
 * Asks for a state; a page that is away for the moment is left to the next look.
 *
 * @returns whether HAProxy set it
 */
export async function askUnlessAway(
  pool: Pool,
  state: AdminState,
  targets: readonly Target[],
  { log, over }: Pick<Context, 'log' | 'over'>
): Promise<boolean> {
  try {
    await pool.ask(state, targets, { signal: over })
    return true
  } catch (error) {
    if (!(error instanceof HaproxyError) || !error.transient) {
      throw error
    }
    log.info(error.message)
    return false
  }
}
