import { type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const ANY = 'a value of any characters comes back as it was, and is compared as it is'
const EVERY = 'every character of the basic plane comes back as it was, and some of the other planes'
const SIMILAR_KEYS = 'similar keys of any length are different keys'
const NAMES = 'names that JavaScript objects have, such as __proto__, are keys like others'
const LONG = 'values of up to 64 kB come back as they were'
const PRINTABLE = 'keys that differ in one printable character are different keys'
const PATHS = 'keys that would name one file or address are different keys'
const LENGTHS = 'keys have from 1 to 200 characters'

/** Keeps `kept(value)` in the place of a value. */
const keeping = (kept: (value: string) => string) =>
  class extends PlainStore {
    override put(key: string, value: string, expiresAt: Date) {
      super.put(key, kept(value), expiresAt)
    }
  }

/** Shows `shown(value)` in the place of a value, and compares with it. */
const showing = (shown: (value: string) => unknown) =>
  class extends PlainStore {
    override read(key: string) {
      const value = super.read(key)
      return value === undefined ? undefined : (shown(value) as string)
    }
  }

/** Keeps keys under `name(key)`. */
const naming = (name: (key: string) => string) =>
  class extends PlainStore {
    override nameOf(key: string) {
      return name(this.prefix + key)
    }
  }

const bytes = (value: string) => Buffer.byteLength(value)

/** Mistakes about which keys and values there are. */
export const stringMistakes: readonly WrongStore[] = [
  wrong(
    'trims values',
    keeping(value => value.trim()),
    ANY,
    /saw "", expected " "/,
  ),
  wrong(
    'drops spaces at the end',
    keeping(value => value.replace(/ +$/, '')),
    ANY,
    /saw "", expected " "/,
  ),
  wrong(
    'cuts values at NUL',
    showing(value => value.split('\0')[0]),
    ANY,
    /saw "", expected "\\u0000"/,
  ),
  wrong(
    'reads null for nothing',
    showing(value => (value === 'null' ? undefined : value)),
    ANY,
    /saw undefined, expected "null"/,
  ),
  wrong(
    'reads an empty value for nothing',
    showing(value => value || undefined),
    ANY,
    /saw undefined, expected ""/,
  ),
  wrong(
    'makes numbers of what looks like one',
    showing(value => (/^\d+$/.test(value) ? String(Number(value)) : value)),
    ANY,
    /saw "7", expected "007"/,
  ),
  wrong(
    'answers with numbers',
    showing(value => (/^\d+$/.test(value) ? Number(value) : value)),
    ANY,
    /saw 123, expected a string or undefined/,
  ),
  wrong('parses JSON', showing(parsed), ANY, /expected a string or undefined/),
  wrong(
    'takes JSON through an object and back',
    keeping(value => {
      const object = parsed(value)
      return typeof object === 'object' ? JSON.stringify(object) : value
    }),
    ANY,
    /saw "\{.*expected "\{/,
  ),
  wrong(
    'normalises values',
    keeping(value => value.normalize()),
    ANY,
    /saw "\u00e9", expected "e\u0301"/,
  ),
  wrong(
    'writes line ends as its system does',
    keeping(value => value.replace(/\r\n/g, '\n')),
    ANY,
    /saw "\\n/,
  ),
  wrong(
    'drops a byte order mark',
    keeping(value => value.replace(/^\ufeff/, '')),
    ANY,
    /saw "", expected "\ufeff"/,
  ),
  wrong(
    'reads an escape as what it stands for',
    keeping(value => value.replace(/\\(.)/g, '$1')),
    ANY,
    /expected ".*\\\\/,
  ),
  wrong(
    'reads base64 after a colon',
    showing(value => value.replace(/^:base64:/, '')),
    ANY,
    /saw "AAAA", expected ":base64:AAAA"/,
  ),
  wrong(
    'drops a colon at the beginning',
    keeping(value => value.replace(/^:/, '')),
    ANY,
    /expected ":/,
  ),
  wrong(
    'keeps values in latin1',
    keeping(value => Buffer.from(value, 'latin1').toString('latin1')),
    ANY,
    /saw .*, expected/,
  ),
  wrong(
    'keeps no characters beyond the basic plane',
    keeping(value => value.replace(/[\u{10000}-\u{10ffff}]/gu, '?')),
    ANY,
    /saw .*, expected/,
  ),
  wrong(
    'drops a soft hyphen',
    keeping(value => value.replaceAll('\u00ad', '')),
    EVERY,
    /saw .*, expected/,
  ),
  wrong(
    'keeps one private character as another',
    keeping(value => value.replaceAll('\ue123', '\ufffd')),
    EVERY,
    /differ from character \d+/,
  ),
  ...[4096, 16_384, 32_768, 60_000, 65_535].map(limit =>
    wrong(
      `cuts values at ${limit} bytes`,
      keeping(value => Buffer.from(value).subarray(0, limit).toString()),
      LONG,
      /saw "x+"\.\.\. \(\d+ characters\), expected "x+"\.\.\. \(\d+ characters\); they differ from/,
    ),
  ),
  ...[4096, 16_384, 32_768, 60_000, 65_535].map(limit =>
    wrong(
      `reports a write of more than ${limit} bytes as done and does not do it`,
      class extends PlainStore {
        override put(key: string, value: string, expiresAt: Date) {
          if (bytes(value) <= limit) super.put(key, value, expiresAt)
        }
      },
      LONG,
      /saw undefined, expected "x+"\.\.\. \(\d+ characters\)/,
    ),
  ),
  wrong(
    'cuts values at 4 kB when several keys are asked for',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        const values = await super.get(keys)
        return keys.length > 1 ? values.map(value => value?.slice(0, 4096)) : values
      }
    },
    LONG,
    /read together with another key: saw "x+"\.\.\. \(4096 characters\)/,
  ),
  wrong(
    'refuses values of more than 32 kB',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return bytes(args[2]) <= 32_768 && super.compareAndSet(...args)
      }
    },
    LONG,
    /saw false, expected true/,
  ),
  wrong(
    'loses values of 256 characters',
    showing(value => (value.length === 256 ? undefined : value)),
    LONG,
    /saw undefined, expected "x+"\.\.\. \(256 characters\)/,
  ),
  wrong(
    'tells apart keys without regard to case',
    naming(key => key.toLowerCase()),
    PRINTABLE,
    /saw false, expected true/,
  ),
  wrong(
    'trims keys',
    naming(key => key.trim()),
    PRINTABLE,
    /saw false, expected true/,
  ),
  wrong(
    'tells apart keys only by their letters and digits',
    naming(key => key.replace(/[^a-z0-9]/gi, '_')),
    PRINTABLE,
    /saw false, expected true/,
  ),
  wrong(
    'takes a key for a pattern',
    class extends PlainStore {
      override entry(key: string) {
        const pattern = this.nameOf(key)
          .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
          .replaceAll('*', '.*')
        const name = [...this.backend.entries.keys()].find(each => new RegExp(`^${pattern}$`).test(each))
        return name === undefined ? undefined : this.backend.entries.get(name)
      }
    },
    PRINTABLE,
    /saw false, expected true/,
  ),
  wrong(
    'takes a key for a path',
    naming(key => new URL(key.replace(/[^/.\w]/g, '-'), 'file:///').pathname),
    PATHS,
    /saw false, expected true/,
  ),
  wrong('decodes what is escaped in a key', naming(decoded), PATHS, /saw false, expected true/),
  ...[64, 128, 190, 191, 199].map(length =>
    wrong(
      `cuts keys at ${length} characters`,
      naming(key => key.slice(0, length)),
      LENGTHS,
      /saw false, expected true/,
    ),
  ),
  ...Object.entries({
    'lower-cases keys of more than 190 characters': key => (key.length > 190 ? key.toLowerCase() : key),
    'drops punctuation from keys of more than 150 characters': key =>
      key.length > 150 ? key.replace(/[^a-z0-9]/gi, '') : key,
    'drops the middle of keys of more than 100 characters': key =>
      key.length > 100 ? key.slice(0, 45) + key.slice(-55) : key,
    'makes one space of several in a key': key => key.replace(/ +/g, ' '),
    'reads what is in braces in a key for the key': key => /\{([^}]+)\}/.exec(key)?.[1] ?? key,
    'takes keys of digits for numbers': key => (/^\d+$/.test(key) ? String(Number(key)) : key),
    'ignores case in keys of sessions': key => (key.startsWith('session:') ? key.toLowerCase() : key),
  } satisfies Record<string, (key: string) => string>).map(([mistake, name]) =>
    wrong(mistake, naming(name), SIMILAR_KEYS, /saw false, expected true/),
  ),
  wrong(
    'does not write keys that objects have as names',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        if (!(key in {})) super.put(key, value, expiresAt)
      }
    },
    NAMES,
    /get of the key __proto__: saw undefined, expected a string/,
  ),
  wrong(
    'keeps no characters of the private planes',
    keeping(value => value.replace(/[\u{f0000}-\u{10fffd}]/gu, '?')),
    EVERY,
    /saw .*, expected/,
  ),
  wrong(
    'divides long values within a character',
    keeping(value => (value.match(/.{1,1024}/gs) ?? ['']).map(part => Buffer.from(part).toString()).join('')),
    LONG,
    /they differ from character 1024/,
  ),
  ...Object.entries({
    trims: value => value.trim(),
    normalises: value => value.normalize(),
    'drops NUL from': value => value.replaceAll('\0', ''),
  } satisfies Record<string, (value: string) => string>).map(([what, kept]) =>
    wrong(
      `${what} what replaces another value`,
      class extends PlainStore {
        override put(key: string, value: string, expiresAt: Date) {
          super.put(key, this.read(key) === undefined ? value : kept(value), expiresAt)
        }
      },
      ANY,
      /that has replaced another value: saw .*, expected/,
    ),
  ),
  wrong(
    'cuts off the beginning of keys of more than 128 characters',
    naming(key => key.slice(-128)),
    LENGTHS,
    /saw false, expected true/,
  ),
]

function parsed(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key)
  } catch {
    return key
  }
}
