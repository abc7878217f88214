import TestSequencer from '@jest/test-sequencer'

/** The files that take a minute or more, the longest first. */
const LONG = [
  'hostile/faults',
  'hostile/proxies',
  'action/instances',
  'docs/workflow',
  'action/fresh-check-evidence',
  'action/bring-back',
  'action/reload-old-process',
  'action/reload-drained'
]

/**
 * Begins with the long files. jest remembers how long each took the last time; on a fresh machine it goes by
 * their sizes, which say nothing here, and the longest may come last.
 */
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) => {
      const index = LONG.findIndex((name) => path.endsWith(`${name}.test.ts`))
      return index === -1 ? LONG.length : index
    }
    return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b))
  }
}
