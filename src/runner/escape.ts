/**
 * Escapes text from outside for the log: one line, without control characters, and nothing in it
 * that the runner would take for a command. `##[` is one anywhere in a line, `::` at its beginning only
 * (actions/runner, ActionCommand.cs), and an IPv6 address must stay readable.
 */
export function escapeForLog(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]+/gu, ' ')
    .replaceAll('##[', '## [')
    .trim()
    .replace(/^::/, ': :')
}

/** Escapes text from outside for an element of the job summary's HTML. */
export function escapeForHtml(text: string): string {
  return escapeForLog(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
