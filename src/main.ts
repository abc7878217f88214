import { listenForCancel } from './runner/cancellation.ts'
import { type Inputs, readInputs } from './runner/inputs.ts'
import { openPages } from './runner/pages.ts'
import { perform } from './perform.ts'
import { log } from './runner/log.ts'
import { Report, reportFailure } from './runner/report.ts'
import { findPools } from './rotation/find.ts'
import { lookOnceMore } from './rotation/look-once-more.ts'
import { type Context, systemClock } from './rotation/context.ts'

/** The main step: takes servers out of rotation or brings them back, and reports what became of it. */
export async function main(): Promise<void> {
  const context = { clock: systemClock, log, ...listenForCancel() }
  try {
    await run(readInputs(), context)
  } catch (error) {
    reportFailure(error)
  }
}

async function run(inputs: Inputs, context: Context): Promise<void> {
  const report = new Report(inputs)
  try {
    log.phase('Looking')
    report.found(await findPools({ ...inputs, pages: openPages(inputs) }, context))
    report.succeeded(await perform(inputs, report.pools, context, report.onLook))
  } catch (error) {
    await lookOnceMore(report.pools, context)
    report.failed(error)
  } finally {
    await report.publish()
  }
}
