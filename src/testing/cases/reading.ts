import { expectAll } from '../show.js'
import { type Cases, expectValue, forMinutes, inPortions, newKey, several, write } from '../steps.js'

const HUNDREDS = 300
const THOUSANDS = 3000
const READ_AT_ONCE = 100

/** Cases about the answers of `get`. */
export const reading: Cases = {
  async 'a key that was never written is undefined'(open) {
    const store = await open()
    await expectValue(store, newKey(), undefined)
  },

  async 'asking for no keys answers with no values'(open) {
    const store = await open()
    expectAll('get of no keys', await store.get([]), [])
  },

  async 'values come in the order of the keys, undefined where there is none, repeated where a key is'(open) {
    const store = await open()
    const [a, b, c] = [newKey(), newKey(), newKey()]
    await write(store, a, 'A')
    await write(store, c, 'C')
    expectAll('get of six keys', await store.get([c, b, a, c, b, a]), ['C', undefined, 'A', 'C', undefined, 'A'])
    expectAll('get of five keys', await store.get([c, c, b, b, c]), ['C', 'C', undefined, undefined, 'C'])
  },

  async 'hundreds of keys are read in one call'(open) {
    const store = await open()
    const keys = Array.from({ length: HUNDREDS }, newKey)
    await inPortions(keys, (key, place) => write(store, key, `value ${place}`))
    const values = keys.map((_, place) => `value ${place}`)
    expectAll('get of the keys in reverse order', await store.get([...keys].reverse()), values.reverse())
  },

  async 'thousands of keys are all kept'(open) {
    const store = await open()
    const records = Array.from({ length: THOUSANDS }, (_, n) => ({ key: newKey(), value: `value ${n + 1}` }))
    await inPortions(records, ({ key, value }) => write(store, key, value, undefined, forMinutes()))
    const held: (string | undefined)[] = []
    for (let start = 0; start < THOUSANDS; start += READ_AT_ONCE) {
      held.push(...(await store.get(records.slice(start, start + READ_AT_ONCE).map(({ key }) => key))))
    }
    expectAll(
      `${THOUSANDS} keys after all have been written`,
      held,
      records.map(({ value }) => value),
    )
  },

  async 'calls at once get each their own answer'(open) {
    const stores = await several(open)
    const keys = Array.from({ length: 40 }, newKey)
    await Promise.all(keys.map(key => write(stores[0], key, `value of ${key}`)))
    const calls = stores.flatMap(store =>
      keys.map(async (key, place) => {
        const other = keys[(place + 7) % keys.length] as string
        const asked = place % 2 ? [key, newKey(), other] : [other, key]
        const expected = asked.map(each => (keys.includes(each) ? `value of ${each}` : undefined))
        expectAll('get, while other keys are read', await store.get(asked), expected)
      }),
    )
    await Promise.all(calls)
  },
}
