import TestSequencer from '@jest/test-sequencer'
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'

/** What the run before the first mutant has seen of each test file; in the folder in which the mutants are tested. */
const SEEN = 'test-files.json'

/**
 * For mutation tests: of a mutant that only some tests reach, only their files, because jest loads a file before it
 * knows that none of its tests is wanted. The file that mirrors the mutated one comes first, then the quickest of the
 * same folder, then the others: the first failure ends the run.
 */
export default class NearestFirst extends TestSequencer {
  #config

  constructor(options) {
    super(options)
    this.#config = options.globalConfig
  }

  sort(tests) {
    if (!isMutantRun()) return super.sort(tests)
    const seen = JSON.parse(readFileSync(SEEN, 'utf8'))
    const [mutated] = this.#config.nonFlagArgs
    const names = this.#config.testNamePattern?.replace(/\\(.)/gs, '$1')
    const isWanted = ({ path }) =>
      names === undefined || (seen[path]?.names ?? []).some((name) => names.includes(`(${name})`))
    const rank = ({ path }) => {
      if (dirname(path).split('/').at(-1) !== dirname(mutated).split('/').at(-1)) return 2
      return basename(path, '.test.ts') === basename(mutated, '.ts') ? 0 : 1
    }
    const runtime = ({ path }) => seen[path]?.runtime ?? Infinity
    return tests
      .filter(isWanted)
      .sort((one, other) => rank(one) - rank(other) || runtime(one) - runtime(other))
  }

  cacheResults(tests, results) {
    super.cacheResults(tests, results)
    if (isMutantRun()) return
    const files = results.testResults.map(({ testFilePath, perfStats, testResults }) => {
      return [
        testFilePath,
        { runtime: perfStats.runtime, names: testResults.map((test) => test.fullName) }
      ]
    })
    writeFileSync(SEEN, JSON.stringify(Object.fromEntries(files)))
  }
}

function isMutantRun() {
  return process.env.__STRYKER_ACTIVE_MUTANT__ !== undefined
}
