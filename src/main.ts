import { perform } from './perform.ts'
import { type Context, NO_OBSERVER, systemClock } from './rotation/context.ts'
import { find, type Found } from './rotation/find.ts'
import { lastLook } from './rotation/last-look.ts'
import { listenForCancel } from './runner/cancellation.ts'
import { type Inputs, readInputs, wantedBy } from './runner/inputs.ts'
import { log } from './runner/log.ts'
import { logOf } from './runner/only-url.ts'
import { openPages } from './runner/pages.ts'
import { Report } from './runner/report.ts'
import { markMainStep } from './runner/post-step.ts'
import { reportFailure } from './runner/failure.ts'

/** The main step: takes servers out of rotation or brings them back, and reports what became of it. */
export async function main(): Promise<void> {
  const context = { clock: systemClock, log, observer: NO_OBSERVER, ...listenForCancel() }
  try {
    markMainStep()
    await run(readInputs(), context)
  } catch (error) {
    reportFailure(error)
  }
}

async function run(inputs: Inputs, base: Context): Promise<void> {
  const log = logOf(inputs)
  const report = new Report(inputs, log)
  const context = { ...base, log, observer: report.observer }
  try {
    const wanted = { ...wantedBy(inputs), pages: openPages(inputs) }
    const search = async (): Promise<Found> => {
      const found = await find(wanted, context)
      report.found(found.backends)
      return found
    }
    report.succeed(await perform(inputs, search, context))
  } catch (error) {
    await lastLook(report.backends, context)
    report.fail(error)
  }
}
