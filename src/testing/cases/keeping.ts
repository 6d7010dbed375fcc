import { farDates } from '../expiry.js'
import { failure, show } from '../show.js'
import { type Cases, expectRefusal, newKey, read, several, write } from '../steps.js'

/**
 * How much earlier or later than `expiresAt` the backend's expiry may be. The backend may count in seconds, or delete
 * only once a minute.
 */
const EARLIER_BY_MS = 2000
const LATER_BY_MS = 60_000

/** Reads from the backend when the value under `key` expires; `undefined` if there is no value, or no expiry. */
export type ExpiryOf = (key: string) => Date | undefined | Promise<Date | undefined>

/** Cases about the expiry that the backend itself reports. */
export function keeping(expiryOf: ExpiryOf): Cases {
  const expectExpiry = async (key: string, date: Date, what: string) => {
    const seen = await expiryOf(key)
    const apart = seen ? seen.getTime() - date.getTime() : Number.NaN
    if (apart >= -EARLIER_BY_MS && apart <= LATER_BY_MS) return
    throw failure(`the expiry in the backend of ${what}`, show(seen), show(date))
  }
  return {
    async 'the backend keeps each value until its date'(open) {
      const [store, other] = await several(open)
      for (const date of farDates()) {
        const key = newKey()
        const soon = new Date(Date.now() + 1_000_000)
        await write(store, key, 'a', undefined, soon)
        await expectExpiry(key, soon, 'a new value')
        await write(store, key, 'b', 'a', date)
        await expectExpiry(key, date, 'a value that was replaced by one with a later date')
        await read(other, key)
        await expectRefusal(other, key, 'a', 'b', { expiresAt: soon })
        await expectExpiry(key, date, 'a value that was read, and not replaced')
        await write(store, key, 'c', 'b', soon)
        await expectExpiry(key, soon, 'a value that was replaced by one with an earlier date')
      }
    },
  }
}
