import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import type Koa from 'koa'
import {
  AuthManager,
  AuthX,
  type AuthXOptions,
  BadConfigurationError,
  PolicyEngine,
  type TokenStore,
} from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, type Client, cookie, makeAuthX, type Reply, serve, TEST_SECRET } from '../support/app.js'
import { problemsIn } from '../support/problems.js'
import { verdictOf } from '../support/signing.js'
import { ALLOW, DENY } from './questions.js'

const OTHER_SECRET = 'TEST_ONLY_another_secret_of_the_test_suite_of_more_than_64_bytes_0123456789'

const USER_COOKIES = { tokenLocation: ['cookies'] } as const
const ADMIN_COOKIES = {
  tokenLocation: ['cookies'],
  accessCookieName: 'admin_access',
  refreshCookieName: 'admin_refresh',
  accessCsrfCookieName: 'admin_access_csrf',
  refreshCsrfCookieName: 'admin_refresh_csrf',
} as const

interface Options {
  user?: AuthXOptions
  admin?: AuthXOptions
  store?: TokenStore
}

function makeManager({ user = {}, admin = {}, store = new MemoryTokenStore() }: Options = {}) {
  return new AuthManager({
    user: makeAuthX({ loginType: 'user', store, ...user }),
    admin: makeAuthX({ loginType: 'admin', store, ...admin }),
  })
}

/** An API with the same routes for every login type: `/user/...` and `/admin/...`. */
function apiOf(manager: AuthManager<{ user: AuthX; admin: AuthX }>): Koa {
  const router = new Router()
  for (const type of ['user', 'admin'] as const) {
    const authx = manager.get(type)
    router.post(`/${type}/login`, async ctx => {
      ctx.body = await authx.login(ctx, 'test')
    })
    router.post(`/${type}/refresh`, async ctx => {
      ctx.body = await authx.refresh(ctx)
    })
    router.post(`/${type}/logout`, async ctx => {
      await authx.logout(ctx)
      ctx.status = 204
    })
    const guards = {
      access: manager.accessTokenRequired(type),
      own: authx.accessTokenRequired(),
      optional: manager.accessTokenRequired(type, { optional: true }),
      refreshing: manager.refreshTokenRequired(type),
      fresh: manager.freshTokenRequired(type),
      token: manager.tokenRequired(type),
      policy: manager.policyRequired(type, 'read', 'things'),
    }
    for (const [path, guard] of Object.entries(guards)) {
      router.get(`/${type}/${path}`, guard as Koa.Middleware, ctx => {
        ctx.body = ctx.state.token ?? {}
      })
    }
  }
  router.get('/public', ctx => {
    ctx.body = { login_type: ctx.state.token?.login_type ?? null }
  })
  manager.addPolicyRule(ALLOW)
  return appOf(manager.middleware(), router.routes() as unknown as Koa.Middleware)
}

async function api(t: TestContext, options?: Options) {
  const manager = makeManager(options)
  return { manager, client: await serve(t, apiOf(manager)) }
}

const outcome = ({ status, json }: Reply) => json.error_type ?? status

async function ask(client: Client, path: string, token: unknown, method = 'GET') {
  return outcome(await client({ method, path, headers: [bearer(String(token))] }))
}

const login = async (client: Client, type: string) => (await client({ method: 'POST', path: `/${type}/login` })).json

describe('the guards of one login type', () => {
  const KEYS: readonly [keys: string, options: Options][] = [
    ['one secret', {}],
    ['secrets of their own', { admin: { secretKey: OTHER_SECRET } }],
    ['algorithms of their own', { admin: { secretKey: OTHER_SECRET, algorithm: 'HS512' } }],
  ]
  const ACCESS_GUARDS = ['access', 'optional', 'fresh', 'token', 'policy']

  for (const [keys, options] of KEYS) {
    test(`refuse the tokens of another, with ${keys}`, async t => {
      const { client } = await api(t, options)
      for (const [own, other] of [
        ['user', 'admin'],
        ['admin', 'user'],
      ] as const) {
        const { access_token, refresh_token } = await login(client, own)
        for (const guard of ACCESS_GUARDS) {
          assert.equal(await ask(client, `/${own}/${guard}`, access_token), 200, guard)
          assert.equal(await ask(client, `/${other}/${guard}`, access_token), 'LoginTypeMismatchError', guard)
        }
        assert.equal(await ask(client, `/${own}/refreshing`, refresh_token), 200)
        assert.equal(await ask(client, `/${other}/refreshing`, refresh_token), 'LoginTypeMismatchError')
      }
    })

    test(`refuse what is nobody's, with ${keys}`, async t => {
      const { client, manager } = await api(t, options)
      const { access_token } = await login(client, 'admin')
      await manager.get('admin').revoke(String(access_token))
      const stranger = makeAuthX({ secretKey: `${OTHER_SECRET}x` }).createAccessToken('test')
      assert.equal(await ask(client, '/admin/access', access_token), 'RevokedTokenError')
      assert.equal(await ask(client, '/user/access', stranger), 'TokenInvalidSignatureError')
      assert.equal(await ask(client, '/user/access', 'x'), 'JWTDecodeError')
      assert.equal(outcome(await client({ path: '/user/access' })), 'MissingTokenError')
      assert.equal(outcome(await client({ path: '/user/optional' })), 200)
    })
  }

  test('answer a mismatch with 401 and the challenge of a bad token', async t => {
    for (const [, options] of KEYS) {
      const { client, manager } = await api(t, options)
      const token = manager.createAccessToken('admin', 'test')
      const { status, headers, json } = await client({ path: '/user/access', headers: [bearer(token)] })
      assert.deepEqual([status, json.error_type], [401, 'LoginTypeMismatchError'])
      assert.equal(headers['www-authenticate'], 'Bearer realm="authx", error="invalid_token"')
    }
  })

  test('refuse a token that names no login type, of the same key', async t => {
    const { client } = await api(t)
    assert.equal(await ask(client, '/user/access', makeAuthX().createAccessToken('test')), 'LoginTypeMismatchError')
  })

  test('say that the signature is wrong where the other type would not take the token either', async t => {
    let now = Date.now()
    const { client, manager } = await api(t, { admin: { secretKey: OTHER_SECRET, now: () => now } })
    const token = manager.createAccessToken('admin', 'test')
    assert.equal(await ask(client, '/user/access', token), 'LoginTypeMismatchError')
    now += 3_600_000
    assert.equal(await ask(client, '/user/access', token), 'TokenInvalidSignatureError')
  })

  test('leave errors of the handlers behind them alone', async t => {
    const manager = makeManager({ admin: { secretKey: OTHER_SECRET } })
    const token = manager.createAccessToken('user', 'test')
    const admin = manager.createAccessToken('admin', 'test')
    const handler: Koa.Middleware = async ctx => {
      ctx.body = await verdictOf(() => manager.get('user').verifyToken(admin))
      await manager.get('user').verifyToken(admin)
    }
    const guard = manager.accessTokenRequired('user') as unknown as Koa.Middleware
    const client = await serve(t, appOf(manager.middleware(), guard, handler))
    assert.equal(await ask(client, '/', token), 'TokenInvalidSignatureError')
  })

  test('check scopes and find the subject', async t => {
    const manager = makeManager()
    manager.get('admin').setSubjectGetter(sub => ({ name: sub.toUpperCase() }))
    const answer: Koa.Middleware = ctx => {
      ctx.body = ctx.state
    }
    const reply = async (guard: unknown, token: string) => {
      const client = await serve(t, appOf(manager.middleware(), guard as Koa.Middleware, answer))
      return client({ headers: [bearer(token)] })
    }
    const token = manager.createAccessToken('admin', 'test', { scopes: ['a'] })
    assert.equal(outcome(await reply(manager.scopesRequired('admin', 'a'), token)), 200)
    assert.equal(outcome(await reply(manager.scopesRequired('admin', 'a', 'b'), token)), 'InsufficientScopeError')
    assert.equal(outcome(await reply(manager.anyScopeRequired('admin', 'a', 'b'), token)), 200)
    assert.equal(outcome(await reply(manager.anyScopeRequired('user', 'a'), token)), 'LoginTypeMismatchError')
    assert.deepEqual((await reply(manager.subjectRequired('admin'), token)).json.subject, { name: 'TEST' })
  })
})

describe('the flows of one login type', () => {
  test('refuse the tokens of another, and end nothing of theirs', async t => {
    const { manager, client } = await api(t)
    const { access_token, refresh_token } = await login(client, 'admin')
    assert.equal(await ask(client, '/user/refresh', refresh_token, 'POST'), 'LoginTypeMismatchError')
    assert.equal(await ask(client, '/user/logout', access_token, 'POST'), 'LoginTypeMismatchError')
    for (const token of [access_token, refresh_token]) {
      await assert.rejects(manager.get('user').revoke(String(token)), { name: 'LoginTypeMismatchError' })
      const payload = await manager.get('admin').verifyToken(String(token), { verifyType: false })
      await assert.rejects(manager.get('user').revoke(payload), { name: 'LoginTypeMismatchError' })
      await assert.rejects(manager.get('user').isRevoked(payload), { name: 'LoginTypeMismatchError' })
      const work = () => manager.get('user').verifyToken(String(token), { verifyType: false })
      assert.equal(await verdictOf(work), 'LoginTypeMismatchError')
    }
    assert.equal(await ask(client, '/admin/access', access_token), 200)
    assert.equal(await ask(client, '/admin/refresh', refresh_token, 'POST'), 200)
  })

  test('log out one type and leave the other in, though the subject has one name', async t => {
    const { client } = await api(t)
    const [user, admin] = [await login(client, 'user'), await login(client, 'admin')]
    assert.equal(await ask(client, '/user/logout', user.access_token, 'POST'), 204)
    assert.equal(await ask(client, '/user/access', user.access_token), 'RevokedTokenError')
    assert.equal(await ask(client, '/admin/access', admin.access_token), 200)
  })

  test('revoke all sessions of one type, with and without a session in the token, and no others', async t => {
    const { manager, client } = await api(t)
    const [user, admin] = [await login(client, 'user'), await login(client, 'admin')]
    const single = manager.createAccessToken('admin', 'test')
    await manager.get('user').revokeAllSessions('test')
    assert.equal(await ask(client, '/user/access', user.access_token), 'RevokedTokenError')
    for (const token of [admin.access_token, single]) assert.equal(await ask(client, '/admin/access', token), 200)
    assert.equal(await ask(client, '/admin/refresh', admin.refresh_token, 'POST'), 200)
    await manager.get('admin').revokeAllSessions('test')
    assert.equal(await ask(client, '/admin/access', single), 'RevokedTokenError')
  })

  test('list, find and end no session of another type', async t => {
    const { manager, client } = await api(t)
    const [user, admin] = [manager.get('user'), manager.get('admin')]
    const { access_token } = await login(client, 'admin')
    // This one is opened by the first refresh of a token that named no session.
    await ask(client, '/admin/refresh', manager.createRefreshToken('admin', 'test'), 'POST')
    const sessions = await admin.listSessions('test')
    assert.equal(sessions.length, 2)
    assert.deepEqual(await user.listSessions('test'), [])
    for (const { sid } of sessions) {
      assert.equal(await user.getSession(sid), undefined)
      assert.equal(await user.revokeSession(sid), false)
      assert.equal(await user.revokeSession(sid, { sub: 'test' }), false)
      assert.equal((await admin.getSession(sid))?.sid, sid)
    }
    assert.equal(await ask(client, '/admin/access', access_token), 200)
    for (const { sid } of sessions) assert.equal(await admin.revokeSession(sid, { sub: 'test' }), true)
    assert.equal(await ask(client, '/admin/access', access_token), 'RevokedTokenError')
  })

  test('take no token of another type into their cookies', async t => {
    const manager = makeManager({ user: USER_COOKIES, admin: ADMIN_COOKIES })
    const handler: Koa.Middleware = ctx =>
      manager.get('user').setAccessCookies(ctx, manager.createAccessToken('admin', 'test'))
    const client = await serve(t, appOf(manager.middleware(), handler))
    const reply = await client()
    assert.deepEqual([outcome(reply), reply.cookies], ['LoginTypeMismatchError', []])
  })
})

describe('cookies of several login types', () => {
  const jarOf = (...replies: Reply[]) =>
    Object.fromEntries(
      replies.flatMap(({ cookies }) => cookies).map(line => /^([^=]+)=([^;]*)/.exec(line)?.slice(1) ?? []),
    )

  test('lie side by side, and each logout clears its own', async t => {
    const { client } = await api(t, { user: USER_COOKIES, admin: ADMIN_COOKIES })
    const post = (path: string, jar: Record<string, string>, csrf = '') =>
      client({ method: 'POST', path, headers: [cookie(jar), ['X-CSRF-TOKEN', csrf]] })
    const jar = jarOf(await post('/user/login', {}), await post('/admin/login', {}))
    assert.equal(Object.keys(jar).length, 8)
    const see = async (path: string, cookies = jar) => outcome(await client({ path, headers: [cookie(cookies)] }))
    assert.deepEqual([await see('/user/access'), await see('/admin/access')], [200, 200])

    const refused = await post('/admin/logout', jar, jar.csrf_access_token)
    assert.equal(outcome(refused), 'CSRFError', 'the CSRF value of the other type')
    const out = await post('/admin/logout', jar, jar.admin_access_csrf)
    assert.equal(out.status, 204)
    const names = Object.values(ADMIN_COOKIES).filter(name => typeof name === 'string')
    assert.deepEqual(out.cookies.map(line => line.split('=')[0]).sort(), [...names].sort())
    assert.deepEqual([await see('/user/access'), await see('/admin/access')], [200, 'RevokedTokenError'])

    const swapped = { admin_access: String(jar.access_token_cookie) }
    assert.equal(await see('/admin/access', swapped), 'LoginTypeMismatchError')
  })

  test('are told apart by their guards with keys of their own too, wherever a guard looks', async t => {
    const admin = { ...ADMIN_COOKIES, secretKey: OTHER_SECRET }
    const { client, manager } = await api(t, { user: USER_COOKIES, admin })
    const { access_token, refresh_token } = await manager.createTokenPair('user', 'test')
    const see = async (path: string, jar: Record<string, string>) =>
      outcome(await client({ path, headers: [cookie(jar)] }))
    assert.equal(await see('/admin/access', { admin_access: access_token }), 'LoginTypeMismatchError')
    assert.equal(await see('/admin/refreshing', { admin_refresh: refresh_token }), 'LoginTypeMismatchError')
    assert.equal(await see('/admin/refreshing', { admin_refresh: 'x' }), 'JWTDecodeError')

    const guard = manager.tokenRequired('admin', { type: 'refresh', locations: ['query'] }) as unknown as Koa.Middleware
    const queried = await serve(t, appOf(manager.middleware(), guard))
    assert.equal(outcome(await queried({ path: `/?token=${refresh_token}` })), 'LoginTypeMismatchError')
  })

  test('are recognised on public pages, that of the type registered first before the others', async t => {
    const { client } = await api(t, { user: USER_COOKIES, admin: ADMIN_COOKIES })
    const [user, admin] = [
      jarOf(await client({ method: 'POST', path: '/user/login' })),
      jarOf(await client({ method: 'POST', path: '/admin/login' })),
    ]
    const see = async (jar: Record<string, string>) =>
      (await client({ path: '/public', headers: [cookie(jar)] })).json.login_type
    assert.deepEqual([await see(user), await see(admin), await see({})], ['user', 'admin', null])
    assert.equal(await see({ ...admin, ...user }), 'user')
    assert.equal(await see({ ...admin, ...user, access_token_cookie: 'x' }), 'admin')
  })

  const COLLISIONS: readonly [what: string, user: AuthXOptions, admin: AuthXOptions, options: readonly string[]][] = [
    [
      'all names',
      USER_COOKIES,
      USER_COOKIES,
      ['accessCookieName', 'accessCsrfCookieName', 'refreshCookieName', 'refreshCsrfCookieName'],
    ],
    ['one name', USER_COOKIES, { ...ADMIN_COOKIES, accessCookieName: 'access_token_cookie' }, ['accessCookieName']],
    [
      'one name in two meanings',
      USER_COOKIES,
      { ...ADMIN_COOKIES, accessCsrfCookieName: 'refresh_token_cookie' },
      ['accessCsrfCookieName'],
    ],
    [
      'names at different paths',
      { ...USER_COOKIES, csrfInCookies: false, accessCookiePath: '/user', refreshCookiePath: '/user' },
      { ...USER_COOKIES, csrfInCookies: false, accessCookiePath: '/admin', refreshCookiePath: '/admin' },
      ['accessCookieName', 'refreshCookieName'],
    ],
    [
      'the names that are in use',
      { tokenLocation: { access: ['headers'], refresh: ['cookies'] } },
      { ...USER_COOKIES, cookieCsrfProtect: false },
      ['refreshCookieName'],
    ],
    ['no name that is in use', {}, USER_COOKIES, []],
    ['no name', USER_COOKIES, ADMIN_COOKIES, []],
  ]
  for (const [what, user, admin, options] of COLLISIONS) {
    test(`that have in common: ${what}`, () => {
      const problems = problemsIn(() => makeManager({ user, admin }))
      assert.deepEqual(
        problems.map(problem => problem.split(' ')[0]),
        options,
      )
      for (const problem of problems) assert.match(problem, /login type admin .* login type user/)
      const [one, other] = [makeAuthX({ loginType: 'user', ...user }), makeAuthX({ loginType: 'admin', ...admin })]
      const registered = problemsIn(() => new AuthManager().register(one).register(other))
      assert.deepEqual(registered, problems)
    })
  }
})

describe('a manager', () => {
  test('knows its types in the order of their registration', async () => {
    const manager = makeManager()
    assert.deepEqual(manager.loginTypes, ['user', 'admin'])
    const partner = makeAuthX({ loginType: 'partner' })
    const later = new AuthManager().register(partner)
    assert.deepEqual([later.loginTypes, later.get('partner')], [['partner'], partner])
    assert.equal(await verdictOf(() => partner.verifyToken(later.createAccessToken('partner', 'test'))), 'good')
  })

  test('reports everything that is wrong with it at once', () => {
    const types = {
      user: makeAuthX({ loginType: 'user', ...USER_COOKIES }),
      admin: makeAuthX({ loginType: 'administrator', ...USER_COOKIES, csrfInCookies: false }),
      partner: makeAuthX(),
    }
    const options = { policyEngine: new PolicyEngine(), policyRules: [], rules: [] }
    const problems = problemsIn(() => new AuthManager(types, options as object))
    assert.deepEqual(
      problems.map(
        problem =>
          /unknown option "rules"|^policyEngine and policyRules|"admin"|"partner"|^\w+CookieName/.exec(problem)?.[0],
      ),
      [
        'unknown option "rules"',
        'policyEngine and policyRules',
        '"admin"',
        '"partner"',
        'accessCookieName',
        'refreshCookieName',
      ],
    )
  })

  test('refuses two types that keep their sessions under one login type of one store', () => {
    const store = new MemoryTokenStore()
    const user = { storedLoginType: false } as const
    const problem =
      'storedLoginType: the login types user and admin keep their sessions under one login type; only one of them can'
    assert.deepEqual(
      problemsIn(() => makeManager({ store, user, admin: user })),
      [problem],
    )
    assert.deepEqual(
      problemsIn(() => makeManager({ store, admin: { storedLoginType: 'user' } })),
      [problem],
    )
    makeManager({ store, user })
    makeManager({ user, admin: { ...user, store: new MemoryTokenStore() } })
  })

  test('refuses to register what has no login type, or one that is taken', () => {
    const manager = makeManager() as unknown as AuthManager
    for (const authx of [makeAuthX(), makeAuthX({ loginType: 'user' })]) {
      assert.equal(problemsIn(() => manager.register(authx)).length, 1)
    }
    assert.deepEqual(manager.loginTypes, ['user', 'admin'])
  })

  test('has one way to render errors, and says so if its instances have two', () => {
    const problems = problemsIn(() => makeManager({ admin: { errorMessageKey: 'detail' } }))
    assert.equal(problems.length, 1)
    assert.match(String(problems[0]), /errorMessageKey/)
  })

  test('has no other types, whatever they are called', () => {
    const manager = makeManager() as unknown as AuthManager
    for (const type of ['partner', '', '__proto__', 'constructor', 'toString']) {
      assert.throws(() => manager.get(type), BadConfigurationError)
      assert.throws(() => manager.accessTokenRequired(type), BadConfigurationError)
      assert.throws(() => manager.createAccessToken(type, 'test'), BadConfigurationError)
    }
  })

  test('issues tokens of the type asked for', async () => {
    const manager = makeManager({ admin: { accessTokenExpires: '5m' } })
    const admin = manager.get('admin')
    const pair = await manager.createTokenPair('admin', 'test', { fresh: true })
    const tokens = [manager.createAccessToken('admin', 'test'), manager.createRefreshToken('admin', 'test')]
    for (const token of [...tokens, pair.access_token, pair.refresh_token]) {
      const { login_type, sub } = await admin.verifyToken(token, { verifyType: false })
      assert.deepEqual([login_type, sub], ['admin', 'test'])
      assert.equal(
        await verdictOf(() => manager.get('user').verifyToken(token, { verifyType: false })),
        'LoginTypeMismatchError',
      )
    }
    assert.equal(pair.expires_in, 300)
  })

  test('has a policy engine of its own, which rules may be added to', async t => {
    const policyRules = [{ ...ALLOW, conditions: [{ source: 'token', key: 'login_type', value: 'admin' }] as const }]
    const types = { user: makeAuthX({ loginType: 'user' }), admin: makeAuthX({ loginType: 'admin' }) }
    const manager = new AuthManager(types, { policyRules })
    manager.get('user').setPolicyEngine(new PolicyEngine({ rules: [ALLOW] }))
    const [user, admin] = [manager.createAccessToken('user', 'test'), manager.createAccessToken('admin', 'test')]
    const guarded = async (type: 'user' | 'admin', token: string) => {
      const guard = manager.policyRequired(type, 'read', () => 'things') as unknown as Koa.Middleware
      const client = await serve(
        t,
        appOf(manager.middleware(), guard, ctx => {
          ctx.body = {}
        }),
      )
      return ask(client, '/', token)
    }
    assert.deepEqual([await guarded('user', user), await guarded('admin', admin)], ['PolicyDeniedError', 200])
    const payload = await manager.get('admin').verifyToken(admin)
    assert.equal(await manager.authorize('admin', payload, 'read', 'things'), payload)
    manager.addPolicyEvaluator(({ loginType, action }) => loginType === 'admin' && action === 'read')
    assert.equal(await verdictOf(() => manager.authorize('admin', payload, 'edit', 'things')), 'PolicyDeniedError')
    assert.equal(await verdictOf(() => manager.authorize('user', payload, 'read', 'x')), 'LoginTypeMismatchError')
    assert.equal(await verdictOf(() => manager.authorize('admin', payload, 'read', 'x')), 'good')
    manager.addPolicyRule(DENY)
    assert.equal(await guarded('admin', admin), 'PolicyDeniedError')
    assert.equal(manager.policyEngine.rules.length, 2)
  })

  test('authorizes requests in handlers, and explains the tokens of other types', async t => {
    const manager = makeManager({ admin: { secretKey: OTHER_SECRET } })
    manager.addPolicyRule(ALLOW)
    const handler: Koa.Middleware = async ctx => {
      ctx.body = await manager.authorize('user', ctx, 'read', 'things')
    }
    const client = await serve(t, appOf(manager.middleware(), handler))
    assert.equal(await ask(client, '/', manager.createAccessToken('user', 'test')), 200)
    assert.equal(await ask(client, '/', manager.createAccessToken('admin', 'test')), 'LoginTypeMismatchError')
    assert.equal(outcome(await client()), 'MissingTokenError')
  })

  test('closes every store, one that is shared too', async () => {
    const store = new MemoryTokenStore()
    const manager = makeManager({ store })
    await manager.close()
    await assert.rejects(store.get(['key']))
  })
})

test('an instance that overrides a guard is refused: the manager would not call the stricter guard', () => {
  class Strict extends AuthX {
    override accessTokenRequired(): never {
      throw new Error('TEST')
    }
  }
  const strict = new Strict({ secretKey: TEST_SECRET, loginType: 'strict' })
  assert.throws(() => new AuthManager({ strict }), /the instance strict overrides accessTokenRequired/)
})
