import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthX, type AuthXOptions, type NamedKey } from '../../src/index.js'
import { assertOneProblem, problemsOf } from '../config/problems.js'
import { makeAuthX, TEST_NOW } from '../support/app.js'
import { contentOf, forge, GOOD_CLAIMS, makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const secretOf = (n: number) => `TEST_ONLY_secret_number_${n}_of_more_than_32_bytes`
const [one, two, three] = [secretOf(1), secretOf(2), secretOf(3)]
const rsa = [makeRsaPair(), makeRsaPair(), makeRsaPair()] as const
const now = () => TEST_NOW

const verdictOn = (authx: AuthX, token: string) => verdictOf(() => authx.verifyToken(token))
const tokenOf = (options: AuthXOptions, expiry?: Date) =>
  new AuthX({ now, ...options }).createAccessToken('test', expiry ? { expiry } : {})

describe('previous keys', () => {
  test('one or several previous secrets verify, and do not sign', async () => {
    for (const previousSecretKey of [two, [two], [three, two]]) {
      const authx = makeAuthX({ secretKey: one, previousSecretKey, now })
      assert.equal(await verdictOn(authx, tokenOf({ secretKey: two })), 'good')
      assert.equal(await verdictOn(authx, tokenOf({ secretKey: secretOf(4) })), 'TokenInvalidSignatureError')
      assert.equal(await verdictOn(makeAuthX({ secretKey: one, now }), authx.createAccessToken('test')), 'good')
    }
  })

  test('one or several previous public keys verify', async () => {
    const token = tokenOf({ algorithm: 'RS256', ...rsa[1] })
    for (const previousPublicKey of [rsa[1].publicKey, [rsa[2].publicKey, rsa[1].publicKey]]) {
      assert.equal(await verdictOn(new AuthX({ algorithm: 'RS256', ...rsa[0], previousPublicKey, now }), token), 'good')
    }
    assert.equal(
      await verdictOn(new AuthX({ algorithm: 'RS256', ...rsa[0], now }), token),
      'TokenInvalidSignatureError',
    )
  })

  test('an expired token of a previous key says expired, not badly signed', async () => {
    const past = new Date(TEST_NOW - 1000)
    const secrets = makeAuthX({ secretKey: one, previousSecretKey: [two, three], now })
    assert.equal(await verdictOn(secrets, tokenOf({ secretKey: two }, past)), 'TokenExpiredError')
    assert.equal(await verdictOn(secrets, tokenOf({ secretKey: three }, past)), 'TokenExpiredError')
    const publics = new AuthX({ algorithm: 'RS256', ...rsa[0], previousPublicKey: rsa[1].publicKey, now })
    assert.equal(await verdictOn(publics, tokenOf({ algorithm: 'RS256', ...rsa[1] }, past)), 'TokenExpiredError')
  })

  test('a token’s kid is not looked at', async () => {
    for (const kid of ['one', '', 5, null, { a: 1 }, '__proto__']) {
      const authx = makeAuthX({ secretKey: one, previousSecretKey: two, now })
      assert.equal(await verdictOn(authx, forge(GOOD_CLAIMS, { alg: 'HS256', kid }, two)), 'good')
    }
  })

  test('a public key of one family never verifies another, though both are listed', async () => {
    const ec = makeEcPair()
    const options = {
      algorithm: 'RS256',
      decodeAlgorithms: ['RS256', 'ES256'],
      ...rsa[0],
      previousPublicKey: ec.publicKey,
    } as const
    assert.equal(await verdictOn(new AuthX({ ...options, now }), tokenOf({ algorithm: 'ES256', ...ec })), 'good')
    assert.equal(
      await verdictOn(new AuthX({ ...options, now }), tokenOf({ algorithm: 'ES256', ...makeEcPair() })),
      'TokenInvalidSignatureError',
    )
  })
})

describe('named keys', () => {
  const keys: NamedKey[] = [
    { kid: 'one', secretKey: one },
    { kid: 'two', secretKey: two },
    { kid: '__proto__', secretKey: three },
  ]
  const authx = new AuthX({ keys, now })
  const signedBy = (secret: string, kid: unknown) => forge(GOOD_CLAIMS, { alg: 'HS256', typ: 'JWT', kid }, secret)

  test('the first signs and names itself', () => {
    assert.deepEqual(contentOf(authx.createAccessToken('test')).header, { alg: 'HS256', typ: 'JWT', kid: 'one' })
    assert.equal(contentOf(authx.createRefreshToken('test')).header.kid, 'one')
  })

  test('all verify what they signed', async () => {
    for (const { kid, secretKey } of keys)
      assert.equal(await verdictOn(authx, signedBy(String(secretKey), kid)), 'good')
  })

  test('none verifies what another signed', async () => {
    assert.equal(await verdictOn(authx, signedBy(two, 'one')), 'TokenInvalidSignatureError')
    assert.equal(await verdictOn(authx, signedBy(one, '__proto__')), 'TokenInvalidSignatureError')
  })

  test('an unknown kid is refused', async () => {
    for (const kid of ['three', 'ONE', 'one ', '', 'constructor', 'toString', 'hasOwnProperty', 'size']) {
      assert.equal(await verdictOn(authx, signedBy(one, kid)), 'TokenInvalidSignatureError', kid)
    }
  })

  test('a missing kid, or one that is no string, is refused', async () => {
    for (const kid of [undefined, null, 0, ['one'], { toString: 'one' }]) {
      assert.equal(await verdictOn(authx, signedBy(one, kid)), 'TokenInvalidSignatureError')
    }
  })

  test('an expired token of a later key says expired', async () => {
    const token = forge({ ...GOOD_CLAIMS, exp: TEST_NOW / 1000 - 1 }, { alg: 'HS256', kid: 'two' }, two)
    assert.equal(await verdictOn(authx, token), 'TokenExpiredError')
  })

  test('may be key pairs, of which the later need no private half', async () => {
    const pairs = new AuthX({
      algorithm: 'RS256',
      keys: [
        { kid: 'a', ...rsa[0] },
        { kid: 'b', publicKey: rsa[1].publicKey },
      ],
      now,
    })
    const second = new AuthX({ algorithm: 'RS256', keys: [{ kid: 'b', privateKey: rsa[1].privateKey }], now })
    assert.equal(await verdictOn(pairs, pairs.createAccessToken('test')), 'good')
    assert.equal(await verdictOn(pairs, second.createAccessToken('test')), 'good')
  })

  test('may be of several families, each for its own', async () => {
    const mixed = new AuthX({
      keys: [
        { kid: 'a', secretKey: one },
        { kid: 'b', publicKey: rsa[0].publicKey },
      ],
      decodeAlgorithms: ['HS256', 'RS256'],
      now,
    })
    assert.equal(await verdictOn(mixed, tokenOf({ algorithm: 'RS256', keys: [{ kid: 'b', ...rsa[0] }] })), 'good')
    assert.equal(await verdictOn(mixed, signedBy(rsa[0].publicKey, 'b')), 'TokenInvalidSignatureError')
    assert.equal(await verdictOn(mixed, mixed.createAccessToken('test')), 'good')
  })

  const WRONG: readonly [what: string, keys: readonly unknown[], names: string][] = [
    [
      'one kid twice',
      [
        { kid: 'a', secretKey: one },
        { kid: 'a', secretKey: two },
      ],
      'keys[1].kid',
    ],
    ['an empty kid', [{ kid: '', secretKey: one }], 'keys[0].kid'],
    ['no kid', [{ secretKey: one }], 'keys[0].kid'],
    ['a kid that is no string', [{ kid: 5, secretKey: one }], 'keys[0].kid'],
    [
      'a short secret',
      [
        { kid: 'a', secretKey: one },
        { kid: 'b', secretKey: 'short' },
      ],
      'keys[1].secretKey',
    ],
    [
      'a key pair of another algorithm',
      [
        { kid: 'a', secretKey: one },
        { kid: 'b', ...rsa[0] },
      ],
      'keys[1].publicKey',
    ],
    [
      'a secret that is none',
      [
        { kid: 'a', secretKey: one },
        { kid: 'b', secretKey: 5 },
      ],
      'keys[1].secretKey',
    ],
    [
      'a secret that is null',
      [
        { kid: 'a', secretKey: one },
        { kid: 'b', secretKey: null },
      ],
      'keys[1].secretKey',
    ],
    [
      'a public key that is none',
      [
        { kid: 'a', secretKey: one },
        { kid: 'b', publicKey: {} },
      ],
      'keys[1].publicKey',
    ],
    [
      'a private key that is none',
      [
        { kid: 'a', secretKey: one },
        { kid: 'b', privateKey: 5 },
      ],
      'keys[1].privateKey',
    ],
  ]
  for (const [what, wrong, names] of WRONG) {
    test(`${what} is reported at construction`, () => assertOneProblem(problemsOf({ keys: wrong }), names))
  }

  test('a key without a key is reported at construction', () => {
    for (const key of [{ kid: 'a' }, { kid: 'a', secretkey: one }]) {
      assert.ok(problemsOf({ keys: [key] }).every(problem => problem.startsWith('keys[0]')))
    }
  })

  test('a secret and a key pair under one kid are reported at construction, though both are listed', () => {
    const options = { decodeAlgorithms: ['HS256', 'RS256'], keys: [{ kid: 'a', secretKey: one, ...rsa[0] }] }
    assertOneProblem(problemsOf(options), 'keys[0]')
  })

  test('a first key that does not fit the algorithm is reported at construction', () => {
    assert.ok(problemsOf({ algorithm: 'RS256', keys: [{ kid: 'a', ...makeEcPair() }] }).length > 0)
    assert.ok(problemsOf({ algorithm: 'RS256', keys: [{ kid: 'a', secretKey: one }] }).length > 0)
  })
})

describe('a service that only verifies', () => {
  const signer = new AuthX({ algorithm: 'ES256', ...makeEcPair() })

  test('needs the public key alone, and cannot sign', async () => {
    const pair = makeEcPair()
    const token = new AuthX({ algorithm: 'ES256', ...pair }).createAccessToken('test')
    for (const options of [{ publicKey: pair.publicKey }, { keys: [{ kid: 'a', publicKey: pair.publicKey }] }]) {
      const verifier = new AuthX({ algorithm: 'ES256', ...options })
      const named = new AuthX({ algorithm: 'ES256', keys: [{ kid: 'a', ...pair }] }).createAccessToken('test')
      assert.equal(await verdictOn(verifier, 'keys' in options ? named : token), 'good')
      assert.equal(await verdictOn(verifier, signer.createAccessToken('test')), 'TokenInvalidSignatureError')
      assert.equal(await verdictOf(() => verifier.createAccessToken('test')), 'BadConfigurationError')
      assert.equal(await verdictOf(() => verifier.createTokenPair('test')), 'BadConfigurationError')
    }
  })
})
