import { HaproxyError } from '../haproxy/errors.ts'
import { takesTraffic } from '../haproxy/server.ts'
import { type Backend, targetsOf } from './backend.ts'
import { type BadOut, takeBadOut } from './bake-out.ts'
import { trafficInWords } from './bake-traffic-words.ts'
import type { Baked } from './bake-verdict.ts'
import { Baking } from './baking.ts'
import { type Context, NO_OBSERVER } from './context.ts'
import { namesOf, notUpInWords, seenAs, whyNotUp } from './describe.ts'
import { formatDuration } from './duration.ts'
import { TRY_AGAIN } from './not-up.ts'
import type { BakeOptions } from './options.ts'
import type { Outcome } from './outcome.ts'
import type { Target } from './target.ts'
import { type WaitResult, waitUntil, whyNotMet } from './wait.ts'

const STILL_SERVING = {
  advice:
    'Look at what the application answers, and at its log. What is still in rotation goes on serving users: ask for maint once enough others serve.'
}

/** The error of servers that are not well, with what became of them. */
export class BakeFailure extends HaproxyError {
  /** The servers that are not well. */
  readonly bad: readonly Target[]
  readonly out: BadOut

  constructor(message: string, bad: readonly Target[], out: BadOut) {
    const kept = bad.filter((target) => !out.taken.includes(target) && takesTraffic(target.now))
    super('bake-failed', message, kept.length > 0 ? STILL_SERVING : {})
    this.bad = bad
    this.out = out
  }
}

/**
 * Watches the traffic of servers that are back. Those on which too much fails go back to maint where enough others
 * serve; those that are well stay.
 *
 * @throws BakeFailure; HaproxyError `changed-meanwhile` for what others have taken out, `not-up` for what is not up at
 *   the end, `not-baked` where it cannot be watched for that long
 */
export async function bake(
  backends: readonly Backend[],
  options: BakeOptions,
  context: Context
): Promise<Outcome> {
  const condition = new Baking(backends, options, context)
  const { bakeMs, wait } = options
  // An interruption of the watch has as long to end as any other wait.
  const timeoutMs = bakeMs + wait.timeoutMs
  const watch = { ...wait, timeoutMs, settleMs: 0, isSteady: true } as const
  const { onLook } = NO_OBSERVER
  const result = await waitUntil({ backends, options: watch, condition, onLook }, context)
  const { baked, down, bad } = condition
  if (!result.met && bad.length + down.length === 0) {
    throw notBaked(condition, { bakeMs, timeoutMs }, result)
  }
  // Out at one HAProxy and in at another is what users would notice.
  const names = [...bad, ...down.map(({ name }) => name)]
  const failed = targetsOf(backends).filter(({ name }) => names.includes(name))
  if (failed.length === 0) {
    return { kind: 'up', baked }
  }
  const message = [...whyDown(down), ...whyBad(baked)].join(' ')
  throw new BakeFailure(message, failed, await takeBadOut(failed, options, context))
}

/** The error of a watch that did not come to its end. */
function notBaked(
  { notUp, baked }: Baking,
  { bakeMs, timeoutMs }: { readonly bakeMs: number; readonly timeoutMs: number },
  result: WaitResult
): HaproxyError {
  const { failure } = result
  if (failure === undefined && notUp.length > 0 && baked.elapsedMs >= bakeMs) {
    const seen = notUp.map(notUpInWords)
    return new HaproxyError(
      'not-up',
      `Watched for ${formatDuration(baked.elapsedMs)}, and not up: ${seen.join('; ')}.`,
      { advice: TRY_AGAIN }
    )
  }
  const why = whyNotMet(['reloads or cleared counters kept interrupting it'], result)
  return new HaproxyError(
    'not-baked',
    `The traffic could not be watched for ${formatDuration(bakeMs)} within ${formatDuration(timeoutMs)}: ${why}`,
    { advice: failure?.advice, cause: failure }
  )
}

function whyDown(down: readonly Target[]): string[] {
  return down.map(
    (target) =>
      `${namesOf([target])} was up, and while its traffic was watched it became ${seenAs(target)}${whyNotUp(target.now)}.`
  )
}

function whyBad({ servers, elapsedMs }: Baked): string[] {
  return servers
    .filter(({ verdict }) => verdict === 'bad')
    .map(
      (server) =>
        `Too many requests failed on ${server.name} within ${formatDuration(elapsedMs)}: ${trafficInWords(server)}.`
    )
}
