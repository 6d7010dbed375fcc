import { outOfReach } from './postgres-reason.js'

/** Each waiting call needs memory, and a server that stalls under load must not crash the process. */
const MOST_WAITING = 10_000

/** Counts the calls that have no answer yet, of all kinds together. */
export class WaitingCalls {
  #count = 0

  /** Runs a call. @throws PostgresStoreError if too many calls wait. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    if (this.#count >= MOST_WAITING) throw outOfReach('too many calls wait')
    this.#count++
    try {
      return await call()
    } finally {
      this.#count--
    }
  }

  /** Counts a call that was given up, but still waits in the pool, until the function that is returned is called. */
  keep(): () => void {
    this.#count++
    return () => {
      this.#count--
    }
  }
}
