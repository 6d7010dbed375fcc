import { setTimeout as sleep } from 'node:timers/promises'
import { type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const NEVER_WRITTEN = 'a key that was never written is undefined'
const IN_ORDER = 'values come in the order of the keys, undefined where there is none, repeated where a key is'
const HUNDREDS = 'hundreds of keys are read in one call'
const THOUSANDS = 'thousands of keys are all kept'
const OWN_ANSWER = 'calls at once get each their own answer'

const answering = (change: (values: readonly (string | undefined)[], keys: readonly string[]) => unknown) =>
  class extends PlainStore {
    override async get(keys: readonly string[]) {
      return change(await super.get(keys), keys) as (string | undefined)[]
    }
  }

/** Mistakes in what `get` answers. */
export const readingMistakes: readonly WrongStore[] = [
  wrong(
    'answers null for nothing',
    answering(values => values.map(value => value ?? null)),
    NEVER_WRITTEN,
    /saw null, expected a string or undefined/,
  ),
  wrong(
    'leaves out what is missing',
    answering(values => values.filter(value => value !== undefined)),
    NEVER_WRITTEN,
    /saw 0 values, expected 1/,
  ),
  wrong(
    'answers with a bare value when one key is asked for',
    answering((values, keys) => (keys.length === 1 ? values[0] : values)),
    NEVER_WRITTEN,
    /saw undefined, expected an array/,
  ),
  wrong(
    'never answers',
    class extends PlainStore {
      override get() {
        return new Promise<never>(() => {})
      }
    },
    NEVER_WRITTEN,
    /get: saw no answer within 10 seconds/,
  ),
  wrong(
    'rejects a call for no keys',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        if (keys.length === 0) throw new Error('syntax error at or near ")"')
        return super.get(keys)
      }
    },
    'asking for no keys answers with no values',
    /syntax error/,
  ),
  wrong(
    'answers in the order of the backend',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return super.get([...keys].sort())
      }
    },
    HUNDREDS,
    /saw "value \d+", expected "value 299"/,
  ),
  wrong(
    'answers in the opposite order',
    answering(values => [...values].reverse()),
    IN_ORDER,
    /saw \["A",undefined,"C","A",undefined,"C"\], expected \["C",undefined,"A","C",undefined,"A"\]/,
  ),
  wrong(
    'answers a key that is asked for twice only once',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return super.get([...new Set(keys)])
      }
    },
    IN_ORDER,
    /saw 3 values, expected 6/,
  ),
  wrong(
    'finds a key that is asked for twice only the first time',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        const values = await super.get(keys)
        return keys.map((key, place) => (keys.indexOf(key) === place ? values[place] : undefined))
      }
    },
    IN_ORDER,
    /saw \["C",undefined,"A",undefined/,
  ),
  wrong(
    'sorts the keys of its caller',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return super.get((keys as string[]).sort())
      }
    },
    IN_ORDER,
    /read only/,
  ),
  wrong(
    'finds the first 100 keys of a call only',
    answering(values => values.map((value, place) => (place < 100 ? value : undefined))),
    HUNDREDS,
    /saw undefined, expected "value 199"/,
  ),
  wrong(
    'answers with the first 256 values of a call only',
    answering(values => values.slice(0, 256)),
    HUNDREDS,
    /saw 256 values, expected 300/,
  ),
  wrong(
    'keeps no more than 2,000 keys',
    class extends PlainStore {
      override put(...args: Parameters<PlainStore['put']>) {
        super.put(...args)
        const { entries } = this.backend
        const [oldest] = entries.keys()
        if (entries.size > 2000 && oldest !== undefined) entries.delete(oldest)
      }
    },
    THOUSANDS,
    /key 1 of 3000: saw undefined, expected "value 1"/,
  ),
  wrong(
    'keeps keys by a hash of 16 bits',
    class extends PlainStore {
      override nameOf(key: string) {
        let hash = 0
        for (const character of this.prefix + key) hash = (hash * 31 + character.charCodeAt(0)) & 0xffff
        return String(hash)
      }
    },
    THOUSANDS,
    /saw false, expected true|saw "value/,
  ),
  wrong(
    'looks keys up in a plain object',
    class extends PlainStore {
      override read(key: string) {
        const found = ({} as Record<string, string>)[this.nameOf(key)]
        return found ?? super.read(key)
      }
    },
    'names that JavaScript objects have, such as __proto__, are keys like others',
    /expected a string or undefined/,
  ),
  wrong(
    'mixes up the keys of calls at once',
    class extends PlainStore {
      asked: readonly string[] = []
      override async get(keys: readonly string[]) {
        this.asked = keys
        await sleep(0)
        return super.get(this.asked)
      }
    },
    OWN_ANSWER,
    /get of \d keys: saw \d values, expected \d|get, while .*: saw \[.*\], expected \[/,
  ),
  wrong(
    'answers all calls of one tick with the values of the first',
    class extends PlainStore {
      shared: Promise<readonly (string | undefined)[]> | undefined
      override get(keys: readonly string[]) {
        this.shared ??= Promise.resolve(super.get(keys)).finally(() => {
          this.shared = undefined
        })
        return this.shared
      }
    },
    OWN_ANSWER,
    /get of \d keys: saw \d values, expected \d|get, while .*: saw \[.*\], expected \[/,
  ),
  wrong(
    'answers true for a write whatever came of it',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        await super.compareAndSet(...args)
        return true
      }
    },
    'a key that holds nothing is written when nothing is expected, and not again',
    /saw true, expected false/,
  ),
]
