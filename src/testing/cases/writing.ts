import { oddValues } from '../odd-values.js'
import { expectSame, StoreRejection, show } from '../show.js'
import { ignorableCharacters, similarTo } from '../similar.js'
import {
  answerOrRejection,
  type Cases,
  expectRefusal,
  expectValue,
  inPortions,
  later,
  newKey,
  read,
  write,
} from '../steps.js'

const HUNDREDS = 300
const YEAR_MS = 31_536_000_000

/** Cases about the comparison and the write of `compareAndSet`. */
export const writing: Cases = {
  async 'a key that holds nothing is written when nothing is expected, and not again'(open) {
    const store = await open()
    const key = newKey()
    await write(store, key, 'first')
    await expectRefusal(store, key, undefined, 'first')
    await expectValue(store, key, 'first', 'get after a write that was refused')
  },

  async 'a write is refused even if it would write what is held'(open) {
    const store = await open()
    const key = newKey()
    await write(store, key, 'held')
    for (const expected of [undefined, 'another']) {
      await expectRefusal(store, key, expected, 'held', { value: 'held' })
    }
    await expectValue(store, key, 'held', 'get after a write that was refused')
  },

  async 'a key that holds nothing is not written when something is expected'(open) {
    const store = await open()
    const key = newKey()
    await expectRefusal(store, key, 'something', undefined)
    await expectRefusal(store, key, '', undefined)
    await expectValue(store, key, undefined, 'get after a write that was refused')
  },

  async 'a value is replaced when it is the expected one'(open) {
    const store = await open()
    const key = newKey()
    await write(store, key, 'a')
    await write(store, key, 'b', 'a')
    await write(store, key, 'c', 'b')
    await expectValue(store, key, 'c')
  },

  async 'a value is kept when another one is expected, however similar'(open) {
    const store = await open()
    const generated = oddValues.map((held): [string, ...string[]] => [held, ...similarTo(held)])
    await inPortions([...similarValues, ...generated], async ([held, ...others]) => {
      const key = newKey()
      await write(store, key, held)
      for (const other of [undefined, ...others]) await expectRefusal(store, key, other, held)
      await expectValue(store, key, held, 'get after writes that were refused')
    })
  },

  async 'no character is left out of a comparison'(open) {
    const store = await open()
    const key = newKey()
    await write(store, key, 'ab')
    await inPortions(ignorableCharacters(), each => expectRefusal(store, key, `a${each}b`, 'ab'))
    await write(store, key, 'next', 'ab')
  },

  async 'a write that is refused changes nothing, however long what is held, expected and written'(open) {
    const store = await open()
    await inPortions(['', 'held', 'h'.repeat(300), 'h'.repeat(5000), undefined], async held => {
      const key = newKey()
      if (held !== undefined) await write(store, key, held)
      const text = held ?? ''
      const others = [undefined, '', 'other', text.slice(1), text.replace(/.$/, 'x'), `${text}!`]
      const longer = [40, 300, 5000].map(length => text + 'x'.repeat(length))
      for (const expected of new Set([...others, ...longer])) {
        if (expected === held) continue
        for (const [place, value] of ['', 'wrong', text, 'x'.repeat(5000)].entries()) {
          const expiresAt = place % 2 ? new Date(Date.now() + 3 * YEAR_MS) : later()
          await expectRefusal(store, key, expected, held, { value, expiresAt })
        }
        const what = `get after writes that were refused because ${show(expected)} was expected`
        expectSame(what, await read(store, key), held)
      }
    })
  },

  async 'values of 64 kB are compared to the last character'(open) {
    const store = await open()
    const key = newKey()
    const held = 'x'.repeat(65_536)
    await write(store, key, held)
    await inPortions(placesIn(held), async place => {
      const expected = `${held.slice(0, place)}y${held.slice(place + 1)}`
      const written = await store.compareAndSet(key, expected, 'wrong', later())
      expectSame(`compareAndSet that expects a value that differs in character ${place + 1} of 65536`, written, false)
    })
    await expectRefusal(store, key, held.slice(0, -1), held)
    await write(store, key, 'next', held)
  },

  async 'a value is replaced hundreds of times'(open) {
    const store = await open()
    const key = newKey()
    await write(store, key, 'value 0')
    for (let turn = 1; turn <= HUNDREDS; turn++) await write(store, key, `value ${turn}`, `value ${turn - 1}`)
    await expectValue(store, key, `value ${HUNDREDS}`)
  },

  async 'a value replaced by itself counts as written'(open) {
    const store = await open()
    const key = newKey()
    const until = later()
    await write(store, key, 'same', undefined, until)
    await write(store, key, 'same', 'same')
    await write(store, key, 'same', 'same', until)
    await write(store, key, 'same', 'same', until)
    await expectValue(store, key, 'same')
  },

  async 'a value whose date is past is never read'(open) {
    const store = await open()
    const past = [Date.now() - 2000, Date.now() - 86_400_000, 1000, 0, -1, Number.NaN]
    for (const date of past.map(milliseconds => new Date(milliseconds))) {
      for (const held of ['held', undefined]) {
        const key = newKey()
        if (held !== undefined) await write(store, key, held)
        // The store may refuse the write, reject the call, or report the value as written.
        const answer = await answerOrRejection(store.compareAndSet(key, held, 'past', date))
        const left = answer === true ? undefined : held
        await expectValue(store, key, left, `get after a write with the date ${show(date)}, which ${became(answer)}`)
        await write(store, key, 'new', left)
      }
    }
  },
}

function became(answer: boolean | StoreRejection): string {
  if (answer instanceof StoreRejection) return 'was rejected'
  return answer ? 'counts as written' : 'was refused'
}

/**
 * Returns places in `value`: the first, the last, and the two on both sides of each limit where a store may stop
 * comparing.
 */
function placesIn(value: string): number[] {
  const limits = [32, 64, 100, 128, 191, 200, 255, 256, 500, 512, 767, 1000, 1024, 2000, 2048, 2704, 3072, 4000, 4096]
  const large = [8000, 8191, 8192, 10_000, 16_384, 32_767, 32_768, 60_000, 65_535]
  return [0, ...[...limits, ...large].flatMap(limit => [limit - 1, limit]), value.length - 1]
}

/** In each list, the first value is stored. The store must not confuse the other values with it. */
const similarValues: readonly (readonly [string, ...string[]])[] = [
  ['', ' ', '\0'],
  ['0', '', '00', '-0', 'false'],
  ['1', '1.0', '01', ' 1', '1 ', '1\n', '+1', 'true'],
  ['9007199254740993', '9007199254740992'],
  ['abc', 'ABC', 'Abc', '%', 'a%', '___', '*', '???', 'a*', '[a]bc', '.*', 'ab', 'abcd', 'abc ', 'abc\0', 'abc\0d', ''],
  ['a\0b', 'a', 'a\0', 'a\0c', 'ab'],
  ['\u00e9', 'e\u0301', 'e', '\u00c9'],
  ['\u00df', 'ss', '\u1e9e'],
  ['\u4e00', '\u0000', '\u4e01', '\u5e00', '?'],
  ['\u{1f600}', '\u{1f601}', '\u{1f600}\u{1f600}', '?', '\ufffd'],
  ['null', '', 'undefined', '"null"'],
  ['undefined', 'null', ''],
  ['{"a":1,"b":2}', '{"b":2,"a":1}', '{"a":1, "b":2}', '{"a":1.0,"b":2}'],
  // The two values of each of the next three pairs have the same hash: CRC-32, the hash of Java's strings, FNV-1a.
  ['plumless', 'buckeroo'],
  ['Aa', 'BB'],
  ['costarring', 'liquid'],
  ['1e3', '1000', '1E3'],
  ['0x10', '16'],
  ['90071992547409930001', '90071992547409930002'],
  ['x'.repeat(200), `${'x'.repeat(100)}y${'x'.repeat(99)}`],
  ['x'.repeat(2000), `${'x'.repeat(1000)}y${'x'.repeat(999)}`],
  ['\u00e9'.repeat(600), `${'\u00e9'.repeat(599)}e`],
]
