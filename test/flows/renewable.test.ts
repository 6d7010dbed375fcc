import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import { AuthX, type AuthXOptions, type RefreshOptions, type TokenPairOptions } from '../../src/index.js'
import { makeToken } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, cookie, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { type Asked, addLoginRoutes } from '../support/login-routes.js'
import { claimsOf, verdict } from './api.js'

const MINUTE = 60_000
const DAY = 86_400_000

/** A web application that renews access tokens in cookies; the test sets its clock. */
async function webApp(t: TestContext, options: AuthXOptions = {}) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const now = () => clock.now
  const authx = new AuthX({ secretKey: TEST_SECRET, store, tokenLocation: ['cookies'], now, ...options })
  const asked: Asked = {}
  const router = addLoginRoutes(new Router(), authx, asked)
  const send = await serve(t, appOf(authx.middleware(), authx.implicitRefresh()).use(router.routes()))

  const ask = (method: string, path: string, jar: Record<string, string>) =>
    send({ method, path, headers: [cookie(jar), ['X-CSRF-TOKEN', jar.csrf_access_token ?? '']] })

  /** The same cookies with what the response has set. */
  const browse = async (method: string, path: string, jar: Record<string, string> = {}) => {
    const reply = await ask(method, path, jar)
    const set = reply.cookies.map(line => (line.split(';', 1)[0] ?? '').split(/=(.*)/s).slice(0, 2))
    return { ...jar, ...(Object.fromEntries(set) as Record<string, string>) }
  }
  return {
    authx,
    clock,
    ask,
    browse,
    login(options: TokenPairOptions = {}) {
      asked.login = options
      return browse('POST', '/login')
    },
    refresh(jar: Record<string, string>, options: RefreshOptions = {}) {
      asked.refresh = options
      return browse('POST', '/refresh', jar)
    },
    /** The token that a page visit with this one gives; `undefined` if it gives none. */
    async renewed(token: string) {
      const jar = await browse('GET', '/protected', { access_token_cookie: token })
      return jar.access_token_cookie === token ? undefined : jar.access_token_cookie
    },
  }
}

describe('a token is not renewed', () => {
  const LIVES = ['1m', new Date(TEST_NOW + 5 * MINUTE), 900, '15m', '30d'] as const
  for (const expiry of LIVES) {
    test(`by createAccessToken with the expiry ${expiry instanceof Date ? 'of a Date' : expiry}, with and without sid`, async t => {
      const app = await webApp(t)
      const { access_token_cookie: own } = await app.login()
      const sid = String(claimsOf(own).sid)
      for (const options of [{ expiry }, { expiry, sid }]) {
        const token = app.authx.createAccessToken('ada', options)
        app.clock.now = Number(claimsOf(token).exp) * 1000 - 1000
        assert.equal(await app.renewed(token), undefined)
        app.clock.now = TEST_NOW
      }
    })
  }

  test('that createAccessToken and createTokenPair made without being asked for a renewable one', async t => {
    const app = await webApp(t)
    const { access_token } = await app.authx.createTokenPair('ada')
    const single = app.authx.createAccessToken('ada')
    app.clock.now += 14 * MINUTE
    assert.equal(await app.renewed(access_token), undefined)
    assert.equal(await app.renewed(single), undefined)
  })

  test('that login or refresh gave an explicit life, nor one after it with that life', async t => {
    const app = await webApp(t)
    const short = await app.login({ accessExpiry: '5m' })
    assert.equal(claimsOf(short.access_token_cookie).renewable, undefined)
    app.clock.now += 4 * MINUTE
    assert.equal(await app.renewed(String(short.access_token_cookie)), undefined)
    const whole = await app.login()
    assert.equal(claimsOf(whole.access_token_cookie).renewable, true)
    const refreshed = await app.refresh(whole, { expiry: '2m' })
    assert.equal(claimsOf(refreshed.access_token_cookie).renewable, undefined)
    app.clock.now += MINUTE
    assert.equal(await app.renewed(String(refreshed.access_token_cookie)), undefined)
  })

  test('that was issued before tokens said whether they may be renewed', async t => {
    const app = await webApp(t)
    const { access_token_cookie } = await app.login()
    const { renewable, ...claims } = claimsOf(access_token_cookie)
    assert.equal(renewable, true)
    const former = makeToken(app.authx, claims)
    app.clock.now += 14 * MINUTE
    assert.equal((await app.ask('GET', '/protected', { access_token_cookie: former })).status, 200)
    assert.equal(await app.renewed(former), undefined)
  })

  for (const renewable of [false, 'true', 1, null, {}]) {
    test(`whose claim renewable is ${JSON.stringify(renewable)}`, async t => {
      const app = await webApp(t)
      const token = makeToken(app.authx, { sub: 'ada', renewable })
      app.clock.now += 14 * MINUTE
      assert.equal(await app.renewed(token), undefined)
    })
  }

  test('where access tokens do not travel in cookies', async t => {
    const app = await webApp(t, { tokenLocation: { access: ['headers', 'cookies'], refresh: ['headers'] } })
    assert.equal(claimsOf((await app.login()).access_token_cookie).renewable, true)
    const api = new AuthX({ secretKey: TEST_SECRET, tokenLocation: { access: ['headers'], refresh: ['cookies'] } })
    const send = await serve(
      t,
      appOf(async ctx => {
        ctx.body = await api.login(ctx, 'ada')
      }),
    )
    assert.equal(claimsOf((await send()).json.access_token).renewable, undefined)
  })
})

describe('a token is renewed', () => {
  test('that login or refresh put into a cookie with the configured life, whatever its predecessor was', async t => {
    const app = await webApp(t)
    let jar = await app.login({ accessExpiry: '5m' })
    jar = await app.refresh(jar)
    assert.equal(claimsOf(jar.access_token_cookie).renewable, true)
    jar = await app.refresh(jar, { expiry: '5m' })
    assert.equal(claimsOf(jar.access_token_cookie).renewable, undefined)
    jar = await app.refresh(jar, { expiry: undefined })
    app.clock.now += 14 * MINUTE
    const renewed = await app.renewed(String(jar.access_token_cookie))
    assert.equal(claimsOf(renewed).renewable, true)
  })

  test('that was made for it, with an expiry of its own too, and its renewals have the configured life', async t => {
    const app = await webApp(t)
    const { sid } = claimsOf((await app.login()).access_token_cookie)
    const { access_token } = await app.authx.createTokenPair('ada', { renewable: true, accessExpiry: '1m' })
    const made = [
      app.authx.createAccessToken('ada', { renewable: true, expiry: '1m' }),
      app.authx.createAccessToken('ada', { renewable: true, expiry: '1m', sid: String(sid) }),
      access_token,
    ]
    for (const token of made) {
      assert.equal(claimsOf(token).exp, TEST_NOW / 1000 + 60)
      const renewed = await app.renewed(token)
      assert.deepEqual([claimsOf(renewed).exp, claimsOf(renewed).renewable], [TEST_NOW / 1000 + 900, true])
    }
  })

  test('with the scopes, audience and claims that a refresh has given it, and never fresh', async t => {
    const app = await webApp(t, { decodeAudience: 'web' })
    const jar = await app.login({ scopes: ['a:*'], audience: 'web', data: { role: 'admin' } })
    const { access_token_cookie: narrow } = await app.refresh(jar, { scopes: ['a:read'], data: { role: 'guest' } })
    app.clock.now += 14 * MINUTE
    const { scopes, aud, role, fresh } = claimsOf(await app.renewed(String(narrow)))
    assert.deepEqual([scopes, aud, role, fresh], [['a:read'], 'web', 'guest', false])
  })
})

describe('an explicit life of the refresh token', () => {
  test('ends the renewals of its session', async t => {
    const app = await webApp(t)
    let { access_token_cookie: token } = await app.login({ refreshExpiry: '20m' })
    app.clock.now += 14 * MINUTE
    token = await app.renewed(String(token))
    assert.equal(claimsOf(token).exp, TEST_NOW / 1000 + 20 * 60)
    app.clock.now += 5 * MINUTE
    assert.equal(await app.renewed(String(token)), undefined)
  })

  test('is not outlived without a store either, by the tokens of a refresh neither', async t => {
    const app = await webApp(t, { store: undefined })
    const jar = await app.login({ refreshExpiry: '20m' })
    const refreshed = await app.refresh(jar)
    assert.notEqual(refreshed.access_token_cookie, jar.access_token_cookie)
    app.clock.now += 14 * MINUTE
    for (const { access_token_cookie } of [jar, refreshed]) {
      assert.equal(await app.renewed(String(access_token_cookie)), undefined)
    }
  })

  for (const options of [{}, { sessionExpires: '5d' }]) {
    test(`that was not given lets tokens be renewed without a store: ${JSON.stringify(options)}`, async t => {
      const app = await webApp(t, { store: undefined, ...options })
      const jar = await app.login()
      const refreshed = await app.refresh(jar)
      app.clock.now += 14 * MINUTE
      assert.equal(claimsOf(await app.renewed(String(jar.access_token_cookie))).renewable, true)
      // Its renewals would be counted from the refresh, and not from the login.
      assert.equal(await app.renewed(String(refreshed.access_token_cookie)), undefined)
    })
  }

  test('a refresh without a store reaches no further than sessionExpires after the login', async t => {
    const app = await webApp(t, { store: undefined, sessionExpires: '1h' })
    const jar = await app.login()
    app.clock.now += 50 * MINUTE
    const refreshed = await app.refresh(jar)
    assert.equal(claimsOf(refreshed.access_token_cookie).exp, TEST_NOW / 1000 + 60 * 60)
  })
})

describe('what has ended', () => {
  test('stays so, whatever the token says: a token of a session, and one that names none', async t => {
    const app = await webApp(t)
    const jar = await app.login()
    const single = app.authx.createAccessToken('ada', { renewable: true })
    const ofSession = app.authx.createAccessToken('ada', {
      renewable: true,
      sid: String(claimsOf(jar.access_token_cookie).sid),
    })
    assert.equal((await app.ask('POST', '/logout', jar)).status, 204)
    await app.authx.revoke(single)
    app.clock.now += 14 * MINUTE
    for (const token of [single, ofSession]) {
      const reply = await app.ask('GET', '/protected', { access_token_cookie: token })
      assert.deepEqual([...verdict(reply), reply.cookies], [401, 'RevokedTokenError', []])
    }
  })

  /** Until when the store keeps what `revoke` wrote about a single token, counted from now. */
  async function kept(t: TestContext, options: { renewable?: boolean; expiry?: string }) {
    const store = new MemoryTokenStore()
    t.after(() => store.close())
    const ends: number[] = []
    const write = store.compareAndSet.bind(store)
    store.compareAndSet = (key, expected, value, expiresAt) => {
      ends.push(expiresAt.getTime() - Date.now())
      return write(key, expected, value, expiresAt)
    }
    const authx = new AuthX({ secretKey: TEST_SECRET, store, tokenLocation: ['cookies'], now: () => TEST_NOW })
    await authx.revoke(authx.createAccessToken('ada', options))
    return Number(ends[0])
  }

  test('is remembered for as long as a renewal could live, and not longer for what is never renewed', async t => {
    assert.ok((await kept(t, { renewable: true })) > 89 * DAY)
    assert.ok((await kept(t, { renewable: true, expiry: '1m' })) > 89 * DAY)
    assert.ok((await kept(t, {})) < 30 * MINUTE)
    assert.ok((await kept(t, { expiry: '1m' })) < 15 * MINUTE)
  })
})

describe('the claim renewable', () => {
  const authx = new AuthX({ secretKey: TEST_SECRET, tokenLocation: ['cookies'], store: new MemoryTokenStore() })

  test('cannot be set by data', async () => {
    const data = { renewable: true }
    assert.throws(() => authx.createAccessToken('ada', { data }), TypeError)
    assert.throws(() => authx.createRefreshToken('ada', { data }), TypeError)
    await assert.rejects(authx.createTokenPair('ada', { data }), TypeError)
    assert.throws(() => new AuthX({ secretKey: TEST_SECRET, identityClaim: 'renewable' }), {
      name: 'BadConfigurationError',
    })
  })

  test('cannot be set by data of login and refresh', async t => {
    const app = await webApp(t)
    const jar = await app.login()
    const { status } = await app.ask('POST', '/login', {})
    assert.equal(status, 200)
    assert.deepEqual(await app.login({ data: { renewable: true } }), {})
    assert.equal((await app.refresh(jar, { data: { renewable: true } })).access_token_cookie, jar.access_token_cookie)
  })

  test('is asked for with true or false, and of access tokens only', async () => {
    for (const renewable of ['yes', 1, null]) {
      assert.throws(() => authx.createAccessToken('ada', { renewable } as never), TypeError)
      await assert.rejects(authx.createTokenPair('ada', { renewable } as never), TypeError)
    }
    assert.throws(() => authx.createRefreshToken('ada', { renewable: true } as never), TypeError)
    assert.equal(claimsOf(authx.createAccessToken('ada', { renewable: false })).renewable, undefined)
    const { refresh_token } = await authx.createTokenPair('ada', { renewable: true })
    assert.equal(claimsOf(refresh_token).renewable, undefined)
  })

  test('of a refresh token gives nothing to the access token that it pays for', async t => {
    const app = await webApp(t)
    const jar = await app.login()
    const refresh_token_cookie = makeToken(app.authx, { ...claimsOf(jar.refresh_token_cookie), renewable: true })
    const refreshed = await app.refresh({ ...jar, refresh_token_cookie }, { expiry: '1m' })
    assert.notEqual(refreshed.access_token_cookie, jar.access_token_cookie)
    assert.equal(claimsOf(refreshed.access_token_cookie).renewable, undefined)
  })

  test('can be refused to a login', async t => {
    const app = await webApp(t)
    assert.equal(claimsOf((await app.login({ renewable: false })).access_token_cookie).renewable, undefined)
  })
})
