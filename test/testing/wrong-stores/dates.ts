import { type Backend, type CompareAndSet, PlainStore, type WrongStore, wrong } from './plain-store.js'

const AT_ITS_DATE = 'a value is there until its date and gone after it'
const FOR_YEARS = 'a value is kept, be its date in an hour or in ten years'
const LIVES = 'the backend keeps each value until its date'

const SECOND = 1000
const HOUR = 3_600_000
const DAY = 24 * HOUR

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

/** Mistakes about how long a value is kept. */
export const dateMistakes: readonly WrongStore[] = [
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
    'expires a second and a half late',
    expiring(date => date + 1500),
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
    'prolongs values that are read in one call',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        const entries = keys.length > 1 ? keys.map(key => this.entry(key)) : []
        for (const entry of entries) if (entry) entry.expires += 5000
        return super.get(keys)
      }
    },
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'reads expired values when several keys are asked for',
    class extends PlainStore {
      override async get(keys: readonly string[]) {
        return keys.length > 1 ? keys.map(key => this.entry(key)?.value) : super.get(keys)
      }
    },
    AT_ITS_DATE,
    /get of two keys: saw "brief" \d+ ms after its date, expected undefined/,
  ),
  wrong(
    'compares dates with the time at which it was opened',
    class extends PlainStore {
      readonly opened = Date.now()
      override read(key: string) {
        const entry = this.entry(key)
        return entry && entry.expires > this.opened ? entry.value : undefined
      }
    },
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'takes the time of a zone that is ahead for UTC',
    expiring(date => date + 5.5 * HOUR),
    AT_ITS_DATE,
    /saw "brief" \d+ ms after its date/,
  ),
  wrong(
    'takes the time of a zone that is behind for UTC',
    expiring(date => date - 5 * HOUR),
    AT_ITS_DATE,
    /saw undefined \d+ ms before its date/,
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
    'expires what replaces a value by a timer that overflows',
    class extends timing(milliseconds => milliseconds) {
      override put(key: string, value: string, expiresAt: Date) {
        if (this.read(key) !== undefined) return super.put(key, value, expiresAt)
        this.backend.entries.set(this.nameOf(key), { value, expires: expiresAt.getTime() })
      }
      override read(key: string) {
        const entry = this.entry(key)
        return entry && entry.expires > Date.now() ? entry.value : undefined
      }
    },
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
    'keeps the time of day of a date',
    expiring((date, now) => now + ((date - now) % (12 * HOUR))),
    LIVES,
    /in the backend of a value .* with a later date: saw 20\S+Z, expected 20\S+Z/,
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
]

/** When the backend of `PlainStore` drops what is under `key`. */
export const expiryIn = (backend: Backend) => (key: string) => {
  const entry = backend.entries.get(key)
  return entry && new Date(entry.expires)
}
