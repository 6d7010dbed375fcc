import { randomUUID } from 'node:crypto'
import { expectAll, failure } from '../show.js'
import { type Cases, expectValue, inPortions, later, newKey, read, write } from '../steps.js'

const LONGEST = 65_536
const MOST_CHARACTERS = 200

/** Which keys and values there are. */
export const strings: Cases = {
  async 'a value of any characters comes back as it was, and is compared as it is'(open) {
    const store = await open()
    await inPortions(oddValues, async value => {
      const key = newKey()
      await write(store, key, value)
      await expectValue(store, key, value)
      await write(store, key, 'next', value)
      await expectValue(store, key, 'next')
    })
  },

  async 'every character of the basic plane comes back as it was'(open) {
    const store = await open()
    await inPortions(basicPlane(), async value => {
      const key = newKey()
      await write(store, key, value)
      await expectValue(store, key, value)
    })
  },

  async 'values of up to 64 kB come back as they were'(open) {
    const store = await open()
    const powers = Array.from({ length: 17 }, (_, power) => 2 ** power)
    const lengths = powers.flatMap(power => [power - 1, power, power + 1]).filter(length => length <= LONGEST)
    const wide = ['\u00e9'.repeat(LONGEST / 2), '\u4e2d'.repeat(LONGEST / 4), '\u{1f600}'.repeat(LONGEST / 4)]
    await inPortions([...lengths.map(length => 'x'.repeat(length)), ...wide], async value => {
      const key = newKey()
      await write(store, key, value)
      await expectValue(store, key, value)
      await write(store, key, 'next', value)
    })
  },

  async 'keys that differ in one printable character are different keys'(open) {
    const store = await open()
    const key = newKey()
    const printable = Array.from({ length: 0x7f - 0x20 }, (_, place) => String.fromCharCode(0x20 + place))
    const keys = printable.flatMap(character => [`${key}${character}`, `${character}${key}`, `${key}${character}x`])
    await inPortions(keys, each => write(store, each, `value of ${each}`))
    expectAll(
      'get after all have been written',
      await store.get(keys),
      keys.map(each => `value of ${each}`),
    )
    await expectValue(store, key, undefined, 'get of the key without another character')
  },

  async 'keys that would name one file or address are different keys'(open) {
    const store = await open()
    const key = newKey()
    const paths = [
      '/x',
      '//x',
      '/./x',
      '/y/../x',
      '\\x',
      '/x/',
      '/x/.',
      '/x?',
      '/x#',
      '/%78',
      '/%2578',
      '/X',
      '%2Fx',
      '%2fx',
    ]
    const keys = paths.map(path => key + path)
    for (const each of keys) await write(store, each, `value of ${each}`)
    expectAll(
      'get after all have been written',
      await store.get(keys),
      keys.map(each => `value of ${each}`),
    )
  },

  async 'keys have from 1 to 200 characters'(open) {
    const store = await open()
    const long = newKey().padEnd(MOST_CHARACTERS - 1, 'k')
    const other = `x${long.slice(1)}`
    const keys = [`${long}1`, `${long}2`, `${other}1`, long]
    for (const [place, key] of keys.entries()) await write(store, key, `value ${place}`)
    expectAll(
      'get of keys of 200 characters',
      await store.get(keys),
      keys.map((_, place) => `value ${place}`),
    )
    // The only key that is not random: it may hold something already, and others may be writing it.
    let written = false
    for (let turn = 0; turn < 100 && !written; turn++) {
      written = await store.compareAndSet('~', await read(store, '~'), randomUUID(), later())
    }
    if (!written) throw failure('100 writes of a key of one character', 'false each time', 'true')
    if ((await read(store, '~')) === undefined) throw failure('get of a key of one character', 'undefined', 'a string')
  },
}

/** All of Unicode's basic plane, without the halves of surrogate pairs, which are no characters. */
function basicPlane(): string[] {
  const rows = Array.from({ length: 0x100 }, (_, row) => row).filter(row => row < 0xd8 || row > 0xdf)
  return rows.map(row => Array.from({ length: 0x100 }, (_, cell) => String.fromCharCode(row * 0x100 + cell)).join(''))
}

const oddValues: readonly string[] = [
  '',
  ' ',
  ' spaces at both ends ',
  'a \n',
  '\n\r\n\t',
  '\r',
  '\0',
  'a\0b\0',
  'null',
  'undefined',
  'NaN',
  'true',
  '123',
  '007',
  '0',
  '-0',
  '1.10',
  '1e3',
  '0x10',
  '9007199254740993',
  '123456789012345678901234567890',
  '2030-01-01T00:00:00.000Z',
  '{}',
  '[]',
  '[1,2]',
  '{"b":1, "a":1.0}',
  '{"a":1,"a":2}',
  '{"__proto__":1}',
  '{"type":"Buffer","data":[97]}',
  '{"value":"a","expires":1}',
  '"quoted"',
  `it's "so" \`so\` \\so\\ ; DROP TABLE x; --`,
  '%_*?[a-z]',
  '%41+%2B &amp; <b>',
  '$1 $& $$ $' + '{x} {{x}} :x @x #x',
  ':base64:AAAA',
  ':colon',
  'AAAA==',
  '\ufeff',
  '\ufeffmark',
  '\u001b[0m\u0007\b',
  '\u007f\u0080\u00ff\u2028\u2029\ufeff',
  '\ufffd\ufffe\uffff',
  'e\u0301',
  '\u212b \u00c5 \ufb01 \u00a0',
  '\u{1f469}\u200d\u{1f680} \u{10ffff} \u4e2d\u6587 e\u0301',
  '{"sub":"test","gen":3,"device":"\u00e9\\u0000"}',
]
