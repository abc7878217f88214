/** Every form in which a secret could turn up in text: whoever finds one of them has the secret. */
export function formsOf(secret: string): string[] {
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

/** What an action wrote, without the lines that tell the runner what to mask. */
export function withoutMasks(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n')
}
