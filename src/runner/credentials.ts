import { getInput } from '@actions/core'
import { messageOf } from '../haproxy/errors.ts'
import {
  basicAuthorization,
  type Credentials,
  parseStatsUrl,
  type StatsUrl
} from '../haproxy/stats-url.ts'
import { type InputReader, UNAVAILABLE } from './input-reader.ts'
import { log, mask } from './log.ts'

/** One HAProxy and how to log in there. */
export interface InstanceInput {
  readonly url: StatsUrl
  readonly credentials: Credentials | undefined
}

const COLON = 'has a colon, which HTTP Basic authentication cannot carry'

/** Reads the credentials for every URL that carries none, and masks the password. */
export function readCredentials(reader: InputReader): Credentials | undefined {
  const username = reader.text('username')
  // Never trimmed: a password may begin or end with a space.
  const given = getInput('password', { trimWhitespace: false })
  const password = given.replace(/\r?\n$/, '')
  if (username === '' && password === '') {
    return undefined
  }
  const credentials = masked({ username, password })
  if (password !== given) {
    log.notice(
      'The password ends in a line break, which is left out. Store the secret without it.',
      'Input password'
    )
  }
  if (username.includes(':')) {
    // Not shown: what follows the colon may be the password.
    reader.refuse('username', `it ${COLON}.`)
  }
  if (password === '') {
    reader.refuse('password', `it is empty although there is a user name. ${UNAVAILABLE}`)
  }
  return credentials
}

/** Reads the instances, each of them once, and masks the passwords in their URLs. */
export function readInstances(
  reader: InputReader,
  fallback: Credentials | undefined
): InstanceInput[] {
  const instances = new Map<string, InstanceInput>()
  const list = reader.list('stats-url')
  // A password alone is enough for URLs that carry a user name, and for no other.
  if (fallback?.username === '' && !list.every((text) => /\/\/[^/?#]*@/.test(text))) {
    reader.refuse('username', `it is empty although there is a password. ${UNAVAILABLE}`)
  }
  for (const [index, text] of list.entries()) {
    try {
      const url = parseStatsUrl(text)
      instances.set(url.href, { url, credentials: credentialsFor(url, fallback) })
    } catch (error) {
      const which = list.length > 1 ? ` (number ${index + 1} of ${list.length})` : ''
      const reason = messageOf(error)
      // The URL itself is not shown: it may hold a password.
      reader.refuse('stats-url', `the URL${which} cannot be used: ${reason}.`)
    }
  }
  return [...instances.values()]
}

function credentialsFor(
  { userinfo }: StatsUrl,
  fallback: Credentials | undefined
): Credentials | undefined {
  if (userinfo === undefined) {
    return fallback
  }
  const { username, password = fallback?.password } = userinfo
  if (username.includes(':')) {
    throw new Error(`its user name ${COLON}`)
  }
  if (password === undefined || password === '') {
    throw new Error('it carries a user name, and there is no password for it')
  }
  return masked({ username, password })
}

/** Masks the password of some credentials in every form in which it may turn up. */
function masked(credentials: Credentials): Credentials {
  const { password } = credentials
  if (password !== '') {
    const forms = [
      password,
      encodeURIComponent(password),
      new URLSearchParams({ '': password }).toString().slice(1),
      JSON.stringify(password).slice(1, -1),
      Buffer.from(password).toString('base64'),
      basicAuthorization(credentials).replace('Basic ', '')
    ]
    new Set(forms).forEach(mask)
  }
  return credentials
}
