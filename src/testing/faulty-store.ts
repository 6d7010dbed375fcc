import { isObject } from '../config/values.js'
import type { StoreFinding, TokenStore } from '../store.js'

/** How often each method of a store was called. */
export interface StoreCalls {
  /** Calls of `get`. */
  readonly get: number
  /** Calls of `compareAndSet`. */
  readonly compareAndSet: number
}

type Fault = 'none' | 'down' | 'hanging' | 'losing replies' | { readonly slow: number }

/** A call that waits: for a time, or without limit. */
interface Held {
  readonly hangs: boolean
  fail: (error: Error) => void
}

/** The longest delay of setTimeout, in milliseconds. With a longer delay it fires at once. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/**
 * Wraps any store and simulates faults, for tests. One fault at a time: a new fault replaces the one before. Without a
 * fault, all calls go to the wrapped store.
 */
export class FaultyTokenStore implements TokenStore {
  readonly #store: TokenStore
  readonly #held = new Set<Held>()
  readonly #calls = { get: 0, compareAndSet: 0 }
  #fault: Fault = 'none'
  #closed = false

  /** Wraps `store`, at first without a fault. @throws TypeError if `store` is not a TokenStore. */
  constructor(store: TokenStore) {
    const isStore = isObject(store) && typeof store.get === 'function' && typeof store.compareAndSet === 'function'
    if (!isStore) throw new TypeError('store must be a TokenStore: new FaultyTokenStore(new MemoryTokenStore())')
    this.#store = store
  }

  /** How many calls the store has had, rejected ones included. */
  get calls(): StoreCalls {
    return { ...this.#calls }
  }

  /** Every call rejects at once; nothing is read or written. */
  down(): void {
    this.#become('down')
  }

  /**
   * Every call works, but answers `milliseconds` later. @throws TypeError if `milliseconds` is not from 0 to
   * 2147483647.
   */
  slow(milliseconds: number): void {
    const sound = typeof milliseconds === 'number' && milliseconds >= 0 && milliseconds <= LONGEST_TIMEOUT
    if (!sound) throw new TypeError(`milliseconds must be a number from 0 to ${LONGEST_TIMEOUT}`)
    this.#become({ slow: milliseconds })
  }

  /** Calls do nothing and do not answer. Waiting calls reject at the next fault, at `heal` and at `close`. */
  hang(): void {
    this.#become('hanging')
  }

  /** Writes are applied, but `compareAndSet` rejects. Reads work. */
  loseReplies(): void {
    this.#become('losing replies')
  }

  /** Remove the fault. */
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

  /** The findings of the wrapped store; none if it has no `check`. `calls` does not count it. */
  check(): Promise<readonly StoreFinding[]> {
    return this.#answer(async () => (await this.#store.check?.()) ?? [])
  }

  /** Reject all waiting calls, and close the wrapped store. */
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

  /** Waits for `milliseconds`; without limit if `milliseconds` is missing. */
  async #hold(milliseconds?: number): Promise<void> {
    this.#checkOpen()
    let timer: NodeJS.Timeout | undefined
    const held: Held = { hangs: milliseconds === undefined, fail() {} }
    this.#held.add(held)
    try {
      await new Promise<void>((resolve, reject) => {
        held.fail = reject
        // Not unref'd: a process that waits only for this answer would exit before it.
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
