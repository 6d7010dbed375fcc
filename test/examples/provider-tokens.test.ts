import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { audit } from 'koa-authx'
import type Provider from 'oidc-provider'
import * as client from 'openid-client'
import { freePort } from '../support/free-port.js'
import { type OidcLogin, oidcLogin, oidcLogout, PersonsBrowser } from '../support/oidc-login.js'
import { oidcServer, TEST_API, TEST_CLIENT } from '../support/oidc-server.js'
import { until } from '../support/until.js'
import { Client, claimsOf } from './client.js'

/** The roles of each person at the provider. `*` is a wildcard of scopes. */
const ROLES: Readonly<Record<string, readonly string[]>> = { grace: ['admin'], mallory: ['*', 'owner'] }

const port = await freePort()
const { client_id } = TEST_CLIENT

/** A real provider that calls the example, and puts roles into its access tokens. */
const providerOf = (t: TestContext) =>
  oidcServer(
    t,
    { backchannel_logout_uri: `http://127.0.0.1:${port}/backchannel-logout` },
    {
      extraTokenClaims: (_ctx, token) => ({ roles: ROLES['accountId' in token ? String(token.accountId) : ''] ?? [] }),
    },
  )

/** An access token of the provider with any scope. */
async function tokenWith(provider: Provider, scope: string, audience = TEST_API): Promise<string> {
  const registered = await provider.Client.find(client_id)
  assert.ok(registered)
  const token = new provider.AccessToken({ accountId: 'ada', client: registered, scope } as never)
  token.resourceServer = new provider.ResourceServer(audience, { scope, audience, accessTokenFormat: 'jwt' })
  return token.save()
}

test('examples/provider-tokens.ts', async t => {
  const { issuer, provider } = await providerOf(t)
  Object.assign(process.env, { PORT: `${port}`, ISSUER: issuer, AUDIENCE: TEST_API, CLIENT_ID: client_id })
  const { app, server } = await import('../../examples/provider-tokens.js')
  t.after(() => server.close())
  const api = await Client.of(server)
  const read = async ({ tokens }: Pick<OidcLogin, 'tokens'>) => {
    const { status, body } = await api.get('/documents', { token: tokens.access_token })
    return status === 200 ? 'accepted' : body.error_type
  }

  await t.test('guards its routes, and has no guard that requests get past', () => {
    const { routes, unsafe } = audit(app)
    const open = routes.filter(({ guards }) => guards.length === 0).map(({ method, path }) => `${method} ${path}`)
    assert.deepEqual([open.sort(), unsafe], [['POST /backchannel-logout', 'POST /logout'], []])
  })

  await t.test('accepts a token with the scope, and names the person by issuer and subject', async () => {
    const { tokens } = await oidcLogin(issuer)
    const { status, body } = await api.get('/documents', { token: tokens.access_token })
    assert.deepEqual([status, body.owner], [200, { iss: issuer, sub: 'ada' }])
    assert.equal((await api.post('/documents', { token: tokens.access_token })).status, 403)
    const writer = await oidcLogin(issuer, { scope: 'openid read write' })
    assert.equal((await api.post('/documents', { token: writer.tokens.access_token })).status, 201)
  })

  await t.test('takes roles from the claims of the provider', async () => {
    const status = async (person: string) => {
      const { tokens } = await oidcLogin(issuer, { person, scope: 'openid read write' })
      return (await api.delete('/documents', { token: tokens.access_token })).status
    }
    assert.deepEqual([await status('grace'), await status('ada'), await status('mallory')], [204, 403, 403])
  })

  await t.test('gives no role to an app that asks for a scope of its name, or for a wildcard', async () => {
    for (const scope of ['write role:admin', 'write *', 'write role:*', 'write role']) {
      const token = await tokenWith(provider, scope)
      assert.equal(claimsOf(token).scope, scope)
      assert.equal((await api.delete('/documents', { token })).status, 403, scope)
    }
  })

  await t.test('refuses ID tokens, tokens for another API, and tokens of another provider', async st => {
    const { tokens } = await oidcLogin(issuer)
    const withNonce = await oidcLogin(issuer, { parameters: { nonce: 'a-nonce' } })
    const other = await oidcLogin((await oidcServer(st)).issuer)
    const refusals = [
      [tokens.id_token, 'TokenInvalidAudienceError'],
      [withNonce.tokens.id_token, 'AccessTokenRequiredError'],
      [await tokenWith(provider, 'read', 'https://other-api.example'), 'TokenInvalidAudienceError'],
      [other.tokens.access_token, 'JWTDecodeError'],
    ] as const
    for (const [token, name] of refusals) {
      const { status, body } = await api.get('/documents', { token })
      assert.deepEqual([status, body.error_type], [401, name])
    }
  })

  await t.test('accepts the tokens that the app gets from the provider by a refresh', async () => {
    const login = await oidcLogin(issuer, { scope: 'openid offline_access read' })
    const refreshed = await client.refreshTokenGrant(login.config, login.tokens.refresh_token ?? '')
    assert.notEqual(refreshed.access_token, login.tokens.access_token)
    assert.equal(await read({ tokens: refreshed }), 'accepted')
  })

  await t.test('ends one token at a logout', async () => {
    const browser = new PersonsBrowser()
    const [one, other] = [await oidcLogin(issuer, { browser }), await oidcLogin(issuer, { browser })]
    assert.equal((await api.post('/logout', { token: one.tokens.access_token })).status, 204)
    assert.deepEqual([await read(one), await read(other)], ['RevokedTokenError', 'accepted'])
  })

  await t.test('ends the tokens of a person who logs out at the provider, and of nobody else', async () => {
    const [ada, phone] = [await oidcLogin(issuer, { person: 'eve' }), await oidcLogin(issuer, { person: 'eve' })]
    const bob = await oidcLogin(issuer, { person: 'bob' })
    assert.equal(await read(ada), 'accepted')
    await oidcLogout(ada)
    const loggedOutAt = Math.floor(Date.now() / 1000)
    // The access tokens of oidc-provider name no session, so those of the other session end too.
    assert.deepEqual([await read(ada), await read(phone)], ['RevokedTokenError', 'RevokedTokenError'])
    assert.equal(await read(bob), 'accepted')
    // Times in tokens are whole seconds: a token of the second of the logout counts as issued before it.
    await until(() => Math.floor(Date.now() / 1000) > loggedOutAt)
    assert.equal(await read(await oidcLogin(issuer, { person: 'eve' })), 'accepted')
  })

  await t.test('lets an administrator end the tokens of a person', async () => {
    const dave = await oidcLogin(issuer, { person: 'dave' })
    const grace = await oidcLogin(issuer, { person: 'grace' })
    const end = (token: unknown) => api.delete('/people/dave/tokens', { token })
    assert.equal((await end(dave.tokens.access_token)).status, 403)
    assert.equal(await read(dave), 'accepted')
    assert.equal((await end(grace.tokens.access_token)).status, 204)
    assert.deepEqual([await read(dave), await read(grace)], ['RevokedTokenError', 'accepted'])
  })
})
