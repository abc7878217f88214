import type { Command } from '../haproxy/commands.ts'
import type { OutState } from '../haproxy/server.ts'
import type { Route } from './route.ts'
import type { Target } from './target.ts'

/** What a real run would do, as a dry run finds it. */
export type Plan =
  | {
      readonly kind: 'take out'
      readonly state: OutState
      readonly targets: readonly Target[]
      /** How long it would wait for its turn, in milliseconds; undefined where it would not have to. */
      readonly turnMs: number | undefined
    }
  | {
      readonly kind: 'bring back'
      readonly routes: ReadonlyMap<Target, Route>
      /** How long it would watch the traffic, in milliseconds; 0 for not at all. */
      readonly bakeMs: number
    }
  | { readonly kind: 'command'; readonly command: Command; readonly targets: readonly Target[] }
