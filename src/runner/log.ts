import * as core from '@actions/core'
import { escapeForLog } from './escape.ts'
import type { Log } from '../rotation/context.ts'

/** Everything that is said in the log passes here, and nothing of it can be a command. */
export const log: Log = {
  info: (text) => {
    core.info(escapeForLog(text))
  },
  notice: (text) => {
    core.notice(escapeForLog(text))
  },
  warning: (text) => {
    core.warning(escapeForLog(text))
  }
}

/** Shown only where step debug logging is on. */
export function debug(text: string): void {
  core.debug(escapeForLog(text))
}
