import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto'
import { describe, test } from 'node:test'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { type IssuerKey, issuerKey, json } from '../support/issuer-server.js'
import { HOUR, sceneOf } from './scene.js'

const [one, two, three, four] = (await Promise.all(
  ['one', 'two', 'three', 'four'].map(kid => issuerKey(kid)),
)) as unknown as [IssuerKey, IssuerKey, IssuerKey, IssuerKey]
const rsa = await issuerKey('rsa', 'RS256')
const otherCurve = await issuerKey('one', 'ES384')

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A token with this header that `signer` signs. */
function tokenOf(
  issuer: string,
  header: Record<string, unknown>,
  signer: (signed: string) => Buffer,
  claims: Record<string, unknown> = {},
): string {
  const now = Math.floor(Date.now() / 1000)
  const all = { iss: issuer, sub: 'ada', aud: 'my-api', iat: now, exp: now + 3600, jti: 'a-token', ...claims }
  const signed = `${encode(header)}.${encode(all)}`
  return `${signed}.${signer(signed).toString('base64url')}`
}

const ecdsa = (key: KeyObject) => (signed: string) =>
  sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })

/** A key as an issuer publishes it, with other members. */
const published = (key: IssuerKey, members: Record<string, unknown>): JWK => {
  const jwk: Record<string, unknown> = { ...key.jwk, ...members }
  for (const name of Object.keys(jwk)) if (jwk[name] === undefined) delete jwk[name]
  return jwk as JWK
}

const withoutKid = published(one, { kid: undefined })
const privateJwk = { ...(await exportJWK(one.privateKey)), kid: 'one', alg: 'ES256', use: 'sig' }

describe('a token is only accepted with a key that its issuer has published for it', () => {
  const SETS: readonly [what: string, keys: readonly unknown[], status: number][] = [
    ['the key', [one.jwk], 200],
    ['the key among others', [rsa.jwk, two.jwk, one.jwk, three.jwk], 200],
    ['the key without alg', [published(one, { alg: undefined })], 200],
    ['the key without use', [published(one, { use: undefined })], 200],
    ['the key with key_ops verify', [published(one, { use: undefined, key_ops: ['verify'] })], 200],
    ['the key twice', [one.jwk, one.jwk], 200],
    ['two keys of one kid, the right one first', [one.jwk, published(two, { kid: 'one' })], 200],
    ['two keys of one kid, the right one last', [published(two, { kid: 'one' }), one.jwk], 200],
    [
      'a key that cannot be read and the right one under one kid',
      [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', kid: 'one' }, one.jwk],
      200,
    ],
    ['keys of kinds that nobody knows', [{ kty: 'FUTURE', kid: 'one' }, { kty: 5 }, {}, one.jwk], 200],
    ['no key', [], 401],
    ['another key', [two.jwk], 401],
    ['another key under its kid', [published(two, { kid: 'one' })], 401],
    ['a key for encryption', [published(one, { use: 'enc' })], 401],
    ['a key for encryption, by key_ops', [published(one, { use: undefined, key_ops: ['encrypt'] })], 401],
    ['a key for another algorithm', [published(one, { alg: 'ES384' })], 401],
    ['a key for encryption, by alg', [published(one, { alg: 'ECDH-ES' })], 401],
    ['a key of another curve', [otherCurve.jwk], 401],
    ['the key without kid', [withoutKid], 401],
    ['the key with its kid in capitals', [published(one, { kid: 'ONE' })], 401],
    ['the key with a kid that is a number', [published(one, { kid: 1 })], 401],
    ['a key that cannot be read', [published(one, { x: 'AAAA' })], 401],
    ['a key without its coordinates', [{ kty: 'EC', crv: 'P-256', kid: 'one' }], 401],
    ['its private key', [privateJwk], 401],
    ['a secret', [{ kty: 'oct', k: 'AAAA', kid: 'one', alg: 'ES256' }], 401],
  ]
  for (const [what, keys, status] of SETS) {
    test(`${what}: ${status}`, async t => {
      const { server, statusOf, pass } = await sceneOf(t, {}, one)
      server.answer = (_req, res) => json(res, { keys })
      const token = await server.token()
      for (let n = 0; n < 3; n++) assert.equal(await statusOf(token), status)
      server.answer = undefined
      pass(HOUR)
      if (status === 401) assert.equal(await statusOf(token), 200)
    })
  }

  test('an unreadable key stops only its own tokens', async t => {
    const { server, statusOf } = await sceneOf(t, {}, one)
    server.answer = (_req, res) => json(res, { keys: [published(one, { x: 'AAAA' }), two.jwk] })
    assert.equal(await statusOf(await server.token()), 401)
    assert.equal(await statusOf(await server.token({}, {}, two)), 200)
  })
})

describe('a short RSA key', () => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const long = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwkOf = (key: KeyObject, members: JsonWebKey) => ({ ...key.export({ format: 'jwk' }), ...members })
  const rs256 = (key: KeyObject) => (signed: string) => sign('sha256', Buffer.from(signed), key)

  test('of 1024 bits verifies nothing', async t => {
    const { server, statusOf } = await sceneOf(t)
    server.answer = (_req, res) => json(res, { keys: [jwkOf(short.publicKey, { kid: 'short' })] })
    for (const header of [{ alg: 'RS256', kid: 'short' }, { alg: 'RS256' }]) {
      assert.equal(await statusOf(tokenOf(server.issuer, header, rs256(short.privateKey))), 401)
    }
  })

  test('beside a key of 2048 bits is passed over', async t => {
    const { server, statusOf } = await sceneOf(t)
    const keys = [jwkOf(short.publicKey, { kid: 'one' }), jwkOf(long.publicKey, { kid: 'one' })]
    server.answer = (_req, res) => json(res, { keys })
    for (const header of [{ alg: 'RS256', kid: 'one' }, { alg: 'RS256' }]) {
      assert.equal(await statusOf(tokenOf(server.issuer, header, rs256(long.privateKey))), 200)
      assert.equal(await statusOf(tokenOf(server.issuer, header, rs256(short.privateKey))), 401)
    }
  })
})

describe('a token without kid', () => {
  test('is tried with up to three keys that fit, and refused if there are four', async t => {
    const { server, statusOf, pass } = await sceneOf(t, {}, one)
    const tokens = await Promise.all([one, two, three].map(key => server.token({}, { kid: undefined }, key)))
    for (const [keys, statuses] of [
      [[one], [200, 401, 401]],
      [
        [rsa, one, two, three],
        [200, 200, 200],
      ],
      [
        [one, two, three, four],
        [401, 401, 401],
      ],
      [
        [three, two],
        [401, 200, 200],
      ],
    ] as const) {
      server.keys = [...keys]
      pass(HOUR)
      assert.deepEqual(await Promise.all(tokens.map(statusOf)), statuses)
    }
  })

  test('is verified by a key without kid, as a token with a kid is not', async t => {
    const { server, statusOf } = await sceneOf(t, {}, one)
    server.answer = (_req, res) => json(res, { keys: [withoutKid] })
    assert.equal(await statusOf(await server.token({}, { kid: undefined })), 200)
    assert.equal(await statusOf(await server.token()), 401)
  })

  test('counts only keys that can be used', async t => {
    const { server, statusOf } = await sceneOf(t, {}, one)
    const useless = [privateJwk, { ...two.jwk, x: 'AAAA' }, { ...three.jwk, use: 'enc' }, { kty: 'EC', crv: 'P-256' }]
    server.answer = (_req, res) => json(res, { keys: [...useless, four.jwk, one.jwk] })
    assert.equal(await statusOf(await server.token({}, { kid: undefined })), 200)
  })

  test('with a set of thousands of keys is refused', async t => {
    const { server, statusOf } = await sceneOf(t, {}, one)
    const { kty, crv, x, y } = one.jwk
    server.answer = (_req, res) => json(res, { keys: Array.from({ length: 1800 }, () => ({ kty, crv, x, y })) })
    const tokens = await Promise.all(
      Array.from({ length: 200 }, (_, n) => server.token({ jti: `${n}` }, { kid: undefined })),
    )
    assert.deepEqual([...new Set(await Promise.all(tokens.map(statusOf)))], [401])
  })

  test('costs no attempt at the keys that cannot be read, after the first token', async t => {
    const { server, statusOf } = await sceneOf(t, {}, one)
    const unreadable = Array.from({ length: 50 }, () => ({ ...two.jwk, kid: 'one', x: 'AAAA' }))
    server.answer = (_req, res) => json(res, { keys: [...unreadable, one.jwk] })
    const kids = [undefined, 'one']
    const tokens = await Promise.all(kids.map(kid => server.token({}, { kid })))
    for (const token of tokens) assert.equal(await statusOf(token), 200)
    const imports = t.mock.method(crypto.subtle, 'importKey')
    const others = await Promise.all(kids.map(kid => server.token({ jti: 'another' }, { kid })))
    for (const token of [...tokens, ...others]) assert.equal(await statusOf(token), 200)
    assert.equal(imports.mock.callCount(), 0)
  })
})

describe('forgeries', () => {
  test('a public key is no secret: HMAC is never accepted', async t => {
    const { server, statusOf } = await sceneOf(t, {}, rsa)
    const secrets = [JSON.stringify(rsa.jwk), Buffer.from(String(rsa.jwk.n), 'base64url'), 'TEST_ONLY_secret']
    const oct = { kty: 'oct', k: Buffer.from('TEST_ONLY_secret').toString('base64url'), kid: 'oct', alg: 'HS256' }
    server.answer = (_req, res) => json(res, { keys: [rsa.jwk, oct] })
    for (const secret of secrets) {
      for (const kid of ['rsa', 'oct', undefined]) {
        for (const alg of ['HS256', 'RS256', 'none']) {
          const token = tokenOf(server.issuer, { alg, kid }, signed =>
            createHmac('sha256', secret).update(signed).digest(),
          )
          assert.equal(await statusOf(token), 401, `${alg} ${kid}`)
        }
      }
    }
  })

  test('a key in the header of a token is not used, and nobody is asked for one', async t => {
    const { server, statusOf, authx } = await sceneOf(t, {}, one)
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const jwk = stranger.publicKey.export({ format: 'jwk' })
    const jku = `${server.issuer}/jku`
    for (const more of [{ jwk }, { jku }, { x5u: jku }, { jku, jwk, x5c: [jwk.x] }]) {
      for (const kid of ['one', 'other', undefined]) {
        const header = { alg: 'ES256', kid, ...more }
        assert.equal(await statusOf(tokenOf(server.issuer, header, ecdsa(stranger.privateKey))), 401)
      }
    }
    await authx.verifyToken(await server.token({}, { jwk, jku }))
    assert.deepEqual(server.asked, ['/jwks'])
  })

  test('a kid of another form is refused', async t => {
    const { server, statusOf } = await sceneOf(t, {}, one)
    for (const kid of [['one'], { one: 1 }, 1, null, true, '', 'one ', '__proto__', 'constructor', '../one']) {
      assert.equal(await statusOf(await server.token({}, { kid })), 401, JSON.stringify(kid))
    }
    assert.equal(await statusOf(await server.token()), 200)
  })

  test('a token with another payload, header or signature than was signed is refused', async t => {
    const { server, statusOf } = await sceneOf(t, {}, one)
    const token = await server.token()
    const other = await server.token({ sub: 'eve' }, { typ: 'JWT' })
    const [parts, others] = [token.split('.'), other.split('.')]
    assert.equal(await statusOf(token), 200)
    for (const place of [0, 1, 2]) {
      const mixed = parts.map((part, n) => (n === place ? others[n] : part)).join('.')
      assert.equal(await statusOf(mixed), 401)
    }
    assert.equal(await statusOf(token.slice(0, -4)), 401)
    assert.equal(await statusOf(`${token}AAAA`), 401)
  })

  for (const alg of ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']) {
    test(`${alg}: the issuer's tokens are accepted, and those of a stranger are not`, async t => {
      const [key, stranger] = [await issuerKey('key', alg), await issuerKey('key', alg)]
      const { server, statusOf } = await sceneOf(t, {}, key)
      assert.equal(await statusOf(await server.token()), 200)
      assert.equal(await statusOf(await server.token({}, {}, stranger)), 401)
    })
  }

  test('Ed25519 under its own name, as EdDSA or without alg', async t => {
    const { privateKey, publicKey } = await generateKeyPair('Ed25519', { extractable: true })
    const jwk = { ...(await exportJWK(publicKey)), kid: 'ed' }
    const { server, statusOf } = await sceneOf(t)
    server.answer = (_req, res) => json(res, { keys: [jwk] })
    for (const alg of ['Ed25519', 'EdDSA']) {
      assert.equal(await statusOf(await server.token({}, {}, { kid: 'ed', alg, privateKey, jwk })), 200)
    }
  })
})
