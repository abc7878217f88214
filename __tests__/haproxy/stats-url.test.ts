import { describe, expect, test } from '@jest/globals'
import { csvAddress, headAddress, parseStatsUrl } from '../../src/haproxy/stats-url.ts'

describe('a pasted stats URL', () => {
  test.each([
    ['http://lb/admin', 'http://lb/admin'],
    ['https://lb/admin', 'https://lb/admin'],
    ['HTTP://LB/Admin', 'http://lb/Admin'],
    ['hTTps://lb/admin', 'https://lb/admin'],
    // A slash may be a part of the stats URI.
    ['http://lb/admin/', 'http://lb/admin/'],
    ['http://lb', 'http://lb/'],
    ['http://lb/', 'http://lb/'],
    ['http://lb:80/admin', 'http://lb/admin'],
    ['http://lb:8404/admin', 'http://lb:8404/admin'],
    ['https://lb:443/admin', 'https://lb/admin'],
    ['https://lb:80/admin', 'https://lb:80/admin'],
    ['http://127.0.0.1:8404/', 'http://127.0.0.1:8404/'],
    ['http://[::1]:8404/admin', 'http://[::1]:8404/admin'],
    ['http://[FE80:0::1]/admin', 'http://[fe80::1]/admin'],
    ['https://[2001:db8::a]/', 'https://[2001:db8::a]/'],
    // Options of the page, which are no part of its address.
    ['http://lb/admin;csv', 'http://lb/admin'],
    ['http://lb/admin/;csv', 'http://lb/admin/'],
    ['http://lb/;csv', 'http://lb/'],
    ['http://lb/admin;json', 'http://lb/admin'],
    ['http://lb/admin;json-schema', 'http://lb/admin'],
    ['http://lb/admin;typed', 'http://lb/admin'],
    ['http://lb/admin;norefresh', 'http://lb/admin'],
    ['http://lb/admin;up', 'http://lb/admin'],
    ['http://lb/admin;no-maint', 'http://lb/admin'],
    ['http://lb/admin;st=DONE', 'http://lb/admin'],
    ['http://lb/admin;st=', 'http://lb/admin'],
    ['http://lb/admin;csv;norefresh', 'http://lb/admin'],
    ['http://lb/admin;up;no-maint;norefresh;csv', 'http://lb/admin'],
    ['http://lb/admin;st=DONE;up;norefresh?scope=web', 'http://lb/admin'],
    ['http://lb/admin;csv;scope=web', 'http://lb/admin'],
    ['http://lb/admin;scope=web;csv', 'http://lb/admin'],
    ['http://lb/admin?scope=web', 'http://lb/admin'],
    ['http://lb/admin?scope=', 'http://lb/admin'],
    ['http://lb/admin?', 'http://lb/admin'],
    ['http://lb/admin?scope=web&', 'http://lb/admin'],
    ['http://lb/haproxy?stats&&scope=web&', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy?scope=web&&stats', 'http://lb/haproxy?stats'],
    ['http://lb/admin#top', 'http://lb/admin'],
    ['http://lb/admin;csv#top', 'http://lb/admin'],
    ['http://lb/haproxy?stats', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy?stats;csv', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy?stats;up;norefresh', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy?stats;st=DONE?scope=web', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy?stats;st=DONE;up?scope=web', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy?stats&scope=web', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy?stats&scope=web;csv', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy?stats;csv&x=1', 'http://lb/haproxy?stats&x=1'],
    ['http://lb/haproxy;csv?stats', 'http://lb/haproxy?stats'],
    ['http://lb/haproxy;csv/x', 'http://lb/haproxy/x'],
    // What merely looks like an option is a part of the address.
    ['http://lb/admin;uptime', 'http://lb/admin;uptime'],
    ['http://lb/admin;csvs', 'http://lb/admin;csvs'],
    ['http://lb/admin;no-maintenance', 'http://lb/admin;no-maintenance'],
    ['http://lb/csv', 'http://lb/csv'],
    ['http://lb/admin;x;csv', 'http://lb/admin;x'],
    ['http://lb/admin?telescope=1', 'http://lb/admin?telescope=1'],
    ['http://lb/a%20b', 'http://lb/a%20b']
  ])('%s has the address %s', (text, href) => {
    expect(parseStatsUrl(text)).toEqual({ href, userinfo: undefined })
  })

  test.each([
    ['http://joe:pw@lb/admin', 'joe', 'pw'],
    ['http://joe:pw@lb:8404/admin;csv', 'joe', 'pw'],
    ['http://joe@lb/admin', 'joe', undefined],
    ['http://joe:@lb/admin', 'joe', undefined],
    ['http://j%40e:p%3Aw%2F%25@lb/admin', 'j@e', 'p:w/%'],
    ['http://j%C3%B6:%F0%9F%94%91@lb/admin', 'jö', '🔑'],
    ['http://jö:pässword@lb/admin', 'jö', 'pässword'],
    ['http://joe:a:b@lb/admin', 'joe', 'a:b'],
    ['http://joe:a@b@lb/admin', 'joe', 'a@b']
  ])('%s gives its user name and password apart', (text, username, password) => {
    const { href, userinfo } = parseStatsUrl(text)
    expect(userinfo).toEqual({ username, password })
    expect(href).toMatch(/^http:\/\/lb(:8404)?\/admin$/)
  })

  test('with an empty user part has none', () => {
    expect(parseStatsUrl('http://@lb/admin')).toEqual({
      href: 'http://lb/admin',
      userinfo: undefined
    })
  })

  test('with an IPv6 host and a user gives both', () => {
    expect(parseStatsUrl('https://joe:pw@[::1]:8404/admin')).toEqual({
      href: 'https://[::1]:8404/admin',
      userinfo: { username: 'joe', password: 'pw' }
    })
  })

  test('whose scope comes before the rest of its query keeps the rest', () => {
    expect(parseStatsUrl('http://lb/haproxy?scope=web&stats').href).toBe('http://lb/haproxy?stats')
  })
})

describe('a text that is refused', () => {
  const SCHEME = 'it must begin with http:// or https://, such as http://lb:8404/admin'
  const RUNTIME_API =
    "it leads to HAProxy's runtime API, but this action speaks to the statistics page, over HTTP; give the URL of that page, such as http://lb:8404/admin"
  const NO_URL =
    'it is not a URL; if it carries a password with special characters, percent-encode them, or use the inputs for user name and password'
  const PERCENT = 'its user name or password has a % that is not followed by two hexadecimal digits'

  test.each([
    ['', SCHEME],
    ['lb.s3cret/admin', SCHEME],
    ['lb:8404/s3cret', SCHEME],
    ['//s3cret/admin', SCHEME],
    ['http:/s3cret', SCHEME],
    ['http:s3cret', SCHEME],
    ['ftp://joe:s3cret@lb/', SCHEME],
    ['httpx://joe:s3cret@lb/', SCHEME],
    ['xhttp://joe:s3cret@lb/', SCHEME],
    ['file:///s3cret', SCHEME],
    ['unix:///run/s3cret.sock', RUNTIME_API],
    ['UNIX:///run/s3cret', RUNTIME_API],
    ['/var/run/s3cret', RUNTIME_API],
    ['/run/s3cret', RUNTIME_API],
    ['/s3cret.sock', RUNTIME_API],
    ['s3cret.socket', RUNTIME_API],
    ['/s3cret.sock/admin', SCHEME],
    ['tcp://s3cret:9999', RUNTIME_API],
    ['tcp4@s3cret:9999', RUNTIME_API],
    ['ipv4@s3cret:9999', RUNTIME_API],
    ['ipv6://s3cret:9999', RUNTIME_API],
    ['unix@s3cret', RUNTIME_API],
    ['joe@unix@s3cret', SCHEME],
    ['javascript://s3cret', SCHEME],
    ['s3cret http://lb/', SCHEME],
    ['http://joe:s3cret#x@lb/admin', NO_URL],
    ['http://joe:s3cret/x@lb/admin', NO_URL],
    ['http://joe:s3cret@', NO_URL],
    ['http://joe:s3cret@lb:99999/', NO_URL],
    ['http://joe:s3cret@lb:x/', NO_URL],
    ['http://joe:s3cret@[::1/', NO_URL],
    ['http://joe:s3cret@l b/', NO_URL],
    ['http://joe:s3cret%@lb/', PERCENT],
    ['http://joe:s3cret%zz@lb/', PERCENT],
    ['http://joe%:s3cret@lb/', PERCENT],
    ['http://joe:s3cret%ff@lb/', PERCENT],
    ['http://:s3cret@lb/', 'it carries a password without a user name']
  ])('%s is answered with what is wrong, and never repeated', (text, message) => {
    expect(() => parseStatsUrl(text)).toThrow(new Error(message))
    expect(message).not.toContain('s3cret')
  })
})

describe('a password that begins with digits and is not percent-encoded', () => {
  // `1234` would be taken for the port and `joe` for the host, and every message would show both.
  test.each([
    'http://joe:1234/s3cret@lb/admin',
    'http://joe:1234?s3cret@lb/admin',
    'http://joe:1234#s3cret@lb/admin',
    'http://joe:1234/\ns3cret@lb/admin'
  ])('is refused instead of being taken for a port: %s', (text) => {
    expect(() => parseStatsUrl(text)).toThrow('percent-encode')
  })
})

describe('the address of the CSV', () => {
  test.each([
    ['http://lb/admin', undefined, 'http://lb/admin;csv'],
    ['http://lb/', undefined, 'http://lb/;csv'],
    ['http://lb/haproxy?stats', undefined, 'http://lb/haproxy?stats;csv'],
    ['http://lb/admin', 'web', 'http://lb/admin;csv;scope=web'],
    ['http://lb/haproxy?stats', 'web', 'http://lb/haproxy?stats;csv;scope=web'],
    ['http://[::1]:8404/admin', 'we_b-1.x:y', 'http://[::1]:8404/admin;csv;scope=we_b-1.x:y'],
    ['http://lb/admin;csv;up', 'web', 'http://lb/admin;csv;scope=web'],
    ['http://joe:pw@lb/admin', 'web', 'http://lb/admin;csv;scope=web']
  ])('of %s for the backend %s is %s', (text, backend, expected) => {
    expect(csvAddress(parseStatsUrl(text), backend).href).toBe(expected)
  })
})

describe('the address of the head of the page', () => {
  test.each([
    ['http://lb/admin', 'http://lb/admin;norefresh;scope=..none..'],
    ['http://lb/', 'http://lb/;norefresh;scope=..none..'],
    ['http://lb/haproxy?stats', 'http://lb/haproxy?stats;norefresh;scope=..none..'],
    ['http://[::1]:8404/admin', 'http://[::1]:8404/admin;norefresh;scope=..none..'],
    ['http://joe:pw@lb/admin;csv;up', 'http://lb/admin;norefresh;scope=..none..']
  ])('of %s is %s', (text, expected) => {
    expect(headAddress(parseStatsUrl(text)).href).toBe(expected)
  })
})
