import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bearer, TEST_NOW } from '../support/app.js'
import { claimsOf, flowApi, verdict } from './api.js'

const DAY = 86_400_000
const REVOKED = [401, 'RevokedTokenError']
const REUSED = [401, 'ReusedTokenError']

test('a refresh answers like a login: two tokens, their type and seconds, not to be stored by caches', async t => {
  const api = await flowApi(t)
  const login = await api.login()
  const { status, json, headers } = await api.refresh(login.json.refresh_token)
  assert.equal(status, 200)
  assert.deepEqual(Object.keys(json), ['access_token', 'refresh_token', 'token_type', 'expires_in'])
  assert.deepEqual([json.token_type, json.expires_in], ['bearer', 900])
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal((await api.protected(json.access_token)).status, 200)
})

test('a second that ends while tokens are issued shortens none of them', async t => {
  let time = TEST_NOW
  const api = await flowApi(t, { now: () => (time += 400) })
  const login = await api.login()
  const refresh = await api.refresh(login.json.refresh_token)
  const replay = await api.refresh(login.json.refresh_token)
  const pair = await api.authx.createTokenPair('ada')
  for (const { access_token, refresh_token, expires_in } of [login.json, refresh.json, replay.json, pair]) {
    const [access, longer] = [claimsOf(access_token), claimsOf(refresh_token)]
    assert.deepEqual([expires_in, Number(access.exp) - Number(access.iat)], [900, 900])
    assert.equal(Number(longer.exp) - Number(longer.iat), (20 * DAY) / 1000)
  }
})

test('the predecessor, presented again in time, gets the same successor and another access token', async t => {
  const api = await flowApi(t)
  const login = await api.login()
  const first = await api.refresh(login.json.refresh_token)
  api.clock.now += 9_999
  const replay = await api.refresh(login.json.refresh_token)
  assert.equal(replay.json.refresh_token, first.json.refresh_token)
  assert.notEqual(claimsOf(replay.json.access_token).jti, claimsOf(first.json.access_token).jti)
  assert.equal((await api.protected(first.json.access_token)).status, 200)
  assert.equal((await api.protected(replay.json.access_token)).status, 200)
})

test('a replay does not move the window', async t => {
  const api = await flowApi(t)
  const login = await api.login()
  const next = await api.refresh(login.json.refresh_token)
  await api.protected(next.json.access_token)
  api.clock.now += 9_000
  assert.equal((await api.refresh(login.json.refresh_token)).status, 200)
  api.clock.now += 1_000
  assert.deepEqual(verdict(await api.refresh(login.json.refresh_token)), REUSED)
})

test('with an RS256 key a replay is the same token to the byte too', async t => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const api = await flowApi(t, { algorithm: 'RS256', privateKey })
  const login = await api.login({ data: { name: 'Zoë ☃', nested: { a: [1, 2.5] } } })
  const [first, replay] = [await api.refresh(login.json.refresh_token), await api.refresh(login.json.refresh_token)]
  assert.equal(replay.json.refresh_token, first.json.refresh_token)
})

test('a used-up refresh token ends its session, and tells the application', async t => {
  const api = await flowApi(t)
  const events: unknown[] = []
  api.authx.on('reuse', event => events.push(event))
  const login = await api.login()
  const next = await api.refresh(login.json.refresh_token)
  await api.protected(next.json.access_token)
  api.clock.now += 10_000
  assert.deepEqual(verdict(await api.refresh(login.json.refresh_token)), REUSED)
  assert.deepEqual(verdict(await api.refresh(next.json.refresh_token)), REVOKED)
  for (const { json } of [login, next]) assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
  assert.deepEqual(events, [{ sid: claimsOf(login.json.access_token).sid, sub: 'ada' }])
})

test('a refresh guard refuses a used-up token and does not end its session', async t => {
  const api = await flowApi(t)
  const login = await api.login()
  const next = await api.refresh(login.json.refresh_token)
  const guarded = (token: unknown) => api.send({ path: '/refreshable', headers: [bearer(String(token))] })
  assert.equal((await guarded(login.json.refresh_token)).status, 200, 'the predecessor passes inside the grace period')
  await api.protected(next.json.access_token)
  api.clock.now += 10_000
  assert.equal((await guarded(login.json.refresh_token)).status, 401)
  assert.equal((await guarded(next.json.refresh_token)).status, 200)
  assert.equal((await api.refresh(next.json.refresh_token)).status, 200)
})

test('a refreshed access token is not fresh and keeps scopes, audience and custom claims', async t => {
  const api = await flowApi(t, { decodeAudience: 'web', encodeIssuer: 'https://issuer.example' })
  const login = await api.login({
    scopes: ['admin:*'],
    audience: ['web', 'api'],
    data: { role: 'admin', deep: { a: 1 } },
  })
  assert.equal(claimsOf(login.json.access_token).fresh, true)
  let { refresh_token } = login.json
  for (let round = 0; round < 3; round++) {
    const { json } = await api.refresh(refresh_token)
    const { fresh, scopes, aud, iss, role, deep, sub, type, gen } = claimsOf(json.access_token)
    assert.deepEqual(
      { fresh, scopes, aud, iss, role, deep, sub, type, gen },
      {
        fresh: false,
        scopes: ['admin:*'],
        aud: ['web', 'api'],
        iss: 'https://issuer.example',
        role: 'admin',
        deep: { a: 1 },
        sub: 'ada',
        type: 'access',
        gen: round + 1,
      },
    )
    assert.equal(claimsOf(json.refresh_token).gen, round + 1)
    refresh_token = json.refresh_token
  }
})

test('data, scopes and expiry given to a refresh concern its access token only', async t => {
  const api = await flowApi(t)
  const login = await api.login({ scopes: ['files:*'], data: { role: 'admin', team: 'blue' } })
  const narrowed = await api.refresh(login.json.refresh_token, {
    scopes: ['files:read'],
    data: { role: 'guest' },
    expiry: '1m',
  })
  const access = claimsOf(narrowed.json.access_token)
  assert.deepEqual([access.scopes, access.role, access.team], [['files:read'], 'guest', 'blue'])
  assert.equal(narrowed.json.expires_in, 60)
  const again = await api.refresh(narrowed.json.refresh_token)
  assert.deepEqual(claimsOf(again.json.access_token).scopes, ['files:*'])
  assert.equal(claimsOf(again.json.access_token).role, 'admin')
})

test('a refresh never widens scopes, and one that tries uses nothing up', async t => {
  const api = await flowApi(t)
  for (const [held, wanted] of [
    [['files:read'], ['files:write']],
    [['files:read'], ['files:*']],
    [[], ['a']],
  ] as const) {
    const login = await api.login({ scopes: [...held] })
    assert.deepEqual(verdict(await api.refresh(login.json.refresh_token, { scopes: [...wanted] })), [
      403,
      'InsufficientScopeError',
    ])
    const { json } = await api.refresh(login.json.refresh_token)
    assert.equal(claimsOf(json.refresh_token).gen, 1)
  }
})

test('a revoked token is told that it is revoked, whatever scopes are asked for', async t => {
  const api = await flowApi(t)
  const login = await api.login()
  await api.logout(login.json.access_token)
  assert.deepEqual(verdict(await api.refresh(login.json.refresh_token, { scopes: ['x'] })), REVOKED)
})

test('no refresh reaches beyond the absolute end of the session', async t => {
  const api = await flowApi(t, { sessionExpires: '30d' })
  let { refresh_token } = (await api.login()).json
  api.clock.now += 19 * DAY
  const late = await api.refresh(refresh_token)
  assert.equal(claimsOf(late.json.refresh_token).exp, (api.clock.now + 11 * DAY) / 1000)
  refresh_token = late.json.refresh_token
  api.clock.now += 11 * DAY - 60_000
  const last = await api.refresh(refresh_token)
  assert.equal(last.json.expires_in, 60)
  api.clock.now += 60_000
  assert.equal((await api.refresh(last.json.refresh_token)).status, 401)
  assert.equal((await api.protected(last.json.access_token)).status, 401)
})

test('a short login stays short: successors live as long as the refresh token of the login did', async t => {
  const api = await flowApi(t)
  const login = await api.login({ refreshExpiry: '1h' })
  api.clock.now += 1_800_000
  const { refresh_token } = (await api.refresh(login.json.refresh_token)).json
  assert.equal(claimsOf(refresh_token).exp, api.clock.now / 1000 + 3600)
})

test('a refresh token that names no session opens one at its first refresh', async t => {
  const api = await flowApi(t)
  const lone = api.authx.createRefreshToken('ada', { data: { role: 'admin' } })
  const { json } = await api.refresh(lone)
  assert.equal(claimsOf(json.access_token).sid, claimsOf(lone).jti)
  assert.equal(claimsOf(json.access_token).role, 'admin')
  assert.equal((await api.authx.listSessions('ada')).length, 1)
  assert.equal((await api.refresh(lone)).json.refresh_token, json.refresh_token)
  await api.protected(json.access_token)
  api.clock.now += 10_000
  assert.deepEqual(verdict(await api.refresh(lone)), REUSED)
  assert.deepEqual(verdict(await api.protected(json.access_token)), REVOKED)
})

test('a refresh token of the Python AuthX is taken over, with all its claims', async t => {
  const vectors = JSON.parse(readFileSync(new URL('../vectors/authx-python.json', import.meta.url), 'utf8')).vectors
  const { token, claims, options } = vectors.find(({ name }: { name: string }) => name === 'refresh token')
  const api = await flowApi(t, options)
  api.clock.now = claims.iat * 1000 + 60_000
  const { status, json } = await api.refresh(token)
  assert.equal(status, 200)
  assert.equal((await api.protected(json.access_token)).json.sub, claims.sub)
  const { jti, iat, nbf, exp, sid, gen, ...kept } = claimsOf(json.refresh_token)
  assert.deepEqual([kept, sid, gen], [{ sub: claims.sub, type: 'refresh', csrf: '' }, claims.jti, 1])
  assert.equal((await api.refresh(json.refresh_token)).status, 200)
})

test('the recipe with a refresh guard makes an access token of the same session', async t => {
  const api = await flowApi(t)
  const { refresh_token } = (await api.login()).json
  const { sub, sid } = await api.authx.verifyToken(String(refresh_token), { type: 'refresh' })
  const access = api.authx.createAccessToken(sub, { sid: String(sid) })
  assert.equal((await api.protected(access)).status, 200)
  await api.logout(refresh_token)
  assert.deepEqual(verdict(await api.protected(access)), REVOKED)
})

test('an access token cannot be refreshed, and nothing at all is a missing token', async t => {
  const api = await flowApi(t)
  const login = await api.login()
  assert.deepEqual(verdict(await api.refresh(login.json.access_token)), [401, 'RefreshTokenRequiredError'])
  assert.deepEqual(verdict(await api.send({ method: 'POST', path: '/refresh' })), [401, 'MissingTokenError'])
  assert.deepEqual(verdict(await api.refresh('garbage')), [401, 'JWTDecodeError'])
  api.clock.now += 20 * DAY
  assert.deepEqual(verdict(await api.refresh(login.json.refresh_token)), [401, 'TokenExpiredError'])
})

test("the application's blocklist refuses a refresh before anything is used up", async t => {
  const api = await flowApi(t)
  const login = await api.login()
  api.authx.setTokenBlocklist(() => true)
  assert.deepEqual(verdict(await api.refresh(login.json.refresh_token)), REVOKED)
  api.authx.setTokenBlocklist(() => false)
  assert.equal((await api.refresh(login.json.refresh_token)).status, 200)
})

test('a mistake in the options of a refresh is an error of the application and uses nothing up', async t => {
  const api = await flowApi(t)
  const login = await api.login()
  for (const options of [{ data: { sub: 'eve' } }, { expiry: -1 }, { scopes: ['a b'] }, { audience: 'x' } as object]) {
    assert.equal((await api.refresh(login.json.refresh_token, options)).status, 500)
  }
  assert.equal(claimsOf((await api.refresh(login.json.refresh_token)).json.refresh_token).gen, 1)
})
