import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { problemsOf } from '../config/problems.js'
import { appOf, makeAuthX, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { contentOf, forge, forgeWith, GOOD_CLAIMS, makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const now = () => TEST_NOW
const rsa = makeRsaPair()
const TEST_OTHER_SECRET = `${TEST_SECRET}_other`
const verdictOn = (authx: AuthX, token: unknown) => verdictOf(() => authx.verifyToken(token as string))

/** An instance whose hook counts how often it is asked, and returns the secret of the tests. */
function counting(options: AuthXOptions = {}) {
  const counted = { asked: 0 }
  const getKey = () => {
    counted.asked++
    return TEST_SECRET
  }
  return { authx: new AuthX({ getKey, now, ...options }), counted }
}

describe('with getKey', () => {
  test('what cannot be a token is refused without asking', async () => {
    const { authx, counted } = counting()
    const [header = '', payload = '', signature = ''] = forge(GOOD_CLAIMS).split('.')
    const encode = (text: string) => Buffer.from(text).toString('base64url')
    const malformed: unknown[] = [
      ...[undefined, null, 5, {}, '', 'a', 'a.b', 'a.b.c', `${header}.${payload}.`, `${header}..${signature}`],
      ...['null', '[]', '"a"', '5', '{', '\0'].map(text => `${header}.${encode(text)}.${signature}`),
      ...['null', '[]', '{', '{"alg":"HS256"'].map(text => `${encode(text)}.${payload}.${signature}`),
      ...['none', 'HS512', 'RS256', null, ['HS256']].map(alg => forge(GOOD_CLAIMS, { alg })),
      ...[{ crit: ['exp'] }, { b64: true }].map(more => forge(GOOD_CLAIMS, { alg: 'HS256', ...more })),
      forgeWith({ padding: 'x'.repeat(8192) }),
    ]
    for (const each of malformed) assert.equal(await verdictOn(authx, each), 'JWTDecodeError', String(each))
    assert.equal(counted.asked, 0)
    assert.equal(await verdictOn(authx, forge(GOOD_CLAIMS)), 'good')
    assert.equal(counted.asked, 1)
  })

  test('a payload of any depth ends in a verdict', async () => {
    const { authx } = counting()
    for (const [open, close] of [
      ['[', ']'],
      ['{"a":', '}'],
    ] as const) {
      const depth = Math.floor(5800 / (open.length + close.length))
      const deep = `{"a":${open.repeat(depth)}1${close.repeat(depth)}}`
      assert.equal(await verdictOn(authx, forge(deep)), 'JWTDecodeError')
      assert.equal(await verdictOn(authx, forge(deep, undefined, TEST_OTHER_SECRET)), 'TokenInvalidSignatureError')
    }
  })

  test('the reasons come in the order that they have without it', async () => {
    const { authx } = counting({ decodeIssuer: 'here' })
    const past = { iat: 0, exp: 1 }
    const forged = forge({ ...GOOD_CLAIMS, ...past }, undefined, TEST_OTHER_SECRET)
    const REASONS = [
      [forged, 'TokenInvalidSignatureError'],
      [forgeWith({ ...past, jti: '' }), 'JWTDecodeError'],
      [forgeWith({ ...past, type: 'refresh' }), 'TokenExpiredError'],
      [forgeWith({ type: 'refresh' }), 'TokenInvalidIssuerError'],
      [forgeWith({ type: 'refresh', iss: 'here' }), 'AccessTokenRequiredError'],
    ]
    for (const [token, reason] of REASONS) assert.equal(await verdictOn(authx, token), reason)
  })

  test('undefined, and null from a database, mean that there is no key', async () => {
    for (const nothing of [undefined, null]) {
      const getKey = async () => nothing as undefined
      const authx = new AuthX({ getKey, now, secretKey: TEST_SECRET })
      assert.equal(await verdictOn(authx, forge(GOOD_CLAIMS)), 'TokenInvalidSignatureError')
    }
  })

  test('the kid of a token is the hook’s to read', async () => {
    const keys = new Map<unknown, string>([
      ['one', TEST_SECRET],
      ['two', TEST_OTHER_SECRET],
    ])
    const authx = new AuthX({ getKey: ({ kid }) => keys.get(kid), now, keys: [{ kid: 'one', secretKey: TEST_SECRET }] })
    const signed = (kid: string, secret: string) => forge(GOOD_CLAIMS, { alg: 'HS256', kid }, secret)
    assert.equal(await verdictOn(authx, signed('two', TEST_OTHER_SECRET)), 'good')
    assert.equal(await verdictOn(authx, signed('two', TEST_SECRET)), 'TokenInvalidSignatureError')
    assert.equal(contentOf(authx.createAccessToken('test')).header.kid, 'one')
  })

  test('revoke asks it for a token, expired or not, and not for a payload', async () => {
    const { authx, counted } = counting({ store: new MemoryTokenStore() })
    const token = forge(GOOD_CLAIMS)
    const payload = await authx.verifyToken(token)
    await authx.revoke(token)
    assert.equal(counted.asked, 2)
    assert.equal(await authx.isRevoked(payload), true)
    await authx.revoke(payload)
    assert.equal(counted.asked, 2)
    await authx.revoke(forgeWith({ exp: GOOD_CLAIMS.iat - 10 }))
    await assert.rejects(authx.revoke(forge(GOOD_CLAIMS, undefined, TEST_OTHER_SECRET)), {
      name: 'TokenInvalidSignatureError',
    })
  })

  test('cookies and CSRF values of this instance’s own tokens are had without asking', async t => {
    const { authx, counted } = counting({ secretKey: TEST_OTHER_SECRET, tokenLocation: ['cookies'] })
    const { access_token, refresh_token } = await authx.createTokenPair('test')
    assert.equal(authx.getCsrfToken(access_token), authx.getCsrfToken(refresh_token))
    const client = await serve(
      t,
      appOf(ctx => {
        authx.setAccessCookies(ctx, access_token)
        authx.setRefreshCookies(ctx, refresh_token)
        ctx.status = 204
      }),
    )
    assert.equal((await client()).cookies.length, 4)
    assert.equal(counted.asked, 0)
    assert.throws(() => authx.getCsrfToken(forge(GOOD_CLAIMS)), { name: 'TokenInvalidSignatureError' })
  })

  test('setKeys changes what signs, and leaves verification to the hook', async () => {
    const { authx } = counting({ secretKey: TEST_SECRET })
    authx.setKeys({ secretKey: TEST_OTHER_SECRET })
    assert.equal(await verdictOn(authx, authx.createAccessToken('test')), 'TokenInvalidSignatureError')
    assert.equal(await verdictOn(authx, forge(GOOD_CLAIMS)), 'good')
    authx.setKeys({})
    assert.equal(await verdictOn(authx, forge(GOOD_CLAIMS)), 'good')
    assert.equal(await verdictOf(() => authx.createAccessToken('test')), 'BadConfigurationError')
  })
})

describe('an instance with getKey and no keys', () => {
  test('only verifies', async () => {
    const { authx } = counting()
    assert.equal(await verdictOn(authx, forge(GOOD_CLAIMS)), 'good')
    for (const issue of [() => authx.createAccessToken('test'), () => authx.createTokenPair('test')]) {
      assert.equal(await verdictOf(issue), 'BadConfigurationError')
    }
    assert.throws(() => authx.getCsrfToken(forge(GOOD_CLAIMS)), { name: 'TokenInvalidSignatureError' })
  })

  test('accepts the algorithms that are listed, be there a key of their family or not', async () => {
    const ec = makeEcPair()
    const decodeAlgorithms = ['RS256', 'ES256'] as const
    const getKey = ({ alg }: { alg: string }) => (alg === 'ES256' ? ec.publicKey : rsa.publicKey)
    const authx = new AuthX({ decodeAlgorithms, getKey, now })
    const tokens = [new AuthX({ algorithm: 'RS256', ...rsa, now }), new AuthX({ algorithm: 'ES256', ...ec, now })]
    for (const each of tokens) assert.equal(await verdictOn(authx, each.createAccessToken('test')), 'good')
    assert.equal(await verdictOn(authx, makeAuthX({ now }).createAccessToken('test')), 'JWTDecodeError')
  })

  test('is as strict as any other with keys that are given all the same', () => {
    const getKey = () => undefined
    assert.deepEqual(problemsOf({ getKey }), [])
    assert.deepEqual(problemsOf({ getKey, algorithm: 'ES512' }), [])
    assert.deepEqual(problemsOf({ getKey, secretKey: TEST_SECRET, decodeAlgorithms: ['HS256', 'RS256'] }), [])
    assert.equal(problemsOf({ getKey, secretKey: 'TEST_ONLY_short' }).length, 1)
    assert.equal(problemsOf({ getKey, previousSecretKey: 'TEST_ONLY_short' }).length, 1)
    assert.equal(problemsOf({ getKey, algorithm: 'RS256', secretKey: TEST_SECRET }).length, 1)
    assert.equal(problemsOf({ getKey, secretKey: TEST_SECRET, decodeAlgorithms: ['HS512'] }).length, 1)
  })
})
