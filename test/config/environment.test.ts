import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { readEnvironment, variableOf } from '../../src/config/environment.js'
import { OPTIONS } from '../../src/config/table.js'
import { AuthX } from '../../src/index.js'
import { TEST_SECRET, warningsOf } from '../support/app.js'
import { problemsIn } from '../support/problems.js'
import { contentOf, makeRsaPair, verdictOf } from '../support/signing.js'
import { assertOneProblem } from './problems.js'

const TEST_OTHER_SECRET = 'TEST_ONLY_another_secret, with a comma, of more than 32 bytes'
const fromEnv = (env: Record<string, string>) => AuthX.fromEnv({}, { JWT_SECRET_KEY: TEST_SECRET, ...env })
const problemsOfEnv = (env: Record<string, string>) => problemsIn(() => fromEnv(env))

/** A variable's text, and the option that comes of it. */
const READ: readonly [variable: string, text: string, value: unknown][] = [
  ['JWT_ALGORITHM', 'HS512', 'HS512'],
  ['JWT_DECODE_ALGORITHMS', '["HS256","HS384"]', ['HS256', 'HS384']],
  ['JWT_DECODE_ALGORITHMS', 'HS256, HS384', ['HS256', 'HS384']],
  ['JWT_DECODE_AUDIENCE', 'web', ['web']],
  ['JWT_DECODE_AUDIENCE', 'web,api', ['web', 'api']],
  ['JWT_DECODE_AUDIENCE', '["web","a,b"]', ['web', 'a,b']],
  ['JWT_ENCODE_AUDIENCE', 'https://api.example', ['https://api.example']],
  ['JWT_ENCODE_ISSUER', 'https://here.example', 'https://here.example'],
  ['JWT_DECODE_ISSUER', 'https://here.example', 'https://here.example'],
  ['JWT_DECODE_LEEWAY', '30', 30],
  ['JWT_ENCODE_NBF', 'false', false],
  ['JWT_IDENTITY_CLAIM', 'user', 'user'],
  ['JWT_ERROR_MESSAGE_KEY', 'msg', 'msg'],
  ['JWT_ACCESS_TOKEN_EXPIRES', '900', 900],
  ['JWT_ACCESS_TOKEN_EXPIRES', 'PT15M', 900],
  ['JWT_REFRESH_TOKEN_EXPIRES', '30d', 30 * 86_400],
  ['JWT_TOKEN_LOCATION', '["headers", "cookies"]', { access: ['headers', 'cookies'], refresh: ['headers', 'cookies'] }],
  ['JWT_TOKEN_LOCATION', 'headers,cookies', { access: ['headers', 'cookies'], refresh: ['headers', 'cookies'] }],
  ['JWT_TOKEN_LOCATION', '{"access":["headers"],"refresh":["cookies"]}', { access: ['headers'], refresh: ['cookies'] }],
  ['JWT_HEADER_NAME', 'X-Token', 'X-Token'],
  ['JWT_HEADER_TYPE', 'JWT', 'JWT'],
  ['JWT_ACCESS_COOKIE_NAME', 'a', 'a'],
  ['JWT_REFRESH_COOKIE_PATH', '/api', '/api'],
  ['JWT_COOKIE_CSRF_PROTECT', 'False', false],
  ['JWT_COOKIE_DOMAIN', 'example.com', 'example.com'],
  ['JWT_COOKIE_MAX_AGE', '3600', 3600],
  ['JWT_COOKIE_SAMESITE', 'Strict', 'strict'],
  ['JWT_COOKIE_SECURE', '0', false],
  ['JWT_COOKIE_HTTP_ONLY', 'no', false],
  ['JWT_SESSION_COOKIE', 'off', false],
  ['JWT_ACCESS_CSRF_HEADER_NAME', 'X-CSRF', 'X-CSRF'],
  ['JWT_CSRF_CHECK_FORM', 'TRUE', true],
  ['JWT_CSRF_IN_COOKIES', ' false ', false],
  ['JWT_CSRF_METHODS', 'post,put', ['POST', 'PUT']],
  ['JWT_CSRF_METHODS', '["DELETE"]', ['DELETE']],
  ['JWT_QUERY_STRING_NAME', 'jwt', 'jwt'],
  ['JWT_JSON_KEY', 'jwt', 'jwt'],
  ['JWT_REFRESH_JSON_KEY', 'jwt', 'jwt'],
  ['JWT_SESSION_TRACKING', '1', true],
]

/** As AuthX's own configuration declares them. */
const AUTHX_VARIABLES = `ALGORITHM SECRET_KEY PRIVATE_KEY PUBLIC_KEY PREVIOUS_SECRET_KEY PREVIOUS_PUBLIC_KEY
DECODE_ALGORITHMS DECODE_AUDIENCE DECODE_ISSUER DECODE_LEEWAY ENCODE_AUDIENCE ENCODE_ISSUER ENCODE_NBF IDENTITY_CLAIM
ERROR_MESSAGE_KEY ACCESS_TOKEN_EXPIRES REFRESH_TOKEN_EXPIRES TOKEN_LOCATION HEADER_NAME HEADER_TYPE ACCESS_COOKIE_NAME
ACCESS_COOKIE_PATH REFRESH_COOKIE_NAME REFRESH_COOKIE_PATH COOKIE_CSRF_PROTECT COOKIE_DOMAIN COOKIE_MAX_AGE
COOKIE_SAMESITE COOKIE_SECURE COOKIE_HTTP_ONLY SESSION_COOKIE ACCESS_CSRF_COOKIE_NAME ACCESS_CSRF_COOKIE_PATH
ACCESS_CSRF_HEADER_NAME ACCESS_CSRF_FIELD_NAME REFRESH_CSRF_COOKIE_NAME REFRESH_CSRF_COOKIE_PATH
REFRESH_CSRF_HEADER_NAME REFRESH_CSRF_FIELD_NAME CSRF_CHECK_FORM CSRF_IN_COOKIES CSRF_METHODS QUERY_STRING_NAME
JSON_KEY REFRESH_JSON_KEY SESSION_TRACKING SESSION_UPDATE_LAST_ACTIVE`

describe('the environment sets options', () => {
  for (const [variable, text, value] of READ) {
    test(`${variable}=${text}`, () => {
      const [option = ''] = Object.keys(OPTIONS).filter(name => variableOf(name) === variable)
      assert.deepEqual(
        Object.entries(fromEnv({ [variable]: text }).config).find(([name]) => name === option)?.[1],
        value,
      )
    })
  }

  test('no variable of AuthX is unknown', () => {
    const variables = Object.fromEntries(AUTHX_VARIABLES.split(/\s+/).map(name => [`JWT_${name}`, 'x']))
    assert.equal(Object.keys(variables).length, 47)
    assert.deepEqual(readEnvironment(variables).unknown, [])
  })

  test('a secret is taken as it stands', async () => {
    for (const secret of [
      TEST_OTHER_SECRET,
      '["TEST_ONLY looks like JSON but is none, 32 bytes',
      'TEST 00 '.repeat(5),
    ]) {
      const token = new AuthX({ secretKey: secret }).createAccessToken('test')
      assert.equal(await verdictOf(() => fromEnv({ JWT_SECRET_KEY: secret }).verifyToken(token)), 'good')
    }
  })

  test('previous secrets are one, with its commas, or a JSON list', async () => {
    const token = new AuthX({ secretKey: TEST_OTHER_SECRET }).createAccessToken('test')
    for (const text of [TEST_OTHER_SECRET, JSON.stringify([TEST_SECRET, TEST_OTHER_SECRET])]) {
      assert.equal(await verdictOf(() => fromEnv({ JWT_PREVIOUS_SECRET_KEY: text }).verifyToken(token)), 'good')
    }
  })

  test('a PEM document may stand in one line, with \\n for the ends of its lines', async () => {
    const { privateKey, publicKey } = makeRsaPair()
    const signer = new AuthX({ algorithm: 'RS256', privateKey })
    for (const [priv, pub] of [
      [privateKey, publicKey],
      [privateKey.replaceAll('\n', '\\n'), publicKey.replaceAll('\n', '\\n')],
    ]) {
      const env = { JWT_ALGORITHM: 'RS256', JWT_PRIVATE_KEY: priv, JWT_PUBLIC_KEY: pub, JWT_PREVIOUS_PUBLIC_KEY: pub }
      const authx = AuthX.fromEnv({}, env)
      assert.equal(await verdictOf(() => authx.verifyToken(signer.createAccessToken('test'))), 'good')
      assert.equal(await verdictOf(() => signer.verifyToken(authx.createAccessToken('test'))), 'good')
    }
  })

  test('an empty variable counts as not set', () => {
    const empty = Object.fromEntries(Object.keys(OPTIONS).map(name => [variableOf(name), '']))
    assert.deepEqual(
      problemsIn(() => AuthX.fromEnv({ secretKey: TEST_SECRET }, empty)),
      [],
    )
  })

  test('options that are given win, and their variables are not even read', () => {
    const env = { JWT_SECRET_KEY: 'short', JWT_ACCESS_TOKEN_EXPIRES: 'nonsense', JWT_ENCODE_ISSUER: 'there' }
    const authx = AuthX.fromEnv({ secretKey: TEST_SECRET, accessTokenExpires: 60, encodeNbf: false }, env)
    const { claims } = contentOf(authx.createAccessToken('test'))
    assert.equal(Number(claims.exp) - Number(claims.iat), 60)
    assert.equal(claims.iss, 'there')
  })

  test('an option given as undefined does not win', () => {
    assert.equal(AuthX.fromEnv({ secretKey: undefined }, { JWT_SECRET_KEY: TEST_SECRET }).config.algorithm, 'HS256')
  })

  test('process.env is read where no other environment is given', t => {
    process.env.JWT_SECRET_KEY = TEST_SECRET
    process.env.JWT_ENCODE_ISSUER = 'TEST issuer'
    t.after(() => {
      delete process.env.JWT_SECRET_KEY
      delete process.env.JWT_ENCODE_ISSUER
    })
    assert.equal(AuthX.fromEnv().config.encodeIssuer, 'TEST issuer')
  })
})

describe('mistakes in the environment', () => {
  test('are reported together with those in the options, by the name of the variable', () => {
    const env = { JWT_ALGORITHM: 'RS265', JWT_COOKIE_SECURE: 'maybe', JWT_ACCESS_TOKEN_EXPIRES: '15 min' }
    const problems = problemsIn(() => AuthX.fromEnv({ secretKey: TEST_SECRET, storeTimeout: 0 }, env))
    for (const name of [...Object.keys(env), 'storeTimeout']) {
      assert.equal(problems.filter(problem => problem.startsWith(`${name} must be`)).length, 1, name)
    }
    assert.equal(problems.length, 4)
  })

  test('are reported of values that no option accepts', () => {
    const wrong = {
      JWT_COOKIE_CSRF_PROTECT: '2',
      JWT_DECODE_LEEWAY: '-1',
      JWT_DECODE_ALGORITHMS: 'HS256,none',
      JWT_TOKEN_LOCATION: '{"access":["headers"]}',
      JWT_CSRF_METHODS: ',',
      JWT_COOKIE_SAMESITE: 'loose',
      JWT_COOKIE_MAX_AGE: '-5',
    }
    for (const [name, text] of Object.entries(wrong)) assertOneProblem(problemsOfEnv({ [name]: text }), name)
  })

  test('a missing secret names its variable', () => {
    assertOneProblem(
      problemsIn(() => AuthX.fromEnv({}, {})),
      'JWT_SECRET_KEY',
    )
  })

  test('values are never repeated', () => {
    const env = Object.fromEntries(Object.keys(OPTIONS).map(name => [variableOf(name), 'TEST value, to be kept']))
    const text = problemsIn(() => AuthX.fromEnv({}, env)).join('\n')
    assert.match(text, /JWT_ALGORITHM/)
    assert.doesNotMatch(text, /TEST value/)
  })

  test('a variable that no option has is a process warning, without its value', async () => {
    const warnings = await warningsOf(() => fromEnv({ JWT_SECRET: 'TEST value', JWT_STORE_TIMEOUT: '5', OTHER: 'x' }))
    const [warning] = warnings.filter(({ message }) => message.includes('JWT_'))
    assert.ok(warning)
    assert.equal(warning.name, 'AuthXWarning')
    assert.match(warning.message, /JWT_SECRET\b/)
    assert.match(warning.message, /JWT_STORE_TIMEOUT/)
    assert.doesNotMatch(warning.message, /TEST value|OTHER|JWT_SECRET_KEY/)
  })
})
