import { data, Evaluator, Lexer, Parser } from '@actions/expressions'

/** How the job stands when an expression asks. */
export type Status = 'success' | 'failure' | 'cancelled'

/** The contexts that an expression may name, as plain values: `inputs`, `matrix`, … */
export type Contexts = Readonly<Record<string, unknown>>

const EXPRESSION = /\$\{\{(.*?)\}\}/gs
const ONE_EXPRESSION = /^\s*\$\{\{((?:(?!\}\}).)*)\}\}\s*$/s
const STATUS_FUNCTIONS = ['success', 'failure', 'cancelled', 'always']

/** The value of a scalar of a workflow: text with expressions in it, or a single one of any type. */
export function evaluate(scalar: unknown, contexts: Contexts, status: Status = 'success'): unknown {
  if (typeof scalar !== 'string') return scalar
  const single = ONE_EXPRESSION.exec(scalar)?.[1]
  if (single !== undefined) return plain(compute(single, contexts, status))
  return scalar.replace(EXPRESSION, (_, expression: string) =>
    compute(expression, contexts, status).coerceString()
  )
}

/** The text that a scalar comes to: what a step is given as an input, a variable or a script. */
export function evaluateText(scalar: unknown, contexts: Contexts, status?: Status): string {
  const value = evaluate(scalar, contexts, status)
  return (
    JSON.parse(JSON.stringify(value ?? null), data.reviver) as data.ExpressionData
  ).coerceString()
}

/** Whether a step runs; a condition that asks for no status means only while all is well. */
export function isDue(
  condition: string | boolean | undefined,
  contexts: Contexts,
  status: Status | 'skipped'
): boolean {
  const text = String(condition ?? '')
  const expression = ONE_EXPRESSION.exec(text)?.[1] ?? text
  const asks = STATUS_FUNCTIONS.some((name) => expression.includes(`${name}(`))
  if (!asks && status !== 'success') return false
  return expression.trim() === '' || isTrue(plain(compute(expression, contexts, status)))
}

/** Computes with GitHub's own engine. */
function compute(
  expression: string,
  contexts: Contexts,
  status: Status | 'skipped'
): data.ExpressionData {
  const functions = STATUS_FUNCTIONS.map((name) => ({
    name,
    minArgs: 0,
    maxArgs: 0,
    call: () => new data.BooleanData(name === 'always' || name === status)
  }))
  const tokens = new Lexer(expression).lex().tokens
  const parsed = new Parser(tokens, Object.keys(contexts), functions).parse()
  const dictionary = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary
  const byName = new Map(functions.map((each) => [each.name, each]))
  return new Evaluator(parsed, dictionary, byName).evaluate()
}

function plain(value: data.ExpressionData): unknown {
  return JSON.parse(JSON.stringify(value, data.replacer))
}

function isTrue(value: unknown): boolean {
  return value !== '' && Boolean(value)
}
