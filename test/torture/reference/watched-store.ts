import type { TokenStore } from '../../../src/store.js'
import { type MemoryRecord, MemoryTokenStore } from '../../../stores/memory.js'

/** A store in memory that counts what it is asked, and shows what it holds. */
export class WatchedStore implements TokenStore {
  reads = 0
  writes = 0
  readonly #map = new Map<string, MemoryRecord>()
  readonly #store = new MemoryTokenStore({ map: this.#map })

  get calls(): number {
    return this.reads + this.writes
  }

  /** Everything in it, as one text. */
  dump(): string {
    return JSON.stringify([...this.#map])
  }

  get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.reads++
    return this.#store.get(keys)
  }

  compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    this.writes++
    return this.#store.compareAndSet(key, expected, value, expiresAt)
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}
