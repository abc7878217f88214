import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { parse } from 'yaml'
import { type Farm, startFarm } from '../support/farm.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'
import { read } from './repository.ts'
import { runComposite, runWorkflow, type WorkflowRun } from './workflow-driver.ts'

const users = { username: 'deploy', password: 'correct horse' }
const nodes = ['node1', 'node2', 'node3']

// Up to three servers, each with its health checks, on a machine that is busy.
jest.setTimeout(180_000)

let farm: Farm
let site: Site
let traffic: readonly Traffic[]

/** Where the deploy command goes: restarts applications, and can be made to fail. */
class Site {
  /** The servers that were deployed to, in order, each with the status that HAProxy showed then. */
  readonly deployed: string[] = []
  /** The server on which the deploy command fails. */
  failing: string | undefined
  /** The server whose new version never comes to be well. */
  broken: string | undefined
  /** The server that somebody takes out during the deploy, and forgets. */
  forgotten: string | undefined
  /** The server whose new version passes its check, and answers every other user with 500. */
  bad: string | undefined
  /** How long a new version takes to start, in milliseconds. */
  startMs = 300
  repository = ''
  readonly #server: Server = createServer((request, response) => {
    const name = request.url?.slice(1) ?? ''
    void this.#deploy(name).then((done) => response.writeHead(done ? 200 : 500).end())
  })

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    const { port } = this.#server.address() as AddressInfo
    this.repository = await mkdtemp(join(tmpdir(), 'repository-'))
    await writeFile(
      join(this.repository, 'deploy.mjs'),
      `const { ok } = await fetch('http://127.0.0.1:${port}/' + process.argv[2])
       console.log(process.env.DEPLOY_SECRET)
       process.exitCode = ok ? 0 : 3`
    )
  }

  async stop(): Promise<void> {
    this.#server.close()
    await rm(this.repository, { recursive: true })
  }

  /** Kills the application, and starts it again in a new version that needs a moment to be well. */
  async #deploy(name: string): Promise<boolean> {
    this.deployed.push(`${name} in ${await farm.status(name)}`)
    if (name === this.failing) return false
    if (this.forgotten !== undefined) await farm.set(this.forgotten, 'maint')
    const application = farm.app(name)
    await application.stop()
    await sleep(this.startMs)
    application.health = 503
    await application.start()
    if (name === this.bad) application.fault = { kind: 'error', every: 2 }
    if (name !== this.broken) setTimeout(() => (application.health = 200), 500)
    return true
  }
}

beforeEach(async () => {
  farm = await startFarm({ servers: nodes, users })
  site = new Site()
  await site.start()
  traffic = [
    startTraffic(farm.userUrl, { keepAlive: true }),
    startTraffic(farm.userUrl),
    startTraffic(farm.userUrl, { workers: 2, path: '/slow?ms=400' })
  ]
})

afterEach(async () => {
  await Promise.all(traffic.map((each) => each.stop()))
  await farm.stop()
  await site.stop()
})

async function deploy(inputs: Readonly<Record<string, unknown>> = {}): Promise<WorkflowRun> {
  const run = await runWorkflow('.github/workflows/rolling-deploy.yml', {
    inputs: {
      'stats-url': farm.statsUrl,
      username: users.username,
      backend: 'web',
      servers: JSON.stringify(nodes),
      'deploy-command': 'echo "to $HAPROXY_SERVER"\nnode deploy.mjs "$HAPROXY_SERVER"',
      // Nobody reloads this HAProxy.
      'hard-stop-after': '0s',
      ...inputs
    },
    secrets: { HAPROXY_PASSWORD: users.password, DEPLOY_SECRET: 'open sesame' },
    repository: site.repository
  })
  await Promise.all(traffic.map((each) => each.stop()))
  return run
}

function failures(): unknown[] {
  return traffic.flatMap((each) => each.failures)
}

function outcomes({ jobs }: WorkflowRun): string[] {
  return jobs.map(({ name, result, steps }) =>
    [name, result, ...steps.map(({ outcome }) => outcome)].join(' ')
  )
}

describe('the reusable workflow', () => {
  test('deploys to all three servers, one after the other, and no request fails', async () => {
    const run = await deploy()
    expect(outcomes(run)).toEqual([
      'node1 success success success success success success skipped',
      'node2 success success skipped success success success skipped',
      'node3 success success skipped success success success success'
    ])
    expect(site.deployed).toEqual(nodes.map((node) => `${node} in MAINT`))
    for (const node of nodes) expect(await farm.status(node)).toBe('UP')
    expect(failures()).toEqual([])
    expect(traffic.every(({ ok }) => ok > 10)).toBe(true)
    const [, before, out, command, back] = run.jobs[0]?.steps ?? []
    expect(before?.log).toContain('All 3 servers are up: 3 in web.')
    expect(out?.log).toContain('Safe to stop: web/node1')
    expect(command?.log).toBe('to node1\nopen sesame\n')
    expect(back?.log).toContain('Back and taking traffic: web/node1')
    expect(run.jobs[2]?.steps[5]?.log).toContain('All 3 servers are up: 3 in web.')
  })

  test('touches nothing where a server of the backend is not up, be it one that it does not deploy to', async () => {
    await farm.set('node3', 'drain')
    const run = await deploy({ servers: '["node1", "node2"]' })
    expect(outcomes(run)).toEqual([
      'node1 failure success failure skipped skipped skipped skipped',
      'node2 cancelled'
    ])
    const log = run.jobs[0]?.steps[1]?.log
    expect(log).toContain('1 of 3 servers not up: web/node3 is DRAIN for ')
    expect(log).toContain('Nothing was changed.')
    expect(log).toContain('action: ready brings them back.')
    expect(site.deployed).toEqual([])
    expect(await farm.status('node1')).toBe('UP')
  })

  test('fails after the last server where one of the fleet is not up, and names it', async () => {
    site.forgotten = 'node3'
    const run = await deploy({ servers: '["node1", "node2"]', restore: 'failure' })
    expect(outcomes(run)).toEqual([
      'node1 success success success success success success skipped',
      'node2 failure success skipped success success success failure'
    ])
    expect(run.jobs[1]?.steps[5]?.log).toContain('1 of 3 servers not up: web/node3 is MAINT for ')
    expect(site.deployed).toEqual(['node1 in MAINT', 'node2 in MAINT'])
    for (const node of ['node1', 'node2']) expect(await farm.status(node)).toBe('UP')
    expect(failures()).toEqual([])
  })

  test('does not look at the fleet if check-fleet says so', async () => {
    await farm.set('node3', 'drain')
    const run = await deploy({ servers: '["node1"]', 'check-fleet': false })
    expect(outcomes(run)).toEqual(['node1 success success skipped success success success skipped'])
    expect(site.deployed).toEqual(['node1 in MAINT'])
  })

  test('looks, in every backend, only at the servers that it deploys to', async () => {
    await farm.set('node3', 'drain')
    const run = await deploy({ servers: '["node1"]', backend: '*' })
    expect(outcomes(run)).toEqual(['node1 success success success success success success success'])
    expect(run.jobs[0]?.steps[1]?.log).toContain('The server is up: 1 in web.')
  })

  test('stops at a server whose deploy command fails: the next one is never touched', async () => {
    site.failing = 'node2'
    const run = await deploy()
    expect(outcomes(run)).toEqual([
      'node1 success success success success success success skipped',
      'node2 failure success skipped success failure skipped skipped',
      'node3 cancelled'
    ])
    expect(site.deployed).toEqual(['node1 in MAINT', 'node2 in MAINT'])
    expect(await farm.status('node2')).toBe('MAINT')
    expect(await farm.status('node3')).toBe('UP')
    expect(run.jobs[1]?.posts[0]?.log).toContain('Nothing to restore.')
    expect(failures()).toEqual([])
  })

  test('gives back the server whose deploy command failed if restore says so', async () => {
    site.failing = 'node2'
    const run = await deploy({ restore: 'failure' })
    expect(run.jobs.map(({ result }) => result)).toEqual(['success', 'failure', 'cancelled'])
    expect(run.jobs[1]?.posts[0]?.log).toContain('Restored to ready: web/node2')
    await farm.until(async () => (await farm.status('node2')) === 'UP')
    for (const node of nodes) expect(await farm.status(node)).toBe('UP')
    expect(site.deployed).toEqual(['node1 in MAINT', 'node2 in MAINT'])
    expect(failures()).toEqual([])
  })

  test('leaves a server whose new version is not well to HAProxy, which sends it nobody until it is', async () => {
    site.broken = 'node1'
    const run = await deploy({ 'wait-timeout': '4s', restore: 'failure' })
    expect(outcomes(run)[0]).toBe('node1 failure success success success success failure skipped')
    expect(run.jobs[0]?.steps[4]?.log).toContain('up by itself once its health check passes')
    expect(run.jobs[0]?.posts[1]?.log).toContain('Leaving alone')
    expect(await farm.status('node1')).toBe('DOWN')
    expect(failures()).toEqual([])
    farm.app('node1').health = 200
    await farm.until(async () => (await farm.status('node1')) === 'UP')
  })

  test('puts such a server back into maint if on-timeout says so, and the post step leaves it there', async () => {
    site.broken = 'node1'
    // The maint at the end is younger than the one at the beginning by more than HAProxy's whole seconds hide.
    site.startMs = 3_500
    const options = { 'wait-timeout': '4s', 'on-timeout': 'restore', restore: 'failure' }
    const run = await deploy(options)
    expect(outcomes(run)[0]).toBe('node1 failure success success success success failure skipped')
    expect(run.jobs[0]?.steps[4]?.log).toContain('What had changed was rolled back.')
    expect(run.jobs[0]?.posts[1]?.log).toContain('Leaving alone')
    expect(await farm.status('node1')).toBe('MAINT')
    expect(failures()).toEqual([])
  })

  test('stops at a server on which too much fails, and nobody meets it again', async () => {
    site.bad = 'node2'
    const run = await deploy({ 'bake-time': '5s', 'max-error-rate': '2%', restore: 'failure' })
    expect(outcomes(run)).toEqual([
      'node1 success success success success success success skipped',
      'node2 failure success skipped success success failure skipped',
      'node3 cancelled'
    ])
    expect(run.jobs[0]?.steps[4]?.log).toMatch(/Baked for 5(\.\d)?s: [\d,]+ requests, 0 failed/)
    const { log = '' } = run.jobs[1]?.steps[4] ?? {}
    expect(log).toContain('Too many requests failed on web/node2 within ')
    expect(log).toContain('Out of rotation again, and safe to stop: web/node2')
    expect(run.jobs[1]?.posts[1]?.log).toContain('Leaving alone')
    expect(await farm.status('node2')).toBe('MAINT')
    expect(await farm.status('node3')).toBe('UP')
  })

  test('warns where an old process may still serve, and deploys', async () => {
    const run = await deploy({ servers: '["node1"]', 'hard-stop-after': '' })
    expect(run.jobs.map(({ result }) => result)).toEqual(['success'])
    expect(run.jobs[0]?.steps[2]?.log).toContain('Warning: Drained, but not proven safe to stop')
    expect(site.deployed).toEqual(['node1 in MAINT'])
    expect(failures()).toEqual([])
  })

  test('changes nothing and runs no deploy command in a dry run', async () => {
    const run = await deploy({ 'dry-run': true })
    expect(outcomes(run)).toEqual([
      'node1 success success success success skipped success skipped',
      'node2 success success skipped success skipped success skipped',
      'node3 success success skipped success skipped success success'
    ])
    expect(site.deployed).toEqual([])
    expect(failures()).toEqual([])
  })

  test('touches nothing where the guard refuses, which is given how many must serve', async () => {
    const run = await deploy({ servers: '["node1"]', 'min-up': '3', 'wait-timeout': '20s' })
    expect(outcomes(run)).toEqual(['node1 failure success success failure skipped skipped skipped'])
    expect(run.jobs[0]?.steps[2]?.log).toContain('needs 3')
  })

  test('runs where its caller says: on one label or on several', async () => {
    const options = { servers: '["node1"]', 'dry-run': true }
    const one = await deploy({ ...options, 'runs-on': 'self-hosted' })
    const two = await deploy({
      ...options,
      'runs-on': '["self-hosted", "dmz"]',
      environment: 'live'
    })
    expect(one.jobs[0]).toMatchObject({ runsOn: 'self-hosted', environment: '' })
    expect(two.jobs[0]).toMatchObject({ runsOn: ['self-hosted', 'dmz'], environment: 'live' })
  })

  test('queues behind other deploys to the same place, unless it is given another group', async () => {
    const options = { servers: '["node1"]', 'dry-run': true }
    const { concurrencyGroup } = await deploy(options)
    expect(concurrencyGroup).toBe(`rolling-deploy ${farm.statsUrl} web`)
    const other = await deploy({ ...options, 'concurrency-group': 'mine' })
    expect(other.concurrencyGroup).toBe('mine')
    const { concurrency } = parse(read('.github/workflows/rolling-deploy.yml')) as {
      concurrency: unknown
    }
    expect(concurrency).toMatchObject({ 'cancel-in-progress': false, queue: 'max' })
  })
})

describe('the composite action of the examples', () => {
  const run = (inputs: Readonly<Record<string, string>>) =>
    runComposite('examples/composite/action.yml', {
      inputs: {
        'stats-url': farm.statsUrl,
        ...users,
        backend: 'web',
        server: 'node1',
        'deploy-command': `node ${site.repository}/deploy.mjs "$HAPROXY_SERVER"`,
        'hard-stop-after': '0s',
        ...inputs
      },
      repository: site.repository
    })

  test('deploys to its server, and no request fails', async () => {
    const { result, steps } = await run({})
    expect(result).toBe('success')
    expect(steps.map(({ outcome }) => outcome)).toEqual(['success', 'success', 'success'])
    expect(steps[0]?.log).toContain('Safe to stop: web/node1')
    expect(site.deployed).toEqual(['node1 in MAINT'])
    expect(await farm.status('node1')).toBe('UP')
    expect(failures()).toEqual([])
  })

  test('gives its server back when the deploy command fails and restore says so', async () => {
    site.failing = 'node1'
    const { result } = await run({ restore: 'failure' })
    expect(result).toBe('failure')
    await farm.until(async () => (await farm.status('node1')) === 'UP')
    expect(failures()).toEqual([])
  })
})
