import { HaproxyError } from '../haproxy/errors.ts'

/**
 * Runs work for all items at once and waits for all of it to end, so that nothing goes on behind a failure.
 *
 * @throws the first failure in the order of the items; if it is a HaproxyError, with the messages of all, and the
 *   problem of the first that does not pass by itself
 */
export async function settleAll<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>
): Promise<R[]> {
  const settled = await Promise.allSettled(items.map(work))
  const errors = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []))
  const [first] = errors
  if (first instanceof HaproxyError && errors.length > 1) {
    const known = errors.filter((error) => error instanceof HaproxyError)
    // What does not pass by itself decides what is to be done.
    const { problem, advice } = known.find(({ transient }) => !transient) ?? first
    const messages = new Set(errors.map(({ message }) => message))
    throw new HaproxyError(problem, [...messages].join(' '), {
      advice,
      cause: new AggregateError(errors),
      transient: known.length === errors.length && known.every(({ transient }) => transient)
    })
  }
  if (first !== undefined) {
    throw first
  }
  return settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}
