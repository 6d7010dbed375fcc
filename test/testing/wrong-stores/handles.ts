import { setTimeout as sleep } from 'node:timers/promises'
import { type CompareAndSet, type Entry, PlainStore, type WrongStore, wrong } from './plain-store.js'

/** Remembers what it reads, as far as `remembers` says, and forgets what it writes itself. */
const caching = (remembers: (value: string | undefined, reads: number) => boolean) =>
  class extends PlainStore {
    readonly cache = new Map<string, string | undefined>()
    readonly reads = new Map<string, number>()
    override async get(keys: readonly string[]) {
      const values = await super.get(keys)
      return keys.map((key, place) => {
        if (this.cache.has(key)) return this.cache.get(key)
        const reads = (this.reads.get(key) ?? 0) + 1
        this.reads.set(key, reads)
        if (remembers(values[place], reads)) this.cache.set(key, values[place])
        return values[place]
      })
    }
    override compareAndSet(...args: CompareAndSet) {
      this.cache.delete(args[0])
      return super.compareAndSet(...args)
    }
  }

/** Shows another handle's write so many milliseconds late; the next write shows it at once. */
const lagging = (milliseconds: number) => {
  const written = new WeakMap<object, { by: object; at: number; before: string | undefined }>()
  return class extends PlainStore {
    override async get(keys: readonly string[]) {
      const values = await super.get(keys)
      return keys.map((key, place) => {
        const entry = this.entry(key)
        const last = entry && written.get(entry)
        return last && last.by !== this && performance.now() - last.at < milliseconds ? last.before : values[place]
      })
    }
    override put(...args: Parameters<PlainStore['put']>) {
      const before = this.read(args[0])
      super.put(...args)
      const entry = this.entry(args[0])
      if (entry) written.set(entry, { by: this, at: performance.now(), before })
    }
  }
}

const READ_VALUE = 'a handle that has read a value also reads the newer value of another handle'
const READ_NOTHING = 'a handle that has found no value then reads the value of another handle'
const BUSY = 'every write is read by all handles as soon as it is acknowledged, while they are busy with reads'
const AT_ONCE = 'every write is read by all handles as soon as it is acknowledged'

/** Shows another handle's write late while so many reads are under way through one handle. */
const laggingUnderLoad = (reads: number) =>
  class extends lagging(Number.POSITIVE_INFINITY) {
    underWay = 0
    override async get(keys: readonly string[]) {
      this.underWay++
      try {
        if (this.underWay > reads) return await super.get(keys)
        this.checkOpen()
        const values = keys.map(key => this.read(key))
        await sleep(1)
        return values
      } finally {
        this.underWay--
      }
    }
  }

/** Mistakes between handles: what processes would not know of each other. */
export const handleMistakes: readonly WrongStore[] = [
  wrong(
    'caches the values that a handle has seen',
    caching(value => value !== undefined),
    READ_VALUE,
    /saw "a"/,
  ),
  wrong(
    'caches a value that a handle has seen three times',
    caching((value, reads) => value !== undefined && reads >= 3),
    READ_VALUE,
    /saw "a", expected "b"/,
  ),
  wrong(
    'caches that a handle has seen nothing',
    caching(value => value === undefined),
    READ_NOTHING,
    /saw undefined, expected "a"/,
  ),
  wrong(
    'caches what a handle has written itself',
    class extends PlainStore {
      readonly cache = new Map<string, string>()
      override async get(keys: readonly string[]) {
        const values = await super.get(keys)
        return keys.map((key, place) => this.cache.get(key) ?? values[place])
      }
      override async compareAndSet(...args: CompareAndSet) {
        const written = await super.compareAndSet(...args)
        if (written) this.cache.set(args[0], args[2])
        return written
      }
    },
    'what one handle has written another one reads',
    /saw "a", expected "b"/,
  ),
  wrong(
    'compares with what a handle has seen',
    class extends PlainStore {
      readonly seen = new Map<string, string>()
      override async get(keys: readonly string[]) {
        const values = await super.get(keys)
        for (const [place, key] of keys.entries()) {
          const value = values[place]
          if (value !== undefined) this.seen.set(key, value)
        }
        return values
      }
      override async compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet) {
        const held = this.seen.get(key)
        if (held === undefined) return super.compareAndSet(key, expected, value, expiresAt)
        if (held !== expected) return false
        this.put(key, value, expiresAt)
        this.seen.set(key, value)
        return true
      }
    },
    'a handle that has read a value compares with the newer value of another handle',
    /saw true, expected false/,
  ),
  wrong(
    'reads all that there is when it is opened',
    class extends PlainStore {
      readonly copy = new Map(this.backend.entries)
      override entry(key: string) {
        return this.copy.get(this.nameOf(key))
      }
      override put(...args: Parameters<PlainStore['put']>) {
        super.put(...args)
        const entry = super.entry(args[0])
        if (entry) this.copy.set(this.nameOf(args[0]), entry)
      }
    },
    'what one handle has written another one reads',
    /saw undefined, expected "a"/,
  ),
  wrong(
    'shows writes to other handles half a second late',
    lagging(500),
    AT_ONCE,
    /get right after write \d+: saw (undefined|"write \d+"), expected "write \d+"/,
  ),
  wrong(
    'shows a write to other handles when they ask for the second time',
    class extends PlainStore {
      readonly shown = new Map<string, Entry>()
      override read(key: string) {
        const value = super.read(key)
        const [entry, before] = [this.entry(key), this.shown.get(key)]
        if (entry) this.shown.set(key, entry)
        return entry === before ? value : before?.value
      }
      override put(...args: Parameters<PlainStore['put']>) {
        super.put(...args)
        const entry = this.entry(args[0])
        if (entry) this.shown.set(args[0], entry)
      }
    },
    READ_VALUE,
    /saw undefined, expected "a"/,
  ),
  wrong(
    'reports a write as done before it does it',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        this.checkOpen()
        if (!this.same(this.read(args[0]), args[1])) return false
        sleep(1).then(() => new PlainStore(this.backend, this.prefix).compareAndSet(...args))
        return true
      }
    },
    AT_ONCE,
    /after write 0: saw undefined, expected "write 0"/,
  ),
  wrong(
    'keeps every write with its millisecond and reads the first of the latest',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        const entry = this.entry(key) as { at?: number } | undefined
        if (entry?.at === Date.now()) return
        super.put(key, value, expiresAt)
        Object.assign(this.entry(key) ?? {}, { at: Date.now() })
      }
    },
    AT_ONCE,
    /saw "write \d+", expected "write \d+"/,
  ),
  wrong(
    'is behind while many reads are under way',
    laggingUnderLoad(20),
    BUSY,
    /while others read(, read together with another key)?: saw (undefined|"write \d+"), expected "write \d+"/,
  ),
  wrong(
    'answers a read with one that was under way before',
    class extends PlainStore {
      readonly underWay = new Map<string, Promise<string | undefined>>()
      override async get(keys: readonly string[]) {
        this.checkOpen()
        return Promise.all(keys.map(key => this.underWay.get(key) ?? this.begin(key)))
      }
      begin(key: string) {
        const reading = Promise.resolve(this.read(key))
          .finally(() => sleep(1))
          .finally(() => this.underWay.delete(key))
        this.underWay.set(key, reading)
        return reading
      }
    },
    BUSY,
    /while others read(, read together with another key)?: saw (undefined|"write \d+"), expected "write \d+"/,
  ),
  wrong(
    'reads what there was when it read for the first time',
    class extends PlainStore {
      copy: Map<string, Entry> | undefined
      override async get(keys: readonly string[]) {
        this.copy ??= new Map(this.backend.entries)
        const { copy } = this
        return keys.map(key => copy.get(this.nameOf(key))?.value)
      }
      override compareAndSet(...args: CompareAndSet) {
        this.copy = undefined
        return super.compareAndSet(...args)
      }
    },
    READ_NOTHING,
    /saw undefined, expected "a"/,
  ),
  wrong(
    'caches the answer to a list of keys',
    class extends PlainStore {
      readonly answers = new Map<string, readonly (string | undefined)[]>()
      override async get(keys: readonly string[]) {
        const values = this.answers.get(keys.join(' ')) ?? (await super.get(keys))
        if (keys.length > 1) this.answers.set(keys.join(' '), values)
        return values
      }
    },
    READ_NOTHING,
    /read together with another key: saw undefined, expected "a"/,
  ),
  wrong(
    'refuses what others have changed and changed back',
    class extends PlainStore {
      readonly seen = new Map<string, Entry | undefined>()
      override async get(keys: readonly string[]) {
        for (const key of keys) this.seen.set(key, this.entry(key))
        return super.get(keys)
      }
      override async compareAndSet(...args: CompareAndSet) {
        const [key, expected] = args
        const seen = this.seen.get(key)
        this.seen.delete(key)
        if (seen?.value === expected && seen !== this.entry(key)) return false
        return super.compareAndSet(...args)
      }
    },
    'a value that another handle has changed and changed back is the expected one',
    /saw false, expected true/,
  ),
]
