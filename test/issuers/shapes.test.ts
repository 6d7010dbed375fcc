import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { AuthX, AuthXError } from 'koa-authx'
import { type RemoteIssuerOptions, remoteIssuer } from 'koa-authx/issuers'
import { appOf, bearer, serve } from '../support/app.js'
import { type IssuerServer, issuerServer } from '../support/issuer-server.js'
import { CLIENT, type Claims, PROVIDERS, type Provider, type Shape } from './providers.js'

/** A token of this shape that is valid for an hour. */
function tokenOf(server: IssuerServer, { options, key, access }: Provider, shape: Shape = access, more: Claims = {}) {
  const aud = options.audience === false ? undefined : options.audience
  return server.token({ iss: options.issuer, aud, ...shape.claims, ...more }, shape.header, key)
}

async function sceneOf(t: TestContext, provider: Provider, options: Partial<RemoteIssuerOptions> = {}) {
  const server = await issuerServer(t, provider.key)
  const { jwksUri } = server
  const authx = new AuthX({ issuers: [remoteIssuer({ ...provider.options, jwksUri, ...options })] })
  const refusalOf = async (token: string) => {
    const error = await authx.verifyToken(token).catch(error => error)
    assert.ok(error instanceof AuthXError, JSON.stringify(error))
    return error.name
  }
  return { server, authx, refusalOf }
}

for (const [name, provider] of Object.entries(PROVIDERS)) {
  describe(`tokens of ${name}`, () => {
    test('an access token is accepted, with its scopes and roles', async t => {
      const { server, authx } = await sceneOf(t, provider)
      const [first, ...more] = (provider.seen.scopes ?? []) as string[]
      const guard = first ? authx.scopesRequired(first, ...more) : authx.accessTokenRequired()
      const app = appOf(authx.middleware(), guard, ctx => {
        ctx.body = ctx.state.token
      })
      const client = await serve(t, app)
      const { status, json } = await client({ headers: [bearer(await tokenOf(server, provider))] })
      assert.equal(status, 200)
      const seen = { iss: provider.options.issuer, type: 'access', ...provider.seen }
      for (const [claim, value] of Object.entries(seen)) assert.deepEqual(json[claim], value, claim)
      assert.equal(typeof json.jti, 'string')
    })

    test('an access token for somebody else is refused', async t => {
      const { server, refusalOf } = await sceneOf(t, provider)
      const wrong = provider.options.audience === false ? { client_id: 'another' } : { aud: 'https://other.example' }
      assert.equal(await refusalOf(await tokenOf(server, provider, undefined, wrong)), 'TokenInvalidAudienceError')
      const without = provider.options.audience === false ? { client_id: undefined } : { aud: undefined }
      assert.equal(await refusalOf(await tokenOf(server, provider, undefined, without)), 'TokenInvalidAudienceError')
      // The id of the client that got the token is not the audience.
      if (provider.options.audience === false) return
      const forClient = await tokenOf(server, provider, undefined, { aud: CLIENT })
      assert.equal(await refusalOf(forClient), 'TokenInvalidAudienceError')
    })

    test('an expired one and one of another issuer are refused', async t => {
      const { server, refusalOf } = await sceneOf(t, provider)
      const past = Math.floor(Date.now() / 1000) - 3600
      assert.equal(
        await refusalOf(await tokenOf(server, provider, undefined, { iat: past - 60, exp: past })),
        'TokenExpiredError',
      )
      const iss = `${provider.options.issuer}x`
      assert.equal(await refusalOf(await tokenOf(server, provider, undefined, { iss })), 'JWTDecodeError')
    })

    for (const [what, shape] of Object.entries(provider.others)) {
      test(`${what} is refused, even with the audience of access tokens`, async t => {
        const { server, refusalOf } = await sceneOf(t, provider)
        const refusals = ['AccessTokenRequiredError', 'JWTDecodeError']
        assert.ok(refusals.includes(await refusalOf(await tokenOf(server, provider, shape))))
      })
    }
  })
}

describe('ID tokens', () => {
  test('of Firebase are only accepted with idTokens: true', async t => {
    const firebase = PROVIDERS.Firebase as Provider
    const { server, refusalOf } = await sceneOf(t, firebase, { idTokens: undefined })
    assert.equal(await refusalOf(await tokenOf(server, firebase)), 'AccessTokenRequiredError')
  })

  test('are accepted with idTokens: true, but no refresh, offline or logout tokens', async t => {
    const keycloak = PROVIDERS.Keycloak as Provider
    const { server, authx, refusalOf } = await sceneOf(t, keycloak, { idTokens: true })
    for (const [what, shape] of Object.entries(keycloak.others)) {
      const token = await tokenOf(server, keycloak, shape)
      if (what.startsWith('an ID token')) await authx.verifyToken(token)
      else assert.equal(await refusalOf(token), 'AccessTokenRequiredError', what)
    }
  })
})

test('an encrypted token, as refresh tokens of Cognito are, is refused', async t => {
  const cognito = PROVIDERS.Cognito as Provider
  const { refusalOf, server } = await sceneOf(t, cognito)
  const header = Buffer.from(JSON.stringify({ cty: 'JWT', enc: 'A256GCM', alg: 'RSA-OAEP' })).toString('base64url')
  assert.equal(await refusalOf(`${header}.a2V5.aXY.dGV4dA.dGFn`), 'JWTDecodeError')
  assert.deepEqual(server.asked, [])
})
