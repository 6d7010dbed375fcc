import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AuthXOptions } from '../../src/index.js'
import { makeToken } from '../../src/testing/index.js'
import { makeAuthX, TEST_NOW } from '../support/app.js'
import { forge, forgeWith, GOOD_CLAIMS, verdictOf } from '../support/signing.js'

const NOW = TEST_NOW / 1000

const verdictOn = (token: string, options: AuthXOptions = {}) =>
  verdictOf(() => makeAuthX({ now: () => TEST_NOW, ...options }).verifyToken(token))

const NO_TIME = ['1', '', null, true, [], {}, -1, 253_402_300_800, Number.MAX_VALUE]
const NO_TEXT = ['', 5, 0, null, true, [], ['test'], {}]

/** What each claim cannot be. */
const WRONG: Record<string, readonly unknown[]> = {
  sub: [undefined, ...NO_TEXT],
  jti: [undefined, ...NO_TEXT],
  type: [undefined, '', 'Access', 'id', 'ACCESS', ['access'], null, true, 5],
  iat: [undefined, ...NO_TIME],
  exp: [undefined, ...NO_TIME],
  nbf: NO_TIME,
  scopes: ['admin', null, 5, {}, [5], ['a', null], [['a']], { length: 0 }],
  sid: NO_TEXT,
  gen: ['0', -1, 0.5, null, true, [], 2 ** 53],
}

describe('a claim of a wrong type makes a token invalid', () => {
  for (const [name, values] of Object.entries(WRONG)) {
    for (const value of values) {
      test(`${name}: ${JSON.stringify(value)}`, async () =>
        assert.equal(await verdictOn(forgeWith({ [name]: value })), 'JWTDecodeError'))
    }
  }

  test('times that JSON can write and a number cannot hold', async () => {
    for (const exp of ['1e400', '-1e400', '-0.001']) {
      const json = JSON.stringify(GOOD_CLAIMS).replace(/"exp":\d+/, `"exp":${exp}`)
      assert.equal(await verdictOn(forge(json)), 'JWTDecodeError')
    }
  })

  test('a payload that is no object', async () => {
    const good = JSON.stringify(GOOD_CLAIMS)
    // A text that holds JSON is a text: who has others' texts signed must not have claims signed.
    for (const payload of ['null', '[]', '"test"', '5', '{', 'not JSON', '\0', `[${good}]`, JSON.stringify(good)]) {
      assert.equal(await verdictOn(forge(payload)), 'JWTDecodeError')
      assert.equal(await verdictOn(forge(payload, { alg: 'HS256' })), 'JWTDecodeError')
    }
  })

  test('claims are the token’s own members, not those of a prototype', async () => {
    const { sub, ...others } = GOOD_CLAIMS
    const json = JSON.stringify(others).replace('{', `{"__proto__":{"sub":"${sub}"},`)
    assert.equal(await verdictOn(forge(json)), 'JWTDecodeError')
    assert.equal(await verdictOn(forge(others), { identityClaim: 'constructor' }), 'JWTDecodeError')
  })

  test('the subject is read from the identity claim, and from there only', async () => {
    const authx = makeAuthX({ now: () => TEST_NOW, identityClaim: 'user' })
    assert.equal((await authx.verifyToken(forgeWith({ user: 'alice' }))).sub, 'alice')
    assert.equal(await verdictOf(() => authx.verifyToken(forgeWith({}))), 'JWTDecodeError')
    assert.equal(await verdictOf(() => authx.verifyToken(forgeWith({ user: 5 }))), 'JWTDecodeError')
  })
})

describe('what a claim may be', () => {
  const FINE: Record<string, readonly unknown[]> = {
    sub: [' ', '\u0000', '☃', 'a'.repeat(4000), '__proto__'],
    jti: ['a', 'not/a uuid'],
    exp: [NOW + 0.5, NOW + 1, 253_402_300_799],
    iat: [0, NOW - 1e9, NOW - 0.5],
    nbf: [undefined, 0],
    scopes: [undefined, [], ['a', 'a'], ['not a scope']],
    sid: [undefined, 'a', '__proto__'],
    gen: [undefined, 0, Number.MAX_SAFE_INTEGER],
    iss: ['anybody'],
    role: [null, 5, { a: [1] }],
  }
  for (const [name, values] of Object.entries(FINE)) {
    test(name, async () => {
      for (const value of values)
        assert.equal(await verdictOn(forgeWith({ [name]: value })), 'good', JSON.stringify(value))
    })
  }

  test('a payload nested as deep as a token allows does not bring the process down', async () => {
    const json = JSON.stringify(GOOD_CLAIMS).replace('}', `,"deep":${'['.repeat(2900)}${']'.repeat(2900)}}`)
    assert.equal(await verdictOn(forge(json)), 'good')
  })
})

describe('times are judged to the second', () => {
  const TABLE: readonly [
    times: Partial<Record<'iat' | 'nbf' | 'exp', number>>,
    decodeLeeway: number,
    verdict: string,
  ][] = [
    [{ exp: NOW + 1 }, 0, 'good'],
    [{ exp: NOW }, 0, 'TokenExpiredError'],
    [{ exp: NOW - 1 }, 0, 'TokenExpiredError'],
    [{ exp: NOW - 29 }, 30, 'good'],
    [{ exp: NOW - 30 }, 30, 'TokenExpiredError'],
    [{ exp: NOW - 299 }, 300, 'good'],
    [{ exp: NOW - 300 }, 300, 'TokenExpiredError'],
    [{ iat: NOW + 60 }, 0, 'good'],
    [{ iat: NOW + 61 }, 0, 'JWTDecodeError'],
    [{ iat: NOW + 60 }, 30, 'good'],
    [{ iat: NOW + 61 }, 30, 'JWTDecodeError'],
    [{ iat: NOW + 120 }, 120, 'good'],
    [{ iat: NOW + 121 }, 120, 'JWTDecodeError'],
    [{ nbf: NOW }, 0, 'good'],
    [{ nbf: NOW + 1 }, 0, 'JWTDecodeError'],
    [{ nbf: NOW + 1 }, 1, 'good'],
    [{ nbf: NOW + 31 }, 30, 'JWTDecodeError'],
    [{ iat: NOW + 60, nbf: NOW + 60 }, 0, 'good'],
    [{ iat: NOW + 60, nbf: NOW + 59 }, 0, 'good'],
    [{ iat: NOW + 59, nbf: NOW + 60 }, 0, 'JWTDecodeError'],
    [{ iat: NOW - 10, nbf: NOW - 10 }, 0, 'good'],
  ]
  for (const [times, decodeLeeway, verdict] of TABLE) {
    const offsets = Object.entries(times).map(([name, time]) => `${name} ${time - NOW}`)
    test(`${offsets.join(', ')} with a leeway of ${decodeLeeway}: ${verdict}`, async () =>
      assert.equal(await verdictOn(forgeWith(times), { decodeLeeway }), verdict))
  }

  test('a token is good from its second to the last, whatever the milliseconds', async () => {
    const token = forgeWith({ exp: NOW + 1 })
    assert.equal(await verdictOn(token, { now: () => TEST_NOW + 999 }), 'good')
    assert.equal(await verdictOn(token, { now: () => TEST_NOW + 1000 }), 'TokenExpiredError')
  })

  test('an expired token that is not ours, or is malformed, is that first', async () => {
    const expired = { ...GOOD_CLAIMS, exp: NOW - 1 }
    assert.equal(
      await verdictOn(forge(expired, undefined, 'TEST_ONLY_no_secret_of_ours')),
      'TokenInvalidSignatureError',
    )
    assert.equal(await verdictOn(forge({ ...expired, type: 'id' })), 'JWTDecodeError')
    assert.equal(await verdictOn(forge({ ...expired, aud: 'web' })), 'TokenExpiredError')
  })
})

describe('issuer and audience', () => {
  const expecting = { decodeIssuer: 'https://here.example', decodeAudience: ['web', 'api'] }
  const TABLE: readonly [claims: Record<string, unknown>, verdict: string][] = [
    [{ iss: 'https://here.example', aud: 'web' }, 'good'],
    [{ iss: 'https://here.example', aud: 'api' }, 'good'],
    [{ iss: 'https://here.example', aud: ['other', 'web'] }, 'good'],
    [{ aud: 'web' }, 'TokenInvalidIssuerError'],
    [{ iss: 'https://here.example/', aud: 'web' }, 'TokenInvalidIssuerError'],
    [{ iss: 'HTTPS://HERE.EXAMPLE', aud: 'web' }, 'TokenInvalidIssuerError'],
    [{ iss: ['https://here.example'], aud: 'web' }, 'TokenInvalidIssuerError'],
    [{ iss: null, aud: 'other' }, 'TokenInvalidIssuerError'],
    [{ iss: 'https://here.example' }, 'TokenInvalidAudienceError'],
    [{ iss: 'https://here.example', aud: 'we' }, 'TokenInvalidAudienceError'],
    [{ iss: 'https://here.example', aud: 'webb' }, 'TokenInvalidAudienceError'],
    [{ iss: 'https://here.example', aud: 'web,api' }, 'TokenInvalidAudienceError'],
    [{ iss: 'https://here.example', aud: [] }, 'TokenInvalidAudienceError'],
    [{ iss: 'https://here.example', aud: [['web']] }, 'TokenInvalidAudienceError'],
    [{ iss: 'https://here.example', aud: { web: true } }, 'TokenInvalidAudienceError'],
    [{ iss: 'https://here.example', aud: null }, 'TokenInvalidAudienceError'],
  ]
  for (const [claims, verdict] of TABLE) {
    test(`${JSON.stringify(claims)}: ${verdict}`, async () =>
      assert.equal(await verdictOn(forgeWith(claims), expecting), verdict))
  }

  test('a token for an audience is refused where none is expected', async () => {
    for (const aud of ['web', ['web'], [], '', null, 5]) {
      assert.equal(await verdictOn(forgeWith({ aud })), 'TokenInvalidAudienceError')
    }
  })

  test('what is written is expected, unless something else is said', async () => {
    const authx = makeAuthX({ encodeIssuer: 'here', encodeAudience: ['web', 'api'], now: () => TEST_NOW })
    assert.equal(await verdictOf(() => authx.verifyToken(authx.createAccessToken('test'))), 'good')
    assert.equal(await verdictOf(() => authx.verifyToken(forgeWith({ aud: 'web' }))), 'TokenInvalidIssuerError')
    assert.equal(await verdictOf(() => authx.verifyToken(forgeWith({ iss: 'here' }))), 'TokenInvalidAudienceError')
    assert.equal(await verdictOf(() => authx.verifyToken(forgeWith({ iss: 'here', aud: 'api' }))), 'good')
  })
})

describe('a claim of a type that it cannot have is refused, whatever else it says', () => {
  const WRONG: readonly [claims: object, options?: AuthXOptions][] = [
    [{ aud: ['me', 123] }, { decodeAudience: 'me' }],
    [{ aud: ['me', null] }, { decodeAudience: 'me' }],
    [{ aud: ['me', ['me']] }, { decodeAudience: ['me', 'you'] }],
    [{ iss: 5 }],
    [{ iss: null }],
    [{ iss: ['here'] }],
    [{ csrf: 5 }],
    [{ csrf: null }],
    [{ csrf: ['a'] }],
    [{ csrf: '\ud800' }],
    [{ csrf: 'a\udc00b' }],
    [{ sub: 'a\ud800' }],
    [{ jti: '\udfff' }],
    [{ sid: '\ud800' }],
    [{ fresh: 'true' }],
    [{ fresh: 1 }],
    [{ fresh: null }],
  ]
  for (const [claims, options] of WRONG) {
    test(JSON.stringify(claims), async () => {
      const authx = makeAuthX(options)
      const token = makeToken(authx, { ...(options && { aud: 'me' }), ...claims })
      await assert.rejects(authx.verifyToken(token), { name: 'JWTDecodeError' })
    })
  }
})
