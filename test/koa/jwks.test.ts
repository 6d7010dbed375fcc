import assert from 'node:assert/strict'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import { describe, test } from 'node:test'
import Router from '@koa/router'
import { type Algorithm, AuthX, type AuthXOptions, type NamedKey } from '../../src/index.js'
import { appOf, makeAuthX, type Reply, serve, TEST_SECRET } from '../support/app.js'
import { makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const [rsa, otherRsa] = [makeRsaPair(), makeRsaPair()]
const ec = { ES256: makeEcPair('P-256'), ES384: makeEcPair('P-384'), ES512: makeEcPair('P-521') }
const pairs = [rsa, otherRsa, ...Object.values(ec)]
const TEST_OTHER_SECRET = `${TEST_SECRET}_other`

type Jwk = Record<string, string>
const keysOf = ({ text }: Reply) => (JSON.parse(text) as { keys: Jwk[] }).keys

/** Everything of a private or symmetric key that must not be seen. */
const SECRETS = [
  ...[TEST_SECRET, TEST_OTHER_SECRET].flatMap(secret => [secret, Buffer.from(secret).toString('base64url')]),
  ...pairs.flatMap(({ privateKey }) => {
    const { kty, n, e, crv, x, y, ...secret } = createPrivateKey(privateKey).export({ format: 'jwk' })
    return Object.values(secret).map(String)
  }),
]

const RSA_MEMBERS = ['kty', 'kid', 'use', 'alg', 'e', 'n']
const EC_MEMBERS = ['kty', 'kid', 'use', 'alg', 'crv', 'x', 'y']

/** Every kind of key that can be configured, and the `kty` and `alg` of what is served. */
const TABLE: readonly (readonly [what: string, options: AuthXOptions, served: readonly string[]])[] = [
  ['a secret', { secretKey: TEST_SECRET }, []],
  ['a secret and a previous one', { secretKey: TEST_SECRET, previousSecretKey: TEST_OTHER_SECRET }, []],
  ['named secrets', { keys: [{ kid: 'a', secretKey: TEST_SECRET }] }, []],
  ['a private RSA key', { algorithm: 'RS256', privateKey: rsa.privateKey }, ['RSA RS256']],
  ['an RSA pair', { algorithm: 'PS512', ...rsa }, ['RSA PS512']],
  ['a KeyObject', { algorithm: 'RS256', privateKey: createPrivateKey(rsa.privateKey) }, ['RSA RS256']],
  ['a public key', { algorithm: 'RS256', publicKey: rsa.publicKey }, ['RSA RS256']],
  ['a key that verifies several', { algorithm: 'RS256', decodeAlgorithms: ['RS256', 'PS256'], ...rsa }, ['RSA -']],
  ['a previous key', { algorithm: 'RS256', ...rsa, previousPublicKey: otherRsa.publicKey }, ['RSA RS256', 'RSA RS256']],
  ['one key twice', { algorithm: 'RS256', ...rsa, previousPublicKey: rsa.publicKey }, ['RSA RS256']],
  ...Object.entries(ec).map(
    ([algorithm, pair]) =>
      [`an EC pair for ${algorithm}`, { algorithm: algorithm as Algorithm, ...pair }, [`EC ${algorithm}`]] as const,
  ),
  [
    'a secret beside a pair',
    { algorithm: 'RS256', decodeAlgorithms: ['RS256', 'HS256'], ...rsa, secretKey: TEST_SECRET },
    ['RSA RS256'],
  ],
  [
    'named keys of every kind',
    {
      decodeAlgorithms: ['HS256', 'RS256', 'ES256', 'ES512'],
      keys: [
        { kid: 'a', secretKey: TEST_SECRET },
        { kid: 'b', privateKey: rsa.privateKey },
        { kid: 'c', ...ec.ES512 },
        { kid: 'd', publicKey: ec.ES256.publicKey },
      ],
    },
    ['RSA RS256', 'EC ES512', 'EC ES256'],
  ],
  ['getKey alone', { algorithm: 'RS256', getKey: () => rsa.publicKey }, []],
]

describe('jwks', () => {
  for (const [what, options, served] of TABLE) {
    test(`with ${what}: serves public members and nothing else`, async t => {
      const reply = await (await serve(t, appOf(new AuthX(options).jwks())))()
      const keys = keysOf(reply)
      assert.deepEqual(
        keys.map(({ kty, alg = '-' }) => `${kty} ${alg}`),
        served,
      )
      assert.deepEqual(Object.keys(JSON.parse(reply.text)), ['keys'])
      for (const jwk of keys) {
        const members = (jwk.kty === 'RSA' ? RSA_MEMBERS : EC_MEMBERS).filter(name => name !== 'alg' || jwk.alg)
        assert.deepEqual(Object.keys(jwk).sort(), [...members].sort())
        assert.equal(jwk.use, 'sig')
        const publicPem = createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
        assert.ok(pairs.some(({ publicKey }) => publicKey === publicPem))
      }
      for (const secret of SECRETS) assert.ok(!reply.text.includes(secret), 'nothing secret')
    })
  }

  test('names keys as they are configured, and those without a kid by their thumbprint', async t => {
    const kidsOf = async (options: AuthXOptions) =>
      keysOf(await (await serve(t, appOf(new AuthX(options).jwks())))()).map(({ kid }) => kid)
    const keys: NamedKey[] = [
      { kid: '2026', ...rsa },
      { kid: '__proto__', publicKey: otherRsa.publicKey },
    ]
    assert.deepEqual(await kidsOf({ algorithm: 'RS256', keys }), ['2026', '__proto__'])
    const [first = '', second = ''] = await kidsOf({
      algorithm: 'RS256',
      ...rsa,
      previousPublicKey: otherRsa.publicKey,
    })
    assert.match(`${first} ${second}`, /^[\w-]{43} [\w-]{43}$/)
    assert.notEqual(first, second)
  })

  test('may be cached for five minutes, and answers 304 to who has it', async t => {
    const authx = new AuthX({ algorithm: 'RS256', ...rsa })
    const client = await serve(t, appOf(authx.jwks()))
    const { status, headers } = await client()
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'application/jwk-set+json')
    assert.equal(headers['cache-control'], 'public, max-age=300')

    const etag = ['If-None-Match', String(headers.etag)] as const
    const again = await client({ headers: [etag] })
    assert.deepEqual([again.status, again.text, again.headers.etag], [304, '', headers.etag])
    assert.equal(again.headers['cache-control'], 'public, max-age=300')
    assert.equal((await client({ headers: [['If-None-Match', '"another"']] })).status, 200)
    assert.equal((await client({ method: 'HEAD' })).headers['content-type'], 'application/jwk-set+json')

    authx.setKeys({ ...otherRsa })
    const changed = await client({ headers: [etag] })
    assert.equal(changed.status, 200)
    assert.notEqual(changed.headers.etag, headers.etag)
  })

  test('follows setKeys at once, and not a setKeys that failed', async t => {
    const authx = new AuthX({ algorithm: 'RS256', keys: [{ kid: 'old', ...rsa }] })
    const client = await serve(t, appOf(authx.jwks()))
    const kids = async () => keysOf(await client()).map(({ kid }) => kid)
    assert.deepEqual(await kids(), ['old'])
    authx.setKeys({
      keys: [
        { kid: 'new', ...otherRsa },
        { kid: 'old', publicKey: rsa.publicKey },
      ],
    })
    assert.deepEqual(await kids(), ['new', 'old'])
    assert.throws(() => authx.setKeys({}))
    assert.deepEqual(await kids(), ['new', 'old'])
    authx.setKeys({ algorithm: 'HS256', secretKey: TEST_SECRET })
    assert.deepEqual(await kids(), [])
  })

  test('is all that another service needs to verify', async t => {
    const issuer = new AuthX({
      algorithm: 'ES256',
      decodeAlgorithms: ['ES256', 'RS256'],
      keys: [
        { kid: 'ec', ...ec.ES256 },
        { kid: 'rsa', publicKey: rsa.publicKey },
      ],
    })
    const router = new Router().get('/.well-known/jwks.json', issuer.jwks())
    const served = await (await serve(t, appOf().use(router.routes())))({ path: '/.well-known/jwks.json' })
    const keys = keysOf(served).map(jwk => ({
      kid: String(jwk.kid),
      publicKey: createPublicKey({ key: jwk, format: 'jwk' }),
    }))
    const verifier = new AuthX({ algorithm: 'ES256', decodeAlgorithms: ['ES256', 'RS256'], keys })
    assert.equal((await verifier.verifyToken(issuer.createAccessToken('test'))).sub, 'test')
    const former = new AuthX({ algorithm: 'RS256', keys: [{ kid: 'rsa', ...rsa }] })
    assert.equal((await verifier.verifyToken(former.createAccessToken('test'))).sub, 'test')
    const forged = new AuthX({ algorithm: 'ES256', keys: [{ kid: 'ec', ...makeEcPair() }] }).createAccessToken('test')
    assert.equal(await verdictOf(() => verifier.verifyToken(forged)), 'TokenInvalidSignatureError')
    assert.equal(await verdictOf(() => verifier.createAccessToken('test')), 'BadConfigurationError')
  })

  test('has a name that a stack trace shows', () => {
    assert.equal(makeAuthX().jwks().name, 'jwks')
  })
})
