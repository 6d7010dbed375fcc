import type { TokenStore } from '../src/store.js'
import { MemoryAdapter, type MemoryRecord } from './memory-adapter.js'
import { checkedPrefix, knownOptions, millisecondsUntil, type StoreOptions } from './options.js'

export { MemoryAdapter, type MemoryRecord }

export interface MemoryTokenStoreOptions extends StoreOptions {
  /** The Map to keep records in; give the same one to several stores of a process to let them share it. */
  map?: Map<string, MemoryRecord>
}

/**
 * Sessions in this process's memory: for tests, development and services of one process whose users may be logged out
 * by a restart. Expired records go away by themselves.
 *
 * @throws TypeError for a wrong option. Calls reject with RangeError for an `expiresAt` that is not in the future, and
 * with Error once the store is closed.
 */
export class MemoryTokenStore implements TokenStore {
  readonly #prefix: string
  readonly #adapter: MemoryAdapter

  constructor(options?: MemoryTokenStoreOptions) {
    const { prefix, map } = knownOptions('MemoryTokenStore', options, ['prefix', 'map'])
    if (map !== undefined && !(map instanceof Map)) throw new TypeError('MemoryTokenStore: map takes a Map')
    this.#prefix = checkedPrefix('MemoryTokenStore', prefix)
    this.#adapter = new MemoryAdapter(map)
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    return (await this.#adapter.getMany(keys.map(key => this.#prefix + key))) as (string | undefined)[]
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    millisecondsUntil(expiresAt)
    return this.#adapter.compareAndSet(this.#prefix + key, expected, value, expiresAt.getTime())
  }

  close(): Promise<void> {
    return this.#adapter.disconnect()
  }
}
