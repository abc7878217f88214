import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { DEFAULTS } from '../../src/runner/defaults.ts'
import { readDeclaredInputs } from '../support/action-inputs.ts'

const ACTION = new URL('../../action.yml', import.meta.url)
const README = new URL('../../README.md', import.meta.url)

interface Declared {
  readonly name: string
  readonly description: string
  readonly required: boolean
}

/** What action.yml declares in one of its sections; `action-inputs.ts` reads the defaults. */
function declaredIn(section: 'inputs' | 'outputs'): Declared[] {
  const [, text = ''] = readFileSync(ACTION, 'utf8').split(new RegExp(`^${section}:$`, 'm'))
  const [body = ''] = text.split(/^\S/m)
  return body.split(/^ {2}(?=\S)/m).flatMap((block) => {
    const name = /^([\w-]+):$/m.exec(block)?.[1]
    const description = /^ {4}description: (.*)$/m.exec(block)?.[1] ?? ''
    const plain = description.replace(/^'(.*)'$/, (_, inner: string) => inner.replaceAll("''", "'"))
    const required = /^ {4}required: true$/m.test(block)
    return name === undefined ? [] : [{ name, description: plain, required }]
  })
}

/** What stands under a heading of README.md. */
function sectionOf(heading: string): string {
  const [, text = ''] = readFileSync(README, 'utf8').split(new RegExp(`^## ${heading}$`, 'm'))
  return text.split(/^## /m)[0] ?? ''
}

/** The cells of the tables under a heading of README.md, without their headers. */
function tablesUnder(heading: string): string[][] {
  const rows = sectionOf(heading)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
  return rows.map((line) => {
    const cells = line.split(/(?<!\\)\|/).slice(1, -1)
    return cells.map((cell) => cell.trim().replaceAll('\\|', '|'))
  })
}

const byName = (one: readonly unknown[], other: readonly unknown[]): number =>
  String(one[0]).localeCompare(String(other[0]))

const inputs = declaredIn('inputs')
const outputs = declaredIn('outputs')

describe('the inputs', () => {
  test('of action.yml are those that the code reads, with the same defaults', () => {
    expect(Object.fromEntries(readDeclaredInputs(ACTION))).toEqual(DEFAULTS)
  })

  test('of action.yml come in the order of the code', () => {
    expect(inputs.map(({ name }) => name)).toEqual(Object.keys(DEFAULTS))
  })

  test('that are required are these and have no default', () => {
    const required = inputs.filter((input) => input.required).map(({ name }) => name)
    expect(required).toEqual(['stats-url', 'backend', 'server', 'action'])
    expect(
      Object.entries(DEFAULTS).filter(([name, value]) => required.includes(name) && value)
    ).toEqual([])
  })

  test('are described in README.md as in action.yml, with their defaults', () => {
    const defaults: Readonly<Record<string, string>> = DEFAULTS
    const expected = inputs.map(({ name, description, required }) => {
      const value = defaults[name] ?? ''
      const shown = value === '' ? '' : `\`${value}\``
      return [`\`${name}\``, required ? 'required' : shown, description]
    })
    expect(tablesUnder('Inputs').toSorted(byName)).toEqual(expected.toSorted(byName))
  })

  test('are all in the block of README.md that is there to be copied, each with its default', () => {
    const [, block = ''] = /```yaml\n(.*?)```/s.exec(sectionOf('Inputs')) ?? []
    const copied = Object.fromEntries(
      [...block.matchAll(/^ {4}([\w-]+): (.*)$/gm)].map(([, name = '', value = '']) => [
        name,
        value
      ])
    )
    const [required, login] = [inputs.filter((input) => input.required), ['username', 'password']]
    const examples = [...required.map(({ name }) => name), ...login]
    const expected = Object.entries(DEFAULTS)
      .filter(([name]) => name !== 'job-status')
      .map(([name, value]) => [name, examples.includes(name) ? copied[name] : value || "''"])
    expect(Object.entries(copied).toSorted(byName)).toEqual(expected.toSorted(byName))
    expect(examples.filter((name) => !copied[name])).toEqual([])
  })

  test('are all described in a sentence', () => {
    expect(inputs.filter(({ description }) => !/^\S.*\.$/.test(description))).toEqual([])
  })
})

describe('the outputs', () => {
  test('of action.yml are these', () => {
    expect(outputs.map(({ name }) => name)).toEqual([
      'changed',
      'status',
      'previous-status',
      'sessions',
      'waited',
      'safe-to-stop',
      'result'
    ])
  })

  test('are described in README.md as in action.yml', () => {
    expect(tablesUnder('Outputs')).toEqual(
      outputs.map(({ name, description }) => [`\`${name}\``, description])
    )
  })

  test('are all described in a sentence', () => {
    expect(outputs.filter(({ description }) => !/^\S.*\.$/.test(description))).toEqual([])
  })
})

describe('the action', () => {
  test('runs one bundle for both steps, which is there', () => {
    const text = readFileSync(ACTION, 'utf8')
    const [main, post] = ['main', 'post'].map(
      (step) => new RegExp(`^  ${step}: (.*)$`, 'm').exec(text)?.[1]
    )
    expect([main, post]).toEqual(['dist/index.js', 'dist/index.js'])
    expect(readFileSync(new URL('../../dist/index.js', import.meta.url)).length).toBeGreaterThan(0)
  })
})
