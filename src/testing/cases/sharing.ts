import type { TokenStore } from '../../store.js'
import { expectSame } from '../show.js'
import { type Cases, expectRefusal, expectValue, newKey, read, several, write } from '../steps.js'

const ROUNDS = 40

/** What one handle knows of the others' writes: as much as one process of another's. */
export const sharing: Cases = {
  async 'what one handle has written another one reads'(open) {
    const [one, other] = await several(open)
    const key = newKey()
    await write(one, key, 'a')
    await expectValue(other, key, 'a', 'get by another handle than the one that wrote')
    await write(other, key, 'b', 'a')
    await expectValue(one, key, 'b', 'get by the handle that had written "a" before another one wrote "b"')
    const opened = await open()
    await expectValue(opened, key, 'b', 'get by a handle that was opened after the write')
  },

  async 'a handle that has read a value reads the one that another handle has written since'(open) {
    const [writer, reader] = await several(open)
    const [key, beside] = [newKey(), newKey()]
    await write(writer, key, 'a')
    for (let times = 0; times < 3; times++) await expectValue(reader, key, 'a')
    await reader.get([key, beside])
    await write(writer, key, 'b', 'a')
    await expectNow(reader, [key, beside], 'b', 'get by a handle that has read "a" before')
  },

  async 'a handle that has read nothing reads what another handle has written since'(open) {
    const [writer, reader] = await several(open)
    const [key, beside] = [newKey(), newKey()]
    for (let times = 0; times < 3; times++) await expectValue(reader, key, undefined)
    await reader.get([key, beside])
    await write(writer, key, 'a')
    await expectNow(reader, [key, beside], 'a', 'get by a handle that has read nothing before')
  },

  async 'a handle that has read a value compares with the one that another handle has written since'(open) {
    const [writer, reader] = await several(open)
    const key = newKey()
    await write(writer, key, 'a')
    await read(reader, key)
    await write(writer, key, 'b', 'a')
    await expectRefusal(reader, key, 'a', 'b')
    await write(reader, key, 'c', 'b')
    await expectRefusal(writer, key, 'b', 'c')
  },

  async 'every write is read by all handles as soon as it is acknowledged'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    let before: string | undefined
    for (let round = 0; round < ROUNDS; round++) {
      const value = `write ${round}`
      await write(stores[round % stores.length] as TokenStore, key, value, before)
      const seen = (store: TokenStore) => expectValue(store, key, value, `get right after ${value}`)
      await Promise.all(stores.map(seen))
      before = value
    }
  },
}

/** Read `key` as guards do, which ask for two keys, and in a call of its own; both have to say `value`. */
async function expectNow(store: TokenStore, keys: readonly [key: string, beside: string], value: string, what: string) {
  await expectValue(store, keys[0], value, what)
  const [seen] = await store.get(keys)
  expectSame(`${what}, with another key besides`, seen, value)
}
