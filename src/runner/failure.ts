import { HaproxyError, messageOf } from '../haproxy/errors.ts'
import { InputError } from './input-reader.ts'
import { debug, error as logError, fail } from './log.ts'

/**
 * Fails the step, with what went wrong as its last line.
 *
 * @param more sentences to end it with; empty ones are left out
 */
export function reportFailure(error: unknown, ...more: readonly string[]): void {
  const title = error instanceof InputError ? 'Inputs to correct' : 'Failed'
  failWith(error, failureSentence(error, ...more), title)
}

/**
 * Fails the step with a sentence as its last line.
 *
 * @param title the same in a few words, for the list of annotations
 */
export function failWith(error: unknown, sentence: string, title: string): void {
  if (error instanceof InputError) {
    error.problems.forEach((problem) => {
      logError(problem, `Input ${inputIn(problem)}`)
    })
  }
  if (
    !(error instanceof HaproxyError) &&
    !(error instanceof InputError) &&
    error instanceof Error
  ) {
    debug(error.stack ?? '')
  }
  fail(sentence, title)
}

/** What went wrong, in one line. */
export function failureSentence(error: unknown, ...more: readonly string[]): string {
  return [problemOf(error), ...more].filter((part) => part !== '').join(' ')
}

/** The input that a problem begins with. */
function inputIn(problem: string): string {
  return problem.slice(0, problem.indexOf(':'))
}

function problemOf(error: unknown): string {
  if (error instanceof InputError) {
    const names = new Set(error.problems.map(inputIn))
    const inputs = names.size === 1 ? 'the input' : 'these inputs:'
    return `Nothing was changed. Correct ${inputs} ${[...names].join(', ')}.`
  }
  const message = messageOf(error)
  return /[.!?]$/.test(message) ? message : `${message}.`
}
