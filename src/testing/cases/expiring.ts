import assert from 'node:assert/strict'
import { type Cases, gone, later, newKey, race, read, several, write, writeBriefly } from '../steps.js'

/** What is past its `expiresAt`. */
export const expiring: Cases = {
  async 'an expired value reads as undefined, and not before'(open) {
    const store = await open()
    const [key, kept] = [newKey(), newKey()]
    await write(store, kept, 'kept')
    await writeBriefly(store, key, 'brief')
    assert.equal(await read(store, kept), 'kept')
  },

  async 'an expired value is not what it was: expecting it writes nothing, expecting nothing writes'(open) {
    const store = await open()
    const key = newKey()
    await writeBriefly(store, key, 'brief')
    assert.equal(await store.compareAndSet(key, 'brief', 'wrong', later()), false)
    assert.equal(await read(store, key), undefined)
    await write(store, key, 'new')
    assert.equal(await read(store, key), 'new')
  },

  async 'of many who write over an expired value at once exactly one is told true'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    await writeBriefly(stores[0], key, 'brief')
    await race(stores, key, undefined)
  },

  async 'a replaced value has its own expiry, later or earlier'(open) {
    const store = await open()
    const [longer, shorter, clock] = [newKey(), newKey(), newKey()]
    await write(store, shorter, 'a')
    const soon = new Date(Date.now() + 600)
    assert.equal(await store.compareAndSet(longer, undefined, 'a', soon), true)
    assert.equal(await store.compareAndSet(clock, undefined, 'a', soon), true)
    await write(store, longer, 'b', 'a')
    assert.equal(await store.compareAndSet(shorter, 'a', 'b', soon), true)
    await gone(store, clock)
    await gone(store, shorter)
    assert.equal(await read(store, longer), 'b')
  },

  async 'a comparison that fails leaves the expiry alone'(open) {
    const store = await open()
    const key = newKey()
    assert.equal(await store.compareAndSet(key, undefined, 'a', new Date(Date.now() + 600)), true)
    assert.equal(await store.compareAndSet(key, 'b', 'c', later()), false)
    await gone(store, key)
  },

  async 'a value may be kept for ten years'(open) {
    const store = await open()
    const key = newKey()
    const inTenYears = new Date(Date.now() + 10 * 365 * 86_400_000)
    assert.equal(await store.compareAndSet(key, undefined, 'a', inTenYears), true)
    assert.equal(await read(store, key), 'a')
  },
}
