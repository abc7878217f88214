export default {
  mutate: ['src/**/*.ts', '!src/left-out/**'],
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning'],
  jest: {
    configFile: 'jest.config.js',
    // The quick tests and those of the sources before a real HAProxy. Those in the other folders run the built
    // dist/, where no mutant is.
    config: {
      testMatch: [
        '<rootDir>/__tests__/runner/*.test.ts',
        '<rootDir>/__tests__/haproxy/*.test.ts',
        '<rootDir>/__tests__/rotation/*.test.ts'
      ],
      testSequencer: '<rootDir>/__tests__/nearest-first.js'
    }
  },
  coverageAnalysis: 'perTest',
  // Mutants that the compiler refuses need no test.
  checkers: ['typescript'],
  ignorePatterns: ['.cache', 'coverage'],
  tempDirName: '.cache/stryker',
  reporters: ['clear-text', 'progress-append-only', 'html'],
  htmlReporter: { fileName: '.cache/mutation.html' },
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
  // A run goes on from what earlier ones have found out, as far as neither a mutant nor its tests have changed.
  incremental: true,
  incrementalFile: '.cache/mutation.json',
  concurrency: 2
}
