import { HaproxyError } from '../../src/haproxy/errors.ts'

/** The HaproxyError that this throws; anything else fails the test. */
export function failureOf(work: () => unknown): HaproxyError {
  try {
    work()
  } catch (error) {
    return asHaproxyError(error)
  }
  throw new Error('Nothing was thrown.')
}

/** The HaproxyError that this rejects with; anything else fails the test. */
export async function failureIn(work: Promise<unknown>): Promise<HaproxyError> {
  try {
    await work
  } catch (error) {
    return asHaproxyError(error)
  }
  throw new Error('Nothing was thrown.')
}

function asHaproxyError(error: unknown): HaproxyError {
  if (error instanceof HaproxyError) {
    return error
  }
  throw new Error('Something other than a HaproxyError was thrown.', { cause: error })
}
