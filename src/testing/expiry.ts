import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenStore } from '../store.js'
import { expectSame, failure, show } from './show.js'
import { type Handles, newKey, readBothWays, write } from './steps.js'

/** How much a backend's clock may differ from this process's before a case reports its store as early or late. */
const CLOCK_TOLERANCE_MS = 200
/** How long after its date a value may still be read: backends that count in whole seconds round up. */
const ROUNDING_MS = 1000

const FIRST_LIFE_MS = 350
const LONGEST_LIFE_MS = 10_000

const SECOND = 1000
const HOUR = 3_600_000
const DAY = 86_400_000

/** A value with a short lifetime. Times are in milliseconds since 1970. */
export interface Brief {
  readonly key: string
  readonly value: string
  readonly date: number
  /**
   * The value must be gone after this time. It is later than `date`, because a store may count the lifetime from the
   * moment when it received the value.
   */
  readonly lateAfter: number
}

/** `life`: the lifetime of the first attempt, in milliseconds. `round`: moves the date of expiry to a later one. */
interface Life {
  readonly life?: number
  readonly round?: (date: number) => number
}

/**
 * Run `act` with a date of expiry, before which `act` must end. If this machine was too slow, run `act` again with
 * twice the lifetime. Resolves or rejects as the last run does.
 */
export async function inTime<T>(
  act: (date: number) => Promise<T>,
  { life = FIRST_LIFE_MS, round = date => date }: Life = {},
): Promise<T> {
  const date = round(Date.now() + life)
  const outcome = await act(date).then(
    value => () => value,
    error => () => {
      throw error
    },
  )
  const isInTime = Date.now() < date - CLOCK_TOLERANCE_MS
  return isInTime || life > LONGEST_LIFE_MS ? outcome() : inTime(act, { life: life * 2, round })
}

/** Write `value`, which expires at `date`, in place of `expected`. */
export async function writeUntil(
  store: TokenStore,
  date: number,
  { key = newKey(), value = 'brief', expected }: { key?: string; value?: string; expected?: string } = {},
): Promise<Brief> {
  const began = Date.now()
  const given = new Date(date)
  await write(store, key, value, expected, given)
  expectSame('the argument expiresAt after the call of compareAndSet', given.getTime(), date)
  // The caller may change its Date now, because the store must have copied the time.
  given.setTime(date + HOUR)
  return { key, value, date, lateAfter: date + ROUNDING_MS + CLOCK_TOLERANCE_MS + Date.now() - began }
}

/**
 * Write `count` values that expire soon, and wait until all have expired, without reading them. Resolves to their keys.
 */
export function expire(store: TokenStore, count: number): Promise<string[]> {
  return expireAll(
    store,
    Array.from({ length: count }, () => ({})),
  )
}

/** Writes `records` that expire soon, and waits until all have expired, without reading them. Resolves to their keys. */
export async function expireAll(
  store: TokenStore,
  records: readonly { value?: string; keyFor?: () => string }[],
): Promise<string[]> {
  // A new key for each attempt.
  const attempt = ({ value = 'brief', keyFor = newKey }: (typeof records)[number]) =>
    inTime(date => writeUntil(store, date, { key: keyFor(), value }))
  const all = await Promise.all(records.map(attempt))
  await Promise.all(all.map(isOver))
  return all.map(({ key }) => key)
}

/** Wait until `brief` must be gone. */
export async function isOver({ lateAfter }: Brief): Promise<void> {
  while (Date.now() <= lateAfter) await sleep(lateAfter + 1 - Date.now())
}

/** Wait until `brief` must be gone, and fail if a read still finds it. */
export async function expectGone(store: TokenStore, brief: Brief): Promise<void> {
  await isOver(brief)
  await look(store, brief)
}

/** Write a value, and read it through all handles until some time after its date. */
export async function watchExpiry(stores: Handles, life: Life): Promise<void> {
  const brief = await inTime(date => writeUntil(stores[0], date), life)
  for (let ends = false; !ends; await sleep(20)) {
    ends = Date.now() > brief.lateAfter
    await Promise.all(stores.map(store => look(store, brief)))
  }
}

/** Read a value once, and fail if it is there too late or gone too early. */
async function look(store: TokenStore, { key, value, date, lateAfter }: Brief): Promise<void> {
  const asked = Date.now()
  const [alone, together] = await readBothWays(store, key)
  const answered = Date.now()
  const expectInTime = (what: string, seen: string | undefined) => {
    if (seen !== undefined && asked > lateAfter) {
      throw failure(what, `${show(seen)} ${asked - date} ms after its date`, 'undefined')
    }
    if (seen !== value && answered < date - CLOCK_TOLERANCE_MS) {
      throw failure(what, `${show(seen)} ${date - answered} ms before its date`, show(value))
    }
  }
  expectInTime('get', alone)
  expectInTime('get of two keys', together)
}

/**
 * Lifetimes and dates that rounding to seconds changes most. They reveal a store that rounds in the wrong direction.
 */
export const briefLives: readonly Life[] = [
  ...[350, 400, 700, 1000].map(life => ({ life })),
  ...[100, 450, 550, 900].map(fraction => ({ life: 400, round: (date: number) => nextWithFraction(date, fraction) })),
]

/** The first time from `date` on that is `fraction` milliseconds after a full second. */
function nextWithFraction(date: number, fraction: number): number {
  return Math.ceil((date - fraction) / SECOND) * SECOND + fraction
}

/**
 * Dates from an hour to ten years from now. Some overflow a counter: milliseconds in 31 or 32 bits, seconds in 31 bits.
 * Some are more than 30 days away: a backend may read such a lifetime as a date.
 */
export function farDates(): Date[] {
  const now = Date.now()
  const lives = [HOUR, DAY + SECOND, 2 ** 31, 30 * DAY + HOUR, 2 ** 32 + 200, 400 * DAY, 3650 * DAY]
  const dates = [...lives.map(life => now + life), Date.UTC(2038, 0, 20)]
  return dates.filter(date => date >= now + HOUR).map(date => new Date(date))
}
