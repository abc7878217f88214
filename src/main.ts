import { listenForCancel } from './cancellation.ts'
import { type Inputs, readInputs } from './inputs.ts'
import { openPages } from './pages.ts'
import { perform } from './perform.ts'
import { log } from './log.ts'
import { Report, reportFailure } from './report.ts'
import { findPools } from './rotation/find.ts'
import { lookOnceMore } from './rotation/look-once-more.ts'
import { type Surroundings, systemClock } from './rotation/surroundings.ts'

/** The main step: takes servers out of rotation or brings them back, and reports what became of it. */
export async function main(): Promise<void> {
  const surroundings = { clock: systemClock, log, ...listenForCancel() }
  try {
    await run(readInputs(), surroundings)
  } catch (error) {
    reportFailure(error)
  }
}

async function run(inputs: Inputs, surroundings: Surroundings): Promise<void> {
  const report = new Report(inputs)
  try {
    log.phase('Looking')
    report.found(await findPools({ ...inputs, pages: openPages(inputs) }, surroundings))
    report.succeeded(await perform(inputs, report.pools, surroundings, report.onLook))
  } catch (error) {
    await lookOnceMore(report.pools, surroundings)
    report.failed(error)
  } finally {
    await report.publish()
  }
}
