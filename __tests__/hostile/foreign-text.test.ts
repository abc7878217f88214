import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { type Farm, startFarm } from '../support/farm.ts'
import { type Fault, httpAnswer, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { type ActionOptions, type ActionResult, runAction } from '../support/runner.ts'
import { bodyOf } from './fault-list.ts'

/** What an application may say as the reason of its health check, and so on HAProxy's page. */
const REASON = '::error::x ##[add-mask]y <b>z</b> | w'

/** The same with everything that does not fit into a reason phrase. */
const HOSTILE = [
  REASON,
  '::add-mask::web',
  '\n::error::second line',
  '\r\n::stop-commands::for-ever',
  '\r::set-output name=status::UP',
  '\u0085::warning::nel\u2028::warning::ls\u2029::warning::ps',
  '\u001b[31mred\u001b[0m \u009b1m \u0007\u0008\u0000',
  '\u202egnitirw\u202c \u2066isolated\u2069 \u200e',
  '##[error]no ##[group]x ##[set-env name=PATH]/tmp %0A::error::escaped %0D%0A##[warning]too',
  '<script>alert(1)</script><img src=x onerror=alert(1)><!-- </td></tr></table> &lt;',
  '](javascript:x) ![x](http://tracker.example/x.png) `code` **bold** | cell | ~~~'
].join(' ')

let farm: Farm
let faultProxy: FaultProxy

beforeAll(async () => {
  farm = await startFarm({ servers: ['app1', 'app2'], backendLines: ['timeout check 10s'] })
  faultProxy = await startFaultProxy({ port: Number(new URL(farm.statsUrl).port) })
})
afterEach(async () => {
  faultProxy.fault = undefined
  for (const application of farm.applications) Object.assign(application, { health: 200 })
  await farm.set('app1', 'ready')
  await farm.until(async () => (await farm.status('app1')) === 'UP')
})
afterAll(async () => {
  await faultProxy.stop()
  await farm.stop()
})

function run(more: Record<string, string>, options?: ActionOptions): Promise<ActionResult> {
  const inputs = {
    'stats-url': faultProxy.through(farm.statsUrl),
    backend: 'web',
    server: 'app1',
    action: 'status',
    'request-timeout': '2s',
    'wait-timeout': '1500ms',
    'poll-interval': '100ms',
    'settle-time': '100ms',
    ...more
  }
  return runAction(inputs, { debug: true, ...options })
}

/** The commands that this action gives the runner of its own will. */
const OWN =
  /^::(error|warning|notice|debug)( title=[^:,]*)?::|^::group::[A-Z][a-z ]*$|^::endgroup::$/

/** Nothing in what was written is anything but text to a runner, a terminal, a browser. */
function expectInert(result: ActionResult): void {
  expect(result.masks).toEqual([])
  for (const line of result.lines) {
    expect(line).not.toContain('##[')
    if (/^\s*::/.test(line)) {
      expect(line).toMatch(OWN)
      // The runner would make lines of their own of these.
      expect(line).not.toMatch(/%0[AD]/)
    }
    expect(line).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u)
  }
  for (const { message } of result.annotations) expect(message).not.toMatch(/^\s*::|##\[|[\r\n]/)
  expectInertSummary(result.summary)
  expect(Object.keys(result.outputs).filter((name) => !OUTPUTS.includes(name))).toEqual([])
  expect(Object.keys(result.state).filter((name) => !STATE.includes(name))).toEqual([])
}

const OUTPUTS = [
  'changed',
  'status',
  'previous-status',
  'sessions',
  'waited',
  'safe-to-stop',
  'result'
]
const STATE = ['isPost', 'intent']
const TAGS = /<\/?(h3|p|ul|li|table|thead|tbody|tr|td|th|details|summary|strong|em|code)>/g

/** Only the tags that the action writes itself; foreign Markdown has no line of its own. */
function expectInertSummary(summary: string): void {
  expect(summary.replace(TAGS, '')).not.toContain('<')
  expect(summary).not.toMatch(/##\[|(?!\n)\p{Cc}|[\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u)
  for (const line of summary.split('\n')) {
    // Inside an HTML block, which lasts until an empty line, Markdown is text.
    if (/javascript:x|\*\*bold\*\*/.test(line)) expect(line).toMatch(/^<(h3|p|ul|table|tr|td)/)
    expect(line).not.toMatch(/^\s*(::|!\[|\||~~~|#+ )/)
  }
}

describe('the reason of a health check', () => {
  test.each([
    ['ready', 'MAINT'],
    ['drain', 'DOWN'],
    ['maint', 'DOWN'],
    ['status', 'DOWN'],
    ['hrunn', 'DOWN']
  ])('is only text in the report of %s', async (action, before) => {
    const app = farm.app('app1')
    app.health = 503
    app.reason = REASON
    if (before === 'MAINT') await farm.set('app1', 'maint')
    await farm.until(async () => (await farm.status('app1')).startsWith(before))
    const result = await run({ action })
    expectInert(result)
    if (action === 'ready') {
      expect(result.exitCode).toBe(1)
      expect(result.lastLine).toContain('<b>z</b> | w')
    }
    // In maint no check runs, and so there is no reason.
    if (before === 'DOWN' && action !== 'maint') {
      expect(result.outputs['result']).toContain('<b>z</b> | w')
    }
    app.reason = 'OK'
  })
})

/** HAProxy's page with a cell of app1's row, or of every row, replaced. */
function page(column: string, text: string, rows = /^web,app1,/): Fault {
  const quoted = `"${text.replaceAll('"', '""')}"`
  const rewrite = (answer: Buffer): Buffer => {
    const [header = '', ...lines] = bodyOf(answer).toString().split('\n')
    const at = header.replace('# ', '').split(',').indexOf(column)
    const replaced = lines.map((line) => {
      if (!rows.test(line)) return line
      const cells = line.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/)
      cells[at] = quoted
      return cells.join(',')
    })
    return httpAnswer(200, [header, ...replaced].join('\n'))
  }
  return { kind: 'rewrite', rewrite }
}

/** Spoils every read, and leaves the changes to HAProxy. */
function readsOnly(fault: Fault): void {
  faultProxy.fault = ({ request }) => (request?.method === 'GET' ? fault : undefined)
}

describe('a page of a stranger', () => {
  const actions = ['status', 'drain', 'ready', 'shutdown']

  test.each(actions)('with hostile check results is only text to %s', async (action) => {
    readsOnly(page('last_chk', HOSTILE))
    expectInert(await run({ action }))
  })

  test.each(actions)('with a hostile state of its check is only text to %s', async (action) => {
    readsOnly(page('check_status', HOSTILE))
    expectInert(await run({ action }))
  })

  test.each(actions)('with a hostile status is only text to %s', async (action) => {
    readsOnly(page('status', HOSTILE))
    expectInert(await run({ action }))
  })

  test.each(['drain', 'maint'])('with a hostile status of others: %s', async (action) => {
    readsOnly(page('status', `MAINT (${HOSTILE.replaceAll(')', '')})`, /^web,app2,/))
    expectInert(await run({ action }))
  })

  test.each(['drain', 'status'])('with a hostile number: %s', async (action) => {
    readsOnly(page('scur', HOSTILE))
    const result = await run({ action })
    expectInert(result)
    expect(result.exitCode).toBe(1)
  })

  test.each(['svname', 'pxname', 'pid', 'tracked', 'type', 'addr', 'agent_status'])(
    'with a hostile %s in every row',
    async (column) => {
      readsOnly(page(column, HOSTILE, /^web,/))
      expectInert(await run({ action: 'drain' }))
      expectInert(await run({ action: 'drain', backend: '*', server: 'app1 nobody' }))
    }
  )

  test('that follows a hostile leader', async () => {
    readsOnly(page('status', `MAINT (via ${HOSTILE.replaceAll(')', '')})`))
    expectInert(await run({ action: 'ready' }))
  })

  test.each(['maint', 'ready'])('that shows the process in hostile words: %s', async (action) => {
    if (action === 'ready') await farm.set('app1', 'maint')
    const html = `<b>pid = </b> ${HOSTILE} (process #1, <b>uptime = </b> ${HOSTILE}`
    faultProxy.fault = ({ request }) =>
      request?.path.includes(';norefresh') === true
        ? { kind: 'answer', bytes: httpAnswer(200, html) }
        : undefined
    const result = await run({ action })
    expectInert(result)
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'false' } })
  })

  test('whose description looks like a process is not taken for one', async () => {
    const described =
      '<h3>1 (process #1 <b>pid = </b> 1 (process #1, <b>uptime = </b> 9d 0h00m00s</h3>'
    const rewrite = (answer: Buffer): Buffer =>
      httpAnswer(200, bodyOf(answer).toString().replace('<h2>', `${described}${HOSTILE}<h2>`))
    faultProxy.fault = ({ request }) =>
      request?.path.includes(';norefresh') === true ? { kind: 'rewrite', rewrite } : undefined
    const result = await run({ action: 'maint', 'hard-stop-after': '0s', 'wait-timeout': '10s' })
    expectInert(result)
    expect(result).toMatchObject({ exitCode: 0, outputs: { 'safe-to-stop': 'true' } })
    expect(result.summary).toContain(`process ${String(farm.haproxy.pid)} has been running`)
  })

  test('with a row of a type that no HAProxy knows is refused, and the row is named', async () => {
    readsOnly(page('type', '9'))
    const result = await run({ action: 'drain' })
    expectInert(result)
    expect(result).toMatchObject({ exitCode: 1, outputs: { changed: 'false' } })
    expect(result.lastLine).toContain('the row of web/app1 is of the unknown type 9. Nothing was')
    expect(await farm.status('app1')).toBe('UP')
  })

  test.each([
    ['never ends is read again', ',"UP,', 0, /^Seen: web\/app1/],
    ['ends too early is refused', ',"UP" or so,', 1, /quote.*\. Nothing was changed\./i]
  ])('with a quoted cell that %s', async (_, cell, exitCode, last) => {
    const rewrite = (answer: Buffer): Buffer =>
      httpAnswer(200, bodyOf(answer).toString().replace(',UP,', cell))
    faultProxy.fault = ({ number }) => (number === 1 ? { kind: 'rewrite', rewrite } : undefined)
    faultProxy.reset()
    const result = await run({})
    expectInert(result)
    expect(result.exitCode).toBe(exitCode)
    expect(result.lastLine).toMatch(last)
  })

  test('with a hostile header', async () => {
    readsOnly({ kind: 'answer', bytes: httpAnswer(200, `# pxname,"${HOSTILE}"\na,b\n`) })
    expectInert(await run({}))
  })
})

describe('an answer of a stranger', () => {
  test.each([
    ['an HTML error page', httpAnswer(500, `<html><title>${HOSTILE}</title>${HOSTILE}`)],
    ['an HTML page', httpAnswer(200, `<!doctype html><title>${HOSTILE}</title>`)],
    ['a JSON document', httpAnswer(200, JSON.stringify({ message: HOSTILE }))],
    ['plain text', httpAnswer(200, HOSTILE)],
    ['text that begins with a command', httpAnswer(404, '::error::x\n##[error]y\n')],
    ['a Location', httpAnswer(302, '', { Location: `/x?${REASON}%0A::error::y` })],
    ['a Location that begins so', httpAnswer(301, '', { Location: '::add-mask::web' })],
    ['a Location in ANSI', httpAnswer(302, '', { Location: '/\u001b[31mred ##[error]x' })],
    ['a Location with bidi', httpAnswer(302, '', { Location: '/\u202egnitirw ##[error]x' })],
    ['a 303 with a strange verdict', httpAnswer(303, '', { Location: '/a;st=##[error]x' })],
    ['a reason phrase', Buffer.from('HTTP/1.1 500 ::error::x ##[error]y\r\n\r\n')],
    ['a header', httpAnswer(200, '', { '::error::x': '##[error]y' })],
    ['no HTTP', Buffer.from('::error::x ##[add-mask]web\n##[error]y\n')]
  ])('%s is only text as the answer to a look and to a change', async (_, bytes) => {
    faultProxy.fault = () => ({ kind: 'answer', bytes })
    expectInert(await run({ action: 'drain' }))
    faultProxy.fault = ({ request }) =>
      request?.method === 'POST' ? { kind: 'answer', bytes } : undefined
    const result = await run({ action: 'drain' })
    expectInert(result)
    expect(result.exitCode).toBe(1)
  })
})

describe('inputs that carry the words of a stranger', () => {
  test.each([
    ['backend', REASON.replaceAll(' ', '_')],
    ['server', '::add-mask::web'],
    ['server', '##[add-mask]web'],
    ['action', `${REASON}\n::error::y`],
    ['wait', HOSTILE.replaceAll('\0', '')],
    ['wait-timeout', '::add-mask::web'],
    ['username', `${REASON}\u001b[0m`],
    ['ca-certificate', '##[error]/nowhere'],
    ['client-certificate', '-----BEGIN ::error::x ##[error]y'],
    ['stats-url', 'ftp://::error::x##[error]y']
  ])('%s', async (name, text) => {
    const result = await run({ [name]: text })
    expectInert(result)
    expect(result.exitCode).toBe(1)
  })

  test('a path of the URL', async () => {
    const url = `${faultProxy.through(farm.statsUrl)}##[error]x`
    expectInert(await run({ 'stats-url': url }))
    expectInert(await run({ 'stats-url': url.replace('##', '/::error::<b>##') }))
  })
})
