import { type Application } from '../support/application.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { freePorts } from '../support/ports.ts'
import { type ActionResult, runAction } from '../support/runner.ts'
import { until } from '../support/until.ts'
import {
  ambush,
  type Case,
  deadlineOf,
  endOf,
  type HostileAction,
  kindAt,
  waitTimeoutOf
} from './fault-cases.ts'
import { kindOf, REQUEST_TIMEOUT } from './fault-list.ts'

/** What became of one case. */
export interface CaseResult {
  readonly case: Case
  readonly end: 'green' | 'red' | 'hung'
  readonly durationMs: number
  readonly deadlineMs: number
  /** A green end that HAProxy does not bear out. */
  readonly falseGreen: boolean
  /** Everything that is not as promised; empty for a good case. */
  readonly complaints: readonly string[]
}

/** One HAProxy with a backend, a frontend and a fault proxy for each of several cases at once. */
export interface FaultStage {
  readonly run: (one: Case) => Promise<CaseResult>
  readonly stop: () => Promise<void>
}

const users = { username: 'deploy', password: 'faulty battery staple' }

/** Starts a stage on which so many cases can run at once. */
export async function startFaultStage(lanes: number): Promise<FaultStage> {
  const ports = await freePorts(lanes)
  const names = ports.map((_, index) => `s${index + 1}`)
  const farm = await startFarm({
    servers: ['a', 'b'],
    users,
    extra: (applications) =>
      names.flatMap((name, index) => laneLines(name, ports[index] ?? 0, applications)).join('\n')
  })
  // So slow that a run on its way back sees the health on its way.
  farm.app('a').healthDelayMs = 300
  const lanesOf = await Promise.all(
    names.map(async (name, index): Promise<Lane> => {
      const faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
      const [target, other] = serversOf(name)
      return {
        farm,
        name,
        target,
        other,
        userUrl: `http://127.0.0.1:${ports[index] ?? 0}`,
        faultProxy
      }
    })
  )
  const free = [...lanesOf]
  const waiting: ((lane: Lane) => void)[] = []
  return {
    run: async (one) => {
      const lane = free.pop() ?? (await new Promise<Lane>((resolve) => waiting.push(resolve)))
      try {
        return await runCase(one, lane)
      } finally {
        const next = waiting.shift()
        if (next === undefined) free.push(lane)
        else next(lane)
      }
    },
    stop: async () => {
      await Promise.all(lanesOf.map(({ faultProxy }) => faultProxy.stop()))
      await farm.stop()
    }
  }
}

interface Lane {
  readonly farm: Farm
  /** The name of its backend. */
  readonly name: string
  readonly target: string
  readonly other: string
  readonly userUrl: string
  readonly faultProxy: FaultProxy
}

/** Names that no other backend has, lest they be taken for the same application. */
function serversOf(lane: string): [target: string, other: string] {
  return [`${lane}a`, `${lane}b`]
}

function laneLines(name: string, port: number, applications: readonly Application[]): string[] {
  const [target, other] = serversOf(name)
  const servers = [target, other].map(
    (server, index) =>
      `  server ${server} 127.0.0.1:${applications[index]?.port ?? 0} check inter 100ms fall 3 rise 2`
  )
  return [
    `frontend users-${name}`,
    `  bind 127.0.0.1:${port}`,
    `  default_backend ${name}`,
    `backend ${name}`,
    '  option httpchk GET /health',
    '  timeout check 20s',
    `  use-server ${target} if { path /hold }`,
    ...servers
  ]
}

/** What HAProxy says of the target, past the statistics page. */
interface Truth {
  readonly status: string
  /** Which no status hides here. */
  readonly adminState: 'ready' | 'drain' | 'maint'
  readonly sessions: number
}

/** A run on a machine too busy to answer in time has not met its fault where it was meant to. */
const ATTEMPTS = 5

async function runCase(one: Case, lane: Lane): Promise<CaseResult> {
  for (let attempt = 1; ; attempt += 1) {
    const { result, isDisturbed } = await attemptCase(one, lane)
    if (!isDisturbed || attempt === ATTEMPTS) return result
  }
}

interface Attempt {
  readonly result: CaseResult
  readonly isDisturbed: boolean
}

async function attemptCase(one: Case, lane: Lane): Promise<Attempt> {
  const deadlineMs = deadlineOf(one)
  const found = { case: one, deadlineMs }
  const { plan, struck } = ambush(one)
  let held: HeldConnection | undefined
  try {
    await prepare(one, lane)
    if (one.held) held = await holdConnection(lane.userUrl)
    const before = await truthOf(lane)
    lane.faultProxy.reset()
    lane.faultProxy.fault = plan
    const result = await runAction(inputsOf(one, lane), {
      // Shows the wire too, where secrets would be.
      debug: true,
      // A run that is still there then has hung, however busy the machine is.
      limitMs: deadlineMs + 20_000
    })
    lane.faultProxy.fault = undefined
    const after = await truthOf(lane)
    const green = result.exitCode === 0
    const untrue =
      (green ? await untruth(one, result, held, lane) : undefined) ??
      unproven(one, result, struck, lane)
    const complaints = [
      ...(struck.size > 0 ? [] : ['the fault never struck']),
      ...(untrue === undefined ? [] : [`FALSE GREEN: ${untrue}`]),
      ...wrongEnd(one, green),
      ...(/(others|somebody else) changed it/.test(result.output) ? ['nobody else did'] : []),
      ...(green ? [] : wrongError(one, result)),
      ...(green ? [] : wrongState(one, result.lastLine, before, after, held)),
      ...(result.durationMs > deadlineMs ? [`took ${Math.round(result.durationMs)} ms`] : [])
    ]
    return {
      isDisturbed:
        complaints.length > 0 &&
        untrue === undefined &&
        (struck.size === 0 || isDisturbed(one, result)),
      result: {
        ...found,
        end: green ? 'green' : 'red',
        durationMs: result.durationMs,
        falseGreen: untrue !== undefined,
        complaints: complaints.length === 0 ? [] : [...complaints, `it said: ${result.lastLine}`]
      }
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const result = { ...found, end: 'hung', durationMs: NaN, falseGreen: false } as const
    return { isDisturbed: false, result: { ...result, complaints: [why] } }
  } finally {
    lane.faultProxy.fault = undefined
    await held?.close()
  }
}

/**
 * Whether requests timed out that no fault had spoiled, or the run was not given the time to end by itself after
 * its last word (src/runner/cancellation.ts).
 */
function isDisturbed({ fault, times }: Case, { output, signal }: ActionResult): boolean {
  if (signal === 'SIGKILL') return true
  const timeOuts = output.match(/no complete answer within/g)?.length ?? 0
  const isMeant = /^s(ilence|tall)/.test(fault.name)
  return isMeant ? times === 'once' && timeOuts > 1 : timeOuts > 0
}

function inputsOf(one: Case, lane: Lane): Record<string, string> {
  const { action, fault } = one
  return {
    'stats-url': lane.faultProxy.through(lane.farm.statsUrl),
    backend: lane.name,
    server: lane.target,
    ...users,
    action,
    'request-timeout': `${fault.requestTimeoutMs ?? REQUEST_TIMEOUT}ms`,
    'wait-timeout': `${waitTimeoutOf(one)}ms`,
    'poll-interval': '100ms',
    'settle-time': '200ms',
    // So that a green maint is safe to stop where the process was seen.
    'hard-stop-after': '0s'
  }
}

/** Makes the target what the action begins with, and sees to it that the other server is up. */
async function prepare({ action }: Case, lane: Lane): Promise<void> {
  const { farm, name, target, other } = lane
  for (const word of ['ehlth', 'ready', ...(action === 'ready' ? ['maint'] : [])]) {
    await farm.post(`s=${target}&b=${name}&action=${word}`)
  }
  const wanted = action === 'ready' ? 'MAINT' : 'UP'
  await until(
    async () => {
      const rows = (await farm.rows()).filter((row) => row['pxname'] === name)
      const [a, b] = [target, other].map((server) => rows.find((row) => row['svname'] === server))
      return a?.['status'] === wanted && a['scur'] === '0' && b?.['status'] === 'UP'
    },
    { limitMs: 30_000, everyMs: 100 }
  )
}

async function truthOf({ farm, name, target }: Lane): Promise<Truth> {
  const row = await farm.row(name, target)
  const [, header = '', ...servers] = (
    await farm.haproxy.command(`show servers state ${name}`)
  ).split('\n')
  const columns = header.replace('# ', '').split(' ')
  const cells = servers.map((line) => line.split(' ')).find((each) => each.includes(target)) ?? []
  // Bits of HAProxy: forced maint is 1, forced drain is 8.
  const admin = Number(cells[columns.indexOf('srv_admin_state')])
  return {
    status: row['status'] ?? '',
    adminState: (admin & 1) > 0 ? 'maint' : (admin & 8) > 0 ? 'drain' : 'ready',
    sessions: Number(row['scur']) + Number(row['qcur'])
  }
}

/** What makes a green end untrue, by HAProxy's own word; undefined for a true one. */
async function untruth(
  { action }: Case,
  { outputs }: ActionResult,
  held: HeldConnection | undefined,
  lane: Lane
): Promise<string | undefined> {
  const { status, sessions } = await truthOf(lane)
  const seen = `HAProxy shows ${status} with ${sessions} sessions`
  switch (action) {
    case 'drain':
    case 'maint': {
      const right = wordOf(status) === (action === 'drain' ? 'DRAIN' : 'MAINT') && sessions === 0
      return right ? undefined : seen
    }
    case 'ready': {
      const hasFreshCheck = ['hdown', 'start'].every((change) =>
        lane.faultProxy.requests.some(
          ({ body, answer }) => body.includes(`action=${change}`) && answer !== undefined
        )
      )
      if (!hasFreshCheck) return 'its health check was not asked for anew'
      return status === 'UP' ? undefined : seen
    }
    case 'status':
      return outputs['status'] === status ? undefined : `${seen}, not ${outputs['status'] ?? ''}`
    case 'dhlth':
      return status === 'no check' ? undefined : seen
    case 'shutdown':
      try {
        await until(() => held?.open === false, { limitMs: 2_000 })
        return undefined
      } catch {
        return 'the session goes on'
      }
  }
}

/** Whether `safe-to-stop` is what was proven: that one process answered before the change and at the end. */
function unproven(
  { action }: Case,
  { outputs, exitCode }: ActionResult,
  struck: ReadonlySet<number>,
  { faultProxy: { requests } }: Lane
): string | undefined {
  const change = requests.findIndex((request) => kindOf(request) === 'change')
  const wasSeen = (some: typeof requests): boolean => {
    const last = some.findLast((request) => kindOf(request) === 'process')
    return last !== undefined && !struck.has(last.number)
  }
  const isProven = wasSeen(requests.slice(0, change)) && wasSeen(requests.slice(change))
  const isSafe = action === 'maint' && exitCode === 0 && isProven
  const said = outputs['safe-to-stop'] ?? 'nothing'
  return said === String(isSafe) ? undefined : `safe-to-stop is ${said}, not ${String(isSafe)}`
}

function wrongEnd(one: Case, green: boolean): string[] {
  const wanted = endOf(one)
  if (wanted === 'either' || wanted === (green ? 'green' : 'red')) return []
  return [`it should have ended ${wanted}`]
}

/** A red end must say what is wrong, in its last line and as an error. */
function wrongError(one: Case, { exitCode, lastLine, annotations }: ActionResult): string[] {
  const { fault, place, held, action } = one
  const seen = kindAt(place) === 'change' ? fault.change : fault.read
  // A held session is a reason of its own, which a fault that has passed again need not add to.
  const isAllowed =
    held && action !== 'shutdown' && endOf({ ...one, held: false }) !== 'red'
      ? /Not drained within/
      : undefined
  const shown = annotations.at(-1)
  return [
    ...(exitCode === 1 ? [] : [`the exit code was ${String(exitCode)}`]),
    ...(seen.test(lastLine) || isAllowed?.test(lastLine) === true
      ? []
      : [`the last line does not say ${String(seen)}`]),
    ...(shown?.level === 'error' && shown.message === lastLine
      ? []
      : ['the last line is no error annotation'])
  ]
}

/** The last line must say what state the server was left in, and that must be so. */
function wrongState(
  { action }: Case,
  lastLine: string,
  before: Truth,
  after: Truth,
  held: HeldConnection | undefined
): string[] {
  // What the failure itself says of the state is not said twice.
  const now =
    /Now s\d+\/s\d+a(?: on \S+)? is ([^.(]*)(\(rolled back\))?/.exec(lastLine) ??
    /s\d+\/s\d+a(?: on \S+)? is ([^.(;,]*)()/.exec(lastLine)
  const rolledBack =
    (now?.[2] ?? '') !== '' || lastLine.includes('What had changed was rolled back')
  const said = now?.[1]?.trim()
  const untouched = lastLine.includes('Nothing was changed')
  const unknown = said?.startsWith('in an unknown state') === true
  const complaints: string[] = []
  if (said === undefined && !untouched) complaints.push('it says nothing of the state')
  if (untouched && unknown) complaints.push('nothing was changed, yet that is not known')
  const same =
    stateOf(action, before) === stateOf(action, after) && !(action === 'shutdown' && !held?.open)
  const moved = `${stateOf(action, before)} became ${stateOf(action, after)}`
  if (untouched && !same) complaints.push(`nothing was changed, yet ${moved}`)
  if (rolledBack && !same) complaints.push(`rolled back, yet ${moved}`)
  if (said !== undefined && !unknown && !isTrue(said, after)) {
    complaints.push(`it says ${said}, HAProxy says ${after.status} in ${after.adminState}`)
  }
  return complaints
}

/** What an action changes; health on its way changes by itself. */
function stateOf(action: HostileAction, { adminState, status }: Truth): string {
  return action === 'dhlth' ? `${adminState} ${wordOf(status)}` : adminState
}

/** Health may have gone on since the last look, so what a status says of the admin state counts. */
function isTrue(said: string, { adminState, status }: Truth): boolean {
  switch (wordOf(said)) {
    case 'MAINT':
      return adminState === 'maint'
    case 'DRAIN':
      return adminState === 'drain'
    case 'DOWN': {
      const asked = /asked for (\w+)/.exec(said)?.[1]
      return asked === undefined || asked === adminState
    }
    default:
      return adminState === 'ready' && wordOf(said) === wordOf(status)
  }
}

function wordOf(status: string): string {
  // What the page calls "no check" the action tells as ready.
  return /^\w+/.exec(status.trim().replace('no check', 'ready'))?.[0] ?? status
}
