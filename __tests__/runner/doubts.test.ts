import { beforeEach, describe, expect, test } from '@jest/globals'
import { Instance } from '../../src/rotation/instance.ts'
import type { Other } from '../../src/rotation/same-address.ts'
import { explainDoubt } from '../../src/runner/doubts.ts'
import { server } from '../support/imitated-page.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { pageStarter } from './imitated-pages.ts'
import { backendSeen, instanceAt } from './seen.ts'

const start = pageStarter()
let first: Instance
let second: Instance
beforeEach(() => {
  first = instanceAt('http://lb1/admin')
  second = instanceAt('http://lb2/admin')
})

function othersOf(...names: readonly string[]): Other[] {
  return backendSeen(
    names.map((svname) => ({ pxname: 'api', svname })),
    first
  ).targets.map(({ before }) => ({ instance: first, server: before }))
}

describe('what is not proven is explained:', () => {
  test('a process that answers is not shown', () => {
    expect(explainDoubt({ kind: 'process unknown', instances: [first, second] })).toBe(
      'Which process answers is not shown at http://lb1/admin, http://lb2/admin, so a reload would go unnoticed: ' +
        'let this user read the HTML page as well.'
    )
  })

  test('a process that may be older', () => {
    expect(explainDoubt({ kind: 'process unclear', instances: [first, second] })).toBe(
      'Another process of HAProxy answers at http://lb1/admin, http://lb2/admin than when this step began, and it may be older than the step: run the step again.'
    )
  })

  test('a young process, by its age when it was first seen', async () => {
    const clock = new FakeClock()
    const pages = await Promise.all([start(server('a')), start(server('a'))])
    const instances = await Promise.all(
      pages.map(async (page, index) => {
        page.now = () => clock.now()
        page.process = { pid: 8, startedAt: clock.now() - 90_000 * (index + 1) }
        const instance = new Instance(page.page, clock)
        await instance.identify({ signal: new AbortController().signal })
        return instance
      })
    )
    clock.pass(60_000)
    const [one = '', two = ''] = pages.map(({ url }) => url)
    expect(explainDoubt({ kind: 'young process', instances: [...instances, first] })).toBe(
      `HAProxy was started less than an hour ago (1m30s at ${one}, 3m at ${two}), and a process from before may ` +
        'still hold requests: set `hard-stop-after` in haproxy.cfg and give the same value as the input hard-stop-after.'
    )
  })

  test('an agent check', () => {
    const { targets } = backendSeen([{ svname: 'a' }, { svname: 'b' }], first)
    expect(explainDoubt({ kind: 'agent check', targets })).toBe(
      'An agent check may bring web/a, web/b on http://lb1/admin back: run action: dagent before this step, and action: eagent once the server is back.'
    )
  })

  test('others at the same address', () => {
    expect(explainDoubt({ kind: 'same address', others: othersOf('a', 'b') })).toBe(
      'Also at the same address: api/a on http://lb1/admin (UP), api/b on http://lb1/admin (UP). Take every server at that address out in the same step.'
    )
  })

  test('others of the same name', () => {
    expect(explainDoubt({ kind: 'same name', others: othersOf('a') })).toBe(
      'api/a on http://lb1/admin (UP) may be the same application, and the page does not show its address: name ' +
        "its backend, use backend: '*', or put `stats show-legends` into haproxy.cfg."
    )
  })

  test('too few that serve', () => {
    expect(explainDoubt({ kind: 'too few serve', backends: ['web on A', 'api on B'] })).toBe(
      'Fewer other servers are up now than min-up asks for: bring another one back in web on A, api on B.'
    )
  })

  test('sessions that are allowed', () => {
    expect(explainDoubt({ kind: 'max sessions' })).toBe(
      'Sessions may remain, because max-sessions allows them; set it to 0 for proof.'
    )
  })
})
