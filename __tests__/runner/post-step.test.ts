import { expect, test } from '@jest/globals'
import { isPostStep, markMainStep } from '../../src/runner/post-step.ts'
import { inProcess } from './in-process.ts'

test('a step is in its main stage until it has said so', async () => {
  const seen: boolean[] = []
  const main = await inProcess({}, () => {
    seen.push(isPostStep())
    markMainStep()
  })
  await inProcess({}, () => seen.push(isPostStep()), { state: main.state })
  expect(seen).toEqual([false, true])
  expect(main.lines).toEqual([])
})

test('a state file that cannot be written is a failure that says so, before anything else', async () => {
  await inProcess(
    {},
    () => {
      const error = expect.objectContaining({
        message:
          "The runner's state file cannot be written (Missing file at path: /nowhere/state). Nothing was changed.",
        cause: expect.objectContaining({ message: 'Missing file at path: /nowhere/state' })
      })
      expect(markMainStep).toThrow(error)
    },
    { env: { GITHUB_STATE: '/nowhere/state' } }
  )
})
