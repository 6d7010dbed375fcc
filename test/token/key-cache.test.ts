import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto'
import { describe, test } from 'node:test'
import { resolveOptions } from '../../src/config/resolve.js'
import { BadConfigurationError } from '../../src/index.js'
import { KeyCache } from '../../src/token/key-cache.js'
import { makeKeyRing } from '../../src/token/keys.js'
import { makeEcPair, makeRsaPair } from '../support/signing.js'

const rsa = makeRsaPair()
const ec = makeEcPair()
const decodeAlgorithms = ['HS256', 'HS512', 'RS256', 'ES256'] as const
const { ring } = makeKeyRing(resolveOptions({ decodeAlgorithms, getKey: () => undefined }).config)
const secretOf = (n: number) => `TEST_ONLY_secret_number_${n}_of_more_than_32_bytes`

describe('a key that getKey returned', () => {
  const SAME: readonly [what: string, make: () => unknown][] = [
    ['text', () => secretOf(1)],
    ['a Buffer', () => Buffer.from(secretOf(1))],
    ['other bytes', () => new Uint8Array(Buffer.from(secretOf(1)))],
    ['a PEM document', () => `${rsa.publicKey}`],
    ['a PEM document in a Buffer', () => Buffer.from(ec.publicKey)],
  ]
  for (const [what, make] of SAME) {
    test(`is imported once if it is ${what}`, () => {
      const cache = new KeyCache()
      const { key } = cache.read(make(), ring)
      assert.equal(cache.read(make(), ring).key, key)
      assert.notEqual(new KeyCache().read(make(), ring).key, key)
    })
  }

  test('is imported once if it is a KeyObject', () => {
    const cache = new KeyCache()
    for (const key of [createSecretKey(Buffer.from(secretOf(1))), createPublicKey(rsa.publicKey)]) {
      assert.equal(cache.read(key, ring).key, cache.read(key, ring).key)
    }
  })

  test('is imported again once a thousand others have been used since', () => {
    const cache = new KeyCache()
    const { key: kept } = cache.read(secretOf(0), ring)
    const { key: forgotten } = cache.read(secretOf(1), ring)
    for (let n = 2; n < 1000; n++) cache.read(secretOf(n), ring)
    assert.equal(cache.read(secretOf(0), ring).key, kept, 'a thousand are kept')
    cache.read(secretOf(1000), ring)
    assert.equal(cache.read(secretOf(0), ring).key, kept, 'it has been used in between')
    assert.notEqual(cache.read(secretOf(1), ring).key, forgotten)
  })

  test('verifies the listed algorithms of its own family that it is good for', () => {
    const cache = new KeyCache()
    const algorithmsOf = (input: unknown) => [...cache.read(input, ring).algorithms]
    assert.deepEqual(algorithmsOf(secretOf(1)), ['HS256'])
    assert.deepEqual(algorithmsOf('x'.repeat(64)), ['HS256', 'HS512'])
    assert.deepEqual(algorithmsOf(rsa.publicKey), ['RS256'])
    assert.deepEqual(algorithmsOf(createPublicKey(ec.publicKey)), ['ES256'])
  })

  const jwk = JSON.stringify(createPublicKey(rsa.publicKey).export({ format: 'jwk' }))
  const WRONG: readonly [what: string, input: unknown][] = [
    ['an empty text', ''],
    ['an empty Buffer', Buffer.alloc(0)],
    ['a short secret', 'TEST_ONLY_short'],
    ['a short secret in a KeyObject', createSecretKey(Buffer.alloc(31))],
    ['a private PEM', rsa.privateKey],
    ['a private PEM in a Buffer', Buffer.from(ec.privateKey)],
    ['a private KeyObject', createPrivateKey(ec.privateKey)],
    ['a PEM that is cut short', rsa.publicKey.slice(0, 100)],
    ['a PEM in a secret KeyObject', createSecretKey(Buffer.from(rsa.publicKey))],
    ['the text of a JWK', jwk],
    ['DER', createPublicKey(rsa.publicKey).export({ format: 'der', type: 'spki' })],
    ['an RSA key of 1024 bits', makeRsaPair(1024).publicKey],
    ['a curve of no listed algorithm', makeEcPair('P-384').publicKey],
    ['a curve of no algorithm', makeEcPair('secp256k1').publicKey],
    ['a number', 5],
    ['true', true],
    ['a list of keys', [secretOf(1)]],
  ]
  for (const [what, input] of WRONG) {
    test(`is under the rules of configured keys: ${what} is refused, each time`, () => {
      const cache = new KeyCache()
      for (let n = 0; n < 2; n++) {
        assert.throws(
          () => cache.read(input, ring),
          error => error instanceof BadConfigurationError && !/TEST_ONLY|BEGIN|AQAB/.test(error.message),
        )
      }
    })
  }
})
