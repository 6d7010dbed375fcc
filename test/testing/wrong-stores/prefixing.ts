import { PlainStore, type WrongStore, wrong } from './plain-store.js'

const CONTRACT = 'a store with a prefix keeps the contract, also about keys that begin with its prefix'
const APART = 'stores with different prefixes do not see each other'

const prefixing = (name: (prefix: string, key: string) => string) =>
  class extends PlainStore {
    override nameOf(key: string) {
      return name(this.prefix, key)
    }
  }

/** Mistakes with prefixes. */
export const prefixMistakes: readonly WrongStore[] = [
  wrong(
    'ignores the prefix',
    prefixing((_, key) => key),
    APART,
    /saw "in .*", expected undefined/,
  ),
  wrong(
    'ignores the case of the prefix',
    prefixing((prefix, key) => prefix.toLowerCase() + key),
    APART,
    /expected undefined/,
  ),
  wrong(
    'uses eight characters of the prefix',
    prefixing((prefix, key) => prefix.slice(0, 8) + key),
    APART,
    /expected undefined/,
  ),
  wrong(
    'uses the first part of the prefix',
    prefixing((prefix, key) => prefix.split(':')[0] + key),
    APART,
    /expected undefined/,
  ),
  wrong(
    'drops punctuation from the prefix',
    prefixing((prefix, key) => prefix.replace(/\W|_/g, '') + key),
    APART,
    /expected undefined/,
  ),
  wrong(
    'takes the prefix for a LIKE pattern',
    class extends PlainStore {
      override entry(key: string) {
        const pattern = new RegExp(`^${this.prefix.replaceAll('_', '.')}${key}$`)
        const name = [...this.backend.entries.keys()].find(each => pattern.test(each))
        return name === undefined ? undefined : this.backend.entries.get(name)
      }
    },
    APART,
    /expected undefined/,
  ),
  wrong(
    'cuts prefix and key together at 220 characters',
    prefixing((prefix, key) => (prefix + key).slice(0, 220)),
    'a prefix of 32 characters leaves room for keys of 200',
    /saw false, expected true/,
  ),
  wrong(
    'forgets the prefix when several keys are asked for',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        if (keys.length === 1) return super.get(keys)
        const names = [...this.backend.entries.keys()]
        const store = new PlainStore(this.backend)
        return store.get(keys.map(key => names.find(name => name.endsWith(key)) ?? key))
      }
    },
    APART,
    /read together with another key: saw "in one:", expected undefined/,
  ),
  ...Object.entries({
    'cuts prefixes at 20 characters': prefix => prefix.slice(0, 20),
    'cuts prefixes at 40 characters': prefix => prefix.slice(0, 40),
    'cuts prefixes at 64 characters': prefix => prefix.slice(0, 64),
    'makes one colon of several in a prefix': prefix => prefix.replace(/::+/g, ':'),
    'drops zeros from numbers in a prefix': prefix => prefix.replace(/0+(?=\d)/g, ''),
  } satisfies Record<string, (prefix: string) => string>).map(([mistake, cut]) =>
    wrong(
      mistake,
      prefixing((prefix, key) => cut(prefix) + key),
      'similar prefixes of up to 80 characters are different prefixes',
      /get with the prefix .*, under which nothing was written: saw "in .*, expected undefined/,
    ),
  ),
  wrong(
    'puts no prefix before a key that begins with it',
    prefixing((prefix, key) => (key.startsWith(prefix) ? key : prefix + key)),
    CONTRACT,
    /while the same key with a second prefix has one: saw "with", expected undefined/,
  ),
  wrong(
    'closes the stores whose prefix begins with its own',
    class extends PlainStore {
      override async close() {
        this.closed = true
        for (const name of this.backend.entries.keys())
          if (name.startsWith(this.prefix)) this.backend.entries.delete(name)
      }
    },
    CONTRACT,
    /shorter prefix was closed: saw undefined, expected "kept"/,
  ),
]
