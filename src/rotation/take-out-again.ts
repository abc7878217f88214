import { shownAdminState } from '../haproxy/server.ts'
import type { Context } from './context.ts'
import { forceDown } from './fresh-check.ts'
import { whyNeeded } from './guard.ts'
import type { MinUp } from './min-up.ts'
import { request } from './request.ts'
import type { ReturnStages } from './return-stages.ts'
import type { Target } from './target.ts'

/** Takes out again what a reload has put into rotation, where enough others serve, and blocks what has to stay. */
export async function takeOutAgain(
  targets: readonly Target[],
  stages: ReturnStages,
  minUp: MinUp,
  context: Context
): Promise<void> {
  const reasons = new Map(targets.map((target) => [target, whyNeeded(target, minUp)]))
  const spared = targets.filter((target) => reasons.get(target) === undefined)
  for (const [target, why] of reasons) {
    if (why !== undefined) {
      stages.block(target, why)
    }
  }
  const elsewhere = stages.at('elsewhere', spared)
  for (const state of ['drain', 'maint'] as const) {
    const mine = elsewhere.filter(({ before }) => shownAdminState(before) === state)
    await request(state, mine, context)
  }
  stages.enter('elsewhere', elsewhere)
  const checked = stages.checked(spared)
  await forceDown(checked, context)
  stages.enter('forced down', checked)
}
