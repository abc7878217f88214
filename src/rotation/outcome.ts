import type { Baked } from './bake-verdict.ts'
import type { Instance } from './instance.ts'
import type { Plan } from './plan.ts'
import type { Other, SharedAddresses } from './same-address.ts'
import type { Target } from './target.ts'

/** Why a server that is drained is not proven safe to stop. */
export type Doubt =
  | { readonly kind: 'young process'; readonly instances: readonly Instance[] }
  | { readonly kind: 'process unknown'; readonly instances: readonly Instance[] }
  | { readonly kind: 'process unclear'; readonly instances: readonly Instance[] }
  | { readonly kind: 'agent check'; readonly targets: readonly Target[] }
  | { readonly kind: 'same address'; readonly others: readonly Other[] }
  | { readonly kind: 'same name'; readonly others: readonly Other[] }
  | { readonly kind: 'too few serve'; readonly backends: readonly string[] }
  | { readonly kind: 'max sessions' }

/** Why no process from before can hold a session of a server that is drained, or that one may. */
export type OldProcessState =
  | { readonly kind: 'gone'; readonly hardStopAfterMs: number }
  | { readonly kind: 'assumed gone' }
  | { readonly kind: 'was idle' }
  | { readonly kind: 'may remain' }

/** What was proven of a server that is drained, and how. Times in milliseconds. */
export type Fact =
  | { readonly kind: 'idle'; readonly forMs: number; readonly maxSessions: number }
  | {
      readonly kind: 'process'
      readonly instance: Instance
      readonly pid: number
      readonly ageMs: number
      readonly older: OldProcessState
    }
  | { readonly kind: 'addresses'; readonly shared: SharedAddresses }
  | { readonly kind: 'serving'; readonly backend: string; readonly servers: readonly string[] }

/** What was found out about the servers that a step took out. */
export interface Proof {
  /** What could not be proven. */
  readonly doubts: readonly Doubt[]
  /** What could. */
  readonly facts: readonly Fact[]
}

/** What a step has achieved. */
export type Outcome =
  /** Only looked at. */
  | { readonly kind: 'observed' }
  /** Only looked at, and every server is up. */
  | { readonly kind: 'all up' }
  /** Changed nothing; a real run would do this. */
  | { readonly kind: 'dry run'; readonly plan: Plan }
  /** A command was carried out that is not an admin state. */
  | { readonly kind: 'commanded' }
  /** The admin state is verified, and nothing was waited for. */
  | { readonly kind: 'requested' }
  /** In maint, and nothing can reach it any more. */
  | { readonly kind: 'safe to stop'; readonly proof: Proof }
  /** Out of rotation and without sessions, and more is not proven or not promised. */
  | { readonly kind: 'drained'; readonly proof: Proof }
  /** Out of rotation, but not drained in time, and the step was to go on. */
  | { readonly kind: 'not drained' }
  /** In rotation and up; where its traffic was watched, with what was seen of it. */
  | { readonly kind: 'up'; readonly baked?: Baked }
