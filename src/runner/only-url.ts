import type { Log } from '../rotation/context.ts'
import type { Inputs } from './inputs.ts'
import { log } from './log.ts'

type Instances = Pick<Inputs, 'instances'>

/**
 * A sentence without the URL of a step's only HAProxy. The sentences of the inner rings name it, for they do not know
 * how many there are.
 */
export function withoutOnlyUrl(sentence: string, { instances }: Instances): string {
  const [only, ...others] = instances
  return only === undefined || others.length > 0
    ? sentence
    : [' on ', ' at '].reduce((rest, on) => rest.replaceAll(`${on}${only.url.href}`, ''), sentence)
}

/** The log, without that URL. */
export function logOf(inputs: Instances): Log {
  const short = (text: string): string => withoutOnlyUrl(text, inputs)
  return {
    info: (text) => {
      log.info(short(text))
    },
    notice: (text, title) => {
      log.notice(short(text), short(title))
    },
    warning: (text, title) => {
      log.warning(short(text), short(title))
    }
  }
}
