import type { StoreFinding, TokenStore } from '../src/store.js'
import { closedError, millisecondsUntil } from './options.js'

/** The methods of a storage adapter that AdapterTokenStore needs. `expires`: milliseconds since 1970. */
interface ComparingAdapter {
  getMany(keys: readonly string[]): Promise<readonly unknown[]>
  compareAndSet(key: string, expected: string | undefined, value: string, expires: number): Promise<boolean>
  disconnect(): Promise<void>
}

/** A store over one of this package's storage adapters. They store plain strings. */
export abstract class AdapterTokenStore implements TokenStore {
  readonly #adapter: ComparingAdapter
  readonly #prefix: string
  #isClosed = false

  protected constructor(adapter: ComparingAdapter, prefix: string) {
    this.#adapter = adapter
    this.#prefix = prefix
  }

  get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return this.#adapter.getMany(keys.map(key => this.#prefix + key)) as Promise<(string | undefined)[]>
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    millisecondsUntil(expiresAt)
    return this.#adapter.compareAndSet(this.#prefix + key, expected, value, expiresAt.getTime())
  }

  /** Looks for what is wrong with the place where the records are. Rejects as `get` does. */
  async check(): Promise<readonly StoreFinding[]> {
    if (this.#isClosed) throw closedError('The store')
    return this.findings()
  }

  /** What `check` of an open store resolves to. */
  protected abstract findings(): Promise<readonly StoreFinding[]>

  close(): Promise<void> {
    this.#isClosed = true
    return this.#adapter.disconnect()
  }
}
