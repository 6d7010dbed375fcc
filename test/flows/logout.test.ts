import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type Koa from 'koa'
import { koaBody } from 'koa-body'
import type { AuthXOptions } from '../../src/index.js'
import { bearer, cookie } from '../support/app.js'
import { flowApi, verdict } from './api.js'

const REVOKED = [401, 'RevokedTokenError']

test('after a logout with either token both are refused', async t => {
  const api = await flowApi(t)
  for (const which of ['access_token', 'refresh_token']) {
    const { json } = await api.login()
    assert.equal((await api.logout(json[which])).status, 204)
    assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
    assert.deepEqual(verdict(await api.refresh(json.refresh_token)), REVOKED)
  }
})

test('an expired access token still logs out, and a second logout is done already', async t => {
  const api = await flowApi(t)
  const { json } = await api.login()
  api.clock.now += 3_600_000
  assert.equal((await api.logout(json.access_token)).status, 204)
  assert.deepEqual(verdict(await api.refresh(json.refresh_token)), REVOKED)
  assert.equal((await api.logout(json.access_token)).status, 204)
})

test('a token that is not good yet logs out too', async t => {
  const api = await flowApi(t)
  const { json } = await api.login({ notBefore: '1h' })
  assert.equal((await api.logout(json.access_token)).status, 204)
  api.clock.now += 3_600_000
  assert.deepEqual(verdict(await api.refresh(json.refresh_token)), REVOKED)
})

test('a logout that ends nothing says why', async t => {
  const api = await flowApi(t)
  assert.deepEqual(verdict(await api.send({ method: 'POST', path: '/logout' })), [401, 'MissingTokenError'])
  assert.deepEqual(verdict(await api.logout('garbage')), [401, 'JWTDecodeError'])
  assert.deepEqual(verdict(await api.logout('a b')), [400, 'MalformedTokenRequestError'])
})

test('other sessions of the same person go on', async t => {
  const api = await flowApi(t)
  const [one, other] = [await api.login(), await api.login()]
  await api.logout(one.json.access_token)
  assert.equal((await api.protected(other.json.access_token)).status, 200)
  assert.equal((await api.refresh(other.json.refresh_token)).status, 200)
})

test('from cookies a logout needs the CSRF value, ends the session and clears all four cookies', async t => {
  const api = await flowApi(t, { tokenLocation: ['cookies'] })
  const jar = jarOf((await api.login()).cookies)
  const logout = (headers: (readonly [string, string])[]) => api.send({ method: 'POST', path: '/logout', headers })
  assert.deepEqual(verdict(await logout([cookie(jar)])), [403, 'MissingCSRFTokenError'])
  assert.deepEqual(verdict(await logout([cookie(jar), ['X-CSRF-TOKEN', 'wrong']])), [403, 'CSRFError'])
  const done = await logout([cookie(jar), ['X-CSRF-TOKEN', String(jar.csrf_access_token)]])
  assert.equal(done.status, 204)
  assert.deepEqual(Object.keys(jarOf(done.cookies)).sort(), Object.keys(jar).sort())
  for (const line of done.cookies) assert.match(line, /^\w+=; .*Expires=Thu, 01 Jan 1970/)
  assert.deepEqual(verdict(await api.send({ path: '/protected', headers: [cookie(jar)] })), REVOKED)
})

test('the access cookie may be gone: the refresh cookie logs out by itself', async t => {
  const api = await flowApi(t, { tokenLocation: ['cookies'] })
  const { access_token_cookie, ...jar } = jarOf((await api.login()).cookies)
  const csrf = ['X-CSRF-TOKEN', String(jar.csrf_refresh_token)] as const
  assert.equal((await api.send({ method: 'POST', path: '/logout', headers: [cookie(jar), csrf] })).status, 204)
  const access = { access_token_cookie: String(access_token_cookie) }
  assert.deepEqual(verdict(await api.send({ path: '/protected', headers: [cookie(access)] })), REVOKED)
})

test('two tokens of two sessions in one request are both ended', async t => {
  const api = await flowApi(t, { tokenLocation: { access: ['headers'], refresh: ['cookies'] } })
  const [one, other] = [await api.login(), await api.login()]
  const jar = jarOf(other.cookies)
  const headers = [
    bearer(String(one.json.access_token)),
    cookie(jar),
    ['X-CSRF-TOKEN', String(jar.csrf_refresh_token)] as const,
  ]
  assert.equal((await api.send({ method: 'POST', path: '/logout', headers })).status, 204)
  for (const { json } of [one, other]) assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
})

test('reuse clears the cookies, a replay sets them again', async t => {
  const api = await flowApi(t, { tokenLocation: ['cookies'] })
  const jar = jarOf((await api.login()).cookies)
  const refresh = () =>
    api.send({
      method: 'POST',
      path: '/refresh',
      headers: [cookie(jar), ['X-CSRF-TOKEN', String(jar.csrf_refresh_token)]],
    })
  const [first, replay] = [jarOf((await refresh()).cookies), jarOf((await refresh()).cookies)]
  assert.equal(replay.refresh_token_cookie, first.refresh_token_cookie)
  assert.equal(first.csrf_refresh_token, jar.csrf_refresh_token, 'a second tab keeps working')
  await api.send({ path: '/protected', headers: [cookie(first)] })
  api.clock.now += 10_000
  const reuse = await refresh()
  assert.deepEqual(verdict(reuse), [401, 'ReusedTokenError'])
  assert.deepEqual(new Set(Object.values(jarOf(reuse.cookies))), new Set(['']))
  assert.equal(reuse.cookies.length, 4)
})

/** Names and values of `Set-Cookie` lines. */
function jarOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map(line => (line.split(';', 1)[0] ?? '').split('=') as [string, string]))
}

describe('another site cannot log out whom it makes a request for', () => {
  const everywhere = { access: ['headers', 'json', 'query', 'cookies'], refresh: ['json', 'cookies'] } as const
  const orders: AuthXOptions['tokenLocation'][] = [
    everywhere,
    { access: ['cookies', 'query', 'json', 'headers'], refresh: ['cookies', 'json'] },
    { access: ['query', 'cookies'], refresh: ['headers'] },
  ]
  const parsed = (app: Koa) => app.use(koaBody())
  const JSON_TYPE = ['Content-Type', 'application/json'] as const

  for (const tokenLocation of orders) {
    test(`with its own token beside the cookies, where tokens are in ${JSON.stringify(tokenLocation)}`, async t => {
      const api = await flowApi(t, { tokenLocation }, parsed)
      const victim = jarOf((await api.login()).cookies)
      const own = { access: jarOf((await api.login()).cookies).access_token_cookie }
      const requests: Parameters<typeof api.send>[0][] = [
        { path: `/logout?token=${own.access}`, headers: [cookie(victim)] },
        { path: '/logout', headers: [cookie(victim), JSON_TYPE], body: JSON.stringify({ access_token: own.access }) },
        { path: '/logout', headers: [cookie(victim), bearer(String(own.access))] },
        { path: `/logout?token=${own.access}`, headers: [cookie(victim), ['X-CSRF-TOKEN', 'a guess']] },
      ]
      for (const request of requests) {
        const { status, cookies } = await api.send({ method: 'POST', ...request })
        assert.equal(status, 403)
        assert.deepEqual(cookies, [])
      }
      assert.equal((await api.send({ path: '/protected', headers: [cookie(victim)] })).status, 200)
    })
  }

  test('by a link that holds its own token, when the browser keeps the cookies back', async t => {
    const api = await flowApi(t, { tokenLocation: everywhere, cookieSamesite: 'strict' }, parsed)
    const own = String((await api.login()).json.access_token)
    const { status, cookies } = await api.send({ method: 'POST', path: `/logout?token=${own}` })
    assert.deepEqual([status, cookies], [204, []])
    assert.deepEqual(verdict(await api.protected(own)), REVOKED)
  })

  test('by a used-up refresh token of its own, which is reuse and says nothing of the cookies', async t => {
    const api = await flowApi(t, { tokenLocation: everywhere }, parsed)
    const own = String((await api.login()).json.refresh_token)
    const victim = jarOf((await api.login()).cookies)
    const refresh = () =>
      api.send({
        method: 'POST',
        path: '/refresh',
        headers: [cookie(victim), JSON_TYPE],
        body: JSON.stringify({ refresh_token: own }),
      })
    await api.protected((await refresh()).json.access_token)
    api.clock.now += 60_000
    const reuse = await refresh()
    assert.deepEqual([...verdict(reuse), reuse.cookies], [401, 'ReusedTokenError', []])
  })
})

describe('a logout is not impossible', () => {
  const logoutWith = async (api: Awaited<ReturnType<typeof flowApi>>, cookies: string, csrf: string) =>
    api.send({
      method: 'POST',
      path: '/logout',
      headers: [
        ['Cookie', cookies],
        ['X-CSRF-TOKEN', csrf],
      ],
    })

  test('with a stale cookie of the same name: the CSRF value has to fit one of them, and that session ends', async t => {
    const api = await flowApi(t, { tokenLocation: ['cookies'] })
    const [stale, own] = [jarOf((await api.login()).cookies), jarOf((await api.login()).cookies)]
    const lines = [stale, own].flatMap(({ access_token_cookie, refresh_token_cookie }) => [
      `access_token_cookie=${access_token_cookie}`,
      `refresh_token_cookie=${refresh_token_cookie}`,
    ])
    assert.equal((await logoutWith(api, lines.join('; '), String(own.csrf_access_token))).status, 204)
    assert.deepEqual(verdict(await api.send({ path: '/protected', headers: [cookie(own)] })), REVOKED)
    assert.equal((await api.send({ path: '/protected', headers: [cookie(stale)] })).status, 200)
  })

  test('with a cookie beside it whose login is over', async t => {
    const api = await flowApi(t, { tokenLocation: ['cookies'] })
    const [over, own] = [jarOf((await api.login()).cookies), jarOf((await api.login()).cookies)]
    await api.authx.revoke(String(over.refresh_token_cookie))
    const lines = `access_token_cookie=${own.access_token_cookie}; refresh_token_cookie=${over.refresh_token_cookie}`
    assert.equal((await logoutWith(api, lines, String(own.csrf_access_token))).status, 204)
  })

  test('but is refused while a cookie of another live login would go on', async t => {
    const api = await flowApi(t, { tokenLocation: ['cookies'] })
    const [other, own] = [jarOf((await api.login()).cookies), jarOf((await api.login()).cookies)]
    const lines = `access_token_cookie=${own.access_token_cookie}; refresh_token_cookie=${other.refresh_token_cookie}`
    const refused = await logoutWith(api, lines, String(own.csrf_access_token))
    assert.deepEqual([...verdict(refused), refused.cookies], [403, 'CSRFError', []])
    for (const jar of [other, own])
      assert.equal((await api.send({ path: '/protected', headers: [cookie(jar)] })).status, 200)
  })

  test('without the CSRF value, if a token of the same login comes in a header', async t => {
    for (const accessTokenRevocation of [true, false]) {
      const tokenLocation = { access: ['headers'], refresh: ['cookies'] } as const
      const api = await flowApi(t, { tokenLocation, accessTokenRevocation })
      const { json, cookies } = await api.login()
      const headers = [bearer(String(json.access_token)), cookie(jarOf(cookies))]
      const done = await api.send({ method: 'POST', path: '/logout', headers })
      assert.equal(done.status, 204)
      assert.deepEqual(Object.values(jarOf(done.cookies)), ['', ''])
    }
  })
})

describe('a logout that is answered with 204 has ended every login that came with it', () => {
  const everywhere = { access: ['headers', 'json', 'query', 'cookies'], refresh: ['json', 'cookies'] } as const
  const parsed = (app: Koa) => app.use(koaBody())
  const JSON_TYPE = ['Content-Type', 'application/json'] as const
  const inCookies = (name: string, values: readonly unknown[]) =>
    ['Cookie', values.map(value => `${name}=${value}`).join('; ')] as const

  test('in whatever locations: header, body and query', async t => {
    const api = await flowApi(t, { tokenLocation: everywhere }, parsed)
    const logins = [await api.login(), await api.login(), await api.login(), await api.login()]
    const [header, json, query, refresh] = logins.map(({ json }) => json)
    const { status } = await api.send({
      method: 'POST',
      path: `/logout?token=${query?.access_token}`,
      headers: [bearer(String(header?.access_token)), JSON_TYPE],
      body: JSON.stringify({ access_token: json?.access_token, refresh_token: refresh?.refresh_token }),
    })
    assert.equal(status, 204)
    for (const { json } of logins) assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
  })

  test('or is refused where a location holds more than can be looked at', async t => {
    const api = await flowApi(t, { tokenLocation: everywhere }, parsed)
    const own = String((await api.login()).json.access_token)
    const others = await Promise.all(Array.from({ length: 6 }, async () => (await api.login()).json.access_token))
    const headers = [bearer(own), inCookies('access_token_cookie', others)]
    const refused = await api.send({ method: 'POST', path: '/logout', headers })
    assert.deepEqual(verdict(refused), [400, 'MalformedTokenRequestError'])
    for (const token of [own, ...others]) assert.equal((await api.protected(token)).status, 200)
  })

  test('or is refused where the expired or used-up token of a live session came in a cookie without its CSRF value', async t => {
    for (const kind of ['access', 'refresh'] as const) {
      const api = await flowApi(t, { tokenLocation: everywhere }, parsed)
      const refresh = (token: unknown) =>
        api.send({
          method: 'POST',
          path: '/refresh',
          headers: [JSON_TYPE],
          body: JSON.stringify({ refresh_token: token }),
        })
      const first = (await api.login()).json
      const second = (await refresh(first.refresh_token)).json
      api.clock.now += 3_600_000
      const own = String((await api.login()).json.access_token)
      const headers = [bearer(own), inCookies(`${kind}_token_cookie`, [first[`${kind}_token`]])]
      const refused = await api.send({ method: 'POST', path: '/logout', headers })
      assert.deepEqual([...verdict(refused), refused.cookies], [403, 'MissingCSRFTokenError', []])
      assert.equal((await api.protected(own)).status, 200)
      assert.equal((await refresh(second.refresh_token)).status, 200)
    }
  })
})
