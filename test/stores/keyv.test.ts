import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Keyv } from 'keyv'
import { testTokenStore } from '../../src/testing/index.js'
import { KeyvTokenStore, type StoreOptions } from '../../stores/keyv.js'

/** A storage adapter that takes its time and, like those of Keyv, hides errors unless `throwOnErrors` is on. */
class SlowAdapter {
  opts = {}
  throwOnErrors = false
  broken = false
  refuses = false
  readonly #map = new Map<string, unknown>()

  async get(key: string) {
    return this.#act(() => this.#map.get(key))
  }

  async set(key: string, value: unknown) {
    return this.#act(() => !this.refuses && this.#map.set(key, value) === this.#map)
  }

  async delete(key: string) {
    return this.#act(() => this.#map.delete(key))
  }

  async clear() {}

  on() {
    return this
  }

  async #act<T>(work: () => T): Promise<T | undefined> {
    await new Promise(setImmediate)
    if (!this.broken) return work()
    if (this.throwOnErrors) throw new Error('out of order')
    return undefined
  }
}

describe('KeyvTokenStore meets the contract over a Keyv', { concurrency: true }, () => {
  const keyv = new Keyv()
  testTokenStore({ test, createStore: options => new KeyvTokenStore(keyv, options) })
})

describe('KeyvTokenStore meets the contract over several Keyvs with one slow adapter', () => {
  const adapter = new SlowAdapter()
  const become = (broken: boolean) => () => {
    adapter.broken = broken
  }
  const createStore = (options?: StoreOptions) => new KeyvTokenStore(new Keyv({ store: adapter }), options)
  testTokenStore({ test, createStore, outage: { start: become(true), end: become(false) } })
})

describe('KeyvTokenStore', () => {
  test('a backend that fails makes calls reject, even if its adapter and the Keyv were told to be silent', async () => {
    const adapter = new SlowAdapter()
    const store = new KeyvTokenStore(new Keyv({ store: adapter, throwOnErrors: false, emitErrors: false }))
    await store.compareAndSet('key', undefined, 'a', soon())
    adapter.broken = true
    await assert.rejects(store.get(['key']), /out of order/)
    await assert.rejects(store.get(['key', 'other']), /out of order/)
    await assert.rejects(store.compareAndSet('key', 'a', 'b', soon()), /out of order/)
    adapter.broken = false
    assert.deepEqual(await store.get(['key']), ['a'])
  })

  test('an adapter that says it did not store makes the call reject', async () => {
    const adapter = new SlowAdapter()
    const store = new KeyvTokenStore(new Keyv({ store: adapter }))
    adapter.refuses = true
    await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()), /did not store/)
  })

  test('a stored value that is not ours rejects instead of reading as nothing', async () => {
    const map = new Map<string, unknown>()
    const store = new KeyvTokenStore(new Keyv({ store: map }))
    const foreign = [123, {}, 'text', '', 'null', '123', '{}', '[]', '{"value":null}', '{"value":5}', '{"value":"a"}']
    for (const value of foreign) {
      map.set('keyv:authx:key', value)
      await assert.rejects(store.get(['key']), Error, `stored ${JSON.stringify(value)}`)
      await assert.rejects(store.compareAndSet('key', undefined, 'a', soon()))
    }
  })

  test('a failed call does not block those that queue behind it', async () => {
    const adapter = new SlowAdapter()
    const store = new KeyvTokenStore(new Keyv({ store: adapter }))
    adapter.broken = true
    const failed = store.get(['key'])
    const queued = store.compareAndSet('key', undefined, 'a', soon())
    await assert.rejects(failed)
    adapter.broken = false
    assert.equal(await queued, true)
  })

  test('a read that is never answered rejects in time and does not block the key', async () => {
    const map = new Map<string, unknown>()
    let silent = true
    const adapter = { get: (key: string) => (silent ? new Promise(() => {}) : map.get(key)), set: async () => true }
    const store = new KeyvTokenStore(
      new Keyv({ store: Object.assign(adapter, { opts: {}, delete() {}, clear() {} }) as never }),
      {
        timeout: 30,
      },
    )
    await assert.rejects(store.get(['key']), /30 ms/)
    silent = false
    assert.deepEqual(await store.get(['key']), [undefined])
  })

  test('a write that waits its turn for too long is not begun', async () => {
    const written: string[] = []
    const adapter = {
      get: () => undefined,
      set: (_key: string, value: string) => {
        written.push(value)
        return new Promise(() => {})
      },
    }
    const keyv = new Keyv({ store: Object.assign(adapter, { opts: {}, delete() {}, clear() {} }) as never })
    const store = new KeyvTokenStore(keyv, { timeout: 30 })
    const soon = new Date(Date.now() + 60_000)
    const both = [
      store.compareAndSet('key', undefined, 'first', soon),
      store.compareAndSet('key', undefined, 'second', soon),
    ]
    for (const call of both) await assert.rejects(call, /30 ms/)
    await new Promise(setImmediate)
    assert.equal(written.length, 1)
  })

  test('a date that is changed while its write waits changes no life', async () => {
    const keyv = new Keyv()
    const store = new KeyvTokenStore(keyv)
    const date = new Date(Date.now() + 60_000)
    const end = date.getTime()
    const writing = store.compareAndSet('key', undefined, 'a', date)
    date.setTime(0)
    assert.equal(await writing, true)
    assert.equal(await keyv.get('authx:key'), `${end}:a`)
  })

  test('closing leaves the Keyv to its owner', async () => {
    const keyv = new Keyv()
    await new KeyvTokenStore(keyv).close()
    await keyv.set('own', 1)
    assert.equal(await keyv.get('own'), 1)
  })

  test('wrong arguments are a TypeError', () => {
    assert.throws(() => new KeyvTokenStore(new Map() as never), TypeError)
    for (const wrong of [undefined, 'redis://127.0.0.1']) {
      assert.throws(() => new KeyvTokenStore(wrong as never), { name: 'TypeError', message: /new Keyv\(/ })
    }
    assert.throws(() => new KeyvTokenStore(new Keyv(), { prefix: 'a b' }), { name: 'TypeError', message: /prefix/ })
    assert.throws(() => new KeyvTokenStore(new Keyv(), { ttl: 5 } as never), { name: 'TypeError', message: /ttl/ })
  })
})

function soon(): Date {
  return new Date(Date.now() + 60_000)
}
