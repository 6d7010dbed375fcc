import assert from 'node:assert/strict'
import { type Cases, later, newKey, read, write } from '../steps.js'

/** What `close` ends, for a store that has it. */
export const closing: Cases = {
  async 'a call after close rejects, and closing twice is fine'(open) {
    const store = await open()
    if (!store.close) return
    const key = newKey()
    await write(store, key, 'a')
    await store.close()
    await assert.rejects(async () => store.get([key]), 'get after close')
    await assert.rejects(async () => store.compareAndSet(key, 'a', 'b', later()), 'compareAndSet after close')
    await store.close()
  },

  async 'closing one handle leaves the others open'(open) {
    const store = await open()
    const other = await open()
    const key = newKey()
    await write(other, key, 'a')
    await store.close?.()
    assert.equal(await read(other, key), 'a')
    await write(other, key, 'b', 'a')
  },
}
