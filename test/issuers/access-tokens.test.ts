import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthX } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import { appOf, bearer, makeAuthX, serve } from '../support/app.js'
import { issuerServer } from '../support/issuer-server.js'

test('a guard accepts an access token of an issuer, whose keys are discovered', async t => {
  const server = await issuerServer(t)
  const issuers = [remoteIssuer({ issuer: server.issuer, audience: 'my-api' })]
  const authx = new AuthX({ issuers, store: new MemoryTokenStore() })
  const app = appOf(authx.middleware(), authx.scopesRequired('read'), ctx => {
    ctx.body = ctx.state.token
  })
  const client = await serve(t, app)
  const token = await server.token({ scope: 'read write', roles: ['admin'] })
  const { status, json } = await client({ headers: [bearer(token)] })
  assert.equal(status, 200)
  const { iat, exp, ...claims } = json
  assert.deepEqual(claims, {
    aud: 'my-api',
    iss: server.issuer,
    jti: 'a-token',
    roles: ['admin'],
    scope: 'read write',
    scopes: ['read', 'write'],
    sub: 'ada',
    type: 'access',
  })
  for (let n = 0; n < 3; n++) assert.equal((await client({ headers: [bearer(token)] })).status, 200)
  assert.equal(server.asked.length, 2)
})

test('a revoked token, a revoked session and a revoked subject of an issuer are refused on every server', async t => {
  const server = await issuerServer(t)
  const store = new MemoryTokenStore()
  const instance = () => new AuthX({ issuers: [remoteIssuer({ issuer: server.issuer, audience: 'my-api' })], store })
  const [one, other] = [instance(), instance()]
  const verdict = (token: string) =>
    other.verifyToken(token).then(
      () => 'good',
      ({ code }) => code,
    )
  const tokens = {
    first: await server.token({ jti: '1', sid: 's' }),
    second: await server.token({ jti: '2', sid: 's' }),
    elsewhere: await server.token({ jti: '3', sid: 'other' }),
  }
  const { issuer } = server
  await one.revoke(tokens.first)
  assert.equal(await verdict(tokens.first), 'ERR_TOKEN_REVOKED')
  assert.equal(await verdict(tokens.second), 'good')
  assert.equal(await one.revokeSession('s', { issuer }), true)
  assert.equal(await one.revokeSession('s', { issuer }), false)
  assert.equal(await verdict(tokens.second), 'ERR_TOKEN_REVOKED')
  assert.equal(await verdict(tokens.elsewhere), 'good')
  await one.revokeAllSessions('ada', { issuer })
  assert.equal(await verdict(tokens.elsewhere), 'ERR_TOKEN_REVOKED')
})

test('an instance has its own tokens too, and an issuer never ends them', async t => {
  const server = await issuerServer(t)
  const issuers = [remoteIssuer({ issuer: server.issuer, audience: 'my-api' })]
  const authx = makeAuthX({ issuers, store: new MemoryTokenStore() })
  const { access_token } = await authx.createTokenPair('ada')
  const { sid } = await authx.verifyToken(access_token)
  await authx.revoke(await server.token({ sid, jti: sid }))
  await authx.revokeSession(String(sid), { issuer: server.issuer })
  await authx.revokeAllSessions('ada', { issuer: server.issuer })
  assert.equal((await authx.verifyToken(access_token)).sid, sid)
})

test('a token of an issuer that has no iat is accepted until all tokens of its subject are revoked', async t => {
  const server = await issuerServer(t)
  const { issuer } = server
  const authx = new AuthX({ issuers: [remoteIssuer({ issuer, audience: 'my-api' })], store: new MemoryTokenStore() })
  const token = await server.token({ iat: undefined, sid: 's' })
  const payload = await authx.verifyToken(token)
  assert.equal(payload.iat, 0)
  assert.equal(await authx.isRevoked(payload), false)
  await authx.revokeAllSessions('ada', { issuer })
  await assert.rejects(authx.verifyToken(token), { code: 'ERR_TOKEN_REVOKED' })
})
