/**
 * Reads a file of `name=value` and `name<<DELIMITER` records (GITHUB_OUTPUT, GITHUB_STATE) by the
 * runner's rules; throws where the runner would fail the step.
 */
export function readCommandFile(text: string): Record<string, string> {
  const values: Record<string, string> = {}
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? ''
    if (line === '') continue
    const heredoc = /^([^=]*?)<<(.*)$/s.exec(line)
    if (heredoc !== null) {
      const [, name = '', delimiter = ''] = heredoc
      if (name === '' || delimiter === '') throw new Error(`Invalid format '${line}'`)
      const end = lines.indexOf(delimiter, index + 1)
      if (end < 0) throw new Error(`Matching delimiter not found '${delimiter}'`)
      values[name] = lines.slice(index + 1, end).join('\n')
      index = end
      continue
    }
    const equals = line.indexOf('=')
    if (equals < 1) throw new Error(`Invalid format '${line}'`)
    values[line.slice(0, equals)] = line.slice(equals + 1)
  }
  return values
}
