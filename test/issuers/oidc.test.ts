import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AuthX } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { MemoryTokenStore } from 'koa-authx/stores/memory'
import * as client from 'openid-client'
import { oidcServer, TEST_API, TEST_CLIENT } from '../support/oidc-server.js'

test('an access token of a real authorization server for client credentials is accepted', async t => {
  const { issuer } = await oidcServer(t)
  const { client_id, client_secret } = TEST_CLIENT
  const config = await client.discovery(new URL(issuer), client_id, client_secret, undefined, {
    execute: [client.allowInsecureRequests],
  })
  const { access_token } = await client.clientCredentialsGrant(config, { resource: TEST_API, scope: 'read' })
  const authx = new AuthX({ issuers: [remoteIssuer({ issuer, audience: TEST_API })], store: new MemoryTokenStore() })
  const payload = await authx.verifyToken(access_token)
  assert.deepEqual(payload.scopes, ['read'])
  assert.equal(payload.sub, client_id)
})
