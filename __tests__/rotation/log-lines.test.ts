import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  alsoOnHost,
  followsAnother,
  noFreshCheck,
  notDrainedInTime,
  reloadAt,
  reloaded,
  watchedAnew
} from '../../src/rotation/log-lines.ts'
import type { Target } from '../../src/rotation/target.ts'
import { server } from '../support/imitated-page.ts'
import { find, firstOf } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage

beforeEach(() => {
  stage = set()
})

async function target(): Promise<Target> {
  return firstOf(await find(stage, await stage.page(server('a'))))
}

const said = ([text]: readonly [string, string]): string => stage.short(text)

describe('another process', () => {
  test('is reported as a reload, with what comes of it', () => {
    expect(said(reloaded(reloadAt('http://lb/admin', 'newer'), [], 'nothing is lost'))).toBe(
      'HAProxy was reloaded or restarted at http://lb/admin: nothing is lost.'
    )
  })

  test('is reported with the targets that lost their admin state', async () => {
    const lost = [await target()]
    expect(said(reloaded(reloadAt('X', 'newer'), lost, 'it is asked for again'))).toBe(
      'HAProxy was reloaded or restarted at X, and web/a on P1 lost its admin state: it is asked for again.'
    )
  })

  test('is not called a reload where that is not clear', () => {
    expect(said(reloaded(reloadAt('X', 'unclear'), [], 'nothing is known'))).toBe(
      'Another process of HAProxy answers at X, perhaps after a reload: nothing is known.'
    )
  })
})

test('the list of annotations shows what each of them is about', async () => {
  const a = await target()
  const titled = [
    alsoOnHost([]),
    notDrainedInTime('Too late.'),
    noFreshCheck(a),
    followsAnother(a, 'web/b'),
    reloaded('A reload', [], 'nothing is lost'),
    watchedAnew('A reload', 1_000)
  ]
  expect(titled.map(([, title]) => title)).toEqual([
    'Same host, another port',
    'Not drained in time',
    'web/a: no fresh check',
    'web/a: follows another server',
    'HAProxy was reloaded',
    'Watched anew'
  ])
})
