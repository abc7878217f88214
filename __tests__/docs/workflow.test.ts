import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import { parse } from 'yaml'
import { type Farm, startFarm } from '../support/farm.ts'
import { freePorts } from '../support/ports.ts'
import { startTraffic, type Traffic } from '../support/traffic.ts'
import { read } from './repository.ts'
import { type StepRun } from './job-driver.ts'
import {
  type Call,
  type JobRun,
  runComposite,
  runOnlyJob,
  runWorkflow,
  type WorkflowRun
} from './workflow-driver.ts'

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

async function deploy(
  inputs: Readonly<Record<string, unknown>> = {},
  more: Partial<Call> = {}
): Promise<WorkflowRun> {
  return runWorkflow('.github/workflows/rolling-deploy.yml', {
    inputs: {
      'stats-url': farm.statsUrl,
      username: users.username,
      backend: 'web',
      servers: JSON.stringify(nodes),
      'deploy-command': 'echo "to $HAPROXY_SERVER"\nnode deploy.mjs "$HAPROXY_SERVER"',
      'runs-on': 'self-hosted',
      // Nobody reloads this HAProxy.
      'hard-stop-after': '0s',
      ...inputs
    },
    secrets: { HAPROXY_PASSWORD: users.password, DEPLOY_SECRET: 'open sesame' },
    repository: site.repository,
    ...more
  })
}

async function failures(): Promise<unknown[]> {
  await Promise.all(traffic.map((each) => each.stop()))
  return traffic.flatMap((each) => each.failures)
}

/** The jobs of the servers. */
function serversOf(run: WorkflowRun): readonly JobRun[] {
  return run.jobs['server']?.runs ?? []
}

/** How each of them ended, and its steps: check out, take out, deploy, bring back, note. */
function outcomes(run: WorkflowRun): string[] {
  return serversOf(run).map(({ name, result, steps }) =>
    [`${name}:`, result, ...steps.map(({ outcome }) => outcome)].join(' ')
  )
}

/** How the jobs of the file ended. */
function results(run: WorkflowRun): string {
  const names = ['approval', 'before', 'server', 'after', 'result']
  expect(Object.keys(run.jobs)).toEqual(names)
  return names.map((name) => run.jobs[name]?.result).join(' ')
}

/** The step of the only job of a name whose own name begins like this. */
function step(run: WorkflowRun, job: string, name: string): StepRun | undefined {
  return run.jobs[job]?.runs[0]?.steps.find((each) => each.name.startsWith(name))
}

describe('the reusable workflow', () => {
  const well = 'success success success success success'

  test('deploys to all three servers, one after the other, and no request fails', async () => {
    const run = await deploy()
    expect(results(run)).toBe('skipped success success success success')
    expect(outcomes(run)).toEqual(nodes.map((node) => `${node}: success ${well}`))
    expect(site.deployed).toEqual(nodes.map((node) => `${node} in MAINT`))
    for (const node of nodes) expect(await farm.status(node)).toBe('UP')
    expect(await failures()).toEqual([])
    expect(traffic.every(({ ok }) => ok > 10)).toBe(true)
    const [, out, command, back] = serversOf(run)[0]?.steps ?? []
    expect(step(run, 'before', 'Check the fleet')?.log).toContain('All 3 servers are up: 3 in web.')
    expect(out?.log).toContain('Safe to stop: web/node1')
    expect(command?.log).toBe('to node1\n***\n')
    expect(back?.log).toContain('Back and taking traffic: web/node1')
    expect(step(run, 'after', 'Check the fleet')?.log).toContain('All 3 servers are up: 3 in web.')
    expect(run.outputs).toEqual({ deployed: '["node1","node2","node3"]', 'not-deployed': '[]' })
  })

  test('touches nothing where a server of the backend is not up, be it one that it does not deploy to', async () => {
    await farm.set('node3', 'drain')
    const run = await deploy({ servers: '["node1", "node2"]' })
    expect(results(run)).toBe('skipped failure skipped skipped success')
    const log = step(run, 'before', 'Check the fleet')?.log
    expect(log).toContain('1 of 3 servers not up: web/node3 is DRAIN for ')
    expect(log).toContain('Nothing was changed.')
    expect(log).toContain('action: ready brings them back.')
    expect(site.deployed).toEqual([])
    expect(await farm.status('node1')).toBe('UP')
    expect(run.outputs).toEqual({ deployed: '[]', 'not-deployed': '["node1","node2"]' })
  })

  test('fails after the last server where one of the fleet is not up, and names it', async () => {
    site.forgotten = 'node3'
    const run = await deploy({ servers: '["node1", "node2"]', restore: 'failure' })
    expect(results(run)).toBe('skipped success success failure success')
    expect(step(run, 'after', 'Check the fleet')?.log).toContain(
      '1 of 3 servers not up: web/node3 is MAINT for '
    )
    expect(site.deployed).toEqual(['node1 in MAINT', 'node2 in MAINT'])
    for (const node of ['node1', 'node2']) expect(await farm.status(node)).toBe('UP')
    expect(await failures()).toEqual([])
    expect(run.outputs['deployed']).toBe('["node1","node2"]')
  })

  test('does not look at the fleet if check-fleet says so', async () => {
    await farm.set('node3', 'drain')
    const run = await deploy({ servers: '["node1"]', 'check-fleet': false })
    expect(results(run)).toBe('skipped success success skipped success')
    expect(step(run, 'before', 'Check the fleet')?.outcome).toBe('skipped')
    expect(site.deployed).toEqual(['node1 in MAINT'])
  })

  test('looks, in every backend, only at the servers that it deploys to', async () => {
    await farm.set('node3', 'drain')
    const run = await deploy({ servers: '[["node1"]]', backend: '*' })
    expect(results(run)).toBe('skipped success success success success')
    for (const job of ['before', 'after']) {
      expect(step(run, job, 'Check the fleet')?.log).toContain('The server is up: 1 in web.')
    }
  })

  test('stops at a server whose deploy command fails: the next one is never touched', async () => {
    site.failing = 'node2'
    const run = await deploy()
    expect(results(run)).toBe('skipped success failure skipped success')
    expect(outcomes(run)).toEqual([
      `node1: success ${well}`,
      'node2: failure success success failure skipped success',
      'node3: cancelled'
    ])
    expect(site.deployed).toEqual(['node1 in MAINT', 'node2 in MAINT'])
    expect(await farm.status('node2')).toBe('MAINT')
    expect(await farm.status('node3')).toBe('UP')
    expect(serversOf(run)[1]?.posts[0]?.log).toContain('Nothing to restore.')
    expect(await failures()).toEqual([])
    expect(run.outputs).toEqual({ deployed: '["node1"]', 'not-deployed': '["node2","node3"]' })
  })

  test('goes on with the server that failed when the failed jobs are run again, although it is out', async () => {
    site.failing = 'node2'
    const inputs = { servers: '["node1", "node2"]' }
    const earlier = await deploy(inputs)
    const again = await deploy(inputs, { earlier })
    expect(results(again)).toBe('skipped success failure skipped success')
    expect(again.outputs).toEqual({ deployed: '["node1"]', 'not-deployed': '["node2"]' })
    site.failing = undefined
    const last = await deploy(inputs, { earlier: again })
    expect(results(last)).toBe('skipped success success success success')
    expect(site.deployed).toEqual(
      ['node1', 'node2', 'node2', 'node2'].map((node) => `${node} in MAINT`)
    )
    expect(last.outputs).toEqual({ deployed: '["node1","node2"]', 'not-deployed': '[]' })
    expect(await failures()).toEqual([])
  })

  test('does not count a server as deployed whose job is run once more by itself, and fails', async () => {
    const inputs = { servers: '["node1"]' }
    const earlier = await deploy(inputs)
    expect(earlier.outputs['deployed']).toBe('["node1"]')
    site.failing = 'node1'
    const { server } = earlier.jobs
    const runs = serversOf(earlier).map((run) => ({ ...run, result: 'failure' as const }))
    const chosen = { result: 'failure' as const, runs, outputs: server?.outputs ?? {} }
    const again = await deploy(inputs, {
      earlier: { ...earlier, jobs: { ...earlier.jobs, server: chosen } }
    })
    expect(again.outputs).toEqual({ deployed: '[]', 'not-deployed': '["node1"]' })
  })

  test('says what was deployed when it is cancelled between two servers', async () => {
    const run = await deploy({}, { cancelBefore: 'node2' })
    expect(results(run)).toBe('skipped success cancelled skipped success')
    expect(outcomes(run)).toEqual([
      `node1: success ${well}`,
      'node2: cancelled',
      'node3: cancelled'
    ])
    expect(run.outputs).toEqual({ deployed: '["node1"]', 'not-deployed': '["node2","node3"]' })
  })

  test('says nothing rather than something wrong of a list that is too long for it', async () => {
    site.failing = 'node2'
    const long = ['node2', ...Array.from({ length: 32 }, (_, index) => `node${index + 4}`)]
    const run = await deploy({ servers: JSON.stringify(long) })
    expect(run.outputs).toEqual({ deployed: '', 'not-deployed': '' })
    expect(step(run, 'result', 'Say')?.log).toContain('the outputs are empty')
    const { outputs } = await deploy({ servers: JSON.stringify(long.slice(0, 32)) })
    expect(outputs['deployed']).toBe('[]')
  })

  test('gives back the server whose deploy command failed if restore says so', async () => {
    site.failing = 'node2'
    const run = await deploy({ restore: 'failure' })
    expect(serversOf(run).map(({ result }) => result)).toEqual(['success', 'failure', 'cancelled'])
    expect(serversOf(run)[1]?.posts[0]?.log).toContain('Restored to ready: web/node2')
    await farm.until(async () => (await farm.status('node2')) === 'UP')
    for (const node of nodes) expect(await farm.status(node)).toBe('UP')
    expect(site.deployed).toEqual(['node1 in MAINT', 'node2 in MAINT'])
    expect(await failures()).toEqual([])
  })

  test('leaves a server whose new version is not well to HAProxy, which sends it nobody until it is', async () => {
    site.broken = 'node1'
    const run = await deploy({ 'wait-timeout': '4s', restore: 'failure' })
    const [node1] = serversOf(run)
    expect(outcomes(run)[0]).toBe('node1: failure success success success failure success')
    expect(node1?.steps[3]?.log).toContain('up by itself once its health check passes')
    expect(node1?.posts[1]?.log).toContain('Leaving alone')
    expect(await farm.status('node1')).toBe('DOWN')
    expect(await failures()).toEqual([])
    farm.app('node1').health = 200
    await farm.until(async () => (await farm.status('node1')) === 'UP')
  })

  test('puts such a server back into maint if on-timeout says so, and the post step leaves it there', async () => {
    site.broken = 'node1'
    // The maint at the end is younger than the one at the beginning by more than HAProxy's whole seconds hide.
    site.startMs = 3_500
    const options = { 'wait-timeout': '4s', 'on-timeout': 'restore', restore: 'failure' }
    const run = await deploy(options)
    const [node1] = serversOf(run)
    expect(outcomes(run)[0]).toBe('node1: failure success success success failure success')
    expect(node1?.steps[3]?.log).toContain('What had changed was rolled back.')
    expect(node1?.posts[1]?.log).toContain('Leaving alone')
    expect(await farm.status('node1')).toBe('MAINT')
    expect(await failures()).toEqual([])
  })

  test('stops at a server on which too much fails, and nobody meets it again', async () => {
    site.bad = 'node2'
    const run = await deploy({ 'bake-time': '5s', 'max-error-rate': '2%', restore: 'failure' })
    const [node1, node2] = serversOf(run)
    expect(outcomes(run)).toEqual([
      `node1: success ${well}`,
      'node2: failure success success success failure success',
      'node3: cancelled'
    ])
    expect(node1?.steps[3]?.log).toMatch(/Baked for 5(\.\d)?s: [\d,]+ requests, 0 failed/)
    const { log = '' } = node2?.steps[3] ?? {}
    expect(log).toContain('Too many requests failed on web/node2 within ')
    expect(log).toContain('Out of rotation again, and safe to stop: web/node2')
    expect(node2?.posts[1]?.log).toContain('Leaving alone')
    expect(await farm.status('node2')).toBe('MAINT')
    expect(await farm.status('node3')).toBe('UP')
    expect(run.outputs).toEqual({ deployed: '["node1"]', 'not-deployed': '["node2","node3"]' })
  })

  test('warns where an old process may still serve, and deploys', async () => {
    const run = await deploy({ servers: '["node1"]', 'hard-stop-after': '' })
    expect(step(run, 'server', 'Take')?.log).toContain(
      'Warning: Drained, but not proven safe to stop'
    )
    expect(site.deployed).toEqual(['node1 in MAINT'])
    expect(await failures()).toEqual([])
  })

  test('changes nothing and runs no deploy command in a dry run', async () => {
    const run = await deploy({ 'dry-run': true })
    expect(results(run)).toBe('skipped success success success success')
    expect(outcomes(run)).toEqual(
      nodes.map((node) => `${node}: success success success skipped success success`)
    )
    expect(site.deployed).toEqual([])
    expect(await failures()).toEqual([])
    expect(run.outputs).toEqual({ deployed: '[]', 'not-deployed': '["node1","node2","node3"]' })
  })

  test('touches nothing where the guard refuses, which is given how many must serve', async () => {
    const run = await deploy({ servers: '["node1"]', 'min-up': '3', 'wait-timeout': '20s' })
    expect(outcomes(run)).toEqual(['node1: failure success failure skipped skipped success'])
    expect(step(run, 'server', 'Take')?.log).toContain('needs 3')
  })

  describe('with batches', () => {
    test('takes a name for each line of one, and notes them as deployed', async () => {
      const run = await deploy({
        servers: '["node1\\nnode2"]',
        'deploy-command': 'for server in $HAPROXY_SERVER; do node deploy.mjs "$server"; done'
      })
      expect(outcomes(run)).toEqual([
        'node1\nnode2: success success success success success success'
      ])
      expect(await farm.status('node2')).toBe('UP')
    })

    test('takes the servers of one out together, and deploys to them with one command', async () => {
      const run = await deploy({
        servers: '["node1", ["node2", "node3"]]',
        'deploy-command':
          'for node in $HAPROXY_SERVER; do node deploy.mjs "$node"; done; echo "[$HAPROXY_SERVER]"'
      })
      expect(outcomes(run)).toEqual([`node1: success ${well}`, `node2 node3: success ${well}`])
      expect(serversOf(run)[1]?.steps[1]?.log).toMatch(/Safe to stop: .*node2.*node3/)
      expect(serversOf(run)[1]?.steps[2]?.log).toContain('[node2 node3]')
      expect(site.deployed).toEqual(nodes.map((node) => `${node} in MAINT`))
      for (const node of nodes) expect(await farm.status(node)).toBe('UP')
      expect(await failures()).toEqual([])
      expect(run.outputs).toEqual({ deployed: '["node1","node2","node3"]', 'not-deployed': '[]' })
    })

    test('counts none of them as deployed where one fails', async () => {
      site.failing = 'node2'
      const run = await deploy({
        servers: '[["node1", "node2"], "node3"]',
        'deploy-command': 'for node in $HAPROXY_SERVER; do node deploy.mjs "$node"; done'
      })
      expect(site.deployed).toEqual(['node1 in MAINT', 'node2 in MAINT'])
      expect(await farm.status('node1')).toBe('MAINT')
      expect(run.outputs).toEqual({ deployed: '[]', 'not-deployed': '["node1","node2","node3"]' })
    })

    test('has as many out at the same time as max-parallel says', async () => {
      const run = await deploy({
        servers: '["node1", "node2"]',
        'max-parallel': 2,
        'deploy-command': `node deploy.mjs "$HAPROXY_SERVER"
          touch "$MEETING/$HAPROXY_SERVER"
          until [ -e "$MEETING/node1" ] && [ -e "$MEETING/node2" ]; do sleep 0.1; done`.replaceAll(
          '$MEETING',
          site.repository
        )
      })
      expect(results(run)).toBe('skipped success success success success')
      expect(site.deployed.toSorted()).toEqual(['node1 in MAINT', 'node2 in MAINT'])
      expect(await failures()).toEqual([])
    })
  })

  describe('where it runs', () => {
    const options = { servers: '["node1"]', 'dry-run': true }

    test.each([
      ['one label', 'self-hosted', 'self-hosted'],
      ['several', '["self-hosted", "dmz"]', ['self-hosted', 'dmz']],
      ['a group', '{"group": "dmz"}', { group: 'dmz' }],
      [
        'a group and labels',
        '{"group": "dmz", "labels": ["linux"]}',
        { group: 'dmz', labels: ['linux'] }
      ]
    ])('is for its caller to say: %s', async (_, given, runsOn) => {
      const run = await deploy({ ...options, 'runs-on': given, 'approval-environment': 'gate' })
      for (const job of Object.values(run.jobs)) expect(job.runs[0]).toMatchObject({ runsOn })
    })

    test('must be said', async () => {
      await expect(
        runWorkflow('.github/workflows/rolling-deploy.yml', {
          inputs: { backend: 'web', servers: '["node1"]', 'deploy-command': 'true' },
          repository: site.repository
        })
      ).rejects.toThrow('Missing: runs-on')
    })
  })

  describe('with an approval environment', () => {
    const options = { servers: '["node1", "node2"]', 'approval-environment': 'gate' }

    test('asks its reviewers once, before anything else', async () => {
      const environments = { gate: { review: 'approve' }, live: {} } as const
      const inputs = { ...options, environment: 'live', 'dry-run': true }
      const run = await deploy(inputs, { environments })
      expect(results(run)).toBe('success success success success success')
      expect(run.asked).toEqual(['gate'])
      const used = Object.values(run.jobs).map(({ runs }) => runs[0]?.environment)
      expect(used).toEqual(['gate', 'live', 'live', 'live', ''])
    })

    test('looks at nothing and touches nothing when they reject it', async () => {
      const environments = { gate: { review: 'reject' } } as const
      const run = await deploy(options, { environments })
      expect(results(run)).toBe('failure skipped skipped skipped success')
      expect(site.deployed).toEqual([])
      expect(run.outputs).toEqual({ deployed: '[]', 'not-deployed': '["node1","node2"]' })
    })

    test('touches nothing when the run is cancelled while they are asked', async () => {
      const run = await deploy(options, { cancelBefore: 'Approval' })
      expect(results(run)).toBe('cancelled skipped skipped skipped success')
      expect(site.deployed).toEqual([])
      expect(run.outputs['deployed']).toBe('[]')
    })
  })

  describe('given secrets', () => {
    const passed = { HAPROXY_PASSWORD: users.password, DEPLOY_SECRET: '' }
    const options = { servers: '["node1"]', 'stats-url': '' }

    test('takes the URL of the statistics page from one', async () => {
      const secrets = { ...passed, HAPROXY_STATS_URL: farm.statsUrl }
      const run = await deploy({ ...options, 'dry-run': true }, { secrets })
      expect(results(run)).toBe('skipped success success success success')
    })

    test('takes them from the environment where the caller passes them by their names', async () => {
      const own = { HAPROXY_STATS_URL: farm.statsUrl, HAPROXY_PASSWORD: users.password }
      const inputs = { ...options, environment: 'live', 'dry-run': true }
      const environments = { live: { secrets: own } }
      const secrets = { HAPROXY_STATS_URL: '', HAPROXY_PASSWORD: '' }
      const run = await deploy(inputs, { secrets, environments })
      expect(results(run)).toBe('skipped success success success success')
      const not = await deploy(inputs, { secrets: {}, environments })
      expect(results(not)).toBe('skipped failure skipped skipped success')
    })

    test('says what is missing, before anything is changed, without a stats URL', async () => {
      const run = await deploy(options, { secrets: passed })
      expect(results(run)).toBe('skipped failure skipped skipped success')
      const log = step(run, 'before', 'Check what was given')?.log
      expect(log).toContain('give the input stats-url or the secret HAPROXY_STATS_URL')
    })

    test('gives the command each of DEPLOY_SECRETS under its name, and shows none', async () => {
      const run = await deploy(
        {
          servers: '["node1"]',
          'deploy-command':
            'echo "$TOKEN, $KEY, ${NONE-unset}, ${EMPTY-unset}, ${DEPLOY_SECRETS-unset}"\n' +
            '[ "$TOKEN" = "a=b%25 \\"c\\" \\$d=" ] && [ "$KEY" = "two words" ]\n' +
            '[ "$line $value" = "lower case" ]'
        },
        {
          secrets: {
            ...passed,
            DEPLOY_SECRETS:
              'TOKEN=a=b%25 "c" $d=\r\n\nKEY=two words\nline=lower\nvalue=case\nEMPTY='
          }
        }
      )
      expect(step(run, 'server', 'Deploy')).toMatchObject({
        outcome: 'success',
        log: '***, ***, unset, , unset\n'
      })
    })

    test.each(['TOKEN=hidden\nnot a pair: hidden', 'TOKEN=hidden\n1=hidden', 'A=b\n=hidden'])(
      'refuses DEPLOY_SECRETS with a bad line before anything is changed, and does not show it: %j',
      async (bad) => {
        const run = await deploy({}, { secrets: { ...passed, DEPLOY_SECRETS: bad } })
        expect(results(run)).toBe('skipped failure skipped skipped success')
        const { log = '' } = step(run, 'before', 'Check what was given') ?? {}
        expect(log).toContain('Line 2 of the secret DEPLOY_SECRETS is not NAME=value')
        expect(log).not.toContain('hidden')
      }
    )
  })

  test('runs the command as it is, and stops at the first of several that fails', async () => {
    const run = await deploy({
      servers: '["node1"]',
      'deploy-command': 'echo "it\'s `echo fine`"\nfalse | true\necho "never said"'
    })
    expect(outcomes(run)).toEqual(['node1: failure success success failure skipped success'])
    expect(step(run, 'server', 'Deploy')?.log).toBe("it's fine\n")
  })

  test('queues behind other deploys to the same place, unless it is given another group', async () => {
    const options = { servers: '["node1"]', 'dry-run': true }
    const { concurrencyGroup } = await deploy(options)
    expect(concurrencyGroup).toBe(`rolling-deploy ${farm.statsUrl} web`)
    const other = await deploy({ ...options, 'concurrency-group': 'mine' })
    expect(other.concurrencyGroup).toBe('mine')
    const secrets = { HAPROXY_STATS_URL: farm.statsUrl, HAPROXY_PASSWORD: users.password }
    const secret = await deploy({ ...options, 'stats-url': '', environment: 'live' }, { secrets })
    expect(secret.concurrencyGroup).toBe('rolling-deploy live web')
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
    expect(await failures()).toEqual([])
  })

  test('gives its server back when the deploy command fails and restore says so', async () => {
    site.failing = 'node1'
    const { result } = await run({ restore: 'failure' })
    expect(result).toBe('failure')
    await farm.until(async () => (await farm.status('node1')) === 'UP')
    expect(await failures()).toEqual([])
  })
})

describe('the workflow to try it with', () => {
  /** What the machine of GitHub has, or would install. */
  const programs: Readonly<Record<string, string>> = {
    sudo: 'exec "$@"',
    'apt-get': 'true',
    haproxy: `echo $$ >>"$0.pids"; exec ${process.env['HAPROXY'] ?? '/usr/sbin/haproxy'} "$@"`,
    python3: 'echo $$ >>"$0.pids"; export PATH="${PATH#*:}"; exec python3 "$@"'
  }
  let folder: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'programs-'))
    for (const [name, script] of Object.entries(programs)) {
      await writeFile(join(folder, name), `#!/bin/bash\n${script}\n`)
      await chmod(join(folder, name), 0o755)
    }
  })

  afterEach(async () => {
    for (const name of ['haproxy', 'python3']) {
      const pids = await readFile(join(folder, `${name}.pids`), 'utf8')
      for (const pid of pids.trim().split('\n')) process.kill(Number(pid))
    }
    await rm(folder, { recursive: true })
  })

  test('shows that traffic goes elsewhere while a server is out', async () => {
    const fixed = ['8080', '8081', '8082', '8404']
    const free = await freePorts(fixed.length)
    const text = fixed.reduce(
      (result, port, index) => result.replaceAll(port, String(free[index])),
      read('examples/try-it.yml')
    )
    const run = await runOnlyJob(text, { repository: site.repository, programs: folder })
    const [, before, out, meanwhile, back, after] = run.steps
    expect(run.steps.filter(({ outcome }) => outcome !== 'success')).toEqual([])
    const answers = before?.log.trim().split('\n').toSorted()
    expect(answers).toEqual(['node1', 'node1', 'node2', 'node2'].map((node) => `${node} answers`))
    expect(out?.log).toContain('Safe to stop: web/node1')
    expect(meanwhile?.log).toBe('node2 answers\n'.repeat(4))
    expect(back?.log).toContain('Back and taking traffic: web/node1')
    for (const node of ['node1', 'node2']) expect(after?.log).toContain(`${node} answers`)
  })
})
