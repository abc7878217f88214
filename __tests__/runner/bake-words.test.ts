import { describe, expect, test } from '@jest/globals'
import { BakeFailure } from '../../src/rotation/bake.ts'
import type { Baked, BakedServer } from '../../src/rotation/bake-verdict.ts'
import type { Doubt, Outcome } from '../../src/rotation/outcome.ts'
import { badInWords, bakedInWords, isUnclear, standing } from '../../src/runner/bake-words.ts'
import { backendSeen } from './seen.ts'

const TRAFFIC = {
  requests: 40,
  failed: 0,
  reasons: {
    serverErrors: 0,
    brokenAnswers: 0,
    refusedConnections: 0,
    redispatches: 0,
    unanswered: 0
  }
}
const WORDS = '40 requests, 0 failed, neighbours 0 %'

function baked(name: string, more: Partial<BakedServer> = {}): BakedServer {
  return { name, traffic: TRAFFIC, neighbours: TRAFFIC, verdict: 'well', missing: [], ...more }
}

function watched(...servers: readonly BakedServer[]): Outcome & { readonly baked: Baked } {
  return { kind: 'up', baked: { elapsedMs: 60_000, maxErrorRate: 0.05, servers } }
}

describe('while traffic is watched', () => {
  test.each<[BakedServer, string]>([
    [baked('web/a'), `web/a is well: ${WORDS}`],
    [baked('web/a', { verdict: 'bad' }), `web/a is bad: ${WORDS}`],
    [
      baked('web/too', { verdict: 'too few' }),
      `web/too is not judged yet, too few requests to judge: ${WORDS}`
    ],
    [
      baked('web/a', { verdict: 'unclear' }),
      `web/a is not judged yet, more failed than max-error-rate allows, perhaps by chance: ${WORDS}`
    ]
  ])('%#: a server stands as it is judged', (server, expected) => {
    expect(standing(server)).toBe(expected)
  })
})

describe('after traffic was watched', () => {
  test('one server needs no name', () => {
    expect(bakedInWords(watched(baked('web/a')))).toBe(` Baked for 1m: ${WORDS}.`)
  })

  test('several are named, with those of which too little is known', () => {
    const servers = [baked('web/a'), baked('web/b', { verdict: 'too few' })]
    expect(bakedInWords(watched(...servers))).toBe(
      ` Baked for 1m: web/a ${WORDS}; web/b ${WORDS}, too few requests to judge.`
    )
  })

  test('those that fail more than is allowed are doubtful, and so is the step', () => {
    const outcome = watched(
      baked('web/a'),
      baked('web/b', { verdict: 'unclear' }),
      baked('web/c', { verdict: 'unclear' })
    )
    expect(isUnclear(outcome)).toBe(true)
    expect(bakedInWords(outcome)).toContain(
      '. On web/b, web/c more failed than max-error-rate (5 % beyond the neighbours) allows'
    )
    expect(isUnclear(watched(baked('web/a')))).toBe(false)
  })

  test.each([
    [['hrsp_5xx'], ' In TCP mode only sessions and errors of their connections count.'],
    [
      ['econ', 'wredis'],
      ' HAProxy does not show econ, wredis here, so failures of that kind do not count.'
    ]
  ])('what the page does not show (%j) is said once', (missing, expected) => {
    const outcome = watched(baked('web/a', { missing }), baked('web/b', { missing }))
    expect(bakedInWords(outcome)).toBe(` Baked for 1m: web/a ${WORDS}; web/b ${WORDS}.${expected}`)
  })

  test('there is nothing to say where none was', () => {
    expect(bakedInWords({ kind: 'up' })).toBe('')
    expect(isUnclear({ kind: 'up' })).toBe(false)
  })
})

describe('servers that are not well', () => {
  const doubts: readonly Doubt[] = [{ kind: 'max sessions' }, { kind: 'max sessions' }]

  test.each<[Outcome | undefined, RegExp]>([
    [
      { kind: 'safe to stop', proof: { doubts: [], facts: [] } },
      /^Out of rotation again, and safe to stop: web\/a on \S+\.$/
    ],
    [
      { kind: 'drained', proof: { doubts: [], facts: [] } },
      /^Out of rotation again and drained, but not proven safe to stop: web\/a on \S+\.$/
    ],
    [
      { kind: 'drained', proof: { doubts, facts: [] } },
      /^Out of rotation again and drained, but not proven safe to stop: web\/a on \S+\. (.+\.) \1$/
    ],
    [undefined, /^Out of rotation again, but not drained: web\/a on \S+\.$/]
  ])('%#: are out of rotation again, as far as was proven', (outcome, expected) => {
    const { targets } = backendSeen([{ svname: 'a' }])
    const out = { taken: targets, outcome, troubles: ['Trouble.'] }
    const [sentence, ...troubles] = badInWords(new BakeFailure('Bad.', targets, out))
    expect(sentence).toMatch(expected)
    expect(troubles).toEqual(['Trouble.'])
  })

  test('have nothing to do with other errors', () => {
    expect(badInWords(new Error('Bad.'))).toEqual([])
  })
})
