import { describe, expect, test } from '@jest/globals'
import { changedNothing, HaproxyError, type Problem } from '../../src/haproxy/errors.ts'

interface Rule {
  readonly transient: boolean
  readonly declined: boolean
}

const RULES: Readonly<Record<Problem, Rule>> = {
  'host-not-found': { transient: false, declined: true },
  refused: { transient: true, declined: true },
  unreachable: { transient: true, declined: false },
  reset: { transient: true, declined: false },
  'timed-out': { transient: true, declined: false },
  'tls-unknown-issuer': { transient: false, declined: true },
  'tls-expired': { transient: false, declined: true },
  'tls-wrong-name': { transient: false, declined: true },
  'tls-client-certificate': { transient: false, declined: true },
  'tls-not-spoken': { transient: false, declined: true },
  'tls-spoken': { transient: false, declined: true },
  'tls-failed': { transient: false, declined: false },
  'proxy-refused': { transient: false, declined: true },
  'not-http': { transient: false, declined: false },
  unauthorized: { transient: false, declined: true },
  'login-needed': { transient: false, declined: true },
  'other-login': { transient: false, declined: true },
  forbidden: { transient: false, declined: true },
  redirected: { transient: false, declined: false },
  'wrong-path': { transient: false, declined: false },
  'unexpected-status': { transient: false, declined: false },
  'not-csv': { transient: false, declined: false },
  truncated: { transient: true, declined: false },
  oversized: { transient: false, declined: false },
  malformed: { transient: false, declined: false },
  'several-processes': { transient: false, declined: false },
  DENY: { transient: false, declined: true },
  ERRP: { transient: false, declined: true },
  NONE: { transient: false, declined: true },
  PART: { transient: false, declined: false },
  EXCD: { transient: false, declined: true },
  IVAL: { transient: false, declined: true },
  UNKN: { transient: false, declined: false },
  'not-haproxy': { transient: false, declined: false },
  'unknown-backend': { transient: false, declined: false },
  'unknown-server': { transient: false, declined: false },
  'not-returnable': { transient: false, declined: false },
  'too-many-servers': { transient: false, declined: false },
  'guard-refused': { transient: false, declined: false },
  'no-turn': { transient: false, declined: false },
  'same-address': { transient: false, declined: false },
  'several-haproxies': { transient: false, declined: false },
  'did-not-hold': { transient: false, declined: false },
  'changed-meanwhile': { transient: false, declined: false },
  'not-drained': { transient: false, declined: false },
  'old-process': { transient: false, declined: false },
  'not-up': { transient: false, declined: false },
  'bake-failed': { transient: false, declined: false },
  'not-baked': { transient: false, declined: false },
  'not-all-up': { transient: false, declined: false },
  cancelled: { transient: false, declined: false }
}
/** Those whose advice depends on what was found, so that each place gives its own. */
const WITHOUT_ADVICE = [
  'tls-unknown-issuer',
  'not-returnable',
  'too-many-servers',
  'no-turn',
  'not-drained',
  'not-up',
  'not-baked',
  'not-all-up',
  'cancelled'
]
const problems = Object.entries(RULES) as [Problem, Rule][]

describe.each(problems)('the problem %s', (problem, { transient, declined }) => {
  const error = new HaproxyError(problem, 'What happened.')

  test(`may ${transient ? '' : 'not '}be gone a moment later`, () => {
    expect(error.transient).toBe(transient)
  })

  test(`is ${declined ? '' : 'no '}proof that nothing was changed`, () => {
    expect(changedNothing(error)).toBe(declined)
  })

  test('comes with advice that is a sentence, where it has one of its own', () => {
    expect(error.advice === '').toBe(WITHOUT_ADVICE.includes(problem))
    expect(error.advice).toMatch(/^$|^[A-Z`].*[.?]$/)
  })
})

describe('an error', () => {
  test('keeps its message, problem and name', () => {
    const error = new HaproxyError('DENY', 'No.')
    expect([error.message, error.problem, error.name]).toEqual(['No.', 'DENY', 'HaproxyError'])
    expect('cause' in error).toBe(false)
  })

  test('may have advice, a cause and a chance of its own', () => {
    const cause = new Error('why')
    const error = new HaproxyError('DENY', 'No.', { advice: 'Go.', cause, transient: true })
    expect([error.advice, error.cause, error.transient]).toEqual(['Go.', cause, true])
    expect(new HaproxyError('reset', 'No.', { transient: false }).transient).toBe(false)
    expect(new HaproxyError('DENY', 'No.', { advice: '' }).advice).toBe('')
  })

  test('of another kind proves nothing', () => {
    expect(changedNothing(Object.assign(new Error('x'), { problem: 'DENY' }))).toBe(false)
    expect(changedNothing(undefined)).toBe(false)
  })

  test.each<[Problem, string]>([
    ['DENY', 'stats admin'],
    ['DENY', 'stats scope'],
    ['unauthorized', 'stats auth'],
    ['login-needed', 'stats auth'],
    ['other-login', 'login gateway'],
    ['wrong-path', 'stats uri'],
    ['tls-client-certificate', 'ca-file'],
    ['tls-not-spoken', 'http://'],
    ['reset', 'http://'],
    ['tls-spoken', 'https://'],
    ['several-processes', 'nbproc'],
    ['EXCD', 'tune.bufsize'],
    ['guard-refused', 'another server'],
    ['same-address', 'break their requests'],
    ['several-haproxies', 'an address of its own'],
    ['did-not-hold', 'dagent'],
    ['changed-meanwhile', 'who did it'],
    ['old-process', 'hard-stop-after'],
    ['proxy-refused', 'no_proxy'],
    ['unknown-server', 'case-sensitive']
  ])('of the problem %s advises about %s', (problem, about) => {
    expect(new HaproxyError(problem, '').advice).toContain(about)
  })
})
