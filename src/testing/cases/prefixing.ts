import { expectSame } from '../show.js'
import { answerOrRejection, type Cases, expectRefusal, expectValue, newKey, read, write } from '../steps.js'

/** Prefixes that a store must not confuse with each other. */
const prefixes = ['one:', 'two:', 'one:two:', 'ONE:', 'one', 'one-', 'one_', 'onex', 'application-1:', 'application-2:']

const LONGEST = 80

/** The beginnings of long prefixes that differ only in their last character. */
const long = [20, 32, 33, 40, 41, 64, 65, LONGEST].map(length => `${'long-'.repeat(16).slice(0, length - 1)}`)
/** Similar prefixes. They differ in the last or the first character, or in a part that a store may normalise. */
const alike = [
  ...long.flatMap(start => [`${start}:`, `${start}_`]),
  `x${'long-'.repeat(15)}long`,
  'a::',
  'a:',
  'a:01:',
  'a:1:',
]

/** Cases about the option `prefix`: stores with different prefixes do not share keys. */
export const prefixing: Cases = {
  async 'stores with different prefixes do not see each other'(open) {
    const key = newKey()
    const stores = await Promise.all(prefixes.map(prefix => open({ prefix })))
    for (const [place, store] of stores.entries()) {
      const what = `get with the prefix ${prefixes[place]}, under which nothing was written`
      await expectValue(store, key, undefined, what)
      for (const earlier of prefixes.slice(0, place)) await expectRefusal(store, key, `in ${earlier}`, undefined)
      await write(store, key, `in ${prefixes[place]}`)
    }
    for (const [place, store] of stores.entries()) {
      await expectValue(store, key, `in ${prefixes[place]}`, `get with the prefix ${prefixes[place]}`)
    }
  },

  async 'similar prefixes of up to 80 characters are different prefixes'(open) {
    const key = newKey()
    const stores = await Promise.all(alike.map(prefix => open({ prefix })))
    for (const [place, store] of stores.entries()) {
      expectSame(
        `get with the prefix ${alike[place]}, under which nothing was written`,
        await read(store, key),
        undefined,
      )
      await write(store, key, `in ${alike[place]}`)
    }
    for (const [place, store] of stores.entries()) {
      expectSame(`get with the prefix ${alike[place]}`, await read(store, key), `in ${alike[place]}`)
    }
  },

  async 'a store with a prefix keeps the contract, also about keys that begin with its prefix'(open) {
    const [store, other] = [await open({ prefix: 'one:' }), await open({ prefix: 'one:two:' })]
    const key = newKey()
    const ofOther = newKey()
    await write(store, `one:${key}`, 'with')
    await expectValue(
      store,
      key,
      undefined,
      'get of a key without a value, while the same key with a second prefix has one',
    )
    await expectRefusal(store, key, 'with', undefined)
    await write(store, key, 'a')
    for (const expected of [undefined, 'b', 'A']) await expectRefusal(store, key, expected, 'a')
    await write(store, key, 'b', 'a')
    await answerOrRejection(store.compareAndSet(ofOther, undefined, 'past', new Date(Date.now() - 86_400_000)))
    await expectValue(store, ofOther, undefined, 'get after a write with a past date')
    await write(other, ofOther, 'kept')
    await store.close?.()
    await expectValue(other, ofOther, 'kept', 'get after a store with a shorter prefix was closed')
  },

  async 'a prefix of 32 characters leaves room for keys of 200'(open) {
    const store = await open({ prefix: 'a-prefix'.padEnd(31, '-x').concat(':') })
    const long = newKey().padEnd(199, 'k')
    for (const end of ['1', '2']) await write(store, long + end, end)
    for (const end of ['1', '2']) await expectValue(store, long + end, end, 'get of a key of 200 characters')
  },
}
