import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { koaBody } from 'koa-body'
import { newestOfEachSession } from '../../src/authenticate/candidates.js'
import { AuthX, type AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, cookie, makeAuthX, type Reply, type Sent, serve, TEST_NOW, TEST_SECRET } from '../support/app.js'
import { Browser } from '../support/cookie-browser.js'

const base = { tokenLocation: ['cookies'], cookieSecure: false } satisfies AuthXOptions

type Test = Parameters<typeof serve>[0]

/** Two deployments of one application, one after the other: the same key and store, other options about cookies. */
async function deployments(t: Test, before: AuthXOptions, after: AuthXOptions) {
  const store = new MemoryTokenStore()
  const browser = new Browser('app.example.com')
  const visitsTo = async (options: AuthXOptions) => {
    const send = await serve(t, applicationOf(makeAuthX({ ...base, store, ...options })))
    return async (path: string, method = 'GET'): Promise<Reply> => {
      const headers = browser.headersFor(path, method === 'GET' ? undefined : 'csrf_refresh_token')
      const reply = await send({ method, path, headers })
      browser.take(reply.cookies, path)
      return reply
    }
  }
  return { browser, old: await visitsTo(before), present: await visitsTo(after) }
}

function applicationOf(authx: AuthX) {
  return appOf(koaBody(), authx.middleware(), async ctx => {
    const path = ctx.path.replace(/^\/api/, '')
    if (path === '/login') ctx.body = await authx.login(ctx, 'test')
    else if (path === '/refresh') ctx.body = await authx.refresh(ctx)
    else if (path === '/logout') {
      await authx.logout(ctx)
      ctx.status = 204
    } else {
      await authx.accessTokenRequired()(ctx as never, async () => {
        ctx.body = 'in'
      })
    }
  })
}

const CHANGES: readonly [what: string, before: AuthXOptions, after: AuthXOptions][] = [
  ['cookieDomain is added', {}, { cookieDomain: 'example.com' }],
  ['cookieDomain is taken away', { cookieDomain: 'example.com' }, { formerCookies: [{ domain: 'example.com' }] }],
  [
    'cookieDomain is widened',
    { cookieDomain: 'app.example.com' },
    { cookieDomain: 'example.com', formerCookies: [{ domain: 'app.example.com' }] },
  ],
  [
    'the paths are narrowed',
    {},
    {
      accessCookiePath: '/api',
      refreshCookiePath: '/api',
      accessCsrfCookiePath: '/api',
      refreshCsrfCookiePath: '/api',
      formerCookies: [{ path: '/' }],
    },
  ],
  [
    'the paths are widened',
    {
      accessCookiePath: '/api',
      refreshCookiePath: '/api',
      accessCsrfCookiePath: '/api',
      refreshCsrfCookiePath: '/api',
    },
    { formerCookies: [{ path: '/api' }] },
  ],
  [
    'domain and path change together',
    {
      accessCookiePath: '/api',
      refreshCookiePath: '/api',
      accessCsrfCookiePath: '/api',
      refreshCsrfCookiePath: '/api',
    },
    { cookieDomain: 'example.com', formerCookies: [{ path: '/api' }] },
  ],
]

describe('after a change of the domain or the paths of cookies', () => {
  test('who logs in again is served, refreshed and logged out', async t => {
    for (const [what, before, after] of CHANGES) {
      const { browser, old, present } = await deployments(t, before, after)
      await old('/api/login', 'POST')
      assert.equal((await present('/api/login', 'POST')).status, 200, what)
      assert.equal((await present('/api/page')).status, 200, what)
      assert.equal((await present('/api/page', 'POST')).status, 200, what)
      assert.equal((await present('/api/refresh', 'POST')).status, 200, what)
      assert.equal((await present('/api/page')).status, 200, what)
      assert.equal((await present('/api/logout', 'POST')).status, 204, what)
      assert.deepEqual(browser.names(), [], what)
    }
  })

  test('who is logged in stays so, and no former cookie is left', async t => {
    for (const [what, before, after] of CHANGES) {
      const { browser, old, present } = await deployments(t, before, after)
      await old('/api/login', 'POST')
      assert.equal((await present('/api/page')).status, 200, what)
      assert.equal((await present('/api/refresh', 'POST')).status, 200, what)
      assert.equal(browser.names().length, 4, what)
      assert.equal((await present('/api/page', 'POST')).status, 200, what)
      assert.equal((await present('/api/logout', 'POST')).status, 204, what)
      assert.deepEqual(browser.names(), [], what)
    }
  })

  test('a request with two live logins is refused once, and then served', async t => {
    const { browser, old, present } = await deployments(t, {}, { cookieDomain: 'example.com' })
    await present('/login', 'POST')
    // The old deployment is still running beside the new one, and logs in once more. Without the CSRF value, the login
    // does not end the first session.
    await old('/login')
    assert.equal(browser.names().length, 8)
    const refused = await present('/page')
    assert.deepEqual([refused.status, refused.json.error_type], [400, 'MalformedTokenRequestError'])
    assert.equal((await present('/page')).status, 200)
  })
})

test('a login of another deployment ends the login before it, so that only one is live', async t => {
  const { browser, old, present } = await deployments(t, {}, { cookieDomain: 'example.com' })
  await present('/login', 'POST')
  await old('/login', 'POST')
  assert.equal(browser.names().length, 8)
  assert.equal((await present('/page')).status, 200)
})

describe('of several cookies of one name', () => {
  const HEADER = 'access_token_cookie'
  const ask = async (t: Test, authx: AuthX, values: readonly string[], sent: Sent = {}) => {
    const client = await serve(t, applicationOf(authx))
    const line = values.map(value => `${HEADER}=${value}`).join('; ')
    const { status, json } = await client({
      path: '/page',
      ...sent,
      headers: [['Cookie', line], ...(sent.headers ?? [])],
    })
    return status === 200 ? 'in' : `${status} ${json.error_type}`
  }
  const scene = (options: AuthXOptions = {}) => {
    const clock = { now: TEST_NOW }
    const store = new MemoryTokenStore()
    const authx = new AuthX({ ...base, ...options, secretKey: TEST_SECRET, store, now: () => clock.now })
    return { authx, clock, login: async () => (await authx.createTokenPair('test')).access_token }
  }

  test('what is no token counts for nothing beside one that is valid, in any order', async t => {
    const { authx, login } = scene()
    const good = await login()
    const foreign = makeAuthX({ ...base, secretKey: TEST_SECRET.toUpperCase() }).createAccessToken('test')
    for (const junk of ['junk', foreign, authx.createRefreshToken('test'), `${good}x`, 'a.b.c']) {
      assert.equal(await ask(t, authx, [junk, good]), 'in')
      assert.equal(await ask(t, authx, [good, junk]), 'in')
    }
    assert.equal(await ask(t, authx, ['a', 'b', good, 'c', 'd']), 'in')
    assert.equal(await ask(t, authx, ['a', 'b', good, 'c', 'd', 'e']), '400 MalformedTokenRequestError')
  })

  test('the first reason is the answer if none is valid, and an end that a refresh mends comes before', async t => {
    const { authx, login, clock } = scene()
    const expired = await login()
    clock.now += 3_600_000
    assert.equal(await ask(t, authx, ['junk', 'rubbish']), '401 JWTDecodeError')
    assert.equal(await ask(t, authx, ['junk', expired]), '401 TokenExpiredError')
    assert.equal(await ask(t, authx, [expired, await login()]), 'in')
  })

  test('two valid ones of two sessions are refused, and one that has been revoked is none', async t => {
    const { authx, login } = scene()
    const [one, other] = [await login(), await login()]
    assert.equal(await ask(t, authx, [one, other]), '400 MalformedTokenRequestError')
    await authx.revoke(one)
    assert.equal(await ask(t, authx, [one, other]), 'in')
    assert.equal(await ask(t, authx, [other, one]), 'in')
    await authx.revoke(other)
    assert.equal(await ask(t, authx, [one, other]), '401 RevokedTokenError')
  })

  for (const accessTokenRevocation of [true, false]) {
    test(`the live one of two sessions is taken, in any order (accessTokenRevocation: ${accessTokenRevocation})`, async t => {
      const authx = makeAuthX({ ...base, store: new MemoryTokenStore(), accessTokenRevocation })
      const login = async () => (await authx.createTokenPair('test')).access_token
      const [one, other] = [await login(), await login()]
      assert.equal(await ask(t, authx, [one, other]), '400 MalformedTokenRequestError')
      await authx.revoke(one)
      assert.equal(await ask(t, authx, [one, other]), 'in')
      assert.equal(await ask(t, authx, [other, one]), 'in')
      await authx.revoke(other)
      assert.equal(await ask(t, authx, [one, other]), '401 RevokedTokenError')
    })
  }

  test('two live ones of two sessions are refused where there is no store', async t => {
    const stored = makeAuthX({ ...base, store: new MemoryTokenStore() })
    const [one, other] = [await stored.createTokenPair('test'), await stored.createTokenPair('test')]
    const stateless = makeAuthX(base)
    assert.equal(await ask(t, stateless, [one.access_token, other.access_token]), '400 MalformedTokenRequestError')
  })

  describe('a refresh token that has been used up is reuse, in any order', () => {
    /** A refresh token that has been used up, one of an ended session, and what happens at a refresh. */
    async function refreshScene(t: Test) {
      // With recovery, a used-up token whose successor nobody has used is valid.
      const { authx, clock } = scene({ refreshRecovery: 0 })
      const reused: unknown[] = []
      authx.on('reuse', ({ sid }) => reused.push(sid))
      const client = await serve(t, applicationOf(authx))
      const useUp = async () => {
        const { refresh_token } = await authx.createTokenPair('test')
        const csrf = String(authx.getCsrfToken(refresh_token))
        await client({
          method: 'POST',
          path: '/refresh',
          headers: [cookie({ refresh_token_cookie: refresh_token }), ['X-CSRF-TOKEN', csrf]],
        })
        const { sid } = await authx.verifyToken(refresh_token, { type: 'refresh' })
        return { token: refresh_token, csrf, sid }
      }
      const refresh = async (tokens: readonly string[], csrf: string) => {
        const line = tokens.map(token => `refresh_token_cookie=${token}`).join('; ')
        const headers = [['Cookie', line] as const, ['X-CSRF-TOKEN', csrf] as const]
        const { status, json } = await client({ method: 'POST', path: '/refresh', headers })
        return status === 200 ? 'in' : `${status} ${json.error_type}`
      }
      return { authx, clock, reused, useUp, refresh }
    }

    for (const swapped of [false, true]) {
      const ordered = <T>(list: T[]) => (swapped ? list.reverse() : list)

      test(`beside a token of an ended session (swapped: ${swapped})`, async t => {
        const { authx, clock, reused, useUp, refresh } = await refreshScene(t)
        const ended = (await authx.createTokenPair('test')).refresh_token
        await authx.revoke(ended)
        const used = await useUp()
        clock.now += 60_000
        assert.equal(await refresh(ordered([ended, used.token]), used.csrf), '401 ReusedTokenError')
        assert.deepEqual(reused, [used.sid])
      })

      test(`beside another that has been used up: the later login is ended (swapped: ${swapped})`, async t => {
        const { clock, reused, useUp, refresh } = await refreshScene(t)
        const earlier = await useUp()
        clock.now += 5000
        const later = await useUp()
        clock.now += 60_000
        assert.equal(await refresh(ordered([earlier.token, later.token]), later.csrf), '401 ReusedTokenError')
        assert.deepEqual(reused, [later.sid])
      })

      test(`but not beside one of a live session (swapped: ${swapped})`, async t => {
        const { authx, clock, reused, useUp, refresh } = await refreshScene(t)
        const used = await useUp()
        clock.now += 60_000
        const { refresh_token } = await authx.createTokenPair('test')
        const csrf = String(authx.getCsrfToken(refresh_token))
        assert.equal(await refresh(ordered([used.token, refresh_token]), csrf), 'in')
        assert.deepEqual(reused, [])
      })

      test(`and nobody's where all sessions have ended (swapped: ${swapped})`, async t => {
        const { authx, reused, refresh } = await refreshScene(t)
        const tokens: string[] = []
        for (let n = 0; n < 2; n++) tokens.push((await authx.createTokenPair('test')).refresh_token)
        for (const token of tokens) await authx.revoke(token)
        const refused = await refresh(ordered(tokens), String(authx.getCsrfToken(String(tokens[0]))))
        assert.equal(refused, '401 RevokedTokenError')
        assert.deepEqual(reused, [])
      })
    }
  })

  test('a CSRF value has to fit the one that is taken', async t => {
    const { authx, clock } = scene()
    const old = authx.createAccessToken('test', { sid: 's' })
    clock.now += 5000
    const store = new MemoryTokenStore()
    const stateless = makeAuthX({ ...base, store, accessTokenRevocation: false, now: () => clock.now })
    const young = stateless.createAccessToken('test', { sid: 's' })
    const post = (csrf: string | undefined): Sent => ({ method: 'POST', headers: [['X-CSRF-TOKEN', String(csrf)]] })
    assert.equal(await ask(t, stateless, [old, young], post(stateless.getCsrfToken(young))), 'in')
    assert.equal(await ask(t, stateless, [old, young], post(stateless.getCsrfToken(old))), '403 CSRFError')
  })

  test('a refresh takes the one of the highest generation, and reports no reuse of the other', async t => {
    const { authx, clock } = scene()
    const reused: unknown[] = []
    authx.on('reuse', event => reused.push(event))
    const client = await serve(t, applicationOf(authx))
    const first = await client({ method: 'POST', path: '/login' })
    const jar = (reply: Reply) =>
      Object.fromEntries(reply.cookies.map(line => (line.split(';')[0] ?? '').split(/=(.*)/s, 2))) as Record<
        string,
        string
      >
    const csrf = ['X-CSRF-TOKEN', String(jar(first).csrf_refresh_token)] as const
    const second = await client({ method: 'POST', path: '/refresh', headers: [cookie(jar(first)), csrf] })
    clock.now += 60_000
    const both = `refresh_token_cookie=${jar(first).refresh_token_cookie}; refresh_token_cookie=${jar(second).refresh_token_cookie}`
    const third = await client({ method: 'POST', path: '/refresh', headers: [['Cookie', both], csrf] })
    assert.equal(third.status, 200)
    assert.deepEqual(reused, [])
  })

  test('getTokenFromRequest gives the one that a guard takes, and refuses to guess among others', async t => {
    const { authx, login } = scene()
    const [good, other] = [await login(), await login()]
    const find = await serve(
      t,
      appOf(authx.middleware(), ctx => {
        ctx.body = { token: authx.getTokenFromRequest(ctx)?.token }
      }),
    )
    const found = async (...values: string[]) => {
      const { status, json } = await find({ headers: [['Cookie', values.map(each => `${HEADER}=${each}`).join('; ')]] })
      return status === 200 ? json.token : status
    }
    assert.equal(await found('junk', good), good)
    assert.equal(await found('junk', 'rubbish'), 400)
    assert.equal(await found('a', 'b', 'c', 'd', 'e', 'f'), 400)
    assert.equal(await found('a', 'b', 'c', 'd', good), good)
    assert.equal(await found('a', 'b', 'c', 'd', 'e', good), 400)
    assert.equal(await found(good, other), 400)
  })
})

test('of the tokens of one session the newest is the one of the highest generation, then the latest issue and end', () => {
  const token = (claims: object) => ({ payload: { sub: 'test', type: 'access', jti: 'j', ...claims } as never })
  const table: [older: object, newer: object][] = [
    [
      { sid: 's', gen: 1, iat: 9, exp: 9 },
      { sid: 's', gen: 2, iat: 5, exp: 5 },
    ],
    [
      { sid: 's', gen: 2, iat: 1, exp: 9 },
      { sid: 's', gen: 2, iat: 2, exp: 5 },
    ],
    [
      { sid: 's', iat: 1, exp: 5 },
      { sid: 's', iat: 1, exp: 6 },
    ],
    [
      { iat: 1, exp: 5 },
      { iat: 1, exp: 6 },
    ],
  ]
  for (const pair of table) {
    const [older, newer] = pair.map(token) as [ReturnType<typeof token>, ReturnType<typeof token>]
    assert.deepEqual(newestOfEachSession([older, newer]), [newer])
    assert.deepEqual(newestOfEachSession([newer, older]), [newer])
  }
})

describe('a line about a cookie', () => {
  test('of another scope is left in the response', async t => {
    const store = new MemoryTokenStore()
    const older = makeAuthX({ ...base, store })
    const present = makeAuthX({ ...base, store, cookieDomain: 'example.com' })
    const client = await serve(
      t,
      appOf(async ctx => {
        await present.login(ctx, 'test')
        older.unsetCookies(ctx)
        ctx.body = 'done'
      }),
    )
    const { cookies } = await client({ method: 'POST' })
    const set = cookies.filter(line => !line.includes('Max-Age=0'))
    assert.deepEqual(
      set.map(line => line.split('=')[0]),
      ['access_token_cookie', 'csrf_access_token', 'refresh_token_cookie', 'csrf_refresh_token'],
    )
    assert.ok(set.every(line => line.includes('Domain=example.com')))
    assert.equal(cookies.length - set.length, 4, 'each former cookie is cleared once')
  })

  test('of a __Host- name has no former scope', async t => {
    const authx = makeAuthX({
      ...base,
      cookieSecure: true,
      accessCookieName: '__Host-a',
      formerCookies: [{ path: '/api' }],
      tokenLocation: { access: ['cookies'], refresh: ['headers'] },
      csrfInCookies: false,
    })
    const client = await serve(t, applicationOf(authx))
    const { cookies } = await client({ method: 'POST', path: '/login' })
    assert.deepEqual(
      cookies.map(line => line.split('=')[0]),
      ['__Host-a'],
    )
  })

  test('is cleared with and without Partitioned, each once', async t => {
    const cleared = async (options: AuthXOptions) => {
      const tokenLocation = { access: ['cookies'], refresh: ['headers'] } as const
      const authx = makeAuthX({ cookieSamesite: 'none', csrfInCookies: false, ...options, tokenLocation })
      const { cookies } = await (await serve(t, applicationOf(authx)))({ method: 'POST', path: '/login' })
      const lines = cookies.filter(line => line.includes('Max-Age=0'))
      return lines.map(line =>
        line
          .split('; ')
          .filter(part => /^(Domain|Path|Secure|Partitioned)/.test(part))
          .join(' '),
      )
    }
    const on: AuthXOptions = { cookiePartitioned: true }
    const off: AuthXOptions = { formerCookies: [{ partitioned: true }] }
    const host: AuthXOptions = { accessCookieName: '__Host-a' }
    const elsewhere: AuthXOptions = { formerCookies: [{ domain: 'example.com' }] }
    for (const [options, expected] of [
      [on, ['Path=/ Secure']],
      [off, ['Path=/ Secure Partitioned']],
      [{ ...off, cookieSecure: false, cookieSamesite: 'lax' }, ['Path=/ Secure Partitioned']],
      [{ ...on, ...host }, ['Path=/ Secure']],
      [{ ...off, ...host }, ['Path=/ Secure Partitioned']],
      [
        { ...on, ...elsewhere },
        ['Path=/ Secure', 'Path=/ Domain=example.com Secure', 'Path=/ Domain=example.com Secure Partitioned'],
      ],
      [{ ...on, formerCookies: [{ path: '/api', partitioned: false }] }, ['Path=/ Secure', 'Path=/api Secure']],
      [
        { ...on, cookieDomain: 'example.com' },
        ['Path=/ Domain=example.com Secure', 'Path=/ Secure', 'Path=/ Secure Partitioned'],
      ],
    ] as const) {
      assert.deepEqual(await cleared(options), expected, JSON.stringify(options))
    }
  })
})
