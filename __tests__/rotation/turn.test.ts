import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals'
import type { HaproxyError } from '../../src/haproxy/errors.ts'
import { type Backend, targetsOf } from '../../src/rotation/backend.ts'
import type { Found } from '../../src/rotation/find.ts'
import type { MinUp } from '../../src/rotation/min-up.ts'
import { takeOut } from '../../src/rotation/take-out.ts'
import { mayWait, takeTurn, type Turn } from '../../src/rotation/turn.ts'
import { failureIn } from '../haproxy/failure.ts'
import { type ImitatedPage, server } from '../support/imitated-page.ts'
import { find, TAKE_OUT } from './found.ts'
import { type Stage, stageSetter } from './stage.ts'

const set = stageSetter()

let stage: Stage
let page: ImitatedPage
/** What was about to be claimed. */
let claims: string[][]
/** What was asked for, over every search. */
let asked: string[]
/** What another run does just before the first claim arrives. */
let beforeClaim: () => void

beforeEach(async () => {
  stage = set()
  page = await stage.page(server('a'), server('b'), server('c'))
  claims = []
  asked = []
  beforeClaim = () => undefined
  page.before = (request) => {
    const form = new URLSearchParams(request.replace('POST ', ''))
    if (request.startsWith('POST ')) {
      if (asked.length === 0) beforeClaim()
      asked.push(`${form.get('action') ?? ''} ${form.getAll('s').join(', ')}`)
    }
    return undefined
  }
  jest.spyOn(Math, 'random').mockReturnValue(0.5)
})

afterEach(() => {
  jest.restoreAllMocks()
})

async function search(targets: readonly string[] = ['web/a']): Promise<Found> {
  const backends = await find(stage, page, { targets })
  return { backends, shared: TAKE_OUT.shared }
}

function turn({
  minUp = 'all',
  timeoutMs = 60_000,
  targets = ['web/a']
}: { minUp?: MinUp; timeoutMs?: number; targets?: readonly string[] } = {}): Promise<Turn> {
  const onClaim = (all: readonly { readonly name: string }[]): void => {
    claims.push(all.map(({ name }) => name))
  }
  return takeTurn(() => search(targets), { minUp, timeoutMs, pollMs: 1_000, onClaim }, stage)
}

const failure = (...given: Parameters<typeof turn>): Promise<HaproxyError> =>
  failureIn(turn(...given))

function statusesIn({ found }: Turn): string[] {
  return targetsOf(found.backends).map(({ now }) => now.status)
}

const waitLines = (): string[] =>
  stage.lines.filter((line) => line.startsWith('info: Waiting for a turn'))

/** Another run, which sees this one's claim as this one sees the other's. */
function claimB(): void {
  page.server('b').set({ drain: true }, stage.clock.now())
}
function withdrawB(): void {
  page.server('b').set({ drain: false }, stage.clock.now())
}

/** Ends the maint of a server of `web`, and has it pass its checks. */
function bringBack(name: string): void {
  page.server(name).set({ maint: false }, stage.clock.now())
  page.server(name).check()
  page.server(name).check()
}

describe('a turn', () => {
  test('comes at once where all others serve, after a pause, and is claimed', async () => {
    const mine = await turn()
    expect([mine.isClaimed, statusesIn(mine)]).toEqual([true, ['DRAIN']])
    expect(asked).toEqual(['drain a'])
    expect([stage.clock.sleeps, claims]).toEqual([[500], [['web/a']]])
  })

  test('is not needed for a server that serves nobody', async () => {
    page.server('a').set({ maint: true }, 0)
    page.server('b').set({ maint: true }, 0)
    expect((await turn()).isClaimed).toBe(false)
    expect([asked, claims]).toEqual([[], []])
  })

  test('is waited for while another server is out, and until then nothing is touched', async () => {
    page.server('b').set({ maint: true }, stage.clock.now() - 60_000)
    stage.at(20_000, () => {
      expect(asked).toEqual([])
      bringBack('b')
    })
    expect(statusesIn(await turn())).toEqual(['DRAIN'])
    expect(asked).toEqual(['drain a'])
    expect(stage.short(waitLines()[0] ?? '')).toBe(
      'info: Waiting for a turn for up to 1m. Without a the backend web on P1 would have 1 serving server (c), and needs 2 (all others); not counted: b (MAINT for 1m).'
    )
    expect(waitLines()).toHaveLength(1)
  })

  test('is waited for with a line when who is missing changes, and a heartbeat', async () => {
    page.server('b').set({ maint: true }, 0)
    stage.at(5_000, () => (page.server('c').cells = { status: 'DOWN' }))
    await failure({ timeoutMs: 70_000 })
    expect(waitLines()).toHaveLength(4)
  })

  test('is waited for with another line when another server is missing', async () => {
    page.server('b').set({ maint: true }, stage.clock.now())
    stage.at(5_000, () => {
      bringBack('b')
      page.server('c').set({ maint: true }, stage.clock.now())
    })
    await failure({ timeoutMs: 20_000 })
    expect(waitLines().map((line) => line.split('not counted: ')[1])).toEqual([
      'b (MAINT).',
      'c (MAINT).'
    ])
  })

  test('that others take during the pause is waited for anew', async () => {
    stage.at(400, () => page.server('b').set({ maint: true }, stage.clock.now()))
    stage.at(20_000, () => {
      expect(claims).toEqual([])
      bringBack('b')
    })
    expect((await turn()).isClaimed).toBe(true)
    expect(asked).toEqual(['drain a'])
  })

  test('that does not come in time names who was missing, and for how long', async () => {
    page.server('b').set({ maint: true }, stage.clock.now())
    const { problem, message, advice } = await failure()
    expect([problem, stage.short(message), advice]).toEqual([
      'guard-refused',
      'No turn within 1m: Without a the backend web on P1 would have 1 serving server (c), and needs 2 (all others); not counted: b (MAINT for 1m).',
      'Bring another server back first.'
    ])
    expect([asked, claims]).toEqual([[], []])
  })

  test('that can never come is refused at once', async () => {
    const { problem, advice } = await failure({ minUp: 3 })
    expect([problem, advice]).toEqual(['guard-refused', 'Add a server, or name fewer at a time.'])
    expect([stage.clock.sleeps, asked]).toEqual([[], []])
  })

  test('that cannot come any more advises to add a server', async () => {
    page.server('b').set({ maint: true }, 0)
    stage.at(10_000, () => page.servers.splice(2))
    const { problem, message, advice } = await failure({ minUp: 2 })
    expect(message).toMatch(/^No turn within 1m: Without a /)
    expect([problem, advice]).toEqual(['guard-refused', 'Add a server, or name fewer at a time.'])
  })

  test('does not come while the page cannot be read', async () => {
    page.server('b').set({ maint: true }, 0)
    stage.at(10_000, () => (page.before = () => 'reset'))
    const { problem, message, advice } = await failure()
    expect(problem).toBe('no-turn')
    expect(message).toMatch(/^No turn within 1m: Could not read the statistics page /)
    expect(advice).toContain('try https:// in the URL')
  })

  test('that comes too late is no reason to bring another server back', async () => {
    const { problem, message, advice } = await failure({ timeoutMs: 0 })
    expect([problem, message, advice]).toEqual([
      'no-turn',
      'No turn within 0s: enough others serve now, but the time is up.',
      ''
    ])
    expect([asked, claims]).toEqual([[], []])
  })

  test('is given up when the run is cancelled', async () => {
    page.server('b').set({ maint: true }, 0)
    const reason = new Error('cancelled')
    stage.at(10_000, () => {
      stage.cancel.abort(reason)
    })
    await expect(turn()).rejects.toBe(reason)
    expect(asked).toEqual([])
  })
})

describe('of two runs that claim at the same moment', () => {
  test('the one with the lower name keeps its claim, and takes its server out once the other has withdrawn', async () => {
    beforeClaim = claimB
    stage.at(1_500, withdrawB)
    const mine = await turn()
    expect([mine.isClaimed, asked]).toEqual([true, ['drain a']])
    await takeOut(mine.found.backends, { ...TAKE_OUT, state: 'maint', isClaimed: true }, stage)
    expect(asked).toEqual(['drain a', 'maint a'])
  })

  test('the one with the higher name withdraws, and begins again', async () => {
    beforeClaim = () => page.server('a').set({ drain: true }, 0)
    stage.at(5_000, () => page.server('a').set({ drain: false }, 0))
    const mine = await turn({ targets: ['web/b'] })
    expect([mine.isClaimed, asked]).toEqual([true, ['drain b', 'start b', 'drain b']])
    expect(stage.lines).toContain(
      'info: Too few others were left after the claim, so it was withdrawn.'
    )
    expect(claims).toEqual([['web/b'], [], ['web/b']])
  })

  test('the one with the higher name does not wait for the other one', async () => {
    beforeClaim = () => page.server('a').set({ drain: true }, 0)
    stage.at(1_500, () => page.server('a').set({ drain: false }, 0))
    await turn({ targets: ['web/b'] })
    expect(asked).toEqual(['drain b', 'start b', 'drain b'])
  })

  test('the lower one withdraws where the other one does not within 3 s', async () => {
    beforeClaim = claimB
    const { message } = await failure({ timeoutMs: 20_000 })
    expect(asked).toEqual(['drain a', 'start a'])
    expect(stage.short(message)).toContain('not counted: b (DRAIN).')
    expect(stage.short(message)).toMatch(/^No turn within 20s: /)
  })

  test('none keeps its claim where another server is out for good', async () => {
    beforeClaim = () => {
      claimB()
      page.server('c').set({ maint: true }, 0)
    }
    stage.at(2_000, withdrawB)
    await failure({ timeoutMs: 20_000 })
    expect(asked).toEqual(['drain a', 'start a'])
  })

  test('the lower one withdraws at once where another server is out, too', async () => {
    page.servers.push(server('d'))
    beforeClaim = () => {
      claimB()
      page.server('c').set({ maint: true }, 0)
    }
    stage.at(1_500, () => {
      withdrawB()
      bringBack('c')
    })
    await turn()
    expect(asked).toEqual(['drain a', 'start a', 'drain a'])
  })

  test('the lower one withdraws at once where another backend cannot do with its others', async () => {
    page.servers.push(...['a', 'b', 'c'].map((name) => server(name, { backend: 'api' })))
    beforeClaim = () => {
      claimB()
      page.server('b', 'api').cells = { status: 'DOWN' }
    }
    stage.at(1_500, () => {
      withdrawB()
      page.server('b', 'api').cells = {}
    })
    await turn({ targets: ['web/a', 'api/a'] })
    expect(asked.slice(0, 4)).toEqual(['drain a', 'drain a', 'start a', 'start a'])
  })

  describe('where nobody else serves, the lower one', () => {
    beforeEach(() => {
      page.servers.splice(2)
      beforeClaim = claimB
    })

    test('waits for the other one to withdraw', async () => {
      stage.at(700, withdrawB)
      await turn()
      expect(asked).toEqual(['drain a'])
    })

    test('waits for a moment only', async () => {
      stage.at(1_500, withdrawB)
      await turn()
      expect(asked).toEqual(['drain a', 'start a', 'drain a'])
    })

    test('waits longer where looks take long', async () => {
      const { before } = page
      page.before = (request, number) => {
        if (request.includes('scope=')) stage.clock.pass(200)
        return before(request, number)
      }
      stage.at(1_050, withdrawB)
      await turn()
      expect(asked).toEqual(['drain a'])
    })

    test('waits for a moment only, even if somebody serves in another backend', async () => {
      const api = ['a', 'b', 'c'].map((name) => server(name, { backend: 'api' }))
      page.servers.push(...api)
      const drainAll = (drain: boolean): void => {
        page.servers.filter(({ name }) => name === 'b').forEach((each) => each.set({ drain }, 0))
      }
      beforeClaim = () => {
        drainAll(true)
      }
      stage.at(1_500, () => {
        drainAll(false)
      })
      await turn({ targets: ['web/a', 'api/a'] })
      expect(asked.slice(0, 4)).toEqual(['drain a', 'drain a', 'start a', 'start a'])
    })
  })

  test('both keep it where enough others serve', async () => {
    beforeClaim = claimB
    expect((await turn({ minUp: 1 })).isClaimed).toBe(true)
    expect(asked).toEqual(['drain a'])
  })

  test('the one that holds its turn is not disturbed by a claim that comes later', async () => {
    const mine = await turn()
    claimB()
    stage.at(1_500, withdrawB)
    const order = { ...TAKE_OUT, state: 'maint', isClaimed: true, minUp: 'all' } as const
    expect((await takeOut(mine.found.backends, order, stage)).kind).toBe('safe to stop')
    expect(asked).toEqual(['drain a', 'maint a'])
  })

  test('the one that holds its turn gives it up where the other one stays', async () => {
    const mine = await turn()
    claimB()
    const order = { ...TAKE_OUT, state: 'maint', isClaimed: true, minUp: 'all' } as const
    const { problem } = await failureIn(takeOut(mine.found.backends, order, stage))
    expect([problem, asked]).toEqual(['guard-refused', ['drain a', 'maint a', 'enable a']])
  })
})

describe('a claim', () => {
  test('that is cancelled is withdrawn', async () => {
    beforeClaim = claimB
    const { HaproxyError: Failure } = await import('../../src/haproxy/errors.ts')
    stage.at(1_000, () => {
      stage.cancel.abort(new Failure('cancelled', 'Cancelled.'))
    })
    const { problem } = await failure()
    expect([problem, asked]).toEqual(['cancelled', ['drain a', 'start a']])
  })

  test('that an operator ends is not made again', async () => {
    beforeClaim = () => {
      queueMicrotask(() => page.server('a').set({ drain: false }, 0))
    }
    const { problem } = await failure()
    expect([problem, asked]).toEqual(['changed-meanwhile', ['drain a']])
  })

  test('of a drain is the drain', async () => {
    const { found, isClaimed } = await turn()
    const backends: readonly Backend[] = found.backends
    const order = { ...TAKE_OUT, isClaimed, minUp: 'all' } as const
    expect((await takeOut(backends, order, stage)).kind).toBe('drained')
    expect(asked).toEqual(['drain a'])
  })

  test('that an operator turns into maint is left as it is', async () => {
    beforeClaim = () => {
      queueMicrotask(() => page.server('a').set({ maint: true, drain: false }, 0))
    }
    const { problem } = await failure()
    expect([problem, asked, page.server('a').maint]).toEqual([
      'changed-meanwhile',
      ['drain a'],
      true
    ])
  })

  test('that a reload has taken is made again', async () => {
    beforeClaim = () => {
      queueMicrotask(() => {
        page.reload()
        for (const name of ['a', 'b', 'c']) {
          page.server(name).check()
          page.server(name).check()
        }
      })
    }
    expect((await turn()).isClaimed).toBe(true)
    expect(asked).toEqual(['drain a', 'start a', 'drain a'])
  })

  test('of which the maint never arrives is rolled back', async () => {
    const { found, isClaimed } = await turn()
    page.before = (request) => {
      const form = new URLSearchParams(request.replace('POST ', ''))
      if (request.startsWith('POST ')) asked.push(form.get('action') ?? '')
      return request.includes('action=maint') ? 'reset' : undefined
    }
    const order = { ...TAKE_OUT, state: 'maint', isClaimed, minUp: 'all' } as const
    await failureIn(takeOut(found.backends, order, stage))
    expect(asked.slice(-2)).toEqual(['enable', 'start'])
    expect(page.server('a')).toMatchObject({ maint: false, drain: false })
  })

  test('is made of servers that take traffic only, for a drain that DOWN hides is not ours', async () => {
    page.servers.push(server('d', { down: true, admin: 'drain' }))
    const { found } = await turn({ minUp: 1, targets: ['web/a', 'web/d'] })
    expect([asked, targetsOf(found.backends).length]).toEqual([['drain a'], 2])
  })

  test('of another run for the same server is waited for, and not taken for the state of before', async () => {
    page.server('a').set({ drain: true }, 0)
    stage.at(2_000, () => page.server('a').set({ drain: false }, 0))
    const { found } = await turn()
    expect(targetsOf(found.backends).map(({ before }) => before.status)).toEqual(['UP'])
  })

  test('of another run for one server of several is waited for as well', async () => {
    page.server('a').set({ drain: true }, 0)
    stage.at(2_000, () => page.server('a').set({ drain: false }, 0))
    const { found } = await turn({ minUp: 1, targets: ['web/a', 'web/b'] })
    expect(targetsOf(found.backends).map(({ before }) => before.status)).toEqual(['UP', 'UP'])
  })
})

describe('a refusal of the guard', () => {
  const waits = async (minUp: MinUp, targets: readonly string[] = ['web/a']): Promise<boolean> =>
    mayWait((await search(targets)).backends, minUp)

  test('may be waited out where enough others may serve later', async () => {
    page.server('b').set({ maint: true }, 0)
    expect(await waits('all')).toBe(true)
  })

  test('is none where enough others serve', async () => {
    expect(await waits('all')).toBe(false)
  })

  test('is final where one of the backends never has enough', async () => {
    page.server('b').set({ maint: true }, 0)
    page.servers.push(server('a', { backend: 'api' }), server('b', { backend: 'api' }))
    expect(await waits(2, ['web/a', 'api/a'])).toBe(false)
  })
})
