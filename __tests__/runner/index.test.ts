import { expect, jest, test } from '@jest/globals'
import { inProcess } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import { server } from '../support/imitated-page.ts'
import { until } from '../support/until.ts'

const start = pageStarter()
/** A module runs once; under another name it runs again. */
const AGAIN = '../../src/index.ts?again'
const ONCE_MORE = '../../src/index.ts?once-more'

test('the first run is the main step, and the run with its state the post step', async () => {
  const lb = await start(server('a', { checked: false }), server('b'))
  const given = inputsFor([lb], { action: 'maint', restore: 'always' })
  const main = await inProcess(given, () => import('../../src/index.ts'))
  expect(main).toMatchObject({ exitCode: 0, state: { isPost: 'true' } })
  expect(main.lastLine).toBe('Safe to stop: web/a is MAINT, waited 1s.')
  const { state } = main
  const post = await inProcess(given, () => import(AGAIN), { state })
  expect(post).toMatchObject({ exitCode: 0, state: {}, outputs: {} })
  expect(post.lastLine).toBe('Restored to ready: web/a on LB1 is ready (no check).')
  expect(lb.posts).toEqual(['b=web&action=maint&s=a', 'b=web&action=ready&s=a'])
})

test('a run that fails ends its process, even where something in it hangs', async () => {
  const kill = jest.spyOn(process, 'kill').mockReturnValue(true)
  try {
    const failed = await inProcess(inputsFor([], { action: 'maint' }), () => import(ONCE_MORE))
    expect(failed.exitCode).toBe(1)
    await until(() => kill.mock.calls.length > 0)
    expect(kill.mock.calls).toEqual([[process.pid, 'SIGKILL']])
  } finally {
    kill.mockRestore()
  }
})
