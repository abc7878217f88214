import * as core from '@actions/core'
import { escapeForLog } from './escape.ts'
import type { Log } from '../rotation/context.ts'

/** Everything that is said in the log passes here, and nothing of it can be a command. */
export const log: Log = {
  info: (text) => {
    core.info(escapeForLog(text))
  },
  notice: (text, title) => {
    core.notice(escapeForLog(text), titled(title))
  },
  warning: (text, title) => {
    core.warning(escapeForLog(text), titled(title))
  }
}

/** Shown only where step debug logging is on. */
export function debug(text: string): void {
  core.debug(escapeForLog(text))
}

/** An error besides the one with which the step ends. */
export function error(text: string, title: string): void {
  core.error(escapeForLog(text), titled(title))
}

/** Fails the step with this as its last line. */
export function fail(text: string, title: string): void {
  // What core.setFailed does, which takes no title.
  process.exitCode = core.ExitCode.Failure
  error(text, title)
}

/** What GitHub's list of annotations shows in bold. */
function titled(title: string): core.AnnotationProperties {
  return { title: escapeForLog(title) }
}

/** Makes the runner hide a text wherever it appears. Another CI would show the command instead, with the text. */
export function mask(secret: string): void {
  if (process.env['GITHUB_ACTIONS'] === 'true') {
    core.setSecret(secret)
  }
}
