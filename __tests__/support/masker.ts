/** Hides registered secrets as the runner does: exact substrings and their usual encodings. */
export class Masker {
  readonly #needles = new Set<string>()

  /** Registers a secret; of several lines the whole and every line. */
  add(secret: string): void {
    const parts = [secret, ...secret.split(/[\r\n]+/).map((line) => line.trim())]
    for (const part of parts.filter((text) => text.trim() !== '')) {
      for (const form of [part, ...encodings(part)]) this.#needles.add(form)
    }
  }

  /** The text with every secret replaced by `***`; ones that touch or overlap become one. */
  mask(text: string): string {
    const hidden = new Uint8Array(text.length)
    for (const needle of this.#needles) {
      for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + 1)) {
        hidden.fill(1, at, at + needle.length)
      }
    }
    let masked = ''
    for (const [index, unit] of text.split('').entries()) {
      if (hidden[index] === 0) masked += unit
      else if (index === 0 || hidden[index - 1] === 0) masked += '***'
    }
    return masked
  }
}

/** The encodings that the runner adds by itself (its PowerShell forms left out). */
function encodings(secret: string): string[] {
  const bytes = Buffer.from(secret)
  const shifted = [0, 1, 2].filter((shift) => shift === 0 || bytes.length > shift)
  const forms = [
    ...shifted.map((shift) => bytes.subarray(shift).toString('base64')),
    secret.replaceAll('"', String.raw`\"`),
    secret.replaceAll("'", "''"),
    JSON.stringify(secret).slice(1, -1),
    uriEscape(secret),
    xmlEscape(secret)
  ]
  if (secret.length > 8 && /^".*"$/s.test(secret)) forms.push(secret.slice(1, -1))
  return forms.filter((form) => form !== '')
}

function uriEscape(text: string): string {
  const strict = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()*]/g, strict)
}

function xmlEscape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;')
}
