import { describe, expect, test } from '@jest/globals'
import ts from 'typescript'
import { documents, filesIn, read } from './repository.ts'

const files = filesIn('src', /\.ts$/)

/** All sources with their texts as they are said: joined where the code joins them. */
const sources = files.map((path) => read(path).replace(/(['"`])\s*\+\s*(['"`])/g, '')).join('\n')

/** A text with a hole where the code fills something in. */
const texts = sources.replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, '\0')

/** The first cells of the tables whose first column is called Message. */
function messagesOf(path: string): string[] {
  const messages: string[] = []
  let isMessages = false
  for (const line of read(path).split('\n')) {
    const first = /^\|([^|]*)\|/.exec(line)?.[1]?.trim()
    if (first === undefined) isMessages = false
    else if (first === 'Message') isMessages = true
    else if (isMessages && !/^-+$/.test(first)) messages.push(/^`(.*)`$/.exec(first)?.[1] ?? first)
  }
  return messages
}

/** Whether a text says this; a word may fall into a hole if the code has it somewhere else. */
function isSaid(message: string, text = texts): boolean {
  const words = message.split(' ').map((word) => {
    const plain = word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    const known = new RegExp(`\\b${plain}\\b`).test(sources)
    return known && /^[A-Z]+$/.test(word) ? `(?:${plain}|\\0)` : plain
  })
  return new RegExp(words.join(' ')).test(text)
}

/** What makes an error, a warning or a notice of its arguments. */
const SAYERS = /^(HaproxyError|Error|refuse|fail|seen|warning|notice)$/
/** What nobody can meet. */
const UNREACHABLE = [
  '@actions/exec is left out of this bundle.',
  'undici is left out of this bundle.',
  'This handler does not authenticate.'
]

/** The texts with which a source says that something is wrong, or may be. */
function saidBy(path: string): string[] {
  const found: string[] = []
  const add = (node: ts.Node): void => {
    const text = flat(node)
    // What has no phrase of its own is put together of others.
    const hasPhrase = text.split('\0').some((part) => part.trim().split(/\s+/).length > 3)
    if (hasPhrase && !UNREACHABLE.includes(text)) found.push(text)
  }
  const visit = (node: ts.Node): void => {
    if ((ts.isCallExpression(node) || ts.isNewExpression(node)) && SAYERS.test(nameOf(node))) {
      // What follows the text of a warning or a notice is its title.
      const hasTitle = /^(warning|notice)$/.test(nameOf(node))
      node.arguments?.slice(0, hasTitle ? 1 : undefined).forEach(add)
    } else if (ts.isArrowFunction(node) && ts.isArrayLiteralExpression(node.parent)) {
      add(node.body)
    } else if (path === 'src/rotation/log-lines.ts' && ts.isArrayLiteralExpression(node)) {
      node.elements.slice(0, 1).forEach(add)
    } else if (path === 'src/runner/doubts.ts' && ts.isReturnStatement(node)) {
      add(node.expression ?? (node.getFirstToken() as ts.Expression))
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true))
  return found
}

function nameOf({ expression }: ts.CallExpression | ts.NewExpression): string {
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText()
}

/** A text as it is said, with a hole for everything that is filled in. */
function flat(node: ts.Node): string {
  if (ts.isStringLiteralLike(node)) return node.text
  if (ts.isTemplateExpression(node)) {
    return node.head.text + node.templateSpans.map(({ literal }) => `\0${literal.text}`).join('')
  }
  if (ts.isParenthesizedExpression(node)) return flat(node.expression)
  return ts.isBinaryExpression(node) ? flat(node.left) + flat(node.right) : '\0'
}

const named = documents().flatMap((path) => messagesOf(path).map((each) => [path, each] as const))

test('README and docs/troubleshooting.md have tables of messages', () => {
  const paths = new Set(named.map(([path]) => path))
  expect([...paths].sort()).toEqual(['README.md', 'docs/troubleshooting.md'])
})

test.each(named)('%s names the message "%s", which the code says', (_, message) => {
  expect(isSaid(message)).toBe(true)
})

test('every message of the README has its line in docs/troubleshooting.md', () => {
  const all = messagesOf('docs/troubleshooting.md')
  expect(messagesOf('README.md').filter((message) => !all.includes(message))).toEqual([])
})

test('no message has two lines in docs/troubleshooting.md', () => {
  const all = messagesOf('docs/troubleshooting.md')
  expect(all).toEqual([...new Set(all)])
})

describe('docs/troubleshooting.md explains every error, warning and notice of', () => {
  const all = messagesOf('docs/troubleshooting.md')
  const sayers = files.map((path) => [path, saidBy(path)] as const)

  test.each(sayers.filter(([, said]) => said.length > 0))('%s', (_, said) => {
    expect(said.filter((text) => !all.some((message) => isSaid(message, text)))).toEqual([])
  })
})

describe('the check itself', () => {
  test.each(['HAProxy answered NOPE', 'Not up whithin', 'min-up wants', 'Not drained within 5s'])(
    'finds that nobody says "%s"',
    (message) => {
      expect(isSaid(message)).toBe(false)
    }
  )

  test('finds what the code says in a literal, in a template, in parts, and in a table', () => {
    expect(saidBy('src/runner/pages.ts').join()).toContain('tls-verify is false: anybody')
    expect(saidBy('src/rotation/target.ts')).toContain('\0 is no longer there.')
    expect(saidBy('src/rotation/request.ts').join()).toContain(
      'has several addresses, and they are several HAProxies'
    )
    expect(saidBy('src/haproxy/network-errors.ts')).toContain('\0 does not answer in TLS')
    const doubts = read('src/runner/doubts.ts').match(/^ +case '/gm) ?? []
    expect(doubts.length).toBeGreaterThan(5)
    expect(saidBy('src/runner/doubts.ts')).toHaveLength(doubts.length)
  })
})
