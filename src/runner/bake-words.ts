import { BakeFailure } from '../rotation/bake.ts'
import { trafficInWords } from '../rotation/bake-traffic-words.ts'
import type { Baked, BakedServer, BakeVerdict } from '../rotation/bake-verdict.ts'
import { namesOf } from '../rotation/describe.ts'
import { formatDuration } from '../rotation/duration.ts'
import type { Outcome } from '../rotation/outcome.ts'
import { explainDoubt } from './doubts.ts'

const VERDICTS = {
  'too few': 'not judged yet, too few requests to judge',
  well: 'well',
  unclear: 'not judged yet, more failed than max-error-rate allows, perhaps by chance',
  bad: 'bad'
} as const satisfies Record<BakeVerdict, string>

/** How a watch stands for one server. */
export function standing(server: BakedServer): string {
  return `${server.name} is ${VERDICTS[server.verdict]}: ${trafficInWords(server)}`
}

/** What a watch has seen, for the last line of a green step; nothing where none was made. */
export function bakedInWords(outcome: Outcome): string {
  const baked = bakedOf(outcome)
  if (baked === undefined) {
    return ''
  }
  const { servers, elapsedMs } = baked
  const each = servers.map((server) => {
    const name = servers.length > 1 ? `${server.name} ` : ''
    const few = server.verdict === 'too few' ? ', too few requests to judge' : ''
    return `${name}${trafficInWords(server)}${few}`
  })
  const more = [...moreThanAllowed(baked), ...missingIn(servers)].map((text) => ` ${text}`)
  return ` Baked for ${formatDuration(elapsedMs)}: ${each.join('; ')}.${more.join('')}`
}

/** Whether a watch has left a doubt of which a green step warns. */
export function isUnclear(outcome: Outcome): boolean {
  return bakedOf(outcome)?.servers.some(({ verdict }) => verdict === 'unclear') === true
}

/** What became of servers that are not well, for the last line of a red step. */
export function badInWords(error: unknown): string[] {
  if (!(error instanceof BakeFailure)) {
    return []
  }
  const { taken, outcome, troubles } = error.out
  return [taken.length > 0 ? isOutAgain(namesOf(taken), outcome) : '', ...troubles]
}

function isOutAgain(names: string, outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case 'safe to stop':
      return `Out of rotation again, and safe to stop: ${names}.`
    case 'drained': {
      const doubts = outcome.proof.doubts.map(explainDoubt).join(' ')
      return `Out of rotation again and drained, but not proven safe to stop: ${names}. ${doubts}`.trim()
    }
    default:
      return `Out of rotation again, but not drained: ${names}.`
  }
}

function bakedOf(outcome: Outcome): Baked | undefined {
  return outcome.kind === 'up' ? outcome.baked : undefined
}

function moreThanAllowed({ servers, maxErrorRate }: Baked): string[] {
  const names = servers.filter(({ verdict }) => verdict === 'unclear').map(({ name }) => name)
  return names.length > 0
    ? [
        `On ${names.join(', ')} more failed than max-error-rate (${Number((maxErrorRate * 100).toFixed(6))} % beyond the neighbours) allows, which may be chance: look at the application, or give it a longer bake-time.`
      ]
    : []
}

function missingIn(servers: readonly BakedServer[]): string[] {
  const missing = [...new Set(servers.flatMap((server) => server.missing))]
  if (missing.length === 0) {
    return []
  }
  return missing.join() === 'hrsp_5xx'
    ? ['In TCP mode only sessions and errors of their connections count.']
    : [`HAProxy does not show ${missing.join(', ')} here, so failures of that kind do not count.`]
}
