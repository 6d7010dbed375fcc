import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, type TestContext, test } from 'node:test'
import Router from '@koa/router'
import { AuthX, type AuthXOptions, type SubjectClaims, type TokenPairOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, cookie, type Reply, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { addLoginRoutes } from '../support/login-routes.js'
import { claimsOf, verdict } from './api.js'

const MINUTE = 60_000

/** A web application whose access tokens are renewed ten minutes before their end. */
async function webApp(t: TestContext, options: AuthXOptions = {}, loginOptions: TokenPairOptions = {}) {
  const clock = { now: TEST_NOW }
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const authx = new AuthX({
    secretKey: TEST_SECRET,
    store,
    tokenLocation: ['cookies'],
    now: () => clock.now,
    ...options,
  })
  const router = addLoginRoutes(new Router(), authx, { login: loginOptions })
  router.get('/logout-elsewhere', authx.accessTokenRequired(), async ctx => {
    await authx.revokeSession(String(ctx.state.token.sid))
    ctx.status = 204
  })
  router.get('/unset', async ctx => {
    authx.unsetCookies(ctx)
    ctx.status = 204
  })
  router.get('/shared', ctx => {
    ctx.set('Cache-Control', 'public, max-age=60')
    ctx.body = 'for everybody'
  })
  router.get('/cdn', ctx => {
    ctx.set('CDN-Cache-Control', 'max-age=60')
    ctx.body = 'for everybody behind the CDN'
  })
  router.get('/slow', ctx => {
    clock.now += 15 * MINUTE
    ctx.body = 'at last'
  })
  router.get('/broken', () => {
    throw new Error('the application failed')
  })
  const send = await serve(t, appOf(authx.middleware(), authx.implicitRefresh()).use(router.routes()))
  const jar: Record<string, string> = {}
  /** A browser: sends what it holds, keeps what it is given. */
  const browse = async (method: string, path: string): Promise<Reply> => {
    const headers = [cookie(jar), ['X-CSRF-TOKEN', jar.csrf_access_token ?? ''] as const]
    const reply = await send({ method, path, headers })
    for (const line of reply.cookies) {
      const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split(/=(.*)/s)
      jar[name] = value
    }
    return reply
  }
  return { authx, clock, jar, browse, store }
}

describe('an access token in a cookie', () => {
  test('is renewed when its end is near, and not before', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    const first = app.jar.access_token_cookie
    app.clock.now += 5 * MINUTE
    assert.deepEqual((await app.browse('GET', '/protected')).cookies, [])
    app.clock.now += 1000
    const page = await app.browse('GET', '/protected')
    assert.equal(page.status, 200)
    assert.notEqual(app.jar.access_token_cookie, first)
    assert.equal(claimsOf(app.jar.access_token_cookie).exp, Math.floor(app.clock.now / 1000) + 900)
    assert.equal(page.headers['cache-control'], 'no-store')
  })

  test('is renewed again and again, and the CSRF value stays', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    const { csrf_access_token } = app.jar
    for (let round = 0; round < 10; round++) {
      app.clock.now += 14 * MINUTE
      assert.equal((await app.browse('GET', '/protected')).status, 200)
    }
    assert.equal(app.jar.csrf_access_token, csrf_access_token)
    assert.equal((await app.browse('POST', '/logout')).status, 204)
  })

  test('keeps session, scopes, audience and custom claims, and is never fresh', async t => {
    const options = { scopes: ['a:*'], data: { role: 'admin' }, audience: ['web'] }
    const app = await webApp(t, { decodeAudience: 'web' }, options)
    await app.browse('POST', '/login')
    const before = claimsOf(app.jar.access_token_cookie)
    assert.equal(before.fresh, true)
    app.clock.now += 10 * MINUTE
    await app.browse('GET', '/protected')
    const after = claimsOf(app.jar.access_token_cookie)
    const changed = Object.keys(after).filter(name => JSON.stringify(after[name]) !== JSON.stringify(before[name]))
    assert.deepEqual(changed.sort(), ['exp', 'fresh', 'iat', 'jti', 'nbf'])
    assert.equal(after.fresh, false)
  })

  test('is not renewed beyond the absolute end of its session', async t => {
    const app = await webApp(t, { sessionExpires: '20m' })
    await app.browse('POST', '/login')
    app.clock.now += 14 * MINUTE
    await app.browse('GET', '/protected')
    assert.equal(claimsOf(app.jar.access_token_cookie).exp, TEST_NOW / 1000 + 20 * 60)
    app.clock.now += 5 * MINUTE
    assert.deepEqual((await app.browse('GET', '/protected')).cookies, [])
    app.clock.now += MINUTE
    assert.equal((await app.browse('GET', '/protected')).status, 401)
  })

  test('is not renewed once it has expired', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    app.clock.now += 15 * MINUTE
    const reply = await app.browse('GET', '/protected')
    assert.deepEqual(verdict(reply), [401, 'TokenExpiredError'])
    assert.deepEqual(reply.cookies, [])
  })

  test('is not renewed when it, or its session, has been revoked, by this very request too', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    const { sid } = claimsOf(app.jar.access_token_cookie)
    assert.deepEqual((await app.browse('GET', '/logout-elsewhere')).cookies, [])
    assert.equal(await app.authx.getSession(String(sid)), undefined)
    const shared = await app.browse('GET', '/unknown')
    assert.deepEqual(shared.cookies, [])
  })

  test('is asked about even where guards do not ask the store', async t => {
    const app = await webApp(t, { accessTokenRevocation: false })
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    await app.authx.revoke(String(app.jar.access_token_cookie))
    const page = await app.browse('GET', '/protected')
    assert.equal(page.status, 200)
    assert.deepEqual(page.cookies, [])
  })

  test('is not renewed while the store is away', async t => {
    const app = await webApp(t, { accessTokenRevocation: false })
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    await app.store.close()
    const page = await app.browse('GET', '/protected')
    assert.equal(page.status, 200)
    assert.deepEqual(page.cookies, [])
  })
})

describe('a response', () => {
  test('that clears the cookies is left as it is', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    assert.ok((await app.browse('GET', '/unset')).cookies.every(line => /^\w+=;/.test(line)))
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    const logout = await app.browse('POST', '/logout')
    assert.equal(logout.status, 204)
    assert.equal(logout.cookies.length, 4)
    assert.ok(logout.cookies.every(line => /^\w+=;/.test(line)))
  })

  test('that sets them by itself is left as it is', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    assert.equal(
      (await app.browse('POST', '/refresh')).cookies.filter(line => line.startsWith('access_token_cookie')).length,
      1,
    )
  })

  test('that caches may hand to others gets no token', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    const shared = await app.browse('GET', '/shared')
    assert.deepEqual([shared.cookies, shared.headers['cache-control']], [[], 'public, max-age=60'])
    assert.deepEqual((await app.browse('GET', '/cdn')).cookies, [])
  })

  test('of an application that failed stays a failure', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    const broken = await app.browse('GET', '/broken')
    assert.deepEqual([broken.status, broken.cookies], [500, []])
  })
})

test('a token that expires while the handlers work is not renewed', async t => {
  const app = await webApp(t)
  await app.browse('POST', '/login')
  app.clock.now += 10 * MINUTE
  const slow = await app.browse('GET', '/slow')
  assert.deepEqual([slow.status, slow.cookies], [200, []])
})

describe('routes and methods', () => {
  test('HEAD is judged as the GET that it stands for', async t => {
    const app = await webApp(t, { implicitRefreshMethodExclude: ['GET'] })
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    assert.deepEqual((await app.browse('HEAD', '/protected')).cookies, [])
  })

  for (const path of ['/protected', '/protected/', '/PROTECTED', '/pro%74ected']) {
    test(`an excluded route is excluded as ${path} too`, async t => {
      const app = await webApp(t, { implicitRefreshRouteExclude: ['/protected'] })
      await app.browse('POST', '/login')
      app.clock.now += 10 * MINUTE
      assert.deepEqual((await app.browse('GET', path)).cookies, [])
    })
  }

  test('what is excluded is excluded, whatever is included', async t => {
    const lists = { implicitRefreshRouteInclude: ['/protected'], implicitRefreshMethodExclude: ['GET'] }
    const app = await webApp(t, lists)
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    assert.deepEqual((await app.browse('GET', '/protected')).cookies, [])
  })

  test('what is included is renewed', async t => {
    const app = await webApp(t, { implicitRefreshRouteInclude: ['/protected'], implicitRefreshMethodInclude: ['GET'] })
    await app.browse('POST', '/login')
    app.clock.now += 10 * MINUTE
    assert.equal((await app.browse('GET', '/protected')).cookies.length, 2)
  })
})

describe('a token that names no session', () => {
  /** AuthX's recipe: an access token made by hand, put into its cookie. */
  async function lone(t: TestContext, options: AuthXOptions = {}) {
    const app = await webApp(t, options)
    app.jar.access_token_cookie = app.authx.createAccessToken('ada', { renewable: true })
    return app
  }

  test('is renewed under its own id, and keeps its age', async t => {
    const app = await lone(t)
    const before = claimsOf(app.jar.access_token_cookie)
    app.clock.now += 10 * MINUTE
    await app.browse('GET', '/protected')
    const { jti, iat, exp } = claimsOf(app.jar.access_token_cookie)
    assert.deepEqual([jti, iat, exp], [before.jti, before.iat, app.clock.now / 1000 + 900])
  })

  test('is revoked with all its renewals, for as long as any of them could live', async t => {
    const app = await lone(t)
    const first = String(app.jar.access_token_cookie)
    for (let round = 0; round < 4; round++) {
      app.clock.now += 14 * MINUTE
      await app.browse('GET', '/protected')
    }
    const kept: Date[] = []
    const write = app.store.compareAndSet.bind(app.store)
    app.store.compareAndSet = (key, expected, value, expiresAt) => {
      kept.push(expiresAt)
      return write(key, expected, value, expiresAt)
    }
    const life = TEST_NOW + 90 * 86_400_000 - app.clock.now
    await app.authx.revoke(first)
    assert.equal(kept.length, 1)
    assert.ok(Number(kept[0]) > Date.now() + life, 'the tombstone outlives every renewal')
    assert.deepEqual(verdict(await app.browse('GET', '/protected')), [401, 'RevokedTokenError'])
  })

  test('is not renewed beyond the life of a session, counted from its own issue', async t => {
    const app = await lone(t, { sessionExpires: '20m' })
    app.clock.now += 14 * MINUTE
    await app.browse('GET', '/protected')
    assert.equal(claimsOf(app.jar.access_token_cookie).exp, TEST_NOW / 1000 + 20 * 60)
    app.clock.now += 5 * MINUTE
    assert.deepEqual((await app.browse('GET', '/protected')).cookies, [])
  })

  test('is renewed without a store too; one of a session is not', async t => {
    const app = await lone(t, { store: undefined })
    app.clock.now += 10 * MINUTE
    assert.equal((await app.browse('GET', '/protected')).cookies.length, 2)
    app.jar.access_token_cookie = app.authx.createAccessToken('ada', {
      renewable: true,
      sid: 'of-somewhere-else',
      expiry: '1m',
    })
    assert.deepEqual((await app.browse('GET', '/protected')).cookies, [])
  })
})

test('a token from a header is never renewed', async t => {
  const authx = new AuthX({ secretKey: TEST_SECRET, tokenLocation: ['headers', 'cookies'], now: () => TEST_NOW })
  const send = await serve(t, appOf(authx.implicitRefresh(), authx.accessTokenRequired() as never))
  const token = authx.createAccessToken('ada', { renewable: true, expiry: '1m' })
  const { cookies } = await send({ headers: [['Authorization', `Bearer ${token}`]] })
  assert.deepEqual(cookies, [])
})

test('implicitRefresh says at once that there are no cookies to renew, or no key to sign them with', () => {
  const authx = new AuthX({ secretKey: TEST_SECRET })
  assert.throws(() => authx.implicitRefresh(), { name: 'BadConfigurationError' })
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const verifier = new AuthX({ algorithm: 'ES256', publicKey, tokenLocation: ['cookies'] })
  assert.throws(() => verifier.implicitRefresh(), { name: 'BadConfigurationError' })
})

describe('with a claims getter', () => {
  test('a renewed access token has the claims of this moment', async t => {
    const app = await webApp(t)
    const asked: unknown[] = []
    let claims: SubjectClaims | undefined = { scopes: ['admin:*'], data: { role: 'admin' } }
    app.authx.setClaimsGetter((_sub, { reason, context }) => {
      asked.push([reason, context])
      return claims
    })
    await app.browse('POST', '/login')
    claims = { data: { role: 'reader' } }
    app.clock.now += 6 * MINUTE
    await app.browse('GET', '/protected')
    const { role, scopes } = claimsOf(app.jar.access_token_cookie)
    assert.deepEqual([role, scopes], ['reader', undefined])
    assert.deepEqual(asked, [
      ['login', undefined],
      ['implicitRefresh', undefined],
    ])
  })

  for (const getter of ['claims getter', 'subject getter']) {
    test(`a deleted user gets the answer of the handler, and then the login is over (${getter})`, async t => {
      const app = await webApp(t)
      let user: object | undefined = {}
      if (getter === 'claims getter') app.authx.setClaimsGetter(() => user)
      else app.authx.setSubjectGetter(() => user)
      await app.browse('POST', '/login')
      const token = app.jar.access_token_cookie
      user = undefined
      app.clock.now += 6 * MINUTE
      assert.equal((await app.browse('GET', '/protected')).status, 200)
      assert.deepEqual(new Set(Object.values(app.jar)), new Set(['']))
      await assert.rejects(app.authx.verifyToken(String(token)), { name: 'RevokedTokenError' })
    })
  }

  test('that fails, nothing is renewed and nothing is revoked', async t => {
    const app = await webApp(t)
    await app.browse('POST', '/login')
    const token = app.jar.access_token_cookie
    app.authx.setClaimsGetter(() => Promise.reject(new Error('down')))
    app.clock.now += 6 * MINUTE
    assert.equal((await app.browse('GET', '/protected')).status, 200)
    assert.equal(app.jar.access_token_cookie, token)
  })
})
