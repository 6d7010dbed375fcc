import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { assertOneProblem, problemsOf } from '../config/problems.js'
import { TEST_SECRET } from '../support/app.js'
import { makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const rsa = makeRsaPair()
const shortRsa = makeRsaPair(1024)
const [p256, p384] = [makeEcPair('P-256'), makeEcPair('P-384')]
const [secp256k1, ed25519] = [makeEcPair('secp256k1'), generateKeyPairSync('ed25519')]
const bytes = (length: number) => Buffer.alloc(length, 'TEST')

const jwkOf = (pem: string) => JSON.stringify(createPublicKey(pem).export({ format: 'jwk' }))
const derOf = (pem: string, type: 'spki' | 'pkcs1') =>
  createPublicKey(pem).export({ format: 'der', type: type as 'spki' })
const privateDer = createPrivateKey(rsa.privateKey).export({ format: 'der', type: 'pkcs8' })

/** Keys that must not be accepted, and the option that the one problem names. */
const WRONG: readonly [what: string, options: AuthXOptions, names: string][] = [
  ['a secret of 31 bytes for HS256', { secretKey: bytes(31) }, 'secretKey'],
  ['a secret of 47 bytes for HS384', { algorithm: 'HS384', secretKey: bytes(47) }, 'secretKey'],
  ['a secret of 63 bytes for HS512', { algorithm: 'HS512', secretKey: bytes(63) }, 'secretKey'],
  ['a KeyObject of 31 bytes', { secretKey: createSecretKey(bytes(31)) }, 'secretKey'],
  [
    'a short previous secret',
    { secretKey: TEST_SECRET, previousSecretKey: [TEST_SECRET, 'short'] },
    'previousSecretKey[1]',
  ],
  ['an empty secret', { secretKey: '' }, 'secretKey'],
  ['an empty Buffer', { secretKey: Buffer.alloc(0) }, 'secretKey'],
  ['an empty previous secret', { secretKey: TEST_SECRET, previousSecretKey: '' }, 'previousSecretKey'],
  ['a public PEM as a secret', { secretKey: rsa.publicKey }, 'secretKey'],
  ['a private PEM as a secret', { secretKey: p256.privateKey }, 'secretKey'],
  ['a PEM with something before it', { secretKey: `\n  ${rsa.publicKey}` }, 'secretKey'],
  ['a PEM in a Buffer', { secretKey: Buffer.from(rsa.publicKey) }, 'secretKey'],
  ['a PEM in a KeyObject', { secretKey: createSecretKey(Buffer.from(rsa.publicKey)) }, 'secretKey'],
  ['a JWK as a secret', { secretKey: jwkOf(rsa.publicKey) }, 'secretKey'],
  ['a set of JWKs as a secret', { secretKey: `{"keys":[${jwkOf(p256.publicKey)}]}` }, 'secretKey'],
  ['DER as a secret', { secretKey: derOf(rsa.publicKey, 'spki') }, 'secretKey'],
  ['DER of PKCS #1 as a secret', { secretKey: derOf(rsa.publicKey, 'pkcs1') }, 'secretKey'],
  ['private DER as a secret', { secretKey: privateDer }, 'secretKey'],
  ['a PEM as a previous secret', { secretKey: TEST_SECRET, previousSecretKey: rsa.publicKey }, 'previousSecretKey'],
  ['no key at all for RS256', { algorithm: 'RS256' }, 'privateKey'],
  ['a secret alone for RS256', { algorithm: 'RS256', secretKey: TEST_SECRET }, 'privateKey'],
  ['a public RSA key of 1024 bits', { algorithm: 'RS256', publicKey: shortRsa.publicKey }, 'publicKey'],
  [
    'a previous RSA key of 1024 bits',
    { algorithm: 'RS256', ...rsa, previousPublicKey: shortRsa.publicKey },
    'previousPublicKey[0]',
  ],
  ['an RSA key for ES256', { algorithm: 'ES256', publicKey: rsa.publicKey }, 'publicKey'],
  ['an EC key for RS256', { algorithm: 'RS256', publicKey: p256.publicKey }, 'publicKey'],
  ['P-384 for ES256', { algorithm: 'ES256', publicKey: p384.publicKey }, 'publicKey'],
  ['P-256 for ES384', { algorithm: 'ES384', publicKey: p256.publicKey }, 'publicKey'],
  ['secp256k1 for ES256', { algorithm: 'ES256', publicKey: secp256k1.publicKey }, 'publicKey'],
  ['Ed25519 for ES256', { algorithm: 'ES256', publicKey: ed25519.publicKey }, 'publicKey'],
  ['a private key as publicKey', { algorithm: 'RS256', publicKey: rsa.privateKey }, 'publicKey'],
  [
    'a private KeyObject as publicKey',
    { algorithm: 'RS256', publicKey: createPrivateKey(rsa.privateKey) },
    'publicKey',
  ],
  [
    'a private key as a previous public one',
    { algorithm: 'RS256', ...rsa, previousPublicKey: rsa.privateKey },
    'previousPublicKey',
  ],
  ['a public key as privateKey', { algorithm: 'RS256', privateKey: rsa.publicKey }, 'privateKey'],
  [
    'two halves of two pairs',
    { algorithm: 'RS256', privateKey: rsa.privateKey, publicKey: makeRsaPair().publicKey },
    'publicKey',
  ],
  ['no PEM as publicKey', { algorithm: 'RS256', publicKey: 'TEST' }, 'publicKey'],
  ['an empty publicKey', { algorithm: 'RS256', publicKey: '' }, 'publicKey'],
  [
    'a previous key of another family',
    { secretKey: TEST_SECRET, previousPublicKey: rsa.publicKey },
    'previousPublicKey',
  ],
  [
    'no previous public key that a verify-only service signs with',
    { algorithm: 'RS256', previousPublicKey: rsa.publicKey },
    'privateKey',
  ],
]

test('a named key with a member that does not exist is a construction error', () => {
  const keys = [{ kid: 'one', secretKey: 'x'.repeat(32), secretkey: 'misspelt' }]
  assert.throws(() => new AuthX({ keys }), {
    name: 'BadConfigurationError',
    message: /keys\[0\]: unknown option "secretkey"; it takes kid, secretKey, privateKey, publicKey/,
  })
})

describe('a key that cannot be used is reported at construction', () => {
  for (const [what, options, names] of WRONG) test(what, () => assertOneProblem(problemsOf(options), names))

  test('a key pair of 1024 bits, or on a wrong curve, by both of its names', () => {
    for (const options of [
      { algorithm: 'PS256', ...shortRsa },
      { algorithm: 'ES256', ...p384 },
    ]) {
      const problems = problemsOf(options)
      assert.ok(problems.some(problem => problem.startsWith('privateKey')))
      assert.ok(problems.every(problem => /^p(?:rivate|ublic)Key /.test(problem)))
    }
  })
})

describe('keys are taken in every form that is documented', () => {
  const FORMS: readonly [what: string, options: AuthXOptions][] = [
    ['a secret of exactly 32 bytes', { secretKey: bytes(32) }],
    ['a secret of exactly 48 bytes', { algorithm: 'HS384', secretKey: bytes(48) }],
    ['a secret of exactly 64 bytes', { algorithm: 'HS512', secretKey: bytes(64) }],
    ['a secret counted in bytes, not letters', { secretKey: 'ü'.repeat(16) }],
    ['a secret in a Uint8Array', { secretKey: new Uint8Array(32).fill(1) }],
    ['a secret in a KeyObject', { secretKey: createSecretKey(bytes(32)) }],
    [
      'PEM in Buffers',
      { algorithm: 'RS256', privateKey: Buffer.from(rsa.privateKey), publicKey: Buffer.from(rsa.publicKey) },
    ],
    ['a private key alone', { algorithm: 'RS256', privateKey: rsa.privateKey }],
    [
      'KeyObjects',
      { algorithm: 'ES256', privateKey: createPrivateKey(p256.privateKey), publicKey: createPublicKey(p256.publicKey) },
    ],
    [
      'PKCS #1',
      {
        algorithm: 'PS256',
        privateKey: createPrivateKey(rsa.privateKey).export({ format: 'pem', type: 'pkcs1' }).toString(),
      },
    ],
    [
      'SEC 1',
      {
        algorithm: 'ES256',
        privateKey: createPrivateKey(p256.privateKey).export({ format: 'pem', type: 'sec1' }).toString(),
      },
    ],
  ]
  for (const [what, options] of FORMS) {
    test(what, async () => {
      const authx = new AuthX(options)
      assert.equal(await verdictOf(() => authx.verifyToken(authx.createAccessToken('test'))), 'good')
    })
  }
})
