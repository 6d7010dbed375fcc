import assert from 'node:assert/strict'
import { test } from 'node:test'
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
