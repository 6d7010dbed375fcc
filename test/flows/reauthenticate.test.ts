import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import { AuthX, type AuthXOptions, type ReauthenticateOptions } from '../../src/index.js'
import { makeToken } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, cookie, type Reply, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { type Asked, addLoginRoutes } from '../support/login-routes.js'
import { claimsOf, verdict } from './api.js'

const NOW = TEST_NOW / 1000
const MINUTE = 60_000

/** An application that asks for credentials again, with a clock that the test sets. */
async function scene(t: TestContext, options: AuthXOptions = {}) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const authx = new AuthX({ secretKey: TEST_SECRET, store, now: () => clock.now, ...options })
  const asked: Asked & { again?: ReauthenticateOptions } = {}
  const router = addLoginRoutes(new Router(), authx, asked)
  router.all('/reauthenticate{/:method}', async ctx => {
    const { method } = ctx.params
    ctx.body = await authx.reauthenticate(ctx, method ? { amr: [method] } : asked.again)
  })
  router.all('/within', authx.freshTokenRequired({ within: '5m' }), ctx => {
    ctx.body = ctx.state.token
  })
  router.all('/otp', authx.freshTokenRequired({ within: '5m', amr: ['otp'] }), ctx => {
    ctx.body = ctx.state.token
  })
  const app = appOf(authx.middleware())
  if (authx.config.tokenLocation.access.includes('cookies')) app.use(authx.implicitRefresh())
  const request = await serve(t, app.use(router.routes()))
  const send = (path: string, token?: unknown) =>
    request({ method: 'POST', path, headers: token === undefined ? [] : [bearer(String(token))] })
  return { authx, clock, store, asked, request, send }
}

const authenticationOf = (token: unknown) => {
  const { auth_time, amr } = claimsOf(token)
  return { auth_time, amr }
}

test('reauthenticate does not put off the refresh that asks the claims getter or the subject getter', async t => {
  const { authx, send, clock } = await scene(t)
  const { json } = await send('/login')
  clock.now += 10 * MINUTE
  const later = claimsOf((await send('/reauthenticate', json.access_token)).json.access_token).exp
  assert.equal(later, NOW + 25 * 60)
  authx.setSubjectGetter(sub => ({ sub }))
  const answer = await send('/reauthenticate', json.access_token)
  const { fresh, exp } = claimsOf(answer.json.access_token)
  assert.deepEqual([fresh, exp, answer.json.expires_in], [true, NOW + 15 * 60, 5 * 60])
})

describe('auth_time and amr', () => {
  for (const [what, options] of [['with a store', {}] as const, ['without a store', { store: undefined }] as const]) {
    test(`${what}, both tokens of a login carry them, and those of each refresh`, async t => {
      const { asked, send, clock } = await scene(t, options)
      asked.login = { amr: ['pwd', 'otp', 'pwd'] }
      const expected = { auth_time: NOW, amr: ['pwd', 'otp'] }
      let { json } = await send('/login')
      let refreshToken = json.refresh_token
      assert.deepEqual(authenticationOf(json.access_token), expected)
      assert.deepEqual(authenticationOf(refreshToken), expected)
      for (const _ of [1, 2]) {
        clock.now += 2 * MINUTE
        json = (await send('/refresh', refreshToken)).json
        refreshToken = json.refresh_token ?? refreshToken
        assert.deepEqual(authenticationOf(json.access_token), expected)
        assert.deepEqual(authenticationOf(refreshToken), expected)
        assert.equal((await send('/otp', json.access_token)).status, 200, 'it is not fresh, but the login is recent')
      }
      clock.now += 2 * MINUTE
      const { status, headers } = await send('/otp', json.access_token)
      assert.equal(status, 401)
      assert.match(String(headers['www-authenticate']), /, max_age="300"$/)
    })
  }

  test('are there unless the application says that there were no credentials', async t => {
    const { authx, asked, send } = await scene(t)
    const none = { auth_time: undefined, amr: undefined }
    const PAIRS = [
      [{}, { ...none, auth_time: NOW }],
      [{ fresh: false }, none],
      [{ fresh: true }, { ...none, auth_time: NOW }],
      [{ amr: ['pwd'] }, { auth_time: NOW, amr: ['pwd'] }],
    ] as const
    for (const [options, expected] of PAIRS) {
      const pair = await authx.createTokenPair('ada', options)
      assert.deepEqual([pair.access_token, pair.refresh_token].map(authenticationOf), [expected, expected])
      const { json } = await send('/refresh', pair.refresh_token)
      assert.deepEqual(authenticationOf(json.access_token), expected)
    }
    const { json } = await send('/login')
    assert.deepEqual(authenticationOf(json.access_token), { ...none, auth_time: NOW })
    asked.login = { fresh: false }
    assert.deepEqual(authenticationOf((await send('/login')).json.access_token), none)
  })

  test('of a login without a store go on in the session that its refresh token opens', async t => {
    const { authx, clock, send } = await scene(t)
    const stateless = new AuthX({ secretKey: TEST_SECRET, now: () => clock.now })
    const { refresh_token } = await stateless.createTokenPair('ada', { amr: ['pwd'] })
    clock.now += MINUTE
    const { json } = await send('/refresh', refresh_token)
    const expected = { auth_time: NOW, amr: ['pwd'] }
    assert.deepEqual([json.access_token, json.refresh_token].map(authenticationOf), [expected, expected])
    assert.equal((await authx.listSessions('ada')).length, 1)
  })

  test('come from the record of the session: without them there, tokens of a refresh have none', async t => {
    const { authx, store, send } = await scene(t)
    const { refresh_token } = await authx.createTokenPair('ada', { amr: ['pwd'] })
    const key = `session:${claimsOf(refresh_token).sid}`
    const [value] = await store.get([key])
    const { authTime, amr, ...old } = JSON.parse(String(value))
    assert.deepEqual([authTime, amr], [NOW, ['pwd']])
    assert.ok(await store.compareAndSet(key, value, JSON.stringify(old), new Date(Date.now() + MINUTE)))
    const { status, json } = await send('/refresh', refresh_token)
    assert.equal(status, 200)
    assert.deepEqual(authenticationOf(json.access_token), { auth_time: undefined, amr: undefined })
  })

  test('stay as they are when implicitRefresh renews a token', async t => {
    const { asked, clock, request } = await scene(t, { tokenLocation: ['cookies'], cookieSecure: false })
    asked.login = { amr: ['pwd'] }
    const login = await request({ method: 'POST', path: '/login' })
    clock.now += 14 * MINUTE
    const renewed = await request({ path: '/protected', headers: [cookie(jarOf(login))] })
    const { fresh, auth_time, amr, exp } = claimsOf(jarOf(renewed).access_token_cookie)
    assert.deepEqual([fresh, auth_time, amr, exp], [false, NOW, ['pwd'], NOW + 29 * 60])
  })

  test('in a record that are not a number and a list of strings make it foreign', async t => {
    const { authx, store, send } = await scene(t)
    for (const strange of [{ authTime: 'now' }, { authTime: null }, { amr: 'pwd' }, { amr: [1] }, { amr: null }]) {
      const { access_token } = await authx.createTokenPair('ada')
      const key = `session:${claimsOf(access_token).sid}`
      const [value] = await store.get([key])
      const changed = JSON.stringify({ ...JSON.parse(String(value)), ...strange })
      assert.ok(await store.compareAndSet(key, value, changed, new Date(Date.now() + MINUTE)))
      assert.deepEqual(verdict(await send('/protected', access_token)), [503, 'StoreUnavailableError'])
    }
  })

  test('that are wrong are a TypeError of login and createTokenPair, and an invalid token', async t => {
    const { authx, send } = await scene(t)
    for (const amr of ['pwd', [], [''], [1], null, ['\udfff']] as never[]) {
      await assert.rejects(authx.createTokenPair('ada', { amr }), { name: 'TypeError', message: /^amr must be / })
      await assert.rejects(authx.reauthenticate({} as never, { amr }), { name: 'TypeError', message: /^amr must be / })
    }
    for (const claims of [{ auth_time: '1' }, { auth_time: -1 }, { auth_time: null }, { amr: 'pwd' }, { amr: [1] }])
      assert.deepEqual(verdict(await send('/protected', makeToken(authx, claims))), [401, 'JWTDecodeError'])
  })
})

describe('reauthenticate', () => {
  test('gives a fresh access token of the same session, and the next refresh carries the new auth_time', async t => {
    const { asked, clock, send } = await scene(t)
    asked.login = { amr: ['pwd'], data: { role: 'admin' }, scopes: ['a'] }
    const { json: login } = await send('/login')
    clock.now += 10 * MINUTE
    assert.deepEqual(verdict(await send('/otp', login.access_token)), [401, 'FreshTokenRequiredError'])

    asked.again = { amr: ['otp', 'pwd'] }
    const { status, headers, json, cookies } = await send('/reauthenticate', login.access_token)
    assert.deepEqual([status, headers['cache-control'], cookies], [200, 'no-store', []])
    assert.deepEqual(Object.keys(json), ['access_token', 'token_type', 'expires_in'])
    const [before, after] = [claimsOf(login.access_token), claimsOf(json.access_token)]
    const expected = { auth_time: NOW + 600, amr: ['pwd', 'otp'] }
    const times = { iat: NOW + 600, nbf: NOW + 600, exp: NOW + 1500 }
    assert.deepEqual(after, { ...before, ...times, ...expected, jti: after.jti, fresh: true })
    assert.notEqual(after.jti, before.jti)
    assert.equal((await send('/otp', json.access_token)).status, 200)

    const { status: refreshed, json: next } = await send('/refresh', login.refresh_token)
    assert.equal(refreshed, 200, 'the refresh token is not used up')
    for (const token of [next.access_token, next.refresh_token]) assert.deepEqual(authenticationOf(token), expected)
    assert.equal(claimsOf(next.access_token).fresh, false)
    for (const token of [login.access_token, json.access_token, next.access_token])
      assert.equal((await send('/protected', token)).status, 200)
  })

  test('without methods keeps those of the session, and needs none', async t => {
    const { asked, clock, send } = await scene(t)
    const { json: login } = await send('/login')
    clock.now += MINUTE
    const { json } = await send('/reauthenticate', login.access_token)
    assert.deepEqual(authenticationOf(json.access_token), { auth_time: NOW + 60, amr: undefined })
    asked.again = { amr: ['hwk'] }
    const { json: more } = await send('/reauthenticate', json.access_token)
    asked.again = {}
    const { json: last } = await send('/reauthenticate', more.access_token)
    assert.deepEqual(authenticationOf(last.access_token), { auth_time: NOW + 60, amr: ['hwk'] })
  })

  test('makes no token of narrow scopes wider', async t => {
    const { authx, asked, send } = await scene(t)
    asked.login = { scopes: ['admin:*'], data: { role: 'admin' } }
    const { json } = await send('/login')
    const { sid } = claimsOf(json.access_token)
    const narrow = authx.createAccessToken('ada', { sid: String(sid), scopes: ['read'] })
    const { json: again } = await send('/reauthenticate', narrow)
    const { scopes, role, gen } = claimsOf(again.access_token)
    assert.deepEqual([scopes, role, gen], [['read'], undefined, undefined])
  })

  test('gives a token that lives as long as others, at most to the absolute end of the session', async t => {
    const { asked, clock, send } = await scene(t, { sessionExpires: '1h' })
    asked.login = { accessExpiry: '50m', refreshExpiry: '10m' }
    const { json: login } = await send('/login')
    clock.now += 40 * MINUTE
    const { json } = await send('/reauthenticate', login.access_token)
    assert.equal(json.expires_in, 15 * 60)
    clock.now += 14 * MINUTE
    const { status, json: later } = await send('/reauthenticate', json.access_token)
    assert.deepEqual([status, later.expires_in], [200, 6 * 60], 'the session has not ended with its first tokens')
    clock.now += 5.9 * MINUTE
    assert.equal((await send('/protected', later.access_token)).status, 200)
    clock.now += 0.1 * MINUTE
    assert.deepEqual(verdict(await send('/protected', later.access_token)), [401, 'TokenExpiredError'])
  })

  test('in cookies needs the CSRF value, sets the cookies of the access token, and implicitRefresh leaves them', async t => {
    const { asked, request } = await scene(t, {
      tokenLocation: ['cookies'],
      cookieSecure: false,
      implicitRefreshDeltatime: '100d',
    })
    const login = await request({ method: 'POST', path: '/login' })
    const jar = jarOf(login)
    asked.again = { amr: ['otp'] }
    const again = (headers: readonly (readonly [string, string])[], method = 'POST') =>
      request({ method, path: '/reauthenticate', headers: [cookie(jar), ...headers] })
    for (const method of ['POST', 'GET'])
      assert.deepEqual(verdict(await again([], method)), [403, 'MissingCSRFTokenError'])
    const reply = await again([['X-CSRF-TOKEN', String(jar.csrf_access_token)]])
    assert.equal(reply.status, 200)
    assert.deepEqual(Object.keys(jarOf(reply)).sort(), ['access_token_cookie', 'csrf_access_token'])
    assert.deepEqual(Object.keys(reply.json), ['token_type', 'expires_in'])
    const { fresh, amr, csrf, renewable } = claimsOf(jarOf(reply).access_token_cookie)
    assert.deepEqual([fresh, amr, csrf, renewable], [true, ['otp'], jar.csrf_access_token, true])
    const refreshed = await request({
      method: 'POST',
      path: '/refresh',
      headers: [cookie(jar), ['X-CSRF-TOKEN', String(jar.csrf_refresh_token)]],
    })
    assert.equal(refreshed.status, 200, 'the refresh token stays')
  })

  test('answers with the CSRF value where it is not in a cookie', async t => {
    const { request } = await scene(t, { tokenLocation: ['cookies'], cookieSecure: false, csrfInCookies: false })
    const login = await request({ method: 'POST', path: '/login' })
    const headers = [cookie(jarOf(login)), ['X-CSRF-TOKEN', String(login.json.csrf_token)] as const]
    const { json } = await request({ method: 'POST', path: '/reauthenticate', headers })
    assert.equal(json.csrf_token, login.json.csrf_token)
  })

  test('refuses what no guard would let in, and tokens of no session, and emits refused', async t => {
    const { authx, clock, send } = await scene(t)
    const reasons: string[] = []
    authx.on('refused', ({ reason }) => void reasons.push(reason))
    const { json: login } = await send('/login')
    const { json: ended } = await send('/login')
    await send('/logout', ended.access_token)
    const REFUSED = [
      [undefined, 'MissingTokenError'],
      [`${login.access_token}x`, 'TokenInvalidSignatureError'],
      [login.refresh_token, 'AccessTokenRequiredError'],
      [ended.access_token, 'RevokedTokenError'],
      [authx.createAccessToken('ada', { fresh: true }), 'JWTDecodeError'],
      [authx.createAccessToken('ada', { sid: 'unknown' }), 'RevokedTokenError'],
      [authx.createAccessToken('eve', { sid: String(claimsOf(login.access_token).sid) }), 'RevokedTokenError'],
    ] as const
    for (const [token, error] of REFUSED)
      assert.deepEqual(verdict(await send('/reauthenticate', token)), [401, error], String(token))
    clock.now += 15 * MINUTE
    assert.deepEqual(verdict(await send('/reauthenticate', login.access_token)), [401, 'TokenExpiredError'])
    assert.equal(reasons.length, REFUSED.length + 1)
    assert.equal((await send('/refresh', login.refresh_token)).status, 200)
  })

  test('asks the store also where guards do not', async t => {
    const { authx, send } = await scene(t, { accessTokenRevocation: false })
    const { json } = await send('/login')
    await authx.revokeSession(String(claimsOf(json.access_token).sid))
    assert.equal((await send('/protected', json.access_token)).status, 200)
    assert.deepEqual(verdict(await send('/reauthenticate', json.access_token)), [401, 'RevokedTokenError'])
  })

  test('without a store is an error of the application that says so', async t => {
    const { authx, send } = await scene(t, { store: undefined })
    const { json } = await send('/login')
    assert.deepEqual(verdict(await send('/reauthenticate', json.access_token)), [500, 'BadConfigurationError'])
    await assert.rejects(authx.reauthenticate({} as never), { name: 'BadConfigurationError', message: /^.*store/s })
  })

  test('reports wrong options, and an await that is missing', async t => {
    const { authx } = await scene(t)
    const wrong = authx.reauthenticate({} as never, { arm: ['otp'] } as object)
    assert.throws(() => JSON.stringify(wrong), { name: 'TypeError', message: /await authx\.reauthenticate/ })
    await assert.rejects(wrong, { name: 'TypeError', message: /reauthenticate.*arm|arm.*reauthenticate/ })
  })

  test('writes once, and again after each conflict: no method and no refresh is lost', async t => {
    const store = new MemoryTokenStore()
    t.after(() => store.close())
    const { asked, send } = await scene(t, { store })
    const { json: login } = await send('/login')
    const { compareAndSet } = store
    let writes = 0
    let isLost = false
    store.compareAndSet = async (key, expected, value, expiresAt) => {
      writes++
      if (!isLost) {
        // Another request is faster: it refreshes the session between the read and this write.
        isLost = true
        assert.equal((await send('/refresh', login.refresh_token)).status, 200)
      }
      return compareAndSet.call(store, key, expected, value, expiresAt)
    }
    asked.again = { amr: ['otp'] }
    const { status, json } = await send('/reauthenticate', login.access_token)
    assert.deepEqual([status, claimsOf(json.access_token).gen, writes], [200, 0, 3])
    store.compareAndSet = compareAndSet
    const methods = ['hwk', 'face', 'sms', 'pin']
    const all = await Promise.all(methods.map(method => send(`/reauthenticate/${method}`, json.access_token)))
    assert.deepEqual([...new Set(all.map(({ status }) => status))], [200])
    const { json: replayed } = await send('/refresh', login.refresh_token)
    assert.deepEqual([claimsOf(replayed.access_token).amr].flat().sort(), [...methods, 'otp'].sort())
  })

  test('changes nothing if the store fails: 503', async t => {
    const store = new MemoryTokenStore()
    t.after(() => store.close())
    const { clock, send } = await scene(t, { store })
    const { json: login } = await send('/login')
    clock.now += MINUTE
    const { compareAndSet } = store
    store.compareAndSet = () => Promise.reject(new Error('down'))
    assert.deepEqual(verdict(await send('/reauthenticate', login.access_token)), [503, 'StoreUnavailableError'])
    store.compareAndSet = compareAndSet
    const { json } = await send('/refresh', login.refresh_token)
    assert.equal(claimsOf(json.access_token).auth_time, NOW)
  })
})

/** The cookies that a reply sets. */
const jarOf = ({ cookies }: Reply): Record<string, string> =>
  Object.fromEntries(cookies.map(line => (line.split(';', 1)[0] ?? '').split(/=(.*)/s, 2)))
