import type { TokenStore } from '../src/store.js'
import { millisecondsUntil } from './options.js'

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

  close(): Promise<void> {
    return this.#adapter.disconnect()
  }
}
