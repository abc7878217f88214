import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of this repository. */
export const root = fileURLToPath(new URL('../../', import.meta.url))

/** The text of a file of this repository. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** The files below a folder of this repository that end like this, in the order of their names. */
export function filesIn(folder: string, ending: RegExp): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort()
}

/** A fenced block of a Markdown file. */
export interface Block {
  readonly path: string
  /** The number of its first line of content. */
  readonly line: number
  readonly text: string
}

/** The fenced blocks of a Markdown file in one language. */
export function blocksOf(path: string, language: string): Block[] {
  const blocks: Block[] = []
  let open: { readonly indent: string; readonly line: number; readonly lines: string[] } | undefined
  read(path)
    .split('\n')
    .forEach((line, index) => {
      if (open === undefined) {
        const start = /^( *)```(\S+)/.exec(line)
        if (start?.[2] === language) open = { indent: start[1] ?? '', line: index + 2, lines: [] }
      } else if (line.trim() === '```') {
        blocks.push({ path, line: open.line, text: open.lines.join('\n') + '\n' })
        open = undefined
      } else {
        open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
      }
    })
  return blocks
}

/** Everything that is written for readers in Markdown. */
export function documents(): string[] {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md']
  return [...pages, ...filesIn('docs', /\.md$/), ...filesIn('examples', /\.md$/)]
}
