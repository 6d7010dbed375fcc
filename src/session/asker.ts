import { StoreUnavailableError } from '../errors.js'
import type { TokenStore } from '../store.js'

/**
 * The store as the sessions see it: whatever is not an answer is a StoreUnavailableError. A rejected promise, an answer
 * of the wrong shape and a value that is not ours all mean that nothing is known.
 */
export class Asker {
  readonly #store: TokenStore
  readonly #now: () => number

  constructor(store: TokenStore, now: () => number) {
    this.#store = store
    this.#now = now
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    const values: unknown = await orUnavailable(() => this.#store.get(keys))
    const sound = Array.isArray(values) && values.length === keys.length
    if (sound && values.every(value => value === undefined || typeof value === 'string')) return values
    throw new StoreUnavailableError({ cause: new Error('the answer of the store is not a list of values') })
  }

  /** `keptUntil` is milliseconds on the library's clock; the store's own may be another one, as in tests. */
  async compareAndSet(key: string, expected: string | undefined, value: string, keptUntil: number): Promise<boolean> {
    const expiresAt = new Date(Date.now() + keptUntil - this.#now())
    const written: unknown = await orUnavailable(() => this.#store.compareAndSet(key, expected, value, expiresAt))
    if (typeof written === 'boolean') return written
    throw new StoreUnavailableError({ cause: new Error('the answer of the store is neither true nor false') })
  }
}

/** @throws StoreUnavailableError in place of whatever `ask` throws. */
export async function orUnavailable<T>(ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (cause) {
    throw new StoreUnavailableError({ cause })
  }
}
