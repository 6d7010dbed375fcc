import { setImmediate as nextTurn } from 'node:timers/promises'
import type { TokenStore } from '../../store.js'
import { type Cases, expectRefusal, expectValue, newKey, read, several, write } from '../steps.js'

const ROUNDS = 40
const BUSY_ROUNDS = 10
const BUSY_KEYS = 10

/** Cases about several handles: each must see the writes of the others, as if each were a process. */
export const sharing: Cases = {
  async 'what one handle has written another one reads'(open) {
    const [one, other] = await several(open)
    const key = newKey()
    await write(one, key, 'a')
    await expectValue(other, key, 'a', 'get by a handle that has not written the value')
    await write(other, key, 'b', 'a')
    await expectValue(one, key, 'b', 'get by the handle that had written "a" before another one wrote "b"')
    const opened = await open()
    await expectValue(opened, key, 'b', 'get by a handle that was opened after the write')
  },

  async 'a handle that has read a value also reads the newer value of another handle'(open) {
    const [writer, reader] = await several(open)
    const key = newKey()
    await write(writer, key, 'a')
    for (let times = 0; times < 3; times++) await expectValue(reader, key, 'a')
    await write(writer, key, 'b', 'a')
    await expectValue(reader, key, 'b', 'get by a handle that has read "a" before')
  },

  async 'a handle that has found no value then reads the value of another handle'(open) {
    const [writer, reader] = await several(open)
    const key = newKey()
    for (let times = 0; times < 3; times++) await expectValue(reader, key, undefined)
    await write(writer, key, 'a')
    await expectValue(reader, key, 'a', 'get by a handle that has read nothing before')
  },

  async 'a handle that has read a value compares with the newer value of another handle'(open) {
    const [writer, reader] = await several(open)
    const key = newKey()
    await write(writer, key, 'a')
    await read(reader, key)
    await write(writer, key, 'b', 'a')
    await expectRefusal(reader, key, 'a', 'b')
    await write(reader, key, 'c', 'b')
    await expectRefusal(writer, key, 'b', 'c')
  },

  async 'a value that another handle has changed and changed back is the expected one'(open) {
    const [writer, reader] = await several(open)
    const key = newKey()
    await write(writer, key, 'a')
    await expectValue(reader, key, 'a')
    await write(writer, key, 'b', 'a')
    await write(writer, key, 'a', 'b')
    await write(reader, key, 'c', 'a')
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

  async 'every write is read by all handles as soon as it is acknowledged, while they are busy with reads'(open) {
    const stores = await several(open, 4)
    const keys = Array.from({ length: BUSY_KEYS }, newKey)
    await whileReading(stores, keys, async () => {
      for (let round = 0; round < BUSY_ROUNDS; round++) {
        const before = round ? `write ${round - 1}` : undefined
        const writer = (place: number) => stores[(round + place) % stores.length] as TokenStore
        await Promise.all(keys.map((key, place) => write(writer(place), key, `write ${round}`, before)))
        const seen = (store: TokenStore, key: string) =>
          expectValue(store, key, `write ${round}`, `get right after write ${round}, while others read`)
        await Promise.all(stores.flatMap(store => keys.map(key => seen(store, key))))
      }
    })
  },
}

/** Do `work` while each handle reads each key again and again. */
async function whileReading(stores: readonly TokenStore[], keys: readonly string[], work: () => Promise<void>) {
  let isOver = false
  const keepReading = async (store: TokenStore, key: string) => {
    // Wait for a turn of the event loop. Otherwise no timer could fire if the store answers at once.
    for (; !isOver; await nextTurn()) await read(store, key)
  }
  const reading = Promise.all(stores.flatMap(store => keys.map(key => keepReading(store, key))))
  // If `work` fails, report its error first.
  reading.catch(() => {})
  try {
    await work()
  } finally {
    isOver = true
  }
  await reading
}
