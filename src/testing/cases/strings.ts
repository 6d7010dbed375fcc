import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type Cases, later, newKey, read, write } from '../steps.js'

const longest = 65_536

const oddValues: readonly string[] = [
  '',
  ' ',
  ' spaces at both ends ',
  '\n\r\n\t',
  '\0',
  'a\0b\0',
  'null',
  'undefined',
  'true',
  '123',
  '1e3',
  '{}',
  '[]',
  '"quoted"',
  `it's "so" \`so\` \\so\\ ; DROP TABLE x; --`,
  '%_*?[a-z]',
  ':base64:AAAA',
  ':colon',
  '\u007f\u0080\u00ff\u2028\u2029\ufeff',
  '\u{1f469}\u200d\u{1f680} \u{10ffff} \u4e2d\u6587 e\u0301',
  '{"sub":"test","gen":3,"device":"\u00e9\\u0000"}',
]

/** Which keys and values there are. */
export const strings: Cases = {
  async 'a value of any characters comes back as it was, and is compared as it is'(open) {
    const store = await open()
    for (const value of oddValues) {
      const key = newKey()
      await write(store, key, value)
      assert.equal(await read(store, key), value)
      await write(store, key, 'next', value)
      assert.equal(await read(store, key), 'next')
    }
  },

  async 'values of 64 kB come back as they were'(open) {
    const store = await open()
    for (const value of ['x'.repeat(longest), '\u00e9'.repeat(longest / 2), '\u{1f600}'.repeat(longest / 4)]) {
      const key = newKey()
      await write(store, key, value)
      assert.ok((await read(store, key)) === value)
      await write(store, key, 'next', value)
    }
  },

  async 'keys that differ in one printable character are different keys'(open) {
    const store = await open()
    const key = newKey()
    const printable = Array.from({ length: 0x7f - 0x20 }, (_, place) => String.fromCharCode(0x20 + place))
    const keys = printable.flatMap(character => [`${key}${character}`, `${character}${key}`, `${key}${character}x`])
    await Promise.all(keys.map(each => write(store, each, `value of ${each}`)))
    assert.deepEqual(
      [...(await store.get(keys))],
      keys.map(each => `value of ${each}`),
    )
    assert.equal(await read(store, key), undefined)
  },

  async 'keys have from 1 to 200 characters'(open) {
    const store = await open()
    const value = randomUUID()
    const long = newKey().padEnd(199, 'k')
    await write(store, `${long}1`, 'one')
    await write(store, `${long}2`, 'two')
    assert.deepEqual([...(await store.get([`${long}2`, `${long}1`]))], ['two', 'one'])
    // The only key that is not random: it may hold something already, and others may be writing it.
    let written = false
    for (let turn = 0; turn < 100 && !written; turn++) {
      written = await store.compareAndSet('~', await read(store, '~'), value, later())
    }
    assert.ok(written, 'a key of one character is written')
    assert.notEqual(await read(store, '~'), undefined)
  },
}
