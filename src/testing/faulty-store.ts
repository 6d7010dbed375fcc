import { isObject } from '../config/values.js'
import type { TokenStore } from '../store.js'

/** How often each verb of a store was called. */
export interface StoreCalls {
  /** Calls of `get`. */
  readonly get: number
  /** Calls of `compareAndSet`. */
  readonly compareAndSet: number
}

type Fault = 'none' | 'down' | 'hanging' | 'losing replies' | { readonly slow: number }

/** A call that waits: for its time, or until `heal` or `close`. */
interface Held {
  readonly hangs: boolean
  fail: (error: Error) => void
}

/** Past this, setTimeout fires at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/**
 * Any store, with faults that a test puts in and takes out again. One fault at a time: each takes the place of the one
 * before. Without any it is the store that it was given.
 */
export class FaultyTokenStore implements TokenStore {
  readonly #store: TokenStore
  readonly #held = new Set<Held>()
  readonly #calls = { get: 0, compareAndSet: 0 }
  #fault: Fault = 'none'
  #closed = false

  /** @throws TypeError if `store` is no TokenStore. */
  constructor(store: TokenStore) {
    const isStore = isObject(store) && typeof store.get === 'function' && typeof store.compareAndSet === 'function'
    if (!isStore) throw new TypeError('store must be a TokenStore: new FaultyTokenStore(new MemoryTokenStore())')
    this.#store = store
  }

  /** Calls so far, refused ones too. */
  get calls(): StoreCalls {
    return { ...this.#calls }
  }

  /** Every call rejects at once; nothing is read or written. */
  down(): void {
    this.#become('down')
  }

  /** Every call does what it should, and answers so many milliseconds later. */
  slow(milliseconds: number): void {
    const sound = typeof milliseconds === 'number' && milliseconds >= 0 && milliseconds <= LONGEST_TIMEOUT
    if (!sound) throw new TypeError(`milliseconds must be a number from 0 to ${LONGEST_TIMEOUT}`)
    this.#become({ slow: milliseconds })
  }

  /** No call answers, or does anything; those that wait reject at the next fault, at `heal` and at `close`. */
  hang(): void {
    this.#become('hanging')
  }

  /** Writes are done, but the caller gets a rejection instead of the answer. Reads are answered. */
  loseReplies(): void {
    this.#become('losing replies')
  }

  /** No fault any more. */
  heal(): void {
    this.#become('none')
  }

  get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.#calls.get++
    return this.#answer(() => this.#store.get(keys))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    this.#calls.compareAndSet++
    const losing = this.#fault === 'losing replies'
    const written = await this.#answer(() => this.#store.compareAndSet(key, expected, value, expiresAt))
    if (losing) throw new Error('the reply of the store has been lost')
    return written
  }

  /** Ends what waits, and closes the store that it was given. */
  async close(): Promise<void> {
    this.#closed = true
    for (const held of this.#held) held.fail(closedError())
    await this.#store.close?.()
  }

  async #answer<T>(call: () => Promise<T>): Promise<T> {
    this.#checkOpen()
    const fault = this.#fault
    if (fault === 'down') throw new Error('the store is down')
    if (fault === 'hanging') await this.#hold()
    const answer = await call()
    if (typeof fault === 'object') await this.#hold(fault.slow)
    return answer
  }

  #become(fault: Fault): void {
    this.#fault = fault
    for (const held of this.#held) if (held.hangs) held.fail(new Error('the store did not answer'))
  }

  /** Without `milliseconds` it does not end by itself. */
  async #hold(milliseconds?: number): Promise<void> {
    this.#checkOpen()
    let timer: NodeJS.Timeout | undefined
    const held: Held = { hangs: milliseconds === undefined, fail() {} }
    this.#held.add(held)
    try {
      await new Promise<void>((resolve, reject) => {
        held.fail = reject
        // Not unref'd: a test that waits for nothing but this answer would be ended before it.
        if (milliseconds !== undefined) timer = setTimeout(resolve, milliseconds)
      })
    } finally {
      clearTimeout(timer)
      this.#held.delete(held)
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError()
  }
}

const closedError = () => new Error('the store has been closed')
