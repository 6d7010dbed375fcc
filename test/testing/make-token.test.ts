import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { AuthX, type AuthXOptions, BadConfigurationError } from '../../src/index.js'
import { makeToken, TestClock } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, cookie, makeAuthX, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { contentOf, makeEcPair, makeRsaPair, verdictOf } from '../support/signing.js'

const clock = new TestClock(TEST_NOW)
const SECONDS = TEST_NOW / 1000

/** What guards of `authx` answer to a token: the status, and the error's type if there is one. */
async function guarded(t: TestContext, authx: AuthX, guard: Parameters<typeof appOf>[0]) {
  const client = await serve(
    t,
    appOf(authx.middleware(), guard, ctx => {
      ctx.body = { sub: ctx.state.token.sub }
    }),
  )
  return async (token: string) => {
    const { status, json } = await client({ headers: [bearer(token)] })
    return json.error_type ?? status
  }
}

const authXOf = (options: AuthXOptions = {}) => makeAuthX({ now: clock.now, store: new MemoryTokenStore(), ...options })

describe('makeToken', () => {
  test('makes a good access token', async t => {
    const authx = authXOf()
    const { header, claims } = contentOf(makeToken(authx))
    const { jti, ...others } = claims
    assert.deepEqual(header, { alg: 'HS256', typ: 'JWT' })
    assert.match(String(jti), /^[\w-]{36}$/)
    const times = { iat: SECONDS, nbf: SECONDS, exp: SECONDS + 900 }
    assert.deepEqual(others, { sub: 'test', type: 'access', fresh: false, ...times })
    assert.notEqual(contentOf(makeToken(authx)).claims.jti, jti)
    assert.equal(await (await guarded(t, authx, authx.accessTokenRequired()))(makeToken(authx)), 200)
  })

  test('makes it as the instance is configured', async t => {
    const authx = authXOf({
      encodeIssuer: 'https://issuer.example',
      encodeAudience: ['web', 'app'],
      loginType: 'staff',
      identityClaim: 'uid',
      encodeNbf: false,
      accessTokenExpires: '1h',
      tokenLocation: ['headers', 'cookies'],
    })
    const { jti, csrf, ...others } = contentOf(makeToken(authx, { sub: 'ada', tenant: 'acme' })).claims
    assert.match(String(csrf), /^[\w-]{36}$/)
    assert.deepEqual(others, {
      uid: 'ada',
      type: 'access',
      iat: SECONDS,
      exp: SECONDS + 3600,
      fresh: false,
      iss: 'https://issuer.example',
      aud: ['web', 'app'],
      login_type: 'staff',
      tenant: 'acme',
    })
    assert.equal(contentOf(makeToken(authx, { uid: 'bob' })).claims.uid, 'bob')
    assert.equal(await (await guarded(t, authx, authx.accessTokenRequired()))(makeToken(authx)), 200)
  })

  const refused: [what: string, claims: Record<string, unknown>, verdict: string][] = [
    ['that has expired', { exp: SECONDS }, 'TokenExpiredError'],
    ['that is not good yet', { nbf: SECONDS + 1 }, 'JWTDecodeError'],
    ['of another issuer', { iss: 'https://other.example' }, 'TokenInvalidIssuerError'],
    ['for another audience', { aud: 'other' }, 'TokenInvalidAudienceError'],
    ['for no audience', { aud: undefined }, 'TokenInvalidAudienceError'],
    ['of another login type', { login_type: 'other' }, 'LoginTypeMismatchError'],
    ['of the other type', { type: 'refresh' }, 'AccessTokenRequiredError'],
    ['of no type', { type: undefined }, 'JWTDecodeError'],
    ['of nobody', { sub: undefined }, 'JWTDecodeError'],
    ['without an id', { jti: undefined }, 'JWTDecodeError'],
    ['that never ends', { exp: undefined }, 'JWTDecodeError'],
    ['with scopes that are none', { scopes: 'admin' }, 'JWTDecodeError'],
    ['of a session that there is not', { sid: 'gone' }, 'RevokedTokenError'],
    ['that is too long', { padding: 'x'.repeat(9000) }, 'JWTDecodeError'],
  ]
  for (const [what, claims, verdict] of refused) {
    test(`makes a token ${what}`, async t => {
      const authx = authXOf({ encodeIssuer: 'https://issuer.example', encodeAudience: 'web', loginType: 'staff' })
      const ask = await guarded(t, authx, authx.accessTokenRequired())
      assert.equal(await ask(makeToken(authx)), 200)
      assert.equal(await ask(makeToken(authx, claims)), verdict)
    })
  }

  test('makes tokens for each kind of guard', async t => {
    const authx = authXOf()
    authx.setSubjectGetter(sub => (sub === 'gone' ? undefined : { sub }))
    const scoped = await guarded(t, authx, authx.scopesRequired('admin:read'))
    assert.equal(await scoped(makeToken(authx)), 'InsufficientScopeError')
    assert.equal(await scoped(makeToken(authx, { scopes: ['admin:*'] })), 200)
    const fresh = await guarded(t, authx, authx.freshTokenRequired())
    assert.equal(await fresh(makeToken(authx)), 'FreshTokenRequiredError')
    assert.equal(await fresh(makeToken(authx, { fresh: true })), 200)
    const known = await guarded(t, authx, authx.subjectRequired())
    assert.equal(await known(makeToken(authx, { sub: 'gone' })), 'SubjectNotFoundError')
    assert.equal(await known(makeToken(authx)), 200)
  })

  test('makes a good refresh token if that is asked for', async t => {
    const authx = authXOf()
    const token = makeToken(authx, { type: 'refresh' })
    const { exp, fresh } = contentOf(token).claims
    assert.deepEqual([exp, fresh], [SECONDS + 20 * 86_400, undefined])
    assert.equal(await (await guarded(t, authx, authx.refreshTokenRequired()))(token), 200)
  })

  test('makes tokens of a session, which end with it', async t => {
    const authx = authXOf()
    const ask = await guarded(t, authx, authx.freshTokenRequired())
    const { sid } = contentOf((await authx.createTokenPair('test')).access_token).claims
    const token = makeToken(authx, { sid, fresh: true })
    assert.equal(await ask(token), 200)
    await authx.revokeSession(String(sid))
    assert.equal(await ask(token), 'RevokedTokenError')
  })

  test('makes tokens for cookies, whose CSRF value getCsrfToken knows', async t => {
    const authx = authXOf({ tokenLocation: ['cookies'] })
    const client = await serve(
      t,
      appOf(authx.middleware(), authx.accessTokenRequired(), ctx => {
        ctx.body = { in: true }
      }),
    )
    const send = async (token: string, csrf?: string) => {
      const sent = cookie({ [authx.config.accessCookieName]: token })
      const headers = csrf === undefined ? [sent] : [sent, ['X-CSRF-TOKEN', csrf] as const]
      const { status, json } = await client({ method: 'POST', headers })
      return json.error_type ?? status
    }
    const token = makeToken(authx)
    assert.equal(await send(token, authx.getCsrfToken(token)), 200)
    assert.equal(await send(token), 'MissingCSRFTokenError')
    assert.equal(await send(token, authx.getCsrfToken(makeToken(authx))), 'CSRFError')
    assert.equal(await send(makeToken(authx, { csrf: undefined }), 'any'), 'MissingCSRFTokenError')
    assert.equal(await send(makeToken(authx, { csrf: 'mine' }), 'mine'), 200)
  })

  test('signs with the current key, of whatever kind, and after setKeys with the new one', async () => {
    for (const options of [
      { algorithm: 'RS256', ...makeRsaPair() },
      { algorithm: 'ES256', ...makeEcPair() },
      {
        keys: [
          { kid: 'new', secretKey: TEST_SECRET },
          { kid: 'old', secretKey: `old ${TEST_SECRET}` },
        ],
      },
    ] as const) {
      const authx = new AuthX({ ...options, store: new MemoryTokenStore() } as AuthXOptions)
      const token = makeToken(authx)
      assert.equal(await verdictOf(() => authx.verifyToken(token)), 'good')
      assert.equal(contentOf(token).header.kid, 'keys' in options ? 'new' : undefined)
    }
    const authx = authXOf()
    const before = makeToken(authx)
    authx.setKeys({ secretKey: `other ${TEST_SECRET}` })
    assert.equal(await verdictOf(() => authx.verifyToken(before)), 'TokenInvalidSignatureError')
    assert.equal(await verdictOf(() => authx.verifyToken(makeToken(authx))), 'good')
  })

  test('puts into the header what is given, and takes out what is undefined', async () => {
    const keys = [{ kid: 'a', secretKey: TEST_SECRET }]
    const authx = new AuthX({ keys, store: new MemoryTokenStore(), now: clock.now })
    const verdicts: Record<string, [header: Record<string, unknown>, verdict: string]> = {
      'a member of the application': [{ tenant: 'acme' }, 'good'],
      'a key that there is not': [{ kid: 'b' }, 'TokenInvalidSignatureError'],
      'no key': [{ kid: undefined }, 'TokenInvalidSignatureError'],
      'no type': [{ typ: undefined }, 'good'],
      'what must be understood': [{ crit: ['exp'] }, 'JWTDecodeError'],
    }
    for (const [what, [header, verdict]] of Object.entries(verdicts)) {
      const token = makeToken(authx, {}, { header })
      assert.equal(await verdictOf(() => authx.verifyToken(token)), verdict, what)
      for (const [name, value] of Object.entries(header)) assert.deepEqual(contentOf(token).header[name], value, what)
    }
  })

  test('names the argument that is wrong', () => {
    const authx = authXOf()
    const make = makeToken as (...args: unknown[]) => string
    const calls: [args: unknown[], message: RegExp][] = [
      [[], /first argument/],
      [[{}], /first argument/],
      [['authx'], /first argument/],
      [[AuthX], /first argument/],
      [[{ ...authx }], /first argument/],
      [[authx, 'test'], /claims/],
      [[authx, null], /claims/],
      [[authx, []], /claims/],
      [[authx, {}, 'header'], /options/],
      [[authx, {}, null], /options/],
      [[authx, {}, { headers: {} }], /headers/],
      [[authx, {}, { header: 'x' }], /header/],
      [[authx, {}, { header: { alg: 'none' } }], /alg/],
    ]
    for (const [args, message] of calls) assert.throws(() => make(...args), { name: 'TypeError', message })
  })

  test('needs a key to sign with', () => {
    const authx = new AuthX({ algorithm: 'ES256', publicKey: makeEcPair().publicKey, store: new MemoryTokenStore() })
    assert.throws(() => makeToken(authx), BadConfigurationError)
  })

  test('shows nothing of the key, and opens no way to it', () => {
    const authx = authXOf()
    makeToken(authx)
    assert.deepEqual(Reflect.ownKeys(authx), [])
    assert.ok(!inspect(authx, { showHidden: true, depth: 9 }).includes(TEST_SECRET))
  })
})
