import assert from 'node:assert/strict'
import { type Cases, later, newKey, read, write } from '../steps.js'

/** What the option `prefix` keeps apart. */
export const prefixing: Cases = {
  async 'stores with different prefixes do not see each other'(open) {
    const one = await open({ prefix: 'one:' })
    const two = await open({ prefix: 'two:' })
    const key = newKey()
    await write(one, key, 'in one')
    assert.equal(await read(two, key), undefined)
    assert.equal(await two.compareAndSet(key, 'in one', 'wrong', later()), false)
    await write(two, key, 'in two')
    assert.equal(await read(one, key), 'in one')
    assert.equal(await read(two, key), 'in two')
  },
}
