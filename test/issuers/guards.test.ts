import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import { AuthManager, AuthX, type AuthXOptions, PolicyEngine } from 'koa-authx'
import { type RemoteIssuerOptions, remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { koaBody } from 'koa-body'
import { verdict } from '../flows/api.js'
import { appOf, bearer, cookie, serve, TEST_SECRET } from '../support/app.js'
import { type IssuerServer, issuerKey, issuerServer } from '../support/issuer-server.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { problemsIn } from '../support/problems.js'
import { instanceOf, secondsNow, statusOf } from './scene.js'

/** An instance with our own key and an issuer, or with the issuer only. */
const INSTANCES: readonly (readonly [what: string, own: AuthXOptions])[] = [
  ['an instance with a key of its own', { secretKey: TEST_SECRET }],
  ['an instance without a key of its own', {}],
]

/** An application with one route for each guard, which answers with the token. */
async function guarded(t: TestContext, options: AuthXOptions) {
  const { server, authx } = await instanceOf(t, options)
  authx.setSubjectGetter(async (sub, _ctx, issuer) => (sub === 'ada' ? { name: 'Ada', issuer } : undefined))
  authx.setPolicyEngine(
    new PolicyEngine({
      rules: [
        {
          effect: 'allow',
          actions: ['reports:read'],
          resources: ['reports'],
          conditions: [{ source: 'subject', key: 'role', value: 'author' }],
        },
      ],
    }),
  )
  const router = new Router()
  const answer = (ctx: Koa.Context) => {
    ctx.body = { token: ctx.state.token, subject: ctx.state.subject }
  }
  router.get('/required', authx.accessTokenRequired(), answer)
  router.get('/optional', authx.accessTokenRequired({ optional: true }), answer)
  router.get('/any-token', authx.tokenRequired(), answer)
  router.get('/refresh-token', authx.refreshTokenRequired(), answer)
  router.get('/fresh', authx.freshTokenRequired(), answer)
  router.get('/within', authx.freshTokenRequired({ within: '5m' }), answer)
  router.get('/amr', authx.freshTokenRequired({ amr: ['otp'] }), answer)
  router.get('/scopes', authx.scopesRequired('a', 'b'), answer)
  router.get('/any-scope', authx.anyScopeRequired('a', 'b'), answer)
  router.get('/subject', authx.subjectRequired(), answer)
  router.get('/policy', authx.policyRequired('reports:read', 'reports'), answer)
  const client = await serve(t, appOf(authx.middleware()).use(router.routes()))
  const ask = (path: string, token?: string) => client({ path, headers: token === undefined ? [] : [bearer(token)] })
  return { server, authx, ask }
}

/** Claims of an issuer's token, and the responses of guards: the status, and the error. */
const TABLE: readonly [what: string, claims: Record<string, unknown>, responses: Record<string, unknown[]>][] = [
  [
    'without more claims',
    {},
    {
      '/required': [200],
      '/optional': [200],
      '/any-token': [200],
      '/refresh-token': [401, 'RefreshTokenRequiredError'],
      '/fresh': [401, 'FreshTokenRequiredError'],
      '/within': [401, 'FreshTokenRequiredError'],
      '/amr': [401, 'FreshTokenRequiredError'],
      '/scopes': [403, 'InsufficientScopeError'],
      '/any-scope': [403, 'InsufficientScopeError'],
      '/subject': [200],
      '/policy': [403, 'PolicyDeniedError'],
    },
  ],
  ['with one of the scopes', { scope: 'a c' }, { '/scopes': [403, 'InsufficientScopeError'], '/any-scope': [200] }],
  ['with all scopes', { scope: 'b a' }, { '/scopes': [200], '/any-scope': [200] }],
  ['with all scopes in scp', { scp: ['a', 'b'] }, { '/scopes': [200] }],
  ['with scopes that are no list of text', { scopes: [['a'], 5] }, { '/any-scope': [403, 'InsufficientScopeError'] }],
  ['of a user who has just logged in', { auth_time: secondsNow() - 60 }, { '/within': [200] }],
  [
    'of a user who logged in long ago',
    { auth_time: secondsNow() - 3600 },
    { '/within': [401, 'FreshTokenRequiredError'] },
  ],
  ['with an auth_time that is text', { auth_time: `${secondsNow()}` }, { '/within': [401, 'FreshTokenRequiredError'] }],
  ['with a second factor', { amr: ['pwd', 'otp'] }, { '/amr': [200] }],
  ['with amr that is text', { amr: 'otp' }, { '/amr': [401, 'FreshTokenRequiredError'] }],
  ['of an unknown subject', { sub: 'eve' }, { '/required': [200], '/subject': [401, 'SubjectNotFoundError'] }],
  ['with the claim of the policy', { role: 'author' }, { '/policy': [200] }],
  [
    'that says it is a refresh token',
    { type: 'refresh' },
    { '/required': [401, 'AccessTokenRequiredError'], '/refresh-token': [401, 'AccessTokenRequiredError'] },
  ],
  [
    'that has expired',
    { exp: secondsNow() - 1 },
    { '/required': [401, 'TokenExpiredError'], '/optional': [401, 'TokenExpiredError'] },
  ],
  ['that is not valid yet', { nbf: secondsNow() + 600 }, { '/required': [401, 'JWTDecodeError'] }],
  ['without sub', { sub: undefined }, { '/required': [401, 'JWTDecodeError'] }],
  ['without exp', { exp: undefined }, { '/required': [401, 'JWTDecodeError'] }],
]

for (const [what, own] of INSTANCES) {
  describe(`guards of ${what}`, () => {
    for (const [kind, claims, responses] of TABLE) {
      test(`a token of an issuer ${kind}`, async t => {
        const { server, ask } = await guarded(t, own)
        const token = await server.token(claims)
        for (const [path, [status, error]] of Object.entries(responses)) {
          const reply = await ask(path, token)
          assert.deepEqual([reply.status, reply.json.error_type], [status, error], path)
        }
      })
    }

    test('without a token, only an optional guard lets the request pass', async t => {
      const { ask } = await guarded(t, own)
      assert.equal((await ask('/required')).status, 401)
      assert.deepEqual((await ask('/optional')).json, {})
    })

    test('a forged token does not pass an optional guard, and the issuer’s outage is 503', async t => {
      const { server, ask } = await guarded(t, own)
      const forged = await server.token({}, {}, await issuerKey('one'))
      for (const path of ['/required', '/optional']) assert.equal((await ask(path, forged)).status, 401)
      const away = await guarded(t, own)
      away.server.answer = (_req, res) => res.writeHead(500).end()
      for (const path of ['/required', '/optional']) {
        assert.equal((await away.ask(path, await away.server.token())).status, 503)
      }
    })

    test('a revoked token, session and subject is refused by every guard', async t => {
      const { server, authx, ask } = await guarded(t, own)
      const { issuer } = server
      const claims = { scope: 'a b', role: 'author', auth_time: secondsNow(), amr: ['otp'], fresh: true }
      const ends: readonly [claims: Record<string, unknown>, end: (token: string) => Promise<unknown>][] = [
        [{ jti: '1' }, token => authx.revoke(token)],
        [{ jti: '2', sid: 's' }, () => authx.revokeSession('s', { issuer })],
        [{ jti: '3', iat: secondsNow() - 10 }, () => authx.revokeAllSessions('ada', { issuer })],
      ]
      for (const [more, end] of ends) {
        const token = await server.token({ ...claims, ...more })
        const paths = ['/required', '/optional', '/fresh', '/within', '/amr', '/scopes', '/subject', '/policy']
        for (const path of paths) assert.equal((await ask(path, token)).status, 200, path)
        await end(token)
        for (const path of paths) assert.deepEqual(verdict(await ask(path, token)), [401, 'RevokedTokenError'], path)
      }
    })

    test('the subject getter is told whose subject it is, and the payload is frozen', async t => {
      const { server, authx, ask } = await guarded(t, own)
      const { json } = await ask('/subject', await server.token())
      assert.deepEqual(json.subject, { name: 'Ada', issuer: server.issuer })
      const payload = await authx.verifyToken(await server.token({ roles: ['a'], realm_access: { roles: ['b'] } }))
      const { roles, realm_access } = payload as unknown as { roles: string[]; realm_access: { roles: string[] } }
      for (const each of [payload, roles, realm_access, realm_access.roles]) assert.ok(Object.isFrozen(each))
    })
  })
}

describe('ctx.state.token of an issuer’s token', () => {
  test('is the same frozen object in the middleware, in the guard and in later requests', async t => {
    const { server, authx } = await instanceOf(t)
    const seen: unknown[] = []
    const note: Parameters<typeof appOf>[0] = async (ctx, next) => {
      seen.push(ctx.state.token)
      await next()
    }
    const app = appOf(authx.middleware(), note, authx.accessTokenRequired(), note, ctx => {
      assert.throws(() => {
        ctx.state.token.sub = 'eve'
      }, TypeError)
      assert.throws(() => ctx.state.token.roles.push('admin'), TypeError)
      ctx.status = 204
    })
    const client = await serve(t, app)
    const headers = [bearer(await server.token({ roles: ['reader'] }))]
    for (let n = 0; n < 4; n++) assert.equal((await client({ headers })).status, 204)
    assert.equal(new Set(seen.slice(-4)).size, 1)
    assert.deepEqual((seen[0] as Record<string, unknown>).roles, ['reader'])
  })

  test('is found in every place where our own would be', async t => {
    const options = { tokenLocation: ['headers', 'cookies', 'query', 'json'], cookieCsrfProtect: false } as const
    const { server, authx } = await instanceOf(t, options)
    const app = appOf(koaBody(), authx.middleware(), authx.accessTokenRequired(), ctx => {
      ctx.body = ctx.state.token
    })
    const client = await serve(t, app)
    const token = await server.token()
    const replies = [
      await client({ headers: [bearer(token)] }),
      await client({ headers: [cookie({ access_token_cookie: token })] }),
      await client({ path: `/?token=${token}` }),
      await client({
        method: 'POST',
        headers: [['Content-Type', 'application/json']],
        body: JSON.stringify({ access_token: token }),
      }),
    ]
    for (const { json } of replies) assert.equal(json.sub, 'ada')
  })

  test('in a cookie has no CSRF value, so that only requests that change nothing are accepted', async t => {
    const { server, authx } = await instanceOf(t, { tokenLocation: ['cookies'] })
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.accessTokenRequired(), ctx => {
        ctx.status = 204
      }),
    )
    const token = await server.token({ csrf: 'x' })
    const headers = [cookie({ access_token_cookie: token, csrf_access_token: 'x' }), ['X-CSRF-Token', 'x'] as const]
    assert.equal((await client({ headers })).status, 204)
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      assert.ok([401, 403].includes((await client({ method, headers })).status), method)
    }
  })
})

describe('tokens of an issuer beside our own', () => {
  test('are each judged by their own keys alone', async t => {
    const { server, authx, ask } = await guarded(t, { secretKey: TEST_SECRET })
    const own = authx.createAccessToken('ada', { scopes: ['a', 'b'] })
    const theirs = await server.token({ scope: 'a b' })
    const replies = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        ask(['/scopes', '/subject', '/required'][n % 3] ?? '', n % 2 ? own : theirs),
      ),
    )
    for (const [n, { status, json }] of replies.entries()) {
      assert.equal(status, 200)
      const { iss } = json.token as { iss?: string }
      assert.equal(iss, n % 2 ? undefined : server.issuer)
    }
    // A token of our own key with the name of the issuer, and one of the issuer's key without its name.
    const named = new AuthX({ secretKey: TEST_SECRET, encodeIssuer: server.issuer }).createAccessToken('ada')
    assert.equal((await ask('/required', named)).status, 401)
    for (const iss of [undefined, 'https://other.example', `${server.issuer}/`, [server.issuer]]) {
      assert.equal((await ask('/required', await server.token({ iss }))).status, 401, String(iss))
    }
  })

  test('are judged by the issuer that they name, and not by another', async t => {
    const [one, other] = [await issuerServer(t), await issuerServer(t)]
    const issuers = [one, other].map(({ issuer }) => remoteIssuer({ issuer, audience: 'my-api' }))
    const authx = new AuthX({ issuers })
    for (const server of [one, other]) assert.equal((await authx.verifyToken(await server.token())).iss, server.issuer)
    for (const [server, iss] of [
      [one, other.issuer],
      [other, one.issuer],
    ] as const) {
      await assert.rejects(authx.verifyToken(await server.token({ iss })), { name: 'TokenInvalidSignatureError' })
    }
  })

  test('never list or end the sessions of our own', async t => {
    const { server, authx } = await instanceOf(t, { secretKey: TEST_SECRET })
    const send = await serve(t, appOf(authx.middleware()).use(addLoginRoutes(new Router(), authx).routes()))
    const { access_token } = await authx.createTokenPair('ada')
    const { sid } = await authx.verifyToken(access_token)
    const theirs = await server.token({ sid, jti: sid })
    await send({ method: 'POST', path: '/logout', headers: [bearer(theirs)] })
    assert.equal((await send({ path: '/protected', headers: [bearer(theirs)] })).status, 401)
    assert.equal((await send({ path: '/protected', headers: [bearer(access_token)] })).status, 200)
  })
})

test('a logout ends every token of an issuer in the request, also two of one session', async t => {
  const { server, authx } = await instanceOf(t, { tokenLocation: ['headers', 'query'] })
  const send = await serve(t, appOf(authx.middleware()).use(addLoginRoutes(new Router(), authx).routes()))
  const tokens = [await server.token({ sid: 's', jti: '1' }), await server.token({ sid: 's', jti: '2' })] as const
  const third = await server.token({ sid: 's', jti: '3' })
  const { status } = await send({ method: 'POST', path: `/logout?token=${tokens[0]}`, headers: [bearer(tokens[1])] })
  assert.equal(status, 204)
  for (const token of tokens) assert.equal(await statusOf(authx, token), 401)
  assert.equal(await statusOf(authx, third), 200)
})

describe('without a store', () => {
  test('an issuer’s token with a session is accepted', async t => {
    const { server, authx } = await instanceOf(t, { store: undefined })
    for (const claims of [{}, { sid: 's' }, { sid: 's', iat: undefined }]) {
      const token = await server.token(claims)
      assert.equal(await statusOf(authx, token), 200)
    }
  })

  test('a logout that proves only our own login does not pass over the live one of an issuer', async t => {
    for (const store of [undefined, new MemoryTokenStore()]) {
      const { server, authx } = await instanceOf(t, {
        store,
        secretKey: TEST_SECRET,
        tokenLocation: ['headers', 'cookies'],
      })
      const send = await serve(t, appOf(authx.middleware()).use(addLoginRoutes(new Router(), authx).routes()))
      const theirs = cookie({ access_token_cookie: await server.token({ sid: 's' }) })
      const own = bearer(authx.createAccessToken('ada'))
      const reply = await send({ method: 'POST', path: '/logout', headers: [own, theirs] })
      assert.deepEqual([reply.status, reply.cookies], [403, []])
    }
  })

  test('the blocklist of the application ends it', async t => {
    const { server, authx } = await instanceOf(t, { store: undefined })
    authx.setTokenBlocklist(async ({ iss, sid }) => iss === server.issuer && sid === 'ended')
    const [ended, other] = [await server.token({ sid: 'ended' }), await server.token({ sid: 'other' })]
    assert.deepEqual([await statusOf(authx, ended), await statusOf(authx, other)], [401, 200])
  })
})

describe('login types', () => {
  test('an issuer’s token has the login type of its instance, whatever it says itself', async t => {
    const { server, authx } = await instanceOf(t, { loginType: 'admin' })
    assert.equal((await authx.verifyToken(await server.token({ login_type: 'user' }))).login_type, 'admin')
    const plain = await instanceOf(t)
    const payload = await plain.authx.verifyToken(await plain.server.token({ login_type: 'admin' }))
    assert.equal(payload.login_type, undefined)
  })

  test('each login type accepts only the tokens of its own issuer', async t => {
    const [users, admins] = [await issuerServer(t), await issuerServer(t)]
    const store = new MemoryTokenStore()
    t.after(() => store.close())
    const make = ({ issuer }: IssuerServer, loginType: string) =>
      new AuthX({
        loginType,
        store,
        issuers: [remoteIssuer({ issuer, audience: 'my-api' })],
        accessCookieName: `${loginType}_access`,
        refreshCookieName: `${loginType}_refresh`,
        accessCsrfCookieName: `${loginType}_access_csrf`,
        refreshCsrfCookieName: `${loginType}_refresh_csrf`,
      })
    const manager = new AuthManager({ user: make(users, 'user'), admin: make(admins, 'admin') })
    const router = new Router()
    for (const type of ['user', 'admin'] as const) {
      router.get(`/${type}`, manager.get(type).accessTokenRequired(), ctx => {
        ctx.body = ctx.state.token
      })
    }
    const client = await serve(t, appOf(manager.middleware()).use(router.routes()))
    const statuses = async (token: string) => [
      (await client({ path: '/user', headers: [bearer(token)] })).status,
      (await client({ path: '/admin', headers: [bearer(token)] })).status,
    ]
    assert.deepEqual(await statuses(await users.token({ login_type: 'admin' })), [200, 401])
    assert.deepEqual(await statuses(await admins.token()), [401, 200])
  })

  test('two login types that would accept the same tokens of an issuer are refused', () => {
    type Options = Omit<RemoteIssuerOptions, 'issuer'>
    const issuer = 'https://login.example.com'
    const make = (loginType: string, options: Options) =>
      new AuthX({ loginType, store: new MemoryTokenStore(), issuers: [remoteIssuer({ issuer, ...options })] })
    const problemsOf = (user: Options, admin: Options) =>
      problemsIn(() => new AuthManager({ user: make('user', user), admin: make('admin', admin) }))
    const problem =
      'issuers: the login types user and admin accept the same tokens of https://login.example.com; give each its own ' +
      'audience, or to one of them a function claims that returns undefined for tokens of the other'
    const [one, two] = [{ audience: 'one' }, { audience: ['two', 'one'] }]
    assert.deepEqual(problemsOf(one, two), [problem])
    assert.deepEqual(problemsOf(one, { audience: 'two' }), [])
    assert.deepEqual(problemsOf(one, { ...two, claims: ({ roles, ...others }) => (roles ? others : undefined) }), [])
    const app: Options = { audience: false, clientId: ['app', 'another app'] }
    assert.deepEqual(problemsOf(app, app), [problem])
    assert.deepEqual(problemsOf(app, { audience: false, clientId: 'an app of the admins' }), [])
    assert.deepEqual(problemsOf(app, one), [])

    const manager = new AuthManager({ user: make('user', one) })
    assert.deepEqual(
      problemsIn(() => manager.register(make('admin', two))),
      [problem],
    )
  })
})
