import { main } from './main.ts'
import { post } from './post.ts'
import { endIfHung } from './runner/cancellation.ts'
import { isPostStage } from './runner/stage.ts'

// One bundle serves both stages. The await keeps a promise that never settles from ending the step green:
// Node then exits with 13 instead of 0.
await (isPostStage() ? post() : main())
endIfHung()
