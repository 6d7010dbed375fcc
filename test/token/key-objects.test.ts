import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import { test } from 'node:test'

// Counting must begin before jsonwebtoken is loaded, which keeps its own references: hence the imports inside the test.
test('keys are imported at construction, not once a token', async () => {
  const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  let imports = 0
  for (const name of ['createSecretKey', 'createPublicKey', 'createPrivateKey'] as const) {
    const original = crypto[name] as (...args: unknown[]) => unknown
    const counting = (...args: unknown[]) => {
      imports++
      return original(...args)
    }
    Object.assign(crypto, { [name]: counting })
  }
  syncBuiltinESMExports()
  const { AuthX } = await import('../../src/index.js')

  const secretKey = 'TEST_ONLY_secret_of_more_than_32_bytes'
  const options = [
    { secretKey },
    { algorithm: 'RS256', privateKey, publicKey },
    { keys: [{ kid: 'a', secretKey }] },
  ] as const
  for (const each of options) {
    const authx = new AuthX(each)
    assert.ok(imports > 0, 'construction imports keys, or nothing is counted')
    imports = 0
    for (let n = 0; n < 3; n++) {
      await authx.verifyToken(authx.createAccessToken('test'))
      await assert.rejects(authx.verifyToken(`${authx.createAccessToken('test').slice(0, -9)}AAAAAAAAA`))
    }
    assert.equal(imports, 0)
  }
})
