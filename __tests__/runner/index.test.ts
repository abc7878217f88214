import { expect, test } from '@jest/globals'
import { inProcess } from './in-process.ts'
import { inputsFor, server, toyStarter } from './toy.ts'

const start = toyStarter()
/** A module runs once; under another name it runs again. */
const AGAIN = '../../src/index.ts?again'

test('the first run is the main step, and the run with its state the post step', async () => {
  const lb = await start(server('a', { checked: false }), server('b'))
  const given = inputsFor([lb], { action: 'maint', restore: 'always' })
  const main = await inProcess(given, () => import('../../src/index.ts'))
  expect(main).toMatchObject({ exitCode: 0, state: { isPost: 'true' } })
  expect(main.lastLine).toBe('Safe to stop: web/a on LB1 is MAINT, waited 1s.')
  const { state } = main
  const post = await inProcess(given, () => import(AGAIN), { state })
  expect(post).toMatchObject({ exitCode: 0, state: {}, outputs: {} })
  expect(post.lastLine).toBe('Put back to ready: web/a on LB1 is ready (no check).')
  expect(lb.posts).toEqual(['b=web&action=maint&s=a', 'b=web&action=ready&s=a'])
})
