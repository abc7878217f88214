import { readFileSync } from 'node:fs'

/** The inputs that an action.yml declares, each with its default (empty where it has none). */
export type DeclaredInputs = ReadonlyMap<string, string>

/**
 * Reads the inputs of an action.yml of the simple shape that ours has: two spaces before a name,
 * four before `default:`, a value on the same line, plain or quoted.
 */
export function readDeclaredInputs(path: string | URL): DeclaredInputs {
  const inputs = new Map<string, string>()
  let section = ''
  let input = ''
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    section = /^([a-z-]+):/.exec(line)?.[1] ?? section
    if (section !== 'inputs') continue
    const name = /^ {2}([\w-]+):\s*$/.exec(line)?.[1]
    if (name !== undefined) {
      input = name
      inputs.set(input, '')
    }
    const value = /^ {4}default:(.*)$/.exec(line)?.[1]
    if (value !== undefined) inputs.set(input, unquote(value.trim()))
  }
  if (inputs.size === 0) throw new Error(`No inputs found in ${String(path)}`)
  return inputs
}

/**
 * The `INPUT_` variables that the runner makes of a step's `with:`. A default applies only to an
 * input that is not there at all; an input given as empty stays empty.
 */
export function inputVariables(
  declared: DeclaredInputs,
  given: Readonly<Record<string, string>>,
  jobStatus: string
): Record<string, string> {
  const unknown = Object.keys(given).filter((name) => !declared.has(name))
  if (unknown.length > 0) throw new Error(`Not inputs of this action: ${unknown.join(', ')}`)
  const variables: Record<string, string> = {}
  for (const [name, fallback] of declared) {
    const value = given[name] ?? fallback.replace(/\$\{\{\s*job\.status\s*\}\}/, jobStatus)
    variables[`INPUT_${name.replaceAll(' ', '_').toUpperCase()}`] = value
  }
  return variables
}

function unquote(value: string): string {
  if (value.startsWith("'")) return value.slice(1, -1).replaceAll("''", "'")
  if (value.startsWith('"')) return String(JSON.parse(value))
  return value
}
