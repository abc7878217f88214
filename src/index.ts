import { getState, saveState } from '@actions/core'
import { main } from './main.ts'
import { post } from './post.ts'

// One bundle serves both stages. The await keeps a promise that never settles from ending the step green:
// Node then exits with 13 instead of 0.
if (getState('isPost') === '') {
  saveState('isPost', 'true')
  await main()
} else {
  await post()
}
