import { describe, expect, test } from '@jest/globals'
import type { HaproxyError, Problem } from '../../src/haproxy/errors.ts'
import { explainFailure, type Phase } from '../../src/haproxy/network-errors.ts'

function explain(error: unknown, phase: Phase = 'connecting', timedOutMs?: number): HaproxyError {
  return explainFailure(error, {
    attempt: 'Could not do it',
    url: new URL('https://lb:8404/admin'),
    phase,
    timedOutMs
  })
}

function failure(code: string, message = 'what Node says'): Error {
  return Object.assign(new Error(message), { code })
}

describe('a failure of the network', () => {
  test.each<[string, Problem, string]>([
    ['ENOTFOUND', 'host-not-found', 'the host lb:8404 is not known'],
    ['EAI_AGAIN', 'host-not-found', 'the name server did not resolve the host lb:8404'],
    ['EAI_FAIL', 'host-not-found', 'the name server did not resolve the host lb:8404'],
    ['ECONNREFUSED', 'refused', 'lb:8404 refused the connection'],
    ['EHOSTUNREACH', 'unreachable', 'there is no route to lb:8404'],
    ['ENETUNREACH', 'unreachable', 'there is no route to lb:8404'],
    ['ETIMEDOUT', 'timed-out', 'lb:8404 did not answer the attempt to connect'],
    ['ECONNRESET', 'reset', 'lb:8404 closed the connection without an answer'],
    ['EPIPE', 'reset', 'lb:8404 closed the connection without an answer'],
    ['CERT_HAS_EXPIRED', 'tls-expired', 'the certificate of lb:8404 has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'tls-wrong-name', 'the certificate is not valid for lb:8404'],
    [
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'tls-unknown-issuer',
      'the certificate of lb:8404 is self-signed, so no authority vouches for it'
    ],
    ...[
      'SELF_SIGNED_CERT_IN_CHAIN',
      'UNABLE_TO_GET_ISSUER_CERT',
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      'UNABLE_TO_VERIFY_LEAF_SIGNATURE'
    ].map((code): [string, Problem, string] => [
      code,
      'tls-unknown-issuer',
      'no trusted authority has signed the certificate of lb:8404'
    ]),
    ...['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'].map(
      (code): [string, Problem, string] => [
        code,
        'tls-client-certificate',
        'lb:8404 broke off the TLS handshake, as it does when it wants a client certificate'
      ]
    ),
    ...[
      'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA',
      'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE',
      'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED',
      'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN'
    ].map((code): [string, Problem, string] => [
      code,
      'tls-client-certificate',
      'lb:8404 did not accept the client certificate'
    ]),
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls-not-spoken', 'lb:8404 does not answer in TLS'],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'tls-not-spoken', 'lb:8404 does not answer in TLS'],
    ['EPROTO', 'tls-not-spoken', 'lb:8404 does not answer in TLS'],
    ['ERR_SSL_NO_PROTOCOLS_AVAILABLE', 'tls-failed', 'there is no TLS connection to lb:8404'],
    ['ERR_TLS_DH_PARAM_SIZE', 'tls-failed', 'there is no TLS connection to lb:8404'],
    ['ERR_OSSL_BAD_DECRYPT', 'tls-failed', 'there is no TLS connection to lb:8404'],
    ['HPE_INVALID_CONSTANT', 'not-http', 'what lb:8404 answers is not HTTP'],
    ['HPE_HEADER_OVERFLOW', 'not-http', 'what lb:8404 answers is not HTTP'],
    ['EACCES', 'unreachable', 'the request failed (EACCES)']
  ])('with the code %s is %s', (code, problem, seen) => {
    const error = failure(code)
    const explained = explain(error)
    expect(explained.problem).toBe(problem)
    expect(explained.message).toBe(`Could not do it: ${seen}.`)
    expect(explained.cause).toBe(error)
  })

  test.each([
    ['http', 'ECONNRESET', 'try https:// in the URL'],
    ['http', 'HPE_INVALID_CONSTANT', 'try https:// in the URL'],
    ['https', 'ECONNRESET', 'try http:// in the URL'],
    ['https', 'ERR_SSL_WRONG_VERSION_NUMBER', 'Try http:// in the URL'],
    ['https', 'HPE_INVALID_CONSTANT', 'Check the address and the port.'],
    ['http', 'ECONNREFUSED', 'Is HAProxy running']
  ])('over %s with the code %s advises: %s', (scheme, code, advice) => {
    const { advice: given } = explainFailure(failure(code), {
      attempt: 'Could not do it',
      url: new URL(`${scheme}://lb:8404/admin`),
      phase: 'connecting',
      timedOutMs: undefined
    })
    expect(given).toContain(advice)
  })

  // A code that was never seen must not be explained by one that it happens to contain.
  test.each([
    'XENOTFOUND',
    'ENOTFOUNDX',
    'XEAI_AGAIN',
    'XECONNREFUSED',
    'ECONNREFUSEDX',
    'XEHOSTUNREACH',
    'EHOSTUNREACHX',
    'XETIMEDOUT',
    'ETIMEDOUTX',
    'XECONNRESET',
    'ECONNRESETX',
    'XEPIPE',
    'EPIPEX',
    'XEPROTO',
    'EPROTOX',
    'XCERT_HAS_EXPIRED',
    'XCERT_REVOKED',
    'XERR_TLS_CERT_ALTNAME_INVALID',
    'XERR_SSL_NO_PROTOCOLS_AVAILABLE',
    'XALERT_INTERNAL_ERROR',
    'XHPE_INVALID_CONSTANT'
  ])('with the unheard-of code %s is named by that code', (code) => {
    const { problem, message } = explain(failure(code))
    expect([problem, message]).toEqual([
      'unreachable',
      `Could not do it: the request failed (${code}).`
    ])
  })

  test.each([
    ['CERT_HAS_EXPIREDX', 'the certificate of lb:8404 is not valid'],
    ['ERR_TLS_CERT_ALTNAME_INVALIDX', 'there is no TLS connection to lb:8404'],
    ['CERT_NOT_YET_VALID', 'the certificate of lb:8404 is not valid'],
    ['INVALID_PURPOSE', 'the certificate of lb:8404 is not valid'],
    ['UNABLE_TO_GET_CRL', 'the certificate of lb:8404 is not valid'],
    ['HOSTNAME_MISMATCH', 'the certificate of lb:8404 is not valid'],
    ['PATH_LENGTH_EXCEEDED', 'the certificate of lb:8404 is not valid'],
    ['CRL_HAS_EXPIRED', 'the certificate of lb:8404 is not valid']
  ])('with the code %s of TLS that has no case of its own is a failure of TLS', (code, seen) => {
    const { problem, message } = explain(failure(code))
    expect([problem, message]).toEqual(['tls-failed', `Could not do it: ${seen}.`])
  })

  test.each([
    ['EAI_AGAIN', true],
    ['ENOTFOUND', false]
  ])('of the name server with %s may pass: %s', (code, transient) => {
    const explained = explain(failure(code))
    expect([explained.problem, explained.transient]).toEqual(['host-not-found', transient])
  })

  // Alerts of TLS 1.2, as Node 24 reports them.
  test.each<[string, Problem, string]>([
    ...[
      'sslv3 alert bad certificate',
      'sslv3 alert certificate expired',
      'sslv3 alert certificate unknown',
      'tlsv1 alert unknown ca'
    ].map((said): [string, Problem, string] => [
      said,
      'tls-client-certificate',
      'lb:8404 did not accept the client certificate'
    ]),
    [
      'sslv3 alert handshake failure',
      'tls-client-certificate',
      'lb:8404 broke off the TLS handshake, as it does when it wants a client certificate'
    ],
    ['tlsv1 alert internal error', 'tls-failed', 'there is no TLS connection to lb:8404'],
    ['tlsv1 alert protocol version', 'tls-failed', 'there is no TLS connection to lb:8404']
  ])('of which OpenSSL says %s is explained by that', (said, problem, seen) => {
    const where = '../deps/openssl/openssl/ssl/record/rec_layer_s3.c:916:SSL alert number 42'
    const message = `write EPROTO 80CB:error:0A000412:SSL routines:ssl3_read_bytes:${said}:${where}:\n`
    const explained = explain(failure('EPROTO', message))
    expect([explained.problem, explained.message]).toEqual([problem, `Could not do it: ${seen}.`])
  })

  test('with a code that says enough is not explained by its words', () => {
    expect(explain(failure('ECONNRESET', 'after a tlsv1 alert unknown ca')).problem).toBe('reset')
  })

  // None of these passes by itself, and none has to do with a route.
  test.each([
    'CERT_NOT_YET_VALID',
    'CERT_REVOKED',
    'CERT_UNTRUSTED',
    'INVALID_PURPOSE',
    'INVALID_CA'
  ])('with the code %s of a certificate has to do with TLS and is not tried again', (code) => {
    const explained = explain(failure(code))
    expect(explained.problem).toMatch(/^tls-/)
    expect(explained.transient).toBe(false)
  })

  test('without a code is given in its own words', () => {
    expect(explain(new Error('hm')).message).toBe('Could not do it: the request failed (hm).')
    expect(explain(new Error('')).message).toBe(
      'Could not do it: the request failed (for an unknown reason).'
    )
  })

  test('that is no error at all is explained, too', () => {
    expect(explain({}).message).toBe('Could not do it: the request failed (for an unknown reason).')
  })

  test('behind a deadline is a time-out, no matter what Node says, in the phase that it was in', () => {
    const { problem, message } = explain(failure('ECONNRESET'), 'reading the answer', 250)
    expect(problem).toBe('timed-out')
    expect(message).toBe('Could not do it: no complete answer within 0.25 s (reading the answer).')
  })

  test('while the answer is read has broken it off', () => {
    const { problem, message } = explain(failure('ECONNRESET'), 'reading the answer')
    expect(problem).toBe('truncated')
    expect(message).toBe('Could not do it: the answer broke off.')
  })

  test.each<Phase>([
    'looking up the host',
    'connecting',
    'connecting through the proxy',
    'waiting for the answer'
  ])('while %s has not', (phase) => {
    expect(explain(failure('ECONNRESET'), phase).problem).toBe('reset')
  })

  test.each([
    ['tunneling socket could not be established, statusCode=407', 'statusCode=407'],
    [
      'tunneling socket could not be established, cause=connect ECONNREFUSED 127.0.0.1:1',
      'cause=connect ECONNREFUSED 127.0.0.1:1'
    ],
    [
      'tunneling socket could not be established, cause=self-signed certificate, or so',
      'cause=self-signed certificate, or so'
    ]
  ])('of the proxy is named as one: %s', (said, shown) => {
    const { problem, message } = explain(
      failure('ECONNRESET', said),
      'connecting through the proxy'
    )
    expect(problem).toBe('proxy-refused')
    expect(message).toBe(`Could not do it: the proxy did not connect (${shown}).`)
  })

  test('of a proxy that says more than that the tunnel stands is named as one', () => {
    const { problem, message } = explain(
      failure('ECONNRESET', 'got illegal response body from proxy'),
      'connecting through the proxy'
    )
    expect([problem, message]).toEqual([
      'proxy-refused',
      'Could not do it: the proxy did not answer as one that connects.'
    ])
  })
})
