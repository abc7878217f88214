import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { InputError } from '../../src/runner/input-reader.ts'
import { type Inputs, readInputs, wantedBy } from '../../src/runner/inputs.ts'
import { Authority, type Identity } from '../haproxy/certificates.ts'
import { inputVariables, readDeclaredInputs } from '../support/action-inputs.ts'

type Given = Readonly<Record<string, string>>

const DECLARED = readDeclaredInputs(new URL('../../action.yml', import.meta.url))
const REQUIRED = {
  'stats-url': 'http://lb:8404/admin',
  backend: 'web',
  server: 'node1',
  action: 'drain'
}

let output = ''

/** Reads inputs as the runner hands them over, and keeps what is written meanwhile. */
function read(given: Given = {}, runner: Given = { GITHUB_ACTIONS: 'true' }): Inputs {
  const variables = {
    ...inputVariables(DECLARED, { ...REQUIRED, ...given }, 'success'),
    ...runner
  }
  Object.assign(process.env, variables)
  const write = process.stdout.write.bind(process.stdout)
  output = ''
  process.stdout.write = (text: string | Uint8Array) => {
    output += String(text)
    return true
  }
  try {
    return readInputs()
  } finally {
    process.stdout.write = write
    Object.keys(variables).forEach((name) => Reflect.deleteProperty(process.env, name))
  }
}

/** What is wrong with these inputs. */
function problems(given: Given): readonly string[] {
  try {
    read(given)
  } catch (error) {
    if (error instanceof InputError) {
      return error.problems
    }
    throw error
  }
  return []
}

/** What was masked, as the runner reads it. */
function masks(): string[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('::add-mask::'))
    .map((line) => line.slice('::add-mask::'.length))
    .map((value) => value.replaceAll('%0A', '\n').replaceAll('%0D', '\r').replaceAll('%25', '%'))
}

afterEach(() => {
  output = ''
})

const UNAVAILABLE =
  'If it comes from a secret, a variable or an input, is that available to this workflow?'

describe('inputs', () => {
  test('that are only the required ones have these values, and nothing is masked or said', () => {
    expect(read()).toEqual({
      credentials: undefined,
      instances: [
        { url: { href: 'http://lb:8404/admin', userinfo: undefined }, credentials: undefined }
      ],
      backends: ['web'],
      servers: ['node1'],
      action: 'drain',
      expect: undefined,
      isAwaited: true,
      wait: { timeoutMs: 300_000, pollMs: 1_000, settleMs: 1_000 },
      maxSessions: 0,
      onTimeout: 'fail',
      hardStopAfterMs: undefined,
      sameAddress: 'refuse',
      minUp: 1,
      minUpTimeoutMs: 0,
      freshCheck: true,
      bakeMs: 0,
      maxErrorRate: 0.05,
      restore: 'never',
      dryRun: false,
      transport: {
        timeoutMs: 10_000,
        ca: undefined,
        clientCertificate: undefined,
        clientKey: undefined,
        verifyTls: true
      },
      jobStatus: 'success'
    })
    expect(output).toBe('')
  })

  test('that are empty have the same values as those that are not given', () => {
    const empty = Object.fromEntries(
      [...DECLARED.keys()]
        .filter((name) => !(name in REQUIRED) && name !== 'job-status')
        .map((name) => [name, ''])
    )
    expect(read(empty)).toEqual(read())
  })

  test('of blanks only are empty', () => {
    expect(read({ wait: '  ', 'wait-timeout': '\n', username: ' ' })).toEqual(read())
  })

  test('have the values that are given', () => {
    const inputs = read({
      backend: 'web api',
      server: 'a,b',
      action: 'ready',
      wait: 'false',
      'wait-timeout': '1m30s',
      'poll-interval': '250ms',
      'settle-time': '5s',
      'max-sessions': '3',
      'on-timeout': 'shutdown',
      'hard-stop-after': '30m',
      'same-address': 'ignore',
      'min-up': '2',
      'min-up-timeout': '30m',
      'fresh-check': 'false',
      'bake-time': '2m',
      'max-error-rate': '0.5%',
      restore: 'always',
      'dry-run': 'true',
      'request-timeout': '2s',
      'tls-verify': 'false',
      'job-status': 'cancelled'
    })
    expect(inputs).toMatchObject({
      backends: ['web', 'api'],
      servers: ['a', 'b'],
      action: 'ready',
      isAwaited: false,
      wait: { timeoutMs: 90_000, pollMs: 250, settleMs: 5_000 },
      maxSessions: 3,
      onTimeout: 'shutdown',
      hardStopAfterMs: 1_800_000,
      sameAddress: 'ignore',
      minUp: 2,
      minUpTimeoutMs: 1_800_000,
      freshCheck: false,
      bakeMs: 120_000,
      maxErrorRate: 0.005,
      restore: 'always',
      dryRun: true,
      transport: { timeoutMs: 2_000, verifyTls: false },
      jobStatus: 'cancelled'
    })
  })

  test('that are all bad are all named, at once and in order', () => {
    const bad = problems({
      'stats-url': 'lb',
      username: '',
      password: 'pw',
      backend: 'we$b',
      server: '*',
      action: 'stop',
      expect: 'down',
      wait: 'yes',
      'wait-timeout': '5',
      'poll-interval': '1d',
      'settle-time': '-1s',
      'max-sessions': '-1',
      'on-timeout': 'die',
      'hard-stop-after': 'never',
      'same-address': 'allow',
      'min-up': 'some',
      'min-up-timeout': '2d',
      'fresh-check': '1',
      restore: 'success',
      'dry-run': 'no',
      'request-timeout': '0s',
      'ca-certificate': '/nowhere/ca.pem',
      'client-certificate': '/nowhere/cert.pem',
      'client-key': '',
      'tls-verify': 'off'
    })
    expect(bad.map((problem) => problem.split(':')[0])).toEqual([
      'username',
      'stats-url',
      'backend',
      'server',
      'action',
      'expect',
      'expect',
      'wait',
      'wait-timeout',
      'poll-interval',
      'settle-time',
      'max-sessions',
      'on-timeout',
      'hard-stop-after',
      'same-address',
      'min-up',
      'min-up-timeout',
      'fresh-check',
      'restore',
      'dry-run',
      'request-timeout',
      'ca-certificate',
      'client-certificate',
      'tls-verify'
    ])
  })

  test('that are bad make one message of all that is wrong', () => {
    expect(() => read({ wait: 'yes', 'dry-run': 'no' })).toThrow(
      'wait: "yes" is neither true nor false. Write true. dry-run: "no" is neither true nor false. Write false.'
    )
  })
})

describe.each(['stats-url', 'backend', 'server'])('the list %s', (name) => {
  test.each(['', ' ', '\n', ',', ' , ,\n', '[]', '[""]', '["", " "]'])(
    'is refused when it is %j',
    (text) => {
      expect(problems({ [name]: text })).toEqual([`${name}: it is empty. ${UNAVAILABLE}`])
    }
  )
})

describe('a list of names', () => {
  test.each([
    ['a', ['a']],
    ['a b', ['a', 'b']],
    ['a,b', ['a', 'b']],
    ['a, b', ['a', 'b']],
    ['a\nb', ['a', 'b']],
    ['a\r\nb\r\n', ['a', 'b']],
    [' a\tb ', ['a', 'b']],
    [',a,,b,', ['a', 'b']],
    ['a b a', ['a', 'b']],
    ['A a', ['A', 'a']],
    ['node-1.x_y:z', ['node-1.x_y:z']],
    ['Z9_.:-', ['Z9_.:-']],
    // A list in JSON.
    ['["a"]', ['a']],
    ['["a","b"]', ['a', 'b']],
    [' [\n  "a",\n  "b"\n]\n', ['a', 'b']],
    ['["a", "b", "a"]', ['a', 'b']],
    ['[" a ", "", "b"]', ['a', 'b']]
  ])('%j is %j', (text, expected) => {
    expect(read({ server: text, backend: text })).toMatchObject({
      servers: expected,
      backends: expected
    })
  })

  test.each(['a/b', 'we$b', 'ö', 'a;b', '"a"', 'a=b', '#1', 'a|b', '[a]'])(
    'cannot hold %j',
    (text) => {
      const seen = `"${text}" is not a name; HAProxy allows letters, digits and _ . : - only.`
      const both = text.includes('/')
        ? ' The backend goes into backend, the server into server.'
        : ''
      expect(problems({ server: `good ${text}` })).toEqual([`server: ${seen}${both}`])
      expect(problems({ backend: `${text} good` })).toEqual([`backend: ${seen}${both}`])
    }
  )

  test.each([
    ['one that is no string', '["a",1]', ['["a"', '1]']],
    ['one that is a list', '[["a"]]', ['[["a"]]']],
    ['two names in one', '["a,b"]', ['a,b']],
    ['two names in one, with a blank', '["a b"]', ['a b']]
  ])('in JSON cannot hold %s', (_, text, bad) => {
    expect(problems({ server: text })).toEqual(
      bad.map(
        (name) =>
          `server: "${name}" is not a name; HAProxy allows letters, digits and _ . : - only.`
      )
    )
  })

  test('that is JSON, but no list, is taken as it stands', () => {
    expect(read({ server: '12' }).servers).toEqual(['12'])
    expect(read({ server: 'null' }).servers).toEqual(['null'])
    expect(problems({ server: '{"a":1}' })).toHaveLength(1)
  })

  test('names every bad one', () => {
    expect(problems({ server: 'a$ b c$' })).toHaveLength(2)
  })
})

const ALL =
  'ready, drain, maint, status, shutdown, ehlth, dhlth, hrunn, hnolb, hdown, eagent, dagent, arunn, adown'

describe('the backend *', () => {
  test('is every backend', () => {
    expect(read({ backend: '*' }).backends).toBe('every')
  })

  test.each(['* web', 'web,*', 'a\n*\nb'])('cannot stand beside another: %j', (backend) => {
    expect(problems({ backend })).toEqual([
      'backend: "*" means every backend that has the server and stands alone.'
    ])
  })

  test.each(['web*', '**'])('is no pattern: %j', (backend) => {
    expect(problems({ backend })).toEqual([
      `backend: "${backend}" is not a name; HAProxy allows letters, digits and _ . : - only.`
    ])
  })
})

describe('the server *', () => {
  test.each(['web', '*', 'web api'])('is every server of the backend %s for status', (backend) => {
    expect(read({ backend, server: '*', action: 'status' }).servers).toBe('every')
  })

  test.each(ALL.split(', ').filter((action) => action !== 'status'))(
    'is no server for %s',
    (action) => {
      expect(problems({ server: '*', action })).toEqual([
        'server: "*" is not a name; HAProxy allows letters, digits and _ . : - only. Servers must be named one by one; only action: status takes "*".'
      ])
    }
  )

  test.each(['* a', 'a,*', '["*", "a"]'])('cannot stand beside another: %j', (server) => {
    expect(problems({ server, action: 'status' })).toEqual([
      'server: "*" means every server of the backend and stands alone.'
    ])
  })

  test.each(['node*', '**'])('is no pattern: %j', (server) => {
    expect(problems({ server, action: 'status' })).toEqual([
      `server: "${server}" is not a name; HAProxy allows letters, digits and _ . : - only.`
    ])
  })
})

describe('the expectation', () => {
  test('may be up, or nothing, for status', () => {
    expect(read({ action: 'status', expect: 'up' }).expect).toBe('up')
    expect(read({ action: 'status', expect: '' }).expect).toBeUndefined()
  })

  test.each(['down', 'UP', 'ready', 'up down', 'true'])('cannot be %j', (text) => {
    expect(problems({ action: 'status', expect: text })).toEqual([
      `expect: "${text}" cannot be expected; the only word for it is up.`
    ])
  })

  test.each(ALL.split(', ').filter((action) => action !== 'status'))(
    'cannot go with %s',
    (action) => {
      expect(problems({ action, expect: 'up' })).toEqual([
        'expect: only action: status can expect anything of the servers.'
      ])
    }
  )
})

describe('the action', () => {
  test.each(ALL.split(', '))('may be %s', (action) => {
    expect(read({ action }).action).toBe(action)
  })

  test.each([
    ['enable', 'ready'],
    ['start', 'ready'],
    ['disable', 'maint'],
    ['stop', 'drain'],
    ['STOP', 'drain'],
    ['up', 'ready'],
    ['in', 'ready'],
    ['online', 'ready'],
    ['enabled', 'ready'],
    ['down', 'maint'],
    ['out', 'maint'],
    ['offline', 'maint'],
    ['maintenance', 'maint'],
    ['disabled', 'maint'],
    ['draining', 'drain'],
    ['kill', 'shutdown'],
    ['Ready', 'ready'],
    ['MAINT', 'maint'],
    ['Status', 'status'],
    ['HRUNN', 'hrunn']
  ])('cannot be %s: use %s', (action, hint) => {
    expect(problems({ action })).toEqual([`action: "${action}" is not one of ${ALL}. Use ${hint}.`])
  })

  test.each(['u', 'up down', 'drain,', 'drain maint', 'constructor', '__proto__'])(
    'cannot be %s',
    (action) => {
      expect(problems({ action })).toEqual([`action: "${action}" is not one of ${ALL}.`])
    }
  )

  test('cannot be empty', () => {
    expect(problems({ action: '' })).toEqual([
      `action: it is empty. ${UNAVAILABLE} It must be one of ${ALL}.`
    ])
  })
})

describe.each([
  ['wait', (inputs: Inputs) => inputs.isAwaited],
  ['fresh-check', (inputs: Inputs) => inputs.freshCheck],
  ['dry-run', (inputs: Inputs) => inputs.dryRun],
  ['tls-verify', (inputs: Inputs) => inputs.transport.verifyTls]
] as const)('the flag %s', (name, flagOf) => {
  test.each(['true', 'True', 'TRUE', ' true '])('is set by %j', (text) => {
    expect(flagOf(read({ [name]: text }))).toBe(true)
  })

  test.each(['false', 'False', 'FALSE'])('is unset by %j', (text) => {
    expect(flagOf(read({ [name]: text }))).toBe(false)
  })

  test.each(['tRUE', 'truefalse', 'xtrue', 'falsex', 'xfalse', 'yesno', 'xyes', 'nox', '10'])(
    'is refused when it is %j',
    (text) => {
      expect(problems({ [name]: text })).toEqual([`${name}: "${text}" is neither true nor false.`])
    }
  )

  test.each([
    ['yes', 'true'],
    ['Y', 'true'],
    ['on', 'true'],
    ['1', 'true'],
    ['no', 'false'],
    ['N', 'false'],
    ['OFF', 'false'],
    ['0', 'false']
  ])('is refused when it is %j, with %s for it', (text, meant) => {
    expect(problems({ [name]: text })).toEqual([
      `${name}: "${text}" is neither true nor false. Write ${meant}.`
    ])
  })
})

describe('max-error-rate', () => {
  test.each([
    ['0%', 0],
    ['5%', 0.05],
    ['0.5%', 0.005],
    ['0.000001%', 0.000_000_01],
    ['007%', 0.07],
    ['100%', 1],
    ['100.0%', 1]
  ])('%s is %p', (text, expected) => {
    expect(read({ 'max-error-rate': text }).maxErrorRate).toBeCloseTo(expected, 10)
  })

  test.each([
    '5',
    '0.05',
    '5 %',
    '-1%',
    '+1%',
    '%',
    '.5%',
    '5.%',
    '1e1%',
    '5%%',
    '100.1%',
    '101%',
    '1000%',
    'none',
    '0,5%'
  ])('cannot be %j', (text) => {
    expect(problems({ 'max-error-rate': text })).toEqual([
      `max-error-rate: "${text}" is not a percentage from 0% to 100%, such as 5% or 0.5%.`
    ])
  })
})

describe('min-up', () => {
  test.each([
    ['0', 0],
    ['007', 7],
    ['999999999', 999_999_999],
    ['0%', '0%'],
    ['050%', '50%'],
    ['99%', '99%'],
    ['all', 'all']
  ])('%s is %p', (text, expected) => {
    expect(read({ 'min-up': text }).minUp).toBe(expected)
  })

  test.each([
    '-1',
    '+1',
    '1.5',
    '1e3',
    '%',
    '50 %',
    '5.5%',
    '-5%',
    '1000%',
    'ALL',
    'every',
    '1 2',
    '1000000000'
  ])('cannot be %j', (text) => {
    expect(problems({ 'min-up': text })).toEqual([
      `min-up: "${text}" is not a number such as 2, a percentage such as 50%, or all.`
    ])
  })

  test.each(['100%', '101%', '999%'])('cannot be %j, which never holds', (text) => {
    expect(problems({ 'min-up': text })).toEqual([
      `min-up: "${text}" can never be met, because the server being taken out is one of them. For every other server, write all.`
    ])
  })
})

describe.each([['max-sessions', (inputs: Inputs) => inputs.maxSessions]] as const)(
  'the amount %s',
  (name, amountOf) => {
    test.each([
      ['0', 0],
      ['1', 1],
      ['007', 7],
      ['999999999', 999_999_999]
    ])('%s is %i', (text, expected) => {
      expect(amountOf(read({ [name]: text }))).toBe(expected)
    })

    test.each(['-1', '+1', '1.5', '1e3', '0x1', 'all', '50%', '1 2', '1000000000', '١'])(
      'cannot be %j',
      (text) => {
        expect(problems({ [name]: text })).toEqual([
          `${name}: "${text}" is not a whole number of 0 or more.`
        ])
      }
    )
  }
)

describe.each<[string, readonly string[]]>([
  ['on-timeout', ['fail', 'restore', 'shutdown', 'continue']],
  ['same-address', ['refuse', 'ignore']],
  ['restore', ['never', 'failure', 'always']]
])('the choice %s', (name, words) => {
  test('takes its words', () => {
    const taken = words.map((word) => {
      const { onTimeout, sameAddress, restore } = read({ [name]: word })
      return { 'on-timeout': onTimeout, 'same-address': sameAddress, restore }[name]
    })
    expect(taken).toEqual(words)
  })

  test.each(['Fail', 'ALWAYS', 'x', 'fail,restore', 'true'])('refuses %j', (text) => {
    expect(problems({ [name]: text })).toEqual([
      `${name}: "${text}" is not one of ${words.join(', ')}.`
    ])
  })
})

describe.each([
  ['wait-timeout', (inputs: Inputs) => inputs.wait.timeoutMs, '1s', '24h', '999ms', '86400001ms'],
  ['poll-interval', (inputs: Inputs) => inputs.wait.pollMs, '100ms', '1m', '99ms', '60001ms'],
  ['settle-time', (inputs: Inputs) => inputs.wait.settleMs, '0s', '1h', '', '3600001ms'],
  ['hard-stop-after', (inputs: Inputs) => inputs.hardStopAfterMs, '0s', '24h', '', '86400001ms'],
  ['min-up-timeout', (inputs: Inputs) => inputs.minUpTimeoutMs, '0s', '24h', '', '86400001ms'],
  ['bake-time', (inputs: Inputs) => inputs.bakeMs, '0s', '24h', '', '86400001ms'],
  [
    'request-timeout',
    (inputs: Inputs) => inputs.transport.timeoutMs,
    '100ms',
    '2m',
    '99ms',
    '120001ms'
  ]
] as const)('the duration %s', (name, durationOf, least, most, tooShort, tooLong) => {
  // So that neither end of one meets the other.
  const wide = { 'settle-time': '0s', 'wait-timeout': '24h' }
  const MS: Given = {
    '0s': '0',
    '100ms': '100',
    '1s': '1000',
    '1m': '60000',
    '2m': '120000',
    '1h': '3600000',
    '24h': '86400000'
  }

  test('takes the least and the most', () => {
    const ends = [least, most].map((text) => durationOf(read({ ...wide, [name]: text })))
    expect(ends).toEqual([least, most].map((text) => Number(MS[text])))
  })

  test('refuses one millisecond less and one more', () => {
    for (const text of [tooShort, tooLong].filter((each) => each !== '')) {
      expect(problems({ ...wide, [name]: text })).toEqual([
        `${name}: "${text}" is not between ${least} and ${most}.`
      ])
    }
  })

  test('refuses a bare number with a hint', () => {
    expect(problems({ ...wide, [name]: '30' })).toEqual([
      `${name}: "30" is not a duration such as 500ms, 30s, 5m or 1m30s. Did you mean 30s?`
    ])
  })

  test('refuses a bare number that fits in milliseconds alone with a hint', () => {
    const name = 'request-timeout'
    expect(problems({ [name]: '500' })).toEqual([
      `${name}: "500" is not a duration such as 500ms, 30s, 5m or 1m30s. Did you mean 500ms?`
    ])
  })

  test('says of a bare number that fits with no unit what would fit', () => {
    expect(problems({ ...wide, [name]: '999999999999' })).toEqual([
      `${name}: "999999999999" is not between ${least} and ${most}.`
    ])
  })

  test.each(['0', '0s'])('refuses %s with one error where it must be longer', (text) => {
    const isAllowed = least === '0s'
    expect(problems({ [name]: text })).toEqual(
      !isAllowed
        ? [`${name}: "${text}" is not between ${least} and ${most}.`]
        : text === '0s'
          ? []
          : [`${name}: "0" is not a duration such as 500ms, 30s, 5m or 1m30s. Did you mean 0s?`]
    )
  })

  test.each(['5 minutes', '1.5m', '-1s', 'x30', '30x', '∞'])('refuses %j', (text) => {
    expect(problems({ ...wide, [name]: text })).toEqual([
      `${name}: "${text}" is not a duration such as 500ms, 30s, 5m or 1m30s.`
    ])
  })
})

describe('the settle time', () => {
  test('may be as long as the wait', () => {
    expect(read({ 'settle-time': '10s', 'wait-timeout': '10s' }).wait.settleMs).toBe(10_000)
  })

  test('cannot be longer than the wait', () => {
    expect(problems({ 'settle-time': '10001ms', 'wait-timeout': '10s' })).toEqual([
      'settle-time: 10s is longer than the wait-timeout of 10s, so no wait could ever succeed.'
    ])
    expect(problems({ 'settle-time': '6m' })).toEqual([
      'settle-time: 6m is longer than the wait-timeout of 5m, so no wait could ever succeed.'
    ])
  })

  test('is not compared with a wait that cannot be read', () => {
    expect(problems({ 'wait-timeout': 'long' })).toHaveLength(1)
  })
})

describe('hard-stop-after', () => {
  test('is not known where it is empty, and known where it is 0', () => {
    expect(read({ 'hard-stop-after': ' ' }).hardStopAfterMs).toBeUndefined()
    expect(read({ 'hard-stop-after': '0s' }).hardStopAfterMs).toBe(0)
  })
})

describe('what must be found out', () => {
  const wanted = (given: Given): object => {
    const { withOthers, processLooks, oneInstance } = wantedBy(read(given))
    return [withOthers, processLooks, oneInstance]
  }

  test.each([
    ['drain', [true, 1, true]],
    ['maint', [true, 1, true]],
    ['ready', [false, 2, true]],
    ['status', [false, 0, false]],
    ['shutdown', [false, 0, false]],
    ['hdown', [false, 0, false]]
  ])('for %s: others, process, one instance %j', (action, expected) => {
    expect(wanted({ action })).toEqual(expected)
  })

  // A take-out asks for the process only where it waits or claims.
  test.each([
    ['drain', [true, 0, true]],
    ['maint', [true, 0, true]],
    ['ready', [false, 2, true]]
  ])('for %s that does not wait: others, process, one instance %j', (action, expected) => {
    expect(wanted({ action, wait: 'false' })).toEqual(expected)
  })

  test('for a claim: the process, even without a wait', () => {
    const given = { action: 'drain', wait: 'false', 'min-up': '1', 'min-up-timeout': '1m' }
    expect(wanted(given)).toEqual([true, 1, true])
  })

  test.each(['drain', 'maint', 'ready'])('a dry run of %s asks for no process', (action) => {
    expect(wanted({ action, 'dry-run': 'true' })).toMatchObject({ 1: 0 })
  })

  test('is about the servers and backends that were named', () => {
    const names = { server: 'a b', backend: 'web api' }
    expect(wantedBy(read(names))).toMatchObject({ servers: ['a', 'b'], backends: ['web', 'api'] })
    expect(wantedBy(read({ backend: '*' }))).toMatchObject({ backends: 'every' })
  })
})

describe('the stats URL', () => {
  const urls = (given: Given): string[] => read(given).instances.map(({ url }) => url.href)

  test.each([
    ['http://lb1/a http://lb2/a', ['http://lb1/a', 'http://lb2/a']],
    ['http://lb1/a\nhttps://lb2/a\n', ['http://lb1/a', 'https://lb2/a']],
    ['http://lb1/a,http://lb2/a', ['http://lb1/a', 'http://lb2/a']],
    ['["http://lb1/a", "http://lb2/a?b,c"]', ['http://lb1/a', 'http://lb2/a?b,c']],
    ['http://lb1/a http://lb1/a', ['http://lb1/a']],
    ['http://lb1/a;csv http://LB1:80/a', ['http://lb1/a']]
  ])('%j is %j', (text, expected) => {
    expect(urls({ 'stats-url': text })).toEqual(expected)
  })

  test('that is bad is refused with what is wrong, never repeated', () => {
    expect(problems({ 'stats-url': 'lb/s3cret' })).toEqual([
      'stats-url: the URL cannot be used: it must begin with http:// or https://, such as http://lb:8404/admin.'
    ])
    expect(output).toBe('')
  })

  test('that is one of several is named by its number', () => {
    expect(problems({ 'stats-url': 'http://lb/a ftp://joe:s3cret@lb/a http://lb2/a x' })).toEqual([
      'stats-url: the URL (number 2 of 4) cannot be used: it must begin with http:// or https://, such as http://lb:8404/admin.',
      'stats-url: the URL (number 4 of 4) cannot be used: it must begin with http:// or https://, such as http://lb:8404/admin.'
    ])
    expect(output).not.toContain('s3cret')
  })
})

describe('credentials', () => {
  const credentials = (given: Given): unknown => {
    const inputs = read(given)
    return [inputs.credentials, ...inputs.instances.map((instance) => instance.credentials)]
  }

  test('of the inputs are for every URL that has none', () => {
    const joe = { username: 'joe', password: 'pw' }
    expect(
      credentials({
        ...joe,
        'stats-url': 'http://lb1/a http://ann:secret@lb2/a http://bob@lb3/a'
      })
    ).toEqual([
      joe,
      joe,
      { username: 'ann', password: 'secret' },
      { username: 'bob', password: 'pw' }
    ])
  })

  test('of a URL stand alone', () => {
    expect(credentials({ 'stats-url': 'http://ann:s%40cret@lb/a' })).toEqual([
      undefined,
      { username: 'ann', password: 's@cret' }
    ])
  })

  test.each([
    [' two  blanks ', ' two  blanks '],
    ['tab\t', 'tab\t'],
    ['in\nthe middle', 'in\nthe middle'],
    ['"quoted"', '"quoted"'],
    ['a:b', 'a:b'],
    ['ö🔑%', 'ö🔑%']
  ])('have the password %j exactly as it is', (password, expected) => {
    expect(read({ username: 'joe', password }).credentials?.password).toBe(expected)
    expect(output).not.toContain('::notice')
  })

  test.each([
    ['pw\n', 'pw'],
    ['pw\r\n', 'pw'],
    [' pw \n', ' pw '],
    ['pw\n\n', 'pw\n']
  ])(
    'have the password %j without the line break at its end, with a notice',
    (password, expected) => {
      expect(read({ username: 'joe', password }).credentials?.password).toBe(expected)
      expect(output.split('\n').filter((line) => line.startsWith('::notice'))).toEqual([
        '::notice title=Input password::The password ends in a line break, which is left out. Store the secret without it.'
      ])
    }
  )

  test('with a carriage return alone at the end keep it', () => {
    expect(read({ username: 'joe', password: 'pw\r' }).credentials?.password).toBe('pw\r')
  })

  test('with a blank around the user name lose that', () => {
    expect(read({ username: ' joe ', password: 'pw' }).credentials?.username).toBe('joe')
  })

  test('without a user name are refused', () => {
    expect(problems({ password: 'pw' })).toEqual([
      `username: it is empty although there is a password. ${UNAVAILABLE}`
    ])
  })

  test('without a user name are enough where every URL has one', () => {
    expect(
      credentials({ password: 'pw', 'stats-url': 'http://ann@lb1/a https://bob:secret@lb2/a' })
    ).toEqual([
      { username: '', password: 'pw' },
      { username: 'ann', password: 'pw' },
      { username: 'bob', password: 'secret' }
    ])
  })

  // A @ behind the host is none of a user name.
  test.each(['http://lb2/a', 'http://lb2/a@b', 'http://lb2?a@b'])(
    'without a user name are refused where %s has none',
    (url) => {
      expect(problems({ password: 'pw', 'stats-url': `http://ann@lb1/a ${url}` })).toContain(
        `username: it is empty although there is a password. ${UNAVAILABLE}`
      )
    }
  )

  test.each(['', '\n'])('with the password %j are refused', (password) => {
    expect(problems({ username: 'joe', password })).toEqual([
      `password: it is empty although there is a user name. ${UNAVAILABLE}`
    ])
  })

  test('with a colon in the user name are refused', () => {
    expect(problems({ username: 'a:b', password: 'pw' })).toEqual([
      'username: it has a colon, which HTTP Basic authentication cannot carry.'
    ])
  })

  test('with a colon in the user name of a URL are refused', () => {
    expect(problems({ 'stats-url': 'http://a%3Ab:pw@lb/a' })).toEqual([
      'stats-url: the URL cannot be used: its user name has a colon, which HTTP Basic authentication cannot carry.'
    ])
  })
})

describe('a secret', () => {
  test('is masked in every form in which it may turn up', () => {
    read({ username: 'joe', password: 'p"w & ö' })
    expect(masks()).toEqual([
      'p"w & ö',
      'p%22w%20%26%20%C3%B6',
      'p%22w+%26+%C3%B6',
      String.raw`p\"w & ö`,
      Buffer.from('p"w & ö').toString('base64'),
      Buffer.from('joe:p"w & ö').toString('base64')
    ])
  })

  test('that looks the same in several forms is masked once in each', () => {
    read({ username: 'joe', password: 'simple' })
    expect(masks()).toEqual(['simple', 'c2ltcGxl', 'am9lOnNpbXBsZQ=='])
  })

  test('is not printed where no runner of GitHub would take that for a command', () => {
    for (const runner of [{}, { GITHUB_ACTIONS: 'false' }]) {
      const inputs = read({ username: 'joe', password: 'simple' }, runner)
      expect([inputs.credentials?.password, output]).toEqual(['simple', ''])
    }
  })

  test('in a URL is masked, and its user name is not', () => {
    read({ 'stats-url': 'http://ann:s%40cret@lb/a' })
    expect(masks()).toEqual([
      's@cret',
      's%40cret',
      Buffer.from('s@cret').toString('base64'),
      Buffer.from('ann:s@cret').toString('base64')
    ])
  })

  test('that several users share is masked for each of them', () => {
    const url = 'http://lb1/a http://bob@lb2/a'
    read({ username: 'joe', password: 'pw', 'stats-url': url })
    expect(masks()).toEqual(
      expect.arrayContaining([
        Buffer.from('joe:pw').toString('base64'),
        Buffer.from('bob:pw').toString('base64')
      ])
    )
  })

  test('is masked before anything else is said, also when an input is bad', () => {
    expect(problems({ username: 'a:b', password: 'pw\n', wait: 'hm' })).toHaveLength(2)
    const lines = output.trim().split('\n')
    expect(lines.slice(0, -1).every((line) => line.startsWith('::add-mask::'))).toBe(true)
    expect(lines.at(-1)).toMatch(/^::notice title=Input password::/)
  })

  test('is in no message', () => {
    const given = { username: '', password: 's3cret', 'client-key': 's3cret' }
    expect(problems({ ...given, 'stats-url': 'http://joe:s3cret%@lb/' }).join()).not.toContain(
      's3cret'
    )
  })

  test('that is empty is not masked', () => {
    expect(problems({ 'stats-url': 'http://ann@lb/a' })).toEqual([
      'stats-url: the URL cannot be used: it carries a user name, and there is no password for it.'
    ])
    expect(masks()).toEqual([])
    expect(problems({ username: 'joe', 'stats-url': 'http://ann@lb/a' })).toEqual([
      `password: it is empty although there is a user name. ${UNAVAILABLE}`,
      'stats-url: the URL cannot be used: it carries a user name, and there is no password for it.'
    ])
    expect(masks()).toEqual([])
  })

  test('is not the host, the port or the user name', () => {
    read({ username: 'joe', password: 'pw', 'stats-url': 'http://lb:8404/admin' })
    expect(masks().filter((mask) => ['joe', 'lb', '8404', 'admin'].includes(mask))).toEqual([])
  })
})

describe('certificates', () => {
  let authority: Authority
  let identity: Identity
  let other: Identity
  let directory: string

  beforeAll(async () => {
    authority = await Authority.create()
    ;[identity, other] = await Promise.all([
      authority.issue('DNS:client'),
      authority.issue('DNS:other')
    ])
    directory = mkdtempSync(join(tmpdir(), 'inputs-'))
  })
  afterAll(async () => {
    rmSync(directory, { recursive: true })
    await authority.remove()
  })

  function file(name: string, text: string): string {
    const path = join(directory, name)
    writeFileSync(path, text)
    return path
  }

  test('may be given as text', () => {
    const { transport } = read({
      'ca-certificate': authority.cert,
      'client-certificate': identity.cert,
      'client-key': identity.key
    })
    expect(transport).toMatchObject({
      ca: authority.cert.trim(),
      clientCertificate: identity.cert.trim(),
      clientKey: identity.key.trim()
    })
  })

  test('may be given as files', () => {
    const { transport } = read({
      'ca-certificate': authority.file,
      'client-certificate': file('cert.pem', identity.cert),
      'client-key': file('key.pem', identity.key)
    })
    expect(transport).toMatchObject({
      ca: authority.cert,
      clientCertificate: identity.cert,
      clientKey: identity.key
    })
  })

  test('may have something before them', () => {
    const ca = `My authority\n${authority.cert.trim()}`
    expect(read({ 'ca-certificate': ca }).transport.ca).toBe(ca)
  })

  test.each(['ca-certificate', 'client-certificate', 'client-key'])(
    'that cannot be read as a file are refused: %s',
    (name) => {
      const both = { 'client-certificate': identity.cert, 'client-key': identity.key }
      const given = name === 'ca-certificate' ? {} : both
      expect(problems({ ...given, [name]: '/nowhere/x.pem' })).toContain(
        `${name}: it is neither PEM text nor a file that can be read (ENOENT).`
      )
      expect(problems({ ...given, [name]: directory })).toContain(
        `${name}: it is neither PEM text nor a file that can be read (EISDIR).`
      )
    }
  )

  test('without their key are refused', () => {
    expect(problems({ 'client-certificate': identity.cert })).toEqual([
      `client-key: a client certificate and its key go together. ${UNAVAILABLE}`
    ])
  })

  test('that are bad and without their key are refused for both', () => {
    const bad = '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----'
    expect(problems({ 'client-certificate': bad })).toEqual([
      `client-key: a client certificate and its key go together. ${UNAVAILABLE}`,
      expect.stringMatching(/^client-certificate: it cannot be used \(/)
    ])
  })

  test('that are only a bad key are refused for what is missing', () => {
    const bad = '-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----'
    expect(problems({ 'client-key': bad })).toEqual([
      `client-certificate: a client certificate and its key go together. ${UNAVAILABLE}`
    ])
  })

  test('that are only a key are refused, and the key is masked all the same', () => {
    expect(problems({ 'client-key': identity.key })).toEqual([
      `client-certificate: a client certificate and its key go together. ${UNAVAILABLE}`
    ])
    expect(masks()).toEqual([identity.key.trim()])
  })

  test('with the key of another are refused', () => {
    const bad = problems({ 'client-certificate': identity.cert, 'client-key': other.key })
    expect(bad).toHaveLength(1)
    expect(bad[0]).toMatch(
      /^client-key: it cannot be used \(.*key values mismatch\)\. It must be PEM, and a key must be without a passphrase\.$/
    )
  })

  test.each(['client-certificate', 'client-key'])('that are not PEM are refused: %s', (name) => {
    const both = { 'client-certificate': identity.cert, 'client-key': identity.key }
    const [kind] = name === 'client-key' ? ['PRIVATE KEY'] : ['CERTIFICATE']
    const nonsense = `-----BEGIN ${kind}-----\nbm9uc2Vuc2U=\n-----END ${kind}-----`
    const bad = problems({ ...both, [name]: nonsense })
    expect(bad[0]).toMatch(new RegExp(`^${name}: it cannot be used \\(`))
  })

  test.each([
    ['nonsense', '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n'],
    ['half of it', '-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U='],
    ['a text', 'hello'],
    ['nothing', '']
  ])('of an authority that are %s in a file are refused', (_, text) => {
    const bad = problems({ 'ca-certificate': file('bad.pem', text) })
    expect(bad.map((problem) => problem.split(':')[0])).toEqual(['ca-certificate'])
  })

  test('that are a key where the authority goes are refused', () => {
    expect(problems({ 'ca-certificate': identity.key })).toEqual([
      'ca-certificate: it cannot be used (it has no certificate). It must be PEM, and a key must be without a passphrase.'
    ])
  })

  test('that are a file of something else are refused for what it is', () => {
    expect(problems({ 'ca-certificate': file('text.pem', 'hello') })).toEqual([
      'ca-certificate: it is a file that holds no PEM text.'
    ])
  })

  test.each(['client-certificate', 'client-key'])(
    'that are an empty file are refused: %s',
    (name) => {
      const both = { 'client-certificate': identity.cert, 'client-key': identity.key }
      const bad = problems({ ...both, [name]: file('empty.pem', '') })
      expect(bad.map((problem) => problem.split(':')[0])).toContain(name)
    }
  )

  test('have their key masked, and nothing else of them', () => {
    read({
      'ca-certificate': authority.cert,
      'client-certificate': identity.cert,
      'client-key': identity.key
    })
    expect(masks()).toEqual([identity.key.trim()])
  })
})
