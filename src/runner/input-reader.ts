import { getInput } from '@actions/core'
import { DEFAULTS, type InputName } from './defaults.ts'
import { parseDuration } from '../rotation/duration.ts'

/** Inputs that cannot be used; every one of them is named. */
export class InputError extends Error {
  override readonly name = 'InputError'
  /** Each begins with the input's name and a colon. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join(' '))
    this.problems = problems
  }
}

/** The likeliest cause of an input that is empty although the workflow gives it. */
export const UNAVAILABLE =
  'If it comes from a secret, a variable or an input, is that available to this workflow?'

// YAML 1.1 takes these for true and false, and GitHub does not.
const [YES, NO] = [/^(?:y|yes|on|1|t)$/i, /^(?:n|no|off|0|f)$/i] as const

/**
 * Reads inputs of the usual kinds and notes what is wrong with them instead of stopping there, so that
 * all can be said at once. What it returns for a bad input is of the right type; `finish` throws before it is used.
 */
export class InputReader {
  readonly #problems: string[] = []

  /** @throws InputError if anything was refused */
  finish(): void {
    if (this.#problems.length > 0) {
      throw new InputError(this.#problems)
    }
  }

  refuse(name: InputName, reason: string): void {
    this.#problems.push(`${name}: ${reason}`)
  }

  text(name: InputName): string {
    return getInput(name) || DEFAULTS[name]
  }

  /** A list of one or more: one per line, separated by commas or spaces, or as JSON. */
  list(name: InputName): string[] {
    const text = this.text(name)
    const list = (parseJsonList(text) ?? text.split(/[\s,]/)).filter((item) => item !== '')
    if (list.length === 0) {
      this.refuse(name, `it is empty. ${UNAVAILABLE}`)
    }
    return list
  }

  choice<T extends string>(name: InputName, allowed: readonly [T, ...T[]]): T {
    const text = this.text(name)
    const known = allowed.find((word) => word === text)
    if (known === undefined) {
      this.refuse(name, `"${text}" is not one of ${allowed.join(', ')}.`)
    }
    return known ?? allowed[0]
  }

  /** The words of YAML 1.2, as core.getBooleanInput takes them; that one refuses an empty value. */
  flag(name: InputName): boolean {
    const text = this.text(name)
    if (/^(true|True|TRUE)$/.test(text)) {
      return true
    }
    if (!/^(false|False|FALSE)$/.test(text)) {
      const meant = YES.test(text) ? ' Write true.' : NO.test(text) ? ' Write false.' : ''
      this.refuse(name, `"${text}" is neither true nor false.${meant}`)
    }
    return false
  }

  amount(name: InputName): number {
    const text = this.text(name)
    if (!/^\d{1,9}$/.test(text)) {
      this.refuse(name, `"${text}" is not a whole number of 0 or more.`)
    }
    return Number(text)
  }

  /** In milliseconds. */
  duration(name: InputName, least: string, most: string): number {
    const text = this.text(name)
    const [lowest = 0, highest = Infinity] = [least, most].map(parseDuration)
    const isAllowed = (ms = -1): boolean => ms >= lowest && ms <= highest
    const ms = parseDuration(text)
    const meant = [`${text}s`, `${text}ms`].find((each) => isAllowed(parseDuration(each)))
    if (ms === undefined && (meant !== undefined || !/^\d+$/.test(text))) {
      const hint = meant === undefined ? '' : ` Did you mean ${meant}?`
      this.refuse(name, `"${text}" is not a duration such as 500ms, 30s, 5m or 1m30s.${hint}`)
    } else if (!isAllowed(ms)) {
      // Of a bare number that fits with no unit, such as 0, the range says more than the missing unit.
      this.refuse(name, `"${text}" is not between ${least} and ${most}.`)
    }
    return ms ?? 0
  }
}

/** A JSON list of strings, as `toJSON` and matrices give it; undefined for any other text. */
function parseJsonList(text: string): string[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every((item) => typeof item === 'string')
      ? value.map((item) => item.trim())
      : undefined
  } catch {
    return undefined
  }
}
