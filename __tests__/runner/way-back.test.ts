import { expect, test } from '@jest/globals'
import type { StatusWord } from '../../src/haproxy/server.ts'
import type { Target } from '../../src/rotation/target.ts'
import { readInputs } from '../../src/runner/inputs.ts'
import { whoBringsThemBack } from '../../src/runner/way-back.ts'
import { inProcess } from './in-process.ts'
import { inputsFor } from './imitated-pages.ts'
import { backendSeen } from './seen.ts'

const NAME = 'web/a on http://lb/admin'
const HELD = `${NAME} stays in drain until somebody asks for ready.`
const MAY_BE_HELD = `${NAME} may stay in drain until somebody asks for ready.`
const BROUGHT_BACK = `The post step brings ${NAME} back (restore: always).`

/** Records that a look showed another status. */
function turns(target: Target, word: StatusWord): void {
  target.update({ ...target.now, status: word, word })
}

/** What is said of servers that were UP, after what happened to each of them. */
async function said(
  action: string,
  ...happened: readonly ((target: Target) => void)[]
): Promise<string> {
  const { targets } = backendSeen(happened.map((_, index) => ({ svname: 'abc'[index] ?? '' })))
  targets.forEach((target, index) => happened[index]?.(target))
  let text = ''
  await inProcess(
    inputsFor([], { 'stats-url': 'http://lb/admin', action, restore: 'always' }),
    () => {
      text = whoBringsThemBack(targets, readInputs())
    }
  )
  return text
}

/** Is DOWN after a request for ready whose answer was lost. */
function perhapsReady(target: Target): void {
  target.recordRequest('ready', 0, true)
  turns(target, 'DOWN')
}

function inDrain(target: Target): void {
  target.recordRequest('drain', 0)
  turns(target, 'DRAIN')
}

test.each<[string, string, (target: Target) => void, string]>([
  ['whose drain its return has not ended', 'ready', inDrain, HELD],
  ['of which nobody knows whether the drain has ended', 'ready', perhapsReady, MAY_BE_HELD],
  [
    'that still shows its drain, whatever became of the request for ready',
    'ready',
    (target) => {
      target.recordRequest('ready', 0, true)
      turns(target, 'DRAIN')
    },
    HELD
  ],
  [
    'that was asked for a drain that its status hides',
    'ready',
    (target) => {
      target.recordRequest('drain', 0, true)
      turns(target, 'DOWN')
    },
    HELD
  ],
  [
    'that others have put into maint since',
    'ready',
    (target) => {
      target.recordRequest('drain', 0)
      turns(target, 'MAINT')
    },
    ''
  ],
  ['that this step took out', 'drain', inDrain, BROUGHT_BACK],
  [
    'that others have moved on from drain to maint',
    'drain',
    (target) => {
      inDrain(target)
      turns(target, 'MAINT')
    },
    ''
  ],
  [
    'that was asked for drain and has not been seen since',
    'drain',
    (target) => {
      target.recordRequest('drain', 0)
    },
    BROUGHT_BACK
  ]
])('of a server %s, after %s', async (_, action, happened, expected) => {
  expect(await said(action, happened)).toBe(expected)
})

test('of several servers what is not certain of one is not certain of all', async () => {
  expect(await said('ready', perhapsReady, inDrain)).toBe(
    'web/a, web/b on http://lb/admin may stay in drain until somebody asks for ready.'
  )
})
