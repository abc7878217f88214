import { describe, expect, test } from '@jest/globals'
import { escapeForLog, escapeForHtml } from '../../src/runner/escape.ts'

describe('text for the log', () => {
  test.each([
    ['', ''],
    ['web/a is UP', 'web/a is UP'],
    ['Zürich 🔑 — “ok”', 'Zürich 🔑 — “ok”'],
    [' at both ends ', 'at both ends'],
    // One line, no matter what was in it.
    ['a\nb', 'a b'],
    ['a\r\nb', 'a b'],
    ['a\r\n\r\n\tb', 'a b'],
    ['a\0b', 'a b'],
    ['a\u001b[31mb', 'a [31mb'],
    ['a\u007fb', 'a b'],
    ['a\u0085b', 'a b'],
    ['a\u2028b', 'a b'],
    ['a\u2029b', 'a b'],
    ['\na\n', 'a'],
    // Nothing that turns the direction of reading.
    ['a\u202ab', 'a b'],
    ['a\u202eb', 'a b'],
    ['a\u2066b', 'a b'],
    ['a\u2069b', 'a b'],
    ['a\u2029\u202a\u2065b', 'a \u2065b'],
    ['a\u2070b', 'a\u2070b'],
    ['a\u2027b', 'a\u2027b'],
    ['a\u202fb', 'a\u202fb'],
    // No command, new or old, at the beginning of a line or within.
    ['::error::1', ': :error::1'],
    ['  ::warning file=x::1', ': :warning file=x::1'],
    ['\n::add-mask::1', ': :add-mask::1'],
    ['::Stop-Commands::1', ': :Stop-Commands::1'],
    ['::Zone', ': :Zone'],
    ['##[error]x', '## [error]x'],
    ['a ##[set-env name=x]y', 'a ## [set-env name=x]y'],
    ['##[a]##[b]', '## [a]## [b]'],
    ['#\n#[error]x', '# #[error]x'],
    ['#\u202e#[error]', '# #[error]'],
    ['# [x] ##', '# [x] ##']
  ])('%j becomes %j', (text, expected) => {
    expect(escapeForLog(text)).toBe(expected)
  })

  // The runner takes `::` for a command at the beginning of a line only.
  test.each([
    'http://[::1]:8404/admin',
    'http://[2001:db8::1]/admin',
    'http://[2001:db8::a]/admin is UP',
    'Could not read http://[fd00::beef]:8404/admin'
  ])('%s keeps its address', (text) => {
    expect(escapeForLog(text)).toBe(text)
  })

  test.each(['::error::x', '\t::x', '##[x]', '#\0#[x]', '\u2028::x y::z', ':\n:x', ' :: :x'])(
    'made of %j is no command that the runner would take',
    (text) => {
      expect(escapeForLog(text)).not.toMatch(/^\s*::[a-z]|##\[|[\r\n]/i)
    }
  )
})

describe('text for the summary', () => {
  test.each([
    ['', ''],
    ['UP', 'UP'],
    ['<b>', '&lt;b&gt;'],
    ['<img src="x">', '&lt;img src=&quot;x&quot;&gt;'],
    ['a & b', 'a &amp; b'],
    ['&lt;', '&amp;lt;'],
    ['<<>>&&""', '&lt;&lt;&gt;&gt;&amp;&amp;&quot;&quot;'],
    ['a\n\nb', 'a b'],
    ['##[error]', '## [error]']
  ])('%j becomes %j', (text, expected) => {
    expect(escapeForHtml(text)).toBe(expected)
  })
})
