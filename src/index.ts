import { main } from './main.ts'
import { post } from './post.ts'
import { endIfHung } from './runner/cancellation.ts'
import { reportFailure } from './runner/failure.ts'
import { isPostStep } from './runner/post-step.ts'

let isDone = false

// Without this, a promise that never settles would end the step green. A top-level await would make it red, but
// without a last line, and the bundler would wrap every module in a function: a larger bundle, which starts later.
process.once('beforeExit', () => {
  if (!isDone) {
    reportFailure(
      new Error(
        'The step ended before its work was done. That is a bug in this action: please report it, and check on the statistics page which state the servers are in.'
      )
    )
  }
})

/** The main step or the post step; one bundle serves both. */
export const done = (isPostStep() ? post() : main()).then(() => {
  isDone = true
  endIfHung()
})
