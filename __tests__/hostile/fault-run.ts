import { type Application } from '../support/application.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type Middleman, startMiddleman } from '../support/middleman.ts'
import { freePorts } from '../support/ports.ts'
import { type ActionResult, runAction } from '../support/runner.ts'
import { until } from '../support/until.ts'
import { ambush, type Case, deadlineOf, endOf, waitTimeoutOf } from './fault-cases.ts'
import { REQUEST_TIMEOUT } from './fault-list.ts'

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

/** One HAProxy with a backend, a frontend and a middleman for each of several cases at once. */
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
      const middleman = await startMiddleman({ port: Number(new URL(farm.statsUrl).port) })
      return { farm, name, userUrl: `http://127.0.0.1:${ports[index] ?? 0}`, middleman }
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
      await Promise.all(lanesOf.map(({ middleman }) => middleman.stop()))
      await farm.stop()
    }
  }
}

interface Lane {
  readonly farm: Farm
  /** The name of its backend, whose servers are `a` (the target) and `b`. */
  readonly name: string
  readonly userUrl: string
  readonly middleman: Middleman
}

function laneLines(name: string, port: number, applications: readonly Application[]): string[] {
  const servers = applications.map(
    (application) =>
      `  server ${application.name} 127.0.0.1:${application.port} check inter 100ms fall 3 rise 2`
  )
  return [
    `frontend users-${name}`,
    `  bind 127.0.0.1:${port}`,
    `  default_backend ${name}`,
    `backend ${name}`,
    '  option httpchk GET /health',
    '  timeout check 20s',
    '  use-server a if { path /hold }',
    ...servers
  ]
}

/** What is known of the target when a run begins or has ended. */
interface Witnessed {
  readonly status: string
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
    const before = await witness(lane)
    lane.middleman.reset()
    lane.middleman.fault = plan
    const result = await runAction(inputsOf(one, lane), {
      // Shows the wire too, where secrets would be.
      debug: true,
      // A run that is still there then has hung, however busy the machine is.
      limitMs: deadlineMs + 20_000
    })
    lane.middleman.fault = undefined
    const after = await witness(lane)
    const green = result.exitCode === 0
    const untrue = green ? await untruth(one, result, held, lane) : undefined
    const complaints = [
      ...(struck() ? [] : ['the fault never struck']),
      ...(untrue === undefined ? [] : [`FALSE GREEN: ${untrue}`]),
      ...wrongEnd(one, green),
      ...(green ? [] : wrongError(one, result)),
      ...(green ? [] : wrongState(one, result.lastLine, before, after, held)),
      ...(result.durationMs > deadlineMs ? [`took ${Math.round(result.durationMs)} ms`] : [])
    ]
    return {
      isDisturbed:
        complaints.length > 0 && untrue === undefined && (!struck() || isDisturbed(one, result)),
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
    lane.middleman.fault = undefined
    await held?.close()
  }
}

/** Whether requests timed out that no fault had spoiled. */
function isDisturbed({ fault, times }: Case, { output }: ActionResult): boolean {
  const timeOuts = output.match(/no complete answer within/g)?.length ?? 0
  const isMeant = /^s(ilence|tall)/.test(fault.name)
  return isMeant ? times === 'once' && timeOuts > 1 : timeOuts > 0
}

function inputsOf(one: Case, lane: Lane): Record<string, string> {
  const { action, fault } = one
  return {
    'stats-url': lane.middleman.through(lane.farm.statsUrl),
    backend: lane.name,
    server: 'a',
    ...users,
    action,
    'request-timeout': `${fault.requestTimeoutMs ?? REQUEST_TIMEOUT}ms`,
    'wait-timeout': `${waitTimeoutOf(one)}ms`,
    'poll-interval': '100ms',
    'settle-time': '200ms'
  }
}

/** Makes the target what the action begins with, and sees to it that the other server is up. */
async function prepare({ action }: Case, lane: Lane): Promise<void> {
  const { farm, name } = lane
  for (const word of ['ehlth', 'ready', ...(action === 'ready' ? ['maint'] : [])]) {
    await farm.post(`s=a&b=${name}&action=${word}`)
  }
  const wanted = action === 'ready' ? 'MAINT' : 'UP'
  await until(
    async () => {
      const rows = (await farm.rows()).filter((row) => row['pxname'] === name)
      const [a, b] = ['a', 'b'].map((server) => rows.find((row) => row['svname'] === server))
      return a?.['status'] === wanted && a['scur'] === '0' && b?.['status'] === 'UP'
    },
    { limitMs: 30_000, everyMs: 100 }
  )
}

async function witness({ farm, name }: Lane): Promise<Witnessed> {
  const row = await farm.row(name, 'a')
  return { status: row['status'] ?? '', sessions: Number(row['scur']) + Number(row['qcur']) }
}

/** What makes a green end untrue, by HAProxy's own word; undefined for a true one. */
async function untruth(
  { action }: Case,
  { outputs }: ActionResult,
  held: HeldConnection | undefined,
  lane: Lane
): Promise<string | undefined> {
  const { status, sessions } = await witness(lane)
  const seen = `HAProxy shows ${status} with ${sessions} sessions`
  switch (action) {
    case 'drain':
    case 'maint': {
      const right = wordOf(status) === (action === 'drain' ? 'DRAIN' : 'MAINT') && sessions === 0
      return right ? undefined : seen
    }
    case 'ready':
      return status === 'UP' ? undefined : seen
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

function wrongEnd(one: Case, green: boolean): string[] {
  const wanted = endOf(one)
  if (wanted === 'either' || wanted === (green ? 'green' : 'red')) return []
  return [`it should have ended ${wanted}`]
}

/** A red end must say what is wrong, in its last line and as an error. */
function wrongError(one: Case, { exitCode, lastLine, annotations }: ActionResult): string[] {
  const { fault, place, held, action } = one
  const isChange = place.endsWith('change')
  const seen = isChange ? fault.change : fault.read
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
  before: Witnessed,
  after: Witnessed,
  held: HeldConnection | undefined
): string[] {
  const now = /Now s\d+\/a on \S+ is (put back, )?(not known to be [\w ]+|[^.(]*)/.exec(lastLine)
  const putBack = now?.[1] !== undefined || lastLine.includes('What had changed was put back')
  const told = now?.[2]
  const untouched = lastLine.includes('Nothing was changed')
  const unknown = told?.startsWith('not known') === true
  const complaints: string[] = []
  if (told === undefined && !untouched) complaints.push('it says nothing of the state')
  if (untouched && unknown) complaints.push('nothing was changed, yet that is not known')
  const same =
    wordOf(before.status) === wordOf(after.status) && !(action === 'shutdown' && !held?.open)
  const moved = `${before.status} became ${after.status}`
  if (untouched && !same) complaints.push(`nothing was changed, yet ${moved}`)
  if (putBack && !same) complaints.push(`put back, yet ${moved}`)
  if (told !== undefined && !unknown && wordOf(told) !== wordOf(after.status)) {
    complaints.push(`it says ${told}, HAProxy says ${after.status}`)
  }
  return complaints
}

/** The part of a status that tells what the server does: health on its way changes by itself. */
function wordOf(status: string): string {
  // What the page calls "no check" the action tells as ready.
  return /^\w+/.exec(status.trim().replace('no check', 'ready'))?.[0] ?? status
}
