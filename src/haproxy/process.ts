/** One HAProxy process as its statistics page shows it. */
export interface Process {
  /** The system's process id; in a container every HAProxy may have the same small one. */
  readonly pid: number
  /** How long it has been running, in milliseconds; HAProxy shows whole seconds. */
  readonly uptimeMs: number
}

// `show-desc` stands before this, unescaped, so the last pid on the page is the real one; what follows it up to
// the uptime holds nothing that a configuration can choose (docs/haproxy-facts.md, "The process").
const PROCESS = /^.*<b>pid = <\/b> (\d+) \(process #.*?<b>uptime = <\/b> (\d+)d (\d+)h(\d+)m(\d+)s/s

/** Reads the process from the HTML page; undefined where the page does not show it. */
export function parseProcess(html: string): Process | undefined {
  const found = PROCESS.exec(html)
  if (found === null) {
    return undefined
  }
  const [pid = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = found.slice(1).map(Number)
  return { pid, uptimeMs: (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000 }
}
