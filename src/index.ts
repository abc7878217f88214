import { main } from './main.ts'
import { post } from './post.ts'
import { endIfHung } from './runner/cancellation.ts'
import { isPostStep } from './runner/post-step.ts'

// One bundle serves both steps. The await keeps a promise that never settles from ending the step green:
// Node then exits with 13 instead of 0.
await (isPostStep() ? post() : main())
endIfHung()
