import type { BringBackOptions } from './rotation/options.ts'
import { Backend, targetsOf } from './rotation/backend.ts'
import { type Context, NO_OBSERVER, systemClock } from './rotation/context.ts'
import { statesOf } from './rotation/describe.ts'
import { Instance } from './rotation/instance.ts'
import { isAsLeft } from './rotation/other-hands.ts'
import { restore } from './rotation/restore.ts'
import { retry } from './rotation/retry.ts'
import { settleAll } from './rotation/settle-all.ts'
import { adviceFor } from './runner/advice.ts'
import { listenForCancel } from './runner/cancellation.ts'
import { failureSentence, failWith } from './runner/failure.ts'
import { type Inputs, readInputs } from './runner/inputs.ts'
import { ageOf, type Intent, type IntendedBackend, readIntent } from './runner/intent.ts'
import { log } from './runner/log.ts'
import { reopenPage } from './runner/pages.ts'

/** The post step: restores what the main step took out, if it was asked to and nobody else has changed it. */
export async function post(): Promise<void> {
  const context = { clock: systemClock, log, observer: NO_OBSERVER, ...listenForCancel() }
  let known: readonly IntendedBackend[] = []
  try {
    const intent = readIntent()
    if (intent === undefined || intent.backends.length === 0) {
      log.info('Nothing to restore.')
      return
    }
    known = intent.backends
    const inputs = readInputs()
    if (isDue(intent, inputs)) {
      const urls = new Set(known.map(({ url }) => url))
      await Promise.all([...urls].map((url) => restoreOn(url, intent, inputs, context)))
    }
  } catch (error) {
    failWith(error, failureSentence(error, byHand(known)), 'Not restored')
  }
}

/** What to do about servers that may not have been restored. */
function byHand(backends: readonly IntendedBackend[]): string {
  const groups = Map.groupBy(backends, ({ previous }) => previous)
  const ways = [...groups].map(
    ([previous, those]) => `${previous.toUpperCase()} for ${namesOf(those)}`
  )
  return ways.length === 0
    ? ''
    : `May not have been restored: check the statistics page and, unless somebody has changed them since, choose ${ways.join(', ')}.`
}

function isDue({ restore: when, backends }: Intent, { jobStatus }: Inputs): boolean {
  const why = `restore is ${when} and the job's status is ${jobStatus}`
  if (when === 'always' || jobStatus === 'failure' || jobStatus === 'cancelled') {
    log.info(`Restoring ${namesOf(backends)}: ${why}.`)
    return true
  }
  if (jobStatus === 'success') {
    log.info(`Not restoring ${namesOf(backends)}: ${why}.`)
  } else {
    log.warning(
      `Not restoring ${namesOf(backends)}: restore is ${when}, and this runner does not say how the job went.`,
      'Not restored'
    )
  }
  return false
}

/** Restores what was taken out on one HAProxy; what goes wrong there keeps no other from being restored. */
async function restoreOn(
  url: string,
  intent: Intent,
  inputs: Inputs,
  context: Context
): Promise<void> {
  const intended = intent.backends.filter((backend) => backend.url === url)
  try {
    const instance = new Instance(reopenPage(url, inputs), context.clock)
    const limits = { signal: context.cancelled }
    await retry(() => instance.identify(limits, 2), context)
    const elapsedMs = ageOf(intent, instance)
    const left = await settleAll(intended, async ({ backend, previous, servers }) => {
      const seen = await retry(() => instance.page.look(limits, backend), context)
      const saved = new Backend(instance, backend, { targets: servers }, seen)
      announceMissing(servers, saved)
      const ours = stillAsLeft(saved, intent, elapsedMs)
      return { previous, backend: new Backend(instance, backend, { targets: ours }, seen) }
    })
    for (const state of ['ready', 'drain', 'maint'] as const) {
      const backends = left.filter(({ previous }) => previous === state)
      await restore(
        state,
        backends.map(({ backend }) => backend),
        optionsOf(inputs),
        context
      )
    }
  } catch (error) {
    const sentence = failureSentence(error, adviceFor(error, inputs), byHand(intended))
    failWith(error, sentence, 'Not restored')
  }
}

function optionsOf(inputs: Inputs): BringBackOptions {
  return { ...inputs, isAwaited: false, onTimeout: 'fail' }
}

function announceMissing(names: readonly string[], { targets, fullName }: Backend): void {
  const gone = names.filter((name) => !targets.some(({ before }) => before.name === name))
  if (gone.length > 0) {
    log.warning(`No longer in ${fullName}: ${gone.join(', ')}.`, 'No longer there')
  }
}

/** The names of servers that are as the main step left them; what others changed is theirs. */
function stillAsLeft(backend: Backend, { state, isClaimed }: Intent, elapsedMs: number): string[] {
  const all = targetsOf([backend])
  const ours = all.filter(
    ({ before }) => isAsLeft(before, state, elapsedMs) || (isClaimed && before.word === 'DRAIN')
  )
  const changed = all.filter((target) => !ours.includes(target))
  if (changed.length > 0) {
    log.info(
      `Leaving alone what a later step or somebody else has changed since: ${statesOf(changed)}.`
    )
  }
  return ours.map(({ before }) => before.name)
}

function namesOf(backends: readonly IntendedBackend[]): string {
  return backends
    .map(({ url, backend, servers }) => {
      return `${servers.map((name) => `${backend}/${name}`).join(', ')} on ${url}`
    })
    .join('; ')
}
