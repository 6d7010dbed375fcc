import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, cookie, makeAuthX, serve, TEST_NOW } from '../support/app.js'
import { forgeWith } from '../support/signing.js'

describe('reasons come in one order: the first that fails answers', () => {
  const NOW = TEST_NOW / 1000
  const options = {
    now: () => TEST_NOW,
    decodeIssuer: 'here',
    decodeAudience: 'web',
    loginType: 'admin',
    tokenLocation: ['cookies'],
    cookieSecure: false,
  } as const
  // Each step mends one more thing of a request of which everything is wrong, in the order of the design.
  const STEPS: readonly [mended: Record<string, unknown>, error: string][] = [
    [{ sub: undefined }, 'JWTDecodeError'],
    [{ sub: 'test', exp: NOW - 1 }, 'TokenExpiredError'],
    [{ exp: NOW + 60 }, 'TokenInvalidIssuerError'],
    [{ iss: 'here' }, 'TokenInvalidAudienceError'],
    [{ aud: 'web' }, 'AccessTokenRequiredError'],
    [{ type: 'access' }, 'LoginTypeMismatchError'],
    [{ login_type: 'admin' }, 'MissingCSRFTokenError'],
  ]

  test('claims, time, issuer, audience, type, login type, CSRF, revocation, fresh, scopes', async t => {
    const authx = makeAuthX({ ...options, store: new MemoryTokenStore() })
    const guards = appOf(authx.middleware(), authx.freshTokenRequired(), authx.scopesRequired('admin'), ctx => {
      ctx.status = 200
    })
    const client = await serve(t, guards)
    const errorOf = async (token: string, csrf = '') => {
      const headers = [cookie({ access_token_cookie: token }), ['X-CSRF-TOKEN', csrf] as const]
      const { status, json } = await client({ method: 'POST', headers })
      return json.error_type ?? status
    }
    let claims: Record<string, unknown> = { type: 'refresh', exp: NOW - 1, fresh: false, csrf: 'C' }
    for (const [mended, error] of STEPS) {
      claims = { ...claims, ...mended }
      assert.equal(await errorOf(forgeWith(claims)), error, JSON.stringify(mended))
    }
    assert.equal(await errorOf(forgeWith(claims), 'wrong'), 'CSRFError')
    await authx.revoke(forgeWith(claims))
    assert.equal(await errorOf(forgeWith(claims), 'C'), 'RevokedTokenError')
    claims = { ...claims, jti: 'TEST-not-revoked' }
    assert.equal(await errorOf(forgeWith(claims), 'C'), 'FreshTokenRequiredError')
    claims = { ...claims, fresh: true }
    assert.equal(await errorOf(forgeWith(claims), 'C'), 'InsufficientScopeError')
    assert.equal(await errorOf(forgeWith({ ...claims, scopes: ['admin'] }), 'C'), 200)
  })

  test('the signature before everything', async t => {
    const authx = makeAuthX(options)
    const client = await serve(t, appOf(authx.middleware(), authx.accessTokenRequired()))
    const { json } = await client({
      headers: [cookie({ access_token_cookie: `${forgeWith({ exp: 1 }).slice(0, -9)}AAAAAAAAA` })],
    })
    assert.equal(json.error_type, 'TokenInvalidSignatureError')
  })
})
