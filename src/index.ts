import { main } from './main.ts'
import { post } from './post.ts'
import { endIfHung } from './runner/cancellation.ts'
import { reportFailure } from './runner/failure.ts'
import { isPostStep } from './runner/post-step.ts'

let isOver = false

// A promise that never settles would end the step green. A top-level await would prevent that without a word, and
// makes the bundler wrap every module in a function: the bundle grows by an eighth and starts later.
process.once('beforeExit', () => {
  if (!isOver) {
    reportFailure(
      new Error(
        'The step ended before its work did, which is a bug. Check on the statistics page what state the servers are in.'
      )
    )
  }
})

/** Settles when the step is over: the main step or the post step, which one bundle serves both. */
export const over = (isPostStep() ? post() : main()).then(() => {
  isOver = true
  endIfHung()
})
