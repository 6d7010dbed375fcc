import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import { AuthManager, AuthX, type AuthXError, type AuthXOptions, type KeyInput } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { claimsOf, verdict } from '../flows/api.js'
import { appOf, bearer, cookie, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { makeEcPair, makeRsaPair } from '../support/signing.js'

const MINUTE = 60_000
const TENANT_SECRET = 'TEST_ONLY_secret_of_a_tenant_of_more_than_64_bytes_0123456789_0123456789'
const NEW_SECRET = 'TEST_ONLY_new_secret_of_ours_of_more_than_64_bytes_0123456789_0123456789'
const rsa = makeRsaPair()
const ec = makeEcPair()

/** Ours without the claim `tenant`, a tenant's with it. */
const byTenant =
  (own: KeyInput): NonNullable<AuthXOptions['getKey']> =>
  (_header, { tenant }) =>
    ({ undefined: own, hmac: TENANT_SECRET, rsa: rsa.publicKey })[String(tenant)]

/** An application that verifies tenants' tokens beside its own, with tokens in headers and cookies. */
async function tenantApp(t: TestContext, options: AuthXOptions = {}) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const common = { tokenLocation: ['headers', 'cookies'], now: () => clock.now } as const
  const authx = new AuthX({
    ...common,
    secretKey: TEST_SECRET,
    decodeAlgorithms: ['HS256', 'RS256'],
    getKey: byTenant(TEST_SECRET),
    store,
    ...options,
  })
  const tenant = new AuthX({ ...common, secretKey: TENANT_SECRET, store: new MemoryTokenStore() })
  const causes: unknown[] = []
  const app = appOf(authx.middleware(), async (_ctx, next) => {
    try {
      await next()
    } catch (error) {
      causes.push((error as AuthXError).cause)
      throw error
    }
  })
  if (options.secretKey !== undefined || !('secretKey' in options)) app.use(authx.implicitRefresh())
  const send = await serve(t, app.use(addLoginRoutes(new Router(), authx).routes()))
  const ask = (method: string, path: string, token: unknown, ...more: (readonly [string, string])[]) =>
    send({ method, path, headers: [bearer(String(token)), ...more] })
  return { authx, tenant, clock, store, causes, ask, send }
}

/** What a token of the store's may still do. */
const isLive = async (authx: AuthX, sid: unknown) => (await authx.getSession(String(sid))) !== undefined

describe('a token that a tenant has signed', () => {
  const ofTenant = { data: { tenant: 'hmac' } }

  test('is no refresh token of ours: 401 with a cause, and nothing is issued, set or revoked', async t => {
    const app = await tenantApp(t)
    const own = await app.authx.createTokenPair('ada')
    const { sid } = claimsOf(own.refresh_token)
    const pair = await app.tenant.createTokenPair('ada', ofTenant)
    for (const token of [app.tenant.createRefreshToken('ada', ofTenant), pair.refresh_token]) {
      const jar = cookie({ refresh_token_cookie: own.refresh_token, access_token_cookie: own.access_token })
      for (const [method, path] of [
        ['POST', '/refresh'],
        ['GET', '/refreshable'],
      ] as const) {
        app.causes.length = 0
        const reply = await app.ask(method, path, token, jar)
        assert.deepEqual([...verdict(reply), reply.cookies], [401, 'TokenInvalidSignatureError', []])
        assert.match(String(app.causes[0]), /getKey/)
      }
    }
    assert.ok(await isLive(app.authx, sid))
    const stored = await app.store.get([`session:${claimsOf(pair.refresh_token).sid}`])
    assert.deepEqual(stored, [undefined])
  })

  test('with a key pair is none either', async t => {
    const app = await tenantApp(t)
    const issuer = new AuthX({ algorithm: 'RS256', ...rsa, now: () => TEST_NOW })
    const token = issuer.createRefreshToken('ada', { data: { tenant: 'rsa' } })
    assert.deepEqual(verdict(await app.ask('POST', '/refresh', token)), [401, 'TokenInvalidSignatureError'])
    assert.deepEqual(verdict(await app.ask('GET', '/refreshable', token)), [401, 'TokenInvalidSignatureError'])
  })

  test('is not renewed, whatever it says of itself', async t => {
    const app = await tenantApp(t)
    const token = app.tenant.createAccessToken('ada', { ...ofTenant, renewable: true })
    app.clock.now += 14 * MINUTE
    const headers = [cookie({ access_token_cookie: token })]
    const reply = await app.send({ path: '/protected', headers })
    assert.deepEqual([reply.status, reply.cookies], [200, []])
  })

  test('is not refreshed without a store either', async t => {
    const app = await tenantApp(t, { store: undefined })
    const token = app.tenant.createRefreshToken('ada', ofTenant)
    assert.deepEqual(verdict(await app.ask('POST', '/refresh', token)), [401, 'TokenInvalidSignatureError'])
    const own = app.authx.createRefreshToken('ada')
    assert.equal((await app.ask('POST', '/refresh', own)).status, 200)
  })

  test('is no refresh token for verifyToken, and still a good access token', async t => {
    const { authx, tenant } = await tenantApp(t)
    const token = tenant.createRefreshToken('ada', ofTenant)
    for (const options of [{ type: 'refresh' }, { verifyType: false }] as const) {
      await assert.rejects(authx.verifyToken(token, options), { name: 'TokenInvalidSignatureError' })
    }
    assert.equal((await authx.verifyToken(tenant.createAccessToken('ada', ofTenant))).sub, 'ada')
  })

  test('can be logged out and revoked', async t => {
    const app = await tenantApp(t)
    const [first, second] = [
      app.tenant.createRefreshToken('ada', ofTenant),
      app.tenant.createRefreshToken('ada', ofTenant),
    ]
    assert.equal((await app.ask('POST', '/logout', first)).status, 204)
    await app.authx.revoke(second)
    for (const token of [first, second]) {
      const [record] = await app.store.get([`session:${claimsOf(token).jti}`])
      assert.match(String(record), /revoked/)
    }
    const access = app.tenant.createAccessToken('ada', ofTenant)
    assert.equal((await app.ask('POST', '/logout', access)).status, 204)
    assert.deepEqual(verdict(await app.ask('GET', '/protected', access)), [401, 'RevokedTokenError'])
  })

  test('is refused by an instance that has no key of its own, with 401 and not 500', async t => {
    const app = await tenantApp(t, { secretKey: undefined, getKey: () => TENANT_SECRET })
    const token = app.tenant.createRefreshToken('ada')
    assert.deepEqual(verdict(await app.ask('POST', '/refresh', token)), [401, 'TokenInvalidSignatureError'])
    assert.deepEqual(verdict(await app.ask('GET', '/refreshable', token)), [401, 'TokenInvalidSignatureError'])
    assert.equal((await app.ask('GET', '/protected', app.tenant.createAccessToken('ada'))).status, 200)
  })

  test('is told apart by the managed guard too', async t => {
    const store = new MemoryTokenStore()
    t.after(() => store.close())
    const now = () => TEST_NOW
    const getKey = byTenant(TEST_SECRET)
    const user = new AuthX({ loginType: 'user', secretKey: TEST_SECRET, getKey, store, now })
    const admin = new AuthX({ loginType: 'admin', secretKey: NEW_SECRET, store, now })
    const manager = new AuthManager({ user, admin })
    const send = await serve(
      t,
      appOf(manager.middleware(), manager.refreshTokenRequired('user') as never, ctx => {
        ctx.status = 204
      }),
    )
    const tenant = new AuthX({ loginType: 'user', secretKey: TENANT_SECRET, now })
    const refused = await send({ headers: [bearer(tenant.createRefreshToken('ada', ofTenant))] })
    assert.deepEqual(verdict(refused), [401, 'TokenInvalidSignatureError'])
    assert.equal((await send({ headers: [bearer(user.createRefreshToken('ada'))] })).status, 204)
    const other = await send({ headers: [bearer(admin.createRefreshToken('ada'))] })
    assert.deepEqual(verdict(other), [401, 'LoginTypeMismatchError'])
  })
})

describe('a token that is ours, of an instance with getKey', () => {
  test('is refreshed and renewed', async t => {
    const app = await tenantApp(t)
    const { refresh_token } = await app.authx.createTokenPair('ada')
    assert.equal((await app.ask('GET', '/refreshable', refresh_token)).status, 200)
    assert.equal((await app.ask('POST', '/refresh', refresh_token)).status, 200)
    const token = app.authx.createAccessToken('ada', { renewable: true })
    app.clock.now += 14 * MINUTE
    const { cookies } = await app.send({ path: '/protected', headers: [cookie({ access_token_cookie: token })] })
    assert.equal(cookies.length, 2)
  })

  test('is 503 where getKey throws, and 401 where it refuses', async t => {
    const answers = [() => Promise.reject(new Error('TEST')), () => undefined]
    const app = await tenantApp(t, { getKey: () => answers[0]?.() })
    const token = app.authx.createRefreshToken('ada')
    assert.deepEqual(verdict(await app.ask('POST', '/refresh', token)), [503, 'CallbackUnavailableError'])
    answers.shift()
    assert.deepEqual(verdict(await app.ask('POST', '/refresh', token)), [401, 'TokenInvalidSignatureError'])
  })

  test('stays so after setKeys while its key is a previous one, and not longer', async t => {
    const app = await tenantApp(t)
    const [first, second] = [app.authx.createRefreshToken('ada'), app.authx.createRefreshToken('ada')]
    app.authx.setKeys({ secretKey: NEW_SECRET, previousSecretKey: TEST_SECRET, decodeAlgorithms: ['HS256', 'RS256'] })
    assert.equal((await app.ask('POST', '/refresh', first)).status, 200)
    app.authx.setKeys({ secretKey: NEW_SECRET })
    assert.deepEqual(verdict(await app.ask('POST', '/refresh', second)), [401, 'TokenInvalidSignatureError'])
  })

  test('may be from before keys had names, if its key is one of them', async t => {
    const before = new AuthX({ secretKey: TEST_SECRET, now: () => TEST_NOW })
    const secrets = new Map([
      ['new', NEW_SECRET],
      ['old', TEST_SECRET],
    ])
    const keys = [...secrets].map(([kid, secretKey]) => ({ kid, secretKey }))
    const getKey: AuthXOptions['getKey'] = ({ kid }) => (kid === undefined ? TEST_SECRET : secrets.get(String(kid)))
    const known = await tenantApp(t, { secretKey: undefined, keys, getKey, decodeAlgorithms: ['HS256'] })
    assert.equal((await known.ask('POST', '/refresh', before.createRefreshToken('ada'))).status, 200)
    const unknown = await tenantApp(t, {
      secretKey: undefined,
      keys: keys.slice(0, 1),
      getKey,
      decodeAlgorithms: ['HS256'],
    })
    const refused = await unknown.ask('POST', '/refresh', before.createRefreshToken('ada'))
    assert.deepEqual(verdict(refused), [401, 'TokenInvalidSignatureError'])
  })

  test('may be signed with a key pair of ours', async t => {
    const own = { algorithm: 'ES256', secretKey: undefined, ...ec } as const
    const app = await tenantApp(t, { ...own, decodeAlgorithms: ['ES256', 'HS256'], getKey: byTenant(ec.publicKey) })
    const { refresh_token } = await app.authx.createTokenPair('ada')
    assert.equal((await app.ask('POST', '/refresh', refresh_token)).status, 200)
    const foreign = app.tenant.createRefreshToken('ada', { data: { tenant: 'hmac' } })
    assert.deepEqual(verdict(await app.ask('POST', '/refresh', foreign)), [401, 'TokenInvalidSignatureError'])
  })
})

describe('a token that a tenant has signed, with the sid of a session of ours', () => {
  test('does not end that session: not by a logout, and not by revoke', async t => {
    const app = await tenantApp(t)
    const ours = await app.authx.createTokenPair('ada')
    const forged = app.tenant.createAccessToken('ada', {
      data: { tenant: 'hmac' },
      sid: String(claimsOf(ours.access_token).sid),
    })
    assert.deepEqual(verdict(await app.ask('POST', '/logout', forged)), [401, 'TokenInvalidSignatureError'])
    await assert.rejects(app.authx.revoke(forged), { name: 'TokenInvalidSignatureError' })
    assert.equal((await app.ask('GET', '/protected', ours.access_token)).status, 200)
    assert.equal((await app.ask('POST', '/logout', ours.access_token)).status, 204)
  })

  test('ends it at an instance without keys of its own, which takes all tokens from getKey', async t => {
    const store = new MemoryTokenStore()
    t.after(() => store.close())
    const issuer = new AuthX({ secretKey: TEST_SECRET, store })
    const resource = new AuthX({ decodeAlgorithms: ['HS256'], getKey: () => TEST_SECRET, store })
    const { access_token } = await issuer.createTokenPair('ada')
    await resource.revoke(access_token)
    await assert.rejects(issuer.verifyToken(access_token), { name: 'RevokedTokenError' })
  })
})
