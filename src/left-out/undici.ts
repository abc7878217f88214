/**
 * Stands in for undici in the bundle (tsconfig.json, `paths`). The toolkit's HTTP client imports it for one
 * method that is never called here, and it would be three quarters of the bundle and a third of the time
 * that a step takes to start.
 */
export function ProxyAgent(): never {
  throw new Error('undici is left out of this bundle.')
}
