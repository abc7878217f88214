import { describe, expect, test } from '@jest/globals'
import {
  type AdminState,
  canBe,
  isDrained,
  isOutOfRotation,
  isPartial,
  isServing,
  isUp,
  ownAdminState,
  type Server,
  shownAdminState,
  type StatusWord,
  statusWord,
  takesTraffic
} from '../../src/haproxy/server.ts'

function serverWith(status: string, more: Partial<Server> = {}): Server {
  return {
    backend: 'web',
    name: 'a',
    status,
    word: statusWord(status),
    sessions: 0,
    queue: 0,
    weight: 1,
    backup: false,
    hasHealth: true,
    fullHealth: !isPartial(status),
    tracked: undefined,
    check: '',
    checkFailed: false,
    checking: false,
    throttle: undefined,
    ...more
  }
}

interface Meaning {
  readonly status: string
  readonly word: StatusWord | undefined
  readonly partial: boolean
  readonly shown: AdminState | undefined
  /** The admin states in which it is possible. */
  readonly canBe: readonly AdminState[]
  readonly serving: boolean
  readonly traffic: boolean
  readonly out: boolean
  readonly up: boolean
}

const READY = { shown: 'ready', canBe: ['ready'], out: false } as const
const DRAIN = {
  shown: 'drain',
  canBe: ['drain'],
  serving: false,
  traffic: false,
  out: true
} as const
const MAINT = {
  shown: 'maint',
  canBe: ['maint'],
  serving: false,
  traffic: false,
  out: true
} as const
const HIDDEN = {
  shown: undefined,
  canBe: ['ready', 'drain'],
  serving: false,
  traffic: false,
  out: true
} as const
const STRANGE = {
  word: undefined,
  shown: undefined,
  canBe: [],
  serving: false,
  traffic: false,
  out: false,
  up: false
} as const

const MEANINGS: readonly Meaning[] = [
  { status: 'UP', word: 'UP', partial: false, ...READY, serving: true, traffic: true, up: true },
  {
    status: 'UP 1/3',
    word: 'UP',
    partial: true,
    ...READY,
    serving: false,
    traffic: true,
    up: false
  },
  {
    status: 'UP 0/3',
    word: 'UP',
    partial: true,
    ...READY,
    serving: false,
    traffic: true,
    up: false
  },
  {
    status: 'UP -1/3',
    word: 'UP',
    partial: true,
    ...READY,
    serving: false,
    traffic: true,
    up: false
  },
  {
    status: 'UP 10/12',
    word: 'UP',
    partial: true,
    ...READY,
    serving: false,
    traffic: true,
    up: false
  },
  {
    status: 'no check',
    word: 'no check',
    partial: false,
    ...READY,
    serving: true,
    traffic: true,
    up: true
  },
  { status: 'DRAIN', word: 'DRAIN', partial: false, ...DRAIN, up: false },
  { status: 'DRAIN 1/3', word: 'DRAIN', partial: true, ...DRAIN, up: false },
  { status: 'DRAIN (agent)', word: 'DRAIN', partial: false, ...DRAIN, up: false },
  { status: 'MAINT', word: 'MAINT', partial: false, ...MAINT, up: false },
  { status: 'MAINT (via be/srv)', word: 'MAINT', partial: false, ...MAINT, up: false },
  { status: 'MAINT (via web1/2nd)', word: 'MAINT', partial: false, ...MAINT, up: false },
  // A backend and a server may be named by numbers.
  { status: 'MAINT (via 1/3)', word: 'MAINT', partial: false, ...MAINT, up: false },
  { status: 'MAINT (resolution)', word: 'MAINT', partial: false, ...MAINT, up: false },
  { status: 'NOLB', word: 'NOLB', partial: false, ...HIDDEN, up: false },
  { status: 'NOLB 2/3', word: 'NOLB', partial: true, ...HIDDEN, up: false },
  { status: 'DOWN', word: 'DOWN', partial: false, ...HIDDEN, up: false },
  { status: 'DOWN 1/2', word: 'DOWN', partial: true, ...HIDDEN, up: false },
  { status: 'DOWN (agent)', word: 'DOWN', partial: false, ...HIDDEN, up: false },
  ...[
    '',
    ' ',
    'UPS',
    'UP ',
    'UP  1/3',
    'UP1/3',
    'UP 1/',
    'UP /3',
    'UP x/3',
    'UP 1/x',
    'UP (agent',
    'UP agent)',
    ' UP',
    'up',
    'UP\n',
    'XUP',
    'DOWNED',
    'NOLBS',
    'DRAINING',
    'DRAIN (agent)1',
    'MAINT (via',
    'MAINT (via b/s',
    'MAINT(via b/s)',
    'MAINTENANCE',
    'no',
    'no checks',
    'no  check',
    'check',
    'OPEN',
    'FULL',
    'STOP',
    'PAUSED',
    'WAITING',
    'L7OK'
  ].map((status) => ({ ...STRANGE, status, partial: false })),
  { ...STRANGE, status: 'UP 1/3 x', partial: false },
  { ...STRANGE, status: 'x UP 1/3', partial: true },
  { ...STRANGE, status: 'UP 1/3 (agent)', partial: false },
  { ...STRANGE, status: '1/3', partial: true }
]

describe.each(MEANINGS)('the status "$status"', (meaning) => {
  const server = serverWith(meaning.status)

  test(`has the word ${meaning.word ?? '(none)'}`, () => {
    expect(statusWord(meaning.status)).toBe(meaning.word)
  })

  test(`shows the admin state ${meaning.shown ?? '(none)'}`, () => {
    expect(shownAdminState(server)).toBe(meaning.shown)
  })

  test(`is possible in the admin states [${meaning.canBe.join(', ')}]`, () => {
    const states = ['ready', 'drain', 'maint'] as const
    expect(states.filter((state) => canBe(server, state))).toEqual(meaning.canBe)
  })

  test(`is ${meaning.serving ? '' : 'not '}certain to serve`, () => {
    expect(isServing(server)).toBe(meaning.serving)
  })

  test(`does ${meaning.traffic ? '' : 'not '}take traffic`, () => {
    expect(takesTraffic(server)).toBe(meaning.traffic)
  })

  test(`is ${meaning.out ? '' : 'not '}out of rotation, and drained when nothing is left`, () => {
    expect(isOutOfRotation(server)).toBe(meaning.out)
    expect(isDrained(server, 0)).toBe(meaning.out)
    expect(isDrained({ ...server, sessions: 1 }, 0)).toBe(false)
  })

  test(`is ${meaning.up ? '' : 'not '}up`, () => {
    expect(isUp(server)).toBe(meaning.up)
  })
})

describe('a partial status', () => {
  test.each(MEANINGS.filter(({ word }) => word !== undefined))(
    '$status: $partial',
    ({ status, partial }) => {
      expect(isPartial(status)).toBe(partial)
    }
  )
})

describe('weight', () => {
  test.each(['UP', 'no check'])('0 keeps a server that is %s from serving', (status) => {
    expect(isServing(serverWith(status, { weight: 0 }))).toBe(false)
    expect(takesTraffic(serverWith(status, { weight: 0 }))).toBe(false)
    expect(isServing(serverWith(status, { weight: 2 }))).toBe(true)
  })

  test('0 keeps a server that is UP 1/3 from taking traffic', () => {
    expect(takesTraffic(serverWith('UP 1/3', { weight: 0 }))).toBe(false)
  })

  test('0 keeps no server from being up, nor puts one out of rotation', () => {
    expect(isUp(serverWith('UP', { weight: 0 }))).toBe(true)
    expect(isOutOfRotation(serverWith('UP', { weight: 0 }))).toBe(false)
  })
})

describe('a server out of rotation is drained', () => {
  test.each([
    [0, 0, 0, true],
    [1, 0, 0, false],
    [0, 1, 0, false],
    [1, 0, 1, true],
    [0, 1, 1, true],
    [1, 1, 1, false],
    [1, 1, 2, true],
    [2, 1, 2, false],
    [5, 0, 5, true],
    [6, 0, 5, false]
  ])('with %i sessions and %i queued of at most %i: %s', (sessions, queue, most, expected) => {
    expect(isDrained(serverWith('MAINT', { sessions, queue }), most)).toBe(expected)
  })

  test('but never while it is in rotation, whatever may remain', () => {
    expect(isDrained(serverWith('UP'), 100)).toBe(false)
  })
})

describe('full health', () => {
  test('is needed to be up', () => {
    expect(isUp(serverWith('UP', { fullHealth: false }))).toBe(false)
  })

  test('is not needed without a check', () => {
    expect(isUp(serverWith('no check', { fullHealth: false }))).toBe(true)
  })

  test('is not enough', () => {
    expect(isUp(serverWith('DRAIN', { fullHealth: true }))).toBe(false)
    expect(isUp(serverWith('UP 1/3', { fullHealth: true }))).toBe(false)
  })
})

describe('the admin state to give back', () => {
  test.each<[string, AdminState]>([
    ['UP', 'ready'],
    ['UP 1/3', 'ready'],
    ['no check', 'ready'],
    ['DRAIN', 'drain'],
    ['DRAIN 1/3', 'drain'],
    ['DRAIN (agent)', 'drain'],
    ['MAINT', 'maint'],
    ['MAINT (resolution)', 'maint'],
    ['MAINT (via web/lead)', 'ready'],
    ['DOWN', 'ready'],
    ['NOLB', 'ready'],
    ['UPSIDE', 'ready']
  ])('to a server that was %s is %s', (status, expected) => {
    expect(ownAdminState(serverWith(status))).toBe(expected)
  })
})
