import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { authRouter } from 'koa-authx/router'
import { koaBody } from 'koa-body'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { claimsOf, verdict } from '../flows/api.js'
import { appOf, bearer, cookie, type Sent, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { GOOD_CLAIMS, forge as signed } from '../support/signing.js'

const TENANT_SECRET = 'TEST_ONLY_secret_of_a_tenant_of_more_than_64_bytes_0123456789_0123456789'
const NOT_OURS = [401, 'TokenInvalidSignatureError']

/** A token that the tenant signs, with claims as it likes. */
const forge = (claims: Record<string, unknown> = {}) =>
  signed({ ...GOOD_CLAIMS, jti: randomUUID(), sub: 'ada', tenant: true, ...claims }, undefined, TENANT_SECRET)

/** An application that verifies a tenant's tokens beside its own, with `ada` logged in. */
async function tenantScene(t: TestContext, options: AuthXOptions = {}) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const authx = new AuthX({
    now: () => clock.now,
    tokenLocation: ['headers', 'cookies', 'json'],
    secretKey: TEST_SECRET,
    getKey: (_header, { tenant }) => (tenant === true ? TENANT_SECRET : TEST_SECRET),
    store,
    ...options,
  })
  const app = appOf(authx.middleware(), koaBody()).use(authRouter(authx).routes())
  app.use(authx.accessTokenRequired()).use(ctx => {
    ctx.body = ctx.state.token
  })
  const send = await serve(t, app)
  const own = await authx.createTokenPair('ada')
  const sid = String(claimsOf(own.access_token).sid)
  const events: string[] = []
  for (const type of ['revoked', 'allRevoked'] as const) authx.on(type, () => events.push(type))
  return {
    authx,
    clock,
    own,
    sid,
    events,
    send,
    ask: (method: string, path: string, token: string, more: Sent = {}) =>
      send({ method, path, ...more, headers: [bearer(token), ...(more.headers ?? [])] }),
    /** Nobody has ended the session. */
    async stillLives() {
      assert.ok(await authx.getSession(sid))
      assert.equal((await send({ path: '/page', headers: [bearer(own.access_token)] })).status, 200)
      assert.deepEqual(events, [])
    },
  }
}

describe('a token that only a key from getKey has signed', () => {
  test('passes guards, while the session that it names goes on', async t => {
    const { ask, sid, authx } = await tenantScene(t)
    assert.equal((await ask('GET', '/page', forge())).status, 200)
    assert.equal((await ask('GET', '/page', forge({ sid }))).status, 200)
    await authx.revokeSession(sid)
    assert.deepEqual(verdict(await ask('GET', '/page', forge({ sid }))), [401, 'RevokedTokenError'])
  })

  test('ends no session that it names: by logout, the route for revocation, or revoke', async t => {
    const { ask, sid, authx, send, stillLives } = await tenantScene(t)
    const token = forge({ sid })
    assert.deepEqual(verdict(await ask('POST', '/logout', token)), NOT_OURS)
    await stillLives()
    const body = JSON.stringify({ token })
    const headers = [['Content-Type', 'application/json'] as const]
    assert.equal((await send({ method: 'POST', path: '/revoke', headers, body })).status, 200, 'RFC 7009 §2.2')
    await stillLives()
    await assert.rejects(authx.revoke(token), { name: 'TokenInvalidSignatureError' })
    await assert.rejects(authx.revoke(await authx.verifyToken(token)), { name: 'TokenInvalidSignatureError' })
    await stillLives()
  })

  test('ends no session whose id it has as its own', async t => {
    const { ask, sid, authx, own, stillLives } = await tenantScene(t)
    const token = forge({ jti: sid })
    assert.deepEqual(verdict(await ask('POST', '/logout', token)), NOT_OURS)
    await assert.rejects(authx.revoke(token), { name: 'TokenInvalidSignatureError' })
    await stillLives()
    await authx.revoke(own.access_token)
    assert.equal(await authx.getSession(sid), undefined)
  })

  test('does not prove that who sends a cookie may end its login', async t => {
    const { ask, sid, own, stillLives } = await tenantScene(t)
    const jar = cookie({ access_token_cookie: own.access_token, refresh_token_cookie: own.refresh_token })
    const { csrf } = claimsOf(own.access_token)
    const tokens = [forge({ sid }), forge({ jti: sid }), forge({ csrf })]
    for (const token of tokens) {
      const refused = await ask('POST', '/logout', token, { headers: [jar] })
      assert.ok(refused.status === 403 || refused.status === 401)
      assert.deepEqual(refused.cookies, [])
    }
    await stillLives()
  })

  test('sees and ends no sessions of its subject by the ready-made routes', async t => {
    const { ask, sid, stillLives } = await tenantScene(t)
    for (const token of [forge(), forge({ sid })]) {
      assert.deepEqual(verdict(await ask('GET', '/sessions', token)), NOT_OURS)
      assert.deepEqual(verdict(await ask('DELETE', `/sessions/${sid}`, token)), NOT_OURS)
      assert.deepEqual(verdict(await ask('DELETE', '/sessions', token)), NOT_OURS)
    }
    await stillLives()
  })

  test('is no activity of the session that it names', async t => {
    const { ask, sid, authx, clock, own } = await tenantScene(t, { sessionTracking: true })
    const seen = async () => (await authx.getSession(sid))?.lastActiveAt.getTime()
    clock.now += 120_000
    assert.equal((await ask('GET', '/page', forge({ sid }))).status, 200)
    await new Promise(setImmediate)
    assert.equal(await seen(), TEST_NOW)
    await ask('GET', '/page', own.access_token)
    await new Promise(setImmediate)
    clock.now += 60_000
    assert.equal(await seen(), clock.now - 60_000)
  })
})

describe('a token of our own key does all of it, with getKey too', () => {
  test('in logout, the routes and revoke', async t => {
    const { ask, own, sid, authx } = await tenantScene(t)
    assert.equal((await ask('GET', '/sessions', own.access_token)).status, 200)
    const other = await authx.createTokenPair('ada', { fresh: true })
    assert.equal((await ask('DELETE', `/sessions/${claimsOf(other.access_token).sid}`, own.access_token)).status, 401)
    assert.equal((await ask('DELETE', `/sessions/${sid}`, other.access_token)).status, 204)
    assert.equal((await ask('POST', '/logout', other.access_token)).status, 204)
    const third = await authx.createTokenPair('ada')
    await authx.revoke(await authx.verifyToken(third.access_token))
    assert.deepEqual(await authx.listSessions('ada'), [])
  })
})
