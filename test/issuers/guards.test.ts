import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import { AuthManager, AuthX, type AuthXOptions, PolicyEngine } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { WebSocket } from 'ws'
import { verdict } from '../flows/api.js'
import { appOf, bearer, type Client, cookie, type Reply, serve, TEST_SECRET } from '../support/app.js'
import { type IssuerServer, issuerKey, issuerServer } from '../support/issuer-server.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { askForUpgrade, serveUpgrades } from '../support/upgrades.js'
import { NAVIGATION } from '../support/visitor.js'

const seconds = () => Math.floor(Date.now() / 1000)

const LOCATIONS = ['headers', 'cookies', 'query', 'json'] as const

/** An instance with our own key and an issuer, or with the issuer only. */
const INSTANCES: readonly (readonly [what: string, own: AuthXOptions])[] = [
  ['an instance with a key of its own', { secretKey: TEST_SECRET }],
  ['an instance without a key of its own', {}],
]

async function instance(t: TestContext, options: AuthXOptions) {
  const server = await issuerServer(t)
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const issuers = [remoteIssuer({ issuer: server.issuer, audience: 'my-api' })]
  return { server, authx: new AuthX({ issuers, store, ...options }) }
}

/** An application with one route for each guard, which answers with the token. */
async function guarded(t: TestContext, options: AuthXOptions) {
  const { server, authx } = await instance(t, options)
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
  ['of a user who has just logged in', { auth_time: seconds() - 60 }, { '/within': [200] }],
  [
    'of a user who logged in long ago',
    { auth_time: seconds() - 3600 },
    { '/within': [401, 'FreshTokenRequiredError'] },
  ],
  ['with an auth_time that is text', { auth_time: `${seconds()}` }, { '/within': [401, 'FreshTokenRequiredError'] }],
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
    { exp: seconds() - 1 },
    { '/required': [401, 'TokenExpiredError'], '/optional': [401, 'TokenExpiredError'] },
  ],
  ['that is not valid yet', { nbf: seconds() + 600 }, { '/required': [401, 'JWTDecodeError'] }],
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
      const claims = { scope: 'a b', role: 'author', auth_time: seconds(), amr: ['otp'], fresh: true }
      const ends: readonly [claims: Record<string, unknown>, end: (token: string) => Promise<unknown>][] = [
        [{ jti: '1' }, token => authx.revoke(token)],
        [{ jti: '2', sid: 's' }, () => authx.revokeSession('s', { issuer })],
        [{ jti: '3', iat: seconds() - 10 }, () => authx.revokeAllSessions('ada', { issuer })],
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
    const { server, authx } = await instance(t, {})
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

  test('in every place of a request is found as our own would be', async t => {
    const { server, authx } = await instance(t, { tokenLocation: [...LOCATIONS], cookieCsrfProtect: false })
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.accessTokenRequired(), ctx => {
        ctx.body = ctx.state.token
      }),
    )
    const token = await server.token()
    const replies = [
      await client({ headers: [bearer(token)] }),
      await client({ headers: [cookie({ access_token_cookie: token })] }),
      await client({ path: `/?token=${token}` }),
    ]
    for (const { json } of replies) assert.equal(json.sub, 'ada')
  })

  test('in a cookie has no CSRF value, so that only requests that change nothing are accepted', async t => {
    const { server, authx } = await instance(t, { tokenLocation: ['cookies'] })
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

describe('login types', () => {
  test('an issuer’s token has the login type of its instance, whatever it says itself', async t => {
    const { server, authx } = await instance(t, { loginType: 'admin' })
    assert.equal((await authx.verifyToken(await server.token({ login_type: 'user' }))).login_type, 'admin')
    const plain = await instance(t, {})
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
})

describe('an issuer’s token becomes none of ours', () => {
  /** Every request that could exchange a token, with the token of an issuer in every place. */
  async function attempts(send: Client, token: string, expired: string): Promise<Reply[]> {
    const both = cookie({ access_token_cookie: token, refresh_token_cookie: token })
    const old = cookie({ access_token_cookie: expired, refresh_token_cookie: token })
    return [
      await send({ method: 'POST', path: '/refresh', headers: [bearer(token)] }),
      await send({ method: 'POST', path: '/refresh', headers: [both] }),
      await send({ path: '/refreshable', headers: [both] }),
      await send({ method: 'POST', path: '/reauthenticate', headers: [bearer(token)] }),
      await send({ method: 'POST', path: '/reauthenticate', headers: [both] }),
      await send({ path: '/protected', headers: [...NAVIGATION, old] }),
      await send({ path: '/protected', headers: [...NAVIGATION, cookie({ refresh_token_cookie: token })] }),
    ]
  }

  test('at an instance with a key of its own', async t => {
    const { server, authx } = await instance(t, {
      secretKey: TEST_SECRET,
      tokenLocation: ['headers', 'cookies'],
      cookieCsrfProtect: false,
    })
    const router = addLoginRoutes(new Router(), authx)
    router.post('/reauthenticate', async ctx => {
      ctx.body = await authx.reauthenticate(ctx, { amr: ['otp'] })
    })
    const app = appOf(authx.middleware(), authx.autoRefresh(), authx.implicitRefresh()).use(router.routes())
    const send = await serve(t, app)
    const { access_token } = await authx.createTokenPair('ada')
    const { sid } = await authx.verifyToken(access_token)
    const events: string[] = []
    for (const type of ['issued', 'refreshed', 'replayed', 'recovered', 'revoked', 'reuse'] as const) {
      authx.on(type, () => events.push(type))
    }
    const claims = { renewable: true, fresh: true, auth_time: seconds(), gen: 0, scope: 'a' }
    for (const more of [{}, { sid }, { type: 'refresh' }, { type: 'refresh', sid, gen: 1 }]) {
      const token = await server.token({ ...claims, ...more, jti: `${JSON.stringify(more)}`, exp: seconds() + 60 })
      const expired = await server.token({ ...claims, ...more, iat: seconds() - 60, exp: seconds() - 1 })
      for (const [n, reply] of (await attempts(send, token, expired)).entries()) {
        assert.notEqual(reply.status, 200, `${n}`)
        assert.ok(reply.status < 500, `${n}: ${reply.text}`)
        assert.deepEqual(
          reply.cookies.filter(line => line.includes('eyJ')),
          [],
        )
      }
    }
    // A token that is about to expire is accepted, and not renewed.
    const soon = await server.token({ ...claims, exp: seconds() + 60 })
    const { status, cookies } = await send({ path: '/protected', headers: [cookie({ access_token_cookie: soon })] })
    assert.deepEqual([status, cookies], [200, []])
    assert.deepEqual(events, [])
    assert.equal((await authx.verifyToken(access_token)).sid, sid)
  })

  test('at an instance without a key of its own, which signs nothing at all', async t => {
    const { server, authx } = await instance(t, { tokenLocation: ['headers', 'cookies'], cookieCsrfProtect: false })
    for (const make of [
      () => authx.createAccessToken('ada'),
      () => authx.createRefreshToken('ada'),
      () => authx.autoRefresh(),
      () => authx.implicitRefresh(),
    ]) {
      assert.throws(make, { name: 'BadConfigurationError' })
    }
    const router = addLoginRoutes(new Router(), authx)
    const send = await serve(t, appOf(authx.middleware()).use(router.routes()))
    assert.equal((await send({ method: 'POST', path: '/login' })).status, 500)
    const token = await server.token({ sid: 's', renewable: true })
    for (const headers of [[bearer(token)], [cookie({ refresh_token_cookie: token })]]) {
      const reply = await send({ method: 'POST', path: '/refresh', headers })
      assert.equal(reply.status, 401)
      assert.deepEqual(reply.json.access_token, undefined)
    }
    assert.equal((await send({ path: '/protected', headers: [bearer(token)] })).status, 200)
  })

  test('and the cookies of a login are never made of it', async t => {
    const { server, authx } = await instance(t, { secretKey: TEST_SECRET })
    const token = await server.token()
    const errors: unknown[] = []
    const send = await serve(
      t,
      appOf(ctx => {
        for (const set of [() => authx.setAccessCookies(ctx, token), () => authx.setRefreshCookies(ctx, token)]) {
          try {
            set()
          } catch (error) {
            errors.push((error as Error).name)
          }
        }
        ctx.status = 204
      }),
    )
    assert.deepEqual((await send()).cookies, [])
    assert.equal(errors.length, 2)
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
    const { server, authx } = await instance(t, { secretKey: TEST_SECRET })
    const send = await serve(t, appOf(authx.middleware()).use(addLoginRoutes(new Router(), authx).routes()))
    const { access_token } = await authx.createTokenPair('ada')
    const { sid } = await authx.verifyToken(access_token)
    const theirs = await server.token({ sid, jti: sid })
    await send({ method: 'POST', path: '/logout', headers: [bearer(theirs)] })
    assert.equal((await send({ path: '/protected', headers: [bearer(theirs)] })).status, 401)
    assert.equal((await send({ path: '/protected', headers: [bearer(access_token)] })).status, 200)
  })
})

describe('WebSockets', () => {
  async function connected(t: TestContext, claims: Record<string, unknown>, within = '10h') {
    const { server, authx } = await instance(t, {})
    t.after(() => authx.close())
    const { url, port } = await serveUpgrades(t, authx, {
      serve: (socket, payload) => authx.closeWhenOver(socket, payload, { within }),
    })
    const token = await server.token(claims)
    const client = new WebSocket(url, { headers: { Authorization: `Bearer ${token}` } })
    client.on('error', () => {})
    t.after(() => client.terminate())
    const closed = once(client, 'close').then(([code, reason]) => [code, String(reason)])
    await once(client, 'open')
    return { server, authx, closed, port, token }
  }

  test('a socket is closed when the session of the issuer ends', async t => {
    const { server, authx, closed } = await connected(t, { sid: 's' })
    await authx.revokeSession('s', { issuer: server.issuer })
    assert.deepEqual(await closed, [1008, 'RevokedTokenError'])
  })

  test('a socket is closed when the token or the subject ends', async t => {
    const one = await connected(t, {})
    await one.authx.revoke(one.token)
    assert.deepEqual(await one.closed, [1008, 'RevokedTokenError'])
    const other = await connected(t, { iat: seconds() - 10 })
    await other.authx.revokeAllSessions('ada', { issuer: other.server.issuer })
    assert.deepEqual(await other.closed, [1008, 'RevokedTokenError'])
  })

  test('a socket is closed when the token expires, because nobody renews it here', async t => {
    const { closed } = await connected(t, { sid: 's', exp: seconds() + 2 })
    assert.deepEqual(await closed, [1008, 'TokenExpiredError'])
  })

  test('a forged, expired or foreign token opens none', async t => {
    const { port, server } = await connected(t, {})
    for (const token of [
      await server.token({}, {}, await issuerKey('one')),
      await server.token({ exp: seconds() - 5 }),
      await server.token({ aud: 'other' }),
      await server.token({ nonce: 'n' }),
    ]) {
      assert.equal((await askForUpgrade(port, [bearer(token)])).status, 401)
    }
  })
})
