import { HaproxyError } from '../haproxy/errors.ts'
import { isServing, type Server, takesTraffic } from '../haproxy/server.ts'
import type { Pool } from './pool.ts'

/**
 * Pools that would lose something: where a server that now takes traffic is to be taken out. A target
 * that is not serving takes nothing away.
 */
export function poolsAtStake(pools: readonly Pool[]): Pool[] {
  return pools.filter(({ targets }) => targets.some(({ before }) => takesTraffic(before)))
}

/**
 * Sees to it that at least `minUp` other servers of each pool's backend are serving, backups included, by
 * what was last seen of them.
 *
 * @throws HaproxyError `guard-refused` that lists who was counted, and who was not and why
 */
export function guard(pools: readonly Pool[], minUp: number): void {
  const refusals = pools.flatMap((pool) => refusal(pool, minUp) ?? [])
  if (refusals.length > 0) {
    const canGrow = pools.some((pool) => othersOf(pool).some((server) => !isServing(server)))
    throw new HaproxyError('guard-refused', refusals.join(' '), {
      ...(!canGrow && {
        advice:
          'Add a server, name fewer at a time, or lower min-up (0 turns the guard off) if the backend may run with fewer.'
      })
    })
  }
}

function refusal(pool: Pool, minUp: number): string | undefined {
  const taken = pool.targets.map(({ before }) => before.name)
  const others = othersOf(pool)
  const serving = others.filter(isServing)
  if (serving.length >= minUp) {
    return undefined
  }
  const counted = serving.length > 0 ? ` (${serving.map(({ name }) => name).join(', ')})` : ''
  const not = others.filter((server) => !isServing(server)).map(whyNotServing)
  return (
    `Without ${taken.join(', ')} the backend ${pool.name} would have ${serving.length} serving ` +
    `${serving.length === 1 ? 'server' : 'servers'}${counted}, and min-up asks for ${minUp}; ` +
    (not.length > 0
      ? `not counted: ${not.join(', ')}.`
      : `it has no ${serving.length > 0 ? 'further' : 'other'} servers.`)
  )
}

function othersOf({ servers, targets }: Pool): Server[] {
  return servers.filter(({ name }) => !targets.some(({ before }) => before.name === name))
}

function whyNotServing({ name, status, weight }: Server): string {
  return `${name} (${status}${weight === 0 ? ', weight 0' : ''})`
}
