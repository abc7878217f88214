import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { daysOlder } from '../support/page-text.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type ActionResult, type RunningAction, startAction } from '../support/runner.ts'
import { makeStateFile, type StateFile } from '../support/state-file.ts'

/** What {@link stage} has set up last. */
export let farm: Farm
/** By way of which the action asks its HAProxy. */
export let wire: FaultProxy
const stops: (() => Promise<void>)[] = []

/** How the HAProxy of a test is set up. */
export interface Setup extends FarmOptions {
  readonly stateFile?: StateFile | undefined
  /** The setting `hard-stop-after` of its configuration. */
  readonly hardStopAfter?: string | undefined
}

export async function stage({ stateFile, hardStopAfter, ...options }: Setup = {}): Promise<void> {
  farm = await startFarm({
    servers: ['app1'],
    ...options,
    backendLines: [
      ...(options.backendLines ?? []),
      ...(stateFile === undefined ? [] : [stateFile.backendLine])
    ],
    extra: [
      ...(stateFile === undefined ? [] : [stateFile.section]),
      ...(hardStopAfter === undefined ? [] : [`global\n  hard-stop-after ${hardStopAfter}`])
    ].join('\n')
  })
  stopLater(farm)
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stopLater(wire)
}

export function stopLater(thing: { stop(): Promise<void> }): void {
  stops.push(() => thing.stop())
}

/** Ends what a test has set up; for its `afterEach`. */
export async function stopAll(): Promise<void> {
  await Promise.all(stops.splice(0).map((stop) => stop()))
}

export async function stateFile(): Promise<StateFile> {
  const made = await makeStateFile()
  stops.push(() => made.remove())
  return made
}

/** HAProxy shows whole seconds, and up to 2.6 its start may seem to be as much earlier than it was. */
const later = 1_200
/**
 * What a look showed is known to be from before a reload when it is older than both: the second that the start may
 * seem too early, and the one that the uptime may lack. By then the server must have been idle for a second.
 */
const surelyLater = 3_700

/** Reloads as a service does that keeps admin states, where there is a file for them. */
export async function reload(file?: StateFile, config?: string, pauseMs = later): Promise<void> {
  await sleep(pauseMs)
  await file?.save(farm.haproxy)
  await farm.haproxy.reload(config)
}

/** The same, surely after everything that the action has written so far. */
export function reloadSurelyLater(file?: StateFile): Promise<void> {
  return reload(file, undefined, surelyLater)
}

/** Has the page say that the process of now, and no later one, is nine days older. */
export function ageByDays(): void {
  const { pid } = farm.haproxy
  wire.fault = () => ({ kind: 'rewrite', rewrite: (answer) => daysOlder(answer, pid) })
}

export async function hold(): Promise<HeldConnection> {
  const held = await holdConnection(farm.userUrl)
  stops.push(() => held.close())
  return held
}

export function inputsFor(more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server: 'app1',
    action: 'maint',
    'wait-timeout': '40s',
    'poll-interval': '200ms',
    'settle-time': '400ms',
    'min-up': '0',
    ...more
  }
}

export function start(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction(inputsFor(more))
}

export function posts(): string[] {
  return wire.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

export function warnings({ annotations }: ActionResult, text = ''): string[] {
  return annotations
    .filter(({ level, message }) => level === 'warning' && message.includes(text))
    .map(({ message }) => message)
}

export const reloaded = 'HAProxy was reloaded or restarted'

export function expectSafe(result: ActionResult): void {
  expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
  expect(result.lastLine).toMatch(/^Safe to stop: /)
}

/** With and without a state file. */
export const files = [
  ['that keeps admin states', true],
  ['that forgets admin states', false]
] as const
