import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { root } from './repository.ts'

interface Finding {
  readonly message: string
  readonly line: number
}

/** What this actionlint cannot know, because it is older. */
const FALSE_ALARMS: readonly { readonly message: RegExp; readonly why: string }[] = [
  {
    message: /^specifying action "\$\/[^"]+" in invalid format/,
    why: 'self references are of 2026-07'
  },
  {
    message: /^unexpected key "queue" for "concurrency" section/,
    why: 'longer queues are of 2026-05'
  },
  {
    message: /^object type "\{n0: string; .* cannot be filtered by object filtering `\.\*`/,
    why: 'the filter takes the values of an object, whatever they are'
  }
]

/** actionlint, in a process of its own: once begun, it would keep this one from ending. */
export class Actionlint {
  readonly #process: ChildProcess = fork(join(root, '__tests__/docs/actionlint-process.js'), {
    execArgv: []
  })

  /** What is wrong with a workflow; each with its line. One at a time. */
  async problems(file: string, text: string): Promise<string[]> {
    this.#process.send({ file, text })
    const [findings] = (await once(this.#process, 'message')) as [readonly Finding[]]
    return findings
      .filter(({ message }) => !FALSE_ALARMS.some((alarm) => alarm.message.test(message)))
      .map(({ line, message }) => `line ${line}: ${message}`)
  }

  stop(): void {
    this.#process.kill()
  }
}
