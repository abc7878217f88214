/** The commands of the page besides the admin states, by their POST values. */
export const COMMANDS = [
  'shutdown',
  'ehlth',
  'dhlth',
  'hrunn',
  'hnolb',
  'hdown',
  'eagent',
  'dagent',
  'arunn',
  'adown'
] as const

/** A command of the page that is not an admin state. */
export type Command = (typeof COMMANDS)[number]

/**
 * The page's older words, of which each ends one half of an admin state: `enable` ends maint, `start` ends drain.
 * For a single server HAProxy answers `DONE` only if they changed something, and `NONE` if it was so already
 * (docs/haproxy-facts.md, "Requests").
 */
export type FlagChange = 'enable' | 'start'
