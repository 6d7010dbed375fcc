import { type Cases, expectRefusal, expectValue, newKey, write } from '../steps.js'

/** Prefixes of which no two may be taken for each other. */
const prefixes = ['one:', 'two:', 'one:two:', 'ONE:', 'one', 'one-', 'one_', 'onex', 'application-1:', 'application-2:']

/** What the option `prefix` keeps apart. */
export const prefixing: Cases = {
  async 'stores with different prefixes do not see each other'(open) {
    const key = newKey()
    const stores = await Promise.all(prefixes.map(prefix => open({ prefix })))
    for (const [place, store] of stores.entries()) {
      const what = `get with the prefix ${prefixes[place]}, which has written nothing`
      await expectValue(store, key, undefined, what)
      for (const earlier of prefixes.slice(0, place)) await expectRefusal(store, key, `in ${earlier}`, undefined)
      await write(store, key, `in ${prefixes[place]}`)
    }
    for (const [place, store] of stores.entries()) {
      await expectValue(store, key, `in ${prefixes[place]}`, `get with the prefix ${prefixes[place]}`)
    }
  },

  async 'a prefix of 32 characters leaves room for keys of 200'(open) {
    const store = await open({ prefix: 'a-prefix'.padEnd(31, '-x').concat(':') })
    const long = newKey().padEnd(199, 'k')
    for (const end of ['1', '2']) await write(store, long + end, end)
    for (const end of ['1', '2']) await expectValue(store, long + end, end, 'get of a key of 200 characters')
  },
}
