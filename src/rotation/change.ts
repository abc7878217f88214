import { askInRounds, lookAgain, poolsOf, refuseIfNotHeld, type Step } from './ask.ts'
import { settleAll } from './settle-all.ts'
import type { Context } from './context.ts'
import { allOrNothing } from './undo.ts'

/**
 * Asks for admin states everywhere and reads back that they hold. All or nothing: when anything fails,
 * what had changed is put back to what it was.
 *
 * @param accept looks at what was read back and throws to have everything put back
 * @throws HaproxyError of the first failure, telling whether everything could be put back. A cancelled
 *   run stops where it is: nothing is put back.
 */
export async function change(
  steps: readonly Step[],
  accept: () => void,
  context: Context
): Promise<void> {
  context.log.phase('Changing')
  const targets = steps.map(({ target }) => target)
  await allOrNothing(targets, context, async () => {
    await changeWhatever(steps, context)
    accept()
  })
}

/**
 * Asks for admin states everywhere and reads back that they hold, and leaves as it is what has changed
 * when something fails.
 *
 * @throws HaproxyError of the first failure
 */
export async function changeWhatever(steps: readonly Step[], context: Context): Promise<void> {
  context.cancelled.throwIfAborted()
  await askInRounds(steps, context)
  const pools = poolsOf(steps.map(({ target }) => target))
  await settleAll(pools, (pool) => lookAgain(pool, context))
  refuseIfNotHeld(steps)
}
