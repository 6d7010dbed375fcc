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
