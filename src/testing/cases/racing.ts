import { randomUUID } from 'node:crypto'
import type { TokenStore } from '../../store.js'
import { expectAll, expectSame, failure, show } from '../show.js'
import { type Cases, countUp, expectValue, later, newKey, racers, read, several, write } from '../steps.js'

/** Cases about many writes at the same time: which of them succeeds. */
export const racing: Cases = {
  async 'if many write a new key at once, exactly one gets true, and its value stays'(open) {
    const stores = await several(open, 4)
    await race(stores, newKey(), undefined)
  },

  async 'if many replace a value at once, exactly one gets true, and its value stays'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    await write(stores[0], key, 'start')
    await race(stores, key, 'start')
  },

  async 'if many write at once through one handle, exactly one gets true'(open) {
    const store = await open()
    const key = newKey()
    const winner = await race([store], key, undefined)
    await race([store], key, winner)
  },

  async 'if many increase a counter and try again after conflicts, no count is lost'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    await Promise.all(stores.map(store => countUp(store, key, 10)))
    await expectValue(stores[0], key, String(stores.length * 10), 'get after all have counted')
  },

  async 'writes to different keys at once do not hinder each other'(open) {
    const one = await open()
    const other = await open()
    const keys = Array.from({ length: racers }, newKey)
    await Promise.all(keys.map((key, place) => write(place % 2 ? one : other, key, key)))
    expectAll('get after all have been written at once', await one.get(keys), keys)
  },

  async 'a reader sees nothing or the winner while many write, and never the winner and then nothing'(open) {
    const stores = await several(open, 4)
    const key = newKey()
    const winner = race(stores, key, undefined)
    // If a read fails first, the case reports that error, and this rejection must not count as unhandled.
    winner.catch(() => {})
    const seen: (string | undefined)[] = []
    for (let turn = 0; turn < 20; turn++) seen.push(await read(stores[0], key))
    const value = await winner
    let before: string | undefined
    for (const each of seen) {
      if (each !== before) expectSame(`get while many write, after ${show(before)}`, each, value)
      before = each
    }
  },

  async 'a reader sees the old value or the new one while it is replaced'(open) {
    const [writer, reader] = await several(open)
    const key = newKey()
    await write(writer, key, '0')
    for (let turn = 1; turn <= 20; turn++) {
      const replaced = write(writer, key, String(turn), String(turn - 1))
      replaced.catch(() => {})
      const seen = await Promise.all([1, 2, 3].map(() => read(reader, key)))
      await replaced
      for (const each of seen) {
        if (each === String(turn - 1) || each === String(turn)) continue
        throw failure('get while a value is replaced', show(each), `"${turn - 1}" or "${turn}"`)
      }
    }
  },
}

/** Writes many different values to `key` at the same time. Resolves to the value of the writer that succeeded. */
export async function race(stores: readonly TokenStore[], key: string, expected: string | undefined): Promise<string> {
  const values = Array.from({ length: racers }, () => randomUUID() as string)
  const told = await Promise.all(
    values.map((value, place) => {
      const store = stores[place % stores.length] as TokenStore
      return store.compareAndSet(key, expected, value, later())
    }),
  )
  const winners = values.filter((_, place) => told[place])
  if (winners.length !== 1) throw failure(`${racers} writers at once`, `${winners.length} winners`, '1')
  for (const store of stores) await expectValue(store, key, winners[0], 'get of the key after the race')
  return winners[0] as string
}
