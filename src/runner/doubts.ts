import { namesOf } from '../rotation/describe.ts'
import { formatDuration } from '../rotation/duration.ts'
import type { Instance } from '../rotation/instance.ts'
import type { Doubt } from '../rotation/outcome.ts'
import { describeOthers } from '../rotation/same-address.ts'

/** Why a drained server is not proven safe to stop, and how to have it proven. */
export function explainDoubt(doubt: Doubt): string {
  switch (doubt.kind) {
    case 'young process':
      return (
        `HAProxy was started less than an hour ago (${agesOf(doubt.instances)}), and a process from before may ` +
        'still hold requests: set `hard-stop-after` in haproxy.cfg and give the same value as the input hard-stop-after.'
      )
    case 'process unknown':
      return (
        `Which process answers is not shown at ${urlsOf(doubt.instances)}, so a reload would go unnoticed: let ` +
        'this user read the HTML page as well.'
      )
    case 'process unclear':
      return `Another process of HAProxy answers at ${urlsOf(doubt.instances)} than when this step began, and it may be older than the step: run the step again.`
    case 'agent check':
      return `An agent check may bring ${namesOf(doubt.targets)} back: run action: dagent before this step, and action: eagent once the server is back.`
    case 'same address':
      return `Also at the same address: ${describeOthers(doubt.others)}. Take every server at that address out in the same step.`
    case 'same name':
      return (
        `${describeOthers(doubt.others)} may be the same application, and the page does not show its address: name ` +
        "its backend, use backend: '*', or put `stats show-legends` into haproxy.cfg."
      )
    case 'too few serve':
      return `Fewer other servers are up now than min-up asks for: bring another one back in ${doubt.backends.join(', ')}.`
    case 'max sessions':
      return 'Sessions may remain, because max-sessions allows them; set it to 0 for proof.'
  }
}

function urlsOf(instances: readonly Instance[]): string {
  return instances.map(({ name }) => name).join(', ')
}

function agesOf(instances: readonly Instance[]): string {
  return instances
    .flatMap(({ name, firstProcess: process }) =>
      process === undefined
        ? []
        : [`${formatDuration(process.firstSeenAt - process.startedAt)} at ${name}`]
    )
    .join(', ')
}
