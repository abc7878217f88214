// The whole request must fit tune.bufsize (16,384 bytes) less 1,024; 14,800 bytes of body always did
// (docs/haproxy-facts.md, "Requests").
const MAX_BODY = 14_000

/** The bodies of as few POSTs as it takes. */
export function* forms(
  change: string,
  backend: string,
  servers: readonly string[]
): Generator<URLSearchParams> {
  let form = new URLSearchParams({ b: backend, action: change })
  let length = form.toString().length
  for (const server of servers) {
    const more = `&s=${encodeURIComponent(server)}`.length
    if (length + more > MAX_BODY) {
      yield form
      form = new URLSearchParams({ b: backend, action: change })
      length = form.toString().length
    }
    form.append('s', server)
    length += more
  }
  yield form
}
