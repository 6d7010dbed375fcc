import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import { OPTIONS } from '../../src/config/table.js'
import { AuthX } from '../../src/index.js'
import { TEST_SECRET } from '../support/app.js'
import type { OptionName } from './effects/effect.js'
import { assertOneProblem, problemsOf, problemsWith } from './problems.js'

const FLAG = ['true', 'false', 1, 0, null, {}]
const TEXT = ['', 5, true, null, [], {}]
const NAME = [...TEXT, 'with space', 'semi;colon', 'a=b', 'a,b', 'ü', 'a\r\nb']
const PATH = ['', 'api', '/a;b', '/a\r\nSet-Cookie: b', '/ü', 5, null]
const DURATION = [
  '',
  '-5',
  'abc',
  '15 min',
  0,
  '0',
  '0s',
  0.5,
  -5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  null,
  true,
  {},
]
const ALGORITHM = ['hs256', 'none', 'HS1', 'EdDSA', '', 5, null]
const KEY = [5, null, true, {}]
const LOCATIONS = [[], '', 'headers', ['header'], ['headers', 5], [['headers']], null, { access: ['headers'] }]

const ROUTES = ['/a', ['a'], [''], ['/a b'], [5], null, {}]
const METHODS = ['GET', ['PO ST'], [''], [5], null, {}]

// The type demands an entry for every option.
const WRONG: Record<OptionName, readonly unknown[]> = {
  algorithm: ALGORITHM,
  secretKey: KEY,
  privateKey: KEY,
  publicKey: KEY,
  previousSecretKey: [...KEY, [], [5]],
  previousPublicKey: [...KEY, [], [5]],
  keys: [[], {}, 'a', null, [5], [null], [[]]],
  decodeAlgorithms: [[], 'HS256', ['hs256'], ['HS256', 'none'], [null], null],
  decodeAudience: [...TEXT, [''], ['web', 5]],
  decodeIssuer: [...TEXT, ['here']],
  decodeLeeway: [-1, 301, 0.5, '30', '1m', Number.NaN, null],
  encodeAudience: [...TEXT, [''], ['web', 5]],
  encodeIssuer: [...TEXT, ['here']],
  encodeNbf: FLAG,
  identityClaim: TEXT,
  errorMessageKey: TEXT,
  accessTokenExpires: DURATION,
  refreshTokenExpires: DURATION,
  tokenLocation: [
    ...LOCATIONS,
    { access: ['headers'], refresh: [] },
    { access: ['headers'], refresh: ['headers'], other: ['headers'] },
  ],
  headerName: NAME,
  headerType: ['with space', 'ü', 'a\r\nb', 5, null],
  accessCookieName: NAME,
  accessCookiePath: PATH,
  refreshCookieName: NAME,
  refreshCookiePath: PATH,
  cookieCsrfProtect: FLAG,
  cookieDomain: ['', 'a b', 'a;b', 'https://example.com', 'example.com:80', 'a..b', 'ü', 5, null],
  formerCookies: [
    {},
    [{}],
    [{ domain: 'a b' }],
    [{ path: 'api' }],
    [{ partitioned: 'true' }],
    [{ path: '/', partitioned: null }],
    [{ name: 'a' }],
    [null],
    'example.com',
    null,
  ],
  cookieMaxAge: DURATION,
  cookieSamesite: ['', 'loose', true, null],
  cookieSecure: FLAG,
  cookieHttpOnly: FLAG,
  sessionCookie: FLAG,
  accessCsrfCookieName: NAME,
  accessCsrfCookiePath: PATH,
  accessCsrfHeaderName: NAME,
  accessCsrfFieldName: TEXT,
  refreshCsrfCookieName: NAME,
  refreshCsrfCookiePath: PATH,
  refreshCsrfHeaderName: NAME,
  refreshCsrfFieldName: TEXT,
  csrfCheckForm: FLAG,
  csrfInCookies: FLAG,
  csrfMethods: [[], ...METHODS],
  cookiePartitioned: FLAG,
  csrfCheck: ['Origin', 'both', '', true, null],
  trustedOrigins: ['https://a.example', ['*'], ['null'], ['https://a.example/'], ['a.example'], [5], null],
  queryStringName: TEXT,
  jsonKey: TEXT,
  refreshJsonKey: TEXT,
  sessionTracking: FLAG,
  sessionUpdateLastActive: FLAG,
  implicitRefreshRouteExclude: ROUTES,
  implicitRefreshRouteInclude: ROUTES,
  implicitRefreshMethodExclude: METHODS,
  implicitRefreshMethodInclude: METHODS,
  implicitRefreshDeltatime: DURATION,
  store: ['sqlite', {}, { get() {} }, new Map(), null, true],
  storeTimeout: [0, -1, 0.5, 60_001, '250', '1s', Number.NaN, null],
  callbackTimeout: DURATION,
  refreshGracePeriod: [61, -1, '2m', 'abc', Number.NaN, null, true],
  refreshRecovery: [-1, 'abc', Number.NaN, null, true],
  sessionExpires: DURATION,
  maxSessions: [0, -1, 1.5, 501, '3', Number.NaN, Number.POSITIVE_INFINITY, null, true],
  tooManySessions: ['', 'end', 'endoldest', 3, true, null],
  accessTokenRevocation: FLAG,
  verifyCacheSize: [-1, 0.5, 1_000_001, '100', Number.NaN, null, true],
  loginType: TEXT,
  storedLoginType: TEXT,
  adoptClaims: ['type', null, true, {}, Promise.resolve({})],
  issuers: [
    'https://issuer.example',
    {},
    [{}],
    [{ issuer: 'https://issuer.example', audience: 'my-api' }],
    [null],
    null,
    5,
  ],
  getKey: ['a secret of thirty-two bytes or more', null, true, {}, Promise.resolve('a')],
  now: [0, Date.now(), 'Date.now', null, {}],
}

describe('a wrong value is reported at construction, by the name of its option', () => {
  for (const [name, values] of Object.entries(WRONG)) {
    test(name, () => {
      for (const value of values) {
        const problems = problemsWith({ [name]: value })
        assert.ok(
          problems.some(problem => problem.startsWith(`${name} must be `)),
          `${inspect(value)}: ${problems.join('\n')}`,
        )
      }
    })
  }
})

describe('construction', () => {
  test('reports everything that is wrong at once', () => {
    const wrong = Object.fromEntries(Object.keys(OPTIONS).map(name => [name, Symbol('never right')]))
    const problems = problemsOf({ ...wrong, unheardOf: 1, unknown: 2 })
    for (const name of [...Object.keys(OPTIONS), 'unheardOf', 'unknown']) {
      assert.ok(
        problems.some(problem => problem.includes(name)),
        name,
      )
    }
  })

  test('says each thing once', () => {
    assertOneProblem(problemsOf({}), 'secretKey')
    assertOneProblem(problemsOf({ secretKey: 5 }), 'secretKey')
    assertOneProblem(problemsWith({ algorithm: 'RS265' }), 'algorithm')
    assertOneProblem(problemsWith({ decodeAlgorithms: ['none'] }), 'decodeAlgorithms')
  })

  test('reports an option that does not exist', () => {
    for (const name of ['secret', 'SecretKey', 'tokenlocation', 'JWT_SECRET_KEY', 'constructor', '__proto__x', '']) {
      assertOneProblem(problemsWith({ [name]: 'x' }), name)
    }
    assertOneProblem(problemsWith(JSON.parse('{"__proto__": {"algorithm": "none"}}')), '__proto__')
  })

  test('counts an option that is undefined as not given', () => {
    const nothing = Object.fromEntries(Object.keys(OPTIONS).map(name => [name, undefined]))
    assert.deepEqual(problemsOf({ ...nothing, secretKey: TEST_SECRET }), [])
  })

  test('takes nothing but an object of options', () => {
    for (const options of [undefined, null, 'secret', 5, [], () => {}]) assert.ok(problemsOf(options).length > 0)
  })

  test('never repeats a value', () => {
    const wrong = Object.fromEntries(Object.keys(OPTIONS).map(name => [name, 'TEST value, to be kept']))
    const keys = { secretKey: 'TEST value, short', privateKey: 'TEST value, bad', publicKey: 'TEST value, bad' }
    for (const options of [{ ...wrong }, { ...wrong, ...keys }, { keys: [{ kid: 'TEST value, kid', ...keys }] }]) {
      try {
        new AuthX(options as never)
        assert.fail('must not be constructed')
      } catch (error) {
        assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /TEST value/)
      }
    }
  })
})
