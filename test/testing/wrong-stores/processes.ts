import { setTimeout as sleep } from 'node:timers/promises'
import { type Backend, type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const ONE_GETS_IT = 'if all processes claim a key, exactly one gets it, and no count is lost'

/** What the handles of one process share, and those of others do not. */
class InProcess<T> {
  readonly #values = new WeakMap<Backend, Map<number, T>>()
  constructor(readonly make: () => T) {}

  of({ backend, process }: PlainStore): T {
    const values = this.#values.get(backend) ?? new Map<number, T>()
    this.#values.set(backend, values)
    const value = values.get(process) ?? this.make()
    values.set(process, value)
    return value
  }
}

const turns = new InProcess(() => ({ last: Promise.resolve() as Promise<unknown> }))
const caches = new InProcess(() => new Map<string, string>())

/** Takes turns with all calls of its process, where `when` says so. */
const takingTurns = (when: (expected: string | undefined) => boolean) =>
  class extends PlainStore {
    override async compareAndSet(...args: CompareAndSet) {
      const [key, expected, value, expiresAt] = args
      if (!when(expected)) return super.compareAndSet(...args)
      const turn = turns.of(this)
      const mine = turn.last.then(async () => {
        this.checkOpen()
        const held = this.read(key)
        await sleep(0)
        if (held !== expected) return false
        this.put(key, value, expiresAt)
        return true
      })
      turn.last = mine.catch(() => {})
      return mine
    }
  }

/** Mistakes between processes, which one process cannot see. */
export const processMistakes: readonly WrongStore[] = [
  wrong(
    'takes turns in one process only',
    takingTurns(() => true),
    ONE_GETS_IT,
    /claimed by 3 processes: saw \[\d,\d|a counter of 3 processes: saw "\d+", expected "150"/,
  ),
  wrong(
    'takes turns in one process only when it replaces a value',
    takingTurns(expected => expected !== undefined),
    ONE_GETS_IT,
    /a counter of 3 processes: saw "\d+", expected "150"/,
  ),
  wrong(
    'caches in its process what it has read',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        const cache = caches.of(this)
        const values = await super.get(keys)
        return keys.map((key, place) => {
          const value = values[place]
          if (value !== undefined && !cache.has(key)) cache.set(key, value)
          return cache.get(key)
        })
      }
      override async compareAndSet(...args: CompareAndSet) {
        caches.of(this).delete(args[0])
        return super.compareAndSet(...args)
      }
    },
    'a process that has read a value also reads the newer value of another process',
    /get of the page of process \d: saw "first", expected "second"/,
  ),
]
