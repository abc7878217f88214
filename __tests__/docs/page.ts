import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { micromark } from 'micromark'
import { gfm, gfmHtml } from 'micromark-extension-gfm'

const IN_PAGE = fileURLToPath(new URL('page-script.js', import.meta.url))

export type Theme = 'light' | 'dark'

/** What was seen of a chart once the browser had drawn it. */
export interface Chart {
  /** What Mermaid took it for; `error` where it drew its bomb. */
  readonly kind: string
  readonly texts: readonly string[]
  /** How many points its line goes through, if it has one. */
  readonly points: number
  readonly width: number
  readonly height: number
  /** The contrast of the palest text, from 1 to 21. */
  readonly contrast: number
  /** The contrast of that line. */
  readonly lineContrast: number
}

/** What was seen of a job summary, or of a page of the documentation, in a browser. */
export interface Page {
  /** What Mermaid complained about. */
  readonly errors: readonly string[]
  readonly charts: readonly Chart[]
  readonly heading: string
  /** What a person reads, charts left out. */
  readonly text: string
  readonly table: readonly (readonly string[])[]
  /** The names of all elements that the text made. */
  readonly elements: readonly string[]
}

/** What GitHub leaves in Markdown of the HTML that somebody wrote, as far as a summary uses it. */
const ALLOWED = {
  ALLOWED_TAGS:
    'h1 h2 h3 h4 h5 h6 br b i strong em a pre code img div ins del sup sub p ol ul li table thead tbody tr td th blockquote dl dt dd q details summary hr'.split(
      ' '
    ),
  ALLOWED_ATTR: ['href', 'src', 'alt', 'class', 'open', 'colspan', 'rowspan', 'align']
}

const COLOURS = { light: ['#ffffff', '#1f2328'], dark: ['#0d1117', '#f0f6fc'] } as const

/** Shows Markdown as GitHub does: GFM to HTML, sanitised, Mermaid drawn; in a real browser. */
export async function showMarkdown(
  markdown: string,
  theme: Theme,
  screenshot?: string
): Promise<Page> {
  const html = micromark(markdown, {
    allowDangerousHtml: true,
    extensions: [gfm()],
    htmlExtensions: [gfmHtml()]
  })
  const directory = await mkdtemp(join(tmpdir(), 'page-'))
  try {
    const path = join(directory, 'page.html')
    await writeFile(path, pageOf(html, theme))
    return await browse(pathToFileURL(path).href, directory, screenshot)
  } finally {
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

function pageOf(html: string, theme: Theme): string {
  const script = (name: string, file: string): string =>
    `<script src="${pathToFileURL(createRequire(import.meta.url).resolve(`${name}/dist/${file}`)).href}"></script>`
  const [background, text] = COLOURS[theme]
  const given = { html, allowed: ALLOWED, theme: theme === 'dark' ? 'dark' : 'default' }
  return `<!doctype html><meta charset="utf-8">
<style>
  body { margin: 24px; background: ${background}; color: ${text}; font: 14px/1.5 sans-serif }
  table { border-collapse: collapse } td, th { border: 1px solid #8884; padding: 6px 13px }
</style>
<main></main><pre id="seen" hidden></pre>
${script('dompurify', 'purify.min.js')}${script('mermaid', 'mermaid.min.js')}
<script>window.given = ${JSON.stringify(given).replaceAll('<', '\\u003c')}</script>
<script type="module" src="${pathToFileURL(IN_PAGE).href}"></script>`
}

async function browse(url: string, directory: string, screenshot = ''): Promise<Page> {
  const options = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--allow-file-access-from-files',
    `--user-data-dir=${join(directory, 'profile')}`,
    '--window-size=1000,800',
    '--virtual-time-budget=30000',
    '--dump-dom',
    ...(screenshot === '' ? [] : [`--screenshot=${screenshot}`])
  ]
  const limits = { timeout: 60_000, maxBuffer: 2 ** 26 }
  const { stdout } = await promisify(execFile)(findBrowser(), [...options, url], limits)
  const seen = /<pre id="seen" hidden="">(.*?)<\/pre>/s.exec(stdout)?.[1] ?? ''
  if (seen === '') throw new Error(`The page did not get to its end:\n${stdout.slice(-2_000)}`)
  return JSON.parse(Buffer.from(seen, 'base64').toString()) as Page
}

function findBrowser(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome']
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  const found = [...(process.env['CHROMIUM'] ? [process.env['CHROMIUM']] : []), ...candidates].find(
    isExecutable
  )
  if (found === undefined) {
    throw new Error(
      `No browser: there is no ${names.join(', ')} on PATH. Run script/bootstrap, which installs ` +
        'one, or set CHROMIUM to the path of one.'
    )
  }
  return found
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
