import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Case, CASES } from './fault-cases.ts'
import { FAULTS } from './fault-list.ts'
import { type CaseResult, type FaultStage, startFaultStage } from './fault-run.ts'
import { tableOf } from './fault-table.ts'

/** Most of a run's time goes by in waiting. */
const AT_ONCE = 16

let stage: FaultStage
const running = new Map<Case, Promise<CaseResult>>()
const results: CaseResult[] = []

// All cases wait in one line, so that no test's last case keeps the next test's first one from beginning.
beforeAll(async () => {
  stage = await startFaultStage(AT_ONCE)
  for (const one of CASES) running.set(one, stage.run(one))
})

afterAll(async () => {
  await stage.stop()
  process.stdout.write(tableOf(results))
})

describe('at every request of a run, once and for ever,', () => {
  test.each(FAULTS.map(({ name }) => name))(
    '%s hangs nothing and makes nothing green that is not so',
    async (name) => {
      const cases = CASES.filter(({ fault }) => fault.name === name)
      for (const one of cases) {
        const result = await running.get(one)
        if (result !== undefined) results.push(result)
      }
      const mine = results.filter((result) => result.case.fault.name === name)
      expect(mine.flatMap(sentencesOf)).toEqual([])
      expect(mine).toHaveLength(cases.length)
    },
    600_000
  )
})

function sentencesOf({ case: { action, place, times }, complaints }: CaseResult): string[] {
  return complaints.map((complaint) => `${action}, ${place}, ${times}: ${complaint}`)
}
