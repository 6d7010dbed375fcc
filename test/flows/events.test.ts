import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { AuthXEvents, AuthXOptions } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { cookie, makeAuthX, TEST_NOW } from '../support/app.js'
import { contentOf } from '../support/signing.js'
import { claimsOf, flowApi } from './api.js'

const NAMES = Object.keys({
  issued: 0,
  refreshed: 0,
  replayed: 0,
  recovered: 0,
  reuse: 0,
  revoked: 0,
  allRevoked: 0,
  issuerRevoked: 0,
  storeRollback: 0,
  refused: 0,
  storeError: 0,
} satisfies Record<keyof AuthXEvents, 0>) as (keyof AuthXEvents)[]

/** An API, and every event of it as `[name, event]` since the last look. */
async function listenedApi(t: TestContext, options: AuthXOptions = {}) {
  const api = await flowApi(t, options)
  const told: [name: string, event: object][] = []
  for (const name of NAMES) api.authx.on(name, event => told.push([name, event]))
  return { ...api, news: () => told.splice(0) }
}

test('the life of a session is told step by step, by ids and nothing else', async t => {
  const api = await listenedApi(t)
  const login = await api.login()
  const about = { sid: claimsOf(login.json.access_token).sid, sub: 'ada' }
  assert.deepEqual(api.news(), [['issued', { ...about, device: {} }]])

  const next = await api.refresh(login.json.refresh_token)
  assert.deepEqual(api.news(), [['refreshed', about]])
  await api.refresh(login.json.refresh_token)
  assert.deepEqual(api.news(), [['replayed', { ...about, replays: 1 }]])

  await api.protected(next.json.access_token)
  assert.deepEqual(api.news(), [], 'a guarded request is no event')
  await api.logout(next.json.access_token)
  assert.deepEqual(api.news(), [['revoked', about]])
  await api.refresh(next.json.refresh_token)
  await api.protected(next.json.access_token)
  assert.deepEqual(
    api.news(),
    [
      ['refused', { reason: 'ERR_TOKEN_REVOKED', ...about }],
      ['refused', { reason: 'ERR_TOKEN_REVOKED', ...about }],
    ],
    'what is refused changes nothing',
  )
})

test('the reuse of a refresh token and a logout everywhere are told', async t => {
  const api = await listenedApi(t)
  const login = await api.login()
  const about = { sid: claimsOf(login.json.access_token).sid, sub: 'ada' }
  const next = await api.refresh(login.json.refresh_token)
  await api.protected(next.json.access_token)
  api.clock.now += 10_000
  await api.refresh(login.json.refresh_token)
  await api.authx.revokeAllSessions('ada')
  const news = api.news()
  assert.deepEqual(news.slice(0, 4), [
    ['issued', { ...about, device: {} }],
    ['refreshed', about],
    ['reuse', about],
    ['refused', { reason: 'ERR_TOKEN_REUSED', ...about }],
  ])
  assert.deepEqual(news.slice(4), [['allRevoked', { sub: 'ada' }]])
})

test('tokens that name no session are told by their jti, when they are made and when they are used', async t => {
  const api = await listenedApi(t)
  const [single, refresh] = [api.authx.createAccessToken('ada'), api.authx.createRefreshToken('ada')]
  const ofSession = api.authx.createAccessToken('ada', { sid: 'SESSION' })
  await api.refresh(refresh)
  await api.authx.revoke(single)
  assert.equal(contentOf(ofSession).claims.sid, 'SESSION')
  assert.deepEqual(api.news(), [
    ['issued', { sid: contentOf(single).claims.jti, sub: 'ada' }],
    ['issued', { sid: contentOf(refresh).claims.jti, sub: 'ada' }],
    ['issued', { sid: 'SESSION', sub: 'ada' }],
    ['refreshed', { sid: contentOf(refresh).claims.jti, sub: 'ada' }],
    ['revoked', { sid: contentOf(single).claims.jti, sub: 'ada' }],
  ])
})

test('without a store a login tells of both its tokens, and a refresh of the token that was presented', async t => {
  const api = await listenedApi(t, { store: undefined })
  const { json } = await api.login()
  const about = (token: unknown) => ({ sid: claimsOf(token).jti, sub: 'ada' })
  await api.refresh(json.refresh_token)
  assert.deepEqual(api.news(), [
    ['issued', { ...about(json.access_token), device: {} }],
    ['issued', { ...about(json.refresh_token), device: {} }],
    ['refreshed', about(json.refresh_token)],
  ])
})

test('createTokenPair tells what a login tells', async t => {
  const api = await listenedApi(t)
  const pair = await api.authx.createTokenPair('ada', { device: { name: 'a phone' } })
  const { sid } = contentOf(pair.access_token).claims
  assert.deepEqual(api.news(), [['issued', { sid, sub: 'ada', device: { name: 'a phone' } }]])
})

test('a login tells its device as the list of sessions shows it', async t => {
  const api = await listenedApi(t, { sessionTracking: true })
  await api.login({ device: { name: 'a phone' } })
  const [[, event] = []] = api.news()
  const [session] = await api.authx.listSessions('ada')
  assert.deepEqual((event as AuthXEvents['issued']).device, session?.device)
  assert.deepEqual(session?.device, { userAgent: 'test browser', ip: '127.0.0.1', name: 'a phone' })
})

test('an implicit refresh is told', async t => {
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  const clock = { now: TEST_NOW }
  const authx = makeAuthX({ store, now: () => clock.now, tokenLocation: ['cookies'] })
  const api = await flowApi(t, { store, now: () => clock.now, tokenLocation: ['cookies'] }, app =>
    app.use(authx.implicitRefresh()),
  )
  const login = await authx.createTokenPair('ada', { renewable: true })
  const told: object[] = []
  authx.on('refreshed', event => told.push(event))
  clock.now += 10 * 60_000
  const reply = await api.send({ path: '/protected', headers: [cookie({ access_token_cookie: login.access_token })] })
  assert.equal(reply.status, 200)
  assert.deepEqual(told, [{ sid: contentOf(login.access_token).claims.sid, sub: 'ada' }])
})

test('a login or refresh that the store did not take is told as a storeError, and a refresh as refused too', async t => {
  const store = new MemoryTokenStore()
  t.after(() => store.close())
  let away = false
  const api = await listenedApi(t, {
    store: {
      get: keys => store.get(keys),
      compareAndSet: (...call) => (away ? Promise.reject(new Error('away')) : store.compareAndSet(...call)),
    },
  })
  const { json } = await api.login()
  api.news()
  away = true
  assert.equal((await api.login()).status, 503)
  assert.equal((await api.refresh(json.refresh_token)).status, 503)
  const told = api.news()
  assert.deepEqual(told.at(-1), [
    'refused',
    { reason: 'ERR_STORE_UNAVAILABLE', sid: claimsOf(json.access_token).sid, sub: 'ada' },
  ])
  assert.deepEqual(
    told.slice(0, -1).map(([name, event]) => [name, (event as AuthXEvents['storeError']).operation]),
    [
      ['storeError', 'open'],
      ['storeError', 'rotate'],
    ],
  )
})
