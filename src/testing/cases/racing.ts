import assert from 'node:assert/strict'
import { type Cases, countUp, newKey, race, racers, read, several, write } from '../steps.js'

/** Who wins when many write at once. */
export const racing: Cases = {
  async 'of many who write a new key at once exactly one is told true, and its value stays'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    await race(stores, key, undefined)
  },

  async 'of many who replace a value at once exactly one is told true, and its value stays'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    await write(stores[0], key, 'start')
    await race(stores, key, 'start')
  },

  async 'of many who write at once through one handle exactly one is told true'(open) {
    const store = await open()
    const key = newKey()
    const winner = await race([store], key, undefined)
    await race([store], key, winner)
  },

  async 'many who each count one up by trying again count right'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    await write(stores[0], key, '0')
    await Promise.all(stores.map(store => countUp(store, key, 10)))
    assert.equal(await read(stores[0], key), String(stores.length * 10))
  },

  async 'writes to different keys at once do not hinder each other'(open) {
    const one = await open()
    const other = await open()
    const keys = Array.from({ length: racers }, newKey)
    await Promise.all(keys.map((key, place) => write(place % 2 ? one : other, key, key)))
    assert.deepEqual([...(await one.get(keys))], keys)
  },

  async 'a reader sees nothing or the winner while many write, and never the winner and then nothing'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    const winner = race(stores, key, undefined)
    // If it is reading that fails, then that is the failure to tell of.
    winner.catch(() => {})
    const seen: (string | undefined)[] = []
    for (let turn = 0; turn < 20; turn++) seen.push(await read(stores[0], key))
    const value = await winner
    const fromThen = seen.slice(seen.findIndex(each => each !== undefined))
    assert.ok(
      seen.every(each => each === undefined || each === value),
      'what was seen is what won',
    )
    assert.ok(seen.every(each => each === undefined) || fromThen.every(each => each === value), 'and it stayed')
  },
}
