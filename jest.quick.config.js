import all from './jest.config.js'

/** The tests of the sources in the test's process, for which no HAProxy is needed. */
export default {
  ...all,
  testMatch: ['<rootDir>/__tests__/{runner,rotation,haproxy}/*.test.ts'],
  testPathIgnorePatterns: [String.raw`\.real\.test\.ts$`]
}
