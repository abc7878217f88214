// Shows what of src/ was never reached in the runs of the built bundle that left their notes in coverage/raw.
import { CoverageReport } from 'monocart-coverage-reports'

const report = new CoverageReport({
  name: 'What the built action never came to',
  outputDir: 'coverage/report',
  reports: ['v8', ['console-details', { skipPercent: 100 }]],
  entryFilter: ({ url }) => url.endsWith('/coverage/index.js'),
  sourceFilter: (path) => path.startsWith('src/')
})
await report.addFromDir('coverage/raw')
await report.generate()
