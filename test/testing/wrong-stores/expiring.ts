import { setTimeout as sleep } from 'node:timers/promises'
import { type Backend, type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const AT_ITS_DATE = 'a value is there until its date and gone after it'
const FOR_YEARS = 'a value is kept, be its date in an hour or in ten years'
const NOTHING = 'an expired value is nothing to compareAndSet'
const OWN_EXPIRY = 'a replaced value has its own expiry, later or earlier'
const ALONE = 'a comparison that fails leaves the expiry alone'
const WRITTEN_OVER = 'what is written over an expired value stays, whoever reads it meanwhile'
const LIVES = 'the backend keeps each value until its date'

const SECOND = 1000
const DAY = 86_400_000

const expiring = (expiryFor: (date: number, now: number) => number) =>
  class extends PlainStore {
    override expiryFor(expiresAt: Date) {
      return expiryFor(expiresAt.getTime(), Date.now())
    }
  }

/** Deletes each value by a timer, as `milliseconds` of the life that it should have. */
const timing = (lifeFor: (milliseconds: number) => number) =>
  class extends PlainStore {
    override read(key: string) {
      return this.entry(key)?.value
    }
    override put(key: string, value: string, expiresAt: Date) {
      super.put(key, value, expiresAt)
      const entry = this.entry(key)
      const expire = () => this.entry(key) === entry && this.backend.entries.delete(this.nameOf(key))
      setTimeout(expire, lifeFor(expiresAt.getTime() - Date.now())).unref()
    }
  }

class CapsLives extends PlainStore {
  override expiryFor(expiresAt: Date) {
    return Math.min(expiresAt.getTime(), Date.now() + DAY)
  }
}

/** Mistakes about what is past its date. */
export const expiringMistakes: readonly WrongStore[] = [
  wrong(
    'ignores expiry',
    expiring(() => Number.POSITIVE_INFINITY),
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'expires three seconds late',
    expiring(date => date + 3 * SECOND),
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'expires half a second late',
    expiring(date => date + 500),
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'expires half a second early',
    expiring(date => date - 500),
    AT_ITS_DATE,
    /saw undefined \d+ ms before its date/,
  ),
  wrong(
    'rounds dates down to seconds',
    expiring(date => Math.floor(date / SECOND) * SECOND),
    AT_ITS_DATE,
    /saw undefined \d+ ms before its date/,
  ),
  wrong(
    'rounds dates up to seconds',
    expiring(date => Math.ceil(date / SECOND) * SECOND),
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'rounds dates to the nearest second',
    expiring(date => Math.round(date / SECOND) * SECOND),
    AT_ITS_DATE,
    /saw (undefined \d+ ms before|"brief" \d+ ms after) its date/,
  ),
  wrong(
    'rounds lives down to seconds, of which 0 is for ever',
    expiring((date, now) => now + (Math.floor((date - now) / SECOND) * SECOND || Number.POSITIVE_INFINITY)),
    AT_ITS_DATE,
    /saw (undefined \d+ ms before|"brief" \d+ ms after) its date/,
  ),
  wrong(
    'rounds lives up to seconds',
    expiring((date, now) => now + Math.ceil((date - now) / SECOND) * SECOND),
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'keeps values for a minute at least',
    expiring((date, now) => Math.max(date, now + 60_000)),
    AT_ITS_DATE,
    /after its date/,
  ),
  wrong(
    'takes milliseconds for seconds',
    expiring((date, now) => now + (date - now) * 1000),
    AT_ITS_DATE,
    /after its date/,
  ),
  wrong(
    'takes seconds for milliseconds',
    expiring((date, now) => now + (date - now) / 1000),
    AT_ITS_DATE,
    /before its date/,
  ),
  wrong(
    'prolongs a value whenever it is read',
    class extends PlainStore {
      override read(key: string) {
        const value = super.read(key)
        const entry = this.entry(key)
        if (value !== undefined && entry) entry.expires += 100
        return value
      }
    },
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'deletes every value when one expires',
    class extends PlainStore {
      override read(key: string) {
        const entry = this.entry(key)
        if (entry && entry.expires <= Date.now()) this.backend.entries.clear()
        return super.read(key)
      }
    },
    AT_ITS_DATE,
    /saw undefined \d+ ms before its date|kept for longer: saw undefined, expected "kept"/,
  ),
  wrong(
    'expires by a timer that overflows',
    timing(milliseconds => milliseconds),
    FOR_YEARS,
    /date is .* saw undefined, expected "kept"/,
  ),
  wrong(
    'counts milliseconds in 32 bits',
    timing(milliseconds => milliseconds % 2 ** 32),
    FOR_YEARS,
    /date is .* saw undefined, expected "kept"/,
  ),
  wrong(
    'takes lives of more than 30 days, in seconds, for dates',
    expiring((date, now) => (date - now > 30 * DAY ? date - now : date)),
    FOR_YEARS,
    /date is .* saw undefined, expected "kept"/,
  ),
  wrong(
    'counts dates in seconds of 32 bits',
    expiring(date => ((date / SECOND) | 0) * SECOND + (date % SECOND)),
    FOR_YEARS,
    /date is 2038.* saw undefined, expected "kept"/,
  ),
  wrong(
    'refuses dates that are too far away',
    class extends PlainStore {
      override async compareAndSet(...args: CompareAndSet) {
        return args[3].getTime() - Date.now() < 366 * DAY && super.compareAndSet(...args)
      }
    },
    FOR_YEARS,
    /saw false, expected true/,
  ),
  wrong(
    'caps lives at a day',
    CapsLives,
    LIVES,
    /in the backend of a value .* with a later date: saw 20\S+Z, expected 20\S+Z/,
  ),
  wrong(
    'keeps everything for ten years in the backend',
    class extends PlainStore {
      override read(key: string) {
        return super.read(key)?.replace(/^.*?:/, '')
      }
      override put(key: string, value: string) {
        super.put(key, `:${value}`, new Date(Date.now() + 3650 * DAY))
      }
    },
    LIVES,
    /in the backend of a new value: saw 20\S+Z, expected 20\S+Z/,
  ),
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
    'of many who write over an expired value at once exactly one is told true',
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
    /where the comparison failed: saw undefined, expected "kept"/,
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

/** When the backend of `PlainStore` drops what is under `key`. */
export const expiryIn = (backend: Backend) => (key: string) => {
  const entry = backend.entries.get(key)
  return entry && new Date(entry.expires)
}
