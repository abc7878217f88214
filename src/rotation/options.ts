import type { OutState } from '../haproxy/server.ts'
import type { MinUp } from './min-up.ts'
import type { SharedAddresses } from './same-address.ts'
import type { WaitOptions } from './wait.ts'

/** What to do about servers that are not drained, or not up, in time. */
export const ON_TIMEOUT = ['fail', 'restore', 'shutdown', 'continue'] as const
export type OnTimeout = (typeof ON_TIMEOUT)[number]

/** How to take servers out of rotation. */
export interface TakeOutOptions {
  readonly state: OutState
  /** How many other servers of a backend must serve. */
  readonly minUp: MinUp
  /** Whether the servers are claimed: other runs that claim some may still have to withdraw. */
  readonly isClaimed: boolean
  /** How to wait until drained. */
  readonly wait: WaitOptions
  /** Whether to wait for that at all. */
  readonly isAwaited: boolean
  /** Sessions and queued requests that may remain. */
  readonly maxSessions: number
  readonly onTimeout: OnTimeout
  /** How long a process of HAProxy may live on after a reload, in milliseconds, where that is known. */
  readonly hardStopAfterMs: number | undefined
  /** Who else uses the addresses of the servers. */
  readonly shared: SharedAddresses
}

/** How to bring servers back into rotation. */
export interface BringBackOptions {
  /** Whether a server with a health check passes it anew before HAProxy sends it anyone. */
  readonly freshCheck: boolean
  /** How to wait until up. */
  readonly wait: WaitOptions
  /** Whether to wait until up; else only until HAProxy needs no further request to bring them up. */
  readonly isAwaited: boolean
  /** How many other servers must serve where a reload makes it necessary to take one out again. */
  readonly minUp: MinUp
  readonly onTimeout: OnTimeout
}

/** How to watch the traffic of servers that are back, and to take out again those that are not well. */
export interface BakeOptions extends Omit<
  TakeOutOptions,
  'state' | 'isClaimed' | 'isAwaited' | 'shared'
> {
  /** How long to watch, in milliseconds. */
  readonly bakeMs: number
  /** The share of failed requests, from 0 to 1, that is allowed beyond that of the neighbours. */
  readonly maxErrorRate: number
  /** How often to look; and how long it may take until a server that is taken out again is drained. */
  readonly wait: WaitOptions
}
