import { readCertificates } from './certificates.ts'
import { type InstanceInput, readCredentials, readInstances } from './credentials.ts'
import { readBackends, readServers } from './names.ts'
import type { AdminState } from '../haproxy/server.ts'
import { COMMANDS, type Command } from '../haproxy/commands.ts'
import type { Credentials } from '../haproxy/stats-url.ts'
import type { TransportSettings } from '../haproxy/request-setup.ts'
import { InputReader, UNAVAILABLE } from './input-reader.ts'
import { readShare } from './share.ts'
import { formatDuration } from '../rotation/duration.ts'
import { ON_TIMEOUT, type OnTimeout } from '../rotation/options.ts'
import type { FindOptions } from '../rotation/find.ts'
import type { MinUp } from '../rotation/min-up.ts'
import type { WaitOptions } from '../rotation/wait.ts'

const ACTIONS = ['ready', 'drain', 'maint', 'status', ...COMMANDS] as const
type Action = AdminState | Command | 'status'

const RESTORE = ['never', 'failure', 'always'] as const
/** When the post step puts back what the main step took out. */
export type Restore = (typeof RESTORE)[number]

const SAME_ADDRESS = ['refuse', 'ignore'] as const
/** What to do when a server that was not named can be reached at the same address. */
type SameAddress = (typeof SAME_ADDRESS)[number]

/** Every input, checked and complete. */
export interface Inputs {
  readonly instances: readonly InstanceInput[]
  /** For instances that a later step knows only by their URL. */
  readonly credentials: Credentials | undefined
  readonly backends: readonly string[] | 'every'
  readonly servers: readonly string[] | 'every'
  readonly action: Action
  /** What every server must be, or the step is red. */
  readonly expect: 'up' | undefined
  /** Whether to wait, after a change, until drained or up. */
  readonly isAwaited: boolean
  readonly wait: WaitOptions
  readonly maxSessions: number
  readonly onTimeout: OnTimeout
  /** How long a process of HAProxy may live on after a reload, in milliseconds; undefined where not given. */
  readonly hardStopAfterMs: number | undefined
  readonly sameAddress: SameAddress
  readonly minUp: MinUp
  /** How long to wait until enough others serve, in milliseconds; 0 to refuse at once. */
  readonly minUpTimeoutMs: number
  readonly freshCheck: boolean
  /** How long to watch the traffic of servers that are up, in milliseconds; 0 for not at all. */
  readonly bakeMs: number
  /** The share of failed requests, from 0 to 1, that this allows beyond that of the neighbours. */
  readonly maxErrorRate: number
  readonly restore: Restore
  readonly dryRun: boolean
  readonly transport: TransportSettings
  /** The job's status, as far as this step can know: `success`, `failure`, `cancelled`. */
  readonly jobStatus: string
}

/**
 * Reads and checks all inputs, and masks every secret before anything else is printed.
 *
 * @throws InputError that names every bad input at once
 */
export function readInputs(): Inputs {
  const reader = new InputReader()
  const credentials = readCredentials(reader)
  const inputs = {
    credentials,
    instances: readInstances(reader, credentials),
    backends: readBackends(reader),
    servers: readServers(reader),
    action: readAction(reader),
    expect: readExpect(reader),
    isAwaited: reader.flag('wait'),
    wait: readWaitOptions(reader),
    maxSessions: reader.amount('max-sessions'),
    onTimeout: reader.choice('on-timeout', ON_TIMEOUT),
    hardStopAfterMs: readHardStopAfter(reader),
    sameAddress: reader.choice('same-address', SAME_ADDRESS),
    minUp: readMinUp(reader),
    minUpTimeoutMs: reader.duration('min-up-timeout', '0s', '24h'),
    freshCheck: reader.flag('fresh-check'),
    bakeMs: reader.duration('bake-time', '0s', '24h'),
    maxErrorRate: readShare(reader, 'max-error-rate'),
    restore: reader.choice('restore', RESTORE),
    dryRun: reader.flag('dry-run'),
    transport: {
      timeoutMs: reader.duration('request-timeout', '100ms', '2m'),
      ...readCertificates(reader),
      verifyTls: reader.flag('tls-verify')
    },
    jobStatus: reader.text('job-status')
  }
  reader.finish()
  return inputs
}

/** What must be found out before anything is done; each of these costs requests. */
export function wantedBy({
  action,
  isAwaited,
  dryRun,
  minUpTimeoutMs,
  backends,
  servers
}: Inputs): Omit<FindOptions, 'pages'> {
  const isTakeOut = action === 'drain' || action === 'maint'
  const isChanging = isTakeOut || action === 'ready'
  // A reload must be noticed during a wait, and while a claim is read back.
  const asksProcess = isAwaited || minUpTimeoutMs > 0
  return {
    backends,
    servers,
    withOthers: isTakeOut,
    // What a take-out has done is read back at the end; of a return `DOWN` hides it.
    processLooks: dryRun || !isChanging ? 0 : action === 'ready' ? 2 : asksProcess ? 1 : 0,
    oneInstance: isChanging
  }
}

function readWaitOptions(reader: InputReader): WaitOptions {
  const timeoutMs = reader.duration('wait-timeout', '1s', '24h')
  const pollMs = reader.duration('poll-interval', '100ms', '1m')
  const settleMs = reader.duration('settle-time', '0s', '1h')
  if (settleMs > timeoutMs && timeoutMs > 0) {
    const timeout = formatDuration(timeoutMs)
    reader.refuse(
      'settle-time',
      `${formatDuration(settleMs)} is longer than the wait-timeout of ${timeout}, so no wait could ever succeed.`
    )
  }
  return { timeoutMs, pollMs, settleMs }
}

function readHardStopAfter(reader: InputReader): number | undefined {
  return reader.text('hard-stop-after') === ''
    ? undefined
    : reader.duration('hard-stop-after', '0s', '24h')
}

function readMinUp(reader: InputReader): MinUp {
  const text = reader.text('min-up')
  const [, number, percent] = /^(?:(\d{1,9})|(\d{1,3})%)$/.exec(text) ?? []
  if (text === 'all') {
    return text
  }
  if (number === undefined && percent === undefined) {
    reader.refuse(
      'min-up',
      `"${text}" is not a number such as 2, a percentage such as 50%, or all.`
    )
  }
  if (Number(percent) > 99) {
    reader.refuse(
      'min-up',
      `"${text}" can never be met, because the server being taken out is one of them. For every other server, write all.`
    )
  }
  return percent === undefined ? Number(number) : `${Number(percent)}%`
}

function readExpect(reader: InputReader): 'up' | undefined {
  const text = reader.text('expect')
  if (text !== '' && text !== 'up') {
    reader.refuse('expect', `"${text}" cannot be expected; the only word for it is up.`)
  }
  if (text !== '' && reader.text('action') !== 'status') {
    reader.refuse('expect', 'only action: status can expect anything of the servers.')
  }
  return text === '' ? undefined : 'up'
}

/** What others call an action, HAProxy's older words and its runtime API included: there `stop` sets a drain. */
const OTHER_WORDS: Partial<Record<Action, string>> = {
  ready: 'up in online enable enabled start undrain',
  drain: 'stop draining drained',
  maint: 'down out offline maintenance disable disabled',
  shutdown: 'kill'
}

function actionMeantBy(word: string): Action | undefined {
  const isMeant = (action: Action): boolean =>
    action === word || OTHER_WORDS[action]?.split(' ').includes(word) === true
  return ACTIONS.find(isMeant)
}

function readAction(reader: InputReader): Action {
  const text = reader.text('action')
  const meant = actionMeantBy(text.toLowerCase())
  if (meant === text) {
    return meant
  }
  const hint = meant === undefined ? '' : ` Use ${meant}.`
  const seen = text === '' ? `it is empty. ${UNAVAILABLE} It must be` : `"${text}" is not`
  reader.refuse('action', `${seen} one of ${ACTIONS.join(', ')}.${hint}`)
  return 'status'
}
