import { beforeEach, describe, expect, test } from '@jest/globals'
import {
  type AdminState,
  canBe,
  isDrained,
  isInheritedMaint,
  isOutOfRotation,
  isReachable,
  isUnresolved,
  isUp,
  ownAdminState,
  parseAddress,
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
    total: 0,
    counters: {},
    weight: 1,
    hasCheck: true,
    hasAgent: false,
    tracked: undefined,
    check: '',
    checkFailed: false,
    checking: false,
    unchecked: false,
    throttle: undefined,
    address: undefined,
    secondsInState: undefined,
    ...more
  }
}

interface Meaning {
  readonly status: string
  readonly word: StatusWord | undefined
  readonly shown: AdminState | undefined
  /** Its own admin state, where it follows nobody. */
  readonly own: AdminState | undefined
  /** The admin states in which it is possible. */
  readonly canBe: readonly AdminState[]
  readonly traffic: boolean
  readonly out: boolean
  readonly up: boolean
  /** Whether anybody can reach it while it has no session. */
  readonly reachable: boolean
  /** Whether it is in maint through another server or DNS. */
  readonly inherited: boolean
}

const IDLE = { traffic: false, out: true, up: false, reachable: false, inherited: false } as const
const READY = {
  ...IDLE,
  shown: 'ready',
  own: 'ready',
  canBe: ['ready'],
  traffic: true,
  out: false,
  reachable: true
} as const
const DRAIN = {
  ...IDLE,
  word: 'DRAIN',
  shown: 'drain',
  own: 'drain',
  canBe: ['drain'],
  reachable: true
} as const
const MAINT = { ...IDLE, word: 'MAINT', shown: 'maint', own: 'maint', canBe: ['maint'] } as const
const INHERITED = { ...MAINT, own: 'ready', inherited: true } as const
const HIDDEN = { ...IDLE, shown: undefined, own: undefined, canBe: ['ready', 'drain'] } as const
const STRANGE = { ...HIDDEN, word: undefined, canBe: [], out: false, reachable: true } as const

const MEANINGS: readonly Meaning[] = [
  { ...READY, status: 'UP', word: 'UP', up: true },
  { ...READY, status: 'UP 1/3', word: 'UP' },
  { ...READY, status: 'UP 0/3', word: 'UP' },
  { ...READY, status: 'UP -1/3', word: 'UP' },
  { ...READY, status: 'UP 10/12', word: 'UP' },
  { ...READY, status: 'no check', word: 'no check', up: true },
  { ...DRAIN, status: 'DRAIN' },
  { ...DRAIN, status: 'DRAIN 1/3' },
  { ...DRAIN, status: 'DRAIN (agent)' },
  { ...MAINT, status: 'MAINT' },
  { ...INHERITED, status: 'MAINT (via be/srv)' },
  { ...INHERITED, status: 'MAINT (via web1/2nd)' },
  // A backend and a server may be named by numbers.
  { ...INHERITED, status: 'MAINT (via 1/3)' },
  { ...INHERITED, status: 'MAINT (resolution)' },
  { ...HIDDEN, status: 'NOLB', word: 'NOLB', reachable: true },
  { ...HIDDEN, status: 'NOLB 2/3', word: 'NOLB', reachable: true },
  { ...HIDDEN, status: 'DOWN', word: 'DOWN' },
  { ...HIDDEN, status: 'DOWN 1/2', word: 'DOWN' },
  { ...HIDDEN, status: 'DOWN (agent)', word: 'DOWN' },
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
    'UP 1/3 x',
    'x UP 1/3',
    'UP 1/3 (agent)',
    '1/3',
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
  ].map((status) => ({ ...STRANGE, status }))
]

describe.each(MEANINGS)('the status "$status"', (meaning) => {
  let server: Server
  beforeEach(() => {
    server = serverWith(meaning.status)
  })

  test(`has the word ${meaning.word ?? '(none)'}`, () => {
    expect(statusWord(meaning.status)).toBe(meaning.word)
  })

  test(`shows the admin state ${meaning.shown ?? '(none)'}`, () => {
    expect(shownAdminState(server)).toBe(meaning.shown)
  })

  test(`is surely of its own admin state ${meaning.own ?? '(none)'}`, () => {
    expect(ownAdminState(server)).toBe(meaning.own)
    expect(isInheritedMaint(server)).toBe(meaning.inherited)
  })

  test(`is possible in the admin states [${meaning.canBe.join(', ')}]`, () => {
    const states = ['ready', 'drain', 'maint'] as const
    expect(states.filter((state) => canBe(server, state))).toEqual(meaning.canBe)
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

  test(`can ${meaning.reachable ? '' : 'not '}be reached without sessions, and always with one`, () => {
    expect(isReachable(server)).toBe(meaning.reachable)
    expect(isReachable({ ...server, sessions: 1 })).toBe(true)
    expect(isReachable({ ...server, queue: 1 })).toBe(true)
  })
})

describe('DNS', () => {
  test.each([
    ['MAINT (resolution)', true],
    ['MAINT', false],
    ['MAINT (via web/resolution)', false],
    ['DOWN', false]
  ])('does not resolve the host of a server that is %s: %s', (status, expected) => {
    expect(isUnresolved(serverWith(status))).toBe(expected)
  })
})

describe.each(['UP', 'no check'])('a server that is %s', (status) => {
  test('with weight 0 is neither up nor takes traffic, and is in rotation', () => {
    const server = serverWith(status, { weight: 0 })
    expect([isUp(server), takesTraffic(server), isOutOfRotation(server)]).toEqual([
      false,
      false,
      false
    ])
    expect(isReachable(server)).toBe(true)
  })

  test('with any other weight is up and takes traffic', () => {
    const server = serverWith(status, { weight: 256 })
    expect([isUp(server), takesTraffic(server)]).toEqual([true, true])
  })

  // Slowstart may give it so little that it rounds to nothing.
  test.each([0, 6, 100])('with %i %% of its weight takes traffic and is not up', (throttle) => {
    const server = serverWith(status, { throttle })
    expect([isUp(server), takesTraffic(server)]).toEqual([false, true])
  })
})

test('a server that is UP 1/3 with weight 0 takes no traffic', () => {
  expect(takesTraffic(serverWith('UP 1/3', { weight: 0 }))).toBe(false)
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

  test('but never while it is in rotation, however much may remain', () => {
    expect(isDrained(serverWith('UP'), 100)).toBe(false)
  })
})

describe('a server that follows another', () => {
  // A drain may be the leader's and end with it; a maint names the leader where it is the leader's.
  test.each<[string, AdminState | undefined]>([
    ['UP', 'ready'],
    ['no check', 'ready'],
    ['DRAIN', undefined],
    ['DRAIN 1/3', undefined],
    ['MAINT', 'maint'],
    ['MAINT (via web/lead)', 'ready'],
    ['DOWN', undefined],
    ['UPSIDE', undefined]
  ])('and is %s is surely of its own admin state %s', (status, expected) => {
    expect(ownAdminState(serverWith(status, { tracked: 'web/lead' }))).toBe(expected)
  })
})

describe('the address', () => {
  test.each([
    ['10.0.0.1:8080', '10.0.0.1', 8_080],
    ['10.0.0.1:1', '10.0.0.1', 1],
    ['127.0.0.1:65535', '127.0.0.1', 65_535],
    ['10.0.0.0:80', '10.0.0.0', 80],
    ['0.0.0.1:80', '0.0.0.1', 80],
    ['[::1]:80', '[::1]', 80],
    ['[2001:db8::7]:443', '[2001:db8::7]', 443],
    ['[fe80::1%eth0]:80', '[fe80::1%eth0]', 80],
    ['[::ffff:10.20.30.40]:80', '10.20.30.40', 80],
    ['[::ffff:a14:1e28]:80', '[::ffff:a14:1e28]', 80]
  ])('%s is the host %s and the port %i', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port })
  })

  test.each([
    ['a UNIX socket', 'unix'],
    ['an unresolved name', ''],
    ['the address that the client asked for', '0.0.0.0:80'],
    ['the IPv6 address that the client asked for', '[::]:80'],
    ['the port that the client asked for', '10.0.0.1:0'],
    ['the IPv6 port that the client asked for', '[::1]:0'],
    ['the port that the client asked for, and 1000', ':1000'],
    ['neither host nor port', ':0'],
    ['no port', '10.0.0.1'],
    ['an empty port', '10.0.0.1:'],
    ['a port with a sign', '10.0.0.1:+1000'],
    ['no port behind the brackets', '[::1]'],
    ['an IPv6 address without brackets', '2001:db8::7:80'],
    ['nothing in the brackets', '[]:80'],
    ['something before the address', 'x 10.0.0.1:80:80'],
    ['something before the brackets', 'x[::1]:80'],
    ['something behind the port', '10.0.0.1:80 x'],
    ['something behind the brackets', '[::1]x:80']
  ])('of %s (%j) cannot be compared', (_, text) => {
    expect(parseAddress(text)).toBeUndefined()
  })
})
