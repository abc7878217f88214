/**
 * Stands in for @actions/exec in the bundle (tsconfig.json, `paths`). The toolkit imports it for `platform`, which is
 * never asked for here; nothing of this action starts another program, and the bundle need not be able to.
 */
export function getExecOutput(): never {
  throw new Error('@actions/exec is left out of this bundle.')
}
