/**
 * An API that accepts the access tokens of your identity provider. It issues no tokens itself: apps and pages get them
 * from the provider. Routes require scopes, or a role. If the person logs out at the provider, their tokens end here
 * at once, and an administrator can end all tokens of a person.
 *
 *     ISSUER=https://login.example.com AUDIENCE=https://api.example.com CLIENT_ID=... npx tsx examples/provider-tokens.ts
 *
 * ISSUER is the `iss` of the tokens, AUDIENCE their `aud`: the API as it is registered at the provider. CLIENT_ID is the
 * client for which the address `/backchannel-logout` of this server is registered there.
 */
import Router from '@koa/router'
import Koa from 'koa'
import { AuthX } from 'koa-authx'
import { type IssuerClaims, remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'

const { HOST = '127.0.0.1', PORT = '8000' } = process.env
const { ISSUER = '', AUDIENCE = '', CLIENT_ID = '' } = process.env

/** The roles that this API knows. Only these count, because a scope `*`, or one that ends with `:*`, is a wildcard. */
const ROLES = ['admin', 'editor']

/**
 * Adds a scope for each role, so that `scopesRequired('role:admin')` is a guard. Auth0 has roles in a claim that an
 * action adds, Keycloak in `realm_access.roles`, Cognito in `cognito:groups`, Entra in `roles`. Entra and Okta have the
 * scopes in `scp`, not in `scope`; Okta as a list.
 */
function withRoles(claims: IssuerClaims) {
  const roles = Array.isArray(claims.roles) ? claims.roles : []
  const scopes = String(claims.scope ?? '').split(' ')
  return {
    ...claims,
    scopes: [
      // An app must not get a role by asking for a scope of this name, or for a wildcard.
      ...scopes.filter(scope => scope !== '' && !scope.startsWith('role:') && !scope.includes('*')),
      ...ROLES.filter(role => roles.includes(role)).map(role => `role:${role}`),
    ],
  }
}

const authx = new AuthX({
  issuers: [remoteIssuer({ issuer: ISSUER, audience: AUDIENCE, clientId: CLIENT_ID, claims: withRoles })],
  // A real application has a store that all its processes share, such as Redis.
  store: new MemoryTokenStore(),
})

const router = new Router()

router.get('/documents', authx.scopesRequired('read'), ctx => {
  const { iss, sub } = ctx.state.token
  // With several issuers, only `iss` and `sub` together name a person.
  ctx.body = { documents: [], owner: { iss, sub } }
})

router.post('/documents', authx.scopesRequired('write'), ctx => {
  ctx.status = 201
})

router.delete('/documents', authx.scopesRequired('write', 'role:admin'), ctx => {
  ctx.status = 204
})

/** Ends all tokens that a person has now. The provider still gives them new ones until it blocks the person too. */
router.delete('/people/:sub/tokens', authx.scopesRequired('role:admin'), async ctx => {
  await authx.revokeAllSessions(ctx.params.sub as string, { issuer: ISSUER })
  ctx.status = 204
})

/** Ends one token: the one of the request. */
router.post('/logout', async ctx => {
  await authx.logout(ctx)
  ctx.status = 204
})

router.post('/backchannel-logout', authx.backchannelLogout())

export const app = new Koa().use(authx.middleware()).use(router.routes())

export const server = app.listen(Number(PORT), HOST)
