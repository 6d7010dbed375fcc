import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { RESERVED_CLAIMS } from '../../src/config/resolve.js'
import type { AuthXOptions } from '../../src/index.js'
import { TEST_SECRET } from '../support/app.js'
import { makeRsaPair } from '../support/signing.js'
import { assertOneProblem, problemsOf, problemsWith } from './problems.js'

const pair = makeRsaPair()
const named = [{ kid: 'one', secretKey: TEST_SECRET }]

/** What is right each by itself, and the option that the problem names. */
const CONFLICTS: readonly [what: string, options: AuthXOptions, names: string][] = [
  ['two cookies of one name', { accessCookieName: 'a', refreshCookieName: 'a' }, 'accessCookieName'],
  ['a token and its CSRF value in one cookie', { accessCookieName: 'a', accessCsrfCookieName: 'a' }, 'CookieName'],
  ['the name of another default', { accessCookieName: 'csrf_refresh_token' }, 'refreshCsrfCookieName'],
  ['SameSite=None without Secure', { cookieSamesite: 'none', cookieSecure: false }, 'cookieSecure'],
  ['__Secure- without Secure', { accessCookieName: '__Secure-a', cookieSecure: false }, 'accessCookieName'],
  ['__Host- without Secure', { refreshCookieName: '__Host-a', cookieSecure: false }, 'refreshCookieName'],
  ['__Host- with a domain', { accessCsrfCookieName: '__Host-a', cookieDomain: 'a.example' }, 'accessCsrfCookieName'],
  ['__Host- with a path', { refreshCsrfCookieName: '__Host-a', refreshCsrfCookiePath: '/a' }, 'refreshCsrfCookiePath'],
  ['__host- in lower case with a path', { accessCookieName: '__host-a', accessCookiePath: '/a' }, 'accessCookiePath'],
  ['an error body with one key for two things', { errorMessageKey: 'error_type' }, 'errorMessageKey'],
  ['decodeAlgorithms without algorithm', { decodeAlgorithms: ['HS384'] }, 'decodeAlgorithms'],
  ['decodeAlgorithms without a key', { decodeAlgorithms: ['HS256', 'RS256'] }, 'decodeAlgorithms'],
  ['a stored login type without a login type', { storedLoginType: false }, 'storedLoginType'],
  ['a limit of sessions without a store', { maxSessions: 3 }, 'maxSessions'],
  ['keys beside secretKey', { keys: named }, 'secretKey'],
  [
    'keys beside previousSecretKey',
    { secretKey: undefined, keys: named, previousSecretKey: TEST_SECRET },
    'previousSecretKey',
  ],
  ['keys beside publicKey', { secretKey: undefined, keys: named, publicKey: pair.publicKey }, 'publicKey'],
]

describe('options that do not go together are reported', () => {
  for (const [what, options, names] of CONFLICTS) {
    test(what, () => assertOneProblem(problemsWith(options), names))
  }

  test('identityClaim with the name of a claim that means something else', () => {
    for (const name of RESERVED_CLAIMS) {
      if (name !== 'sub') assertOneProblem(problemsWith({ identityClaim: name }), 'identityClaim')
    }
  })

  test('several conflicts are reported together', () => {
    const options = { cookieSamesite: 'none', cookieSecure: false, errorMessageKey: 'error_type', identityClaim: 'jti' }
    assert.equal(problemsWith(options).length, 3)
  })
})

describe('options that do go together are accepted', () => {
  const FINE: readonly [what: string, options: AuthXOptions][] = [
    ['SameSite=None with Secure', { cookieSamesite: 'none' }],
    ['SameSite in capitals, as AuthX spells it', { cookieSamesite: 'Strict' as 'strict' }],
    ['__Host- names on the root path', { accessCookieName: '__Host-a', accessCsrfCookieName: '__Host-c' }],
    [
      '__Secure- with a domain and a path',
      { accessCookieName: '__Secure-a', cookieDomain: 'a.example', accessCookiePath: '/a' },
    ],
    ['one CSRF header for both types', { accessCsrfHeaderName: 'X', refreshCsrfHeaderName: 'X' }],
    ['the identity claim sub', { identityClaim: 'sub' }],
    ['no scheme', { headerType: '' }],
    ['no leeway, no grace', { decodeLeeway: 0, refreshGracePeriod: 0 }],
    ['the most leeway, the most grace', { decodeLeeway: 300, refreshGracePeriod: '1m' }],
    ['keys alone', { secretKey: undefined, keys: named }],
    [
      'keys with empty lists of previous keys from nowhere',
      { secretKey: undefined, keys: named, previousSecretKey: undefined },
    ],
    ['a KeyObject-sized Buffer secret', { secretKey: Buffer.alloc(32, 1) }],
  ]
  for (const [what, options] of FINE) test(what, () => assert.deepEqual(problemsWith(options), []))

  test('a secret beside a key pair, as in an environment that is shared', () => {
    assert.deepEqual(problemsOf({ algorithm: 'RS256', secretKey: 'short', ...pair }), [])
  })
})
