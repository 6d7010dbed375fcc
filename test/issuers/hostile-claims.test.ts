import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompactSign } from 'jose'
import { AuthX } from 'koa-authx'
import { remoteIssuer } from 'koa-authx/issuers'
import { type IssuerKey, issuerServer } from '../support/issuer-server.js'
import { sceneOf, secondsNow } from './scene.js'

/** JSON writes `__proto__` as a member like every other, unlike an object literal. */
const claim = (name: string, value: unknown) => Object.fromEntries([[name, value]])

test('a claim may have any name, also one that every object in JavaScript has', async t => {
  const server = await issuerServer(t)
  const { issuer, jwksUri } = server
  for (const claims of [undefined, (all: Record<string, unknown>) => ({ ...all })]) {
    const authx = new AuthX({ issuers: [remoteIssuer({ issuer, jwksUri, audience: 'my-api', claims })] })
    for (const name of Object.getOwnPropertyNames(Object.prototype)) {
      const payload = await authx.verifyToken(await server.token(claim(name, 'a value')))
      assert.equal(Object.getOwnPropertyDescriptor(payload, name)?.value, 'a value', name)
      assert.equal(payload.scopes, undefined, name)
    }
  }
})

test('a token is refused, and is no failure of the server, if a claim is nested thousands of levels deep', async t => {
  const { server, statusOf } = await sceneOf(t)
  const { kid, alg, privateKey } = server.keys[0] as IssuerKey
  const claims = { iss: server.issuer, sub: 'ada', aud: 'my-api', exp: secondsNow() + 60, nbf: 0, iat: 0 }
  const deep = `${'['.repeat(5000)}${']'.repeat(5000)}`
  for (const name of Object.keys(claims)) {
    // Written as text, because JSON.stringify would overflow the stack.
    const json = JSON.stringify({ ...claims, [name]: 'DEEP' }).replace('"DEEP"', deep)
    const token = new CompactSign(new TextEncoder().encode(json)).setProtectedHeader({ alg, kid }).sign(privateKey)
    assert.equal(await statusOf(await token), 401, name)
  }
})

test('a client that asks its issuer for a wildcard gets no other scopes by it', async t => {
  const { server, authx } = await sceneOf(t)
  const scopesOf = async (claims: Record<string, unknown>) =>
    (await authx.verifyToken(await server.token(claims))).scopes
  for (const claims of [
    { scope: 'read * role:* *:* a:b:*' },
    { scp: ['read', '*', 'role:*', '*:*', 'a:b:*'] },
    { scopes: 'read * role:* *:* a:b:*' },
    { scope: 'read *', scopes: ['*'] },
  ]) {
    assert.deepEqual(await scopesOf(claims), ['read'], JSON.stringify(claims))
  }
  assert.deepEqual(await scopesOf({ scope: '*' }), [])
  // A `*` elsewhere is no wildcard, also not here.
  assert.deepEqual(await scopesOf({ scope: 'read:*:all *read role*' }), ['read:*:all', '*read', 'role*'])
  // The claim with which koa-authx itself signs scopes: the program that signs them has chosen the wildcard.
  assert.deepEqual(await scopesOf({ scopes: ['role:*'] }), ['role:*'])
})

test('claims of remoteIssuer may give a wildcard', async t => {
  const { server, authx } = await sceneOf(t, { claims: ({ roles }) => ({ scopes: roles === 'root' ? '*' : '' }) })
  assert.deepEqual((await authx.verifyToken(await server.token({ roles: 'root', scope: 'read' }))).scopes, ['*'])
  assert.deepEqual((await authx.verifyToken(await server.token({ scope: '*' }))).scopes, [])
})
