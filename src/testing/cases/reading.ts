import assert from 'node:assert/strict'
import { type Cases, manyKeys, newKey, read, write } from '../steps.js'

/** What `get` answers. */
export const reading: Cases = {
  async 'a key that was never written is undefined'(open) {
    const store = await open()
    assert.equal(await read(store, newKey()), undefined)
  },

  async 'asking for no keys answers with no values'(open) {
    const store = await open()
    assert.deepEqual(await store.get([]), [])
  },

  async 'values come in the order of the keys, undefined where there is none, repeated where a key is'(open) {
    const store = await open()
    const [a, b, c] = [newKey(), newKey(), newKey()]
    await write(store, a, 'A')
    await write(store, c, 'C')
    const values = await store.get([c, b, a, c, b, a])
    assert.deepEqual([...values], ['C', undefined, 'A', 'C', undefined, 'A'])
  },

  async 'hundreds of keys are written at once and read in one call'(open) {
    const store = await open()
    const keys = Array.from({ length: manyKeys }, newKey)
    await Promise.all(keys.map((key, place) => write(store, key, `value ${place}`)))
    const values = await store.get([...keys].reverse())
    assert.deepEqual(
      [...values].reverse(),
      keys.map((_, place) => `value ${place}`),
    )
  },

  async 'what one handle has written another one reads'(open) {
    const one = await open()
    const other = await open()
    const key = newKey()
    await write(one, key, 'a')
    assert.equal(await read(other, key), 'a')
    await write(other, key, 'b', 'a')
    assert.equal(await read(one, key), 'b')
  },
}
