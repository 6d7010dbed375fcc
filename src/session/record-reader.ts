// Not the global setTimeout: tests of applications replace it.
import { setTimeout } from 'node:timers'
import { type Deadline, withDeadline } from '../time/deadline.js'
import type { Found } from './found.js'
import { parseSession, sessionKey } from './record.js'
import { endOfTurn, type SessionRecords } from './session-records.js'

/** The maximum number of records in one `get`. Guards can use the store between one `get` and the next. */
export const RECORDS_AT_ONCE = 50
/**
 * The maximum number of records that the first `get` calls of all lists may read at the same time. A store may queue
 * each record as a command of its own.
 */
const MOST_FIRST_RECORDS = 500
/** How long one `get` of a list can delay other lists. If there were no limit, one slow key would stop all lists. */
const LONGEST_TURN_MS = 20

/**
 * Reads the records of many sessions, 50 in each `get`. The first 50 of a list are read at once if few others are being
 * read. All further calls of `get`, for all lists, run one after another. So many logins and many calls of
 * `listSessions` do not delay guards.
 */
export class RecordReader {
  #lastPiece: Promise<unknown> = Promise.resolve()
  #firstRecords = 0

  /** @throws StoreUnavailableError */
  async read(sids: readonly string[], records: SessionRecords, deadline: Deadline): Promise<Found[]> {
    const found: Found[] = []
    for (let n = 0; n < sids.length; n += RECORDS_AT_ONCE) {
      const ids = sids.slice(n, n + RECORDS_AT_ONCE)
      const get = () => withDeadline(deadline, () => records.get(ids.map(sessionKey)))
      const atOnce = n === 0 && this.#firstRecords + ids.length <= MOST_FIRST_RECORDS
      const values = await (atOnce ? this.#first(ids.length, get) : this.#inTurn(get))
      found.push(...ids.map((id, place) => ({ id, record: parseSession(values[place]) })))
    }
    return found
  }

  async #first<T>(count: number, get: () => Promise<T>): Promise<T> {
    this.#firstRecords += count
    try {
      return await get()
    } finally {
      this.#firstRecords -= count
    }
  }

  #inTurn<T>(get: () => Promise<T>): Promise<T> {
    const piece = this.#lastPiece.then(get)
    // Without `endOfTurn`, a store in this process would answer all calls before other requests get a turn of the event
    // loop.
    this.#lastPiece = this.#lastPiece.then(() => settledWithin(piece, LONGEST_TURN_MS)).then(endOfTurn)
    return piece
  }
}

/** Resolves when `promise` settles, or after `milliseconds`. */
function settledWithin(promise: Promise<unknown>, milliseconds: number): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, milliseconds)
    const done = () => {
      clearTimeout(timer)
      resolve()
    }
    promise.then(done, done)
  })
}
