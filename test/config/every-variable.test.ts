import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { variableOf } from '../../src/config/environment.js'
import { OPTIONS } from '../../src/config/table.js'
import { AuthX, BadConfigurationError } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { TEST_SECRET, warningsOf } from '../support/app.js'
import { makeRsaPair, verdictOf } from '../support/signing.js'

type OptionName = keyof typeof OPTIONS

const OLDER = 'TEST_ONLY_an_older_secret_of_more_than_32_bytes'
const OLDEST = 'TEST_ONLY_the_oldest_secret_of_more_than_32_bytes'

/** For each variable whose option can be seen: a text, what comes of it, and a text that is wrong if there is one. */
const OPEN: Partial<Record<OptionName, readonly [text: string, value: unknown, wrong?: string]>> = {
  algorithm: ['HS384', 'HS384', 'hs384'],
  decodeAlgorithms: ['HS384,HS512', ['HS384', 'HS512'], '["HS384", 512]'],
  decodeAudience: ['["web", "a,b"]', ['web', 'a,b'], '[]'],
  decodeIssuer: ['https://here.example', 'https://here.example'],
  decodeLeeway: ['300', 300, '301'],
  encodeAudience: ['web, api', ['web', 'api'], '[1]'],
  encodeIssuer: ['https://there.example', 'https://there.example'],
  encodeNbf: ['no', false, 'nope'],
  identityClaim: ['user', 'user'],
  errorMessageKey: ['msg', 'msg'],
  accessTokenExpires: ['PT5M', 300, '5 minutes'],
  refreshTokenExpires: ['2w', 14 * 86_400, '-1'],
  refreshRecovery: ['PT12H', 12 * 3600, 'a day'],
  callbackTimeout: ['2s', 2, '0'],
  tokenLocation: ['["cookies", "json"]', { access: ['cookies', 'json'], refresh: ['cookies', 'json'] }, 'body'],
  headerName: ['X-Token', 'X-Token', 'X Token'],
  headerType: ['JWT', 'JWT', 'J W T'],
  accessCookieName: ['a', 'a', 'a;b'],
  accessCookiePath: ['/a', '/a', 'a'],
  refreshCookieName: ['b', 'b', 'b=c'],
  refreshCookiePath: ['/b', '/b', '/b;c'],
  cookieCsrfProtect: ['0', false, '2'],
  cookieDomain: ['example.com', 'example.com', 'example.com/path'],
  cookieMaxAge: ['1h30m', 5400, '1h30'],
  cookieSamesite: ['STRICT', 'strict', 'loose'],
  cookieSecure: ['off', false, 'of'],
  cookieHttpOnly: ['False', false, 'F'],
  sessionCookie: ['false', false, 'never'],
  accessCsrfCookieName: ['c', 'c', 'c d'],
  accessCsrfCookiePath: ['/c', '/c', 'c'],
  accessCsrfHeaderName: ['X-A', 'X-A', 'X:A'],
  accessCsrfFieldName: ['field', 'field'],
  refreshCsrfCookieName: ['d', 'd', 'd,e'],
  refreshCsrfCookiePath: ['/d', '/d', '?d'],
  refreshCsrfHeaderName: ['X-R', 'X-R', '(X)'],
  refreshCsrfFieldName: ['field', 'field'],
  csrfCheckForm: ['yes', true, 'yeah'],
  csrfInCookies: ['NO', false, 'none'],
  formerCookies: ['[{"path":"/api"}]', [{ path: '/api' }], 'example.com'],
  trustedOrigins: ['https://a.example, https://b.example', ['https://a.example', 'https://b.example'], 'a.example'],
  cookiePartitioned: ['false', false, 'maybe'],
  csrfCheck: ['origin', 'origin', 'both'],
  csrfMethods: ['["post"]', ['POST'], 'PO ST'],
  queryStringName: ['jwt', 'jwt'],
  jsonKey: ['at', 'at'],
  refreshJsonKey: ['rt', 'rt'],
  sessionTracking: ['on', true, 'onn'],
  sessionUpdateLastActive: ['FALSE', false, 'x'],
  maxSessions: ['3', 3, '501'],
  tooManySessions: ['refuse', 'refuse', 'refused'],
  implicitRefreshRouteExclude: ['/a,/b', ['/a', '/b'], 'a'],
  implicitRefreshRouteInclude: ['["/a,b"]', ['/a,b'], '["a"]'],
  implicitRefreshMethodExclude: ['post, put', ['POST', 'PUT'], 'PO ST'],
  implicitRefreshMethodInclude: ['["get"]', ['GET'], '[7]'],
  implicitRefreshDeltatime: ['90', 90, 'soon'],
}

/** Keys are not shown by an instance: these are held by what they sign and verify. */
const KEYS: readonly OptionName[] = [
  'secretKey',
  'privateKey',
  'publicKey',
  'previousSecretKey',
  'previousPublicKey',
] as const

/** Variables of options that AuthX does not have. */
const OURS: readonly OptionName[] = [
  'formerCookies',
  'trustedOrigins',
  'csrfCheck',
  'cookiePartitioned',
  'callbackTimeout',
  'refreshRecovery',
  'maxSessions',
  'tooManySessions',
]

const environmentOf = (texts: Partial<Record<OptionName, string>>) =>
  Object.fromEntries(Object.entries(texts).map(([name, text]) => [variableOf(name), text]))

const textsOf = (index: 0 | 2) =>
  Object.fromEntries(
    Object.entries(OPEN).flatMap(([name, row]) => (row[index] === undefined ? [] : [[name, row[index]]])),
  )

describe('AuthX.fromEnv()', () => {
  test('reads each of AuthX’s 52 variables and its own, and they are all in this file', () => {
    const withVariable = Object.entries(OPTIONS).flatMap(([name, { environment }]) => (environment ? [name] : []))
    assert.deepEqual([...Object.keys(OPEN), ...KEYS].sort(), withVariable.sort())
    assert.equal(withVariable.length, 52 + OURS.length)
  })

  test('takes all of them at once, lists and durations too', () => {
    const env = environmentOf({ ...textsOf(0), secretKey: TEST_SECRET })
    const config: Readonly<Record<string, unknown>> = AuthX.fromEnv({ store: new MemoryTokenStore() }, env).config
    for (const [name, [, value]] of Object.entries(OPEN)) assert.deepEqual(config[name], value, name)
  })

  test('reports all mistakes at once, each by the name of its variable', () => {
    const wrong = textsOf(2)
    const { problems } = failureOf(() => AuthX.fromEnv({}, environmentOf({ ...wrong, secretKey: TEST_SECRET })))
    const named = problems.map(problem => problem.split(' ')[0])
    assert.deepEqual(named.sort(), Object.keys(environmentOf(wrong)).sort())
  })

  test('prints no value, whatever is wrong with it', async () => {
    const value = 'TEST value\nof two lines'
    const texts = Object.fromEntries(Object.keys(OPTIONS).map(name => [name, value]))
    const failures: BadConfigurationError[] = []
    const warnings = await warningsOf(() => {
      for (const more of [{}, { algorithm: 'RS256' }, { algorithm: 'HS256', decodeAlgorithms: 'HS256' }]) {
        const env = { ...environmentOf({ ...texts, ...more }), JWT_TYPO: value }
        failures.push(failureOf(() => AuthX.fromEnv({}, env)))
      }
    })
    const printed = [...failures, ...warnings].map(each => `${each.message}${inspect(each, { depth: 9 })}`).join('\n')
    assert.match(printed, /JWT_TYPO/)
    assert.doesNotMatch(printed, /TEST value|of two lines/)
  })

  test('names unknown JWT_* variables in one warning, those of koa-authx’s own options too', async () => {
    const own = Object.entries(OPTIONS).flatMap(([name, { environment }]) => (environment ? [] : [variableOf(name)]))
    const env = Object.fromEntries(['JWT_ACCES_COOKIE_NAME', ...own].map(name => [name, 'TEST value']))
    const warnings = await warningsOf(() => AuthX.fromEnv({ secretKey: TEST_SECRET }, env))
    const [warning, ...others] = warnings.filter(({ message }) => message.includes('JWT_'))
    assert.deepEqual(others, [])
    for (const name of Object.keys(env)) assert.match(String(warning?.message), new RegExp(`\\b${name}\\b`))
  })

  test('takes previous secrets as a JSON list, each whole', async () => {
    const env = { JWT_SECRET_KEY: TEST_SECRET, JWT_PREVIOUS_SECRET_KEY: JSON.stringify([OLDER, OLDEST]) }
    const authx = AuthX.fromEnv({}, env)
    for (const secretKey of [TEST_SECRET, OLDER, OLDEST]) {
      const token = new AuthX({ secretKey }).createAccessToken('test')
      assert.equal(await verdictOf(() => authx.verifyToken(token)), 'good')
    }
  })

  test('takes previous public keys as a JSON list of PEM documents', async () => {
    const [now, older, oldest] = [makeRsaPair(), makeRsaPair(), makeRsaPair()]
    const env = {
      JWT_ALGORITHM: 'RS256',
      JWT_PRIVATE_KEY: now.privateKey,
      JWT_PREVIOUS_PUBLIC_KEY: JSON.stringify([older.publicKey, oldest.publicKey]),
    }
    const authx = AuthX.fromEnv({}, env)
    for (const { privateKey } of [now, older, oldest]) {
      const token = new AuthX({ algorithm: 'RS256', privateKey }).createAccessToken('test')
      assert.equal(await verdictOf(() => authx.verifyToken(token)), 'good')
    }
  })

  test('takes a public key alone, for a service that only verifies', async () => {
    const { privateKey, publicKey } = makeRsaPair()
    const authx = AuthX.fromEnv({}, { JWT_ALGORITHM: 'RS256', JWT_PUBLIC_KEY: publicKey })
    const token = new AuthX({ algorithm: 'RS256', privateKey }).createAccessToken('test')
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'good')
    assert.equal(await verdictOf(() => authx.createAccessToken('test')), 'BadConfigurationError')
  })

  function failureOf(construct: () => AuthX): BadConfigurationError {
    try {
      construct()
    } catch (error) {
      if (error instanceof BadConfigurationError) return error
      throw error
    }
    throw new assert.AssertionError({ message: 'nothing was wrong' })
  }
})
