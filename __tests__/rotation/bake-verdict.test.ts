import { describe, expect, test } from '@jest/globals'
import { type BakeVerdict, judgeTraffic, type Load } from '../../src/rotation/bake-verdict.ts'

const LIMIT = 0.05
const NOBODY = { requests: 0, failed: 0 }

function load(requests: number, failed: number): Load {
  return { requests, failed }
}

describe('meanwhile', () => {
  test.each<[string, Load, Load, BakeVerdict]>([
    ['nothing at all', NOBODY, NOBODY, 'too few'],
    ['nineteen that all failed', load(19, 19), NOBODY, 'too few'],
    ['twenty that all failed', load(20, 20), NOBODY, 'bad'],
    ['twenty of which eleven failed', load(20, 11), NOBODY, 'bad'],
    ['twenty of which ten failed', load(20, 10), NOBODY, 'unclear'],
    ['as many failures as are allowed', load(100, 5), NOBODY, 'well'],
    ['one more', load(100, 6), NOBODY, 'unclear'],
    ['nine more', load(100, 14), NOBODY, 'unclear'],
    ['ten more', load(100, 15), NOBODY, 'bad'],
    ['ten more than is allowed with the neighbours', load(100, 25), load(100, 10), 'unclear'],
    ['what all neighbours fail at', load(1_000, 1_000), load(1_000, 1_000), 'well'],
    ['everything, where the neighbours fail at half', load(100, 100), load(100, 50), 'bad'],
    // Three standard deviations of the neighbours' rate are 67.1 requests here, and 40.2 with a rate of a tenth.
    ['what chance explains', load(1_000, 617), load(1_000, 500), 'unclear'],
    ['one more than chance explains', load(1_000, 618), load(1_000, 500), 'bad'],
    ['what chance explains at a tenth', load(1_000, 190), load(1_000, 100), 'unclear'],
    ['one more than that', load(1_000, 191), load(1_000, 100), 'bad']
  ])('%s', (_, target, neighbours, expected) => {
    expect(judgeTraffic(target, neighbours, LIMIT, false)).toBe(expected)
  })
})

describe('at the end', () => {
  test.each<[string, Load, BakeVerdict]>([
    ['nineteen that all failed', load(19, 19), 'too few'],
    ['five more than allowed', load(100, 10), 'bad'],
    ['four more', load(100, 9), 'unclear'],
    ['as many as allowed', load(100, 5), 'well']
  ])('%s', (_, target, expected) => {
    expect(judgeTraffic(target, NOBODY, LIMIT, true)).toBe(expected)
  })
})

test('without anything allowed ten failures are bad, and with everything none is', () => {
  expect(judgeTraffic(load(1_000, 10), NOBODY, 0, false)).toBe('bad')
  expect(judgeTraffic(load(1_000, 1_000), NOBODY, 1, true)).toBe('well')
})

/** Numbers from 0 to 1 that look like chance and are the same in every run (mulberry32). */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Site {
  /** The true share of failed requests. */
  readonly rate: number
  readonly neighbours: number
  readonly perSecond?: number
  readonly seconds?: number
}

const DEPLOYS = 600

/** In which second each of many deploys turns out to be bad; those that do not are left out. */
function alarms(site: Site, isBad = judge): number[] {
  const random = chance(13)
  const draw = (share: number, times: number): number => {
    let drawn = 0
    for (let time = 0; time < times; time += 1) drawn += random() < share ? 1 : 0
    return drawn
  }
  return Array.from({ length: DEPLOYS }, () => alarm(site, draw, isBad)).filter(Number.isFinite)
}

function alarm(
  { rate, neighbours, perSecond = 10, seconds = 120 }: Site,
  draw: (share: number, times: number) => number,
  isBad: typeof judge
): number {
  let [failed, others] = [0, 0]
  for (let second = 1; second <= seconds; second += 1) {
    const requests = second * perSecond
    failed += draw(rate, perSecond)
    others += draw(neighbours, perSecond)
    if (isBad(load(requests, failed), load(requests, others), second === seconds)) return second
  }
  return Infinity
}

function judge(target: Load, neighbours: Load, isOver: boolean): boolean {
  return judgeTraffic(target, neighbours, LIMIT, isOver) === 'bad'
}

describe('of many deploys, judged every second,', () => {
  test.each<[string, Site]>([
    ['a rate of 4 %', { rate: 0.04, neighbours: 0.005 }],
    ['a rate of 4 % at 50 a second', { rate: 0.04, neighbours: 0.005, perSecond: 50, seconds: 60 }],
    ['a rate of 3 %, where neighbours never fail', { rate: 0.03, neighbours: 0 }],
    ['half of all requests on every server', { rate: 0.5, neighbours: 0.5 }],
    ['nine of ten on every server', { rate: 0.9, neighbours: 0.9 }]
  ])('fewer than 1 in 100 are false alarms with %s', (_, site) => {
    expect(alarms(site).length).toBeLessThan(DEPLOYS / 100)
  })

  test.each<[string, Site]>([
    ['neighbours never fail', { rate: 0.04, neighbours: 0 }],
    ['there are 2 requests a second', { rate: 0.04, neighbours: 0.005, perSecond: 2 }]
  ])('about 1 in 100 are with a rate of 4 %% where %s', (_, site) => {
    expect(alarms(site).length).toBeLessThan(DEPLOYS / 40)
  })

  test('a plain comparison of the shares would raise more than 25 in 100', () => {
    const plainly = ({ requests, failed }: Load): boolean =>
      requests >= 20 && failed > requests * LIMIT
    expect(alarms({ rate: 0.04, neighbours: 0 }, plainly).length).toBeGreaterThan(DEPLOYS / 4)
  })

  test('half of the requests failing is seen within four seconds, mostly within three', () => {
    const seconds = alarms({ rate: 0.5, neighbours: 0 })
    expect(seconds).toHaveLength(DEPLOYS)
    expect(seconds.filter((second) => second <= 3).length).toBeGreaterThan(DEPLOYS * 0.75)
    expect(seconds.filter((second) => second > 5)).toEqual([])
  })

  test('a share of 10 % failing is always seen within two minutes', () => {
    expect(alarms({ rate: 0.1, neighbours: 0 })).toHaveLength(DEPLOYS)
  })
})
