import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type JobStatus, runAction, runPost, startAction } from '../support/runner.ts'
import { startTraffic } from '../support/traffic.ts'
import { until } from '../support/until.ts'

/** Health checks that do not fail because the test itself is slow to answer. */
const patient = ['timeout check 10s']

let farm: Farm
let inputs: Readonly<Record<string, string>>
const stops: (() => Promise<void>)[] = []

async function stage(options: FarmOptions = {}): Promise<void> {
  farm = await startFarm({ backendLines: patient, ...options })
  const started = farm
  stops.push(() => started.stop())
  inputs = {
    'stats-url': farm.statsUrl,
    backend: 'web',
    server: 'app1',
    action: 'maint',
    'poll-interval': '200ms',
    'settle-time': '300ms'
  }
}

async function faultProxy(): Promise<FaultProxy> {
  const started = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => started.stop())
  return started
}

/** What was asked for, in that order. */
function actions({ requests }: FaultProxy): string[] {
  return requests
    .filter(({ method }) => method === 'POST')
    .map(({ body }) => new URLSearchParams(body).get('action') ?? '')
}

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

describe('whether to restore', () => {
  beforeEach(() => stage({ serverOptions: '' }))

  const due: Readonly<Record<string, readonly JobStatus[]>> = {
    never: [],
    failure: ['failure', 'cancelled'],
    always: ['success', 'failure', 'cancelled']
  }
  test.each(Object.entries(due))(
    'restore: %s restores when the job is %j',
    async (restore, when) => {
      for (const jobStatus of ['success', 'failure', 'cancelled'] as const) {
        const main = await runAction({ ...inputs, restore, wait: 'false' })
        expect(main.exitCode).toBe(0)
        expect(await farm.status('app1')).toBe('MAINT')
        const post = await runPost(main, { ...inputs, restore }, { jobStatus })
        const back = when.includes(jobStatus)
        expect([jobStatus, await farm.status('app1')]).toEqual([
          jobStatus,
          back ? 'no check' : 'MAINT'
        ])
        expect(post.exitCode).toBe(0)
        // What it did, and why.
        expect(post.log).toMatch(
          back
            ? /^Restoring web\/app1 on \S+: restore is \w+ and the job's status is \w+\.$/m
            : restore === 'never'
              ? /^Nothing to restore\.$/
              : /^Not restoring web\/app1 on \S+: restore is \w+ and the job's status is \w+\.$/m
        )
        expect(post.log.includes('Restored to ready: web/app1')).toBe(back)
        if (restore !== 'never') {
          expect(post.log).toContain(`restore is ${restore} and the job's status is ${jobStatus}`)
        }
        await farm.set('app1', 'ready')
      }
    }
  )
})

test('after a cancel the post step brings the server back with a fresh health check', async () => {
  await stage({ servers: ['app1'] })
  const held = await holdConnection(farm.userUrl)
  const wire = await faultProxy()
  const url = wire.through(farm.statsUrl)
  const given = { ...inputs, 'stats-url': url, restore: 'failure', 'min-up': '0' }
  const run = startAction(given)
  await run.until('MAINT with 1 session')
  const main = await run.cancel()
  expect(main).toMatchObject({ exitCode: 1, signal: null })
  wire.reset()
  const post = await runPost(main, given, { jobStatus: 'cancelled' })
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  expect(actions(wire).join(' ')).toMatch(/^drain hdown( hdown)* start$/)
  expect(held.open).toBe(true)
  await held.close()
})

test('a server that a later step brought back is left alone, and the log says so', async () => {
  await stage()
  const main = await runAction({ ...inputs, restore: 'always' })
  const back = await runAction({ ...inputs, action: 'ready' })
  expect(back.exitCode).toBe(0)
  const post = await runPost(main, { ...inputs, restore: 'always' })
  expect(post.exitCode).toBe(0)
  expect(post.log).toMatch(
    /^Leaving alone what a later step or somebody else has changed since: web\/app1 on \S+ is UP\.$/m
  )
  expect(post.log).not.toContain('Asking for')
  expect(await farm.status('app1')).toBe('UP')
})

test('of two servers only the one that is still out is restored', async () => {
  await stage({ servers: 3 })
  const given = { ...inputs, server: 'app1, app2', restore: 'always' }
  const main = await runAction(given)
  expect(main.exitCode).toBe(0)
  await farm.set('app2', 'drain')
  const post = await runPost(main, given)
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  expect(await farm.status('app2')).toMatch(/^DRAIN/)
})

test('a server that was in drain before goes back to drain', async () => {
  await stage()
  await farm.set('app1', 'drain')
  const given = { ...inputs, restore: 'always' }
  const main = await runAction(given)
  expect(main).toMatchObject({ exitCode: 0, outputs: { 'previous-status': 'DRAIN' } })
  expect(await farm.status('app1')).toBe('MAINT')
  const post = await runPost(main, given)
  expect(post.exitCode).toBe(0)
  expect(await farm.status('app1')).toMatch(/^DRAIN/)
  expect(post.log).toMatch(/Restored to drain: web\/app1 on \S+ is DRAIN/)
})

test('a server that was in maint before and was drained goes back to maint', async () => {
  await stage()
  await farm.set('app1', 'maint')
  const given = { ...inputs, action: 'drain', restore: 'always' }
  const main = await runAction(given)
  expect(main.exitCode).toBe(0)
  const post = await runPost(main, given)
  expect(post.exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('MAINT')
})

test('a step that changed nothing leaves nothing to restore', async () => {
  await stage()
  await farm.set('app1', 'maint')
  const given = { ...inputs, restore: 'always' }
  const main = await runAction(given)
  expect(main).toMatchObject({ exitCode: 0, outputs: { changed: 'false' } })
  const post = await runPost(main, given)
  expect(post).toMatchObject({ exitCode: 0 })
  expect(post.log).toContain('Nothing to restore')
  expect(await farm.status('app1')).toBe('MAINT')
})

test('a dead application is ready in the end, stays DOWN, and no user has met it', async () => {
  await stage()
  const given = { ...inputs, restore: 'failure' }
  const main = await runAction(given)
  const app1 = farm.app('app1')
  app1.health = 503
  const servedBefore = app1.served
  const traffic = startTraffic(farm.userUrl)
  const post = await runPost(main, given, { jobStatus: 'failure' })
  const checks = app1.healthChecks
  await farm.until(() => app1.healthChecks > checks + 3)
  await traffic.stop()
  expect(post.exitCode).toBe(0)
  expect(app1.served).toBe(servedBefore)
  expect(traffic.failures).toEqual([])
  expect(await farm.status('app1')).toBe('DOWN')
  expect(post.annotations).toEqual([
    {
      level: 'notice',
      message: `Restored to ready: web/app1 on ${farm.statsUrl} is DOWN, asked for ready.`
    }
  ])
  // It was asked to be ready in the end: it earns its way up by itself.
  app1.health = 200
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test('an application that the deployment has left dead comes up by itself when it is well', async () => {
  await stage()
  const given = { ...inputs, action: 'drain', restore: 'failure' }
  const main = await runAction(given)
  await farm.app('app1').stop()
  await farm.until(async () => (await farm.status('app1')) === 'DOWN')
  const post = await runPost(main, given, { jobStatus: 'failure' })
  expect(post.exitCode).toBe(0)
  expect(post.annotations).toEqual([
    {
      level: 'notice',
      message: `Restored to ready: web/app1 on ${farm.statsUrl} is DOWN, asked for ready.`
    }
  ])
  await farm.app('app1').start()
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test('what the main step has rolled back itself is not the post step’s to restore', async () => {
  await stage({ servers: ['app1'] })
  const held = await holdConnection(farm.userUrl)
  const given = {
    ...inputs,
    restore: 'always',
    'on-timeout': 'restore',
    'wait-timeout': '1s',
    'min-up': '0'
  }
  const main = await runAction(given)
  expect(main).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
  expect(await farm.status('app1')).toMatch(/^UP/)
  const post = await runPost(main, given, { jobStatus: 'failure' })
  expect(post.exitCode).toBe(0)
  expect(post.log).toContain('Nothing to restore')
  await held.close()
})

test('what the main step could not roll back is said first, and tried again by the post step', async () => {
  await stage({ servers: ['app1'] })
  const held = await holdConnection(farm.userUrl)
  const wire = await faultProxy()
  wire.fault = ({ request }) =>
    request?.body.includes('action=enable') === true ? { kind: 'reset-before' } : undefined
  const given = {
    ...inputs,
    'stats-url': wire.through(farm.statsUrl),
    restore: 'failure',
    'on-timeout': 'restore',
    'wait-timeout': '1s',
    'min-up': '0'
  }
  const main = await runAction(given)
  expect(main).toMatchObject({ exitCode: 1, outputs: { changed: 'true', status: 'MAINT' } })
  expect(main.lastLine).toMatch(/^Not everything could be rolled back/)
  expect(main.lastLine).toContain('Not drained within 1s')
  wire.fault = undefined
  const post = await runPost(main, given, { jobStatus: 'failure' })
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  await held.close()
})

test('a step that only killed the sessions of a server found in drain has changed no state to restore', async () => {
  await stage({ servers: ['app1'], serverOptions: '' })
  const held = await holdConnection(farm.userUrl)
  await farm.set('app1', 'drain')
  const given = {
    ...inputs,
    action: 'drain',
    restore: 'always',
    'on-timeout': 'shutdown',
    'wait-timeout': '1s'
  }
  const main = await runAction(given)
  // Sessions that were killed are a change, and the last line does not say "as before".
  expect(main).toMatchObject({ exitCode: 0, outputs: { changed: 'true', status: 'DRAIN' } })
  expect(main.lastLine).toMatch(/^Drained: web\/app1 is DRAIN, waited/)
  expect(held.open).toBe(false)
  const post = await runPost(main, given)
  expect(post.log).toContain('Nothing to restore')
  expect(await farm.status('app1')).toBe('DRAIN')
})

test('a server that a red step left out is restored too', async () => {
  await stage({ servers: ['app1'] })
  const held = await holdConnection(farm.userUrl)
  const given = { ...inputs, restore: 'failure', 'wait-timeout': '1s', 'min-up': '0' }
  const main = await runAction(given)
  expect(main).toMatchObject({ exitCode: 1, outputs: { changed: 'true', status: 'MAINT' } })
  expect(main.lastLine).toContain('The post step brings web/app1')
  const post = await runPost(main, given, { jobStatus: 'failure' })
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  await held.close()
})

test('the post step logs in with the credentials of the URL, which the saved state does not hold', async () => {
  await stage({ users: { username: 'deploy', password: 's3cr3t#pass-word' } })
  const password = encodeURIComponent('s3cr3t#pass-word')
  const url = farm.statsUrl.replace('//', `//deploy:${password}@`)
  const given = { ...inputs, 'stats-url': url, restore: 'always' }
  const main = await runAction(given)
  expect(main.exitCode).toBe(0)
  expect(JSON.stringify(main.state)).toContain(farm.statsUrl)
  const post = await runPost(main, given)
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test('the post step finds its HAProxy by the saved state when the inputs were changed meanwhile', async () => {
  await stage({ users: { username: 'deploy', password: 'pass-on-and-on' } })
  const given = { ...inputs, username: 'deploy', password: 'pass-on-and-on', restore: 'always' }
  const main = await runAction(given)
  const changed = { ...given, 'stats-url': 'http://127.0.0.1:9/other', server: 'app2' }
  const post = await runPost(main, changed)
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test('an HAProxy that cannot be reached is an error that names the server', async () => {
  await stage()
  const given = { ...inputs, restore: 'always' }
  const main = await runAction(given)
  await farm.haproxy.kill()
  const post = await runPost(main, given)
  expect(post.exitCode).not.toBe(0)
  const errors = post.annotations.filter(({ level }) => level === 'error')
  expect(errors).toHaveLength(1)
  expect(errors[0]?.message).toContain('web/app1')
  expect(errors[0]?.message).toContain(farm.statsUrl)
})

test('with one of two HAProxies out of reach the other is restored, and only the one is named', async () => {
  await stage()
  const second = await startFarm({ backendLines: patient, applications: farm.applications })
  stops.push(() => second.stop())
  const given = {
    ...inputs,
    'stats-url': `${farm.statsUrl} ${second.statsUrl}`,
    restore: 'always'
  }
  const main = await runAction(given)
  await second.haproxy.kill()
  const post = await runPost(main, given)
  expect(post.exitCode).not.toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  const [error] = post.annotations.filter(({ level }) => level === 'error')
  expect(error?.message).toContain(`web/app1 on ${second.statsUrl}`)
  expect(error?.message).not.toContain(farm.statsUrl)
})

test('a runner that does not say how the job went gets a warning, and nothing is restored', async () => {
  await stage()
  const given = { ...inputs, restore: 'failure', wait: 'false' }
  const main = await runAction(given)
  const post = await runPost(main, { ...given, 'job-status': '' })
  expect(post.exitCode).toBe(0)
  expect(post.annotations).toEqual([
    {
      level: 'warning',
      message: `Not restoring web/app1 on ${farm.statsUrl}: restore is failure, and this runner does not say how the job went.`
    }
  ])
  expect(post.titles).toEqual(['Not restored'])
  expect(await farm.status('app1')).toBe('MAINT')
})

test('inputs that cannot be read any more leave the server out, and the last line says what to do', async () => {
  await stage({ users: { username: 'deploy', password: 'gone-in-a-moment' } })
  const given = { ...inputs, username: 'deploy', restore: 'always', wait: 'false' }
  const main = await runAction({ ...given, password: 'gone-in-a-moment' })
  expect(main.exitCode).toBe(0)
  const post = await runPost(main, { ...given, password: '' })
  expect(post.exitCode).toBe(1)
  expect(post.annotations[0]?.message).toContain('password: it is empty although there is a user')
  expect(post.lastLine).toContain('Correct the input password. May not have been restored:')
  expect(post.lastLine).toContain(`choose READY for web/app1 on ${farm.statsUrl}.`)
  expect(await farm.status('app1')).toBe('MAINT')
})

test('a server that a reload has removed is named, and the others are restored', async () => {
  await stage({ servers: 3, serverOptions: '' })
  const given = { ...inputs, server: 'app1, app2', restore: 'always', wait: 'false' }
  const main = await runAction(given)
  expect(main.exitCode).toBe(0)
  await farm.haproxy.reload(
    farm.config.replace(/^ *server app1 .*$/m, '').replace(/^( *server app2 .*)$/m, '$1 disabled')
  )
  const post = await runPost(main, given)
  expect(post.exitCode).toBe(0)
  expect(post.annotations[0]).toEqual({
    level: 'warning',
    message: `No longer in web on ${farm.statsUrl}: app1.`
  })
  expect(await farm.status('app2')).toBe('no check')
})

test('a server and the one that tracks it are restored together', async () => {
  await stage({
    extra: (applications) =>
      [
        'backend api',
        ...applications.map(
          ({ name, port }) => `  server ${name} 127.0.0.1:${port} track web/${name}`
        )
      ].join('\n')
  })
  const wire = await faultProxy()
  const url = wire.through(farm.statsUrl)
  const given = { ...inputs, 'stats-url': url, backend: '*', restore: 'always' }
  const main = await runAction(given)
  expect(main.exitCode).toBe(0)
  // The request to the leading server needs a second attempt, so that the follower is asked first.
  let lost = 0
  wire.reset()
  wire.fault = ({ number, request }) => {
    if (lost === 0 && request?.method === 'POST' && request.body.includes('b=web')) lost = number
    return lost > 0 && number === lost ? { kind: 'reset-before' } : undefined
  }
  const post = await runPost(main, given)
  expect(lost).toBeGreaterThan(0)
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
  await farm.until(async () => (await farm.status('app1', 'api')) === 'UP')
})

test('a main step that is killed in the middle of its change has left word for the post step', async () => {
  await stage()
  const wire = await faultProxy()
  wire.fault = ({ request }) => (request?.method === 'POST' ? { kind: 'stall-headers' } : undefined)
  const given = { ...inputs, 'stats-url': wire.through(farm.statsUrl), restore: 'failure' }
  const run = startAction(given)
  await until(async () => (await farm.status('app1')) === 'MAINT')
  run.signal('SIGKILL')
  const main = await run.done
  expect(main).toMatchObject({ exitCode: null, signal: 'SIGKILL' })
  wire.fault = undefined
  const post = await runPost(main, given, { jobStatus: 'failure' })
  expect(post.exitCode).toBe(0)
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})

test('a post step whose main step never came to change anything says so', async () => {
  await stage()
  const given = { ...inputs, server: 'nobody', restore: 'always' }
  const main = await runAction(given)
  expect(main.exitCode).toBe(1)
  const post = await runPost(main, given, { jobStatus: 'failure' })
  expect(post.exitCode).toBe(0)
  expect(post.lastLine).toContain('Nothing to restore')
})
