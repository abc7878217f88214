import { beforeEach, describe, expect, test } from '@jest/globals'
import { type Backend, targetsOf } from '../../src/rotation/backend.ts'
import { command } from '../../src/rotation/command.ts'
import { failureIn } from '../haproxy/failure.ts'
import { type ImitatedPage, type ImitatedServer, server } from '../support/imitated-page.ts'
import { find, firstOf } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()
const servers = (): ImitatedServer[] => [
  server('a', { sessions: 3 }),
  server('b'),
  server('a', { backend: 'api' })
]

let stage: Stage
let first: ImitatedPage
let second: ImitatedPage

beforeEach(async () => {
  stage = set()
  first = await stage.page(...servers())
  second = await stage.page(...servers())
})

async function onBoth(): Promise<Backend[]> {
  const targets = ['web/a', 'web/b', 'api/a']
  return [...(await find(stage, first, { targets })), ...(await find(stage, second))]
}

const commanded = (backends: readonly Backend[]): boolean[] =>
  targetsOf(backends).map(({ change }) => change.isCommanded)

describe('a command', () => {
  test('is carried out on every backend, and what came of it is seen', async () => {
    const backends = await onBoth()
    await command('shutdown', backends, stage)
    expect(first.changes).toEqual(['shutdown web/a, web/b', 'shutdown api/a'])
    expect(second.requests).toEqual(['POST b=web&action=shutdown&s=a', 'GET /admin;csv;scope=web'])
    expect(targetsOf(backends).map(({ now, isKnown }) => [now.sessions, isKnown])).toEqual(
      Array(4).fill([0, true])
    )
    expect(stage.lines.map((line) => stage.short(line))).toEqual([
      'info: Asking for shutdown: web/a, web/b, api/a on P1 and web/a on P2.'
    ])
  })

  test('that one page declines is carried out on the others, and stays so', async () => {
    const backends = [...(await find(stage, first)), ...(await find(stage, second))]
    first.before = () => ({ code: 'NONE' })
    const { problem } = await failureIn(command('dhlth', backends, stage))
    expect([problem, first.changes, second.changes]).toEqual([
      'NONE',
      ['dhlth web/a'],
      ['dhlth web/a']
    ])
    expect(commanded(backends)).toEqual([false, true])
  })

  test('is not begun once the run is cancelled', async () => {
    const backends = await find(stage, first)
    const reason = new Error('cancelled')
    stage.cancel.abort(reason)
    await expect(command('dhlth', backends, stage)).rejects.toBe(reason)
    expect([first.requests, stage.lines]).toEqual([[], []])
  })

  test('that has begun is carried out though the run is cancelled, but not looked at', async () => {
    const backends = await find(stage, first)
    const reason = new Error('cancelled')
    first.at(1, () => {
      stage.cancel.abort(reason)
    })
    await expect(command('dhlth', backends, stage)).rejects.toBe(reason)
    expect(first.requests).toEqual(['POST b=web&action=dhlth&s=a'])
    expect(commanded(backends)).toEqual([true])
  })

  test('that has begun ends when the run must be over', async () => {
    const backends = await find(stage, first)
    const over = new Error('over')
    first.at(1, () => {
      stage.end.abort(over)
    })
    await expect(command('dhlth', backends, stage)).rejects.toBe(over)
  })

  test('is looked at again where the look fails', async () => {
    const backends = await find(stage, first)
    first.before = (_, number) => (number === 2 ? 'reset' : undefined)
    await command('hdown', backends, stage)
    expect(first.requests).toHaveLength(3)
    expect(firstOf(backends).isKnown).toBe(true)
  })

  test('of unknown fate is repeated', async () => {
    const backends = await find(stage, first)
    first.before = (_, number) => (number === 1 ? 'done-reset' : undefined)
    await command('ehlth', backends, stage)
    expect(first.changes).toEqual(['ehlth web/a', 'ehlth web/a'])
  })

  test('that was declined is not repeated', async () => {
    const backends = await find(stage, first)
    first.before = () => ({ code: 'ERRP' })
    await failureIn(command('ehlth', backends, stage))
    expect(first.changes).toEqual(['ehlth web/a'])
  })
})

describe('a shutdown of sessions', () => {
  test('of unknown fate is not repeated, for sessions that came since would end too', async () => {
    const backends = await find(stage, first)
    first.before = () => 'done-reset'
    expect((await failureIn(command('shutdown', backends, stage))).problem).toBe('reset')
    expect(first.changes).toEqual(['shutdown web/a'])
    expect(commanded(backends)).toEqual([true])
  })

  test('that never arrived is repeated', async () => {
    const backends = await find(stage, first)
    await first.stop()
    const { problem } = await failureIn(command('shutdown', backends, stage))
    expect([problem, stage.clock.sleeps]).toEqual(['refused', [250, 1_000, 2_500]])
    expect(commanded(backends)).toEqual([false])
  })
})
