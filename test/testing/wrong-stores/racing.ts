import { setTimeout as sleep } from 'node:timers/promises'
import { type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const NEW_KEY = 'if many write a new key at once, exactly one gets true, and its value stays'
const REPLACE = 'if many replace a value at once, exactly one gets true, and its value stays'
const ONE_HANDLE = 'if many write at once through one handle, exactly one gets true'
const COUNT = 'if many increase a counter and try again after conflicts, no count is lost'
const READER = 'a reader sees nothing or the winner while many write, and never the winner and then nothing'

/** Compares, waits, and writes if the comparison was right, where `when` says so; else in one step. */
const getThenSet = (when: (expected: string | undefined) => boolean) =>
  class extends PlainStore {
    override async compareAndSet(...args: CompareAndSet) {
      const [key, expected, value, expiresAt] = args
      if (!when(expected)) return super.compareAndSet(...args)
      this.checkOpen()
      const held = this.read(key)
      await sleep(0)
      if (held !== expected) return false
      this.put(key, value, expiresAt)
      return true
    }
  }

/** Mistakes in who wins. */
export const racingMistakes: readonly WrongStore[] = [
  wrong(
    'compares first and writes later',
    getThenSet(() => true),
    ONE_HANDLE,
    /saw 24 winners, expected 1/,
  ),
  wrong(
    'writes new keys later',
    getThenSet(expected => expected === undefined),
    NEW_KEY,
    /saw 24 winners, expected 1/,
  ),
  wrong(
    'replaces later',
    getThenSet(expected => expected !== undefined),
    REPLACE,
    /saw 24 winners, expected 1/,
  ),
  wrong(
    'loses counts',
    getThenSet(expected => expected !== undefined),
    COUNT,
    /saw "\d+", expected "40"/,
  ),
  wrong(
    'has a lock of its own in each handle',
    class extends PlainStore {
      turn: Promise<unknown> = Promise.resolve()
      override compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet) {
        const mine = this.turn.then(async () => {
          this.checkOpen()
          const held = this.read(key)
          await sleep(0)
          if (held !== expected) return false
          this.put(key, value, expiresAt)
          return true
        })
        this.turn = mine.catch(() => {})
        return mine
      }
    },
    REPLACE,
    /saw 4 winners, expected 1/,
  ),
  wrong(
    'rejects what has not won',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        if (await super.compareAndSet(...args)) return true
        throw new Error('duplicate key')
      }
    },
    NEW_KEY,
    /compareAndSet: saw a rejection \(Error: duplicate key\), expected an answer/,
  ),
  wrong(
    'goes on holding its lock when it refuses a write, until its next one',
    class extends PlainStore {
      override async compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet) {
        const lock = this.backend as { holder?: PlainStore | undefined }
        if (lock.holder && lock.holder !== this) return new Promise<never>(() => {})
        const wins = this.read(key) === expected
        if (wins) this.put(key, value, expiresAt)
        lock.holder = wins ? undefined : this
        return wins
      }
    },
    NEW_KEY,
    /compareAndSet: saw no answer within 10 seconds/,
  ),
  wrong(
    'tells nobody that it has won',
    class extends PlainStore {
      writing = 0
      override async compareAndSet(...args: CompareAndSet) {
        this.writing++
        try {
          return (await super.compareAndSet(...args)) && this.writing < 3
        } finally {
          this.writing--
        }
      }
    },
    ONE_HANDLE,
    /saw 0 winners, expected 1/,
  ),
  wrong(
    'writes the value of the last and tells the first that it has won',
    class extends PlainStore {
      racing = new Map<string, number>()
      override async compareAndSet(...args: CompareAndSet) {
        const [key, , value, expiresAt] = args
        const racing = this.racing.get(key) ?? 0
        this.racing.set(key, racing + 1)
        setImmediate(() => this.racing.delete(key))
        if (racing > 0) this.put(key, value, expiresAt)
        return super.compareAndSet(...args)
      }
    },
    ONE_HANDLE,
    /after the race.*saw "/,
  ),
  wrong(
    'rejects what comes while a write is under way',
    class extends PlainStore {
      isBusy = false
      override async compareAndSet(...args: CompareAndSet) {
        if (this.isBusy) throw new Error('the database is locked')
        this.isBusy = true
        await sleep(0)
        this.isBusy = false
        return super.compareAndSet(...args)
      }
    },
    'writes to different keys at once do not hinder each other',
    /the database is locked/,
  ),
  wrong(
    'writes all that is asked for at once under the last key',
    class extends PlainStore {
      last = ''
      override async compareAndSet(...[key, ...rest]: CompareAndSet) {
        this.last = key
        await sleep(0)
        return super.compareAndSet(this.last, ...rest)
      }
    },
    'writes to different keys at once do not hinder each other',
    /saw false, expected true/,
  ),
  wrong(
    'shows a value before it has won',
    class extends PlainStore {
      override async compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet) {
        const before = this.entry(key)
        const wins = this.read(key) === expected
        this.put(key, value, expiresAt)
        if (wins) return true
        await sleep(1)
        if (before) this.backend.entries.set(this.nameOf(key), before)
        return false
      }
    },
    READER,
    /saw "/,
  ),
  wrong(
    'deletes the old value before it writes the new one',
    class extends PlainStore {
      override async compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet) {
        this.checkOpen()
        if (!this.same(this.read(key), expected)) return false
        this.backend.entries.set(this.nameOf(key), { value: 'being written', expires: 0 })
        await sleep(1)
        this.put(key, value, expiresAt)
        return true
      }
    },
    'a reader sees the old value or the new one while it is replaced',
    /saw undefined, expected "\d+" or/,
  ),
  wrong(
    'is out of reach',
    class extends PlainStore {
      override async get(): Promise<never> {
        throw new Error('away')
      }
      override async compareAndSet(): Promise<never> {
        await sleep(1)
        throw new Error('away')
      }
    },
    READER,
    /away/,
  ),
]
