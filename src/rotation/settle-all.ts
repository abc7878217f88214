import { HaproxyError } from '../haproxy/errors.ts'

/**
 * Does something for all at once and lets all of them end, so that nothing goes on behind a failure.
 *
 * @throws the first failure in the order of `all`; with the messages of all of them if it is a HaproxyError
 */
export async function settleAll<T, R>(
  all: readonly T[],
  deed: (one: T) => Promise<R>
): Promise<R[]> {
  const settled = await Promise.allSettled(all.map(deed))
  const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  const [first] = errors
  if (first instanceof HaproxyError && errors.length > 1) {
    const messages = new Set(errors.map(({ message }) => message))
    throw new HaproxyError(first.problem, [...messages].join(' '), {
      advice: first.advice,
      cause: new AggregateError(errors)
    })
  }
  if (first !== undefined) {
    throw first
  }
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}
