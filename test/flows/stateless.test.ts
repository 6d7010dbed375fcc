import assert from 'node:assert/strict'
import { test } from 'node:test'
import { claimsOf, flowApi, verdict } from './api.js'

/** No store: an API that cannot revoke, and says so. */
const WITHOUT = { store: undefined }

test('tokens name no session', async t => {
  const api = await flowApi(t, WITHOUT)
  const { json } = await api.login({ data: { role: 'admin' } })
  for (const token of [json.access_token, json.refresh_token]) {
    const { sid, gen, role } = claimsOf(token)
    assert.deepEqual([sid, gen, role], [undefined, undefined, 'admin'])
  }
  assert.equal((await api.protected(json.access_token)).status, 200)
})

test('a refresh gives a new access token only, again and again', async t => {
  const api = await flowApi(t, WITHOUT)
  const login = await api.login({ data: { role: 'admin' }, scopes: ['a:*'] })
  for (let round = 0; round < 3; round++) {
    api.clock.now += 60_000
    const { status, json } = await api.refresh(login.json.refresh_token, { scopes: ['a:b'] })
    assert.equal(status, 200)
    assert.deepEqual(Object.keys(json), ['access_token', 'token_type', 'expires_in'])
    const { role, scopes, fresh, type, iat, exp } = claimsOf(json.access_token)
    assert.deepEqual([role, scopes, fresh, type], ['admin', ['a:b'], false, 'access'])
    assert.deepEqual([iat, exp], [api.clock.now / 1000, api.clock.now / 1000 + 900])
    assert.equal((await api.protected(json.access_token)).status, 200)
  }
})

test('a logout answers, and the token lives on until it ends', async t => {
  const api = await flowApi(t, WITHOUT)
  const { json } = await api.login()
  assert.equal((await api.logout(json.access_token)).status, 204)
  assert.equal((await api.protected(json.access_token)).status, 200)
  assert.deepEqual(verdict(await api.logout('garbage')), [401, 'JWTDecodeError'])
})

test('a token of a session passes guards by its signature, and cannot be refreshed', async t => {
  const issuer = await flowApi(t)
  const { json } = await issuer.login()
  const verifier = await flowApi(t, WITHOUT)
  assert.equal((await verifier.protected(json.access_token)).status, 200)
  assert.deepEqual(verdict(await verifier.refresh(json.refresh_token)), [401, 'RevokedTokenError'])
})
