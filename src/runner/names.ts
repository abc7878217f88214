import type { InputReader } from './input-reader.ts'

/** The backends, or `every`. */
export function readBackends(reader: InputReader): string[] | 'every' {
  const list = reader.list('backend')
  if (!list.includes('*')) {
    return checkNames(reader, 'backend', list)
  }
  if (list.length > 1) {
    reader.refuse('backend', '"*" means every backend that has the server and stands alone.')
  }
  return 'every'
}

/** The servers, or `every` of the backends. */
export function readServers(reader: InputReader): string[] | 'every' {
  const list = reader.list('server')
  // No deploy needs to change every server at once, those included that are added later.
  if (!list.includes('*') || reader.text('action') !== 'status') {
    return checkNames(reader, 'server', list)
  }
  if (list.length > 1) {
    reader.refuse('server', '"*" means every server of the backend and stands alone.')
  }
  return 'every'
}

// haproxy.cfg allows no other character in a name (manual, "proxy names").
const NAME = /^[A-Za-z0-9_.:-]+$/

function checkNames(
  reader: InputReader,
  name: 'backend' | 'server',
  list: readonly string[]
): string[] {
  for (const text of list.filter((each) => !NAME.test(each))) {
    const both = text.includes('/') ? ' The backend goes into backend, the server into server.' : ''
    const every =
      text === '*' ? ' Servers must be named one by one; only action: status takes "*".' : ''
    reader.refuse(
      name,
      `"${text}" is not a name; HAProxy allows letters, digits and _ . : - only.${both}${every}`
    )
  }
  return [...new Set(list)]
}
