import { setTimeout as sleep } from 'node:timers/promises'
import { type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const APART = 'stores with different prefixes do not see each other'
const CLOSED = 'a call after close rejects, and closing twice is fine'
const OTHERS = 'closing one handle leaves the others open'
const UNDER_WAY = 'a write that is under way when its handle is closed ends, and tells the truth'
const READS = 'while the backend fails, get rejects and never answers "nothing"'
const WRITES = 'what is rejected while the backend fails is not written afterwards'

const prefixing = (name: (prefix: string, key: string) => string) =>
  class extends PlainStore {
    override nameOf(key: string) {
      return name(this.prefix, key)
    }
  }

/** Mistakes with prefixes and with `close`. */
export const prefixAndCloseMistakes: readonly WrongStore[] = [
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
    'goes on after close',
    class extends PlainStore {
      override async close() {}
    },
    CLOSED,
    /get after close: saw \["a"\], expected a rejection/,
  ),
  wrong(
    'writes after close',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const { closed } = this
        this.closed = false
        try {
          return await super.compareAndSet(...args)
        } finally {
          this.closed = closed
        }
      }
    },
    CLOSED,
    /compareAndSet after close: saw true, expected a rejection/,
  ),
  wrong(
    'answers "nothing" after close',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return this.closed ? keys.map(() => undefined) : super.get(keys)
      }
    },
    CLOSED,
    /get after close: saw \[undefined\], expected a rejection/,
  ),
  wrong(
    'never answers after close',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return this.closed ? new Promise<never>(() => {}) : super.get(keys)
      }
    },
    CLOSED,
    /get: saw no answer within 10 seconds/,
  ),
  wrong(
    'rejects a second close',
    class extends PlainStore {
      override async close() {
        if (this.closed) throw new Error('closed twice')
        this.closed = true
      }
    },
    CLOSED,
    /closed twice/,
  ),
  wrong(
    'closes the backend for all',
    class extends PlainStore {
      override async close() {
        this.closed = true
        this.backend.entries.clear()
      }
    },
    OTHERS,
    /saw undefined, expected "a"/,
  ),
  wrong(
    'drops what it has written when it is closed',
    class extends PlainStore {
      readonly own: string[] = []
      override put(...args: Parameters<PlainStore['put']>) {
        super.put(...args)
        this.own.push(this.nameOf(args[0]))
      }
      override async close() {
        this.closed = true
        for (const name of this.own) this.backend.entries.delete(name)
      }
    },
    OTHERS,
    /saw undefined, expected/,
  ),
  wrong(
    'forgets the calls that are under way when it is closed',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        await sleep(1)
        return this.closed ? new Promise<never>(() => {}) : super.compareAndSet(...args)
      }
    },
    UNDER_WAY,
    /compareAndSet: saw no answer within 10 seconds/,
  ),
  wrong(
    'reports writes as done that close has ended',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        await sleep(1)
        return this.closed || super.compareAndSet(...args)
      }
    },
    UNDER_WAY,
    /saw undefined, expected "b"/,
  ),
  wrong(
    'reports writes as refused that are done all the same',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const { backend } = this
        const before = this.closed
        await sleep(1)
        if (before || !this.closed) return super.compareAndSet(...args)
        await new PlainStore(backend, this.prefix).compareAndSet(...args)
        return false
      }
    },
    UNDER_WAY,
    /saw false, expected true or a rejection/,
  ),
]

/** Mistakes while the backend fails. */
export const outageMistakes: readonly WrongStore[] = [
  wrong(
    'answers "nothing" on failure',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return this.backend.isDown ? keys.map(() => undefined) : super.get(keys)
      }
    },
    READS,
    /get of a key that holds a value: saw \[undefined\], expected a rejection/,
  ),
  wrong(
    'answers "nothing" on failure when several keys are asked for',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return this.backend.isDown && keys.length > 1 ? keys.map(() => undefined) : super.get(keys)
      }
    },
    READS,
    /saw \[undefined,undefined\], expected a rejection/,
  ),
  wrong(
    'answers on failure with what it has seen',
    class extends PlainStore {
      readonly seen = new Map<string, string | undefined>()
      override async get(keys: readonly string[]) {
        try {
          const values = await super.get(keys)
          for (const [place, key] of keys.entries()) this.seen.set(key, values[place])
          return values
        } catch (error) {
          if (keys.every(key => this.seen.has(key))) return keys.map(key => this.seen.get(key))
          throw error
        }
      }
    },
    READS,
    /saw \["a"\], expected a rejection/,
  ),
  wrong(
    'waits on failure for ever',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return this.backend.isDown ? new Promise<never>(() => {}) : super.get(keys)
      }
    },
    READS,
    /get: saw no answer within 10 seconds/,
  ),
  wrong(
    'stays broken after a failure',
    class extends PlainStore {
      broken: unknown
      override async get(keys: readonly string[]) {
        if (this.broken) throw this.broken
        return super.get(keys).catch(error => {
          this.broken = error
          throw error
        })
      }
    },
    READS,
    /once the backend works again: saw only rejections for 10 seconds, the last: Error: down/,
  ),
  wrong(
    'loses what it held in a failure',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return super.get(keys).catch(error => {
          this.backend.entries.clear()
          throw error
        })
      }
    },
    READS,
    /saw undefined, expected "a"/,
  ),
  wrong(
    'answers "refused" on failure',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return !this.backend.isDown && super.compareAndSet(...args)
      }
    },
    WRITES,
    /saw false, expected a rejection/,
  ),
  wrong(
    'answers "written" on failure',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return this.backend.isDown || super.compareAndSet(...args)
      }
    },
    WRITES,
    /saw true, expected a rejection/,
  ),
  wrong(
    'queues on failure what it rejects, and writes it later',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return super.compareAndSet(...args).catch(error => {
          this.later(args)
          throw error
        })
      }
      later(args: CompareAndSet) {
        setTimeout(() => super.compareAndSet(...args).catch(() => this.later(args)), 30).unref()
      }
    },
    WRITES,
    /saw "late", expected ("a"|undefined)/,
  ),
]
