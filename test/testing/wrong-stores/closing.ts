import { setTimeout as sleep } from 'node:timers/promises'
import { type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const CLOSED = 'a call after close rejects, and closing twice is fine'
const OTHERS = 'closing one handle leaves the others open'
const UNDER_WAY = 'if a handle is closed during a write, the write ends and its answer is correct'

/** How often a handle on a backend was closed. */
const closes = new WeakMap<object, number>()

/** Mistakes with `close`. */
export const closeMistakes: readonly WrongStore[] = [
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
    'answers after close when several keys are asked for',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return keys.length > 1 ? keys.map(key => this.read(key)) : super.get(keys)
      }
    },
    CLOSED,
    /get of two keys after close: saw \["a",undefined\], expected a rejection/,
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
  wrong(
    'rejects the calls of all handles that are under way when one is closed',
    class extends PlainStore {
      get count() {
        return closes.get(this.backend) ?? 0
      }
      override async get(keys: readonly string[]) {
        const { count } = this
        const values = await super.get(keys)
        await sleep(1)
        if (this.count !== count) throw new Error('closed')
        return values
      }
      override async close() {
        this.closed = true
        closes.set(this.backend, this.count + 1)
      }
    },
    'if a handle is closed during calls of another handle, they are answered',
    /saw a rejection \(Error: closed\), expected an answer/,
  ),
  wrong(
    'answers "nothing" to a read that is under way when it is closed',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        const values = await super.get(keys)
        await sleep(1)
        return this.closed ? keys.map(() => undefined) : values
      }
    },
    'if a handle is closed during a read, the read returns the stored value or rejects',
    /get during close: saw undefined, expected "a"/,
  ),
]
