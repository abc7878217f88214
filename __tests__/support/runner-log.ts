import { Masker } from './masker.ts'

/** A line that GitHub shows on the run's page as well. */
export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice'
  /** As a person sees it: unescaped and masked. */
  readonly message: string
}

/** What the runner makes of a step's output. */
export interface RunnerLog {
  readonly annotations: readonly Annotation[]
  /** The titles of the annotations, in their order; empty for one without. */
  readonly titles: readonly string[]
  /** The values that the step registered with `::add-mask::`, in their order. */
  readonly masks: readonly string[]
  /** What a person sees: commands carried out, secrets masked from their registration on. */
  readonly text: string
  /** The last non-empty line of that, without the `Error: ` before a message. */
  readonly lastLine: string
}

/** How {@link readLog} reads. */
export interface ReadLogOptions {
  /** Secrets that the job knows already, from an earlier step. */
  readonly masked?: readonly string[]
  /** Whether debug lines are shown. */
  readonly debug?: boolean
}

/** Reads the lines of a step's output as the runner does. */
export function readLog(lines: readonly string[], options: ReadLogOptions = {}): RunnerLog {
  const masker = new Masker()
  for (const secret of options.masked ?? []) masker.add(secret)
  const annotations: Annotation[] = []
  const titles: string[] = []
  const masks: string[] = []
  const shown: string[] = []
  let lastLine = ''
  let resumeWith: string | undefined

  const show = (text: string, prefix = ''): void => {
    const masked = masker.mask(text)
    shown.push(prefix + masked)
    lastLine = masked.split('\n').findLast((line) => line.trim() !== '') ?? lastLine
  }

  for (const line of lines) {
    const command = parseCommand(line)
    if (resumeWith !== undefined) {
      if (command?.name === resumeWith) resumeWith = undefined
      else show(line)
      continue
    }
    switch (command?.name) {
      case 'error':
      case 'warning':
      case 'notice':
        titles.push(masker.mask(command.title))
        annotations.push({ level: command.name, message: masker.mask(command.data) })
        show(command.data, prefixes[command.name])
        break
      case 'debug':
        if (options.debug === true) show(command.data, '##[debug]')
        break
      case 'group':
        show(command.data)
        break
      case 'add-mask':
        masks.push(command.data)
        masker.add(command.data)
        break
      case 'stop-commands':
        resumeWith = command.data
        break
      case 'endgroup':
      case 'echo':
      case 'add-matcher':
      case 'remove-matcher':
      case 'set-output':
      case 'save-state':
        break
      case undefined:
      default:
        show(line)
    }
  }
  return { annotations, titles, masks, text: shown.join('\n'), lastLine }
}

const prefixes = { error: 'Error: ', warning: 'Warning: ', notice: 'Notice: ' }

interface Command {
  readonly name: string
  readonly title: string
  readonly data: string
}

/** `::name k=v::data` at the start of a line, or the older `##[name k=v]data` anywhere in it. */
function parseCommand(line: string): Command | undefined {
  const modern = /^\s*::([^\s:]+)( .*?)?::(.*)$/s.exec(line)
  if (modern?.[1] !== undefined) {
    const title = /[ ,]title=([^,]*)/.exec(modern[2] ?? '')?.[1] ?? ''
    return {
      name: modern[1].toLowerCase(),
      title: unescapeData(title.replaceAll('%3A', ':').replaceAll('%2C', ',')),
      data: unescapeData(modern[3] ?? '')
    }
  }
  const old = /##\[([^\s\]]+)(?: [^\]]*)?\](.*)$/s.exec(line)
  if (old?.[1] !== undefined) {
    return { name: old[1].toLowerCase(), title: '', data: unescapeData(old[2] ?? '') }
  }
  return undefined
}

function unescapeData(data: string): string {
  return data.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%')
}
