import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { inspect } from 'node:util'
import type Koa from 'koa'
import * as library from '../../src/index.js'
import { AuthX, AuthXError } from '../../src/index.js'
import { appOf, makeAuthX, serve, TEST_SECRET } from '../support/app.js'

const REALM = 'Bearer realm="authx"'
const INVALID = `${REALM}, error="invalid_token"`
type ErrorClass = new (...args: readonly unknown[]) => AuthXError

const exported = new Map<string, unknown>(Object.entries(library))
const make = (name: string) => exported.get(name) as ErrorClass

/** Design section 6: every error, its status, its challenge, and what else it says. */
const TABLE: readonly [name: string, args: readonly unknown[], status: number, challenge: string | undefined][] = [
  ['MissingTokenError', [], 401, REALM],
  ['InvalidCredentialsError', [], 401, REALM],
  ['MalformedTokenRequestError', [], 400, `${REALM}, error="invalid_request"`],
  ['MalformedBodyError', [], 400, undefined],
  ['BodyTooLargeError', [], 413, undefined],
  ['UnsupportedBodyError', [], 415, undefined],
  ['JWTDecodeError', [], 401, INVALID],
  ['TokenExpiredError', [], 401, INVALID],
  ['TokenInvalidSignatureError', [], 401, INVALID],
  ['TokenInvalidAudienceError', [], 401, INVALID],
  ['TokenInvalidIssuerError', [], 401, INVALID],
  ['AccessTokenRequiredError', [], 401, INVALID],
  ['RefreshTokenRequiredError', [], 401, INVALID],
  ['LoginTypeMismatchError', [], 401, INVALID],
  ['RevokedTokenError', [], 401, INVALID],
  ['ReusedTokenError', [], 401, INVALID],
  ['SubjectNotFoundError', [], 401, INVALID],
  ['FreshTokenRequiredError', [], 401, `${REALM}, error="insufficient_user_authentication"`],
  ['InsufficientScopeError', [['a', 'b:c']], 403, `${REALM}, error="insufficient_scope", scope="a b:c"`],
  ['CSRFError', [], 403, undefined],
  ['MissingCSRFTokenError', [], 403, undefined],
  ['PolicyDeniedError', [], 403, undefined],
  ['PolicyEvaluationError', [], 403, undefined],
  ['TooManySessionsError', [], 403, undefined],
  ['SessionNotFoundError', [], 404, undefined],
  ['RateLimitExceeded', [1001], 429, undefined],
  ['UnavailableError', [], 503, undefined],
  ['StoreUnavailableError', [], 503, undefined],
  ['CallbackUnavailableError', ['getKey'], 503, undefined],
  ['CookieTooLargeError', [], 500, undefined],
  ['BadConfigurationError', [['a problem']], 500, undefined],
]

/** The errors that say when to come again, in seconds. */
const RETRY_AFTER: Readonly<Record<string, string>> = {
  RateLimitExceeded: '2',
  UnavailableError: '1',
  StoreUnavailableError: '1',
  CallbackUnavailableError: '1',
}

const thrower =
  (error: Error): Koa.Middleware =>
  () => {
    throw error
  }

describe('every error over HTTP', () => {
  for (const [name, args, status, challenge] of TABLE) {
    const one = () => new (make(name))(...args)

    test(`${name} with the middleware is ${status} as JSON`, async t => {
      const app = appOf(makeAuthX().middleware(), thrower(one()))
      const reported: unknown[] = []
      app.on('error', error => reported.push(error.name))
      const { headers, json, ...reply } = await (await serve(t, app))()
      assert.equal(reply.status, status)
      assert.equal(json.error_type, name)
      assert.deepEqual(Object.keys(json), ['message', 'error_type'])
      assert.equal(headers['www-authenticate'], challenge)
      assert.equal(headers['retry-after'], RETRY_AFTER[name])
      assert.deepEqual(reported, status >= 500 ? [name] : [])
    })

    test(`${name} without the middleware is ${status} all the same`, async t => {
      const { headers, ...reply } = await (await serve(t, appOf(thrower(one()))))()
      assert.equal(reply.status, status)
      assert.equal(headers['www-authenticate'], challenge)
      assert.equal(headers['retry-after'], RETRY_AFTER[name])
    })

    test(`${name} has a stack trace only if it is a fault of the program`, () => {
      const limit = Error.stackTraceLimit
      assert.equal(/\n {4}at /.test(String(one().stack)), status >= 500)
      assert.equal(Error.stackTraceLimit, limit)
      assert.match(String(new Error('after it').stack), /\n {4}at /)
    })

    test(`${name} has headers of its own: changing them changes no later error`, () => {
      const before = { ...one().headers }
      one().headers['WWW-Authenticate'] = 'changed'
      assert.deepEqual(one().headers, before)
    })

    test(`${name} is what Koa and http-errors expect of an error`, () => {
      const error = one()
      assert.ok(error instanceof AuthXError && error instanceof Error)
      assert.deepEqual([error.name, error.status, error.statusCode, error.expose], [name, status, status, status < 500])
      assert.match(error.code, /^ERR_[A-Z_]+$/)
    })
  }

  test('the table holds every error that is exported', () => {
    const isError = (value: unknown) => typeof value === 'function' && value.prototype instanceof AuthXError
    const errors = [...exported].filter(([, value]) => isError(value)).map(([name]) => name)
    const listed = [...TABLE.map(([name]) => name), 'TokenTypeError']
    assert.deepEqual(errors.sort(), listed.sort())
  })

  test('codes are different, and sub-types are their super-types', () => {
    const codes = TABLE.map(([name, args]) => new (make(name))(...args).code)
    const expected = TABLE.length - 1
    assert.equal(new Set(codes).size, expected, 'both TokenTypeErrors share one code')
    assert.ok(new library.TokenExpiredError() instanceof library.JWTDecodeError)
    assert.ok(new library.ReusedTokenError() instanceof library.RevokedTokenError)
    assert.ok(new library.MissingCSRFTokenError() instanceof library.CSRFError)
    assert.ok(new library.AccessTokenRequiredError() instanceof library.TokenTypeError)
    assert.ok(new library.RefreshTokenRequiredError() instanceof library.TokenTypeError)
  })

  test('a refusal has a stack trace with NODE_DEBUG=koa-authx, and can be made where Error is frozen', () => {
    const errors = new URL('../../src/errors.ts', import.meta.url)
    const run = (script: string, env: Record<string, string>) => {
      const code = `const { MissingTokenError } = await import('${errors}'); ${script}`
      const args = ['--import', 'tsx', '--input-type=module', '--eval', code]
      return execFileSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' })
    }
    const print = 'console.log(new MissingTokenError().stack)'
    assert.match(run(print, { NODE_DEBUG: 'koa-authx' }), /\n {4}at /)
    assert.match(run(`Object.freeze(Error); ${print}`, {}), /No token was sent/)
  })

  test('what helps the operator does not reach the client', async t => {
    const errors = [
      new library.StoreUnavailableError({ cause: new Error('TEST redis://user:secret@host') }),
      new library.CookieTooLargeError({ cause: 'TEST detail' }),
      new library.BadConfigurationError(['TEST problem']),
      new library.MissingTokenError({ cause: 'TEST detail' }),
    ]
    for (const error of errors) {
      for (const app of [appOf(makeAuthX().middleware(), thrower(error)), appOf(thrower(error))]) {
        const { text, headers } = await (await serve(t, app))()
        assert.doesNotMatch(text + JSON.stringify(headers), /TEST/)
      }
    }
  })

  test('the message stands under the key that is configured', async t => {
    const authx = makeAuthX({ errorMessageKey: 'msg' })
    const { json } = await (await serve(t, appOf(authx.middleware(), authx.accessTokenRequired())))()
    assert.deepEqual(Object.keys(json), ['msg', 'error_type'])
  })
})

describe('nothing that is printed holds a secret', () => {
  const tokens = /TEST_ONLY|eyJ[\w-]+\./

  test('not an instance', () => {
    const authx = makeAuthX({ previousSecretKey: `${TEST_SECRET}_previous` })
    const printed = [
      inspect(authx, { depth: 20, showHidden: true }),
      inspect({ authx }, { depth: 20, customInspect: false, showHidden: true }),
      JSON.stringify({ authx }),
      `${authx}`,
    ]
    for (const text of printed) assert.doesNotMatch(text, tokens)
    assert.doesNotMatch(inspect(authx.config, { depth: 20, showHidden: true }), tokens)
  })

  test('not an error that a token came to', async () => {
    const authx = new AuthX({ secretKey: TEST_SECRET, tokenLocation: ['cookies'] })
    const good = authx.createAccessToken('TEST_ONLY_subject', { data: { card: 'TEST_ONLY_claim' } })
    const bad = [
      `${good.slice(0, -5)}AAAAA`,
      good.slice(3),
      `${good}.`,
      authx.createRefreshToken('TEST_ONLY_subject'),
      authx.createAccessToken('TEST_ONLY_subject', { audience: 'TEST_ONLY_audience' }),
    ]
    for (const token of bad) {
      const error = await authx.verifyToken(token).catch(error => error)
      assert.ok(error instanceof AuthXError)
      assert.doesNotMatch(inspect(error, { depth: 20, showHidden: true }), tokens)
      assert.doesNotMatch(JSON.stringify(error), tokens)
    }
  })
})
