import { afterEach, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ActionResult, runAction, runPost } from '../support/runner.ts'

/** Health checks that do not fail because the test itself is slow to answer. */
const patient = ['timeout check 10s']

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

interface Stage {
  readonly farm: Farm
  readonly wire: FaultProxy
}

async function stage(options: FarmOptions = {}): Promise<Stage> {
  const farm = await startFarm({ backendLines: patient, ...options })
  stops.push(() => farm.stop())
  const wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => wire.stop())
  return { farm, wire }
}

function inputsFor(stages: readonly Stage[], more: Readonly<Record<string, string>>) {
  return {
    'stats-url': stages.map(({ farm, wire }) => wire.through(farm.statsUrl)).join(','),
    backend: 'web',
    server: 'app1',
    'dry-run': 'true',
    restore: 'always',
    ...more
  }
}

/** What a change would change, of every server. */
async function states(stages: readonly Stage[]): Promise<unknown> {
  return Promise.all(
    stages.map(async ({ farm }) =>
      (await farm.rows()).map(({ pxname, svname, status, scur, weight }) =>
        [pxname, svname, status, scur, weight].join(' ')
      )
    )
  )
}

function bodies({ wire }: Stage): string[] {
  return wire.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

function expectRefused(result: ActionResult, ...reasons: readonly string[]): void {
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
  expect(result.lastLine).toContain('Nothing was changed')
  for (const reason of reasons) expect(result.lastLine).toContain(reason)
}

test.each([
  ['maint', 'ready', /would put web\/app1/],
  ['drain', 'ready', /would put web\/app1/],
  ['maint', 'drain', /would put web\/app1/],
  ['ready', 'maint', /would bring web\/app1 .* back with a fresh health check/],
  ['ready', 'drain', /would bring web\/app1 .* back with a fresh health check/],
  ['shutdown', 'ready', /would request shutdown for web\/app1/],
  ['hdown', 'ready', /would request hdown for web\/app1/],
  ['dhlth', 'ready', /would request dhlth for web\/app1/]
] as const)(
  'of %s for a server in %s everything is done but the change',
  async (action, found, plan) => {
    const first = await stage()
    const second = await stage({ applications: first.farm.applications })
    const stages = [first, second]
    for (const { farm } of stages) await farm.set('app1', found)
    await Promise.all(stages.map(({ farm }) => farm.settled()))
    const before = await states(stages)
    const inputs = inputsFor(stages, { action })
    const result = await runAction(inputs)
    expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false' } })
    expect(await states(stages)).toEqual(before)
    for (const one of stages) {
      expect(bodies(one)).toHaveLength(1)
      expect(new URLSearchParams(bodies(one)[0]).has('s')).toBe(false)
      expect(new URLSearchParams(bodies(one)[0]).get('b')).toBe('web')
      expect(one.wire.requests.find(({ method }) => method === 'POST')?.answer?.status).toBe(303)
    }
    expect(result.lastLine).toMatch(/^Dry run, nothing was changed/)
    expect(result.lastLine).toMatch(plan)
    expect(result.outputs['safe-to-stop']).toBe('false')
    expect(result.outputs['status']).toBe(result.outputs['previous-status'])

    const post = await runPost(result, inputs, { jobStatus: 'failure' })
    expect(post.exitCode).toBe(0)
    expect(post.log).toContain('Nothing to restore')
    expect(await states(stages)).toEqual(before)
  }
)

test('of shutdown leaves the sessions alone', async () => {
  const one = await stage({ servers: ['app1'] })
  const held = await holdConnection(one.farm.userUrl)
  const result = await runAction(inputsFor([one], { action: 'shutdown' }))
  expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false', sessions: '1' } })
  expect(held.open).toBe(true)
  await held.close()
})

test.each(['maint', 'ready', 'shutdown'])(
  'of %s without the right to change on one of two HAProxies is red',
  async (action) => {
    const first = await stage()
    const second = await stage({
      applications: first.farm.applications,
      statsLines: ['stats admin if FALSE']
    })
    const before = await states([first, second])
    const result = await runAction(inputsFor([first, second], { action }))
    expectRefused(result, 'HAProxy answered DENY', second.wire.through(second.farm.statsUrl))
    expect(await states([first, second])).toEqual(before)
  }
)

test('of maint is refused by the guard like a real run, and nothing is posted', async () => {
  const one = await stage({ servers: ['app1'] })
  expectRefused(await runAction(inputsFor([one], { action: 'maint' })), 'needs 1')
  expect(bodies(one)).toEqual([])
})

test('an unknown server is red and nothing is posted', async () => {
  const one = await stage()
  const result = await runAction(inputsFor([one], { action: 'maint', server: 'app9' }))
  expectRefused(result, 'has no server app9', 'app1, app2')
  expect(bodies(one)).toEqual([])
})

test('an unknown backend is red and nothing is posted', async () => {
  const one = await stage()
  const result = await runAction(inputsFor([one], { action: 'drain', backend: 'wbe' }))
  expectRefused(result, 'no backend wbe', 'Did you mean web?')
  expect(bodies(one)).toEqual([])
})

test('wrong credentials are red', async () => {
  const one = await stage({ users: { username: 'deploy', password: 'battery-right' } })
  const login = { username: 'deploy', password: 'battery-wrong' }
  expectRefused(
    await runAction(inputsFor([one], { action: 'maint', ...login })),
    'the user name or the password was not accepted'
  )
})

test('of ready is refused like a real run for a server that follows another', async () => {
  const one = await stage({
    serverOptions: 'track base/app1',
    extra: (applications) =>
      [
        'backend base',
        `  server app1 127.0.0.1:${applications[0]?.port ?? 0} check inter 200ms`
      ].join('\n')
  })
  expect(await one.farm.post('s=app1&b=base&action=maint')).toBe('DONE')
  expect(await one.farm.status('app1')).toBe('MAINT (via base/app1)')
  expectRefused(await runAction(inputsFor([one], { action: 'ready' })), 'it follows base/app1')
})

test('nothing to change is said to be nothing to change', async () => {
  const one = await stage()
  await one.farm.set('app1', 'maint')
  const result = await runAction(inputsFor([one], { action: 'maint' }))
  expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false', status: 'MAINT' } })
  expect(result.lastLine).toContain('A real run would change nothing.')
  const back = await runAction(inputsFor([one], { action: 'ready', server: 'app2' }))
  expect(back).toMatchObject({ exitCode: 0, outputs: { changed: 'false', status: 'UP' } })
  expect(back.lastLine).toContain('A real run would change nothing.')
})

test('a dry run of maint says that it would wait for its turn', async () => {
  const one = await stage()
  await one.farm.set('app2', 'maint')
  const result = await runAction(
    inputsFor([one], { action: 'maint', 'min-up-timeout': '90s', restore: 'never' })
  )
  expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false', status: 'UP' } })
  expect(result.lastLine).toContain(
    'A real run would wait for its turn for up to 1m30s, and then put web/app1 into maint.'
  )
  expect(await one.farm.status('app1')).toBe('UP')
})

test('a dry run of ready says of every server how it would come back', async () => {
  const one = await stage({
    serverOptions: (name) => (name === 'app2' ? '' : 'check inter 200ms fall 3 rise 2'),
    servers: ['app1', 'app2', 'app3', 'app4'],
    extra: (applications) =>
      [
        'backend api',
        ...applications.map(({ name, port }) => `  server ${name} 127.0.0.1:${port}`),
        'backend alone',
        `  server app1 127.0.0.1:${applications[0]?.port ?? 0} check inter 200ms`
      ].join('\n')
  })
  for (const server of ['app1', 'app2']) await one.farm.set(server, 'maint')
  for (const server of ['app1', 'app2'])
    expect(await one.farm.post(`s=${server}&b=api&action=maint`)).toBe('DONE')
  expect(await one.farm.post('s=app1&b=alone&action=drain')).toBe('DONE')
  await one.farm.app('app3').stop()
  await one.farm.until(async () => (await one.farm.status('app3')) === 'DOWN')
  const before = await states([one])
  const result = await runAction(
    inputsFor([one], {
      action: 'ready',
      backend: '*',
      server: 'app1,app2,app3,app4',
      'bake-time': '5m'
    })
  )
  expect(result).toMatchObject({ exitCode: 0, outputs: { changed: 'false' } })
  const [, plan = ''] = /A real run would (.*)\.$/.exec(result.lastLine) ?? []
  const [steps = '', watch] = plan.split(', and then ')
  expect(watch).toBe('watch the traffic for 5m')
  expect(steps.split('; ').sort()).toEqual([
    'bring web/app1 back with a fresh health check',
    'leave web/app4, api/app3, api/app4 alone',
    'make alone/app1 ready without a fresh check, because no other server serves',
    'make api/app1 ready once the health checks in the other backends have passed',
    'make web/app2, api/app2 ready',
    'make web/app3 ready, for HAProxy to bring up once its health check passes'
  ])
  expect(await states([one])).toEqual(before)
})
