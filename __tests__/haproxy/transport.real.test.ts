import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { fetchFrom, problemAt } from './fetch-from.ts'
import { type Farm, startFarm } from '../support/farm.ts'
import { freePort } from '../support/ports.ts'
import { httpAnswer, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { until } from '../support/until.ts'
import { Authority, type Identity } from './certificates.ts'
import { failureIn } from './failure.ts'

describe('a request to HAProxy', () => {
  let farm: Farm
  let faultProxy: FaultProxy

  beforeAll(async () => {
    farm = await startFarm({ servers: 1, settle: false })
    faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
  })
  beforeEach(() => {
    faultProxy.reset()
    faultProxy.fault = undefined
  })
  afterAll(async () => {
    await faultProxy.stop()
    await farm.stop()
  })

  const url = (): string => faultProxy.through(farm.statsUrl)
  const form = { method: 'POST', body: 's=app1&b=web&action=ready' } as const

  test('is answered with status and body', async () => {
    const answer = await fetchFrom(`${url()};csv`)
    expect(answer.status).toBe(200)
    expect(answer.location).toBeUndefined()
    expect(answer.body).toMatch(/^# pxname,svname,.*\n.*\nstats,BACKEND,|\nweb,app1,/s)
  })

  test('that changes something is answered with a redirect, which is not followed', async () => {
    expect(await fetchFrom(url(), {}, form)).toMatchObject({
      status: 303,
      location: '/admin;st=DONE',
      body: ''
    })
    expect(faultProxy.requests).toHaveLength(1)
  })

  test('comes on a connection of its own, every time', async () => {
    await fetchFrom(url())
    await fetchFrom(url(), {}, form)
    await fetchFrom(url())
    expect(faultProxy.connections.map(({ requests }) => requests)).toEqual([1, 1, 1])
    expect(faultProxy.requests.map(({ headers }) => headers['connection'])).toEqual([
      'close',
      'close',
      'close'
    ])
  })

  test('with a body has its length, its type and nothing that HAProxy stumbles over', async () => {
    await fetchFrom(url(), {}, { ...form, authorization: 'Basic eA==' })
    const [request] = faultProxy.requests
    expect(request).toMatchObject({ method: 'POST', path: '/admin', body: form.body })
    expect(request?.inOneRead).toBe(true)
    expect(request?.headers).toEqual({
      authorization: 'Basic eA==',
      connection: 'close',
      'content-length': String(form.body.length),
      'content-type': 'application/x-www-form-urlencoded',
      host: `127.0.0.1:${faultProxy.port}`,
      // On a runner of GitHub, the client adds what the runner is busy with.
      'user-agent': expect.stringMatching(/^haproxy-server-state( |$)/)
    })
  })

  test('with a large body comes in one write too', async () => {
    const body = `b=web&action=ready${'&s=app1'.repeat(1_980)}`
    expect(await fetchFrom(url(), {}, { method: 'POST', body })).toMatchObject({ status: 303 })
    expect(faultProxy.requests[0]?.headers['content-length']).toBe(String(body.length))
    expect(faultProxy.requests[0]?.body).toBe(body)
  })

  test('whose body has many-byte characters counts bytes', async () => {
    await fetchFrom(url(), {}, { method: 'POST', body: 'x=ö🔑' })
    expect(faultProxy.requests[0]?.headers['content-length']).toBe('8')
    expect(faultProxy.requests[0]?.body).toBe('x=ö🔑')
  })

  test('without a body has neither length nor type nor credentials', async () => {
    await fetchFrom(`${url()};csv;scope=web`)
    expect(faultProxy.requests[0]).toMatchObject({ method: 'GET', path: '/admin;csv;scope=web' })
    expect(Object.keys(faultProxy.requests[0]?.headers ?? {}).sort()).toEqual([
      'connection',
      'host',
      'user-agent'
    ])
  })

  test.each([301, 302, 303, 307, 308])('answered by HTTP %i leads nowhere else', async (status) => {
    const bytes = httpAnswer(status, 'go', { Location: `${url()}/other` })
    faultProxy.fault = () => ({ kind: 'answer', bytes })
    expect(await fetchFrom(url())).toEqual({ status, location: `${url()}/other`, body: 'go' })
    expect(faultProxy.requests).toHaveLength(1)
  })

  test.each([401, 403, 500, 502, 503, 504])('answered by HTTP %i is made once', async (status) => {
    faultProxy.fault = () => ({ kind: 'answer', bytes: httpAnswer(status, 'no') })
    expect(await fetchFrom(url())).toMatchObject({ status, location: undefined, body: 'no' })
    expect(faultProxy.connections).toHaveLength(1)
  })

  test('that gets no answer ends at the deadline', async () => {
    faultProxy.fault = () => ({ kind: 'silence' })
    const { problem, message } = await failureIn(fetchFrom(url(), { timeoutMs: 300 }))
    expect([problem, message]).toEqual([
      'timed-out',
      'Could not do it: no complete answer within 0.3 s (waiting for the answer).'
    ])
  })

  test('whose answer stops within its headers ends at the deadline', async () => {
    faultProxy.fault = () => ({ kind: 'stall-headers' })
    const { message } = await failureIn(fetchFrom(url(), { timeoutMs: 300 }))
    expect(message).toBe(
      'Could not do it: no complete answer within 0.3 s (waiting for the answer).'
    )
  })

  test('whose answer stops within its body ends at the deadline', async () => {
    faultProxy.fault = () => ({ kind: 'stall-body' })
    const { problem, message } = await failureIn(fetchFrom(url(), { timeoutMs: 300 }))
    expect([problem, message]).toEqual([
      'timed-out',
      'Could not do it: no complete answer within 0.3 s (reading the answer).'
    ])
  })

  test('may have a deadline that is shorter than usual, never a longer one', async () => {
    faultProxy.fault = () => ({ kind: 'silence' })
    const shorter = await failureIn(fetchFrom(url(), { timeoutMs: 9_000 }, { timeoutMs: 200 }))
    const longer = await failureIn(fetchFrom(url(), { timeoutMs: 210 }, { timeoutMs: 9_000 }))
    expect(shorter.message).toContain('within 0.2 s')
    expect(longer.message).toContain('within 0.21 s')
  })

  test.each(['refuse', 'reset-before', 'reset-after'] as const)(
    'that is answered by a reset (%s) says so',
    async (kind) => {
      faultProxy.fault = () => ({ kind })
      const { problem, message } = await failureIn(fetchFrom(url()))
      expect([problem, message]).toEqual([
        'reset',
        `Could not do it: 127.0.0.1:${faultProxy.port} closed the connection without an answer.`
      ])
      expect(faultProxy.connections).toHaveLength(1)
    }
  )

  test('whose connection ends in order without an answer says so', async () => {
    faultProxy.fault = () => ({ kind: 'answer', bytes: Buffer.alloc(0) })
    expect((await failureIn(fetchFrom(url()))).problem).toBe('reset')
  })

  test('whose answer breaks off says so', async () => {
    faultProxy.fault = () => ({ kind: 'truncate' })
    const { problem, message } = await failureIn(fetchFrom(`${url()};csv`))
    expect([problem, message]).toEqual(['truncated', 'Could not do it: the answer broke off.'])
  })

  test('that is refused says so', async () => {
    const port = await freePort()
    const { problem, message } = await failureIn(fetchFrom(`http://127.0.0.1:${port}/`))
    expect([problem, message]).toEqual([
      'refused',
      `Could not do it: 127.0.0.1:${port} refused the connection.`
    ])
  })

  test('in TLS to a port without it says so', async () => {
    const { problem, message } = await failureIn(
      fetchFrom(farm.statsUrl.replace('http:', 'https:'))
    )
    expect([problem, message]).toEqual([
      'tls-not-spoken',
      `Could not do it: ${new URL(farm.statsUrl).host} does not answer in TLS.`
    ])
  })

  // A timer that is left behind keeps the whole step from ending until it fires. Other timers come and
  // go meanwhile, but not as many.
  test.each(['answer', 'reset-before'] as const)(
    'that ends before its deadline leaves no timer behind it (%s)',
    async (kind) => {
      const timers = (): number =>
        process.getActiveResourcesInfo().filter((resource) => resource === 'Timeout').length
      faultProxy.fault = () => ({ kind, bytes: httpAnswer(200) })
      const before = timers()
      const attempts = Array.from({ length: 20 }, () => fetchFrom(url()))
      await Promise.allSettled(attempts)
      expect(timers()).toBeLessThan(before + attempts.length / 2)
    }
  )

  describe('that is ended early', () => {
    const reason = new Error('the reason')

    test('is never made when it was ended before', async () => {
      const signal = AbortSignal.abort(reason)
      await expect(fetchFrom(url(), {}, { signal })).rejects.toBe(reason)
      expect(faultProxy.connections).toHaveLength(0)
    })

    test.each(['silence', 'stall-headers', 'stall-body'] as const)(
      'ends with the reason of its signal (%s)',
      async (kind) => {
        const controller = new AbortController()
        faultProxy.fault = () => ({ kind })
        const answer = expect(
          fetchFrom(`${url()};csv`, {}, { signal: controller.signal })
        ).rejects.toBe(reason)
        await until(() => faultProxy.requests.length === 1)
        controller.abort(reason)
        await answer
      }
    )

    test('has nothing to say once it is answered', async () => {
      const controller = new AbortController()
      const answer = await fetchFrom(url(), {}, { signal: controller.signal })
      controller.abort(reason)
      expect(answer.status).toBe(200)
    })
  })
})

describe('TLS of a real HAProxy', () => {
  let authority: Authority
  let stranger: Authority
  let identity: Identity
  let farm: Farm

  beforeAll(async () => {
    ;[authority, stranger] = await Promise.all([Authority.create(), Authority.create('stranger')])
    identity = await authority.issue('DNS:localhost,IP:127.0.0.1')
  })
  afterAll(async () => {
    await Promise.all([authority.remove(), stranger.remove()])
  })
  afterEach(() => farm.stop())

  async function start(bind: string): Promise<void> {
    farm = await startFarm({ servers: 1, settle: false, statsBindOptions: bind })
  }

  test('carries reads and changes', async () => {
    await start(`ssl crt ${identity.file}`)
    const settings = { ca: authority.cert }
    const form = { method: 'POST', body: 's=app1&b=web&action=maint' } as const
    expect((await fetchFrom(farm.statsUrl, settings, form)).location).toBe('/admin;st=DONE')
    expect((await fetchFrom(`${farm.statsUrl};csv`, settings)).body).toContain('\nweb,app1,')
  })

  test('asked without TLS closes the connection', async () => {
    await start(`ssl crt ${identity.file}`)
    const [problem] = await problemAt(farm.statsUrl.replace('https:', 'http:'))
    expect(problem).toBe('reset')
  })

  test('that wants a client certificate gets it', async () => {
    await start(`ssl crt ${identity.file} ca-file ${authority.file} verify required`)
    const client = await authority.issue('DNS:client')
    const settings = { ca: authority.cert, clientCertificate: client.cert, clientKey: client.key }
    expect((await fetchFrom(`${farm.statsUrl};csv`, settings)).status).toBe(200)
  })

  test.each(['TLSv1.2', 'TLSv1.3'])(
    'that wants a client certificate says so when it gets none (%s)',
    async (version) => {
      const verify = `ca-file ${authority.file} verify required`
      await start(
        `ssl crt ${identity.file} ${verify} ssl-min-ver ${version} ssl-max-ver ${version}`
      )
      expect(await problemAt(farm.statsUrl, { ca: authority.cert })).toEqual([
        'tls-client-certificate',
        'Could not do it: HOST broke off the TLS handshake, as it does when it wants a client certificate.'
      ])
    }
  )

  test('that trusts another authority says so when it gets a certificate of ours', async () => {
    await start(`ssl crt ${identity.file} ca-file ${stranger.file} verify required`)
    const client = await authority.issue('DNS:client')
    const settings = { ca: authority.cert, clientCertificate: client.cert, clientKey: client.key }
    expect(await problemAt(farm.statsUrl, settings)).toEqual([
      'tls-client-certificate',
      'Could not do it: HOST did not accept the client certificate.'
    ])
  })
})
