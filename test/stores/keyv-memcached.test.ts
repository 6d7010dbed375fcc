import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { KeyvMemcache } from '@keyv/memcache'
import { Keyv } from 'keyv'
import { AuthX } from '../../src/index.js'
import { testTokenStore } from '../../src/testing/index.js'
import { KeyvTokenStore, type StoreOptions } from '../../stores/keyv.js'
import { type Memcached, startMemcached } from '../support/memcached.js'
import { type TcpProxy, tcpProxy } from '../support/tcp-proxy.js'

let server: Memcached
let proxy: TcpProxy
before(async () => {
  server = await startMemcached()
  proxy = await tcpProxy(server.port)
})
after(async () => {
  proxy.close()
  await server.stop()
})

const silent = { log: () => {} }

function open(options?: StoreOptions): KeyvTokenStore {
  const adapter = new KeyvMemcache(`127.0.0.1:${proxy.port}`, { logger: silent })
  return new KeyvTokenStore(new Keyv({ store: adapter }), { timeout: 5000, ...options })
}

describe('KeyvTokenStore meets the contract over memcached, with an adapter for each store', () => {
  testTokenStore({
    test,
    createStore: open,
    outage: { start: () => proxy.isolate(), end: () => proxy.heal() },
  })
})

describe('over memcached, which takes a life of more than thirty days for a date in the past', () => {
  test('revokeAllSessions revokes', async () => {
    const authx = new AuthX({ secretKey: 'a secret for tests, of 32 bytes or more', store: open(), storeTimeout: 5000 })
    const pair = await authx.createTokenPair('ada')
    const payload = await authx.verifyToken(pair.access_token)
    assert.equal(await authx.isRevoked(payload), false)
    await authx.revokeAllSessions('ada')
    assert.equal(await authx.isRevoked(payload), true)
    await authx.close()
  })

  test('a record of any life is there after it was written', async () => {
    const store = open()
    const day = 86_400_000
    for (const life of [1, 1001, day, 24 * day, 30 * day - 1, 30 * day, 30 * day + 1, 400 * day, 3650 * day]) {
      const key = `life:${life}`
      const expiresAt = new Date(Date.now() + life + 60_000)
      assert.equal(await store.compareAndSet(key, undefined, 'a', expiresAt), true)
      assert.deepEqual(await store.get([key]), ['a'], `a life of ${life} ms`)
    }
  })

  test('keys with spaces, control characters, other alphabets, or of 200 characters are kept apart', async () => {
    const store = open()
    const long = 'k'.repeat(199)
    const keys = [`${long}a`, `${long}b`, 'a b', 'a b ', 'a\tb', 'a\nb', 'a\0b', 'ключ', '鍵', '~a', '%20']
    for (const key of keys) assert.equal(await store.compareAndSet(key, undefined, key, soon()), true)
    assert.deepEqual(await store.get(keys), keys)
  })

  test('a value that memcached refuses makes the write reject', async () => {
    const store = open()
    await assert.rejects(store.compareAndSet('large', undefined, 'x'.repeat(3_000_000), soon()))
    assert.deepEqual(await store.get(['large']), [undefined])
  })
})

function soon(): Date {
  return new Date(Date.now() + 60_000)
}
