import { parse } from 'yaml'
import { type Block, blocksOf, documents, read } from './repository.ts'

/** A piece of YAML as a reader would copy it, made into a whole file. */
export interface Example {
  /** Where the reader finds it. */
  readonly place: string
  /** What it would be called in a repository; tells a checker what it is. */
  readonly file: string
  readonly text: string
  readonly kind: 'workflow' | 'action'
}

/** All YAML of the README and the documentation. */
export function documentedExamples(): Example[] {
  return documents()
    .flatMap((path) => blocksOf(path, 'yaml'))
    .filter((block) => !isForAnsible(block))
    .map(complete)
}

/** A task for Ansible, as docs/from-ansible.md shows it beside the step that does the same. */
function isForAnsible({ text }: Block): boolean {
  return text.includes('community.general.haproxy:')
}

/** A whole file from what may be a part: steps or jobs. */
function complete({ path, line, text }: Block): Example {
  const place = `${path}:${line}`
  const content: unknown = parse(text)
  const workflow = { place, file: '.github/workflows/example.yml', kind: 'workflow' } as const
  if (Array.isArray(content)) {
    const steps = indent(text, 6)
    const head = 'on: push\njobs:\n  example:\n    runs-on: ubuntu-latest\n    steps:\n'
    return { ...workflow, text: head + steps }
  }
  const keys = Object.keys(content ?? {})
  if (keys.includes('runs')) return { place, file: 'action.yml', kind: 'action', text }
  if (keys.includes('jobs')) {
    return { ...workflow, text: keys.includes('on') ? text : `on: push\n${text}` }
  }
  throw new Error(`${place}: neither steps, nor jobs, nor an action: ${keys.join(', ')}`)
}

function indent(text: string, by: number): string {
  return text.replace(/^(?=.)/gm, ' '.repeat(by))
}

/** What a step gives this action. */
export interface Use {
  readonly inputs: readonly string[]
}

const THIS_ACTION = /^(\.\/|OWNER\/haproxy-server-state@\S+|\$\/\.github\/actions\/self)$/

/** Every use of this action in a file, however deep; refuses references to it that lead nowhere. */
export function usesOfThisAction(text: string): Use[] {
  const uses: Use[] = []
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return
    const { uses: what, with: given = {} } = value as { uses?: unknown; with?: object }
    if (typeof what === 'string' && THIS_ACTION.test(what)) {
      uses.push({ inputs: Object.keys(given) })
    } else if (typeof what === 'string' && what.includes('haproxy-server-state')) {
      const workflow = /^OWNER\/haproxy-server-state\/(\.github\/workflows\/\S+\.yml)@v1$/.exec(
        what
      )
      if (workflow === null) throw new Error(`No way to refer to this repository: ${what}`)
      read(workflow[1] ?? '')
    }
    Object.values(value).forEach(walk)
  }
  walk(parse(text))
  return uses
}
