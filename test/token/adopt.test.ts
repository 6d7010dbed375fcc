import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import jsonwebtoken from 'jsonwebtoken'
import {
  type AdoptClaims,
  AuthX,
  type AuthXOptions,
  CallbackUnavailableError,
  JWTDecodeError,
} from '../../src/index.js'
import { remoteIssuer } from '../../src/remote-issuer/index.js'
import { makeAuthX, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { issuerServer } from '../support/issuer-server.js'
import { forge, GOOD_CLAIMS, makeEcPair } from '../support/signing.js'

const NOW = TEST_NOW / 1000
const TEST_TENANT_SECRET = 'TEST_ONLY_secret_of_a_tenant_of_more_than_64_bytes_0123456789_abcdef'

type Claims = Record<string, unknown>

/** Claims that a program of koa-jwt signs: no `type`, no `jti`. */
const OLD = { sub: 'ada', iat: NOW - 60, exp: NOW + 900 }

const instance = (adoptClaims: AdoptClaims, options: AuthXOptions = {}) =>
  makeAuthX({ now: () => TEST_NOW, adoptClaims, ...options })

const verified = async (claims: Claims, adopt: AdoptClaims, options: AuthXOptions = {}) =>
  (await instance(adopt, options).verifyToken(forge(claims), { verifyType: false })) as Claims

/** The error of a token, or `undefined` if it is valid. */
const errorOf = (token: string, adopt: AdoptClaims, options: AuthXOptions = {}) =>
  instance(adopt, options)
    .verifyToken(token, { verifyType: false })
    .then(
      () => undefined,
      error => error,
    )

const asAccess: AdoptClaims = claims => ({ ...claims, type: 'access' })

describe('a token of jsonwebtoken', () => {
  test('is refused without adoptClaims, and valid with the type that adoptClaims adds', async () => {
    const token = jsonwebtoken.sign({ sub: 'ada', role: 'admin' }, TEST_SECRET, { expiresIn: '15m' })
    await assert.rejects(makeAuthX().verifyToken(token), JWTDecodeError)
    const authx = makeAuthX({ adoptClaims: asAccess })
    const { sub, role, type, jti } = await authx.verifyToken(token)
    assert.deepEqual([sub, role, type], ['ada', 'admin', 'access'])
    assert.match(jti, /^[\w-]{43}$/)
    assert.equal((await authx.verifyToken(token)).jti, jti)
  })

  test('gets another jti than every other token, and one jti in every process', async () => {
    const tokens = [OLD, { ...OLD, exp: NOW + 901 }, { ...OLD, sub: 'eve' }].map(claims => forge(claims))
    const idsIn = async (authx: AuthX) => Promise.all(tokens.map(async token => (await authx.verifyToken(token)).jti))
    const ids = await idsIn(instance(asAccess))
    assert.equal(new Set(ids).size, 3)
    assert.deepEqual(await idsIn(instance(asAccess)), ids)
  })

  test('has one jti, whichever of its signatures is sent', async () => {
    const pair = makeEcPair()
    const authx = new AuthX({ ...pair, algorithm: 'ES256', adoptClaims: asAccess, now: () => TEST_NOW })
    // Each signature with ECDSA is another one.
    const sign = () => jsonwebtoken.sign(OLD, pair.privateKey, { algorithm: 'ES256' })
    const [one, other] = [sign(), sign()]
    assert.notEqual(one, other)
    assert.equal((await authx.verifyToken(one)).jti, (await authx.verifyToken(other)).jti)
  })
})

describe('adoptClaims', () => {
  test('gets a copy of the claims, which it may change, and the frozen header', async () => {
    const header = { alg: 'HS256', kid: 'old', typ: 'JWT' }
    const seen: unknown[] = []
    const authx = instance((claims, given) => {
      seen.push({ ...claims }, given)
      assert.throws(() => Object.assign(given, { alg: 'none' }), TypeError)
      claims.type = 'access'
      claims.exp = NOW + 99_999
      return claims
    })
    const { exp } = await authx.verifyToken(forge(OLD, header))
    assert.deepEqual(seen, [OLD, header])
    assert.equal(exp, OLD.exp)
    assert.equal((await authx.verifyToken(forge(OLD, header))).exp, OLD.exp, 'the header is not kept for others')
  })

  test('leaves what it returns to the application: only the payload is frozen', async () => {
    const audiences = ['api']
    const { aud } = await verified(OLD, claims => ({ ...claims, type: 'access', aud: audiences }), {
      encodeAudience: 'api',
    })
    assert.deepEqual([aud, Object.isFrozen(aud), Object.isFrozen(audiences)], [['api'], true, false])
  })

  test('is called only for tokens that our key has signed and that are well-formed', async () => {
    const never: AdoptClaims = () => assert.fail('called')
    const forged = forge(OLD, undefined, TEST_TENANT_SECRET)
    const unsigned = forge(OLD, { alg: 'none' })
    for (const token of [forged, unsigned, 'garbage', `${forge(OLD)}x`, forge('[]'), forge('5')]) {
      assert.ok((await errorOf(token, never)) instanceof JWTDecodeError, token)
    }
  })

  test('is called again for a token only until it is cached', async () => {
    let calls = 0
    const adopt: AdoptClaims = claims => {
      calls++
      return asAccess(claims, { alg: 'HS256' })
    }
    const authx = instance(adopt)
    for (let n = 0; n < 10; n++) await authx.verifyToken(forge(OLD))
    assert.equal(calls, 2)
    const uncached = instance(adopt, { verifyCacheSize: 0 })
    for (let n = 0; n < 10; n++) await uncached.verifyToken(forge(OLD))
    assert.equal(calls, 12)
  })

  test('does not keep a cached token from expiring', async () => {
    let now = TEST_NOW
    const authx = makeAuthX({ now: () => now, adoptClaims: asAccess })
    for (let n = 0; n < 3; n++) await authx.verifyToken(forge(OLD))
    now += 900_000
    await assert.rejects(authx.verifyToken(forge(OLD)), { name: 'TokenExpiredError' })
  })
})

/** What is judged: the claims of the token, those that adoptClaims returns besides, and what is left of both. */
const RULES: readonly [what: string, signed: Claims, returned: Claims, judged: Claims][] = [
  ['a missing type is taken from adoptClaims', {}, { type: 'refresh' }, { type: 'refresh' }],
  ['a refresh token stays one', { type: 'refresh' }, { type: 'access' }, { type: 'refresh' }],
  ['an access token stays one', { type: 'access' }, { type: 'refresh' }, { type: 'access' }],
  ['a type with another meaning is replaced', { type: 'user' }, { type: 'access' }, { type: 'access' }],
  ['a jti stays', { jti: 'own' }, { type: 'access', jti: 'other' }, { jti: 'own' }],
  ['a jti is kept that adoptClaims leaves out', { jti: 'own' }, { type: 'access', jti: undefined }, { jti: 'own' }],
  ['an id from another claim can be the jti', { id: 'a7' }, { type: 'access', jti: 'a7' }, { jti: 'a7' }],
  ['exp can be earlier', {}, { type: 'access', exp: NOW + 5 }, { exp: NOW + 5 }],
  ['exp cannot be later', {}, { type: 'access', exp: NOW + 901 }, { exp: NOW + 900 }],
  ['exp stays if it is left out', {}, { type: 'access', exp: undefined }, { exp: NOW + 900 }],
  ['a missing exp can be added', { exp: undefined }, { type: 'access', exp: NOW + 5 }, { exp: NOW + 5 }],
  ['exp in another notation can be replaced', { exp: '2030' }, { type: 'access', exp: NOW + 5 }, { exp: NOW + 5 }],
  ['iat can be earlier', {}, { type: 'access', iat: NOW - 99 }, { iat: NOW - 99 }],
  ['iat cannot be later', {}, { type: 'access', iat: NOW }, { iat: NOW - 60 }],
  ['a missing iat is 0', { iat: undefined }, { type: 'access' }, { iat: 0 }],
  ['a missing iat can be added', { iat: undefined }, { type: 'access', iat: NOW - 7 }, { iat: NOW - 7 }],
  ['nbf can be later', { nbf: NOW - 60 }, { type: 'access', nbf: NOW - 5 }, { nbf: NOW - 5 }],
  ['nbf cannot be earlier', { nbf: NOW - 5 }, { type: 'access', nbf: 0 }, { nbf: NOW - 5 }],
  ['nbf stays if it is left out', { nbf: NOW - 5 }, { type: 'access', nbf: undefined }, { nbf: NOW - 5 }],
  [
    'a token of a session stays in it',
    { type: 'access', jti: 'own', sid: 's', gen: 3 },
    { sid: undefined, gen: 9 },
    { sid: 's', gen: 3 },
  ],
  [
    'a token of createAccessToken stays in its session',
    { type: 'access', jti: 'own', fresh: false, sid: 's' },
    { sid: undefined },
    { sid: 's' },
  ],
  ['another sid can be left out', { sid: 'old' }, { type: 'access', sid: undefined }, { sid: undefined }],
  ['another sub can be returned', { sub: 7 }, { type: 'access', sub: '7' }, { sub: '7' }],
  ['a jti that is no text is a hash', { jti: 7 }, { type: 'access' }, {}],
]

describe('what is judged:', () => {
  for (const [what, signed, returned, judged] of RULES) {
    test(what, async () => {
      const payload = await verified({ ...OLD, ...signed }, claims => ({ ...claims, ...returned }))
      const seen = Object.fromEntries(Object.keys(judged).map(name => [name, payload[name]]))
      assert.deepEqual(seen, judged)
    })
  }

  const REFUSED: readonly [what: string, signed: Claims, returned: Claims, error: string][] = [
    ['an expired token stays expired', { exp: NOW - 1 }, { exp: NOW + 900 }, 'TokenExpiredError'],
    ['a token stays not valid yet', { nbf: NOW + 60 }, { nbf: NOW - 60 }, 'JWTDecodeError'],
    ['a token without exp needs one', { exp: undefined }, {}, 'JWTDecodeError'],
    ['a malformed time is invalid', {}, { exp: 'tomorrow' }, 'JWTDecodeError'],
    ['a wrong type is invalid', {}, { type: 'user' }, 'JWTDecodeError'],
    ['a sub that is no text is invalid', { sub: 7 }, {}, 'JWTDecodeError'],
    ['another audience stays refused', { aud: 'web' }, {}, 'TokenInvalidAudienceError'],
    [
      'a token that is nested deeply is invalid',
      { deep: JSON.parse('['.repeat(200) + ']'.repeat(200)) },
      {},
      'JWTDecodeError',
    ],
  ]
  for (const [what, signed, returned, error] of REFUSED) {
    test(what, async () => {
      const adopt: AdoptClaims = claims => ({ ...claims, type: 'access', ...returned })
      const options = { decodeAudience: 'aud' in signed ? 'api' : undefined }
      assert.equal((await errorOf(forge({ ...OLD, ...signed }), adopt, options))?.name, error)
    })
  }

  test('a number that is infinite in JavaScript makes the token invalid, not the function', async () => {
    const token = forge(JSON.stringify(OLD).replace('{', '{"n":1e999,'))
    assert.ok((await errorOf(token, asAccess)) instanceof JWTDecodeError)
  })
})

describe('whatever adoptClaims returns,', () => {
  const time = fc.integer({ min: NOW - 5000, max: NOW + 5000 })
  const times = fc.record({ iat: time, nbf: time, exp: time }, { requiredKeys: [] })
  const odd = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant(undefined))
  const returned = fc.oneof(
    times,
    fc.dictionary(fc.constantFrom('iat', 'nbf', 'exp', 'jti', 'type', 'sid', 'gen', 'sub', '__proto__'), odd),
  )

  test('a token is valid at no time at which its own exp and nbf refuse it', async () => {
    await fc.assert(
      fc.asyncProperty(times, returned, time, async (signed, result, now) => {
        const adoptClaims: AdoptClaims = claims => ({ ...claims, type: 'access', ...result })
        const authx = makeAuthX({ now: () => now * 1000, adoptClaims })
        const payload = await authx.verifyToken(forge({ sub: 'ada', ...signed })).catch(() => undefined)
        if (!payload) return
        assert.ok(now < (signed.exp ?? Number.POSITIVE_INFINITY))
        // A minute of difference between clocks is allowed, as for every token.
        assert.ok(now + 60 >= (signed.nbf ?? 0))
        assert.ok(payload.iat <= (signed.iat ?? payload.iat))
      }),
      { numRuns: 1000 },
    )
  })

  test('the answer is a payload, a JWTDecodeError, or the cause of a 503', async () => {
    await fc.assert(
      fc.asyncProperty(fc.anything({ withDate: true, withMap: true, withNullPrototype: true }), async result => {
        const error = await errorOf(forge(OLD), () => result as never)
        assert.ok(error === undefined || error instanceof JWTDecodeError || error instanceof CallbackUnavailableError)
      }),
      { numRuns: 1000 },
    )
  })

  test('a token of koa-authx keeps its type, its id and its session', async () => {
    await fc.assert(
      fc.asyncProperty(returned, async result => {
        const own = { ...GOOD_CLAIMS, type: 'refresh', sid: 's', gen: 2 }
        const payload = await verified(own, claims => ({ ...claims, ...result })).catch(error => {
          assert.ok(error instanceof JWTDecodeError)
        })
        if (!payload) return
        const { type, jti, sid, gen } = payload
        assert.deepEqual({ type, jti, sid, gen }, { type: 'refresh', jti: own.jti, sid: 's', gen: 2 })
      }),
      { numRuns: 500 },
    )
  })
})

describe('adoptClaims that fails is a 503 with a cause that says what to do:', () => {
  let count = 0
  class Claims {
    readonly sub = 'ada'
  }
  const FAILURES: readonly [what: string, adopt: () => unknown, cause: RegExp][] = [
    ['it throws', () => assert.fail('a fault of the application'), /a fault of the application/],
    ['a promise', async () => OLD, /adoptClaims must return the claims at once, not a promise/],
    ['a promise that rejects', () => Promise.reject(new Error('late')), /at once, not a promise/],
    ['true', () => true, /the result of adoptClaims must be a plain object/],
    ['a text', () => 'ada', /must be a plain object/],
    ['a list', () => [OLD], /must be a plain object/],
    ['an instance of a class', () => new Claims(), /must be a plain object/],
    [
      'a date among the claims',
      () => ({ ...OLD, type: 'access', at: new Date() }),
      /adoptClaims\.at must be a JSON value/,
    ],
    ['a jti that changes', () => ({ ...OLD, type: 'access', jti: `${count++}` }), /two different jti .* omit jti/],
  ]
  for (const [what, adopt, cause] of FAILURES) {
    test(what, async () => {
      const error = await errorOf(forge(OLD), adopt as AdoptClaims)
      assert.ok(error instanceof CallbackUnavailableError)
      assert.deepEqual([error.status, error.callback], [503, 'adoptClaims'])
      assert.match(String((error.cause as Error).message), cause)
    })
  }

  test('undefined and null are none: they refuse the token, and the cause says who did', async () => {
    for (const result of [undefined, null]) {
      const error = await errorOf(forge(OLD), () => result as never)
      assert.ok(error instanceof JWTDecodeError)
      assert.deepEqual([error.status, error.cause], [401, 'adoptClaims returned undefined'])
    }
  })
})

describe('tokens of others', () => {
  const tenantToken = forge(OLD, undefined, TEST_TENANT_SECRET)
  const getKey = (_: unknown, { iss }: Readonly<Record<string, unknown>>) =>
    iss === 'us' ? TEST_SECRET : TEST_TENANT_SECRET

  test('that only a key from getKey has verified are not adopted', async () => {
    const never: AdoptClaims = () => assert.fail('called')
    const error = await errorOf(tenantToken, never, { getKey })
    assert.match(String(error.cause), /the claim jti is missing/)
    const whole = forge(GOOD_CLAIMS, undefined, TEST_TENANT_SECRET)
    const asAdmin: AdoptClaims = claims => ({ ...claims, login_type: 'admin' })
    assert.equal((await errorOf(whole, asAdmin, { getKey, loginType: 'admin' })).name, 'LoginTypeMismatchError')
  })

  test('are told apart from our own, which are adopted also if getKey returns our key', async () => {
    const payload = await verified({ ...OLD, iss: 'us' }, asAccess, { getKey })
    assert.equal(payload.type, 'access')
  })

  test('are adopted by an instance that has no key of its own: keys from getKey are its keys', async () => {
    const authx = new AuthX({ getKey, adoptClaims: asAccess, now: () => TEST_NOW })
    assert.equal((await authx.verifyToken(tenantToken)).sub, 'ada')
  })

  test('that an issuer has signed are not adopted', async t => {
    const server = await issuerServer(t)
    const issuers = [remoteIssuer({ issuer: server.issuer, audience: 'my-api' })]
    const authx = makeAuthX({ issuers, adoptClaims: () => assert.fail('called') })
    assert.equal((await authx.verifyToken(await server.token())).sub, 'ada')
  })

  test('are not imitated: adoptClaims must not return the name of an issuer', async t => {
    const server = await issuerServer(t)
    const issuers = [remoteIssuer({ issuer: server.issuer, audience: 'my-api' })]
    const error = await errorOf(forge(OLD), claims => ({ ...claims, type: 'access', iss: server.issuer }), { issuers })
    assert.match(String(error.cause.message), /must not return the iss of an entry of issuers/)
  })
})
