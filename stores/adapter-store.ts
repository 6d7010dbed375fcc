import type { TokenStore } from '../src/store.js'
import { millisecondsUntil } from './options.js'

/** What a Keyv storage adapter has to know besides, so that a store can be made of it. `expires`: ms since 1970. */
interface ComparingAdapter {
  getMany(keys: readonly string[]): Promise<readonly unknown[]>
  compareAndSet(key: string, expected: string | undefined, value: string, expires: number): Promise<boolean>
  disconnect(): Promise<void>
}

/** A store over a storage adapter of ours, which keeps bare strings. */
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
