import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type Koa from 'koa'
import {
  type AbortWhenOverOptions,
  AuthX,
  type AuthXOptions,
  LoginTypeMismatchError,
  RevokedTokenError,
  StoreUnavailableError,
  TokenExpiredError,
} from '../../src/index.js'
import { FaultyTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { startApi } from '../support/api.js'
import { TEST_SECRET as API_SECRET } from '../support/api-server.js'
import { appOf, makeAuthX, TEST_NOW } from '../support/app.js'
import { sharedBackends } from '../support/shared-backends.js'
import { openShared, type SharedBackend } from '../support/store-kinds.js'
import { until } from '../support/until.js'

/** Long enough for the store not to be asked by itself while a test runs. */
const NEVER = '10h'

/** A store that counts what it is asked. */
class CountingStore extends MemoryTokenStore {
  gets = 0

  override get(keys: readonly string[]) {
    this.gets++
    return super.get(keys)
  }
}

/** How many logins of `ada` are watched: how often the store is asked again when all of them end. */
async function watchedOf(authx: AuthX, store: CountingStore): Promise<number> {
  const before = store.gets
  await authx.revokeAllSessions('ada')
  await setImmediate()
  // One question belongs to the revocation.
  return store.gets - before - 1
}

async function loggedIn(options: AuthXOptions = {}) {
  const store = new CountingStore()
  const authx = makeAuthX({ store, ...options })
  const payload = await authx.verifyToken((await authx.createTokenPair('ada')).access_token)
  return { store, authx, payload }
}

const aborted = async (signal: AbortSignal): Promise<unknown> => {
  // The timers of a watched login do not keep the process running.
  await until(() => signal.aborted)
  return signal.reason
}

/** Milliseconds, and seconds: a store answers in time, on a busy machine too. */
const storeTimeout = 2000
const within = 7

describe('a signal of abortWhenOver fires when the login ends', () => {
  const backends = sharedBackends()
  const ENDINGS: Readonly<Record<string, (authx: AuthX, sid: string) => unknown>> = {
    'by its sid': (authx, sid) => authx.revokeSession(sid),
    'by its subject': authx => authx.revokeAllSessions('ada'),
  }
  for (const [how, finish] of Object.entries(ENDINGS)) {
    test(`${how}, at once, and not for another login`, async () => {
      const { authx, payload } = await loggedIn()
      const other = await authx.verifyToken((await authx.createTokenPair('bob')).access_token)
      const [signal, another] = [payload, other].map(each => authx.abortWhenOver(each, { within: NEVER }))
      assert.equal(signal?.aborted, false)
      await finish(authx, String(payload.sid))
      assert.ok((await aborted(signal as AbortSignal)) instanceof RevokedTokenError)
      assert.equal(another?.aborted, false)
    })
  }

  test('in another process, on the same store', async t => {
    const stores: Readonly<Record<string, SharedBackend>> = {
      SQLite: backends.sqlite('watched'),
      Redis: backends.redis(),
      'Redis, with ioredis': { ...backends.redis(), kind: 'ioredis' },
      PostgreSQL: backends.postgres(),
    }
    for (const [name, backend] of Object.entries(stores)) {
      await t.test(name, async t => {
        const there = await startApi({ backend, options: { storeTimeout } })
        t.after(() => there.stop())
        const store = openShared(backend, { timeout: storeTimeout })
        const here = new AuthX({ secretKey: API_SECRET, store, storeTimeout })
        t.after(() => here.close())
        const { body } = await there.call('POST', '/login/ada')
        const signal = here.abortWhenOver(await here.verifyToken(String(body.access_token)), { within })
        const other = await here.verifyToken((await here.createTokenPair('bob')).access_token)
        const another = here.abortWhenOver(other, { within })
        assert.equal((await there.call('POST', '/logout', body.access_token)).status, 204)
        assert.ok((await aborted(signal)) instanceof RevokedTokenError)
        assert.equal(another.aborted, false)
      })
    }
  })

  test('by its expiry, on the clock of the instance', async () => {
    const clock = { now: TEST_NOW }
    const { authx, payload } = await loggedIn({ now: () => clock.now })
    clock.now += 16 * 60_000
    const signal = authx.abortWhenOver(payload)
    assert.equal(signal.aborted, true)
    assert.ok(signal.reason instanceof TokenExpiredError)
  })

  test('if the store cannot confirm it in time; the cause says why', async t => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    const authx = makeAuthX({ store })
    t.after(() => authx.close())
    const payload = await authx.verifyToken((await authx.createTokenPair('ada')).access_token)
    store.down()
    const reason = await aborted(authx.abortWhenOver(payload, { within: 2 }))
    assert.ok(reason instanceof StoreUnavailableError)
    assert.ok(reason.cause instanceof StoreUnavailableError)
  })

  test('with an AbortError when the instance is closed, and at once if it has been closed before', async () => {
    const { authx, payload } = await loggedIn()
    const signal = authx.abortWhenOver(payload)
    await authx.close()
    for (const each of [signal, authx.abortWhenOver(payload)]) {
      assert.equal(each.aborted, true)
      assert.equal(each.reason.name, 'AbortError')
    }
  })
})

/** A server whose handler answers with a stream that the test ends; `opened` has each response with its signal. */
async function streaming(t: TestContext, authx: AuthX, options: AbortWhenOverOptions = { within: NEVER }) {
  const opened: { signal: AbortSignal; ctx: Koa.Context }[] = []
  const app = appOf(authx.middleware(), authx.accessTokenRequired() as Koa.Middleware, ctx => {
    opened.push({ signal: authx.abortWhenOver(ctx, options), ctx })
    ctx.respond = false
    ctx.res.writeHead(200)
    ctx.res.write('begun')
  })
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const open = async (token: string) => {
    const outgoing = request({ host: '127.0.0.1', port, headers: { authorization: `Bearer ${token}` }, agent: false })
    outgoing.on('error', () => {})
    const [incoming] = await once(outgoing.end(), 'response')
    incoming.on('error', () => {})
    incoming.resume()
    const last = opened.at(-1)
    assert.ok(last)
    return { ...last, incoming, outgoing }
  }
  return open
}

describe('with ctx', () => {
  test('a response can be cut off when its login ends, and others go on', async t => {
    const { authx } = await loggedIn()
    const open = await streaming(t, authx)
    const [ada, bob] = [await authx.createTokenPair('ada'), await authx.createTokenPair('bob')]
    const [one, other] = [await open(ada.access_token), await open(bob.access_token)]
    one.signal.addEventListener('abort', () => one.ctx.res.destroy())
    await authx.revoke(ada.access_token)
    await until(() => one.incoming.closed)
    assert.equal(one.incoming.complete, false)
    assert.equal(other.signal.aborted, false)
  })

  for (const how of ['ended', 'closed by the client'] as const) {
    test(`watching stops when the response is ${how}`, async t => {
      const { authx, store } = await loggedIn()
      const open = await streaming(t, authx)
      const { access_token } = await authx.createTokenPair('ada')
      const { ctx, outgoing, signal } = await open(access_token)
      const closed = once(ctx.res, 'close')
      if (how === 'ended') ctx.res.end()
      else outgoing.destroy()
      await closed
      assert.equal(await watchedOf(authx, store), 0)
      assert.equal(signal.aborted, false)
    })
  }

  test('a response that has ended before is not watched', async () => {
    const { authx, payload, store } = await loggedIn()
    const state = { token: payload }
    for (const res of [{ writableEnded: true }, { destroyed: true }]) {
      const ctx = { state, res: { ...res, once: assert.fail, off: assert.fail } }
      assert.equal(authx.abortWhenOver(ctx as never).aborted, false)
    }
    assert.equal(await watchedOf(authx, store), 0)
  })
})

describe('with a payload', () => {
  test('watching stops when the option signal fires, and its listener is removed when the login ends', async () => {
    const { authx, payload, store } = await loggedIn()
    const stopped = new AbortController()
    const signal = authx.abortWhenOver(payload, { within: NEVER, signal: stopped.signal })
    stopped.abort()
    assert.equal(authx.abortWhenOver(payload, { within: NEVER, signal: stopped.signal }).aborted, false)
    assert.equal(await watchedOf(authx, store), 0)
    assert.equal(signal.aborted, false)
  })

  test('thousands of streams that have ended leave no timer, no listener and no question to the store', async () => {
    const { authx, payload, store } = await loggedIn()
    const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
    const before = timers()
    const streams = Array.from({ length: 3000 }, () => new AbortController())
    for (const { signal } of streams) authx.abortWhenOver(payload, { within: NEVER, signal })
    for (const stream of streams) stream.abort()
    const shared = new AbortController()
    for (let n = 0; n < 1000; n++) authx.abortWhenOver({ ...payload, exp: 1 }, { signal: shared.signal })
    assert.equal(getEventListeners(shared.signal, 'abort').length, 0)
    // The questions that were asked at the beginning have a deadline each, until they are answered.
    await until(() => timers() <= before)
    assert.equal(await watchedOf(authx, store), 0)
  })

  test('a process that has nothing else to do ends', async () => {
    const program = fileURLToPath(new URL('../support/watching-process.ts', import.meta.url))
    const child = fork(program, { execArgv: ['--import', 'tsx'], stdio: 'inherit' })
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
    const [code, ended] = await once(child, 'exit')
    clearTimeout(timer)
    assert.deepEqual([code, ended], [0, null])
  })
})

describe('a wrong call of abortWhenOver', () => {
  test('is a TypeError that says what to do', async () => {
    const { authx, payload } = await loggedIn()
    const res = { once() {}, off() {} }
    const wrong: readonly [who: unknown, options: unknown, message: RegExp][] = [
      [undefined, {}, /the payload must be/],
      ['a token', {}, /the payload must be/],
      [{}, {}, /the payload must be/],
      [{ sub: payload.sub, exp: payload.exp }, {}, /the payload must be/],
      [{ state: {}, res }, {}, /ctx\.state\.token is missing; put a guard before the handler/],
      [{ state: { token: 'x' }, res }, {}, /the payload must be/],
      [payload, { within: 1.9 }, /^within .* 2 seconds/],
      [payload, { within: 'soon' }, /^within /],
      [payload, { signal: {} }, /^signal must be an AbortSignal$/],
      [payload, { Within: 5 }, /^abortWhenOver: unknown option "Within"; it takes within, signal$/],
    ]
    for (const [who, options, message] of wrong) {
      assert.throws(() => authx.abortWhenOver(who as never, options as never), { name: 'TypeError', message })
    }
  })

  test('for a token of another login type is LoginTypeMismatchError', async () => {
    const { payload } = await loggedIn()
    const admins = makeAuthX({ store: new MemoryTokenStore(), loginType: 'admin' })
    assert.throws(() => admins.abortWhenOver(payload), LoginTypeMismatchError)
  })
})
