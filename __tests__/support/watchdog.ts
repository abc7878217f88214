import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'

/**
 * Ends a child process when this process is gone, however it ended.
 *
 * An `exit` handler is not enough: jest does not run one that a test has set, and a process that was
 * killed runs none. A shell that reads from a pipe of ours notices every kind of end.
 */
export function startWatchdog(child: ChildProcess): void {
  if (child.pid === undefined) return
  const watchdog = spawn(
    '/bin/sh',
    ['-c', 'read -r _; kill -9 "$1"', 'watchdog', String(child.pid)],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Out of reach of a Ctrl-C in the terminal, which would end the watchdog before it has done its duty.
      detached: true
    }
  )
  watchdog.unref()
  if (watchdog.stdin instanceof Socket) watchdog.stdin.unref()
  // The process id may be given to a stranger once the child has ended.
  child.once('exit', () => watchdog.kill('SIGKILL'))
}
