import type { Key } from './postgres-sql.js'
import { TickBatch } from './tick-batch.js'

/** The values of keys, by key. A key without a record is missing. */
export type Values = ReadonlyMap<string, string>

/** Calls that share a statement. */
interface Batch {
  readonly keys: Set<Key>
  readonly values: Promise<Values>
}

/**
 * The maximum number of keys in one statement, unless a single call has more. Then the answer is short, and few calls
 * are lost with a connection.
 */
const MOST_KEYS = 200

/**
 * Sends the reads that begin in one turn of the event loop as one statement: a message costs the server and this process
 * far more than a row. A batch is complete when its turn is over, so all its calls have the same deadline.
 */
export class GatheredReads {
  readonly #read: (whenComplete: Promise<readonly Key[]>) => Promise<Values>
  readonly #turn = new TickBatch()
  #latest: Batch | undefined

  /** `read` gets a promise of the keys, which resolves when the turn is over. */
  constructor(read: (whenComplete: Promise<readonly Key[]>) => Promise<Values>) {
    this.#read = read
  }

  /** Resolves to the values of `keys`, among others. Rejects as `read` does. */
  get(keys: readonly Key[]): Promise<Values> {
    const latest = this.#latest
    const batch = latest && latest.keys.size + keys.length <= MOST_KEYS ? latest : this.#begin()
    for (const key of keys) batch.keys.add(key)
    return batch.values
  }

  #begin(): Batch {
    const keys = new Set<Key>()
    const whenComplete = this.#turn.over().then(() => {
      if (this.#latest === batch) this.#latest = undefined
      return [...keys]
    })
    const batch: Batch = { keys, values: this.#read(whenComplete) }
    this.#latest = batch
    return batch
  }
}
