import assert from 'node:assert/strict'
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { AuthX } from 'koa-authx'
import { Client } from './client.js'

process.env.PORT = '0'
const { server } = await import('../../examples/key-rotation.js')
const client = await Client.of(server)

const kidOf = (token: unknown): unknown =>
  JSON.parse(Buffer.from(String(token).split('.')[0] ?? '', 'base64url').toString()).kid

async function published(): Promise<(JsonWebKey & { kid: string })[]> {
  const { status, headers, body } = await client.get('/.well-known/jwks.json')
  assert.deepEqual([status, headers.get('content-type')], [200, 'application/jwk-set+json'])
  return body.keys as (JsonWebKey & { kid: string })[]
}

const statusFor = async (token: unknown) => (await client.get('/protected', { token })).status

describe('examples/key-rotation.ts', () => {
  after(() => server.close())

  test('tokens outlive one rotation of the keys and not two; a refreshed session outlives them all', async () => {
    const old = (await client.login()).body
    assert.equal((await client.post('/rotate', { token: old.access_token })).status, 204)
    assert.equal(await statusFor(old.access_token), 200)

    const refreshed = (await client.post('/refresh', { token: old.refresh_token })).body
    assert.notEqual(kidOf(refreshed.access_token), kidOf(old.access_token))
    assert.deepEqual(
      (await published()).map(({ kid }) => kid),
      [kidOf(refreshed.access_token), kidOf(old.access_token)],
    )

    assert.equal((await client.post('/rotate', { token: refreshed.access_token })).status, 204)
    const refused = await client.get('/protected', { token: old.access_token })
    assert.deepEqual([refused.status, refused.body.error_type], [401, 'TokenInvalidSignatureError'])
    assert.equal(await statusFor(refreshed.access_token), 200)
    assert.equal((await client.post('/refresh', { token: refreshed.refresh_token })).status, 200)
  })

  test('what it publishes is enough for another service, and holds nothing private', async () => {
    const { body } = await client.login()
    const jwks = await published()
    for (const jwk of jwks) assert.deepEqual(Object.keys(jwk).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
    const keys = jwks.map(key => ({ kid: key.kid, publicKey: createPublicKey({ key, format: 'jwk' }) }))
    const verifier = new AuthX({ algorithm: 'ES256', keys })
    assert.equal((await verifier.verifyToken(String(body.access_token))).sub, 'test')
  })

  test('only who may rotates', async () => {
    assert.equal((await client.post('/rotate')).status, 401)
  })
})
