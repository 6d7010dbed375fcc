import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, createSecretKey, randomBytes, webcrypto } from 'node:crypto'
import { describe, test } from 'node:test'
import { exportJWK, generateKeyPair, generateSecret, importPKCS8, importSPKI } from 'jose'
import { ALGORITHMS } from '../../src/config/options.js'
import { resolveOptions } from '../../src/config/resolve.js'
import { type Algorithm, AuthX, type AuthXOptions, type KeyInput } from '../../src/index.js'
import { KeyCache } from '../../src/token/key-cache.js'
import { makeKeyRing } from '../../src/token/keys.js'
import { assertOneProblem, problemsOf } from '../config/problems.js'
import { TEST_SECRET } from '../support/app.js'
import { contentOf, makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const [rsa, ec, p384] = [makeRsaPair(), makeEcPair(), makeEcPair('P-384')]
const privateJwk = (pem: string, members: object = {}) => ({
  ...createPrivateKey(pem).export({ format: 'jwk' }),
  ...members,
})
const publicJwk = (pem: string, members: object = {}) => ({
  ...createPublicKey(pem).export({ format: 'jwk' }),
  ...members,
})
const oct = (bytes: number, members: object = {}) => ({
  kty: 'oct',
  k: randomBytes(bytes).toString('base64url'),
  ...members,
})

interface Made {
  readonly sign: KeyInput
  readonly verify: KeyInput
}

/** Keys of jose as CryptoKeys and as JWKs, made for one algorithm. */
async function keysOf(algorithm: Algorithm): Promise<Made[]> {
  if (algorithm.startsWith('HS')) {
    const key = await generateSecret(algorithm, { extractable: true })
    const jwk = await exportJWK(key)
    const closed = (await generateSecret(algorithm)) as KeyInput
    return [
      { sign: closed, verify: closed },
      { sign: key as KeyInput, verify: jwk },
      { sign: { ...jwk, alg: algorithm, use: 'sig', key_ops: ['sign', 'verify'] }, verify: key as KeyInput },
    ]
  }
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true })
  const closed = await generateKeyPair(algorithm)
  const [signs, verifies] = [await exportJWK(privateKey), await exportJWK(publicKey)]
  return [
    { sign: privateKey, verify: verifies },
    { sign: { ...signs, alg: algorithm, use: 'sig', key_ops: ['sign'] }, verify: publicKey },
    { sign: signs, verify: { ...verifies, alg: algorithm, use: 'sig', key_ops: ['verify'], kid: 'a' } },
    { sign: closed.privateKey, verify: closed.publicKey },
  ]
}

describe('CryptoKeys and JWKs are keys', () => {
  for (const algorithm of ALGORITHMS) {
    test(`for ${algorithm}, wherever a key is given`, async () => {
      const symmetric = algorithm.startsWith('HS')
      for (const { sign, verify } of await keysOf(algorithm)) {
        const signing = symmetric ? { secretKey: sign } : { privateKey: sign }
        const verifying = symmetric ? { secretKey: verify } : { publicKey: verify }
        const other = symmetric
          ? { secretKey: randomBytes(64), previousSecretKey: [verify] }
          : { publicKey: (await generateKeyPair(algorithm)).publicKey, previousPublicKey: [verify] }
        const first = new AuthX({ algorithm, ...signing })
        const named = new AuthX({ algorithm, keys: [{ kid: 'a', ...signing }] })
        const later = new AuthX({ secretKey: randomBytes(64) })
        later.setKeys({ algorithm, ...signing })
        const verifiers = [
          new AuthX({ algorithm, ...other }),
          new AuthX({ algorithm, ...verifying, ...(symmetric ? {} : { privateKey: sign }) }),
          new AuthX({ decodeAlgorithms: [algorithm], getKey: async () => verify }),
        ]
        for (const signer of [first, named, later]) {
          const token = signer.createAccessToken('test')
          assert.equal(contentOf(token).header.alg, algorithm)
          for (const verifier of [signer, ...verifiers]) await verifier.verifyToken(token)
        }
      }
    })
  }

  test('imported from PEM by jose too', async () => {
    const signer = new AuthX({ algorithm: 'RS256', privateKey: await importPKCS8(rsa.privateKey, 'RS256') })
    const verifier = new AuthX({ algorithm: 'RS256', publicKey: await importSPKI(rsa.publicKey, 'RS256') })
    await verifier.verifyToken(signer.createAccessToken('test'))
  })

  test('a JWK is read at construction, and its members are not looked at again', async () => {
    const secretKey = oct(32)
    const authx = new AuthX({ secretKey })
    const token = authx.createAccessToken('test')
    secretKey.k = oct(32).k
    await authx.verifyToken(token)
  })

  test('the algorithm of a key limits it, though its family has others in the list', async () => {
    const decodeAlgorithms = ['RS256', 'RS512', 'PS256'] as const
    const publicKeys = [publicJwk(rsa.publicKey, { alg: 'RS512' }), await importSPKI(rsa.publicKey, 'RS512')]
    for (const publicKey of publicKeys) {
      const configured = new AuthX({ algorithm: 'RS512', decodeAlgorithms: ['RS512'], publicKey })
      const found = new AuthX({ decodeAlgorithms, getKey: () => publicKey })
      for (const verifier of [configured, found]) {
        const verdictOn = (algorithm: Algorithm) =>
          verdictOf(() => verifier.verifyToken(new AuthX({ algorithm, ...rsa }).createAccessToken('test')))
        assert.equal(await verdictOn('RS512'), 'good')
        assert.notEqual(await verdictOn('RS256'), 'good')
        assert.notEqual(await verdictOn('PS256'), 'good')
      }
    }
  })
})

describe('a CryptoKey or a JWK that does not fit is a construction error', () => {
  const subtle = webcrypto.subtle
  const hmac = (bytes: Buffer, usages: ('sign' | 'verify')[] = ['sign', 'verify']) =>
    subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, true, usages)
  const WRONG: readonly [what: string, options: () => Promise<AuthXOptions> | AuthXOptions, names: string][] = [
    ['a short oct', () => ({ secretKey: oct(31) }), 'secretKey is shorter'],
    ['an empty oct', () => ({ secretKey: { kty: 'oct', k: '' } }), 'secretKey is a JWK'],
    ['an oct without k', () => ({ secretKey: { kty: 'oct' } }), 'secretKey is a JWK'],
    ['an oct in base64', () => ({ secretKey: { kty: 'oct', k: '+'.repeat(44) } }), 'secretKey is a JWK'],
    [
      'an oct of another algorithm',
      () => ({ secretKey: oct(64, { alg: 'HS512' }) }),
      'secretKey is a key for HS512 only',
    ],
    [
      'an oct that only verifies',
      () => ({ secretKey: oct(32, { key_ops: ['verify'] }) }),
      'secretKey must not be used',
    ],
    ['a short HMAC key', async () => ({ secretKey: await hmac(randomBytes(16)) }), 'secretKey is shorter'],
    [
      'an HMAC key that only signs',
      async () => ({ secretKey: await hmac(randomBytes(32), ['sign']) }),
      'secretKey must not',
    ],
    [
      'an HMAC key of SHA-512 for HS256',
      async () => ({ secretKey: (await generateSecret('HS512')) as KeyInput }),
      'secretKey is a key for HS512 only',
    ],
    [
      'an HMAC key made of a public key',
      async () => ({ secretKey: await hmac(createPublicKey(rsa.publicKey).export({ type: 'spki', format: 'der' })) }),
      'secretKey is a key of a key pair',
    ],
    ['a public JWK as a secret', () => ({ secretKey: publicJwk(rsa.publicKey) }), 'secretKey is a public key'],
    ['a private JWK as a secret', () => ({ secretKey: privateJwk(ec.privateKey) }), 'secretKey is a private key'],
    [
      'an RSA CryptoKey as a secret',
      async () => ({ secretKey: await importSPKI(rsa.publicKey, 'RS256') }),
      'secretKey is a',
    ],
    [
      'a private JWK as publicKey',
      () => ({ algorithm: 'ES256', publicKey: privateJwk(ec.privateKey) }),
      'publicKey is a private',
    ],
    ['a secret as publicKey', () => ({ algorithm: 'ES256', publicKey: oct(32) }), 'publicKey is a secret'],
    [
      'a public JWK as privateKey',
      () => ({ algorithm: 'ES256', privateKey: publicJwk(ec.publicKey) }),
      'privateKey is a public',
    ],
    [
      'alg of another family',
      () => ({ algorithm: 'ES256', publicKey: publicJwk(ec.publicKey, { alg: 'RS256' }) }),
      'publicKey',
    ],
    [
      'alg of another curve',
      () => ({ algorithm: 'ES256', publicKey: publicJwk(ec.publicKey, { alg: 'ES384' }) }),
      'publicKey',
    ],
    ['a curve of another algorithm', () => ({ algorithm: 'ES256', publicKey: publicJwk(p384.publicKey) }), 'publicKey'],
    ['alg none', () => ({ algorithm: 'ES256', publicKey: publicJwk(ec.publicKey, { alg: 'none' }) }), 'publicKey'],
    [
      'use enc',
      () => ({ algorithm: 'ES256', publicKey: publicJwk(ec.publicKey, { use: 'enc' }) }),
      'publicKey is for encryption',
    ],
    [
      'key_ops without verify',
      () => ({ algorithm: 'ES256', publicKey: publicJwk(ec.publicKey, { key_ops: [] }) }),
      'publicKey must',
    ],
    [
      'key_ops that is no list',
      () => ({ algorithm: 'ES256', publicKey: publicJwk(ec.publicKey, { key_ops: 'verify' }) }),
      'key_ops',
    ],
    [
      'an RSA JWK of 1024 bits',
      () => ({ algorithm: 'RS256', publicKey: publicJwk(makeRsaPair(1024).publicKey) }),
      'publicKey is an RSA key of less',
    ],
    [
      'a JWK without a coordinate',
      () => ({ algorithm: 'ES256', publicKey: publicJwk(ec.publicKey, { y: undefined }) }),
      'publicKey is a JWK',
    ],
    ['a kty that nobody knows', () => ({ algorithm: 'ES256', publicKey: { kty: 'XYZ' } }), 'publicKey is a JWK'],
    [
      'a CryptoKey for encryption',
      async () => ({ algorithm: 'RS256', publicKey: await importSPKI(rsa.publicKey, 'RSA-OAEP') }),
      'publicKey is for encryption',
    ],
    [
      'a CryptoKey for key agreement',
      async () => ({ algorithm: 'ES256', publicKey: await importSPKI(ec.publicKey, 'ECDH-ES') }),
      'publicKey is for encryption',
    ],
    [
      'a CryptoKey of PS256 for RS256',
      async () => ({ algorithm: 'RS256', publicKey: await importSPKI(rsa.publicKey, 'PS256') }),
      'publicKey is a key for PS256 only',
    ],
    [
      'a list as a named key',
      () => ({ keys: [{ kid: 'a', secretKey: [TEST_SECRET] as unknown as string }] }),
      'keys[0].secretKey is a list',
    ],
  ]
  for (const [what, options, names] of WRONG) {
    test(what, async () => {
      const problems = problemsOf(await options())
      assertOneProblem(problems, names)
    })
  }

  test('a private key of one algorithm does not sign with another', async () => {
    for (const privateKey of [
      privateJwk(rsa.privateKey, { alg: 'RS512' }),
      await importPKCS8(rsa.privateKey, 'RS512'),
    ]) {
      const problems = problemsOf({ algorithm: 'RS256', privateKey })
      assert.ok(
        problems.every(problem => problem.startsWith('privateKey is a key for RS512 only')),
        problems.join('\n'),
      )
    }
  })

  test('a named key that only verifies may say so', () => {
    const keys = [
      { kid: 'a', secretKey: oct(32) },
      { kid: 'b', secretKey: oct(32, { key_ops: ['verify'] }) },
    ]
    assert.deepEqual(problemsOf({ keys }), [])
  })
})

describe('the cache of keys', () => {
  test('imports a CryptoKey once, and a JWK once for each content', async () => {
    const { config } = resolveOptions({ decodeAlgorithms: ['ES256', 'HS256'], getKey: () => undefined })
    const { ring } = makeKeyRing(config)
    const cache = new KeyCache()
    const cryptoKey = await importSPKI(ec.publicKey, 'ES256')
    assert.equal(cache.read(cryptoKey, ring).key, cache.read(cryptoKey, ring).key)
    const jwk = publicJwk(ec.publicKey)
    assert.equal(cache.read(jwk, ring).key, cache.read({ ...jwk }, ring).key)
    assert.notEqual(cache.read(jwk, ring).key, cache.read(publicJwk(makeEcPair().publicKey), ring).key)
    const secret = createSecretKey(randomBytes(32))
    assert.equal(cache.read(secret, ring).key, cache.read(secret, ring).key)
  })
})
