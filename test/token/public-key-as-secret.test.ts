import assert from 'node:assert/strict'
import { createSecretKey, generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AuthX, type AuthXOptions, type KeyInput } from '../../src/index.js'
import { holdsPairKey } from '../../src/token/pair-key.js'
import { assertOneProblem, problemsOf } from '../config/problems.js'
import { TEST_SECRET } from '../support/app.js'
import { formsOfCertificates, formsOfPrivateKey, formsOfPublicKey, type KeyForm, spaced } from '../support/key-forms.js'
import { problemsIn } from '../support/problems.js'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pairs = {
  'RSA of 2048 bits': rsa,
  'RSA of 2304 bits': generateKeyPairSync('rsa', { modulusLength: 2304 }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: generateKeyPairSync('ed25519'),
}

/** How a form is written down once more. */
const WRITTEN: readonly [how: string, write: (bytes: Buffer) => string | Buffer][] = [
  ['as it is', bytes => bytes],
  ['with a line break at its end', bytes => Buffer.concat([bytes, Buffer.from('\n')])],
  ['as base64', bytes => bytes.toString('base64')],
  ['as base64url', bytes => bytes.toString('base64url')],
  ['as base64 without padding', bytes => bytes.toString('base64').replaceAll('=', '')],
  ['as base64 on lines', bytes => bytes.toString('base64').replace(/.{1,64}/g, '$&\r\n')],
  ['as base64 on short lines', bytes => bytes.toString('base64').replace(/.{1,10}/g, '$&\n')],
  ['as base64 with literal \\n', bytes => bytes.toString('base64').replace(/.{1,64}/g, '$&\\n')],
  ['as base64 in quotes', bytes => `"${bytes.toString('base64')}"`],
  ['as base64 in a URL', bytes => encodeURIComponent(bytes.toString('base64'))],
  ['as base64 in a data URL', bytes => `data:application/octet-stream;base64,${bytes.toString('base64')}`],
  ['as base64 in an assignment', bytes => `PUBLIC_KEY=${bytes.toString('base64')} # the key`],
  ['as hexadecimal', bytes => bytes.toString('hex')],
  ['as hexadecimal in capitals', bytes => bytes.toString('hex').toUpperCase()],
  ['as hexadecimal with colons', bytes => spaced(bytes, ':')],
  ['as hexadecimal with spaces', bytes => ` ${spaced(bytes, ' ')}\n`],
  ['as hexadecimal after 0x', bytes => `0x${bytes.toString('hex')}`],
  ['as hexadecimal of a C program', bytes => `{ 0x${spaced(bytes, ', 0x')} };`],
  ['as escapes', bytes => `\\x${spaced(bytes, '\\x')}`],
  ['as base64 in escapes', bytes => escaped(bytes.toString('base64'), '\\u00')],
  ['as base64 in a URL, all of it', bytes => escaped(bytes.toString('base64'), '%')],
  ['as base64 of base64', bytes => Buffer.from(bytes.toString('base64')).toString('base64')],
  ['as base64 of hexadecimal', bytes => Buffer.from(bytes.toString('hex')).toString('base64')],
  ['as hexadecimal of base64', bytes => Buffer.from(bytes.toString('base64')).toString('hex')],
  ['as base64 in UTF-16', bytes => Buffer.from(bytes.toString('base64'), 'utf16le')],
]

const escaped = (text: string, before: string) => `${before}${spaced(Buffer.from(text), before)}`

const ALL: readonly (readonly [name: string, forms: readonly KeyForm[]])[] = [
  ...Object.entries(pairs).map(([name, { publicKey }]) => [name, formsOfPublicKey(publicKey)] as const),
  ...Object.entries(pairs).map(([name, { privateKey }]) => [`private ${name}`, formsOfPrivateKey(privateKey)] as const),
  ['certificates', formsOfCertificates()],
]

describe('a key of a key pair is no HMAC secret', () => {
  for (const [name, forms] of ALL) {
    test(`${name}, in every form and encoding`, () => {
      const taken = forms.flatMap(([what, form]) =>
        WRITTEN.filter(([, write]) => !holdsPairKey(Buffer.from(write(Buffer.from(form as Buffer)) as Buffer))).map(
          ([how]) => `${what}, ${how}`,
        ),
      )
      assert.deepEqual(taken, [])
    })
  }

  test('a modulus that DER and OpenSSL have written begins with a zero byte and is found', () => {
    const modulus = Buffer.from(String(rsa.publicKey.export({ format: 'jwk' }).n), 'base64url')
    const written = Buffer.concat([Buffer.alloc(1), modulus])
    for (const text of [written, written.toString('base64'), spaced(written, ':')]) {
      assert.ok(holdsPairKey(Buffer.from(text as Buffer)))
    }
  })
})

const DER = rsa.publicKey.export({ type: 'spki', format: 'der' })
const [, SSH] = formsOfPublicKey(rsa.publicKey).find(([what]) => what === 'OpenSSH') ?? []
const FORMS: readonly KeyInput[] = [
  DER.toString('base64'),
  DER.toString('base64url'),
  DER.toString('hex'),
  Buffer.from(DER.toString('base64')),
  createSecretKey(Buffer.from(DER.toString('base64'))),
  createSecretKey(DER),
  { kty: 'oct', k: DER.toString('base64url') },
  { kty: 'oct', k: Buffer.from(DER.toString('base64')).toString('base64url') },
  SSH ?? '',
]

describe('wherever a secret is given, a public key is refused', () => {
  const PLACES: readonly (readonly [where: string, options: (secretKey: KeyInput) => AuthXOptions, names: string])[] = [
    ['secretKey', secretKey => ({ secretKey }), 'secretKey is a key of a key pair'],
    [
      'previousSecretKey',
      previousSecretKey => ({ secretKey: TEST_SECRET, previousSecretKey: [TEST_SECRET, previousSecretKey] }),
      'previousSecretKey[1] is a key of a key pair',
    ],
    ['keys', secretKey => ({ keys: [{ kid: 'a', secretKey }] }), 'keys[0].secretKey is a key of a key pair'],
    [
      'a secret that no listed algorithm uses',
      secretKey => ({ algorithm: 'RS256', privateKey: rsa.privateKey, secretKey }),
      'secretKey is a key of a key pair',
    ],
  ]
  for (const [where, options, names] of PLACES) {
    test(where, () => {
      for (const form of FORMS) assertOneProblem(problemsOf(options(form)), names)
    })
  }

  test('setKeys, which changes nothing then', async () => {
    const authx = new AuthX({ secretKey: TEST_SECRET })
    for (const form of FORMS)
      assertOneProblem(
        problemsIn(() => authx.setKeys({ secretKey: form })),
        'secretKey',
      )
    await authx.verifyToken(authx.createAccessToken('test'))
  })

  test('the environment', () => {
    for (const form of FORMS.filter(each => typeof each === 'string')) {
      assertOneProblem(
        problemsIn(() => AuthX.fromEnv({}, { JWT_SECRET_KEY: form })),
        'secretKey',
      )
      const previous = { JWT_SECRET_KEY: TEST_SECRET, JWT_PREVIOUS_SECRET_KEY: JSON.stringify([form]) }
      assertOneProblem(
        problemsIn(() => AuthX.fromEnv({}, previous)),
        'previousSecretKey',
      )
    }
  })

  test('a message names the option and shows nothing of the key', () => {
    for (const form of FORMS) assert.doesNotMatch(problemsOf({ secretKey: form }).join(), /MII|AAAA|3082/)
  })
})

describe('a random secret is never mistaken for a key', () => {
  const WRITTEN_SECRETS: readonly [how: string, write: (bytes: Buffer) => Buffer][] = [
    ['bytes', bytes => bytes],
    ['bytes that begin like DER', bytes => Buffer.concat([Buffer.from([0x30, 0x82, 1, bytes.length - 4]), bytes])],
    ['bytes that begin like a point', bytes => Buffer.concat([Buffer.from([4]), bytes])],
    ['hexadecimal', bytes => Buffer.from(bytes.toString('hex'))],
    ['hexadecimal in capitals', bytes => Buffer.from(bytes.toString('hex').toUpperCase())],
    ['base64', bytes => Buffer.from(bytes.toString('base64'))],
    ['base64 with a line break', bytes => Buffer.from(`${bytes.toString('base64')}\n`)],
    ['base64url', bytes => Buffer.from(bytes.toString('base64url'))],
    ['base64 of hexadecimal', bytes => Buffer.from(Buffer.from(bytes.toString('hex')).toString('base64'))],
    ['numbers', bytes => Buffer.from(String(new Uint8Array(bytes)))],
    ['JSON', bytes => Buffer.from(JSON.stringify({ secret: bytes.toString('base64') }))],
  ]
  for (const [how, write] of WRITTEN_SECRETS) {
    test(`in ${how}`, () => {
      const secrets = fc.uint8Array({ minLength: 32, maxLength: 128 })
      fc.assert(
        fc.property(secrets, secret => !holdsPairKey(write(Buffer.from(secret)))),
        { numRuns: 300 },
      )
    })
  }

  const SENTENCES = [
    'the public key of the front door lies under the mat',
    'n = 5, e = 3 and kty is nothing that I know: "P-256"?',
    'BEGIN at the beginning, and END at the end, my private key holder',
    '{"secret":"a text of more than thirty-two bytes","e":"AQAB"}',
    'ssh-rsa is a word that may stand in a passphrase, certainly',
    '-----this is a secret with dashes, and no document-----',
    `-----BEGIN SECRET-----\n${'0123456789abcdef'.repeat(4)}\n-----END SECRET-----`,
    'Modulus: a passphrase of more than thirty-two bytes',
    'Modulus=a passphrase of more than thirty-two bytes',
    `kty: RSA is the key type that I do not use ${'0123456789abcdef'.repeat(4)}`,
    `crv: P-256 is the curve that I do not use ${'0123456789abcdef'.repeat(4)}`,
    `n=${'0123456789abcdef'.repeat(6)}`,
    '{"x":"a text of more than sixteen bytes","y":"another text of that length"}',
    `{"x":"${'0123456789abcdef'.repeat(4)}","y":"${'fedcba9876543210'.repeat(4)}"}`,
    '{"n":"a text of more than thirty-two bytes","e":"somebody@example.com"}',
    `{"n":"${'0123456789abcdef'.repeat(4)}","e":"AQAB"}`,
    '{"crv":"a text of more than sixteen bytes","x":"another text of that length"}',
    '{"x5c":"a text of more than sixteen bytes","y":"another text of that length"}',
  ]
  for (const text of SENTENCES) {
    test(`nor is: ${text}`, async () => {
      assert.deepEqual(problemsOf({ secretKey: text }), [])
      const [issuer, verifier] = [new AuthX({ secretKey: text }), new AuthX({ getKey: () => text })]
      await verifier.verifyToken(issuer.createAccessToken('test'))
    })
  }
})
