import { describe, expect, test } from '@jest/globals'
import { HaproxyError, type Problem } from '../../src/haproxy/errors.ts'
import { adviceFor } from '../../src/runner/advice.ts'
import { readInputs } from '../../src/runner/inputs.ts'
import { inputsFor } from './imitated-pages.ts'
import { type Given, inProcess } from './in-process.ts'

/** The advice on a failure of a step with these inputs. */
async function advice(error: unknown, given: Given = {}): Promise<string> {
  const inputs = inputsFor([], { 'stats-url': 'http://lb/admin', action: 'maint', ...given })
  let text = ''
  await inProcess(inputs, () => (text = adviceFor(error, readInputs())))
  return text
}

describe('the advice', () => {
  test.each<[Problem, string]>([
    ['unauthorized', 'They come from the inputs username and password, or from stats-url itself.'],
    ['login-needed', 'Give them as the inputs username and password.'],
    [
      'tls-unknown-issuer',
      'If you know whose it is, give the certificate of its authority, or the self-signed one itself, as ca-certificate.'
    ],
    ['tls-client-certificate', 'Give it as client-certificate, and its key as client-key.'],
    ['timed-out', 'Raise request-timeout if the page is only slow.'],
    ['guard-refused', 'If the backend may run with fewer, lower min-up (0 turns the guard off).'],
    ['no-turn', 'Raise min-up-timeout, then run this step again.'],
    [
      'same-address',
      "Take those out in the same step: backend: '*', and their names in server. With same-address: ignore the step goes on without proof."
    ],
    [
      'old-process',
      'If it is set there, give the same value as the input hard-stop-after, and make wait-timeout longer than that.'
    ]
  ])('on %s is what HAProxy needs, and then the input for it', async (problem, expected) => {
    const error = new HaproxyError(problem, 'No.', { advice: 'Do this.' })
    expect(await advice(error)).toBe(`Do this. ${expected}`)
  })

  test.each<Problem>(['DENY', 'other-login', 'did-not-hold', 'not-up'])(
    'on %s is that of the failure alone',
    async (problem) => {
      const error = new HaproxyError(problem, 'No.')
      expect(await advice(error)).toBe(error.advice)
    }
  )

  test('on servers that are not drained names every way on', async () => {
    const error = new HaproxyError('not-drained', 'No.')
    expect(await advice(error)).toBe(
      'You can wait longer (wait-timeout), let some sessions remain (max-sessions) or end the sessions (on-timeout: shutdown).'
    )
    expect(await advice(error, { 'on-timeout': 'shutdown' })).toBe(
      'You can wait longer (wait-timeout) or let some sessions remain (max-sessions).'
    )
  })

  test('on servers that are not drained begins with what is known of them', async () => {
    const error = new HaproxyError('not-drained', 'No.', { advice: 'Do this.' })
    expect(await advice(error)).toMatch(/^Do this\. You can wait longer/)
  })

  test('on servers that nobody can see any more is not about their sessions', async () => {
    const cause = new HaproxyError('refused', 'No answer.')
    const error = new HaproxyError('not-drained', 'No.', { advice: 'Do this.', cause })
    expect(await advice(error)).toBe(
      'Do this. Once it answers again, run this step again: a HAProxy that was restarted has forgotten the admin state.'
    )
  })

  test('on an old process does not ask for an input that was given', async () => {
    const error = new HaproxyError('old-process', 'No.', { advice: 'Do this.' })
    expect(await advice(error, { 'hard-stop-after': '2m' })).toBe(
      'Do this. Make wait-timeout longer than the hard-stop-after of 2m.'
    )
  })

  test('on a failure of another kind is none', async () => {
    const error = Object.assign(new Error('No.'), { problem: 'not-drained', advice: 'Do this.' })
    expect(await advice(error)).toBe('')
    expect(await advice(undefined)).toBe('')
  })
})
