import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { describe, test } from 'node:test'
import { Keyv } from 'keyv'
import { AuthX, type AuthXOptions, type BadConfigurationError } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { makeAuthX, TEST_SECRET, warningsOf } from '../support/app.js'
import { makeRsaPair } from '../support/signing.js'
import { problemsOf, problemsWith } from './problems.js'

const rsa = makeRsaPair()
const encoding = { publicKeyEncoding: { type: 'spki', format: 'pem' } } as const
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const
const small = generateKeyPairSync('rsa', { ...encoding, privateKeyEncoding, modulusLength: 1024 })
const ec384 = generateKeyPairSync('ec', { ...encoding, privateKeyEncoding, namedCurve: 'P-384' })
const encrypted = createPrivateKey(rsa.privateKey).export({
  ...privateKeyEncoding,
  cipher: 'aes-256-cbc',
  passphrase: 'TEST_ONLY',
})

/** A mistake, and what its one problem has to tell. */
const MISTAKES: readonly [what: string, options: AuthXOptions, tells: RegExp][] = [
  ['no secret', {}, /^secretKey .*JWT_SECRET_KEY.*openssl rand -hex 32$/],
  ['no secret for HS512', { algorithm: 'HS512' }, /openssl rand -hex 64$/],
  ['an empty secret', { secretKey: '' }, /^secretKey is empty.*openssl rand -hex 32$/],
  ['a short secret', { secretKey: 'TEST_ONLY' }, /^secretKey .*openssl rand -hex 32$/],
  ['a PEM document as secret', { secretKey: rsa.privateKey }, /^secretKey .*privateKey.*set algorithm/],
  ['a secret for RS256', { algorithm: 'RS256', secretKey: TEST_SECRET }, /^privateKey .*JWT_PRIVATE_KEY.*publicKey/],
  ['the path of a key', { algorithm: 'RS256', privateKey: './key.pem' }, /^privateKey .*readFileSync.*not its path/],
  ['the path of a public key', { algorithm: 'RS256', publicKey: './key.pem' }, /^publicKey .*readFileSync/],
  [
    'a key with a passphrase',
    { algorithm: 'RS256', privateKey: encrypted },
    /^privateKey .*createPrivateKey\(\{ key, p/,
  ],
  ['a public key as private', { algorithm: 'RS256', privateKey: rsa.publicKey }, /^privateKey .*give the private one$/],
  ['a private key as public', { algorithm: 'RS256', publicKey: rsa.privateKey }, /^publicKey .*give the public one$/],
  [
    'a public key of another pair',
    { algorithm: 'RS256', privateKey: rsa.privateKey, publicKey: makeRsaPair().publicKey },
    /^publicKey .*remove it: privateKey/,
  ],
  ['a small RSA key', { algorithm: 'RS256', privateKey: small.privateKey }, /^privateKey .*rsa_keygen_bits:2048$/],
  ['another curve', { algorithm: 'ES256', privateKey: ec384.privateKey }, /^privateKey .*ec_paramgen_curve:P-256$/],
  [
    'an EC key for RS256',
    { algorithm: 'RS256', privateKey: ec384.privateKey },
    /^privateKey .*an RSA key; set algorithm/,
  ],
  ['a key pair beside HS256', { secretKey: TEST_SECRET, privateKey: rsa.privateKey }, /^privateKey .*set algorithm/],
  ['a URL as domain', { secretKey: TEST_SECRET, cookieDomain: 'https://a.example' }, /^cookieDomain .*without scheme/],
  ['a Keyv as store', { secretKey: TEST_SECRET, store: new Keyv() as never }, /^store .*new KeyvTokenStore\(keyv\)/],
  ['a url as store', { secretKey: TEST_SECRET, store: 'redis://a' as never }, /^store .*new RedisTokenStore\(url\)/],
  [
    'a class as store',
    { secretKey: TEST_SECRET, store: MemoryTokenStore as never },
    /^store .*new MemoryTokenStore\(\)/,
  ],
]

describe('a problem says what to do', () => {
  for (const [what, options, tells] of MISTAKES) {
    test(what, () => {
      const problems = problemsOf(options)
      assert.equal(problems.length, 1, problems.join('\n'))
      assert.match(problems[0] ?? '', tells)
    })
  }

  test('a service that only verifies and is to issue', async () => {
    const authx = makeAuthX({ secretKey: undefined, algorithm: 'RS256', publicKey: rsa.publicKey })
    await assert.rejects(authx.createTokenPair('test'), ({ problems }: BadConfigurationError) =>
      /only verify.*set secretKey, or privateKey/.test(String(problems)),
    )
  })

  test('an option of a token pair that there is not', async () => {
    const authx = makeAuthX({ store: new MemoryTokenStore() })
    for (const options of [{ expiry: '5m' }, '5m', null]) {
      await assert.rejects(authx.createTokenPair('test', options as object), {
        name: 'TypeError',
        message: /^createTokenPair: .*accessExpiry/,
      })
    }
  })

  test('an unknown option of a token names the call and the options', () => {
    const authx = makeAuthX()
    const takes = 'it takes expiry, notBefore, data, audience, scopes, headers'
    assert.throws(() => authx.createAccessToken('test', { foo: 1 } as object), {
      message: `createAccessToken: unknown option "foo"; ${takes}, fresh, sid, renewable`,
    })
    assert.throws(() => authx.createRefreshToken('test', { foo: 1 } as object), {
      message: `createRefreshToken: unknown option "foo"; ${takes}`,
    })
  })

  test('a number as subject', () => {
    assert.throws(() => makeAuthX().createAccessToken(42 as never), /String\(user\.id\)$/)
  })
})

describe('a name that is not an option', () => {
  const NEAR: Readonly<Record<string, string>> = {
    accesTokenExpires: 'accessTokenExpires',
    access_token_expires: 'accessTokenExpires',
    JWT_ACCESS_TOKEN_EXPIRES: 'accessTokenExpires',
    secret: 'secretKey',
    tokenLocations: 'tokenLocation',
    cookieSameSite: 'cookieSamesite',
    cookieHTTPOnly: 'cookieHttpOnly',
    csrfMethod: 'csrfMethods',
  }
  for (const [given, meant] of Object.entries(NEAR)) {
    test(`${given} is answered with ${meant}`, () => {
      assert.deepEqual(problemsWith({ [given]: 1 }), [
        `unknown option ${JSON.stringify(given)}; did you mean ${meant}?`,
      ])
    })
  }

  test('and like none leads to the list', () => {
    for (const name of ['expiresIn', 'x', '', 'a'.repeat(100_000)]) {
      assert.match(problemsWith({ [name]: 1 }).join(), /docs\/options\.md/)
    }
  })

  test('as a variable is answered with the one that is near', async () => {
    const env = { JWT_SECRET_KEY: TEST_SECRET, JWT_ACCES_TOKEN_EXPIRES: '5m', JWT_LIFE_OF_A_TOKEN: '5m' }
    const [warning] = await warningsOf(() => AuthX.fromEnv({ store: new MemoryTokenStore() }, env))
    assert.equal(
      warning?.message,
      'AuthX.fromEnv: unknown variables JWT_ACCES_TOKEN_EXPIRES (did you mean JWT_ACCESS_TOKEN_EXPIRES?), ' +
        'JWT_LIFE_OF_A_TOKEN; docs/options.md lists all variables',
    )
  })
})
