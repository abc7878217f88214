/** A user name and its password, for HTTP Basic authentication. */
export interface Credentials {
  readonly username: string
  readonly password: string
}

/** The value of the Authorization header for a user name and a password, in UTF-8. */
export function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}

/** The address of one statistics page, freed of everything that a browser may have added to it. */
export interface StatsUrl {
  /** The URL without credentials and options: what people read, and where changes are posted. */
  readonly href: string
  /** The user name and, where it has one, the password that the URL carried. */
  readonly userinfo:
    { readonly username: string; readonly password: string | undefined } | undefined
}

// Options that HAProxy or its page add after the stats URI. Two of them hide servers (`;up`,
// `;no-maint`), `;st=` is the answer to an earlier change. Manual, "stats uri"; docs/haproxy-facts.md, "The URL".
const PAGE_OPTION = /;(?:csv|json|json-schema|typed|norefresh|up|no-maint|st=[A-Z]*)(?=[;?&/]|$)/g
const SCOPE_OPTION = /[;?&]scope=[^;&]*/g

// As haproxy.cfg and socat write it (manual, "stats socket", "Address formats").
const RUNTIME_API =
  /^(?:(?:tcp|udp|unix|socket|sockpair|fd|ipv[46]|abns):\/\/|(?:tcp[46]?|unix|ipv[46]|abnsz?|fd|sockpair)@|\/(?:var\/)?run\/)|\.sock(?:et)?$/i

/**
 * Understands a stats URL in any form that a person would paste.
 *
 * @throws Error that says what is wrong and never repeats the text, which may hold a password.
 */
export function parseStatsUrl(text: string): StatsUrl {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase()
  if (scheme !== 'http' && scheme !== 'https') {
    throw new Error(
      RUNTIME_API.test(text)
        ? "it leads to HAProxy's runtime API, but this action speaks to the statistics page, over HTTP; give the URL of that page, such as http://lb:8404/admin"
        : 'it must begin with http:// or https://, such as http://lb:8404/admin'
    )
  }
  const url = URL.parse(text)
  // Behind an unencoded / (or \\) in a password, the rest of it would be taken for the path, and be shown.
  if (url === null || /^[^/]*\/\/[^/?#\\]*[/?#\\].*@/s.test(text)) {
    throw new Error(
      'it is not a URL; if it carries a password with special characters, percent-encode them, or use the inputs for user name and password'
    )
  }
  const userinfo = url.username === '' ? undefined : userinfoOf(url)
  if (userinfo === undefined && url.password !== '') {
    throw new Error('it carries a password without a user name')
  }
  url.username = ''
  url.password = ''
  url.hash = ''
  url.pathname = url.pathname.replace(SCOPE_OPTION, '').replace(PAGE_OPTION, '')
  url.search = url.search.replace(SCOPE_OPTION, '').replace(PAGE_OPTION, '')
  return { href: url.href.replace(/\?&+/, '?').replace(/[?&]+$/, ''), userinfo }
}

function userinfoOf(url: URL): StatsUrl['userinfo'] {
  try {
    return {
      username: decodeURIComponent(url.username),
      password: url.password === '' ? undefined : decodeURIComponent(url.password)
    }
  } catch {
    throw new Error(
      'its user name or password has a % that is not followed by two hexadecimal digits'
    )
  }
}

/**
 * The address of the page as CSV, narrowed to one backend if it is given.
 *
 * `scope=` is a substring filter on the proxy's name, cut at 20 characters, so rows of other proxies may
 * come along; it is switched off silently by any character outside `[A-Za-z0-9._:-]` (docs/haproxy-facts.md, "The URL").
 */
export function csvAddress(url: StatsUrl, backend?: string): URL {
  return new URL(`${url.href};csv${backend === undefined ? '' : `;scope=${backend}`}`)
}

/**
 * The address of the page as HTML, narrowed to a proxy that cannot exist: its head alone, which shows the
 * process (docs/haproxy-facts.md, "The process").
 */
export function headAddress(url: StatsUrl): URL {
  return new URL(`${url.href};norefresh;scope=..none..`)
}
