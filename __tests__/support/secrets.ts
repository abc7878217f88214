import { readFileSync, statSync } from 'node:fs'

type Variables = Readonly<Record<string, string>>

/** A shorter password, or a half of it, could stand in a text by chance. */
const SHORTEST = 12

/** Every secret that a run is given: passwords of inputs, URLs and proxies, lines of private keys. */
export function secretsOf(inputs: Variables, env: Variables): string[] {
  const urls = [...(inputs['stats-url'] ?? '').split(/[\s,]+/), ...Object.values(env)]
  const passwords = [(inputs['password'] ?? '').trim(), ...urls.flatMap(passwordsOf)]
  for (const password of passwords) {
    if (password !== '' && password.length < SHORTEST) {
      throw new Error(`A password of a test has ${SHORTEST} characters or more: ${password}`)
    }
  }
  const pems = Object.values(inputs).map((value) =>
    value.startsWith('/') && isFile(value) ? readFileSync(value, 'utf8') : value
  )
  return [...new Set([...passwords, ...pems.flatMap(keyLines)])].filter((text) => text !== '')
}

/** The password of a text that is a URL; what else may stand in the place of one, its test must know. */
function passwordsOf(text: string): string[] {
  const password = URL.parse(text)?.password ?? ''
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function keyLines(pem: string): string[] {
  const key = /-----BEGIN [A-Z ]*PRIVATE KEY-----(.*)/s.exec(pem)?.[1] ?? ''
  return key.split('\n').filter((line) => /^[A-Za-z0-9+/=]{20,}$/.test(line))
}

/** The forms of secrets that a text shows, but for the lines that tell the runner what to mask. */
export function leaksIn(text: string, secrets: readonly string[]): string[] {
  const shown = withoutMasks(text)
  // The toolkit writes a % of a message as %25.
  const texts = [shown, shown.replaceAll('%25', '%')]
  return secrets.flatMap(formsOf).filter((form) => texts.some((each) => each.includes(form)))
}

/** Every form in which a secret could turn up in text: whoever finds one of them has the secret. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const half = Math.ceil(secret.length / 2)
  const escaped = encodeURIComponent(secret)
  const plain = [
    secret,
    secret.slice(0, half),
    secret.slice(half),
    JSON.stringify(secret).slice(1, -1),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
    escaped,
    lowerEscapes(escaped),
    strict(escaped),
    lowerEscapes(strict(escaped)),
    encodeURIComponent(escaped),
    new URLSearchParams({ '': secret }).toString().slice(1),
    userinfoForm(secret),
    bytes.toString('hex'),
    bytes.toString('hex').toUpperCase(),
    xml(secret)
  ]
  const base64 = [0, 1, 2].map((shift) => base64Within(bytes, shift))
  const url = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  return [...new Set([...plain, ...base64, ...url])]
}

/** What of the base64 of a text depends on the secret alone when so many bytes stand before it. */
function base64Within(secret: Buffer, shift: number): string {
  const whole = Buffer.concat([Buffer.alloc(shift), secret])
  const end = Math.floor(whole.length / 3) * 3
  return whole
    .subarray(0, end)
    .toString('base64')
    .slice(shift === 0 ? 0 : 4)
}

function lowerEscapes(text: string): string {
  return text.replace(/%../g, (escape) => escape.toLowerCase())
}

function strict(escaped: string): string {
  return escaped.replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  )
}

/** As WHATWG URLs write it, which is as `fetch` and `new URL()` would print it. */
function userinfoForm(secret: string): string {
  const url = new URL('http://u@h/')
  url.password = secret
  return url.password
}

function xml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function withoutMasks(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n')
}
