import { type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const READS = 'while the backend fails, get rejects and never answers "nothing"'
const WRITES = 'what is rejected while the backend fails is not written afterwards'

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
    /get of a key that has a value: saw \[undefined\], expected a rejection/,
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
