import { afterEach, expect, test } from '@jest/globals'
import { type Farm, type FarmOptions, startFarm } from '../support/farm.ts'
import { type FaultProxy, type RecordedRequest, startFaultProxy } from '../support/fault-proxy.ts'
import { type ActionResult, runAction, runPost } from '../support/runner.ts'

/** Health checks that do not fail because the test itself is slow to answer. */
const patient = ['timeout check 10s']

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function farmOf(options: FarmOptions = {}): Promise<Farm> {
  const farm = await startFarm({ backendLines: patient, ...options })
  stops.push(() => farm.stop())
  return farm
}

async function faultProxyOf(farm: Farm): Promise<FaultProxy> {
  const faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => faultProxy.stop())
  return faultProxy
}

/** Two HAProxies in front of the same applications; the options are those of the second. */
async function pair(second: FarmOptions = {}): Promise<[Farm, Farm]> {
  const farm = await farmOf()
  return [farm, await farmOf({ ...second, applications: farm.applications })]
}

const readOnly: FarmOptions = { statsLines: ['stats admin if FALSE'] }

function inputsFor(urls: readonly string[], more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': urls.join('\n'),
    backend: 'web',
    server: 'app1',
    action: 'maint',
    wait: 'false',
    'poll-interval': '200ms',
    ...more
  }
}

function posts({ requests }: FaultProxy): readonly RecordedRequest[] {
  return requests.filter(({ method }) => method === 'POST')
}

/** The paths of all looks at servers; the page without `;csv` shows the process. */
function looks({ requests }: FaultProxy): string[] {
  return requests.map(({ path }) => path).filter((path) => path.includes(';csv'))
}

function results({ outputs }: ActionResult): Record<string, unknown>[] {
  return JSON.parse(outputs['result'] ?? '[]') as Record<string, unknown>[]
}

test.each(['maint', 'drain'] as const)(
  'one HAProxy that is named by two URLs brings a server back from %s once, and is no other hand',
  async (state) => {
    const farm = await farmOf()
    await farm.set('app1', state)
    const wire = await faultProxyOf(farm)
    const urls = [farm.statsUrl, wire.through(farm.statsUrl)]
    const result = await runAction(inputsFor(urls, { action: 'ready', wait: 'true' }))
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(await farm.status('app1')).toBe('UP')
  }
)

test.each(['maint', 'drain'])(
  'where the second HAProxy refuses %s, the first has its server back and the last line names both',
  async (action) => {
    const [first, second] = await pair(readOnly)
    const result = await runAction(inputsFor([first.statsUrl, second.statsUrl], { action }))
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(await first.status('app1')).toMatch(/^UP/)
    expect(await second.status('app1')).toBe('UP')
    expect(result.lastLine).toContain(`for ${action} of web/app1: HAProxy answered DENY`)
    expect(result.lastLine).toContain('`stats admin if')
    expect(result.lastLine).toMatch(
      new RegExp(`web/app1 on ${first.statsUrl} is UP( 1/3)? \\(rolled back\\)`)
    )
    expect(result.lastLine).toContain(`web/app1 on ${second.statsUrl} is UP`)
    expect(results(result).map(({ changed }) => changed)).toEqual([false, false])
  }
)

test('a server that was in drain on the first HAProxy is rolled back into drain there', async () => {
  const [first, second] = await pair(readOnly)
  await first.set('app1', 'drain')
  const result = await runAction(inputsFor([first.statsUrl, second.statsUrl]))
  expect(result.exitCode).toBe(1)
  expect(await first.status('app1')).toMatch(/^DRAIN/)
  expect(result.lastLine).toMatch(
    new RegExp(`web/app1 on ${first.statsUrl} is DRAIN( 1/3)? \\(rolled back\\)`)
  )
})

test('with one HAProxy out of reach nothing is changed anywhere', async () => {
  const [first, second] = await pair()
  const faultProxy = await faultProxyOf(first)
  await second.haproxy.stop()
  const result = await runAction(inputsFor([faultProxy.through(first.statsUrl), second.statsUrl]))
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
  expect(posts(faultProxy)).toEqual([])
  expect(await first.status('app1')).toBe('UP')
  expect(result.lastLine).toContain(second.statsUrl)
  expect(result.lastLine).toContain('refused the connection')
  expect(result.lastLine).toContain('Nothing was changed')
})

test('an unknown server on one of two HAProxies changes nothing and is named with its HAProxy', async () => {
  const first = await farmOf()
  const second = await farmOf({ servers: ['app2', 'app3'] })
  const result = await runAction(inputsFor([first.statsUrl, second.statsUrl]))
  expect(result.exitCode).toBe(1)
  expect(result.lastLine).toContain(`The backend web on ${second.statsUrl} has no server app1`)
  expect(result.lastLine).not.toContain(`on ${first.statsUrl} has no server`)
  expect(await first.status('app1')).toBe('UP')
})

test('where the state does not hold on one HAProxy, the others go back to what was', async () => {
  const first = await farmOf()
  await first.set('app1', 'drain')
  // A server that tracks one in drain shows DRAIN in every admin state of its own.
  const second = await farmOf({
    applications: first.applications,
    serverOptions: 'track base/app1',
    extra: (applications) =>
      [
        'backend base',
        '  option httpchk GET /health',
        ...applications.map(
          ({ name, port }) => `  server ${name} 127.0.0.1:${port} check inter 200ms`
        )
      ].join('\n')
  })
  expect(await second.post('s=app1&b=base&action=drain')).toBe('DONE')
  expect(await second.status('app1')).toBe('DRAIN')
  const result = await runAction(
    inputsFor([first.statsUrl, second.statsUrl], { action: 'ready', server: 'app1' })
  )
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
  // Its health was forced down for the fresh check, so it is back in drain once its check has passed.
  await first.until(async () => (await first.status('app1')) === 'DRAIN')
  expect(result.lastLine).toContain(
    `web/app1 on ${second.statsUrl} was asked for ready and is DRAIN`
  )
  expect(result.lastLine).toContain('base/app1')
  expect(result.lastLine).toMatch(
    new RegExp(`web/app1 on ${first.statsUrl} is (DOWN|DRAIN).* \\(rolled back\\)`)
  )
})

test('ten HAProxies cost thirty requests and about the time of one', async () => {
  const first = await farmOf({ serverOptions: '' })
  const others = await Promise.all(
    Array.from({ length: 9 }, () => farmOf({ applications: first.applications, serverOptions: '' }))
  )
  const farms = [first, ...others]
  const faultProxies = await Promise.all(farms.map(faultProxyOf))
  const urls = faultProxies.map((faultProxy, index) =>
    faultProxy.through(farms[index]?.statsUrl ?? '')
  )

  const one = await runAction(inputsFor(urls.slice(0, 1)))
  expect(one.exitCode).toBe(0)
  await first.set('app1', 'ready')
  faultProxies[0]?.reset()

  const ten = await runAction(inputsFor(urls))
  expect(ten).toMatchObject({
    exitCode: 0,
    outputs: { changed: 'true', status: 'MAINT', 'previous-status': 'no check' }
  })
  expect(faultProxies.map(({ requests }) => requests.map(({ method }) => method))).toEqual(
    faultProxies.map(() => ['GET', 'POST', 'GET'])
  )
  expect(results(ten).map(({ instance, server, status }) => [instance, server, status])).toEqual(
    urls.map((url) => [url, 'app1', 'MAINT'])
  )
  expect(await Promise.all(farms.map((farm) => farm.status('app1')))).toEqual(
    farms.map(() => 'MAINT')
  )
  expect(ten.annotations).toEqual([])
  expect(ten.log).not.toContain('Warning')
  expect(ten.durationMs).toBeLessThan(2 * one.durationMs + 1_500)
})

test('six HAProxies that do not answer cost the deadline of one', async () => {
  const farm = await farmOf({ serverOptions: '' })
  const faultProxies = await Promise.all(Array.from({ length: 6 }, () => faultProxyOf(farm)))
  for (const faultProxy of faultProxies) faultProxy.fault = () => ({ kind: 'silence' })
  const urls = faultProxies.map((faultProxy) => faultProxy.through(farm.statsUrl))
  const result = await runAction(inputsFor(urls, { 'request-timeout': '500ms' }))
  expect(result.exitCode).toBe(1)
  for (const url of urls) expect(result.lastLine).toContain(url)
  // Four attempts of 500 ms and 3.75 s of pauses; one HAProxy after the other would be 34 s.
  expect(result.durationMs).toBeLessThan(12_000)
})

test('one user name and password serve every HAProxy', async () => {
  const users = { username: 'deploy', password: 'one for all of us' }
  const first = await farmOf({ users })
  const second = await farmOf({ users, applications: first.applications })
  const result = await runAction(inputsFor([first.statsUrl, second.statsUrl], users))
  expect(result.exitCode).toBe(0)
  expect([await first.status('app1'), await second.status('app1')]).toEqual(['MAINT', 'MAINT'])
})

test('each URL may carry its own user name and password, which nobody gets to see', async () => {
  const first = await farmOf({ users: { username: 'anna', password: 'p@ss/one-first' } })
  const second = await farmOf({
    users: { username: 'bert', password: 'p:two#-second' },
    applications: first.applications
  })
  const urls = [
    first.statsUrl.replace('//', `//anna:${encodeURIComponent('p@ss/one-first')}@`),
    second.statsUrl.replace('//', `//bert:${encodeURIComponent('p:two#-second')}@`)
  ]
  const result = await runAction(inputsFor(urls))
  expect(result.exitCode).toBe(0)
  expect([await first.status('app1'), await second.status('app1')]).toEqual(['MAINT', 'MAINT'])
  expect(results(result).map(({ instance }) => instance)).toEqual([first.statsUrl, second.statsUrl])
})

test('an answer that is lost again and again is a failure that says the true end state', async () => {
  const [first, second] = await pair()
  const faultProxy = await faultProxyOf(second)
  faultProxy.fault = ({ request }) =>
    request?.method === 'POST' ? { kind: 'reset-after' } : undefined
  const lossy = faultProxy.through(second.statsUrl)
  const result = await runAction(inputsFor([first.statsUrl, lossy]))
  expect(result.exitCode).toBe(1)
  expect(await first.status('app1')).toMatch(/^UP/)
  const status = (await second.status('app1')).split(' ')[0] ?? ''
  const claim = (url: string, state: string) =>
    new RegExp(`web/app1 on ${url}( and web/app1 on \\S+)* (is|are) ${state}`)
  expect(result.lastLine).toMatch(claim(first.statsUrl, 'UP( 1/3)? \\(rolled back\\)'))
  expect(result.lastLine).toMatch(claim(lossy, status))
  expect(result.outputs['changed']).toBe(status === 'MAINT' ? 'true' : 'false')
})

test('an HAProxy that is gone after the change is said to be in a state that is not known', async () => {
  const [first, second] = await pair()
  const faultProxy = await faultProxyOf(second)
  let cut = false
  faultProxy.fault = ({ request }) => {
    if (cut) return { kind: 'refuse' }
    cut = request?.method === 'POST'
    return cut ? { kind: 'reset-after' } : undefined
  }
  const gone = faultProxy.through(second.statsUrl)
  const result = await runAction(
    inputsFor([first.statsUrl, gone], { restore: 'always', 'request-timeout': '2s' })
  )
  expect(result.exitCode).toBe(1)
  expect(await first.status('app1')).toMatch(/^UP/)
  expect(await second.status('app1')).toBe('MAINT')
  expect(result.lastLine).toMatch(/^Not everything could be rolled back/)
  expect(result.lastLine).toMatch(new RegExp(`web/app1 on ${gone} is in an unknown state `))
  expect(result.lastLine).toMatch(
    new RegExp(`web/app1 on ${first.statsUrl} is UP( 1/3)? \\(rolled back\\)`)
  )

  // What may be out of rotation is the post step's to restore.
  faultProxy.fault = undefined
  cut = false
  const post = await runPost(result, inputsFor([first.statsUrl, gone], { restore: 'always' }))
  expect(post.exitCode).toBe(0)
  await second.until(async () => (await second.status('app1')) === 'UP')
})

test('a roll-back that fails is the first thing said, and the post step tries again', async () => {
  const [first, second] = await pair(readOnly)
  const faultProxy = await faultProxyOf(first)
  const stuck = faultProxy.through(first.statsUrl)
  faultProxy.fault = ({ request }) =>
    request?.body.includes('action=enable') ? { kind: 'reset-before' } : undefined
  const inputs = inputsFor([stuck, second.statsUrl], { restore: 'failure' })
  const result = await runAction(inputs)
  expect(result.exitCode).toBe(1)
  expect(await first.status('app1')).toBe('MAINT')
  expect(result.lastLine).toMatch(/^Not everything could be rolled back/)
  expect(result.lastLine).toContain(`web/app1 on ${stuck} is MAINT`)
  expect(result.lastLine).toContain('HAProxy answered DENY')
  expect(result.outputs['changed']).toBe('true')
  expect(result.lastLine).toMatch(/post step brings .*app1.* back/)

  faultProxy.fault = undefined
  const post = await runPost(result, inputs, { jobStatus: 'failure' })
  expect(post.exitCode).toBe(0)
  await first.until(async () => (await first.status('app1')) === 'UP')
})

test("backend '*' reads the whole page once and from then on only the backends that matter", async () => {
  const farm = await farmOf({
    extra: (applications) =>
      ['api', 'unrelated', 'other']
        .flatMap((backend) => [
          `backend ${backend}`,
          ...applications
            .filter(({ name }) => backend === 'api' || name === 'app2')
            .map(({ name, port }) => `  server ${name} 127.0.0.1:${port}`)
        ])
        .join('\n')
  })
  const faultProxy = await faultProxyOf(farm)
  const result = await runAction(
    inputsFor([faultProxy.through(farm.statsUrl)], { backend: '*', wait: 'true' })
  )
  expect(result.exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('MAINT')
  expect(await farm.status('app1', 'api')).toBe('MAINT')
  expect(results(result).map(({ backend }) => backend)).toEqual(['web', 'api'])
  const [whole, ...later] = looks(faultProxy)
  expect(whole).toBe('/admin;csv')
  expect(new Set(later)).toEqual(new Set(['/admin;csv;scope=web', '/admin;csv;scope=api']))
  expect(posts(faultProxy)).toHaveLength(2)
})

test('a named backend is the only one that is read once the whole page was seen', async () => {
  const farm = await farmOf()
  const faultProxy = await faultProxyOf(farm)
  const result = await runAction(inputsFor([faultProxy.through(farm.statsUrl)], { wait: 'true' }))
  expect(result.exitCode).toBe(0)
  const [whole, ...later] = looks(faultProxy)
  expect(whole).toBe('/admin;csv')
  expect(new Set(later)).toEqual(new Set(['/admin;csv;scope=web']))
})

/** A backend `web` with checks, and `api` whose servers follow those of `web`. */
function tracking(): FarmOptions {
  return {
    extra: (applications) =>
      [
        'backend api',
        ...applications.map(
          ({ name, port }) => `  server ${name} 127.0.0.1:${port} track web/${name}`
        )
      ].join('\n')
  }
}

test("with '*' a server and the one that tracks it go out and come back together", async () => {
  const farm = await farmOf(tracking())
  const inputs = inputsFor([farm.statsUrl], { backend: '*', wait: 'true', 'wait-timeout': '20s' })
  const out = await runAction(inputs)
  expect(out.exitCode).toBe(0)
  expect(await farm.status('app1')).toBe('MAINT')
  expect(await farm.status('app1', 'api')).toMatch(/^MAINT/)
  const back = await runAction({ ...inputs, action: 'ready' })
  expect(back).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(await farm.status('app1')).toBe('UP')
  expect(await farm.status('app1', 'api')).toBe('UP')
})

test("with '*' a server and the one that tracks it are rolled back, whichever comes first", async () => {
  const farm = await farmOf(tracking())
  const second = await farmOf({ ...tracking(), ...readOnly, applications: farm.applications })
  const faultProxy = await faultProxyOf(farm)
  // The request to roll back the leading server needs a second attempt.
  let lost = 0
  faultProxy.fault = ({ number, request }) => {
    if (lost === 0 && request?.body.includes('b=web&action=enable') === true) lost = number
    return lost > 0 && number === lost ? { kind: 'reset-before' } : undefined
  }
  const url = faultProxy.through(farm.statsUrl)
  const result = await runAction(inputsFor([url, second.statsUrl], { backend: '*' }))
  expect(lost).toBeGreaterThan(0)
  expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
  expect(await farm.status('app1')).toMatch(/^UP/)
  expect(await farm.status('app1', 'api')).toMatch(/^UP/)
  expect(result.lastLine).not.toContain('Not everything could be rolled back')
  // Its check may pass between the looks at the two.
  expect(result.lastLine).toMatch(
    /web\/app1(, api\/app1)? on \S+ (is|are) UP( 1\/3)? \(rolled back\)/
  )
  expect(result.lastLine).toMatch(/api\/app1 on \S+ (is|are) UP( 1\/3)? \(rolled back\)/)
})

test("with '*' the one that tracks waits for the slow health check of the other", async () => {
  const farm = await farmOf(tracking())
  const inputs = inputsFor([farm.statsUrl], { backend: '*', wait: 'true', 'wait-timeout': '30s' })
  expect((await runAction(inputs)).exitCode).toBe(0)
  // Much longer than the time between two looks.
  farm.app('app1').healthDelayMs = 3_000
  const back = await runAction({ ...inputs, action: 'ready' })
  expect(back).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  expect(back.log).not.toMatch(/lost (its|their) admin state/)
  expect(await farm.status('app1', 'api')).toBe('UP')
})

test('the guard counts on every HAProxy for itself', async () => {
  const [first, second] = await pair()
  await second.set('app2', 'maint')
  const result = await runAction(inputsFor([first.statsUrl, second.statsUrl]))
  expect(result.exitCode).toBe(1)
  expect(await first.status('app1')).toBe('UP')
  expect(result.lastLine).toContain(`the backend web on ${second.statsUrl} would have 0 serving`)
  expect(result.lastLine).not.toContain(`the backend web on ${first.statsUrl} would have`)
})
