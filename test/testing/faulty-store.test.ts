import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { AuthXOptions, TokenStore } from '../../src/index.js'
import { FaultyTokenStore, TestClock, testTokenStore } from '../../src/testing/index.js'
import { MemoryTokenStore } from '../../stores/memory.js'
import { SqliteTokenStore } from '../../stores/sqlite.js'
import { claimsOf, flowApi, verdict } from '../flows/api.js'
import { TEST_NOW } from '../support/app.js'
import { temporaryFolder } from '../support/temporary.js'

const UNAVAILABLE = [503, 'StoreUnavailableError']
const later = () => new Date(Date.now() + 60_000)

describe('a FaultyTokenStore without a fault meets the contract', { concurrency: true }, () => {
  const map = new Map()
  testTokenStore({
    test,
    createStore: options => new FaultyTokenStore(new MemoryTokenStore({ map, ...options })),
  })
})

/** An API on a store that can be faulty, its clock, and somebody who has logged in. */
async function loggedIn(t: TestContext, options: AuthXOptions = {}) {
  const store = new FaultyTokenStore(new MemoryTokenStore())
  t.after(() => store.close())
  const clock = new TestClock(TEST_NOW)
  const api = await flowApi(t, { store, now: clock.now, ...options })
  const { access_token, refresh_token } = (await api.login()).json
  return { api, store, clock, access: access_token, refresh: refresh_token }
}

/** What everything that asks the store answers. */
async function answers({ api, access, refresh }: Awaited<ReturnType<typeof loggedIn>>) {
  const replies = [await api.protected(access), await api.refresh(refresh), await api.logout(access), await api.login()]
  return replies.map(verdict)
}

describe('with a FaultyTokenStore', () => {
  test('that is down, everything that asks it is answered with 503, and goes on when it has healed', async t => {
    const scene = await loggedIn(t)
    scene.store.down()
    assert.deepEqual(await answers(scene), [UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE])
    scene.store.heal()
    assert.deepEqual(
      (await answers(scene)).map(([status]) => status),
      [200, 200, 204, 200],
    )
  })

  test('that hangs, the answer is 503 after storeTimeout, and nothing of it is done later', async t => {
    const scene = await loggedIn(t, { storeTimeout: 50 })
    scene.store.hang()
    assert.deepEqual(await answers(scene), [UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE])
    scene.store.heal()
    assert.equal((await scene.api.protected(scene.access)).status, 200, 'the logout that was answered with 503 is none')
    const refreshed = await scene.api.refresh(scene.refresh)
    assert.equal(claimsOf(refreshed.json.refresh_token).gen, 1, 'the refresh has not been done either')
  })

  test('that is slower than storeTimeout, the answer is 503; if it is quicker, all is well', async t => {
    const { api, store, access } = await loggedIn(t, { storeTimeout: 1000 })
    store.slow(60_000)
    assert.deepEqual(verdict(await api.protected(access)), UNAVAILABLE)
    store.slow(10)
    const { get } = store.calls
    assert.equal((await api.protected(access)).status, 200)
    assert.equal(store.calls.get, get + 1)
  })

  test('that loses replies, a refresh is answered with 503, and done: the retry gets the same successor', async t => {
    const { api, store, clock, refresh } = await loggedIn(t)
    store.loseReplies()
    assert.deepEqual(verdict(await api.refresh(refresh)), UNAVAILABLE)
    assert.deepEqual(
      verdict(await api.refresh(refresh)),
      UNAVAILABLE,
      'the replay is counted, and that answer is lost too',
    )
    assert.deepEqual(verdict(await api.refresh(refresh)), [200, undefined], 'what it needs has been written already')
    store.heal()
    const [retry, again] = [await api.refresh(refresh), await api.refresh(refresh)]
    assert.equal(claimsOf(retry.json.refresh_token).gen, 1)
    assert.equal(retry.json.refresh_token, again.json.refresh_token)
    assert.equal((await api.protected(again.json.access_token)).status, 200)
    clock.advance('10s')
    assert.deepEqual(verdict(await api.refresh(refresh)), [401, 'ReusedTokenError'], 'and it was used up all the time')
  })

  test('that loses replies, a logout is answered with 503 and done, and reads are answered', async t => {
    const { api, store, access } = await loggedIn(t)
    store.loseReplies()
    assert.equal((await api.protected(access)).status, 200)
    assert.deepEqual(verdict(await api.logout(access)), UNAVAILABLE)
    assert.deepEqual(verdict(await api.protected(access)), [401, 'RevokedTokenError'])
  })

  test('the calls are counted, those that fail too', async t => {
    const { api, store, access } = await loggedIn(t)
    const before = store.calls
    await api.protected(access)
    store.down()
    await api.protected(access)
    await api.login()
    assert.deepEqual(store.calls, { get: before.get + 3, compareAndSet: before.compareAndSet })
    store.heal()
    await api.login()
    assert.ok(store.calls.compareAndSet > before.compareAndSet)
  })
})

describe('a FaultyTokenStore', () => {
  test('writes into the store that it was given, whichever that is', async t => {
    const { folder, remove } = await temporaryFolder()
    t.after(remove)
    const inner = new SqliteTokenStore(`${folder}/tokens.sqlite`)
    const store = new FaultyTokenStore(inner)
    t.after(() => store.close())
    store.loseReplies()
    await assert.rejects(store.compareAndSet('a', undefined, '1', later()), /reply/)
    assert.deepEqual([...(await inner.get(['a']))], ['1'])
    assert.deepEqual([...(await store.get(['a']))], ['1'])
    store.down()
    await assert.rejects(store.compareAndSet('a', '1', '2', later()), /down/)
    await assert.rejects(store.get(['a']), /down/)
    assert.deepEqual([...(await inner.get(['a']))], ['1'])
  })

  test('has one fault at a time', async () => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    store.down()
    store.loseReplies()
    assert.deepEqual(await store.get(['a']), [undefined])
    await assert.rejects(store.compareAndSet('a', undefined, '1', later()), /reply/)
    store.slow(0)
    assert.equal(await store.compareAndSet('a', '1', '2', later()), true)
    await store.close()
  })

  test('ends what hangs with the next fault and with heal, and does nothing of it', async () => {
    const inner = new MemoryTokenStore()
    const store = new FaultyTokenStore(inner)
    for (const end of [() => store.down(), () => store.heal(), () => store.hang()]) {
      store.hang()
      const waiting = [store.get(['a']), store.compareAndSet('a', undefined, '1', later())]
      end()
      for (const each of waiting) await assert.rejects(each, /did not answer/)
    }
    assert.deepEqual(await inner.get(['a']), [undefined])
    await store.close()
  })

  test('ends what is pending when it is closed, and closes the store that it was given', async () => {
    const inner = new MemoryTokenStore()
    const store = new FaultyTokenStore(inner)
    store.slow(60_000)
    const slow = store.get(['a'])
    await new Promise(setImmediate)
    const begun = store.get(['a'])
    store.hang()
    const hung = store.get(['a'])
    const ended = Promise.all([slow, begun, hung].map(each => assert.rejects(each, /closed/)))
    await store.close()
    await ended
    await assert.rejects(inner.get(['a']))
    store.heal()
    await assert.rejects(store.get(['a']), /closed/)
    await assert.rejects(store.compareAndSet('a', undefined, '1', later()), /closed/)
    await store.close()
  })

  test('works over a store that has no close', async () => {
    const inner = new MemoryTokenStore()
    const bare: TokenStore = { get: keys => inner.get(keys), compareAndSet: (...args) => inner.compareAndSet(...args) }
    const store = new FaultyTokenStore(bare)
    assert.equal(await store.compareAndSet('a', undefined, '1', later()), true)
    await store.close()
    await assert.rejects(store.get(['a']), /closed/)
    assert.deepEqual(await inner.get(['a']), ['1'])
    await inner.close()
  })

  test('hands on what the store says against a call', async () => {
    const store = new FaultyTokenStore(new MemoryTokenStore())
    for (const fault of [() => store.heal(), () => store.loseReplies(), () => store.slow(1)]) {
      fault()
      await assert.rejects(store.compareAndSet('a', undefined, '1', new Date(0)), RangeError)
    }
    await store.close()
  })

  test('names the argument that is wrong', () => {
    for (const wrong of [undefined, null, 'store', {}, { get() {} }, { compareAndSet() {} }, new Map(), []]) {
      assert.throws(() => new FaultyTokenStore(wrong as never), { name: 'TypeError', message: /^store / })
    }
    const store = new FaultyTokenStore(new MemoryTokenStore())
    for (const wrong of [undefined, null, '10', -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31]) {
      assert.throws(() => store.slow(wrong as never), { name: 'TypeError', message: /^milliseconds / })
    }
  })
})
