import { describe, expect, test } from '@jest/globals'
import { HaproxyError } from '../../src/haproxy/errors.ts'
import { failureSentence, reportFailure } from '../../src/runner/failure.ts'
import { InputError } from '../../src/runner/input-reader.ts'
import { inProcess, type StepResult } from './in-process.ts'

function reported(error: unknown, ...more: readonly string[]): Promise<StepResult> {
  return inProcess({}, () => {
    reportFailure(error, ...more)
  })
}

describe('a failure', () => {
  test('is the last line and makes the step red', async () => {
    const { lines, exitCode } = await reported(new HaproxyError('DENY', 'No.'), 'Try later.')
    expect(lines).toEqual(['::error title=Failed::No. Try later.'])
    expect(exitCode).toBe(1)
  })

  test('of the inputs names each problem, and at last each input once', async () => {
    const { lines, exitCode } = await reported(
      new InputError(['wait: it is odd.', 'server: "a" is bad.', 'server: "b" is bad.']),
      'More.'
    )
    expect(lines).toEqual([
      '::error title=Input wait::wait: it is odd.',
      '::error title=Input server::server: "a" is bad.',
      '::error title=Input server::server: "b" is bad.',
      '::error title=Inputs to correct::Nothing was changed. Correct these inputs: wait, server. More.'
    ])
    expect(exitCode).toBe(1)
  })

  test('that nobody foresaw leaves its stack in the debug log, in one line', async () => {
    const { lines } = await reported(new Error('Out of order'))
    expect(lines).toEqual([
      expect.stringMatching(/^::debug::Error: Out of order +at .*failure\.test\.ts/),
      '::error title=Failed::Out of order.'
    ])
  })

  test('without a stack is reported all the same', async () => {
    const error = Object.assign(new Error('No.'), { stack: undefined })
    expect((await reported(error)).lines).toEqual(['::debug::', '::error title=Failed::No.'])
  })

  test('that is no error is given as it is', async () => {
    const { lines, exitCode } = await reported('out of order', '', 'Try later.')
    expect([exitCode, lines]).toEqual([1, ['::error title=Failed::out of order. Try later.']])
  })

  test.each([
    ['the message', new HaproxyError('DENY', 'a\n::notice::b ##[error]c'), []],
    ['an input', new InputError(['a\n::notice::b ##[error]c']), []],
    ['what follows', new HaproxyError('DENY', 'No.'), ['a\n::notice::b ##[error]c']]
  ])('cannot write a command into the log: %s', async (_, error, more) => {
    const { lines } = await reported(error, ...more)
    expect(lines[0]).toContain('a ::notice::b ## [error]c')
    expect(lines.join('\n')).not.toMatch(/^::notice|##\[/m)
  })
})

describe('the sentence of a failure', () => {
  test.each([
    ['No', 'No.'],
    ['No.', 'No.'],
    ['No!', 'No!'],
    ['No?', 'No?'],
    ['No. 1', 'No. 1.']
  ])('"%s" ends as "%s"', (message, expected) => {
    expect(failureSentence(new Error(message))).toBe(expected)
  })

  test('is followed by more, without what is empty', () => {
    expect(failureSentence(new Error('No.'), '', 'First.', '', 'Second.')).toBe(
      'No. First. Second.'
    )
  })
})
