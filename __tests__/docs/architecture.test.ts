import { beforeAll, describe, expect, jest, test } from '@jest/globals'
import { dirname, join, normalize } from 'node:path'
import { type Page, showMarkdown, type Theme } from './page.ts'
import { blocksOf, documents, filesIn, read } from './repository.ts'

// Several starts of a browser, on a machine that is busy.
jest.setTimeout(180_000)

const PAGE = 'docs/architecture.md'
const themes: readonly Theme[] = ['light', 'dark']
const sources = filesIn('src', /\.ts$/)
/** A folder for pictures of what was drawn, for a person to look at; none by default. */
const pictures = process.env['SCREENSHOTS']

/** The words of a type that is a union of them. */
function wordsOf(path: string, type: string): string[] {
  const [, union = ''] =
    new RegExp(`^(?:export )?type ${type} =([^]*?)(?:\\n\\n|$(?!\\n))`, 'm').exec(read(path)) ?? []
  return [...union.matchAll(/(?:^|\||kind:)\s*'([^']+)'/g)].map(([, word = '']) => word)
}

describe('the diagrams', () => {
  const diagrams = documents().flatMap((path) => blocksOf(path, 'mermaid'))
  const draw = (theme: Theme): Promise<Page> =>
    showMarkdown(
      diagrams.map(({ text }) => `\`\`\`mermaid\n${text}\`\`\`\n`).join('\n'),
      theme,
      pictures && join(pictures, `architecture-${theme}.png`)
    )

  test.each(themes)('can be drawn and read in %s', async (theme) => {
    const { errors, charts } = await draw(theme)
    expect(errors).toEqual([])
    expect(charts.map(({ kind }) => kind)).toEqual(['sequence', 'stateDiagram', 'stateDiagram'])
    for (const { width, height, contrast } of charts) {
      expect(width).toBeGreaterThan(300)
      expect(height).toBeGreaterThan(100)
      expect(contrast).toBeGreaterThan(4)
    }
  })

  describe('name what the code knows:', () => {
    let [ofDrain, ofReturn]: readonly (readonly string[])[] = []
    beforeAll(async () => {
      const { charts } = await draw('light')
      ;[, ofDrain, ofReturn] = charts.map((chart) =>
        chart.texts.flatMap((text) => text.split(', '))
      )
    })

    test('of a drain, every outcome that it can have', () => {
      const outcomes = wordsOf('src/rotation/outcome.ts', 'Outcome')
      const ofOthers = ['observed', 'all up', 'dry run', 'commanded', 'up']
      expect(outcomes).toEqual(expect.arrayContaining(ofOthers))
      const ofDrains = outcomes.filter((outcome) => !ofOthers.includes(outcome))
      expect(ofDrains.length).toBeGreaterThan(3)
      expect(ofDrain).toEqual(expect.arrayContaining(ofDrains))
    })

    test.each([
      ['route', 'src/rotation/route.ts', 'Route'],
      ['stage', 'src/rotation/return-stages.ts', 'Stage']
    ])('of a return, every %s', (_, path, type) => {
      const words = wordsOf(path, type)
      expect(words.length).toBeGreaterThan(3)
      expect(ofReturn).toEqual(expect.arrayContaining(words))
    })
  })
})

describe('docs/architecture.md', () => {
  const rows = [...read(PAGE).matchAll(/^\| `(src\/[^`]+)` +\|/gm)].map(([, path = '']) => path)

  test('has a row for every source file, and for no other', () => {
    expect(rows.toSorted()).toEqual(sources)
  })

  test('names functions that are there, and methods of the class that has them', () => {
    const calls = [...read(PAGE).matchAll(/`(?:(\w+)\.)?(\w+)\(\)`/g)].map(
      ([, owner = '', name = '']) => ({ owner, name })
    )
    const ofNode = ['exit']
    expect(calls.length).toBeGreaterThan(10)
    const texts = sources.map(read)
    const isThere = ({ owner, name }: (typeof calls)[number]): boolean => {
      const isClass = /^[A-Z]/.test(owner)
      const places = isClass ? texts.filter((text) => text.includes(`class ${owner} `)) : texts
      return places.some((text) => new RegExp(`\\b${name}[(<]`).test(text))
    }
    const own = calls.filter(({ name }) => !ofNode.includes(name))
    expect(own.filter((call) => !isThere(call))).toEqual([])
  })
})

test('no file of src imports itself, over however many others, when it runs', () => {
  const isForTypesOnly = (names: string): boolean =>
    names.split(/[{},]/).every((name) => name.trim() === '' || name.trim().startsWith('type '))
  const imports = new Map(
    sources.map((path) => [
      path,
      [...read(path).matchAll(/^import (?!type )([^']*?) ?from '(\.[^']+)'/gm)]
        .filter(([, names = '']) => !isForTypesOnly(names))
        .map(([, , to = '']) => normalize(join(dirname(path), to)))
    ])
  )
  const reach = (path: string, seen = new Set<string>()): Set<string> => {
    for (const next of imports.get(path) ?? []) {
      if (!seen.has(next)) reach(next, seen.add(next))
    }
    return seen
  }
  expect(reach('src/index.ts').size).toBeGreaterThan(40)
  expect(sources.filter((path) => reach(path).has(path))).toEqual([])
})

describe('what a comment names as its source is a heading of', () => {
  const comments = [...sources, ...filesIn('__tests__', /\.ts$/), ...filesIn('script', /\.ts$/)]
    .filter((path) => path !== '__tests__/docs/architecture.test.ts')
    // A comment may break its line anywhere.
    .map((path) => read(path).replaceAll(/\s*\n\s*(?:\*|\/\/)\s+/g, ' '))
    .join('\n')
  const pointers = [...comments.matchAll(/(docs\/[\w-]+\.md), "([^"]+)"/g)].map(
    ([, page = '', heading = '']) => [page, heading] as const
  )
  const each = [...new Map(pointers.map((pointer) => [pointer.join(), pointer])).values()]

  test('something', () => {
    expect(each.length).toBeGreaterThan(8)
  })

  test.each(each)('%s: "%s"', (page, heading) => {
    const headings = [...read(page).matchAll(/^##+ (.*)$/gm)].map(([, text]) => text)
    expect(headings).toContain(heading)
  })
})
