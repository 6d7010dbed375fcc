import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type Koa from 'koa'
import { type AuthRouterOptions, authRouter } from 'koa-authx/router'
import type { AuthXError, AuthXOptions, TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, makeAuthX, type Reply, type Sent, serve } from '../support/app.js'
import { FORM_TYPE, JSON_TYPE, login } from './scene.js'

const post = (path: string, body: string | Uint8Array, headers: Sent['headers'] = [JSON_TYPE]): Sent => {
  return { method: 'POST', path, headers, body }
}
const TOO_LARGE = JSON.stringify({ password: 'x'.repeat(70_000) })
const failing: TokenStore = {
  get: () => Promise.reject(new Error('the store is away')),
  compareAndSet: () => Promise.reject(new Error('the store is away')),
}

interface Case {
  readonly sent: Sent
  /** The token in the header. */
  readonly token?: 'access' | 'refreshed' | 'limited' | 'none'
  readonly status: number
  readonly error: string
  readonly options?: AuthXOptions
}

/** Every kind of error that the routes have of their own. */
const CASES: Readonly<Record<string, Case>> = {
  'wrong credentials': { sent: post('/login', '{}'), status: 401, error: 'InvalidCredentialsError' },
  'malformed JSON': { sent: post('/login', '{'), status: 400, error: 'MalformedBodyError' },
  'a form that is no UTF-8': {
    sent: post('/revoke', Buffer.from('746f6b656e3dff', 'hex'), [FORM_TYPE]),
    status: 400,
    error: 'MalformedBodyError',
  },
  'broken gzip': {
    sent: post('/refresh', gzipSync('{}').subarray(0, -4), [JSON_TYPE, ['Content-Encoding', 'gzip']]),
    status: 400,
    error: 'MalformedBodyError',
  },
  'a large body': { sent: post('/login', TOO_LARGE), status: 413, error: 'BodyTooLargeError' },
  'a body that is large when it is decompressed': {
    sent: post('/logout', gzipSync(TOO_LARGE), [JSON_TYPE, ['Content-Encoding', 'gzip']]),
    status: 413,
    error: 'BodyTooLargeError',
  },
  'an unknown encoding': {
    sent: post('/login', '{}', [JSON_TYPE, ['Content-Encoding', 'rot13']]),
    status: 415,
    error: 'UnsupportedBodyError',
  },
  'a body of another type': {
    sent: post('/login', '<a/>', [['Content-Type', 'application/xml']]),
    status: 415,
    error: 'UnsupportedBodyError',
  },
  'no token to revoke': { sent: post('/revoke', '{}'), status: 400, error: 'MalformedTokenRequestError' },
  'no token to refresh': { sent: post('/refresh', '{}'), status: 401, error: 'MissingTokenError' },
  'no token to end': { sent: post('/logout', '{}'), status: 401, error: 'MissingTokenError' },
  'no token for the sessions': { sent: { path: '/sessions' }, status: 401, error: 'MissingTokenError' },
  'an invalid token': { sent: { path: '/sessions' }, token: 'none', status: 401, error: 'JWTDecodeError' },
  'an unknown session': {
    sent: { method: 'DELETE', path: '/sessions/none' },
    token: 'access',
    status: 404,
    error: 'SessionNotFoundError',
  },
  'a token that is not fresh': {
    sent: { method: 'DELETE', path: '/sessions' },
    token: 'refreshed',
    status: 401,
    error: 'FreshTokenRequiredError',
  },
  'a token without the scope': {
    sent: { path: '/sessions' },
    token: 'limited',
    status: 403,
    error: 'InsufficientScopeError',
  },
  'a store that fails': {
    sent: post('/login', '{"username":"test","password":"test"}'),
    status: 503,
    error: 'StoreUnavailableError',
    options: { store: failing },
  },
  'a cookie that is too large': {
    sent: post('/login', '{"username":"test","password":"test"}', [JSON_TYPE, ['X-Size', '5000']]),
    status: 500,
    error: 'CookieTooLargeError',
    options: { tokenLocation: ['cookies'] },
  },
}

const routes: AuthRouterOptions = {
  login: (body, ctx) => {
    const sub = login(body, ctx)
    return typeof sub === 'string' ? { sub, data: { long: 'x'.repeat(Number(ctx.get('X-Size'))) } } : undefined
  },
}

async function answer(
  t: TestContext,
  { sent, token, options }: Case,
  around: (authx: ReturnType<typeof makeAuthX>) => readonly Koa.Middleware[],
): Promise<Reply> {
  const authx = makeAuthX({ store: new MemoryTokenStore(), cookieSecure: false, ...options })
  const app = appOf(...around(authx)).use(authRouter(authx, routes).routes())
  const tokens = {
    access: () => authx.createAccessToken('test', { fresh: true }),
    refreshed: () => authx.createAccessToken('test'),
    limited: () => authx.createAccessToken('test', { scopes: ['notes'], fresh: true }),
    none: () => 'none',
  }
  const headers = [...(sent.headers ?? []), ...(token ? [bearer(tokens[token]())] : [])]
  return (await serve(t, app))({ ...sent, headers })
}

const shown = ({ status, text, headers: { date, ...headers } }: Reply) => ({ status, text, headers })

describe('an error of a route is JSON, the same with and without authx.middleware():', () => {
  for (const [what, given] of Object.entries(CASES)) {
    test(`${what} is ${given.status} ${given.error}`, async t => {
      const alone = await answer(t, given, () => [])
      assert.deepEqual([alone.status, alone.json.error_type], [given.status, given.error])
      assert.deepEqual(Object.keys(alone.json), ['message', 'error_type'])
      assert.equal(alone.headers['content-type'], 'application/json; charset=utf-8')
      const within = await answer(t, given, authx => [authx.middleware()])
      assert.deepEqual(shown(within), shown(alone))
    })
  }
})

describe('an error of a route', () => {
  const given = CASES['malformed JSON'] as Case

  test('is left to onError and loginPage of the middleware', async t => {
    const onError = (ctx: Koa.Context, error: AuthXError) => {
      ctx.body = `page of ${error.name}`
    }
    const { status, text } = await answer(t, given, authx => [authx.middleware({ onError })])
    assert.deepEqual([status, text], [400, 'page of MalformedBodyError'])
    const sent = post('/login', '', [['Sec-Fetch-Mode', 'navigate']])
    const page = await answer(t, { ...given, sent }, authx => [authx.middleware({ loginPage: '/sign-in' })])
    assert.deepEqual([page.status, page.headers.location], [303, '/sign-in'])
  })

  test('keeps what earlier middleware has set, and has the key that is configured', async t => {
    const cors: Koa.Middleware = (ctx, next) => {
      ctx.set('Access-Control-Allow-Origin', 'https://example.com')
      return next()
    }
    const { json, headers } = await answer(t, { ...given, options: { errorMessageKey: 'msg' } }, () => [cors])
    assert.deepEqual(Object.keys(json), ['msg', 'error_type'])
    assert.equal(headers['access-control-allow-origin'], 'https://example.com')
  })

  test('is told to the application if it is the fault of the server, and only then', async t => {
    for (const [what, expected] of [
      ['a store that fails', ['StoreUnavailableError']],
      ['wrong credentials', []],
    ] as const) {
      const reported: string[] = []
      const listen: Koa.Middleware = (ctx, next) => {
        ctx.app.on('error', ({ name }) => reported.push(name))
        return next()
      }
      await answer(t, CASES[what] as Case, () => [listen])
      assert.deepEqual(reported, expected)
    }
  })

  test('that is not of the library is left to the application', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const catching: Koa.Middleware = (ctx, next) =>
      next().catch((error: Error) => {
        ctx.body = `caught: ${error.message}`
      })
    const locked = authRouter(authx, { login: (_, ctx) => ctx.throw(423, 'locked') })
    const client = await serve(t, appOf(catching).use(locked.routes()))
    assert.equal((await client(post('/login', '{}'))).text, 'caught: locked')
  })

  test('of a second request on the same connection is rendered as the first', async t => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    const client = await serve(t, appOf().use(authRouter(authx, { login }).routes()))
    for (const _ of [1, 2]) assert.equal((await client(post('/login', '{'))).json.error_type, 'MalformedBodyError')
  })
})
