import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Farm, startFarm } from '../support/farm.ts'
import { httpAnswer } from '../support/fault-proxy.ts'
import { listenRaw } from '../support/listener.ts'
import { freePort } from '../support/ports.ts'
import { type ActionResult, runAction } from '../support/runner.ts'

const users = { username: 'admin', password: 'staple-battery' }

let farm: Farm
let readOnly: Farm
let scoped: Farm
beforeAll(async () => {
  ;[farm, readOnly, scoped] = await Promise.all([
    startFarm({
      users,
      servers: ['node1', 'node2'],
      backend: 'log_server',
      statsLines: ['stats admin if TRUE', 'stats show-legends']
    }),
    startFarm({ users, servers: ['node1', 'node2'], backend: 'log_server', statsLines: [] }),
    startFarm({
      users,
      servers: ['node1'],
      backend: 'log_server',
      statsLines: ['stats admin if TRUE', 'stats scope stats']
    })
  ])
})
afterAll(() => Promise.all([farm, readOnly, scoped].map((each) => each.stop())))

function run(inputs: Record<string, string> = {}, on: Farm = farm): Promise<ActionResult> {
  return runAction({
    'stats-url': on.statsUrl,
    ...users,
    backend: 'log_server',
    server: 'node1',
    action: 'maint',
    'wait-timeout': '3s',
    ...inputs
  })
}

/** What is refused has changed nothing. */
async function expectUntouched(result: ActionResult, on: Farm = farm): Promise<void> {
  expect(result.exitCode).toBe(1)
  expect(await on.status('node1')).toBe('UP')
  expect(result.lastLine).toContain('Nothing was changed')
  expect(result.annotations.at(-1)).toMatchObject({ level: 'error', message: result.lastLine })
}

describe('what HAProxy refuses', () => {
  test('a wrong password', async () => {
    const result = await run({ password: 'wrong-battery' })
    await expectUntouched(result)
    expect(result.lastLine).toBe(
      `Could not read the statistics page ${farm.statsUrl}: the user name or the password was not accepted (HTTP 401). ` +
        'Nothing was changed. Check the user name and the password (`stats auth` in haproxy.cfg). ' +
        'They come from the inputs username and password, or from stats-url itself.'
    )
  })

  test('no login at all', async () => {
    const result = await run({ username: '', password: '' })
    await expectUntouched(result)
    expect(result.lastLine).toBe(
      `Could not read the statistics page ${farm.statsUrl}: the page asks for a user name and a password, and none was given (HTTP 401). ` +
        'Nothing was changed. They are in haproxy.cfg (`stats auth`). Give them as the inputs username and password.'
    )
  })

  test.each([
    ['Bearer realm="shop"', 'Bearer'],
    ['Negotiate', 'Negotiate'],
    ['\u00a7', 'an unknown one']
  ])('a login gateway that asks for %s', async (challenge, seen) => {
    const gateway = await listenRaw((socket) => {
      socket.end(httpAnswer(401, 'no', { 'WWW-Authenticate': challenge }))
    })
    try {
      const url = `http://127.0.0.1:${String(gateway.port)}/admin`
      const result = await run({ 'stats-url': url })
      await expectUntouched(result)
      expect(result.lastLine).toContain(
        `${url}: the answer asks for another login, ${seen} instead of Basic (HTTP 401). Nothing was changed. HAProxy asks for Basic only`
      )
    } finally {
      await gateway.stop()
    }
  })

  test.each([
    [
      'that speaks TLS and says so',
      'The plain HTTP request was sent to HTTPS port',
      'the port speaks TLS, and this request did not (HTTP 400). Nothing was changed. Try https:// in the URL.'
    ],
    [
      'that does not say why',
      'Your browser sent an invalid request.',
      'the answer is not a statistics page (HTTP 400). Nothing was changed. Is this the URL of a HAProxy statistics page?'
    ]
  ])('another server %s', async (_, page, seen) => {
    const other = await listenRaw((socket) => {
      socket.end(httpAnswer(400, `<h1>400 Bad Request</h1>${page}`))
    })
    try {
      const url = `http://127.0.0.1:${String(other.port)}/admin`
      const result = await run({ 'stats-url': url })
      await expectUntouched(result)
      expect(result.lastLine).toBe(`Could not read the statistics page ${url}: ${seen}`)
    } finally {
      await other.stop()
    }
  })

  test('a path that a long page answers, of which only whole words are shown', async () => {
    const style = `<style>${'p { color: red } '.repeat(400)}</style>`
    const other = await listenRaw((socket) => {
      const page = `<html><title>Welcome to the shop</title>${style}</html>`
      socket.end(httpAnswer(200, page, { 'Content-Type': 'text/html; charset=utf-8' }))
    })
    try {
      const result = await run({ 'stats-url': `http://127.0.0.1:${String(other.port)}/admin` })
      await expectUntouched(result)
      expect(result.lastLine).toContain(
        'the answer is an HTML page instead of CSV (text/html; it begins with "Welcome to the …"). Nothing was changed.'
      )
    } finally {
      await other.stop()
    }
  })

  test('a wrong path, which is not tried again', async () => {
    const url = farm.statsUrl.replace('/admin', '/stats')
    const result = await run({ 'stats-url': url })
    await expectUntouched(result)
    expect(result.lastLine).toBe(
      `Could not read the statistics page ${url}: there is no statistics page at this URL; ` +
        'HAProxy sent the request to a backend that has no server for it (HTTP 503). Nothing was changed. ' +
        'Is the path right? It must be the `stats uri` of haproxy.cfg (without one: /haproxy?stats), on a port whose section has it.'
    )
    expect(result.log).not.toContain('Trying again')
  })

  test('a path that an application answers', async () => {
    const result = await run({ 'stats-url': `${farm.userUrl}/admin` })
    await expectUntouched(result)
    expect(result.lastLine).toMatch(
      /the answer is something else instead of CSV \(it begins with "node\d"\)\. Nothing was changed\. Is this the URL/
    )
  })

  test('a port where nothing listens', async () => {
    const port = await freePort()
    const result = await run({ 'stats-url': `http://127.0.0.1:${String(port)}/admin` })
    await expectUntouched(result)
    expect(result.lastLine).toContain(
      `127.0.0.1:${String(port)} refused the connection. Nothing was changed. Is HAProxy running`
    )
  })

  test('a host that does not exist', async () => {
    const result = await run({ 'stats-url': 'http://lb.invalid/admin' })
    await expectUntouched(result)
    expect(result.lastLine).toMatch(/lb\.invalid.* Nothing was changed\. Check the host name/)
  })

  test('changes without `stats admin`', async () => {
    const result = await run({}, readOnly)
    await expectUntouched(result, readOnly)
    expect(result.lastLine).toContain(
      `Could not ask ${readOnly.statsUrl} for maint of log_server/node1: HAProxy answered DENY. Nothing was changed. ` +
        `Now log_server/node1 is UP. HAProxy refuses changes: \`stats admin if …\` is missing`
    )
    expect(result.outputs).toMatchObject({ changed: 'false', status: 'UP' })
  })

  test('a backend that `stats scope` hides', async () => {
    const result = await run({}, scoped)
    await expectUntouched(result, scoped)
    expect(result.lastLine).toContain(
      `The statistics page ${scoped.statsUrl} shows no backend log_server; it shows no backend at all.`
    )
    expect(result.lastLine).toContain('no `stats scope` hides the backend')
  })
})

describe('names that are not there', () => {
  test('an unknown server is named with those that exist and with the nearest one', async () => {
    const result = await run({ server: 'Node1' })
    await expectUntouched(result)
    expect(result.lastLine).toBe(
      `The backend log_server has no server Node1; there are the servers node1, node2. ` +
        'Did you mean node1? Nothing was changed. Check the spelling; names are case-sensitive.'
    )
  })

  test('a server that differs in its number only is as near as any other, so none is suggested', async () => {
    const result = await run({ server: 'node9' })
    await expectUntouched(result)
    expect(result.lastLine).toBe(
      `The backend log_server has no server node9; there are the servers node1, node2. ` +
        'Nothing was changed. Check the spelling; names are case-sensitive.'
    )
  })

  test('an unknown backend likewise', async () => {
    const result = await run({ backend: 'LOG_SERVER' })
    await expectUntouched(result)
    expect(result.lastLine).toContain(
      `The statistics page ${farm.statsUrl} shows no backend LOG_SERVER; there are the backends log_server. Did you mean log_server?`
    )
  })

  test('a frontend is not a backend', async () => {
    const result = await run({ backend: 'users' })
    await expectUntouched(result)
    expect(result.lastLine).toContain(
      'users is a frontend. Nothing was changed. Name the backend that'
    )
  })

  test('a server and a backend that are swapped', async () => {
    const result = await run({ backend: 'node1', server: 'log_server' })
    await expectUntouched(result)
    expect(result.lastLine).toBe(
      `The statistics page ${farm.statsUrl} shows no backend node1, but log_server is a backend, and node1 a server in it: ` +
        'backend and server seem to be swapped. Nothing was changed. Swap the two.'
    )
  })

  test('an address instead of a name', async () => {
    const address = /server node2 (\S+)/.exec(farm.config)?.[1] ?? ''
    const result = await run({ server: address })
    await expectUntouched(result)
    expect(result.lastLine).toContain(
      `has no server ${address}; there are the servers node1, node2. Nothing was changed. ` +
        'That looks like an address, but its name in haproxy.cfg is needed: that is node2.'
    )
  })

  test('all that is missing is named at once', async () => {
    const result = await run({ backend: 'log_server nowhere', server: 'node1 node8 BACKEND' })
    await expectUntouched(result)
    expect(result.lastLine).toMatch(
      /no server node8;.*no server BACKEND \(that is a row for the whole proxy\);.*no backend nowhere;/
    )
  })

  test('with * a server must be somewhere', async () => {
    const result = await run({ backend: '*', server: 'node1 ghost' })
    await expectUntouched(result)
    expect(result.lastLine).toContain(
      `No backend has a server ghost; there are the servers node1, node2.`
    )
  })
})

describe('bad inputs', () => {
  test('are all named at once, each with its name, its value and what is allowed', async () => {
    const result = await run({
      action: 'MAINT',
      wait: 'yes',
      'wait-timeout': '5',
      'poll-interval': '5ms',
      'max-sessions': '-1',
      'on-timeout': 'ignore',
      'hard-stop-after': '30',
      'same-address': 'allow',
      'fresh-check': '1',
      restore: 'sometimes',
      server: 'log_server/node1',
      'ca-certificate': '/nowhere.pem',
      'client-key': '/nowhere.key'
    })
    await expectUntouched(result)
    expect(result.annotations.slice(0, -1).map(({ message }) => message)).toEqual([
      'server: "log_server/node1" is not a name; HAProxy allows letters, digits and _ . : - only. The backend goes into backend, the server into server.',
      'action: "MAINT" is not one of ready, drain, maint, status, shutdown, ehlth, dhlth, hrunn, hnolb, hdown, eagent, dagent, arunn, adown. Use maint.',
      'wait: "yes" is neither true nor false. Write true.',
      'wait-timeout: "5" is not a duration such as 500ms, 30s, 5m or 1m30s. Did you mean 5s?',
      'poll-interval: "5ms" is not between 100ms and 1m.',
      'max-sessions: "-1" is not a whole number of 0 or more.',
      'on-timeout: "ignore" is not one of fail, restore, shutdown, continue.',
      'hard-stop-after: "30" is not a duration such as 500ms, 30s, 5m or 1m30s. Did you mean 30s?',
      'same-address: "allow" is not one of refuse, ignore.',
      'fresh-check: "1" is neither true nor false. Write true.',
      'restore: "sometimes" is not one of never, failure, always.',
      'ca-certificate: it is neither PEM text nor a file that can be read (ENOENT).',
      'client-key: it is neither PEM text nor a file that can be read (ENOENT).'
    ])
    expect(result.lastLine).toBe(
      'Nothing was changed. Correct these inputs: server, action, wait, wait-timeout, poll-interval, max-sessions, on-timeout, hard-stop-after, same-address, fresh-check, restore, ca-certificate, client-key.'
    )
  })

  test('of a look at many servers are all named at once, too', async () => {
    const result = await run({
      server: '* node1',
      action: 'status',
      expect: 'down',
      'min-up': 'half',
      'ca-certificate': fileURLToPath(import.meta.url)
    })
    await expectUntouched(result)
    expect(result.annotations.slice(0, -1).map(({ message }) => message)).toEqual([
      'server: "*" means every server of the backend and stands alone.',
      'expect: "down" cannot be expected; the only word for it is up.',
      'min-up: "half" is not a number such as 2, a percentage such as 50%, or all.',
      'ca-certificate: it is a file that holds no PEM text.'
    ])
  })

  test('of URLs are told apart by their place in the list, and no URL is shown', async () => {
    const result = await run({
      'stats-url': [
        farm.statsUrl,
        'http://:staple-battery@lb/one',
        'http://ad%3Amin:staple-battery@lb/two',
        'http://admin@lb/three'
      ].join('\n'),
      username: '',
      password: ''
    })
    await expectUntouched(result)
    expect(result.annotations.slice(0, -1).map(({ message }) => message)).toEqual([
      'stats-url: the URL (number 2 of 4) cannot be used: it carries a password without a user name.',
      'stats-url: the URL (number 3 of 4) cannot be used: its user name has a colon, which HTTP Basic authentication cannot carry.',
      'stats-url: the URL (number 4 of 4) cannot be used: it carries a user name, and there is no password for it.'
    ])
    expect(result.lastLine).toBe('Nothing was changed. Correct the input stats-url.')
    expect(result.output).not.toMatch(/staple|\/one|\/two|\/three/)
  })

  test.each([
    [
      { action: '' },
      'action: it is empty. If it comes from a secret, a variable or an input, is that available to this workflow? It must be one of'
    ],
    [{ action: 'disable' }, 'adown. Use maint.'],
    [{ action: 'enable' }, 'adown. Use ready.'],
    [{ action: 'down' }, 'adown. Use maint.'],
    [
      { server: '' },
      'server: it is empty. If it comes from a secret, a variable or an input, is that available'
    ],
    [{ server: '*' }, 'Servers must be named one by one; only action: status takes "*".'],
    [{ expect: 'up' }, 'expect: only action: status can expect anything of the servers.'],
    [
      { backend: '* web' },
      'backend: "*" means every backend that has the server and stands alone.'
    ],
    [{ 'stats-url': '' }, 'stats-url: it is empty.'],
    [
      { 'stats-url': 'lb:8080/admin' },
      'stats-url: the URL cannot be used: it must begin with http:// or https://, such as http://lb:8404/admin.'
    ],
    [
      { 'stats-url': 'unix:///var/run/haproxy.sock' },
      "stats-url: the URL cannot be used: it leads to HAProxy's runtime API, but this action speaks to the statistics page, over HTTP; give the URL"
    ],
    [{ 'wait-timeout': '0' }, 'wait-timeout: "0" is not between 1s and 24h.'],
    [
      { 'min-up': '100%' },
      'min-up: "100%" can never be met, because the server being taken out is one of them. For every other server, write all.'
    ],
    [{ password: '' }, 'password: it is empty although there is a user name.'],
    [{ username: '' }, 'username: it is empty although there is a password.'],
    [{ username: 'a:b' }, 'username: it has a colon'],
    [
      { 'wait-timeout': '2s', 'settle-time': '3s' },
      'settle-time: 3s is longer than the wait-timeout of 2s'
    ]
  ])('%j', async (inputs, message) => {
    const result = await run(inputs)
    await expectUntouched(result)
    expect(result.annotations[0]?.message).toContain(message)
  })

  test('a password in a URL that cannot be read is not printed', async () => {
    const result = await run({
      'stats-url': 'http://admin:top/staple-battery@lb/admin',
      username: '',
      password: ''
    })
    await expectUntouched(result)
    expect(result.output).not.toContain('staple')
  })
})

describe('URLs as people paste them', () => {
  test.each([
    ['with ;csv at its end', (url: string) => `${url};csv`],
    ['with what the page adds', (url: string) => `${url};up;norefresh;no-maint;st=DONE`],
    ['with a slash at its end', (url: string) => `${url}/`],
    ['with a scope', (url: string) => `${url}?scope=nothing`],
    ['with a fragment', (url: string) => `${url}#top`],
    ['with user name and password', (url: string) => url.replace('//', '//admin:staple-battery@')],
    ['with a user name whose password is an input', (url: string) => url.replace('//', '//admin@')]
  ])('%s', async (_, paste) => {
    const result = await run({ 'stats-url': paste(farm.statsUrl), action: 'status' })
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
  })

  test('a URI of ?stats', async () => {
    const stats = await startFarm({ statsUri: '/haproxy?stats' })
    try {
      const result = await runAction({
        'stats-url': stats.statsUrl,
        backend: 'web',
        server: 'app1',
        action: 'maint',
        'settle-time': '0s'
      })
      expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'MAINT' } })
    } finally {
      await stats.stop()
    }
  })
})
