import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AuthX } from '../../src/index.js'
import { holdsPairKey } from '../../src/token/pair-key.js'
import { assertOneProblem, problemsOf } from '../config/problems.js'
import { TEST_NOW, TEST_SECRET } from '../support/app.js'
import { CERTIFICATE, type KeyForm, PEM_OF_CERTIFICATE, sshBlob } from '../support/key-forms.js'
import { notationsOfDer, notationsOfJwk, notationsOfModulus, notationsOfPoint } from '../support/key-notations.js'
import { problemsIn } from '../support/problems.js'
import { forge, GOOD_CLAIMS, verdictOf } from '../support/signing.js'

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).publicKey
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
const RSA: Record<string, KeyObject> = {
  'RSA of 1024 bits': generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey,
  'RSA of 2048 bits': rsa,
}
const EC: Record<string, KeyObject> = {
  'P-256': ec('P-256'),
  'P-384': ec('P-384'),
  'P-521': ec('P-521'),
  secp256k1: ec('secp256k1'),
}
const OKP: Record<string, KeyObject> = {
  Ed25519: generateKeyPairSync('ed25519').publicKey,
  Ed448: generateKeyPairSync('ed448').publicKey,
  X25519: generateKeyPairSync('x25519').publicKey,
  X448: generateKeyPairSync('x448').publicKey,
}
/** The types of node:crypto lack this kind of key. */
const makePair = generateKeyPairSync as (type: string, options: object) => { publicKey: KeyObject }

/** Keys that node:crypto does not write as a JWK. */
const OTHERS: Record<string, KeyObject> = {
  'RSA-PSS': generateKeyPairSync('rsa-pss', { modulusLength: 2048, hashAlgorithm: 'sha256' }).publicKey,
  DSA: generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).publicKey,
  'Diffie-Hellman': makePair('dh', { group: 'modp14' }).publicKey,
  brainpoolP256r1: ec('brainpoolP256r1'),
}

const table = (keys: Record<string, KeyObject>, forms: (key: KeyObject) => readonly KeyForm[]) =>
  Object.entries(keys).map(([name, key]) => [name, forms(key)] as const)

const PARTS: readonly (readonly [
  part: string,
  rows: readonly (readonly [name: string, forms: readonly KeyForm[]])[],
])[] = [
  ['its DER and PEM', table({ ...RSA, ...EC, ...OKP, ...OTHERS }, notationsOfDer)],
  ['its JWK', table({ ...RSA, ...EC, ...OKP }, notationsOfJwk)],
  ['its modulus', table(RSA, notationsOfModulus)],
  ['its coordinates', table(EC, notationsOfPoint)],
]

/** What a token gets that somebody signed with the text of the key as the secret. */
function verdictOn(secret: string | Buffer): Promise<string> {
  const authx = new AuthX({ decodeAlgorithms: ['HS256', 'RS256'], getKey: () => secret, now: () => TEST_NOW })
  return verdictOf(() => authx.verifyToken(forge(GOOD_CLAIMS, undefined, secret)))
}

describe('a public key is no secret, in whichever notation', () => {
  for (const [part, rows] of PARTS) {
    for (const [name, forms] of rows) {
      test(`${name}: ${part}`, async () => {
        const taken: string[] = []
        for (const [what, form] of forms) {
          if (problemsOf({ secretKey: form }).length === 0) taken.push(`secretKey: ${what}`)
          if ((await verdictOn(form)) === 'good') taken.push(`getKey: ${what}`)
        }
        assert.deepEqual(taken, [])
      })
    }
  }

  const BODY = rsa.export({ type: 'spki', format: 'der' }).toString('base64')
  const LABELS = [
    ...['PUBLIC KEY', 'RSA PUBLIC KEY', 'EC PUBLIC KEY', 'DSA PUBLIC KEY', 'CERTIFICATE', 'X509 CERTIFICATE'],
    ...['TRUSTED CERTIFICATE', 'CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST', 'PRIVATE KEY', 'RSA PRIVATE KEY'],
    ...['EC PRIVATE KEY', 'DSA PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'OPENSSH PRIVATE KEY', 'SSH2 PUBLIC KEY'],
  ]
  test('each label of PEM, also around bytes that nobody can read', async () => {
    const taken: string[] = []
    for (const label of LABELS) {
      for (const body of [BODY, 'A'.repeat(64)]) {
        const secretKey = `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
        if (problemsOf({ secretKey }).length === 0 || (await verdictOn(secretKey)) === 'good') taken.push(label)
      }
    }
    assert.deepEqual(taken, [])
  })

  test('containers of PEM whose label says nothing of a key', async () => {
    const taken: string[] = []
    for (const label of ['PKCS7', 'CMS', 'ANYTHING', 'JOSE']) {
      const secretKey = `-----BEGIN ${label}-----\n${BODY}\n-----END ${label}-----\n`
      if (problemsOf({ secretKey }).length === 0 || (await verdictOn(secretKey)) === 'good') taken.push(label)
    }
    assert.deepEqual(taken, [])
  })

  test('keys of OpenSSH of every type, by the name that they begin with', () => {
    const { blob } = sshBlob(rsa)
    const rest = blob.subarray(11)
    const types = ['ssh-rsa', 'ssh-dss', 'ssh-ed25519', 'ssh-ed448', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521']
    const more = ['sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com', 'ssh-rsa-cert-v01@openssh.com']
    for (const type of [...types, ...more]) {
      const length = Buffer.from([0, 0, 0, type.length])
      const base64 = Buffer.concat([length, Buffer.from(type), rest]).toString('base64')
      for (const secretKey of [`${type} ${base64} ada@example.com`, base64]) {
        assertOneProblem(problemsOf({ secretKey }), 'secretKey')
      }
    }
  })
})

const PUBLISHED = { kid: '1e9gdk7', use: 'sig', alg: 'RS256', ...rsa.export({ format: 'jwk' }) }
const KEYCLOAK = {
  realm: 'test',
  public_key: rsa.export({ type: 'spki', format: 'der' }).toString('base64'),
  'token-service': 'https://id.example.com/realms/test/protocol/openid-connect',
  'account-service': 'https://id.example.com/realms/test/account',
  'tokens-not-before': 0,
}

/** What identity providers publish: the whole answer, and what people copy from it. */
const PROVIDERS: readonly (readonly [what: string, text: string])[] = [
  ['Keycloak: the page of the realm', JSON.stringify(KEYCLOAK)],
  ['Keycloak: public_key', KEYCLOAK.public_key],
  [
    'Keycloak: public_key between dashes',
    `-----BEGIN PUBLIC KEY-----\n${KEYCLOAK.public_key}\n-----END PUBLIC KEY-----`,
  ],
  ['Auth0: /pem', PEM_OF_CERTIFICATE],
  ['Auth0: a key with x5c', JSON.stringify({ keys: [{ ...PUBLISHED, x5t: 'NjVBRjY5', x5c: [CERTIFICATE] }] })],
  ['Auth0: x5c alone', CERTIFICATE],
  ['Cognito: jwks.json', JSON.stringify({ keys: [PUBLISHED, { ...PUBLISHED, kid: 'two' }] })],
  ['Cognito: one key', JSON.stringify(PUBLISHED)],
  ['Firebase: the map of certificates', JSON.stringify({ a1: PEM_OF_CERTIFICATE, b2: PEM_OF_CERTIFICATE })],
  ['Firebase: a map of one certificate', JSON.stringify({ a1: PEM_OF_CERTIFICATE })],
  ['Apple: keys', JSON.stringify({ keys: [{ ...PUBLISHED, kid: 'W6WcOKB' }] }, null, 2)],
  ['Entra: keys', JSON.stringify({ keys: [{ ...PUBLISHED, x5c: [CERTIFICATE], issuer: 'https://example.com' }] })],
  ['a list of PEM documents', JSON.stringify([PEM_OF_CERTIFICATE])],
]

describe('what an identity provider publishes is no secret', () => {
  for (const [what, text] of PROVIDERS) {
    test(what, async () => {
      assertOneProblem(problemsOf({ secretKey: text }), 'secretKey')
      const old = { secretKey: TEST_SECRET, previousSecretKey: text }
      assertOneProblem(problemsOf(old), 'previousSecretKey')
      assertOneProblem(problemsOf({ keys: [{ kid: 'a', secretKey: text }] }), 'keys[0].secretKey')
      const env = { JWT_SECRET_KEY: text }
      assertOneProblem(
        problemsIn(() => AuthX.fromEnv({}, env)),
        'secretKey',
      )
      const authx = new AuthX({ secretKey: TEST_SECRET })
      assertOneProblem(
        problemsIn(() => authx.setKeys({ secretKey: text })),
        'secretKey',
      )
      assert.notEqual(await verdictOn(text), 'good')
    })
  }
})

describe('an honest secret is never refused', () => {
  const WORDS = [
    ...[
      'correct',
      'horse',
      'battery',
      'staple',
      'key',
      'public',
      'private',
      'certificate',
      'BEGIN',
      'END',
      'RSA',
      'EC',
    ],
    ...[
      'n',
      'e',
      'x',
      'y',
      'kty',
      'crv',
      'ssh-rsa',
      'modulus',
      '=',
      ':',
      '-----',
      '65537',
      'AQAB',
      '"',
      '{',
      '}',
      '&#48;',
    ],
  ]
  /** A key that was cut off can begin or end with it. */
  const MEMBER_OF_JWK = /\b(?:kty|crv) [:=] (?:RSA|EC)\b/
  const random = fc.uint8Array({ minLength: 32, maxLength: 66 }).map(bytes => Buffer.from(bytes))
  const HONEST: readonly (readonly [how: string, secrets: fc.Arbitrary<string | Buffer>])[] = [
    ['random bytes', random],
    ['hexadecimal', random.map(bytes => bytes.toString('hex'))],
    ['base64', random.map(bytes => bytes.toString('base64'))],
    ['base64url', random.map(bytes => bytes.toString('base64url'))],
    [
      'a passphrase',
      fc
        .array(fc.constantFrom(...WORDS), { minLength: 20, maxLength: 60 })
        .map(words => words.join(' '))
        .filter(text => !MEMBER_OF_JWK.test(text)),
    ],
    ['identifiers', fc.array(fc.uuid(), { minLength: 2, maxLength: 4 }).map(ids => ids.join(''))],
    ['any text', fc.string({ minLength: 40, maxLength: 200, unit: 'grapheme' })],
    [
      'several secrets in hexadecimal, as YAML',
      fc.tuple(random, random).map(([x, y]) => `x: ${x.toString('hex')}\ny: ${y.toString('hex')}`),
    ],
    [
      'two numbers as long as coordinates',
      fc
        .uint8Array({ minLength: 64, maxLength: 64 })
        .map(bytes => [bytes.subarray(0, 32), bytes.subarray(32)].map(each => Buffer.from(each).toString('base64url')))
        .map(([x, y]) => JSON.stringify({ x, y })),
    ],
    [
      'two texts in base64url, of which the first ends like the name of a modulus',
      fc
        .uint8Array({ minLength: 128, maxLength: 160 })
        .map(bytes => Buffer.from(bytes).toString('base64url'))
        .map(text => `${text.slice(0, 41)}_n=${text}`),
    ],
    ['bytes of Java', random.map(bytes => JSON.stringify([...new Int8Array(bytes)]))],
    ['octal escapes', random.map(bytes => [...bytes].map(byte => `\\${byte.toString(8).padStart(3, '0')}`).join(''))],
  ]
  for (const [how, secrets] of HONEST) {
    test(`in ${how}`, () => {
      fc.assert(
        fc.property(secrets, secret => !holdsPairKey(Buffer.from(secret as Buffer))),
        { numRuns: 300 },
      )
    })
  }
})
