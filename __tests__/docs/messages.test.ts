import { describe, expect, test } from '@jest/globals'
import { documents, filesIn, read } from './repository.ts'

/** All sources with their texts as they are said: joined where the code joins them. */
const sources = filesIn('src', /\.ts$/)
  .map((path) => read(path).replace(/(['"`])\s*\+\s*(['"`])/g, ''))
  .join('\n')

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

/** Whether the code says this; a word may fall into a hole if the code has it somewhere else. */
function isSaid(message: string): boolean {
  const words = message.split(' ').map((word) => {
    const plain = word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
    const known = new RegExp(`\\b${plain}\\b`).test(sources)
    return known && /^[A-Z]+$/.test(word) ? `(?:${plain}|\\0)` : plain
  })
  return new RegExp(words.join(' ')).test(texts)
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

describe('the check itself', () => {
  test.each(['HAProxy answered NOPE', 'Not up whithin', 'min-up wants', 'Not drained within 5s'])(
    'finds that nobody says "%s"',
    (message) => {
      expect(isSaid(message)).toBe(false)
    }
  )
})
