import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'

/**
 * Ends a child process when this process is gone, however it ended.
 *
 * An `exit` handler is not enough: jest does not run one that a test has set, and a process that was
 * killed runs none. A shell that reads from a pipe of ours notices every kind of end.
 */
export function leash(child: ChildProcess): void {
  if (child.pid === undefined) return
  const holder = spawn('/bin/sh', ['-c', 'read -r _; kill -9 "$1"', 'leash', String(child.pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Out of reach of a Ctrl-C in the terminal, which would end the holder before its duty.
    detached: true
  })
  holder.unref()
  if (holder.stdin instanceof Socket) holder.stdin.unref()
  // The process id may be given to a stranger once the child has ended.
  child.once('exit', () => holder.kill('SIGKILL'))
}
