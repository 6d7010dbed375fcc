import assert from 'node:assert/strict'
import { type Cases, later, newKey, read, write } from '../steps.js'

/** What `compareAndSet` compares and writes. */
export const writing: Cases = {
  async 'a key that holds nothing is written when nothing is expected, and not again'(open) {
    const store = await open()
    const key = newKey()
    await write(store, key, 'first')
    assert.equal(await store.compareAndSet(key, undefined, 'second', later()), false)
    assert.equal(await read(store, key), 'first')
  },

  async 'a key that holds nothing is not written when something is expected'(open) {
    const store = await open()
    const key = newKey()
    assert.equal(await store.compareAndSet(key, 'something', 'value', later()), false)
    assert.equal(await store.compareAndSet(key, '', 'value', later()), false)
    assert.equal(await read(store, key), undefined)
  },

  async 'a value is replaced when it is the expected one'(open) {
    const store = await open()
    const key = newKey()
    await write(store, key, 'a')
    await write(store, key, 'b', 'a')
    await write(store, key, 'c', 'b')
    assert.equal(await read(store, key), 'c')
  },

  async 'a value is kept when another one is expected, however similar'(open) {
    const store = await open()
    for (const [held, ...others] of similarValues) {
      const key = newKey()
      await write(store, key, held)
      for (const other of others) {
        const told = await store.compareAndSet(key, other, 'wrong', later())
        assert.equal(told, false, `${JSON.stringify(held)} is not ${JSON.stringify(other)}`)
      }
      assert.equal(await read(store, key), held)
    }
  },

  async 'a value replaced by itself counts as written'(open) {
    const store = await open()
    const key = newKey()
    await write(store, key, 'same')
    await write(store, key, 'same', 'same')
    assert.equal(await read(store, key), 'same')
  },
}

/** The first is held; the others must not be taken for it. */
const similarValues: readonly (readonly [string, ...string[]])[] = [
  ['', ' ', '\0'],
  ['1', '1.0', '01', ' 1', '1 ', '1\n', '+1', 'true'],
  ['abc', 'ABC', 'Abc', '%', 'a%', '___', '*', '???', 'a*', '[a]bc', 'ab', 'abcd', 'abc\0', 'abc\0d', ''],
  ['a\0b', 'a', 'a\0', 'a\0c', 'ab'],
  ['\u00e9', 'e\u0301', 'e'],
  ['null', '', 'undefined', '"null"'],
  ['{"a":1,"b":2}', '{"b":2,"a":1}', '{"a":1, "b":2}'],
]
