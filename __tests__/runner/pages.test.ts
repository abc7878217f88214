import { describe, expect, test } from '@jest/globals'
import { runMain } from './in-process.ts'
import { inputsFor, pageStarter } from './imitated-pages.ts'
import { server } from '../support/imitated-page.ts'

const start = pageStarter()
const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

describe('certificates that are not verified', () => {
  const warning = {
    level: 'warning',
    message:
      'tls-verify is false: anybody between here and HAProxy can read the password and answer in its place.'
  }

  test.each([
    ['false', 'https:', [warning]],
    ['true', 'https:', []],
    // Without TLS there is nothing to verify.
    ['false', 'http:', []]
  ])('with tls-verify %s on %s give the warnings %j', async (verify, scheme, warnings) => {
    const lb = await start(server('a'))
    const url = lb.url.replace('http:', scheme)
    const given = { ...inputsFor([lb], { action: 'status' }), 'stats-url': url }
    const { annotations } = await runMain({ ...given, 'tls-verify': verify })
    expect(annotations.filter(({ level }) => level === 'warning')).toEqual(warnings)
  })

  test('are warned of when one HAProxy of several has TLS', async () => {
    const [first, second] = await Promise.all([start(server('a')), start(server('a'))])
    const urls = `${first.url} ${second.url.replace('http:', 'https:')}`
    const { annotations, titles } = await runMain({
      ...inputsFor([], { action: 'status' }),
      'stats-url': urls,
      'tls-verify': 'false'
    })
    expect(annotations).toContainEqual(warning)
    expect(titles).toContain('TLS is not verified')
  })
})

describe('the credentials', () => {
  test('of the inputs and of the URLs reach each its own page', async () => {
    const [first, second] = await Promise.all([start(server('a')), start(server('a'))])
    first.authorization = basic('joe', 'one-for-all-pages')
    second.authorization = basic('ann', 'one-for-this-page')
    const result = await runMain({
      ...inputsFor([], { action: 'status' }),
      'stats-url': `${first.url} ${second.url.replace('//', '//ann:one-for-this-page@')}`,
      username: 'joe',
      password: 'one-for-all-pages'
    })
    expect(result).toMatchObject({ exitCode: 0, outputs: { status: 'UP' } })
    expect(result.log.join('\n')).not.toMatch(/one-for/)
  })

  test('that are wrong are a failure that says where to look', async () => {
    const lb = await start(server('a'))
    lb.authorization = basic('joe', 'the-right-password')
    const given = { action: 'status', username: 'joe', password: 'the-wrong-password' }
    const result = await runMain(inputsFor([lb], given))
    expect(result.lastLine).toBe(
      'Could not read the statistics page LB1: the user name or the password was not accepted (HTTP 401). ' +
        'Nothing was changed. Check the user name and the password (`stats auth` in haproxy.cfg). ' +
        'They come from the inputs username and password, or from stats-url itself.'
    )
  })
})
