import { expect, test } from '@jest/globals'
import { inProcess, type StepOptions, type StepResult } from './in-process.ts'
import { inputsFor, server, type Toy, toyStarter } from './toy.ts'

const start = toyStarter()

/** Runs what both stages of the action run; a module runs once, so each run asks for one of its own. */
function run(stage: string, lb: Toy, options?: StepOptions): Promise<StepResult> {
  const given = inputsFor([lb], { action: 'maint', restore: 'always' })
  return inProcess(given, () => import(`../../src/index.ts?${stage}`) as Promise<void>, options)
}

test('the first run is the main step, and the run with its state the post step', async () => {
  const lb = await start(server('a', { checked: false }), server('b'))
  const main = await run('main', lb)
  expect(main).toMatchObject({ exitCode: 0, state: { isPost: 'true' } })
  expect(main.lastLine).toBe('Safe to stop: web/a on LB1 is MAINT, waited 1s.')
  const post = await run('post', lb, { state: main.state })
  expect(post).toMatchObject({ exitCode: 0, state: {}, outputs: {} })
  expect(post.lastLine).toBe('Put back to ready: web/a on LB1 is ready (no check).')
  expect(lb.posts).toEqual(['b=web&action=maint&s=a', 'b=web&action=ready&s=a'])
})
