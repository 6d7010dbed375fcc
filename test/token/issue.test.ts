import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import jsonwebtoken from 'jsonwebtoken'
import { RESERVED_CLAIMS } from '../../src/config/resolve.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { makeAuthX, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { contentOf, verdictOf } from '../support/signing.js'

const NOW = TEST_NOW / 1000
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const now = () => TEST_NOW + 999

const claimsOf = (token: string) => contentOf(token).claims

/** What plain jsonwebtoken says is in a token, but for the claims that are different each time. */
function verifiedElsewhere(token: string): Record<string, unknown> {
  const content = jsonwebtoken.verify(token, TEST_SECRET, { clockTimestamp: NOW })
  const { jti, csrf, sid, ...claims } = content as jsonwebtoken.JwtPayload
  assert.match(String(jti), UUID)
  for (const id of [csrf, sid]) if (id !== undefined) assert.match(String(id), UUID)
  const random = { ...(csrf && { csrf: 'UUID' }), ...(sid && { sid: 'UUID' }) }
  return { ...claims, ...random }
}

describe('claims', () => {
  const times = { iat: NOW, nbf: NOW }
  const access = { sub: 'test', type: 'access', ...times, exp: NOW + 900, fresh: false }
  const refresh = { sub: 'test', type: 'refresh', ...times, exp: NOW + 20 * 86_400 }

  test('of an access token are exactly these', () => {
    assert.deepEqual(verifiedElsewhere(makeAuthX({ now }).createAccessToken('test')), access)
  })

  test('of a refresh token are exactly these', () => {
    assert.deepEqual(verifiedElsewhere(makeAuthX({ now }).createRefreshToken('test')), refresh)
  })

  test('of a pair name the session and the generation where there is a store', async () => {
    const pair = await makeAuthX({ now, store: new MemoryTokenStore() }).createTokenPair('test', { fresh: true })
    const ofSession = { sid: 'UUID', gen: 0, auth_time: NOW }
    assert.deepEqual(verifiedElsewhere(pair.access_token), { ...access, fresh: true, ...ofSession })
    assert.deepEqual(verifiedElsewhere(pair.refresh_token), { ...refresh, ...ofSession })
    assert.equal(claimsOf(pair.access_token).sid, claimsOf(pair.refresh_token).sid)
    assert.notEqual(claimsOf(pair.access_token).jti, claimsOf(pair.refresh_token).jti)
    assert.deepEqual([pair.token_type, pair.expires_in], ['bearer', 900])
  })

  test('of a pair name no session where there is none', async () => {
    const pair = await makeAuthX({ now }).createTokenPair('test')
    const ofLogin = { auth_time: NOW }
    const expected = [
      { ...access, ...ofLogin },
      { ...refresh, ...ofLogin },
    ]
    assert.deepEqual([pair.access_token, pair.refresh_token].map(verifiedElsewhere), expected)
  })

  test('hold one CSRF value for both tokens of a pair, when a cookie location is in use', async () => {
    const authx = makeAuthX({ now, tokenLocation: { access: ['headers'], refresh: ['cookies'] } })
    const pair = await authx.createTokenPair('test')
    assert.deepEqual(verifiedElsewhere(pair.access_token), { ...access, csrf: 'UUID', auth_time: NOW })
    assert.equal(claimsOf(pair.access_token).csrf, claimsOf(pair.refresh_token).csrf)
    assert.equal(authx.getCsrfToken(pair.access_token), claimsOf(pair.access_token).csrf)
  })

  test('follow the configuration', () => {
    const authx = makeAuthX({
      now,
      encodeNbf: false,
      encodeIssuer: 'here',
      encodeAudience: ['a', 'b'],
      loginType: 'admin',
      identityClaim: 'user',
    })
    const { nbf, sub, ...others } = access
    const expected = { ...others, user: 'test', iss: 'here', aud: ['a', 'b'], login_type: 'admin' }
    assert.deepEqual(verifiedElsewhere(authx.createAccessToken('test')), expected)
  })

  test('follow the options of the call', () => {
    const options = {
      fresh: true,
      expiry: '1h',
      notBefore: 60,
      audience: 'web',
      scopes: ['a:b'],
      sid: 'S',
      data: { role: 'admin' },
    }
    const { claims } = contentOf(makeAuthX({ now }).createAccessToken('test', options))
    assert.deepEqual(
      { ...claims, jti: '' },
      {
        ...access,
        jti: '',
        fresh: true,
        exp: NOW + 3600,
        nbf: NOW + 60,
        aud: 'web',
        scopes: ['a:b'],
        sid: 'S',
        role: 'admin',
      },
    )
  })

  test('differ from token to token', () => {
    const ids = Array.from({ length: 50 }, () => claimsOf(makeAuthX().createAccessToken('test')).jti)
    assert.equal(new Set(ids).size, 50)
  })

  test('hold data of any JSON unchanged', async () => {
    const authx = makeAuthX()
    const holds = fc.asyncProperty(fc.jsonValue(), async value => {
      const { data } = await authx.verifyToken(authx.createAccessToken('test', { data: { data: value } }))
      assert.deepEqual(data, JSON.parse(JSON.stringify(value)))
    })
    await fc.assert(holds)
  })

  test('hold any subject unchanged', async () => {
    const authx = makeAuthX()
    const holds = fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1 }), async sub => {
      assert.equal((await authx.verifyToken(authx.createAccessToken(sub))).sub, sub)
    })
    await fc.assert(holds)
  })
})

describe('expiry and notBefore', () => {
  test('may be Dates', () => {
    const options = { expiry: new Date((NOW + 10) * 1000 + 500), notBefore: new Date(TEST_NOW) }
    const { exp, nbf } = claimsOf(makeAuthX({ now }).createAccessToken('test', options))
    assert.deepEqual([exp, nbf], [NOW + 10, NOW])
  })

  test('a token is refused before its notBefore and good from then on', async () => {
    const token = makeAuthX({ now: () => TEST_NOW }).createAccessToken('test', { notBefore: '5m' })
    const verdictAt = (seconds: number) =>
      verdictOf(() => makeAuthX({ now: () => TEST_NOW + seconds * 1000 }).verifyToken(token))
    assert.equal(await verdictAt(299), 'JWTDecodeError')
    assert.equal(await verdictAt(300), 'good')
  })
})

describe('wrong options of a call', () => {
  const authx = makeAuthX()
  const WRONG: readonly [option: string, values: readonly unknown[]][] = [
    ['expiry', [0, -1, '', '15 min', 'abc', Number.NaN, true, null, {}, new Date(Number.NaN), new Date(8.64e15)]],
    ['notBefore', [0, -1, 'abc', null, new Date(Number.NaN), new Date(-1000)]],
    ['data', [null, 5, 'a', [], ['a']]],
    ['audience', ['', 5, null, [], [''], ['web', 5], {}]],
    ['scopes', ['admin', 5, null, {}, [''], ['a b'], ['a"'], [5]]],
    ['headers', [null, 5, 'a', []]],
    ['fresh', ['true', 1, null]],
    ['auth_time', [1]],
    ['amr', [['pwd']]],
    ['sid', ['', 5, null]],
    ['expires', ['15m']],
    ['gen', [1]],
  ]
  for (const [option, values] of WRONG) {
    test(`${option} is a TypeError that names it`, () => {
      for (const value of values) {
        assert.throws(() => authx.createAccessToken('test', { [option]: value }), {
          name: 'TypeError',
          message: new RegExp(option),
        })
      }
    })
  }

  test('a refresh token is never fresh and never joins a session by hand', () => {
    for (const options of [{ fresh: true }, { sid: 'S' }])
      assert.throws(() => authx.createRefreshToken('test', options as object), TypeError)
  })

  test('a subject that is no string, or empty, is a TypeError', async () => {
    for (const sub of ['', 5, null, undefined, {}, ['test']] as string[]) {
      assert.throws(() => authx.createAccessToken(sub), TypeError)
      assert.throws(() => authx.createRefreshToken(sub), TypeError)
      await assert.rejects(authx.createTokenPair(sub), TypeError)
    }
  })

  test('data cannot set what the library writes', () => {
    for (const name of RESERVED_CLAIMS) {
      assert.throws(() => authx.createAccessToken('test', { data: { [name]: 'x' } }), {
        name: 'TypeError',
        message: new RegExp(name),
      })
    }
    assert.throws(
      () => makeAuthX({ identityClaim: 'user' }).createAccessToken('test', { data: { user: 'x' } }),
      TypeError,
    )
  })

  test('headers cannot set what the library writes or refuses to read', () => {
    for (const name of ['alg', 'typ', 'kid', 'crit', 'b64']) {
      assert.throws(() => authx.createAccessToken('test', { headers: { [name]: 'x' } }), {
        name: 'TypeError',
        message: new RegExp(name),
      })
    }
    const { header } = contentOf(authx.createAccessToken('test', { headers: { 'x-tenant': 'a' } }))
    assert.deepEqual(header, { alg: 'HS256', typ: 'JWT', 'x-tenant': 'a' })
  })

  test('a token pair rejects them', async () => {
    for (const options of [
      { accessExpiry: 0 },
      { accessExpiry: null },
      { refreshExpiry: null },
      { refreshExpiry: 'abc' },
      { device: 'phone' },
      { expiry: 60 },
      { data: { sub: 'x' } },
      { scopes: 'a' },
    ]) {
      await assert.rejects(authx.createTokenPair('test', options as object), TypeError)
    }
  })
})
