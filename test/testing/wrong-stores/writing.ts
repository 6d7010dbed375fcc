import { type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const SIMILAR = 'a value is kept when another one is expected, however similar'
const TO_THE_LAST = 'values of 64 kB are compared to the last character'
const LEFT_OUT = 'no character is left out of a comparison'
const REFUSED = 'a write that is refused changes nothing, however long what is held, expected and written'
const PAST = 'a value whose date is past is never read'

/** Takes `expected` for what is held if they are the same to `as`. */
const comparing = (as: (value: string) => unknown) =>
  class extends PlainStore {
    override same(held: string | undefined, expected: string | undefined) {
      if (held === undefined || expected === undefined) return held === expected
      return as(held) === as(expected)
    }
  }

/** Mistakes in what `compareAndSet` compares and writes. */
export const writingMistakes: readonly WrongStore[] = [
  wrong(
    'never writes where nothing is expected',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return args[1] !== undefined && super.compareAndSet(...args)
      }
    },
    'a key that holds nothing is written when nothing is expected, and not again',
    /saw false, expected true/,
  ),
  wrong(
    'answers with how many rows it has changed',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return Number(await super.compareAndSet(...args)) as unknown as boolean
      }
    },
    'a value is replaced when it is the expected one',
    /saw 1, expected true or false/,
  ),
  wrong(
    'takes an expected empty string for nothing',
    class extends PlainStore {
      override compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet) {
        return super.compareAndSet(key, expected || undefined, value, expiresAt)
      }
    },
    'a key that holds nothing is not written when something is expected',
    /expects "" .* saw true, expected false/,
  ),
  wrong(
    'takes a key that holds nothing for any expected value',
    class extends PlainStore {
      override same(held: string | undefined, expected: string | undefined) {
        return held === undefined || held === expected
      }
    },
    'a key that holds nothing is not written when something is expected',
    /expects "something" .* saw true, expected false/,
  ),
  wrong(
    'takes a held empty string for nothing',
    class extends PlainStore {
      override same(held: string | undefined, expected: string | undefined) {
        return (held || undefined) === expected || held === expected
      }
    },
    SIMILAR,
    /expects nothing where "" is stored: saw true, expected false/,
  ),
  wrong(
    'takes a held "null" for nothing',
    class extends PlainStore {
      override same(held: string | undefined, expected: string | undefined) {
        return held === expected || (held === 'null' && expected === undefined)
      }
    },
    SIMILAR,
    /expects nothing where "null" is stored: saw true, expected false/,
  ),
  wrong(
    'ignores what is expected',
    comparing(() => true),
    SIMILAR,
    /saw true, expected false/,
  ),
  wrong(
    'compares like LIKE',
    class extends PlainStore {
      override same(held: string | undefined, expected: string | undefined) {
        return held === undefined || expected === undefined ? held === expected : like(expected).test(held)
      }
    },
    SIMILAR,
    /expects "(%|a%|___)" where "abc" is stored: saw true/,
  ),
  wrong(
    'compares without regard to case',
    comparing(value => value.toLowerCase()),
    SIMILAR,
    /expects "ABC" where "abc"/,
  ),
  wrong(
    'compares without regard to accents',
    comparing(value => value.normalize('NFD').replace(/\p{M}/gu, '')),
    SIMILAR,
    /expects "e\u0301?" where "\u00e9" is stored: saw true/,
  ),
  wrong(
    'compares normalised',
    comparing(value => value.normalize()),
    SIMILAR,
    /expects "e\u0301" where "\u00e9"/,
  ),
  wrong(
    'compares without spaces at the end',
    comparing(value => value.trimEnd()),
    SIMILAR,
    /saw true, expected false/,
  ),
  wrong(
    'compares numbers as numbers',
    comparing(value => (Number.isNaN(Number(value)) ? value : Number(value))),
    SIMILAR,
    /expects " " where "" is stored: saw true/,
  ),
  wrong(
    'compares JSON as what it means',
    comparing(value => {
      try {
        return JSON.stringify(Object.entries(JSON.parse(value)).sort())
      } catch {
        return value
      }
    }),
    SIMILAR,
    /where .* is stored: saw true, expected false/,
  ),
  wrong(
    'compares in the character set latin1',
    comparing(value => Buffer.from(value, 'latin1').toString('hex')),
    SIMILAR,
    /saw true/,
  ),
  wrong(
    'takes all characters beyond the basic plane for the same',
    comparing(value => value.replace(/[\u{10000}-\u{10ffff}]/gu, '?')),
    SIMILAR,
    /saw true, expected false/,
  ),
  wrong(
    'compares up to the first NUL',
    comparing(value => value.split('\0')[0]),
    SIMILAR,
    /saw true, expected false/,
  ),
  wrong('compares checksums', comparing(crc32), SIMILAR, /expects "buckeroo" where "plumless" is stored: saw true/),
  wrong(
    'leaves characters without a width out of the comparison',
    comparing(value => value.replace(/[\u200b-\u200d\u00ad]/g, '')),
    LEFT_OUT,
    /expects "a.b" where "ab" is stored: saw true, expected false/,
  ),
  wrong(
    'leaves variation selectors out of the comparison',
    comparing(value => value.replace(/[\ufe00-\ufe0f]/g, '')),
    LEFT_OUT,
    /where "ab" is stored: saw true, expected false/,
  ),
  ...Object.entries({
    'compares in compatibility form': value => value.normalize('NFKC'),
    'takes a final sigma for a sigma': value => value.replaceAll('\u03c2', '\u03c3'),
    'compares line ends as its system does': value => value.replace(/\r\n/g, '\n'),
    'compares with one space for several': value => value.replace(/\s+/g, ' '),
    'compares UUIDs without regard to case': value => (/^[0-9a-f-]{36}$/i.test(value) ? value.toLowerCase() : value),
    'compares dates as dates': value => (/^\d{4}-/.test(value) ? Date.parse(value) : value),
    'compares what is escaped in an address': value => (value.startsWith('%41') ? decodeURIComponent(value) : value),
    'compares base64 without its padding': value => value.replace(/=+$/, ''),
    'compares code points of 16 bits': value =>
      Array.from(value, each => (each.codePointAt(0) as number) & 0xffff).join(),
    'compares the first 100 characters of values up to 300': value =>
      value.length <= 300 ? value.slice(0, 100) : value,
  } satisfies Record<string, (value: string) => unknown>).map(([mistake, as]) =>
    wrong(mistake, comparing(as), SIMILAR, /where .* is stored: saw true, expected false/),
  ),
  ...Object.entries({
    'deletes what is held when much more is expected': (store, [key, expected = '']) => {
      if (expected.length > (store.read(key) ?? expected).length + 30) store.backend.entries.delete(store.nameOf(key))
    },
    'deletes what is held when it refuses an empty value': (store, [key, , value]) => {
      if (value === '') store.backend.entries.delete(store.nameOf(key))
    },
    'writes long values though it refuses them': (store, [key, , value, expiresAt]) => {
      if (value.length > 1000) store.put(key, value, expiresAt)
    },
    'writes values with a far date though it refuses them': (store, [key, , value, expiresAt]) => {
      if (expiresAt.getTime() > Date.now() + 86_400_000) store.put(key, value, expiresAt)
    },
  } satisfies Record<string, (store: PlainStore, args: CompareAndSet) => void>).map(([mistake, refused]) =>
    wrong(
      mistake,
      class extends PlainStore {
        override async compareAndSet(...args: CompareAndSet) {
          const written = await super.compareAndSet(...args)
          if (!written) refused(this, args)
          return written
        }
      },
      REFUSED,
      /get after writes that were refused because .* was expected: saw .*, expected|saw true, expected false/,
    ),
  ),
  wrong(
    'compares lengths',
    comparing(value => value.length),
    SIMILAR,
    /saw true, expected false/,
  ),
  wrong(
    'compares the first 255 characters only',
    comparing(value => value.slice(0, 255)),
    TO_THE_LAST,
    /differs in character 256.*saw true, expected false/,
  ),
  wrong(
    'compares the first 8 kB only',
    comparing(value => value.slice(0, 8192)),
    TO_THE_LAST,
    /differs in character 8193.*saw true, expected false/,
  ),
  wrong(
    'compares all but the last character of 64 kB',
    comparing(value => value.slice(0, 65_535)),
    TO_THE_LAST,
    /differs in character 65536.*saw true, expected false/,
  ),
  wrong(
    'compares the last 1,000 characters only',
    comparing(value => value.slice(-1000)),
    TO_THE_LAST,
    /differs in character 1 .*saw true, expected false/,
  ),
  wrong(
    'counts a write of what is held already as done',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return this.read(args[0]) === args[2] || super.compareAndSet(...args)
      }
    },
    'a write is refused even if it would write what is held',
    /expects nothing where "held" is stored: saw true, expected false/,
  ),
  wrong(
    'counts the writes of a key in one byte',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const before = (this.entry(args[0]) as { version?: number } | undefined)?.version ?? 0
        if (before === 255 || !(await super.compareAndSet(...args))) return false
        Object.assign(this.entry(args[0]) ?? {}, { version: before + 1 })
        return true
      }
    },
    'a value is replaced hundreds of times',
    /writes "value 255" where "value 254" is stored and expected: saw false, expected true/,
  ),
  wrong(
    'refuses to replace a value by itself',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return args[1] !== args[2] && super.compareAndSet(...args)
      }
    },
    'a value replaced by itself counts as written',
    /saw false, expected true/,
  ),
  wrong(
    'counts a write that changes neither value nor date as none',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const { value, expires } = this.entry(args[0]) ?? {}
        return (value !== args[2] || expires !== args[3].getTime()) && super.compareAndSet(...args)
      }
    },
    'a value replaced by itself counts as written',
    /saw false, expected true/,
  ),
  wrong(
    'keeps for ever what has no time left',
    class extends PlainStore {
      override expiryFor(expiresAt: Date) {
        const left = expiresAt.getTime() - Date.now()
        return left > 0 ? Date.now() + left : Number.POSITIVE_INFINITY
      }
    },
    PAST,
    /saw "past", expected undefined/,
  ),
  wrong(
    'keeps for ever what has no valid date',
    class extends PlainStore {
      override expiryFor(expiresAt: Date) {
        return expiresAt.getTime() || Number.POSITIVE_INFINITY
      }
    },
    PAST,
    /saw "past", expected undefined/,
  ),
  wrong(
    'reports a write with a past date as done and does not do it',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        if (expiresAt.getTime() > Date.now()) super.put(key, value, expiresAt)
      }
    },
    PAST,
    /which counts as written: saw "held", expected undefined/,
  ),
  wrong(
    'keeps the lock of a key when it rejects a date',
    class extends PlainStore {
      readonly locked = new Set<string>()
      override async compareAndSet(...args: CompareAndSet) {
        const [key, , , expiresAt] = args
        if (this.locked.has(key)) return new Promise<never>(() => {})
        this.locked.add(key)
        if (!(expiresAt.getTime() > Date.now())) throw new RangeError('a past date')
        const written = await super.compareAndSet(...args)
        this.locked.delete(key)
        return written
      }
    },
    PAST,
    /compareAndSet: saw no answer within 10 seconds/,
  ),
  wrong(
    'rejects all that comes after a call that it has rejected',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        if (args[3].getTime() > Date.now()) return super.compareAndSet(...args)
        this.backend.isDown = true
        throw new RangeError('a past date')
      }
    },
    PAST,
    /get: saw a rejection \(Error: down\), expected an answer/,
  ),
]

function like(pattern: string): RegExp {
  const escaped = pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replaceAll('%', '.*').replaceAll('_', '.')}$`, 's')
}

function crc32(value: string): number {
  let crc = -1
  for (const byte of Buffer.from(value)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc
}
