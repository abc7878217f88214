import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import {
  connect,
  createServer,
  getDefaultAutoSelectFamily,
  setDefaultAutoSelectFamily,
  type Socket
} from 'node:net'
import { fileURLToPath } from 'node:url'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { fetchFrom, problemAt, SETTINGS } from './fetch-from.ts'
import { freePort } from '../support/ports.ts'
import { httpAnswer } from '../support/fault-proxy.ts'
import { until } from '../support/until.ts'
import { Authority, type Identity } from './certificates.ts'
import { failureIn } from './failure.ts'
import { listen, type Listener, listenRaw } from '../support/listener.ts'

const listeners: Listener[] = []

async function keep(listener: Promise<Listener>): Promise<Listener> {
  listeners.push(await listener)
  return listener
}

afterEach(async () => {
  await Promise.all(listeners.splice(0).map((listener) => listener.stop()))
})

describe('an answer', () => {
  const LIMIT = 32 * 1024 * 1024

  test('whose characters are cut in two on the way is put together again', async () => {
    const bytes = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nö🔑')
    const { port } = await keep(
      listenRaw((socket) => {
        const [first, second] = [bytes.subarray(0, -3), bytes.subarray(-3)]
        socket.setNoDelay(true)
        socket.write(first)
        setTimeout(() => socket.end(second), 50)
      })
    )
    expect((await fetchFrom(`http://127.0.0.1:${port}/`)).body).toBe('ö🔑')
  })

  test('without a length lasts until the connection ends, as HAProxy 1.5 sends it', async () => {
    const { port } = await keep(
      listenRaw((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nall of it'))
    )
    expect((await fetchFrom(`http://127.0.0.1:${port}/`)).body).toBe('all of it')
  })

  test('behind which something is left over (1.5, 1.6) is read without it', async () => {
    const { port } = await keep(
      listenRaw((socket) =>
        socket.end(
          'HTTP/1.1 303 See Other\r\nLocation: /x;st=DONE\r\nContent-Length: 0\r\n\r\n\r\n0\r\n\r\n'
        )
      )
    )
    expect(await fetchFrom(`http://127.0.0.1:${port}/`)).toEqual({
      status: 303,
      location: '/x;st=DONE',
      body: ''
    })
  })

  test('in HTML and of nothing that is HTTP says so', async () => {
    const { port } = await keep(listenRaw((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n')))
    const { problem, message } = await failureIn(fetchFrom(`http://127.0.0.1:${port}/`))
    expect([problem, message]).toEqual([
      'not-http',
      `Could not do it: what 127.0.0.1:${port} answers is not HTTP.`
    ])
  })

  test('with fewer bytes than announced is truncated', async () => {
    const { port } = await keep(
      listenRaw((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345678'))
    )
    expect((await failureIn(fetchFrom(`http://127.0.0.1:${port}/`))).problem).toBe('truncated')
  })

  test('in chunks without the last one is truncated', async () => {
    const { port } = await keep(
      listenRaw((socket) =>
        socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
      )
    )
    expect((await failureIn(fetchFrom(`http://127.0.0.1:${port}/`))).problem).toBe('truncated')
  })

  test('that is reset in the middle of its body is truncated', async () => {
    const { port } = await keep(
      listenRaw((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123')
        setTimeout(() => socket.resetAndDestroy(), 50)
      })
    )
    const { problem, message } = await failureIn(fetchFrom(`http://127.0.0.1:${port}/`))
    expect([problem, message]).toEqual(['truncated', 'Could not do it: the answer broke off.'])
  })

  test.each([
    [LIMIT, undefined],
    [LIMIT + 1, `Could not do it: the answer is larger than ${LIMIT} bytes.`]
  ])('of %i bytes is read, or refused as too large', async (size, expected) => {
    const { port } = await keep(
      listen(createHttpServer((_, response) => response.end(Buffer.alloc(size, 'x'))))
    )
    const answer = fetchFrom(`http://127.0.0.1:${port}/`)
    if (expected === undefined) {
      expect((await answer).body).toHaveLength(size)
    } else {
      const { problem, message } = await failureIn(answer)
      expect([problem, message]).toEqual(['oversized', expected])
    }
  })

  test('that never ends is given up at the same size', async () => {
    const server = createHttpServer((_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 'x')
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
        response.once('drain', more)
      }
      more()
    })
    const { port, sockets } = await keep(listen(server))
    const { problem } = await failureIn(fetchFrom(`http://127.0.0.1:${port}/`))
    expect(problem).toBe('oversized')
    await until(() => sockets[0]?.destroyed === true)
  })

  test('that comes in drops ends at the one deadline for all of it', async () => {
    const { port } = await keep(
      listenRaw((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n')
        const drip = setInterval(() => socket.write('x'), 20)
        socket.once('close', () => {
          clearInterval(drip)
        })
      })
    )
    const { problem, message } = await failureIn(
      fetchFrom(`http://127.0.0.1:${port}/`, { timeoutMs: 300 })
    )
    expect([problem, message]).toEqual([
      'timed-out',
      'Could not do it: no complete answer within 0.3 s (reading the answer).'
    ])
  })
})

describe('a host', () => {
  test('that is an IPv6 literal is reached, and named in brackets', async () => {
    const requests: string[] = []
    const { port } = await keep(
      listenRaw((socket, request) => {
        requests.push(request)
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
      }, '::1')
    )
    expect((await fetchFrom(`http://[::1]:${port}/admin`)).body).toBe('ok')
    expect(requests[0]).toContain(`\r\nHost: [::1]:${port}\r\n`)
  })

  test('whose name nobody knows is said to be unknown', async () => {
    const { problem, message } = await failureIn(fetchFrom('http://haproxy.invalid/admin'))
    expect(problem).toBe('host-not-found')
    expect(message).toContain('host haproxy.invalid')
  })

  // Behind a full queue of connections that nobody accepts, the kernel leaves an attempt to connect open.
  test('that does not take the connection ends at the deadline', async () => {
    const port = await freePort()
    const program =
      `require('net').createServer().listen(${port}, '127.0.0.1', 1, () => {` +
      "process.stdout.write('listening');" +
      'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30000) })'
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
    const fillers: Socket[] = []
    try {
      await once(child.stdout, 'data')
      for (let filler = 0; filler < 4; filler += 1) {
        fillers.push(connect(port, '127.0.0.1').on('error', () => undefined))
      }
      await until(() => fillers.filter(({ connecting }) => !connecting).length >= 2)
      const url = `http://127.0.0.1:${port}/`
      const { problem, message } = await failureIn(fetchFrom(url, { timeoutMs: 300 }))
      expect([problem, message]).toEqual([
        'timed-out',
        'Could not do it: no complete answer within 0.3 s (connecting).'
      ])
    } finally {
      fillers.forEach((filler) => filler.destroy())
      const gone = once(child, 'close')
      child.kill('SIGKILL')
      await gone
    }
  })
})

describe('an address that is given', () => {
  const hosts: string[] = []

  async function answering(host: string): Promise<string> {
    const { port } = await keep(
      listenRaw((socket, request) => {
        hosts.push(/^Host: (.*)\r$/m.exec(request)?.[1] ?? '')
        socket.end(httpAnswer(200, 'ok'))
      }, host)
    )
    return `http://haproxy.invalid:${port}/admin`
  }

  test.each(['127.0.0.1', '::1'])('is where the host is reached: %s', async (address) => {
    const url = await answering(address)
    hosts.length = 0
    expect((await fetchFrom(url, {}, { address })).body).toBe('ok')
    expect(hosts).toEqual([new URL(url).host])
  })

  test('is the only one', async () => {
    const url = await answering('127.0.0.1')
    const { problem, message } = await failureIn(fetchFrom(url, {}, { address: '127.0.0.3' }))
    expect([problem, message]).toEqual([
      'refused',
      `Could not do it: ${new URL(url).host} refused the connection.`
    ])
  })

  test.each(['127.0.0.1', '::1'])(
    'is where the host is reached by a Node that tries one address only: %s',
    async (address) => {
      const url = await answering(address)
      const isDefault = getDefaultAutoSelectFamily()
      setDefaultAutoSelectFamily(false)
      try {
        expect((await fetchFrom(url, {}, { address })).body).toBe('ok')
      } finally {
        setDefaultAutoSelectFamily(isDefault)
      }
    }
  )
})

describe('TLS', () => {
  let authority: Authority
  let stranger: Authority
  let identity: Identity

  beforeAll(async () => {
    ;[authority, stranger] = await Promise.all([Authority.create(), Authority.create('stranger')])
    identity = await authority.issue('DNS:localhost,IP:127.0.0.1')
  })
  afterAll(async () => {
    await Promise.all([authority.remove(), stranger.remove()])
  })

  async function serve(options: TlsOptions): Promise<string> {
    const server = createTlsServer(options, (socket) => {
      socket.on('error', () => socket.destroy())
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    })
    server.on('tlsClientError', (_, socket) => {
      socket.destroy()
    })
    const { port } = await keep(listen(server))
    return `https://127.0.0.1:${port}/`
  }

  test('of an authority that nobody trusts is refused', async () => {
    expect(await problemAt(await serve(identity))).toEqual([
      'tls-unknown-issuer',
      'Could not do it: no trusted authority has signed the certificate of HOST.'
    ])
  })

  test('of an authority that is given is trusted', async () => {
    expect((await fetchFrom(await serve(identity), { ca: authority.cert })).body).toBe('ok')
  })

  test('of another authority than the given one is refused', async () => {
    const [problem] = await problemAt(await serve(identity), { ca: stranger.cert })
    expect(problem).toBe('tls-unknown-issuer')
  })

  test('is not verified when it is not to be', async () => {
    expect((await fetchFrom(await serve(identity), { verifyTls: false })).body).toBe('ok')
  })

  test('with a certificate that has expired is refused', async () => {
    const expired = await authority.issue('IP:127.0.0.1', -1)
    expect(await problemAt(await serve(expired), { ca: authority.cert })).toEqual([
      'tls-expired',
      'Could not do it: the certificate of HOST has expired.'
    ])
  })

  test('with a certificate for another name is refused', async () => {
    const other = await authority.issue('DNS:other.example')
    expect(await problemAt(await serve(other), { ca: authority.cert })).toEqual([
      'tls-wrong-name',
      'Could not do it: the certificate is not valid for HOST.'
    ])
  })

  test('to a host with a name verifies that name', async () => {
    const url = (await serve(identity)).replace('127.0.0.1', 'localhost')
    expect((await fetchFrom(url, { ca: authority.cert })).body).toBe('ok')
  })

  test.each([
    ['that address', 'IP:::1', undefined],
    ['another one', 'IP:::2', 'tls-wrong-name'],
    ['a name', 'DNS:localhost', 'tls-wrong-name']
  ])('to an IPv6 literal verifies the address (made out for %s)', async (_, names, expected) => {
    const six = await authority.issue(names)
    const server = createTlsServer(six, (socket) => {
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    })
    const { port } = await keep(listen(server, '::1'))
    const answer = fetchFrom(`https://[::1]:${port}/`, { ca: authority.cert })
    if (expected === undefined) {
      expect((await answer).body).toBe('ok')
    } else {
      expect((await failureIn(answer)).problem).toBe(expected)
    }
  })

  test('to an address that is given asks for the host and verifies its name', async () => {
    const named = await authority.issue('DNS:haproxy.invalid')
    const names: unknown[] = []
    const server = createTlsServer(named, (socket) => {
      names.push(socket.servername)
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'))
    })
    const { port } = await keep(listen(server))
    const url = `https://haproxy.invalid:${port}/`
    const request = { address: '127.0.0.1' }
    expect((await fetchFrom(url, { ca: authority.cert }, request)).body).toBe('ok')
    expect(names).toEqual(['haproxy.invalid'])
  })

  test('to an address that is given does not take a certificate for that address', async () => {
    const { port } = new URL(await serve(await authority.issue('IP:127.0.0.1')))
    const url = `https://haproxy.invalid:${port}/`
    const { problem } = await failureIn(
      fetchFrom(url, { ca: authority.cert }, { address: '127.0.0.1' })
    )
    expect(problem).toBe('tls-wrong-name')
  })

  test('leaves the client certificate to a page that asks for it', async () => {
    const options = { requestCert: true, rejectUnauthorized: true, ca: authority.cert }
    const url = await serve({ ...identity, ...options })
    const client = await authority.issue('DNS:client')
    const settings = { ca: authority.cert, clientCertificate: client.cert, clientKey: client.key }
    expect((await fetchFrom(url, settings)).body).toBe('ok')
  })

  test('to a port that speaks none says so', async () => {
    const { port } = await keep(
      listenRaw((socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'))
    )
    expect(await problemAt(`https://127.0.0.1:${port}/`)).toEqual([
      'tls-not-spoken',
      'Could not do it: HOST does not answer in TLS.'
    ])
  })

  test('whose page does not answer is waited for at the deadline', async () => {
    const { port } = await keep(listen(createTlsServer(identity, (socket) => socket.resume())))
    const settings = { ca: authority.cert, timeoutMs: 1_000 }
    expect(await problemAt(`https://127.0.0.1:${port}/`, settings)).toEqual([
      'timed-out',
      'Could not do it: no complete answer within 1 s (waiting for the answer).'
    ])
  })

  test('whose handshake is not answered is still being connected at the deadline', async () => {
    const { port } = await keep(listenRaw(() => undefined))
    const url = `https://127.0.0.1:${port}/`
    const { problem, message } = await failureIn(fetchFrom(url, { timeoutMs: 300 }))
    expect([problem, message]).toEqual([
      'timed-out',
      'Could not do it: no complete answer within 0.3 s (connecting).'
    ])
  })

  describe('through a proxy', () => {
    test('is verified with the given authority, from this end to HAProxy', async () => {
      const named = await authority.issue('DNS:haproxy.test')
      const target = new URL(await serve(named))
      await startProxy({ to: Number(target.port) })
      const url = 'https://haproxy.test/admin'
      expect((await fetchFrom(url, { ca: authority.cert })).body).toBe('ok')
      expect((await failureIn(fetchFrom(url))).problem).toBe('tls-unknown-issuer')
      expect((await fetchFrom(url, { verifyTls: false })).body).toBe('ok')
    })

    test.each([
      ['that address', 'IP:2001:db8::1', undefined],
      ['another one', 'IP:2001:db8::2', 'tls-wrong-name']
    ])('to an IPv6 literal is made out for %s', async (_, names, expected) => {
      const target = new URL(await serve(await authority.issue(names)))
      await startProxy({ to: Number(target.port) })
      const answer = fetchFrom('https://[2001:db8::1]/admin', { ca: authority.cert })
      if (expected === undefined) {
        expect((await answer).body).toBe('ok')
      } else {
        expect((await failureIn(answer)).problem).toBe(expected)
      }
    })

    test('shows the client certificate to HAProxy', async () => {
      const named = await authority.issue('DNS:haproxy.test')
      const options = { requestCert: true, rejectUnauthorized: true, ca: authority.cert }
      const target = new URL(await serve({ ...named, ...options }))
      await startProxy({ to: Number(target.port) })
      const client = await authority.issue('DNS:client')
      const settings = { ca: authority.cert, clientCertificate: client.cert, clientKey: client.key }
      expect((await fetchFrom('https://haproxy.test/admin', settings)).body).toBe('ok')
    })

    test('whose handshake is not answered ends at the deadline, and the tunnel with it', async () => {
      const { port } = await keep(listenRaw(() => undefined))
      const proxy = await startProxy({ to: port })
      const { problem } = await failureIn(
        fetchFrom('https://haproxy.test/admin', { timeoutMs: 300 })
      )
      expect(problem).toBe('timed-out')
      await until(() => proxy.sockets[0]?.destroyed === true)
    })
  })
})

interface ProxyPlan {
  /** The port that every tunnel leads to, no matter what it was asked for. */
  readonly to?: number
  /** What is answered instead of opening a tunnel; undefined: nothing at all. */
  readonly answer?: string
}

const asked: string[] = []

/** A proxy as `http_proxy` and `https_proxy` name it; it is named until the end of the test. */
async function startProxy({ to, answer }: ProxyPlan): Promise<Listener> {
  const server = createHttpServer()
  server.on('connect', ({ url = '' }, socket: Socket) => {
    asked.push(url)
    if (answer !== undefined) {
      socket.end(answer)
    } else if (to !== undefined) {
      const upstream = connect(to, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
        socket.pipe(upstream).pipe(socket)
      })
      upstream.on('error', () => socket.destroy())
      socket.on('close', () => upstream.destroy())
    } else {
      socket.on('end', () => socket.end()).resume()
    }
  })
  const proxy = await keep(listen(server))
  nameProxy(`http://127.0.0.1:${proxy.port}`)
  return proxy
}

const PROXY_VARIABLES = [
  'http_proxy',
  'https_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'no_proxy',
  'NO_PROXY'
]

function nameProxy(url: string): void {
  process.env['http_proxy'] = url
  process.env['https_proxy'] = url
}

describe('a proxy from the environment', () => {
  const before = new Map(PROXY_VARIABLES.map((name) => [name, process.env[name]]))

  beforeAll(() => {
    PROXY_VARIABLES.forEach((name) => Reflect.deleteProperty(process.env, name))
  })

  beforeEach(() => {
    asked.length = 0
  })

  afterAll(() => {
    for (const [name, value] of before) {
      if (value !== undefined) process.env[name] = value
    }
  })

  test('leads to HAProxy', async () => {
    const { port } = await keep(
      listenRaw((socket, request) => socket.end(httpAnswer(200, request.split('\r\n')[0])))
    )
    await startProxy({ to: port })
    expect((await fetchFrom('http://haproxy.test:8404/admin;csv')).body).toBe(
      'GET /admin;csv HTTP/1.1'
    )
    expect(asked).toEqual(['haproxy.test:8404'])
  })

  test('connects to the host, not to an address that is given', async () => {
    const { port } = await keep(listenRaw((socket) => socket.end(httpAnswer(200, 'ok'))))
    await startProxy({ to: port })
    const request = { address: '127.0.0.3' }
    expect((await fetchFrom('http://haproxy.test:8404/admin', {}, request)).body).toBe('ok')
    expect(asked).toEqual(['haproxy.test:8404'])
  })

  test('is passed by on the way to this machine', async () => {
    const { port } = await keep(listenRaw((socket) => socket.end(httpAnswer(200, 'direct'))))
    await startProxy({ answer: 'HTTP/1.1 403 Forbidden\r\n\r\n' })
    expect((await fetchFrom(`http://127.0.0.1:${port}/`)).body).toBe('direct')
    expect(asked).toEqual([])
  })

  test.each([403, 407, 502])('that refuses with HTTP %i is named as the cause', async (status) => {
    await startProxy({ answer: `HTTP/1.1 ${status} No\r\n\r\n` })
    const { problem, message } = await failureIn(fetchFrom('http://haproxy.test/admin'))
    expect([problem, message]).toEqual([
      'proxy-refused',
      `Could not do it: the proxy did not connect (statusCode=${status}).`
    ])
  })

  test('that goes on where the tunnel should begin is named as the cause', async () => {
    await startProxy({ answer: 'HTTP/1.1 200 OK\r\n\r\n<html>' })
    const { problem, message } = await failureIn(fetchFrom('http://haproxy.test/admin'))
    expect([problem, message]).toEqual([
      'proxy-refused',
      'Could not do it: the proxy did not answer as one that connects.'
    ])
  })

  test('that is not there is named as the cause', async () => {
    const port = await freePort()
    nameProxy(`http://127.0.0.1:${port}`)
    const { problem, message } = await failureIn(fetchFrom('https://haproxy.test/admin'))
    expect([problem, message]).toEqual([
      'proxy-refused',
      `Could not do it: the proxy did not connect (cause=connect ECONNREFUSED 127.0.0.1:${port}).`
    ])
  })

  test.each(['http', 'https'])(
    'that never answers ends at the deadline, and its connection with it (%s)',
    async (scheme) => {
      const proxy = await startProxy({})
      const url = `${scheme}://haproxy.test/admin`
      const { problem, message } = await failureIn(fetchFrom(url, { timeoutMs: 300 }))
      expect([problem, message]).toEqual([
        'timed-out',
        'Could not do it: no complete answer within 0.3 s (connecting through the proxy).'
      ])
      await until(() => proxy.sockets[0]?.destroyed === true)
    }
  )

  test('that never answers is given up with the reason of the signal', async () => {
    await startProxy({})
    const controller = new AbortController()
    const reason = new Error('the reason')
    const answer = expect(
      fetchFrom('http://haproxy.test/admin', {}, { signal: controller.signal })
    ).rejects.toBe(reason)
    await until(() => asked.length === 1)
    controller.abort(reason)
    await answer
  })

  test('that opened the tunnel is not the one that is waited for', async () => {
    const { port } = await keep(listenRaw(() => undefined))
    await startProxy({ to: port })
    const { message } = await failureIn(fetchFrom('http://haproxy.test/', { timeoutMs: 300 }))
    expect(message).toBe(
      'Could not do it: no complete answer within 0.3 s (waiting for the answer).'
    )
  })
})

describe('a process that made a request', () => {
  const transport = fileURLToPath(new URL('../../src/haproxy/transport.ts', import.meta.url))

  /** Runs one exchange in a process of its own and tells how that process ended by itself. */
  async function end(url: string, timeoutMs: number, env: object = {}): Promise<string> {
    const settings = JSON.stringify({ ...SETTINGS, timeoutMs })
    const program = `
      import { exchange } from ${JSON.stringify(transport)}
      const signal = new AbortController().signal
      const request = { method: 'GET', url: new URL(${JSON.stringify(url)}), signal, attempt: 'x' }
      try {
        const { body } = await exchange(request, ${settings})
        console.log(body)
      } catch (error) {
        console.log(error.problem)
      }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], NODE_NO_WARNINGS: '1', ...env }
    })
    let output = ''
    child.stdout.on('data', (text) => (output += String(text)))
    const killer = setTimeout(() => child.kill('SIGKILL'), 20_000)
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
    clearTimeout(killer)
    return `${output.trim()}, then exit ${String(code ?? signal)}`
  }

  test('is free to end when it has its answer, long before the deadline', async () => {
    const { port } = await keep(listenRaw((socket) => socket.write(httpAnswer(200, 'ok'))))
    expect(await end(`http://127.0.0.1:${port}/`, 600_000)).toBe('ok, then exit 0')
  })

  test('is free to end at the deadline of a page that never answers', async () => {
    const { port } = await keep(listen(createServer()))
    expect(await end(`http://127.0.0.1:${port}/`, 300)).toBe('timed-out, then exit 0')
  })

  test.each(['http', 'https'])(
    'is free to end at the deadline of a proxy that never answers (%s)',
    async (scheme) => {
      const { port } = await keep(listen(createServer()))
      const proxy = `http://127.0.0.1:${port}`
      const env = { http_proxy: proxy, https_proxy: proxy }
      expect(await end(`${scheme}://haproxy.test/`, 300, env)).toBe('timed-out, then exit 0')
    }
  )

  test('is free to end after a proxy that refused', async () => {
    const server = createHttpServer()
    server.on('connect', (_, socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'))
    const { port } = await keep(listen(server))
    const env = { http_proxy: `http://127.0.0.1:${port}` }
    expect(await end('http://haproxy.test/', 600_000, env)).toBe('proxy-refused, then exit 0')
  })
})
