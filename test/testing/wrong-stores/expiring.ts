import { setTimeout as sleep } from 'node:timers/promises'
import { type CompareAndSet, type Entry, PlainStore, type WrongStore, wrong } from './plain-store.js'

const NOTHING = 'an expired value is nothing to compareAndSet'
const OWN_EXPIRY = 'a replaced value has its own expiry, later or earlier'
const ALONE = 'a comparison that fails leaves the expiry alone'
const WRITTEN_OVER = 'what is written over an expired value stays, also if others read it meanwhile'

/** Mistakes about what is past its date, and about the dates of what is replaced or kept. */
export const expiringMistakes: readonly WrongStore[] = [
  wrong(
    'hides expired values from get only',
    class extends PlainStore {
      override async compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet) {
        this.checkOpen()
        if (this.entry(key)?.value !== expected) return false
        this.put(key, value, expiresAt)
        return true
      }
    },
    NOTHING,
    /saw (true, expected false|false, expected true)/,
  ),
  wrong(
    'deletes expired values when they are read and compares with them before',
    class extends PlainStore {
      override read(key: string) {
        const value = super.read(key)
        if (value === undefined) this.backend.entries.delete(this.nameOf(key))
        return value
      }
      override async compareAndSet(...[key, expected, value, expiresAt]: CompareAndSet) {
        this.checkOpen()
        if (this.entry(key)?.value !== expected) return false
        this.put(key, value, expiresAt)
        return true
      }
    },
    NOTHING,
    /saw (true, expected false|false, expected true)/,
  ),
  wrong(
    'takes an expired value that is expected for held if the new life is over two hours',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const [key, expected, value, expiresAt] = args
        if (this.entry(key)?.value !== expected || expiresAt.getTime() < Date.now() + 7_200_000)
          return super.compareAndSet(...args)
        this.put(key, value, expiresAt)
        return true
      }
    },
    NOTHING,
    /expects "brief" where nothing is stored: saw true, expected false/,
  ),
  wrong(
    'keeps the date of an expired value that is written again',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        if (this.entry(key)?.value !== value) super.put(key, value, expiresAt)
      }
    },
    NOTHING,
    /over an expired value: saw undefined, expected/,
  ),
  wrong(
    'keeps the date object that it is given',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        super.put(key, value, expiresAt)
        const entry = this.entry(key)
        if (entry) Object.defineProperty(entry, 'expires', { get: () => expiresAt.getTime() })
      }
    },
    'a value is there until its date and gone after it',
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'changes the date that it is given',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        super.put(key, value, expiresAt)
        expiresAt.setTime(0)
      }
    },
    'a value is there until its date and gone after it',
    /the argument expiresAt after the call of compareAndSet: saw 0, expected \d+/,
  ),
  wrong(
    'lets an expired row block a new one',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return (args[1] !== undefined || !this.entry(args[0])) && super.compareAndSet(...args)
      }
    },
    NOTHING,
    /saw false, expected true/,
  ),
  wrong(
    'writes over an expired value in two steps',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const [key, expected, value, expiresAt] = args
        const isExpired = this.entry(key) !== undefined && this.read(key) === undefined
        if (!isExpired || expected !== undefined) return super.compareAndSet(...args)
        this.backend.entries.delete(this.nameOf(key))
        await sleep(0)
        this.put(key, value, expiresAt)
        return true
      }
    },
    'if many write over an expired value at once, exactly one gets true',
    /saw \d+ winners, expected 1/,
  ),
  wrong(
    'keeps the first expiry when a value is replaced',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        const before = this.read(key) === undefined ? undefined : this.entry(key)?.expires
        super.put(key, value, before ? new Date(before) : expiresAt)
      }
    },
    OWN_EXPIRY,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'keeps the later expiry when a value is replaced',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        const before = this.read(key) === undefined ? 0 : (this.entry(key)?.expires ?? 0)
        super.put(key, value, new Date(Math.max(before, expiresAt.getTime())))
      }
    },
    OWN_EXPIRY,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'keeps the old date when a value is replaced by itself',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        if (this.read(key) !== value) super.put(key, value, expiresAt)
      }
    },
    OWN_EXPIRY,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'shows the old value again when the new one has expired',
    class extends PlainStore {
      override entry(key: string) {
        let entry = super.entry(key) as { value: string; expires: number; before?: Entry } | undefined
        while (entry?.before && entry.expires <= Date.now()) entry = entry.before
        return entry
      }
      override put(key: string, value: string, expiresAt: Date) {
        const before = this.entry(key)
        super.put(key, value, expiresAt)
        Object.assign(super.entry(key) ?? {}, { before })
      }
    },
    OWN_EXPIRY,
    /saw "(prolonged|brief)" \d+ ms after its date/,
  ),
  wrong(
    'leaves the timer of the old value running when it is replaced',
    class extends PlainStore {
      override put(key: string, value: string, expiresAt: Date) {
        super.put(key, value, expiresAt)
        const life = Math.min(expiresAt.getTime() - Date.now(), 2 ** 31 - 1)
        setTimeout(() => this.backend.entries.delete(this.nameOf(key)), life).unref()
      }
    },
    OWN_EXPIRY,
    /after the date of the value that was replaced: saw undefined, expected "prolonged"/,
  ),
  wrong(
    'prolongs a value when the comparison fails',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const written = await super.compareAndSet(...args)
        const entry = this.entry(args[0])
        if (!written && entry) entry.expires = args[3].getTime()
        return written
      }
    },
    ALONE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'prolongs a value when nothing was expected and something is there',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const written = await super.compareAndSet(...args)
        const entry = this.entry(args[0])
        if (!written && entry && args[1] === undefined) entry.expires = Math.max(entry.expires, args[3].getTime())
        return written
      }
    },
    ALONE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'shortens the life of a value when the comparison fails',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        const written = await super.compareAndSet(...args)
        const entry = this.entry(args[0])
        if (!written && entry) entry.expires = Math.min(entry.expires, args[3].getTime())
        return written
      }
    },
    ALONE,
    /whose comparison failed: saw undefined, expected "kept"/,
  ),
  wrong(
    'deletes an expired value by its key, a moment after it was read',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        const expired = keys.filter(key => this.entry(key) && this.read(key) === undefined)
        const values = await super.get(keys)
        await sleep(1)
        for (const key of expired) this.backend.entries.delete(this.nameOf(key))
        return values
      }
    },
    WRITTEN_OVER,
    /saw undefined, expected "new"/,
  ),
]
