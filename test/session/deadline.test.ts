import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { AuthX, StoreUnavailableError, type TokenStore } from '../../src/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { appOf, bearer, cookie, makeAuthX, serve, TEST_SECRET } from '../support/app.js'
import { within } from '../support/counted.js'
import { refreshing } from '../support/refresh.js'
import { contentOf } from '../support/signing.js'
import { until } from '../support/until.js'

/** A store that can be told to keep its answers to itself, and that counts what it is asked. */
class HeldStore implements TokenStore {
  readonly #store = new MemoryTokenStore()
  #held: Promise<void> | undefined
  release = () => {}
  gets = 0
  writes = 0

  hold(): void {
    this.#held = new Promise(resolve => {
      this.release = resolve
    })
  }

  async get(keys: readonly string[]) {
    this.gets++
    const values = await this.#store.get(keys)
    await this.#held
    return values
  }

  async compareAndSet(...args: Parameters<TokenStore['compareAndSet']>) {
    this.writes++
    return this.#store.compareAndSet(...args)
  }
}

const UNAVAILABLE = { name: 'StoreUnavailableError' }

for (const path of ['/refresh', '/logout', '/guarded', '/login'] as const) {
  test(`a store that does not answer is asked once for a request to ${path}, and then it is 503`, async t => {
    const store = new HeldStore()
    const authx = new AuthX({ secretKey: TEST_SECRET, store, storeTimeout: 50, tokenLocation: ['cookies'] })
    const guard = authx.accessTokenRequired() as never as Parameters<typeof appOf>[0]
    const app = appOf(authx.middleware() as never, async (ctx, next) => {
      if (ctx.path === '/guarded') return guard(ctx, next)
      if (ctx.path === '/login') ctx.body = await authx.login(ctx, 'ada')
      if (ctx.path === '/refresh') ctx.body = await authx.refresh(ctx)
      if (ctx.path === '/logout') await authx.logout(ctx)
    })
    const send = await serve(t, app)
    const { access_token, refresh_token } = await authx.createTokenPair('ada')
    const csrf = ['X-CSRF-TOKEN', String(authx.getCsrfToken(access_token))] as const
    const jar = cookie({ access_token_cookie: access_token, refresh_token_cookie: refresh_token })
    store.gets = 0
    store.hold()
    const reply = await send({ method: 'POST', path, headers: [jar, csrf] })
    assert.deepEqual([reply.status, reply.json.error_type], [503, 'StoreUnavailableError'])
    assert.equal(store.gets, 1)
    assert.deepEqual(reply.cookies, [])
    store.release()
  })
}

test('the blocklist and the store have one deadline together in a refresh', async t => {
  const store = new HeldStore()
  const authx = new AuthX({ secretKey: TEST_SECRET, store, storeTimeout: 60 })
  authx.setTokenBlocklist(() => new Promise(resolve => setTimeout(() => resolve(false), 40)))
  const send = await refreshing(t, authx)
  const { refresh_token } = await authx.createTokenPair('ada')
  store.hold()
  const { status } = await within(60 + 40 + 1000, () => send(refresh_token))
  assert.equal(status, 503)
  store.release()
})

test('what was answered with 503 is not written afterwards, when the store wakes up', async () => {
  const store = new HeldStore()
  const authx = new AuthX({ secretKey: TEST_SECRET, store, storeTimeout: 30, refreshGracePeriod: 0 })
  const pair = await authx.createTokenPair('ada')
  const payload = await authx.verifyToken(pair.access_token)
  const calls = [
    () => authx.revoke(payload),
    () => authx.revokeSession(String(payload.sid)),
    () => authx.revokeAllSessions('ada'),
    () => authx.createTokenPair('ada'),
  ]
  for (const call of calls) {
    store.hold()
    const writes = store.writes
    await assert.rejects(call(), UNAVAILABLE)
    store.release()
    await new Promise(setImmediate)
    assert.equal(store.writes, writes)
  }
  store.hold()
  store.release()
  assert.equal((await authx.verifyToken(pair.access_token)).sub, 'ada')
})

test('a refresh whose store was late leaves its token good: the client may try again', async t => {
  const store = new HeldStore()
  const clock = { now: Date.now() }
  const authx = new AuthX({ secretKey: TEST_SECRET, store, storeTimeout: 30, now: () => clock.now })
  const send = await refreshing(t, authx)
  const { refresh_token } = await authx.createTokenPair('ada')
  const refresh = () => send(refresh_token)
  store.hold()
  assert.equal((await refresh()).status, 503)
  clock.now += 15_000
  store.release()
  await until(async () => assert.equal((await refresh()).status, 200))
})

test('a request whose old token cannot be judged can still log in and log out, if the store answers', async t => {
  const store = new MemoryTokenStore()
  const authx = new AuthX({ secretKey: TEST_SECRET, store })
  const send = await serve(
    t,
    appOf(authx.middleware() as never, async ctx => {
      if (ctx.path === '/login') ctx.body = await authx.login(ctx, 'ada')
      else await authx.logout(ctx)
    }),
  )
  const broken = await authx.createTokenPair('ada')
  const { sid } = await authx.verifyToken(broken.access_token)
  const [before] = await store.get([`session:${sid}`])
  await store.compareAndSet(`session:${sid}`, before, 'unreadable', new Date(Date.now() + 60_000))
  const headers = [bearer(broken.access_token)]
  assert.equal((await send({ method: 'POST', path: '/login', headers })).status, 200)

  const pair = await authx.createTokenPair('ada')
  authx.setTokenBlocklist(() => Promise.reject(new Error('away')))
  assert.equal((await send({ method: 'POST', path: '/login', headers: [bearer(pair.access_token)] })).status, 200)
  const logout = await send({ method: 'POST', path: '/logout', headers: [bearer(pair.access_token)] })
  assert.notEqual(logout.status, 503)
  assert.equal(await authx.getSession(String(contentOf(pair.access_token).claims.sid)), undefined)
})

test('a process with nothing else to do waits for its deadlines, and ends then', () => {
  const program = `
    import { AuthX } from './src/index.js'
    const store = { get: () => new Promise(() => {}), compareAndSet: async () => true }
    const authx = new AuthX({ secretKey: '${TEST_SECRET}', store, storeTimeout: 30 })
    await authx.verifyToken(authx.createAccessToken('ada')).catch(error => console.log(error.name))`
  const node = ['--import', 'tsx', '--input-type=module', '-e', program]
  const { status, stdout } = spawnSync(process.execPath, node, { timeout: 50_000, encoding: 'utf8' })
  assert.deepEqual([status, stdout], [0, 'StoreUnavailableError\n'])
})

test('a store that always loses a comparison, and says so at once, is 503 in time and stops no timer', async () => {
  const store: TokenStore = {
    get: async keys => keys.map(() => undefined),
    compareAndSet: async key => key.startsWith('session:'),
  }
  const authx = makeAuthX({ store, storeTimeout: 100 })
  await assert.rejects(authx.createTokenPair('test'), StoreUnavailableError)
  await assert.rejects(authx.revokeAllSessions('test'), StoreUnavailableError)
})
