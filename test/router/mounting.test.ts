import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import { type AuthRouterOptions, authRouter } from 'koa-authx/router'
import { koaBody } from 'koa-body'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, makeAuthX, serve } from '../support/app.js'
import { problemsIn } from '../support/problems.js'
import { JSON_TYPE, login } from './scene.js'

const authx = makeAuthX({ store: new MemoryTokenStore() })

/** The ways to mount the routes; each serves them under this path. */
const MOUNTINGS: Readonly<Record<string, readonly [under: string, mount: (app: Koa) => unknown]>> = {
  'on the app': ['', app => app.use(authRouter(authx, { login }).routes())],
  'on the app, with a parser for all': ['', app => app.use(koaBody()).use(authRouter(authx, { login }).routes())],
  'with a prefix': ['/auth', app => app.use(authRouter(authx, { login }).prefix('/auth').routes())],
  'on a router': ['', app => app.use(new Router().use(authRouter(authx, { login }).routes()).routes())],
  'under a path of a router': [
    '/auth',
    app => app.use(new Router().use('/auth', authRouter(authx, { login }).routes()).routes()),
  ],
  'under a path of a router with a prefix': [
    '/api/auth',
    app => app.use(new Router({ prefix: '/api' }).use('/auth', authRouter(authx, { login }).routes()).routes()),
  ],
  'under a path with a parameter': [
    '/acme/auth',
    app => app.use(new Router().use('/:tenant/auth', authRouter(authx, { login }).routes()).routes()),
  ],
}

const ROUTES = [
  ['GET', '/sessions'],
  ['HEAD', '/sessions'],
  ['DELETE', '/sessions'],
  ['DELETE', '/sessions/others'],
  ['DELETE', '/sessions/none'],
  ['POST', '/refresh'],
  ['POST', '/logout'],
] as const

/** Other ways to write a path, for a router or for what stands before it. */
const spellingsOf = (path: string) => [
  path,
  path.toUpperCase(),
  `${path}/`,
  `${path.toUpperCase()}/`,
  `${path}//`,
  `/${path}`,
  path.replace(/[a-z]/, encodeLetter),
  path.replace(/[a-z](?=[a-z]*$)/, encodeLetter),
  path.replaceAll('/', '%2F').replace('%2F', '/'),
  `/.${path}`,
  `/%2e${path}`,
  `/x/..${path}`,
  `${path}?a=b`,
  `${path};a=b`,
  `${path}%00`,
  `${path}%20`,
  path.replaceAll('/', '\\'),
  `http://127.0.0.1${path}`,
]

const encodeLetter = (letter: string) => `%${letter.charCodeAt(0).toString(16)}`

async function logIn(client: Client, under: string): Promise<string> {
  const body = JSON.stringify({ username: 'test', password: 'test' })
  const { status, json } = await client({ method: 'POST', path: `${under}/login`, headers: [JSON_TYPE], body })
  assert.equal(status, 200)
  return String(json.access_token)
}

describe('the routes', () => {
  for (const [where, [under, mount]] of Object.entries(MOUNTINGS)) {
    test(`mounted ${where} are protected in every spelling, and there in those that routers take`, async t => {
      const app = appOf(authx.middleware())
      mount(app)
      const client = await serve(t, app)
      for (const [method, path] of ROUTES) {
        for (const spelling of spellingsOf(under + path)) {
          const { status } = await client({ method, path: spelling })
          assert.ok([400, 401, 404, 405].includes(status), `${method} ${spelling}: ${status}`)
        }
        for (const spelling of [under + path, (under + path).toUpperCase(), `${under}${path}/`]) {
          assert.equal((await client({ method, path: spelling })).status, 401, `${method} ${spelling}`)
        }
      }
      const token = await logIn(client, under)
      const headers = [bearer(token)]
      for (const path of ['/sessions', '/SESSIONS', '/sessions/']) {
        assert.equal((await client({ path: under + path, headers })).status, 200, path)
      }
      assert.equal((await client({ method: 'DELETE', path: `${under}/SESSIONS/none/`, headers })).status, 404)
      const other = await logIn(client, under)
      const { sid } = await authx.verifyToken(other)
      assert.equal((await client({ method: 'DELETE', path: `${under}/SESSIONS/${sid}/`, headers })).status, 204)
      assert.equal((await client({ path: `${under}/sessions`, headers: [bearer(other)] })).status, 401)
      assert.equal((await client({ method: 'DELETE', path: `${under}/Sessions/`, headers })).status, 204)
      assert.equal((await client({ path: `${under}/sessions`, headers })).status, 401)
    })
  }

  test('are at the paths that are given, and nowhere else', async t => {
    const paths = { login: '/sign-in', refresh: '/token', logout: '/sign-out', sessions: '/devices', revoke: '/end' }
    const client = await serve(t, appOf(authx.middleware()).use(authRouter(authx, { login, paths }).routes()))
    for (const [method, path] of [
      ['POST', '/sign-in'],
      ['POST', '/token'],
      ['POST', '/sign-out'],
      ['GET', '/devices'],
      ['DELETE', '/devices'],
      ['DELETE', '/devices/others'],
      ['DELETE', '/devices/none'],
      ['POST', '/end'],
    ] as const) {
      assert.equal((await client({ method, path })).status, path === '/end' ? 400 : 401, path)
    }
    for (const [method, path] of [...ROUTES, ['POST', '/login'], ['POST', '/revoke']] as const) {
      assert.equal((await client({ method, path })).status, 404, path)
    }
  })

  test('are left out if their path is false, and login if there is no function', () => {
    const all = { login: false, refresh: false, logout: false, sessions: false, revoke: false } as const
    assert.equal(authRouter(authx, { login, paths: all }).stack.length, 0)
    const paths = authRouter(authx).stack.map(({ path }) => path)
    assert.deepEqual(
      new Set(paths),
      new Set(['/refresh', '/logout', '/revoke', '/sessions', '/sessions/others', '/sessions/:sid']),
    )
    const one = authRouter(authx, { login, paths: { ...all, logout: undefined } }).stack
    assert.deepEqual(
      one.map(({ path, methods }) => `${methods} ${path}`),
      ['POST /logout'],
    )
  })

  test('leave other methods to whoever comes after, and to allowedMethods', async t => {
    const router = authRouter(authx, { login })
    const app = appOf(authx.middleware()).use(router.routes())
    const client = await serve(t, app)
    assert.equal((await client({ path: '/login' })).status, 404)
    assert.equal((await client({ method: 'OPTIONS', path: '/sessions' })).status, 404)

    const strict = await serve(t, appOf(authx.middleware()).use(router.routes()).use(router.allowedMethods()))
    assert.equal((await strict({ path: '/login' })).status, 405)
    const { status, headers } = await strict({ method: 'OPTIONS', path: '/sessions' })
    assert.deepEqual([status, headers.allow], [200, 'HEAD, GET, DELETE'])
    const token = await logIn(strict, '')
    const gone = await strict({ method: 'DELETE', path: '/sessions/none', headers: [bearer(token)] })
    assert.equal(gone.status, 404)
  })

  test('work without the middleware, with the same errors', async t => {
    const app = appOf().use(authRouter(authx, { login }).routes())
    const client = await serve(t, app)
    const { status, json, headers } = await client({ method: 'POST', path: '/login' })
    assert.deepEqual([status, json.error_type], [401, 'InvalidCredentialsError'])
    assert.equal(headers['www-authenticate'], 'Bearer realm="authx"')
    assert.equal((await client({ path: '/sessions', headers: [bearer(await logIn(client, ''))] })).status, 200)
  })

  test('stand beside routes of the application', async t => {
    const router = new Router()
    router.get('/', ctx => {
      ctx.body = 'home'
    })
    const routers = [authRouter(authx, { login }), router]
    for (const order of [routers, [...routers].reverse()]) {
      const app = appOf(authx.middleware())
      for (const each of order) app.use(each.routes())
      const client = await serve(t, app)
      assert.equal((await client()).text, 'home')
      await logIn(client, '')
    }
  })

  test('take an instance of any claims and subject', async t => {
    const typed = new AuthX<{ role: string }, { name: string }>({
      secretKey: 'a secret of thirty-two bytes or more',
      store: new MemoryTokenStore(),
    })
    const client = await serve(t, appOf(typed.middleware() as never).use(authRouter(typed, { login }).routes()))
    assert.equal((await client({ path: '/sessions', headers: [bearer(await logIn(client, ''))] })).status, 200)
  })
})

describe('without a store', () => {
  const stateless = (options: AuthXOptions = {}) => makeAuthX(options)
  const routers: readonly (readonly [what: string, options: AuthRouterOptions])[] = [
    ['all routes', { login }],
    ['the sessions', { login, paths: { revoke: false } }],
    ['revocation', { login, paths: { sessions: false } }],
  ]
  for (const [what, options] of routers) {
    test(`${what} cannot be had, and the error says what to write`, () => {
      const [problem = '', ...more] = problemsIn(() => authRouter(stateless(), options))
      assert.match(problem, /store.*sessions.*revoke.*paths: \{ sessions: false, revoke: false \}/)
      assert.deepEqual(more, [])
    })
  }

  test('login, refresh and logout can', async t => {
    const plain = stateless()
    const routes = authRouter(plain, { login, paths: { sessions: false, revoke: false } })
    const client = await serve(t, appOf(plain.middleware()).use(routes.routes()))
    const body = JSON.stringify({ username: 'test', password: 'test' })
    const { json } = await client({ method: 'POST', path: '/login', headers: [JSON_TYPE], body })
    const refreshed = await client({
      method: 'POST',
      path: '/refresh',
      headers: [bearer(String(json.refresh_token))],
    })
    assert.deepEqual([refreshed.status, Object.keys(refreshed.json).includes('refresh_token')], [200, false])
    const headers = [bearer(String(refreshed.json.access_token))]
    assert.equal((await client({ method: 'POST', path: '/logout', headers })).status, 204)
    assert.equal((await client({ path: '/sessions', headers })).status, 404)
  })
})

describe('wrong arguments are reported when the routes are made:', () => {
  const WRONG: readonly (readonly [what: string, args: readonly unknown[], names: RegExp])[] = [
    ['nothing', [], /AuthX/],
    ['no instance', [{}, { login }], /AuthX/],
    ['something like an instance', [{ ...authx }, { login }], /AuthX/],
    ['options alone', [{ login }], /AuthX/],
    ['an unknown option', [authx, { login, prefix: '/auth' }], /prefix/],
    ['a login that is no function', [authx, { login: 'test' }], /login/],
    ['a login of null', [authx, { login: null }], /login/],
    ['an afterLogin that is no function', [authx, { login, afterLogin: {} }], /afterLogin/],
    ['before that is no object', [authx, { login, before: () => {} }], /before/],
    ['before in a list', [authx, { login, before: [() => {}] }], /before/],
    ['before of an unknown endpoint', [authx, { login, before: { signup: () => {} } }], /before: .*signup/],
    ['before that is no middleware', [authx, { login, before: { login: 'limit' } }], /before\.login/],
    ['before of null', [authx, { login, before: { all: null } }], /before\.all/],
    ['before with a gap', [authx, { login, before: { all: [() => {}, undefined] } }], /before\.all/],
    ['paths that are no object', [authx, { login, paths: '/auth' }], /paths/],
    ['paths in a list', [authx, { login, paths: ['/login'] }], /paths/],
    ['an unknown endpoint', [authx, { login, paths: { signup: '/signup' } }], /signup/],
    ...[true, null, 5, '', 'login', '/', '/login/', '/log in', ' /login', '//', {}, ['/login']].map(
      path =>
        [
          `a login path of ${JSON.stringify(path)}`,
          [authx, { login, paths: { login: path } }],
          /paths\.login/,
        ] as const,
    ),
    ['sessions that are no object', [authx, { login, sessions: true }], /sessions/],
    ['an unknown rule of sessions', [authx, { login, sessions: { scope: 'a' } }], /sessions: unknown option "scope"/],
    ['scopes of sessions that are no list', [authx, { login, sessions: { scopes: 'a' } }], /sessions\.scopes/],
    ['scopes of sessions that are none', [authx, { login, sessions: { scopes: ['a b'] } }], /sessions\.scopes/],
    ['a freshness of sessions that is no boolean', [authx, { login, sessions: { fresh: 'end' } }], /sessions\.fresh/],
    ['an end of sessions that is no object', [authx, { login, sessions: { end: [] } }], /sessions\.end/],
    [
      'an end within the end',
      [authx, { login, sessions: { end: { end: {} } } }],
      /sessions\.end: unknown option "end"/,
    ],
    ['scopes of the end that are no list', [authx, { sessions: { end: { scopes: 5 } } }], /sessions\.end\.scopes/],
    ['a wrong path of what is not there', [authx, { paths: { login: 'login' } }], /paths\.login/],
    ['a sessions path with a slash at its end', [authx, { paths: { sessions: '/sessions/' } }], /paths\.sessions/],
  ]
  for (const [what, args, names] of WRONG) {
    test(what, () => {
      assert.throws(
        () => Reflect.apply(authRouter, undefined, args),
        (error: unknown) => error instanceof TypeError && names.test(error.message),
      )
    })
  }
})
