import { randomUUID } from 'node:crypto'
import type { TokenStore } from '../../store.js'
import { oddValues } from '../odd-values.js'
import { expectAll, expectSame, failure } from '../show.js'
import { similarTo } from '../similar.js'
import { type Cases, expectValue, inPortions, later, newKey, read, write } from '../steps.js'

const LONGEST = 65_536
/** Number of values to read in one call, if the values may be long. */
const FEW = 5
/** Lengths of keys, in characters. Stores may shorten or hash keys above some length. */
const KEY_LENGTHS = [50, 65, 101, 129, 151, 192, 199]
const MOST_CHARACTERS = 200

/** Cases about the characters and lengths of keys and values. */
export const strings: Cases = {
  async 'a value of any characters comes back as it was, and is compared as it is'(open) {
    const store = await open()
    const keys = await inPortions(oddValues, async value => {
      const key = newKey()
      await write(store, key, value)
      await expectValue(store, key, value)
      await write(store, key, 'next', value)
      await write(store, key, value, 'next')
      return key
    })
    await expectEach(store, keys, oddValues, 'get of a value that has replaced another value')
  },

  async 'every character of the basic plane comes back as it was, and some of the other planes'(open) {
    const store = await open()
    const rows = [...basicPlane(), ...otherPlanes()]
    const keys = await inPortions(rows, async value => {
      const key = newKey()
      await write(store, key, value)
      return key
    })
    await expectEach(store, keys, rows, 'get')
  },

  async 'values of up to 64 kB come back as they were'(open) {
    const store = await open()
    const powers = Array.from({ length: 17 }, (_, power) => 2 ** power)
    const lengths = powers.flatMap(power => [power - 1, power, power + 1]).filter(length => length <= LONGEST)
    const wide = ['\u00e9'.repeat(LONGEST / 2), '\u4e2d'.repeat(LONGEST / 4), '\u{1f600}'.repeat(LONGEST / 4)]
    // A store may divide long values into pieces. Wherever it divides, in UTF-8 or in UTF-16, one of these values has a
    // character across the border.
    const across = [1, 2, 3].map(start => 'x'.repeat(start) + '\u{1f600}'.repeat(LONGEST / 8))
    const values = [...lengths.map(length => 'x'.repeat(length)), ...wide, ...across]
    const keys = await inPortions(values, async value => {
      const key = newKey()
      await write(store, key, value)
      await expectValue(store, key, value)
      await write(store, key, 'next', value)
      await write(store, key, value, 'next')
      return key
    })
    await expectEach(store, keys, values, 'get of a value that has replaced another value')
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
    await expectValue(store, key, undefined, 'get of the key without the additional character')
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

  async 'similar keys of any length are different keys'(open) {
    const store = await open()
    const keys = KEY_LENGTHS.flatMap(keysOf)
    await inPortions(keys, each => write(store, each, `value of ${each}`))
    const values = keys.map(each => `value of ${each}`)
    await expectEach(store, keys, values, 'get after all have been written', 50)
  },

  async 'names that JavaScript objects have, such as __proto__, are keys like others'(open) {
    const store = await open()
    for (const key of ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'valueOf', '~']) {
      // These keys are not random: they may already have a value, and other processes may write them at the same time.
      let written = false
      for (let turn = 0; turn < 100 && !written; turn++) {
        written = await store.compareAndSet(key, await read(store, key), randomUUID(), later())
      }
      if (!written) throw failure(`100 writes of the key ${key}`, 'false each time', 'true')
      if ((await read(store, key)) === undefined) throw failure(`get of the key ${key}`, 'undefined', 'a string')
    }
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
  },
}

/** Checks that each key has the value of the same index in `values`. Each `get` reads `atOnce` keys. */
async function expectEach(
  store: TokenStore,
  keys: readonly string[],
  values: readonly string[],
  what: string,
  atOnce = FEW,
): Promise<void> {
  const starts = Array.from({ length: Math.ceil(keys.length / atOnce) }, (_, place) => place * atOnce)
  await inPortions(starts, async start => {
    const few = values.slice(start, start + atOnce)
    const seen = await store.get(keys.slice(start, start + atOnce))
    for (const [place, value] of few.entries()) expectSame(what, seen[place], value)
  })
}

/** Returns a key of `length` characters, and similar keys that a store may confuse with it. */
function keysOf(length: number): string[] {
  const id = randomUUID()
  const key = `session:${id}:00${Date.now()}  {Ab-_.+/=%41}::x&amp;\\n"q"`
    .padEnd(length, '+Ab ')
    .slice(0, length - 1)
    .concat('.')
  const changed = [9, Math.floor(length / 2), length - 1].map(place => `${key.slice(0, place)}~${key.slice(place + 1)}`)
  const others = [
    ...similarTo(key),
    ...changed,
    key.replace(/ +/g, ' '),
    key.replace('::', ':'),
    key.replace(/:0+/, ':'),
    key.split(':').sort().join(':'),
    key.slice(id.length),
    `authx:${key}`,
    id.replace(/\D/g, '').padStart(20, '0'),
    id.replace(/\D/g, '').replace(/^0+/, ''),
  ]
  const isKey = (each: string) => /^[ -~]{1,200}$/.test(each) && each.length >= 9
  return [...new Set([key, ...others])].filter(isKey)
}

/** Returns all characters of Unicode's basic plane. Halves of surrogate pairs are not characters. */
function basicPlane(): string[] {
  const rows = Array.from({ length: 0x100 }, (_, row) => row).filter(row => row < 0xd8 || row > 0xdf)
  return rows.map(row => Array.from({ length: 0x100 }, (_, cell) => String.fromCharCode(row * 0x100 + cell)).join(''))
}

/** 257 characters of each other plane, including its last two code points. */
function otherPlanes(): string[] {
  const planes = Array.from({ length: 16 }, (_, plane) => (plane + 1) * 0x10000)
  const cells = Array.from({ length: 0x100 }, (_, cell) => cell * 0x101)
  return planes.map(plane => String.fromCodePoint(...cells.map(cell => plane + cell), plane + 0xfffe))
}
