import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import { decodeProtectedHeader } from 'jose'
import { AuthX } from 'koa-authx'
import { type RemoteIssuerOptions, remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import type { JWKS } from 'oidc-provider'
import * as client from 'openid-client'
import { appOf, bearer, serve } from '../support/app.js'
import { oidcClient, oidcLogin } from '../support/oidc-login.js'
import { oidcServer, TEST_API, TEST_CLIENT } from '../support/oidc-server.js'

/** An API that accepts access tokens of a real authorization server. Returns what it answers to a token. */
async function api(t: TestContext, issuer: string, options: Partial<RemoteIssuerOptions> = {}) {
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const authx = new AuthX({ issuers: [remoteIssuer({ issuer, audience: TEST_API, ...options })], store })
  const app = appOf(authx.middleware(), authx.accessTokenRequired(), ctx => {
    ctx.body = ctx.state.token
  })
  const send = await serve(t, app)
  return async (token: string | undefined) => {
    const { status, json } = await send({ headers: [bearer(String(token))] })
    return { status, json }
  }
}

/** A private key for an authorization server. */
function privateKey(kid: string): JWKS['keys'][number] {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' } as JWKS['keys'][number]
}

describe('a real authorization server', () => {
  test('logs a person in with the code flow and PKCE, and the access token passes a guard', async t => {
    const { issuer } = await oidcServer(t)
    const ask = await api(t, issuer)
    const { tokens } = await oidcLogin(issuer, { person: 'grace', scope: 'openid read write' })
    assert.equal(decodeProtectedHeader(tokens.access_token).typ, 'at+jwt')
    const { status, json } = await ask(tokens.access_token)
    assert.equal(status, 200)
    const { iat, exp, jti, ...claims } = json
    assert.deepEqual(claims, {
      sub: 'grace',
      iss: issuer,
      aud: TEST_API,
      client_id: TEST_CLIENT.client_id,
      scope: 'read write',
      scopes: ['read', 'write'],
      type: 'access',
    })
  })

  test('gives a machine an access token for its client credentials, and a guard accepts it', async t => {
    const { issuer } = await oidcServer(t)
    const ask = await api(t, issuer)
    const config = await oidcClient(issuer)
    const { access_token } = await client.clientCredentialsGrant(config, { resource: TEST_API, scope: 'read' })
    const { status, json } = await ask(access_token)
    assert.equal(status, 200)
    assert.deepEqual(json.scopes, ['read'])
    assert.equal(json.sub, TEST_CLIENT.client_id)
  })

  test('issues a new access token for a refresh token, and a guard accepts it', async t => {
    const { issuer } = await oidcServer(t)
    const ask = await api(t, issuer)
    const { config, tokens } = await oidcLogin(issuer, { scope: 'openid read offline_access' })
    const { access_token } = await client.refreshTokenGrant(config, String(tokens.refresh_token), {
      resource: TEST_API,
    })
    assert.notEqual(access_token, tokens.access_token)
    assert.equal((await ask(access_token)).json.sub, 'ada')
  })

  test('issues an ID token and a refresh token, which are no access tokens here', async t => {
    const { issuer } = await oidcServer(t)
    // The client id is the audience of ID tokens. Not even an application that accepts it accepts them.
    const { client_id } = TEST_CLIENT
    const ask = await api(t, issuer, { audience: [TEST_API, client_id], clientId: client_id })
    const { tokens } = await oidcLogin(issuer, {
      scope: 'openid read offline_access',
      parameters: { nonce: 'TEST_ONLY_nonce' },
    })
    assert.equal((await ask(tokens.access_token)).status, 200)
    const idToken = await ask(tokens.id_token)
    assert.deepEqual([idToken.status, idToken.json.error_type], [401, 'AccessTokenRequiredError'])
    const refreshToken = await ask(tokens.refresh_token)
    assert.deepEqual([refreshToken.status, refreshToken.json.error_type], [401, 'JWTDecodeError'])
  })

  test('issues ID tokens without a nonce, which are refused because their audience is the client', async t => {
    const { issuer } = await oidcServer(t)
    const ask = await api(t, issuer, { clientId: TEST_CLIENT.client_id })
    const { tokens } = await oidcLogin(issuer)
    const { status, json } = await ask(tokens.id_token)
    assert.deepEqual([status, json.error_type], [401, 'TokenInvalidAudienceError'])
  })

  test('issues access tokens for another API, which are refused here', async t => {
    const other = 'https://other-api.example'
    const { issuer } = await oidcServer(t)
    const [here, there] = [await api(t, issuer, { audience: other }), await api(t, issuer)]
    const { tokens } = await oidcLogin(issuer)
    assert.equal((await there(tokens.access_token)).status, 200)
    const { status, json } = await here(tokens.access_token)
    assert.deepEqual([status, json.error_type], [401, 'TokenInvalidAudienceError'])
  })

  test('signs with the same key as another one, whose tokens are still refused', async t => {
    const [ours, other] = [await oidcServer(t), await oidcServer(t)]
    const ask = await api(t, ours.issuer)
    const { tokens } = await oidcLogin(other.issuer)
    const { status, json } = await ask(tokens.access_token)
    assert.deepEqual([status, json.error_type], [401, 'JWTDecodeError'])
  })

  test('replaces its key: tokens of both keys pass, and tokens of the old key stop when it is no longer published', async t => {
    const [old, next] = [privateKey('old'), privateKey('new')]
    const server = await oidcServer(t, {}, { jwks: { keys: [old] } })
    let now = 0
    const ask = await api(t, server.issuer, { now: () => now })
    const before = (await oidcLogin(server.issuer)).tokens.access_token
    assert.equal((await ask(before)).status, 200)

    server.reconfigure({}, { jwks: { keys: [next, old] } })
    now += 60_000
    const after = (await oidcLogin(server.issuer)).tokens.access_token
    assert.equal(decodeProtectedHeader(after).kid, 'new')
    assert.equal((await ask(after)).status, 200)
    assert.equal((await ask(before)).status, 200)

    server.reconfigure({}, { jwks: { keys: [next] } })
    now += 3_600_000
    assert.equal((await ask(after)).status, 200)
    const { status, json } = await ask(before)
    assert.deepEqual([status, json.error_type], [401, 'TokenInvalidSignatureError'])
  })
})
