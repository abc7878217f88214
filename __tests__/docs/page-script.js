// Runs in the browser: puts the text into the page, has Mermaid draw it, and notes what is seen.
/* global document, window, getComputedStyle, DOMPurify, mermaid, btoa, TextEncoder */

const { html, allowed, theme } = window.given
const main = document.querySelector('main')
const errors = []

main.innerHTML = DOMPurify.sanitize(html, allowed)
const elements = [...main.querySelectorAll('*')].map(({ localName }) => localName)
const cells = (row) => [...row.children].map(({ textContent }) => textContent.trim())
const seen = {
  heading: main.querySelector('h3')?.textContent ?? '',
  table: [...main.querySelectorAll('tr')].map(cells),
  elements: [...new Set(elements)].sort()
}

mermaid.initialize({ startOnLoad: false, theme, securityLevel: 'strict' })
for (const [index, code] of [...main.querySelectorAll('code.language-mermaid')].entries()) {
  try {
    const { svg } = await mermaid.render(`chart-${index}`, code.textContent)
    const figure = document.createElement('figure')
    figure.innerHTML = svg
    code.closest('pre').replaceWith(figure)
  } catch (error) {
    errors.push(String(error))
  }
}

const rgb = (colour) => {
  const context = document.createElement('canvas').getContext('2d')
  context.fillStyle = colour
  context.fillRect(0, 0, 1, 1)
  return [...context.getImageData(0, 0, 1, 1).data]
}
const luminance = (colour) => {
  const parts = rgb(colour)
    .slice(0, 3)
    .map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
}
const contrast = (one, other) => {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}
/** What lies behind the texts of a chart: its own ground, or the page. */
const ground = (svg) => {
  const own = svg.querySelector('rect.background')
  return own === null ? getComputedStyle(document.body).backgroundColor : getComputedStyle(own).fill
}
/** The contrast of a text with what it is on: the ground of its label, the shape around it, or that of all. */
const legibility = (text, svg) => {
  const { color, fill } = getComputedStyle(text.querySelector('tspan') ?? text)
  const before = text.previousElementSibling
  const shape = before?.matches('.actor, .note, .labelBox')
    ? before
    : text.closest('.node')?.querySelector('rect, path, polygon')
  let behind = shape ? getComputedStyle(shape).fill : ground(svg)
  for (
    let part = text;
    part.localName !== 'foreignObject' && part !== svg;
    part = part.parentNode
  ) {
    const own = getComputedStyle(part).backgroundColor
    if (rgb(own)[3] === 255) {
      behind = own
      break
    }
  }
  return contrast(text.localName === 'text' ? fill : color, behind)
}

const charts = [...main.querySelectorAll('figure svg')].map((svg) => {
  const labels = [...svg.querySelectorAll('text, foreignObject p')]
  const texts = labels.filter(({ textContent }) => textContent.trim() !== '')
  const line = svg.querySelector('.line-plot-0 path')
  const seenOn = (colour) => contrast(colour, ground(svg))
  const { width, height } = svg.getBoundingClientRect()
  return {
    kind: svg.getAttribute('aria-roledescription'),
    texts: texts.map(({ textContent }) => textContent.trim()),
    points: (line?.getAttribute('d') ?? '').split(/[ML]/).length - 1,
    width,
    height,
    contrast: Math.min(...texts.map((text) => legibility(text, svg))),
    lineContrast: line === null ? 0 : seenOn(getComputedStyle(line).stroke)
  }
})
const words = main.cloneNode(true)
words.querySelectorAll('figure').forEach((figure) => figure.remove())

const bytes = new TextEncoder().encode(
  JSON.stringify({ ...seen, errors, charts, text: words.textContent })
)
document.querySelector('#seen').textContent = btoa(String.fromCodePoint(...bytes))
