import { expect, jest, test } from '@jest/globals'
import { inProcess, type StepResult } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import { server } from '../support/imitated-page.ts'
import { until } from '../support/until.ts'

const start = pageStarter()
// A failed run ends its process a while after its last line: here that would be the process of the tests.
const kill = jest.spyOn(process, 'kill').mockReturnValue(true)

/** A step, to the end of its process where it fails. */
async function step(...given: Parameters<typeof inProcess>): Promise<StepResult> {
  kill.mockClear()
  const result = await inProcess(...given)
  if (result.exitCode !== 0) {
    await until(() => kill.mock.calls.length > 0)
  }
  return result
}

function expectKilled(): void {
  expect(kill.mock.calls).toEqual([[process.pid, 'SIGKILL']])
}

interface Index {
  readonly done: Promise<void>
}

/** A module runs once; under another name it runs again. */
function begin(name?: string): Promise<Index> {
  return name === undefined
    ? import('../../src/index.ts')
    : (import(`../../src/index.ts?${name}`) as Promise<Index>)
}

async function run(name?: string): Promise<void> {
  const { done } = await begin(name)
  await done
}

test('the first run is the main step, and the run with its state the post step', async () => {
  const lb = await start(server('a', { checked: false }), server('b'))
  const given = inputsFor([lb], { action: 'maint', restore: 'always' })
  const main = await step(given, () => run())
  expect(main).toMatchObject({ exitCode: 0, state: { isPost: 'true' } })
  expect(main.lastLine).toBe('Safe to stop: web/a is MAINT, waited 1s.')
  const { state } = main
  const post = await step(given, () => run('post'), { state })
  expect(post).toMatchObject({ exitCode: 0, state: {}, outputs: {} })
  expect(post.lastLine).toBe('Restored to ready: web/a on LB1 is ready (no check).')
  expect(lb.posts).toEqual(['b=web&action=maint&s=a', 'b=web&action=ready&s=a'])
})

test('a run that fails ends its process, even where something in it hangs', async () => {
  const given = inputsFor([], { action: 'maint' })
  const failed = await step(given, () => run('failed'))
  expect(failed.exitCode).toBe(1)
  expectKilled()
})

test('a step that ends before its work is done is red', async () => {
  const lb = await start(server('a'))
  const given = inputsFor([lb], { action: 'status' })
  const early = await step(given, async () => {
    const { done } = await begin('early')
    process.emit('beforeExit', 0)
    await done
  })
  expect(early.exitCode).toBe(1)
  expect(early.log[0]).toBe(
    'Error: The step ended before its work was done. That is a bug in this action: please report it, and check on the statistics page which state the servers are in.'
  )
  expectKilled()
})

test('a step that is done ends as it was', async () => {
  const lb = await start(server('a'))
  const given = inputsFor([lb], { action: 'status' })
  const late = await step(given, async () => {
    await run('late')
    process.emit('beforeExit', 0)
  })
  expect(late.exitCode).toBe(0)
  expect(late.lastLine).toBe('Seen: web/a is UP.')
})
