import { createDefaultEsmPreset } from 'ts-jest'

/** Every test there is. */
export default {
  ...createDefaultEsmPreset(),
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__tests__/**/*.test.ts'],
  testSequencer: '<rootDir>/__tests__/longest-first.js',
  // Where script/mutate keeps copies of everything while it runs.
  modulePathIgnorePatterns: ['<rootDir>/.cache/'],
  // ts-jest rewrites the imports of .ts files to .js, which only exist once somebody emits them.
  moduleNameMapper: {
    '^(\\.{1,2}/.+)\\.js$': ['$1.ts', '$1.js'],
    // The bundle does without them as well; a third of the time of many a test file was for loading them.
    '^undici$': '<rootDir>/src/left-out/undici.ts',
    '^@actions/exec$': '<rootDir>/src/left-out/exec.ts'
  },
  // Most of a test's time here is spent waiting for HAProxy's own health checks, not computing.
  maxWorkers: 6,
  testTimeout: 60_000
}
