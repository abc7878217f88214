import { afterEach, describe, expect, test } from '@jest/globals'
import { type Application } from '../support/application.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { type HeldConnection, holdConnection } from '../support/held-connection.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { freePort, freePorts } from '../support/ports.ts'
import { type ActionResult, type RunningAction, runAction, startAction } from '../support/runner.ts'

let farm: Farm
let wire: FaultProxy
const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** A backend beside `web`, with users of its own. */
interface Section {
  readonly name: string
  readonly userUrl: string
  readonly lines: readonly string[]
}

/** A backend of the same applications; this is what follows the address of each. */
async function sectionOf(
  name: string,
  server: (application: Application) => string | undefined,
  options: readonly string[] = []
): Promise<(applications: readonly Application[]) => Section> {
  const port = await freePort()
  return (applications) => ({
    name,
    userUrl: `http://127.0.0.1:${port}`,
    lines: [
      `frontend users-of-${name}`,
      `  bind 127.0.0.1:${port}`,
      `  default_backend ${name}`,
      `backend ${name}`,
      ...options.map((option) => `  ${option}`),
      ...applications.flatMap((application) => {
        const line = server(application)
        return line === undefined ? [] : [`  server ${line}`]
      })
    ]
  })
}

async function stage(
  sections: readonly ((applications: readonly Application[]) => Section)[],
  statsLines: readonly string[] = []
): Promise<readonly Section[]> {
  let made: readonly Section[] = []
  farm = await startFarm({
    statsLines: ['stats admin if TRUE', ...statsLines],
    extra: (applications) => {
      made = sections.map((section) => section(applications))
      return made.flatMap(({ lines }) => lines).join('\n')
    }
  })
  stops.push(() => farm.stop())
  wire = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  stops.push(() => wire.stop())
  return made
}

const at = ({ port }: Application): string => `127.0.0.1:${port}`
const showAddresses = ['stats show-legends']

async function hold({ userUrl }: { readonly userUrl: string }): Promise<HeldConnection> {
  const held = await holdConnection(userUrl)
  stops.push(() => held.close())
  return held
}

/** A session on this server of this backend. */
async function holdOn(server: string, section: Pick<Section, 'userUrl'>): Promise<HeldConnection> {
  for (;;) {
    const held = await hold(section)
    if (held.application === server) {
      return held
    }
    await held.close()
  }
}

function inputsFor(more: Readonly<Record<string, string>> = {}) {
  return {
    'stats-url': wire.through(farm.statsUrl),
    backend: 'web',
    server: 'app1',
    action: 'maint',
    'poll-interval': '200ms',
    'settle-time': '400ms',
    'hard-stop-after': '0s',
    ...more
  }
}

function run(more: Readonly<Record<string, string>> = {}): Promise<ActionResult> {
  return runAction(inputsFor(more))
}

function start(more: Readonly<Record<string, string>> = {}): RunningAction {
  return startAction(inputsFor(more))
}

function posts(): string[] {
  return wire.requests.filter(({ method }) => method === 'POST').map(({ body }) => body)
}

function expectSafe(result: ActionResult): void {
  expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
  expect(result.lastLine).toMatch(/^Safe to stop: /)
}

/** Refused before anything was changed. */
function expectRefusal(result: ActionResult, ...said: readonly string[]): void {
  expect(result).toMatchObject({
    exitCode: 1,
    outputs: { changed: 'false', 'safe-to-stop': 'false' }
  })
  expect(result.lastLine).toContain('Nothing was changed.')
  for (const text of said) expect(result.lastLine).toContain(text)
  expect(posts()).toEqual([])
}

/** Follows the server of the same name in another backend. */
const following =
  (backend: string) =>
  (application: Application): string =>
    `${application.name} ${at(application)} track ${backend}/${application.name}`

describe('servers that follow one', () => {
  test('keep it in rotation where their own backend would be left without a server', async () => {
    await stage([
      await sectionOf('api', (application) =>
        application.name === 'app1' ? following('web')(application) : undefined
      )
    ])
    const result = await run()
    expectRefusal(result, `Without app1 the backend api would`)
    expect(result.lastLine).toContain('have 0 serving servers, and needs 1')
    expect(await farm.status('app1')).toBe('UP')
    expect(await farm.status('app1', 'api')).toBe('UP')
  })

  test('keep it from being safe to stop while they have a session', async () => {
    const [api] = await stage([await sectionOf('api', following('web'))])
    if (api === undefined) throw new Error('no backend api')
    const held = await holdOn('app1', api)
    const action = start()
    await action.until('api/app1 is')
    await action.until('MAINT (via web/app1) with 1 session')
    await farm.until(() => wire.requests.length > 8)
    expect(action.output).not.toContain('afe to stop')
    await held.close()
    const result = await action.done
    expectSafe(result)
    expect(posts()).toEqual(['b=web&action=maint&s=app1'])
    expect(await farm.status('app1', 'api')).toBe('MAINT (via web/app1)')
    expect(result.summary).toContain(`Serving in api on ${wire.through(farm.statsUrl)}: app2.`)
  })

  test('are found over chains, for their sessions and for the guard of their backends', async () => {
    const [, deep] = await stage([
      await sectionOf('api', following('web')),
      await sectionOf('deep', following('api')),
      await sectionOf('lonely', (application) =>
        application.name === 'app2' ? following('deep')(application) : undefined
      )
    ])
    if (deep === undefined) throw new Error('no backend deep')
    const refused = await run({ server: 'app2' })
    expectRefusal(refused, 'Without app2 the backend lonely')
    const held = await holdOn('app1', deep)
    const action = start()
    await action.until(/deep\/app1 is MAINT \(via \S+\) with 1 session/)
    await held.close()
    expectSafe(await action.done)
    expect(await farm.status('app1', 'deep')).toMatch(/^MAINT \(via /)
  })

  test('make it not drained in time when their sessions do not end', async () => {
    const [api] = await stage([await sectionOf('api', following('web'))])
    if (api === undefined) throw new Error('no backend api')
    const held = await holdOn('app1', api)
    const result = await run({ 'wait-timeout': '1s' })
    expect(result).toMatchObject({ exitCode: 1, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toMatch(
      /Not drained within 1s: api\/app1 is MAINT \(via web\/app1\) with 1 session\./
    )
    expect(held.open).toBe(true)
  })

  test('have their sessions killed with it, which is a change', async () => {
    const [api] = await stage([await sectionOf('api', following('web'))])
    if (api === undefined) throw new Error('no backend api')
    const held = await holdOn('app1', api)
    await farm.set('app1', 'maint')
    const result = await run({ 'wait-timeout': '1s', 'on-timeout': 'shutdown' })
    await farm.until(() => !held.open)
    expectSafe(result)
    expect(posts()).toEqual(['b=api&action=shutdown&s=app1'])
    expect(result.lastLine).not.toContain('as before')
    expect(result.outputs['changed']).toBe('true')
  })
})

test.each([
  ['drain', 'DRAIN', 'DRAIN'],
  ['maint', 'MAINT (via web/app1)', 'MAINT']
] as const)(
  'a %s of a server that only inherits it from its leader is asked for, and outlives the leader',
  async (action, inherited, own) => {
    await stage([await sectionOf('api', following('web'))])
    await farm.set('app1', action)
    expect(await farm.status('app1', 'api')).toBe(inherited)
    const result = await run({ backend: 'api', action })
    expect(result.exitCode).toBe(0)
    expect(posts()).toEqual([`b=api&action=${action}&s=app1`])
    await farm.set('app1', 'ready')
    await farm.until(async () => (await farm.status('app1')) === 'UP')
    expect(await farm.status('app1', 'api')).toBe(own)
  }
)

describe('the same address in another backend', () => {
  const alsoAt = (application: Application): string | undefined =>
    application.name === 'app1' ? `other ${at(application)}` : undefined

  test.each(['maint', 'drain'])(
    'has %s refused while users reach it there, with its name and the ways out',
    async (action) => {
      await stage([await sectionOf('api', alsoAt)], showAddresses)
      const result = await run({ action })
      expectRefusal(
        result,
        'The same address is in use by servers that were not named: ' + `api/other (no check).`,
        "backend: '*'",
        'same-address: ignore'
      )
      expect(await farm.status('app1')).toBe('UP')
      expect(result.summary).toContain('refused, its address is in use')
    }
  )

  test('is in use while a session is left, even in maint, and then no more', async () => {
    const [api] = await stage([await sectionOf('api', alsoAt)], showAddresses)
    if (api === undefined) throw new Error('no backend api')
    const held = await hold(api)
    expect(await farm.post('b=api&action=maint&s=other')).toBe('DONE')
    expectRefusal(await run(), 'api/other', '(MAINT)')
    await held.close()
    await farm.until(async () => (await farm.row('api', 'other'))['scur'] === '0')
    expectSafe(await run())
  })

  test('may come up during the wait where it is down, so nothing is proven', async () => {
    const checked = (application: Application): string | undefined =>
      application.name === 'app1'
        ? `other ${at(application)} check inter 100ms rise 1 fall 1`
        : undefined
    await stage([await sectionOf('api', checked, ['option httpchk GET /health'])], showAddresses)
    const application = farm.app('app1')
    application.health = 503
    await farm.until(async () => (await farm.status('other', 'api')) === 'DOWN')
    const held = await holdOn('app1', { userUrl: farm.userUrl })
    const action = start()
    await action.until(/web\/app1 is MAINT with 1 session/)
    application.health = 200
    await farm.until(async () => (await farm.status('other', 'api')) === 'UP')
    await held.close()
    const result = await action.done
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
    expect(result.lastLine).toMatch(
      /^Drained, but not proven safe to stop: .* Also at the same address: api\/other \(DOWN\)\./
    )
  })

  test('is in use in drain, for pinned clients', async () => {
    await stage([await sectionOf('api', alsoAt)], showAddresses)
    expect(await farm.post('b=api&action=drain&s=other')).toBe('DONE')
    expectRefusal(await run(), 'api/other', '(DRAIN)')
  })

  test('is in use in the same backend under another name', async () => {
    await stage(
      [
        await sectionOf('api', ({ name, port }) =>
          name === 'app1' ? `one 127.0.0.1:${port}\n  server two 127.0.0.1:${port}` : undefined
        )
      ],
      showAddresses
    )
    expectRefusal(await run({ backend: 'api', server: 'one' }), 'api/two')
  })

  test.each([
    ['every backend named', 'web, api'],
    ["backend: '*'", '*']
  ])('leaves with it, and is safe to stop, with %s', async (_, backend) => {
    const [api] = await stage(
      [await sectionOf('api', (application) => `${application.name} ${at(application)}`)],
      showAddresses
    )
    if (api === undefined) throw new Error('no backend api')
    const held = await holdOn('app1', api)
    const action = start({ backend })
    await action.until(/api\/app1 is MAINT with 1 session/)
    expect(await (await fetch(api.userUrl)).text()).toBe('app2')
    await held.close()
    const result = await action.done
    expectSafe(result)
    expect(result.summary).toContain(
      'When the step began, no other server in rotation was at the same address.'
    )
    expect([await farm.status('app1'), await farm.status('app1', 'api')]).toEqual([
      'MAINT',
      'MAINT'
    ])
  })

  test('is no reason to refuse where the server there follows it', async () => {
    await stage(
      [
        await sectionOf(
          'api',
          (application) => `x-${application.name} ${at(application)} track web/${application.name}`
        )
      ],
      showAddresses
    )
    expectSafe(await run())
    expect(await farm.status('x-app1', 'api')).toBe('MAINT (via web/app1)')
  })
})

test('the same host on another port gets a notice, and is no reason against it', async () => {
  const [port] = await freePorts(1)
  await stage(
    [
      await sectionOf('metrics', ({ name }) =>
        name === 'app1' ? `sidecar 127.0.0.1:${port ?? 0}` : undefined
      )
    ],
    showAddresses
  )
  const result = await run()
  expectSafe(result)
  const notices = result.annotations.filter(({ level }) => level === 'notice')
  expect(notices.map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^Also on the same host, on another port: .*metrics\/sidecar \(no check\)/
    )
  ])
})

describe('the same name in another backend', () => {
  test('is another application where the page shows that its address is another', async () => {
    const port = await freePort()
    await stage(
      [
        await sectionOf('api', ({ name }) =>
          name === 'app1' ? `app1 127.0.0.2:${port}` : undefined
        )
      ],
      showAddresses
    )
    const result = await run()
    expectSafe(result)
    expect(result.log).not.toContain('api/app1')
  })

  test('is no proof against it and none for it where addresses are not shown', async () => {
    await stage([await sectionOf('api', (application) => `${application.name} ${at(application)}`)])
    const doubtful = await run()
    expect(doubtful).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
    expect(doubtful.lastLine).toMatch(/^Drained, but not proven safe to stop: /)
    expect(doubtful.lastLine).toMatch(/api\/app1 \(no check\) may be the same application/)
    expectSafe(await run({ backend: '*' }))
  })

  test('that cannot be reached leaves no doubt', async () => {
    await stage([await sectionOf('api', (application) => `${application.name} ${at(application)}`)])
    expect(await farm.post('b=api&action=maint&s=app1')).toBe('DONE')
    expectSafe(await run())
  })
})
