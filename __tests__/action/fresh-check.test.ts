import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ActionResult, runAction, runPost } from '../support/runner.ts'
import { type Counts, type DeadApplications, startDeadApplications } from './dead-applications.ts'

/** So many requests of a pinned client may fit into one round trip, on a busy machine. */
const aHandful = 10

let applications: DeadApplications
beforeEach(async () => {
  applications = await startDeadApplications()
})
afterEach(() => applications.stop())

function moreThan(few: number, counts: Counts, before: Counts): string[] {
  return Object.keys(counts).filter((name) => (counts[name] ?? 0) > (before[name] ?? 0) + few)
}

async function takeOut(action: 'maint' | 'drain'): Promise<ActionResult> {
  const more = { action, wait: 'false', restore: 'always' }
  const result = await runAction({ ...applications.inputs, ...more })
  expect(result).toMatchObject({ exitCode: 0 })
  return result
}

type Step = (takenOut: ActionResult) => Promise<ActionResult>

const ways: readonly (readonly [string, Step, number, RegExp])[] = [
  [
    'a step that waits, and is red',
    () => runAction({ ...applications.inputs, action: 'ready', 'wait-timeout': '2s' }),
    1,
    /^Not up within 2s: .* HAProxy brings .* up by itself once its health check passes/
  ],
  [
    'a step that does not wait',
    () => runAction({ ...applications.inputs, action: 'ready', wait: 'false' }),
    0,
    /^Ready: /
  ],
  [
    'the post step',
    (takenOut) => runPost(takenOut, { ...applications.inputs, action: 'maint' }),
    0,
    /^Restored to ready/
  ]
]

describe.each([
  ['maint', 'maint', false],
  ['drain', 'drain', false],
  ['drain with a pinned client that hangs on it', 'drain', true]
] as const)('a dead application found in %s', (_, state, isHeld) => {
  test.each(ways)(
    'meets no newcomer through %s, and comes up by itself once it is well',
    async (_way, step, exitCode, lastLine) => {
      const held = isHeld ? await applications.hold() : []
      const takenOut = await takeOut(state)
      const chosen = await applications.chosen()
      applications.startUsers()
      applications.die()
      applications.watchForChange()
      const result = await step(takenOut)
      await sleep(500)

      expect(await applications.chosen()).toEqual(chosen)
      const met = await applications.met()
      expect(moreThan(aHandful, met, await applications.metBefore())).toEqual([])
      expect(result).toMatchObject({ exitCode, lastLine: expect.stringMatching(lastLine) })
      const statuses = await applications.statuses()
      expect(statuses.filter((status) => !status.startsWith('DOWN'))).toEqual([])

      await applications.getWell()
      await applications.until(async () => {
        const now = await applications.chosen()
        return moreThan(0, now, chosen).length === Object.keys(now).length
      })
      expect(new Set(await applications.statuses())).toEqual(new Set(['UP']))
      expect(applications.failures).toEqual([])
      expect(held.filter(({ open }) => !open)).toEqual([])
    }
  )
})
