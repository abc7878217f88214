import * as core from '@actions/core'
import { escapeForLog } from './escape.ts'
import type { Log } from '../rotation/context.ts'

let phaseIsOpen = false

/** Everything that is said in the log passes here, and nothing of it can be a command. */
export const log: Log = {
  phase: (title) => {
    endPhase()
    core.startGroup(escapeForLog(title))
    phaseIsOpen = true
  },
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

/** Ends the phase that is open, so that what follows is seen without opening a group. */
export function endPhase(): void {
  if (phaseIsOpen) {
    core.endGroup()
    phaseIsOpen = false
  }
}

/** Shown only where step debug logging is on. */
export function debug(text: string): void {
  core.debug(escapeForLog(text))
}
