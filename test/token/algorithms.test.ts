import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import jsonwebtoken from 'jsonwebtoken'
import { ALGORITHMS, type Algorithm } from '../../src/config/options.js'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { makeAuthX, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { contentOf, forge, GOOD_CLAIMS, makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const rsa = makeRsaPair()
const ec = { ES256: makeEcPair('P-256'), ES384: makeEcPair('P-384'), ES512: makeEcPair('P-521') }
const now = () => TEST_NOW

function keysFor(algorithm: Algorithm): AuthXOptions {
  if (algorithm.startsWith('HS')) return { secretKey: TEST_SECRET }
  return algorithm.startsWith('ES') ? ec[algorithm as keyof typeof ec] : rsa
}

const verdictOn = (authx: AuthX, token: string) => verdictOf(() => authx.verifyToken(token))

describe('every algorithm', () => {
  for (const algorithm of ALGORITHMS) {
    const authx = new AuthX({ algorithm, ...keysFor(algorithm), now })

    test(`${algorithm} tokens verify here and in jsonwebtoken`, async () => {
      const token = authx.createAccessToken('test')
      assert.equal((await authx.verifyToken(token)).sub, 'test')
      assert.deepEqual(contentOf(token).header, { alg: algorithm, typ: 'JWT' })
      const key = algorithm.startsWith('HS') ? TEST_SECRET : String(keysFor(algorithm).publicKey)
      const options = { algorithms: [algorithm], clockTimestamp: TEST_NOW / 1000 }
      assert.deepEqual(jsonwebtoken.verify(token, key, options), contentOf(token).claims)
    })

    test(`${algorithm} alone is accepted where ${algorithm} is configured`, async () => {
      for (const other of ALGORITHMS.filter(each => each !== algorithm)) {
        const token = new AuthX({ algorithm: other, ...keysFor(other), now }).createAccessToken('test')
        assert.equal(await verdictOn(authx, token), 'JWTDecodeError', other)
      }
    })
  }

  test('several may be accepted by one key of their family', async () => {
    const authx = makeAuthX({ algorithm: 'HS512', decodeAlgorithms: ['HS512', 'HS256'] })
    assert.equal(await verdictOn(authx, makeAuthX().createAccessToken('test')), 'good')
    assert.equal(await verdictOn(authx, makeAuthX({ algorithm: 'HS384' }).createAccessToken('test')), 'JWTDecodeError')
  })

  test('a key pair and a secret may verify beside each other, each its own family', async () => {
    const authx = new AuthX({
      algorithm: 'RS256',
      ...rsa,
      secretKey: TEST_SECRET,
      decodeAlgorithms: ['RS256', 'HS256'],
      now,
    })
    assert.equal(await verdictOn(authx, forge(GOOD_CLAIMS)), 'good')
    assert.equal(await verdictOn(authx, authx.createAccessToken('test')), 'good')
    for (const key of [rsa.publicKey, rsa.publicKey.trim(), rsa.publicKey.replaceAll('\n', '')]) {
      assert.equal(
        await verdictOn(authx, forge(GOOD_CLAIMS, { alg: 'HS256', typ: 'JWT' }, key)),
        'TokenInvalidSignatureError',
      )
    }
  })
})

describe('the algorithm of a token is not the attacker’s choice', () => {
  const NONE = ['none', 'None', 'NONE', 'nOnE', '', ' ', null, undefined, 0, true, ['none'], ['HS256'], { HS256: 1 }]
  for (const alg of NONE) {
    test(`alg ${JSON.stringify(alg)} is refused, signed and unsigned`, async () => {
      const token = forge(GOOD_CLAIMS, { alg, typ: 'JWT' })
      const unsigned = token.slice(0, token.lastIndexOf('.') + 1)
      for (const each of [token, unsigned, `${unsigned}AA`]) {
        assert.equal(await verdictOn(makeAuthX({ now }), each), 'JWTDecodeError')
      }
    })
  }

  test('names of algorithms are compared letter by letter', async () => {
    for (const alg of ['hs256', 'HS256 ', 'HS256\0', 'Hs256', 'constructor', '__proto__']) {
      assert.equal(await verdictOn(makeAuthX({ now }), forge(GOOD_CLAIMS, { alg, typ: 'JWT' })), 'JWTDecodeError')
    }
  })

  test('a public key is no HMAC secret', async () => {
    const pairs = [
      [new AuthX({ algorithm: 'RS256', ...rsa, now }), rsa.publicKey],
      [new AuthX({ algorithm: 'ES256', ...ec.ES256, now }), ec.ES256.publicKey],
    ] as const
    for (const [authx, pem] of pairs) {
      assert.equal(await verdictOn(authx, forge(GOOD_CLAIMS, { alg: 'HS256', typ: 'JWT' }, pem)), 'JWTDecodeError')
    }
  })

  test('a header that names another algorithm than the one that signed is refused', async () => {
    for (const [alg, hash] of [
      ['HS256', 'sha512'],
      ['HS512', 'sha256'],
    ] as const) {
      const authx = makeAuthX({ algorithm: 'HS256', decodeAlgorithms: ['HS256', 'HS512'], now })
      assert.equal(
        await verdictOn(authx, forge(GOOD_CLAIMS, { alg, typ: 'JWT' }, TEST_SECRET, hash)),
        'TokenInvalidSignatureError',
      )
    }
  })

  test('crit and b64 are refused whatever they say', async () => {
    const extensions = [
      { crit: [] },
      { crit: ['exp'] },
      { crit: null },
      { b64: true },
      { b64: false },
      { crit: ['b64'], b64: false },
    ]
    for (const extension of extensions) {
      assert.equal(
        await verdictOn(makeAuthX({ now }), forge(GOOD_CLAIMS, { alg: 'HS256', ...extension })),
        'JWTDecodeError',
      )
    }
  })

  test('keys and addresses of keys in the header are not looked at', async () => {
    const header = {
      alg: 'HS256',
      jwk: { kty: 'oct', k: 'AAAA' },
      jku: 'http://127.0.0.1:1/',
      x5u: 'http://127.0.0.1:1/',
      x5c: ['AA'],
      kid: '/dev/null',
    }
    assert.equal(await verdictOn(makeAuthX({ now }), forge(GOOD_CLAIMS, header)), 'good')
    const secret = Buffer.alloc(32)
    const jwk = { kty: 'oct', k: secret.toString('base64url') }
    assert.equal(
      await verdictOn(makeAuthX({ now }), forge(GOOD_CLAIMS, { alg: 'HS256', jwk }, secret)),
      'TokenInvalidSignatureError',
    )
  })

  test('a header that is no object is refused', async () => {
    for (const header of ['null', '[]', '"HS256"', '5', '', '{', '{"alg":"HS256"', 'not JSON', '\0']) {
      assert.equal(await verdictOn(makeAuthX({ now }), forge(GOOD_CLAIMS, header || '\n')), 'JWTDecodeError')
    }
  })
})
