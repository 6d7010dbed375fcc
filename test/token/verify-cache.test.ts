import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { type AuthX, type AuthXOptions, TokenExpiredError } from '../../src/index.js'
import type { TokenPayload } from '../../src/token/payload.js'
import { VerifyCache } from '../../src/token/verify-cache.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { makeAuthX, TEST_NOW } from '../support/app.js'
import { forge, GOOD_CLAIMS, makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const OTHER_SECRET = 'TEST_ONLY_another_secret_of_the_test_suite_of_more_than_64_bytes_01234'

/** Whether the signature of a good token is remembered from its second time on: then its payload is the very same object. */
async function remembers(authx: AuthX, token: string): Promise<boolean> {
  await authx.verifyToken(token)
  const second = await authx.verifyToken(token)
  return (await authx.verifyToken(token)) === second
}

describe('a signature that is remembered', () => {
  const clock = { now: TEST_NOW }
  const instance = (options: AuthXOptions = {}) => {
    clock.now = TEST_NOW
    return makeAuthX({ now: () => clock.now, ...options })
  }

  test('spares no token its exp, to the second', async () => {
    const authx = instance({ decodeLeeway: 5 })
    const token = authx.createAccessToken('test', { expiry: 60 })
    assert.ok(await remembers(authx, token))
    clock.now += 64_999
    assert.ok(await remembers(authx, token))
    clock.now += 1
    await assert.rejects(authx.verifyToken(token), TokenExpiredError)
    clock.now -= 1
    assert.ok(await remembers(authx, token), 'a clock that steps back is a clock')
  })

  test('spares no token its nbf', async () => {
    const authx = instance()
    const token = authx.createAccessToken('test', { notBefore: 30, expiry: 90 })
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'JWTDecodeError')
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'JWTDecodeError')
    clock.now += 30_000
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'good')
  })

  test('spares no token the question whether it has been revoked', async t => {
    const store = new MemoryTokenStore()
    t.after(() => store.close())
    const authx = instance({ store })
    const { access_token: token } = await authx.createTokenPair('test')
    assert.ok(await remembers(authx, token))
    await authx.revoke(token)
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'RevokedTokenError')
  })

  test('is forgotten when the keys change, and learnt anew under the new ones', async () => {
    const authx = instance()
    const token = authx.createAccessToken('test')
    assert.ok(await remembers(authx, token))
    authx.setKeys({ secretKey: OTHER_SECRET })
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'TokenInvalidSignatureError')
    assert.ok(await remembers(authx, authx.createAccessToken('test')))
  })

  test('of another spelling of a token is another one: each is checked, and a changed one refused', async () => {
    for (const pair of [makeRsaPair(), makeEcPair()]) {
      const authx = instance({ algorithm: pair.publicKey.length > 300 ? 'RS256' : 'ES256', ...pair })
      const token = authx.createAccessToken('test')
      assert.ok(await remembers(authx, token))
      const known = await authx.verifyToken(token)
      const last = token.slice(-1)
      const spellings = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'].filter(c => c !== last)
      const verdicts = await Promise.all(
        spellings.map(c =>
          verdictOf(async () => assert.notEqual(await authx.verifyToken(token.slice(0, -1) + c), known)),
        ),
      )
      assert.equal(verdicts.filter(verdict => verdict === 'good').length, 15)
      assert.equal(verdicts.filter(verdict => verdict === 'TokenInvalidSignatureError').length, 48)
      for (const part of token.split('.')) {
        const changed = token.replace(part, part.slice(0, 5) + (part[5] === 'A' ? 'B' : 'A') + part.slice(6))
        assert.notEqual(await verdictOf(() => authx.verifyToken(changed)), 'good')
      }
    }
  })

  test('is never one of a token that was refused', async () => {
    const authx = instance()
    const refused = [
      forge(GOOD_CLAIMS, undefined, OTHER_SECRET),
      forge({ ...GOOD_CLAIMS, jti: undefined }),
      forge(GOOD_CLAIMS, { alg: 'none' }),
    ]
    for (const token of refused) {
      const verdict = await verdictOf(() => authx.verifyToken(token))
      assert.notEqual(verdict, 'good')
      assert.equal(await verdictOf(() => authx.verifyToken(token)), verdict)
      assert.equal(await verdictOf(() => authx.setAccessCookies({} as never, token)), verdict)
    }
  })

  test('of a token of another type, audience or issuer lets it pass nowhere', async () => {
    const issuing = instance({ encodeAudience: 'web', encodeIssuer: 'us' })
    const token = issuing.createRefreshToken('test')
    await issuing.verifyToken(token, { type: 'refresh' })
    assert.equal(await verdictOf(() => issuing.verifyToken(token)), 'AccessTokenRequiredError')
    const judging = instance({ decodeAudience: 'api' })
    for (let n = 0; n < 2; n++) {
      assert.equal(await verdictOf(() => judging.verifyToken(token, { type: 'refresh' })), 'TokenInvalidAudienceError')
    }
  })

  test('is not used where getKey decides: it is asked every time', async () => {
    let secret: string | undefined
    const authx = instance({ getKey: () => secret })
    const token = authx.createAccessToken('test')
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'TokenInvalidSignatureError')
    secret = 'TEST_ONLY_secret_of_the_test_suite_of_more_than_64_bytes_0123456789'
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'good')
    secret = undefined
    assert.equal(await verdictOf(() => authx.verifyToken(token)), 'TokenInvalidSignatureError')
  })

  test('is none of a refresh token, which does not come again', async () => {
    const authx = instance()
    const token = authx.createRefreshToken('test')
    await authx.verifyToken(token, { type: 'refresh' })
    const second = await authx.verifyToken(token, { type: 'refresh' })
    assert.notEqual(await authx.verifyToken(token, { type: 'refresh' }), second)
  })

  test('comes with a payload that nobody can change for the next request', async () => {
    const authx = instance()
    const token = authx.createAccessToken('test', { data: { roles: ['a'] } })
    const payload = (await authx.verifyToken(token)) as unknown as { sub: string; roles: string[] }
    assert.throws(() => {
      payload.sub = 'root'
    }, TypeError)
    assert.throws(() => payload.roles.push('admin'), TypeError)
  })
})

describe('the cache', () => {
  const tokens = Array.from(
    { length: 1000 },
    (_, n) => `e30.e30.${createHash('sha256').update(`${n}`).digest('base64url')}`,
  )
  const payload = (n: number) => ({ jti: `${n}` }) as TokenPayload
  const addTwice = (cache: VerifyCache, token: string, n: number) => {
    cache.add(token, payload(n))
    cache.add(token, payload(n))
  }
  const known = (cache: VerifyCache, upTo: number) =>
    Array.from({ length: upTo }, (_, n) => n).filter(n => cache.get(tokens[n] as string) !== undefined)

  test('keeps no more than its size, and the last ones', () => {
    for (const size of [0, 2, 10, 100]) {
      const cache = new VerifyCache(size)
      for (let n = 0; n < 1000; n++) addTwice(cache, tokens[n] as string, n)
      const left = known(cache, 1000)
      assert.ok(left.length <= size, `${left.length} of ${size}`)
      assert.ok(left.length >= size / 2)
      assert.ok(left.every(n => n >= 1000 - size))
    }
  })

  test('keeps nothing that has come once, and so loses nothing to it', () => {
    const cache = new VerifyCache(10)
    for (let n = 0; n < 5; n++) addTwice(cache, tokens[n] as string, n)
    for (let n = 5; n < 1000; n++) cache.add(tokens[n] as string, payload(n))
    assert.deepEqual(known(cache, 1000), [0, 1, 2, 3, 4])
  })

  test('comes to keep what comes again in turn, however many there are within its size', () => {
    for (const size of [1000, 3000]) {
      const cache = new VerifyCache(size)
      const inTurn = tokens.slice(0, size / 4)
      for (let round = 0; round < 20; round++) {
        for (const [n, token] of inTurn.entries()) if (!cache.get(token)) cache.add(token, payload(n))
      }
      const kept = inTurn.filter(token => cache.get(token))
      assert.ok(kept.length > inTurn.length * 0.8, `${kept.length} of ${inTurn.length}`)
    }
  })

  test('keeps what is asked for again and again, however many others come', () => {
    const cache = new VerifyCache(10)
    addTwice(cache, 'in use', 0)
    for (let n = 0; n < 1000; n++) {
      addTwice(cache, tokens[n] as string, n)
      assert.equal(cache.get('in use')?.jti, '0')
    }
  })
})
