import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { claimsOf, verdict } from '../flows/api.js'
import { appOf, bearer, cookie, type Reply, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { forge, GOOD_CLAIMS, makeEcPair } from '../support/signing.js'
import { NAVIGATION } from '../support/visitor.js'

const TENANT_SECRET = 'TEST_ONLY_secret_of_a_tenant_of_more_than_64_bytes_0123456789_0123456789'
const NEW_SECRET = 'TEST_ONLY_new_secret_of_ours_of_more_than_64_bytes_0123456789_0123456789'
const ec = makeEcPair()
const REFUSED = [401, 'TokenInvalidSignatureError']

/** An instance that verifies a tenant's tokens beside its own: what it is called, its options, and how it is changed. */
interface Kind {
  readonly options: AuthXOptions
  /** The key of the tenant. */
  readonly secret?: string
  readonly header?: Record<string, unknown>
  prepare?(authx: AuthX): void
}

const byTenant =
  (own: string, tenants = TENANT_SECRET): NonNullable<AuthXOptions['getKey']> =>
  (_header, { tenant }) =>
    tenant === true ? tenants : own

const KINDS: readonly (readonly [what: string, kind: Kind])[] = [
  ['a secret', { options: { secretKey: TEST_SECRET, getKey: byTenant(TEST_SECRET) } }],
  [
    'keys with kid, and a tenant that uses our kid',
    {
      options: { keys: [{ kid: 'ours', secretKey: TEST_SECRET }], getKey: byTenant(TEST_SECRET) },
      header: { alg: 'HS256', kid: 'ours' },
    },
  ],
  [
    'a key pair',
    {
      options: { algorithm: 'ES256', ...ec, decodeAlgorithms: ['ES256', 'HS256'], getKey: byTenant(ec.publicKey) },
    },
  ],
  [
    'a secret, and a tenant with its former secret',
    {
      options: { secretKey: TEST_SECRET, getKey: byTenant(NEW_SECRET, TEST_SECRET) },
      secret: TEST_SECRET,
      prepare: authx => authx.setKeys({ secretKey: NEW_SECRET }),
    },
  ],
  [
    'keys with kid, and a tenant with a key that was one of them',
    {
      options: {
        keys: [
          { kid: 'new', secretKey: NEW_SECRET },
          { kid: 'old', secretKey: TEST_SECRET },
        ],
        getKey: byTenant(NEW_SECRET, TEST_SECRET),
      },
      secret: TEST_SECRET,
      header: { alg: 'HS256', kid: 'old' },
      prepare: authx => authx.setKeys({ keys: [{ kid: 'new', secretKey: NEW_SECRET }] }),
    },
  ],
]

/** An application with every flow that issues tokens, with `ada` logged in, and a tenant that may write any claims. */
async function scene(t: TestContext, { options, secret = TENANT_SECRET, header, prepare }: Kind) {
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const common = {
    tokenLocation: ['headers', 'cookies'],
    cookieCsrfProtect: false,
    store,
    now: () => TEST_NOW,
  } as const
  const authx = new AuthX({ ...common, ...options })
  prepare?.(authx)
  const issues = ['secretKey', 'privateKey', 'keys'].some(name => name in options)
  const router = addLoginRoutes(new Router(), authx)
  router.post('/reauthenticate', async ctx => {
    ctx.body = await authx.reauthenticate(ctx, { amr: ['otp'] })
  })
  const app = appOf(authx.middleware())
  if (issues) app.use(authx.autoRefresh()).use(authx.implicitRefresh())
  const send = await serve(t, app.use(router.routes()))
  const events: string[] = []
  const own = issues ? await authx.createTokenPair('ada') : undefined
  for (const type of ['issued', 'refreshed', 'replayed', 'recovered', 'revoked', 'reuse'] as const) {
    authx.on(type, () => events.push(type))
  }
  const sid = own ? claimsOf(own.access_token).sid : randomUUID()
  const claims = { ...GOOD_CLAIMS, sub: 'ada', tenant: true, renewable: true, fresh: true, auth_time: GOOD_CLAIMS.iat }
  const sign = (more: object) => forge({ ...claims, jti: randomUUID(), ...more }, header, secret)
  return { authx, send, events, own, sid, sign }
}

/** The tokens in a response that the configured keys have signed. */
function oursIn(authx: AuthX, { headers, text }: Reply): string[] {
  const tokens = `${JSON.stringify(headers)}${text}`.match(/eyJ[\w-]+\.[\w-]+\.[\w-]+/g) ?? []
  return tokens.filter(token => {
    try {
      authx.getCsrfToken(token)
      return true
    } catch {
      return false
    }
  })
}

describe('a token of a tenant becomes none of ours', () => {
  for (const [what, kind] of KINDS) {
    test(`at an instance with ${what}`, async t => {
      const { authx, send, events, sid, sign } = await scene(t, kind)
      for (const member of [{}, { sid }, { sid, gen: 0 }, { sid, gen: 1 }]) {
        const refresh = sign({ ...member, type: 'refresh', exp: GOOD_CLAIMS.iat + 9000 })
        const soon = sign({ ...member, type: 'access', exp: GOOD_CLAIMS.iat + 60 })
        const expired = sign({ ...member, type: 'access', iat: GOOD_CLAIMS.iat - 900, exp: GOOD_CLAIMS.iat - 1 })
        const jar = (access: string) => cookie({ access_token_cookie: access, refresh_token_cookie: refresh })
        const replies = {
          header: await send({ method: 'POST', path: '/refresh', headers: [bearer(refresh)] }),
          cookie: await send({ method: 'POST', path: '/refresh', headers: [jar(soon)] }),
          guard: await send({ path: '/refreshable', headers: [jar(soon)] }),
          again: await send({ method: 'POST', path: '/reauthenticate', headers: [bearer(soon)] }),
          againByCookie: await send({ method: 'POST', path: '/reauthenticate', headers: [jar(soon)] }),
        }
        for (const [how, reply] of Object.entries(replies)) assert.deepEqual(verdict(reply), REFUSED, how)
        const pages = [
          await send({ path: '/protected', headers: [...NAVIGATION, jar(expired)] }),
          await send({ path: '/protected', headers: [...NAVIGATION, cookie({ refresh_token_cookie: refresh })] }),
          await send({ path: '/protected', headers: [jar(soon)] }),
        ]
        assert.notEqual(pages[0]?.status, 200)
        assert.notEqual(pages[1]?.status, 200)
        for (const reply of [...Object.values(replies), ...pages]) {
          assert.deepEqual([reply.cookies, oursIn(authx, reply)], [[], []])
        }
      }
      assert.deepEqual(events, [])
      if (!kind.prepare) assert.ok(await authx.getSession(String(sid)), 'and the session of ours goes on')
    })
  }

  test('at an instance that has no key to sign with', async t => {
    const { authx, send, events, sign } = await scene(t, {
      options: { algorithm: 'RS256', decodeAlgorithms: ['RS256', 'HS256'], getKey: () => TENANT_SECRET },
    })
    const refresh = await send({ method: 'POST', path: '/refresh', headers: [bearer(sign({ type: 'refresh' }))] })
    const again = await send({ method: 'POST', path: '/reauthenticate', headers: [bearer(sign({}))] })
    assert.deepEqual([verdict(refresh), verdict(again)], [REFUSED, REFUSED])
    for (const make of [
      () => authx.autoRefresh(),
      () => authx.implicitRefresh(),
      () => authx.createAccessToken('ada'),
    ]) {
      assert.throws(make, { name: 'BadConfigurationError' })
    }
    assert.deepEqual(events, [])
  })

  test('also where its cookie stands beside ours under one name, and ours is exchanged', async t => {
    const { authx, send, own, sid, sign } = await scene(t, {
      options: { secretKey: TEST_SECRET, getKey: byTenant(TEST_SECRET) },
    })
    const foreign = sign({ type: 'refresh', sid, gen: 5, exp: GOOD_CLAIMS.iat + 9000 })
    for (const pair of [
      [foreign, String(own?.refresh_token)],
      [String(own?.refresh_token), foreign],
    ]) {
      const headers = [['Cookie', pair.map(token => `refresh_token_cookie=${token}`).join('; ')] as const]
      const reply = await send({ method: 'POST', path: '/refresh', headers })
      assert.equal(reply.status, 200)
      assert.equal(
        oursIn(authx, reply).some(token => claimsOf(token).tenant === true),
        false,
      )
    }
  })

  test('though a token of ours from before setKeys is one too while its key is configured', async t => {
    const { authx, send, own } = await scene(t, {
      options: {
        secretKey: TEST_SECRET,
        getKey: (_header, { tenant }) => (tenant === true ? TENANT_SECRET : TEST_SECRET),
      },
    })
    authx.setKeys({ secretKey: NEW_SECRET, previousSecretKey: TEST_SECRET })
    const ask = () => send({ method: 'POST', path: '/refresh', headers: [bearer(String(own?.refresh_token))] })
    const { json } = await ask()
    assert.equal(claimsOf(json.refresh_token).sub, 'ada')
    authx.setKeys({ secretKey: NEW_SECRET })
    assert.deepEqual(verdict(await ask()), REFUSED)
  })
})

describe('what an application issues from the payload of a tenant’s token', () => {
  test('is a new token that the application vouches for: with data that it passes, and none of the tenant’s ids', async t => {
    const { authx, sid, sign } = await scene(t, {
      options: { secretKey: TEST_SECRET, getKey: byTenant(TEST_SECRET) },
    })
    const payload = await authx.verifyToken(sign({ sid, role: 'admin' }))
    const issued = claimsOf(authx.createAccessToken(payload.sub, { data: { tenant: payload.tenant } }))
    assert.deepEqual([issued.sid, issued.role, issued.tenant], [undefined, undefined, true])
    assert.notEqual(issued.jti, payload.jti)
    assert.throws(() => authx.createAccessToken(payload.sub, { data: { ...payload } }), TypeError)
  })

  test('setAccessCookies and setRefreshCookies take no token of a tenant', async t => {
    const { authx, sign } = await scene(t, { options: { secretKey: TEST_SECRET, getKey: byTenant(TEST_SECRET) } })
    const names: unknown[] = []
    const send = await serve(
      t,
      appOf(ctx => {
        for (const set of [
          () => authx.setAccessCookies(ctx, sign({})),
          () => authx.setRefreshCookies(ctx, sign({ type: 'refresh' })),
        ]) {
          try {
            set()
          } catch (error) {
            names.push((error as Error).name)
          }
        }
        ctx.status = 204
      }),
    )
    assert.deepEqual((await send()).cookies, [])
    assert.deepEqual(names, ['TokenInvalidSignatureError', 'TokenInvalidSignatureError'])
  })
})
