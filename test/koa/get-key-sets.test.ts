import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { describe, test } from 'node:test'
import { createLocalJWKSet, createRemoteJWKSet, errors, importJWK } from 'jose'
import jwksRsa from 'jwks-rsa'
import { AuthX } from '../../src/index.js'
import { type GetKey, guard, jwkOf, REFUSED, serveSet, UNKNOWN } from '../support/key-sets.js'
import { makeEcPair, makeRsaPair } from '../support/signing.js'

const [one, two, ec] = [makeRsaPair(), makeRsaPair(), makeEcPair()]
const SET = { keys: [jwkOf(one.publicKey, { kid: 'one' }), jwkOf(two.publicKey, { kid: 'two' })] }

const issuerOf = (kid: string, pair: typeof one) =>
  new AuthX({ algorithm: 'RS256', keys: [{ kid, privateKey: pair.privateKey }] })
const good = issuerOf('one', one).createAccessToken('test')
const unknownKid = issuerOf('three', one).createAccessToken('test')
const noKid = new AuthX({ algorithm: 'RS256', ...one }).createAccessToken('test')

/** The hooks that documentation of these packages leads to. */
const HOOKS: readonly [what: string, make: (url: string) => GetKey][] = [
  [
    'createRemoteJWKSet of jose',
    url => {
      const keys = createRemoteJWKSet(new URL(url))
      return header => keys(header)
    },
  ],
  [
    'jwks-rsa',
    url => {
      const client = jwksRsa({ jwksUri: url })
      return async ({ kid }) => (await client.getSigningKey(kid as string)).getPublicKey()
    },
  ],
  [
    'koaJwtSecret of jwks-rsa',
    url => {
      const find = jwksRsa.koaJwtSecret({ jwksUri: url })
      return header => find(header as unknown as Parameters<typeof find>[0])
    },
  ],
]

describe('a key set of an issuer behind getKey', () => {
  for (const [what, make] of HOOKS) {
    test(`${what}: a good token passes, one of a key that the set has not is 401 and raises no alarm`, async t => {
      const { answer, reported } = await guard(t, make(await serveSet(t, { current: SET })))
      assert.deepEqual([await answer(good), await answer(unknownKid), await answer(noKid)], ['good', REFUSED, REFUSED])
      assert.deepEqual([await answer(issuerOf('two', one).createAccessToken('test')), reported], [REFUSED, []])
    })

    test(`${what}: a set that cannot be had, or has no key at all, is 503`, async t => {
      const set: { current: object | undefined } = { current: undefined }
      const url = await serveSet(t, set)
      const { answer, reported } = await guard(t, make(url))
      assert.equal(await answer(good), UNKNOWN)
      set.current = { nothing: true }
      assert.equal(await answer(good), UNKNOWN)
      assert.equal(reported.length, 2)
      const { answer: nobody } = await guard(t, make('http://127.0.0.1:9/'))
      assert.equal(await nobody(good), UNKNOWN)
    })

    test(`${what}: a token without kid passes where the set has one key`, async t => {
      const { answer } = await guard(t, make(await serveSet(t, { current: { keys: [jwkOf(one.publicKey, {})] } })))
      assert.equal(await answer(noKid), 'good')
    })
  }

  test('a rate limit of jwks-rsa is 503: nobody has looked', async t => {
    const jwksUri = await serveSet(t, { current: SET })
    const client = jwksRsa({ jwksUri, rateLimit: true, jwksRequestsPerMinute: 1, cache: false })
    const { answer } = await guard(t, async ({ kid }) => (await client.getSigningKey(String(kid))).getPublicKey())
    assert.deepEqual([await answer(unknownKid), await answer(good)], [REFUSED, UNKNOWN])
  })

  test('an HS token is 401 where a set of public keys is asked, though the algorithm is listed', async t => {
    const keys = createLocalJWKSet(SET)
    const { answer, reported } = await guard(t, header => keys(header), { decodeAlgorithms: ['RS256', 'HS256'] })
    const [, payload] = good.split('.')
    const header = Buffer.from('{"alg":"HS256","kid":"one"}').toString('base64url')
    const signature = createHmac('sha256', one.publicKey).update(`${header}.${payload}`).digest('base64url')
    assert.deepEqual([await answer(`${header}.${payload}.${signature}`), reported], [REFUSED, []])
  })

  test('several issuers asked at once: 401 if no set has the key, 503 if one of them has no answer', async t => {
    const sets = [createLocalJWKSet(SET), createLocalJWKSet({ keys: [jwkOf(ec.publicKey, { kid: 'ec' })] })]
    const any: GetKey = header => Promise.any(sets.map(set => set(header)))
    const { answer } = await guard(t, any)
    assert.deepEqual([await answer(good), await answer(unknownKid)], ['good', REFUSED])
    const down = await guard(t, header => Promise.any([any(header, {}, undefined), Promise.reject(new Error('TEST'))]))
    assert.deepEqual([await down.answer(good), await down.answer(unknownKid)], ['good', UNKNOWN])
  })

  test('a key of a set is used for its own algorithm only', async t => {
    const keys = createLocalJWKSet({ keys: [jwkOf(one.publicKey, { kid: 'one', alg: 'PS256' })] })
    const { answer } = await guard(t, header => keys(header), { decodeAlgorithms: ['RS256', 'PS256'] })
    const ps256 = new AuthX({ algorithm: 'PS256', keys: [{ kid: 'one', privateKey: one.privateKey }] })
    assert.deepEqual([await answer(ps256.createAccessToken('test')), await answer(good)], ['good', REFUSED])
  })
})

describe('an error of getKey that says "no such key"', () => {
  const notFound = new errors.JWKSNoMatchingKey()
  const circle = new Error('TEST')
  circle.cause = circle
  const named = Object.assign(new Error('TEST'), { name: 'SigningKeyNotFoundError' })
  const THROWN: readonly [what: string, thrown: unknown, answer: string][] = [
    ['of jose', notFound, REFUSED],
    ['of jose, where several keys fit', new errors.JWKSMultipleMatchingKeys(), REFUSED],
    ['of another version of jose', { code: 'ERR_JWKS_NO_MATCHING_KEY' }, REFUSED],
    ['of jwks-rsa', new jwksRsa.SigningKeyNotFoundError('TEST'), REFUSED],
    ['wrapped', new Error('TEST', { cause: notFound }), REFUSED],
    ['wrapped twice', new Error('TEST', { cause: new Error('TEST', { cause: named }) }), REFUSED],
    ['all of several', new AggregateError([notFound, named]), REFUSED],
    ['some of several', new AggregateError([notFound, new Error('TEST')]), UNKNOWN],
    ['none of none', new AggregateError([]), UNKNOWN],
    ['a time limit of jose', new errors.JWKSTimeout(), UNKNOWN],
    ['a set that jose cannot read', new errors.JWKSInvalid(), UNKNOWN],
    ['a key that jose does not support', new errors.JOSENotSupported(), UNKNOWN],
    ['another error of jwks-rsa', new jwksRsa.JwksError('TEST'), UNKNOWN],
    ['a circle of causes', circle, UNKNOWN],
    ['nothing', undefined, UNKNOWN],
    ['a text', 'ERR_JWKS_NO_MATCHING_KEY', UNKNOWN],
  ]
  for (const [what, thrown, expected] of THROWN) {
    test(`${what}: ${expected}`, async t => {
      const { answer, reported } = await guard(t, () => {
        throw thrown
      })
      assert.equal(await answer(good), expected)
      assert.equal(reported.length, expected === UNKNOWN ? 1 : 0)
      assert.equal(await (await guard(t, () => Promise.reject(thrown))).answer(good), expected)
    })
  }
})

describe('what getKey may return', () => {
  const jwk = jwkOf(one.publicKey, { kid: 'one', alg: 'RS256', key_ops: ['verify'] })
  const RETURNED: readonly [what: string, make: () => unknown, answer: string, why?: RegExp][] = [
    ['a JWK', () => jwk, 'good'],
    ['a JWK made anew each time', () => structuredClone(jwk), 'good'],
    ['a CryptoKey', () => importJWK(jwk, 'RS256'), 'good'],
    ['a CryptoKey that can be exported', () => importJWK({ ...jwk, ext: true }, 'RS256'), 'good'],
    ['a JWK of another algorithm', () => ({ ...jwk, alg: 'RS512' }), UNKNOWN, /is a key for RS512 only/],
    ['a JWK for encryption', () => ({ ...jwk, use: 'enc' }), UNKNOWN, /not for signatures/],
    ['a JWK with an alg of encryption', () => ({ ...jwk, alg: 'RSA-OAEP' }), UNKNOWN, /alg is not one of/],
    ['a JWK that must not verify', () => ({ ...jwk, key_ops: ['encrypt'] }), UNKNOWN, /verify/],
    ['a private JWK', () => jwkOf(one.publicKey, { d: 'AAAA' }), UNKNOWN, /JWK/],
    ['a JWK without kty', () => ({ n: jwk.n, e: jwk.e }), UNKNOWN, /has kty/],
    ['a JWK Set', () => SET, UNKNOWN, /JWK Set/],
    ['a list of keys', () => [one.publicKey], UNKNOWN, /is a list/],
    ['a function', () => createLocalJWKSet(SET), UNKNOWN, /is a function/],
    ['a signing key of jwks-rsa', () => ({ kid: 'a', getPublicKey: () => one.publicKey }), UNKNOWN, /getPublicKey/],
    ['an address', () => new URL('https://issuer.example/jwks.json?of=more-than-32-bytes'), UNKNOWN, /object/],
    ['base64 of DER', () => one.publicKey.split('\n').slice(1, -2).join(''), UNKNOWN, /key of a key pair/],
  ]
  for (const [what, make, expected, why = /^$/] of RETURNED) {
    test(`${what}: ${expected}`, async t => {
      const getKey = make as GetKey
      const { answer, reported } = await guard(t, getKey, { decodeAlgorithms: ['RS256', 'HS256'] })
      assert.deepEqual([await answer(good), await answer(good)], [expected, expected])
      for (const { cause } of reported) assert.match(String((cause as Error).message), why)
      assert.equal(reported.length, expected === UNKNOWN ? 2 : 0)
    })
  }

  test('a JWK that is changed in place is another key from then on', async t => {
    const current = { ...jwk }
    const { answer } = await guard(t, () => current)
    assert.equal(await answer(good), 'good')
    Object.assign(current, jwkOf(two.publicKey, {}))
    assert.equal(await answer(good), REFUSED)
  })

  test('the text of a JWK is refused after the JWK has been used, and before', async t => {
    let returned: unknown = JSON.stringify(jwk)
    const { answer } = await guard(t, (() => returned) as GetKey, { decodeAlgorithms: ['RS256', 'HS256'] })
    const answers = [await answer(good)]
    for (const each of [jwk, JSON.stringify(jwk)]) {
      returned = each
      answers.push(await answer(good))
    }
    assert.deepEqual(answers, [UNKNOWN, 'good', UNKNOWN])
  })
})
