import type { TokenStore } from '../src/store.js'
import { checkedPrefix, closedError, knownOptions, millisecondsUntil, type StoreOptions } from './options.js'

/** What a `MemoryTokenStore` keeps under a key; `expires` in milliseconds since 1970. */
export interface MemoryRecord {
  readonly value: string
  readonly expires: number
}

export interface MemoryTokenStoreOptions extends StoreOptions {
  /** The Map to keep records in; give the same one to several stores of a process to let them share it. */
  map?: Map<string, MemoryRecord>
}

const sweepEvery = 1000
const sweepAtLeast = 1000
const sweepRound = 60

/**
 * Sessions in this process's memory: for tests, development and services of one process whose users may be logged out
 * by a restart. Expired records are swept in small portions, each within about a minute, by a timer that does not keep
 * the process alive.
 *
 * @throws TypeError for a wrong option. Calls reject with RangeError for an `expiresAt` that is not in the future, and
 * with Error once the store is closed.
 */
export class MemoryTokenStore implements TokenStore {
  readonly #prefix: string
  readonly #map: Map<string, MemoryRecord>
  #cursor: IterableIterator<[string, MemoryRecord]>
  #sweeper: NodeJS.Timeout | undefined
  #closed = false

  constructor(options?: MemoryTokenStoreOptions) {
    const { prefix, map = new Map() } = knownOptions('MemoryTokenStore', options, ['prefix', 'map'])
    if (!(map instanceof Map)) throw new TypeError('MemoryTokenStore: map takes a Map')
    this.#prefix = checkedPrefix('MemoryTokenStore', prefix)
    this.#map = map
    this.#cursor = map.entries()
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (this.#closed) throw closedError('MemoryTokenStore')
    const now = Date.now()
    return keys.map(key => this.#read(this.#prefix + key, now))
  }

  // Nothing is awaited between the comparison and the write, so no other call can come between them.
  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    if (this.#closed) throw closedError('MemoryTokenStore')
    millisecondsUntil(expiresAt)
    const name = this.#prefix + key
    if (this.#read(name, Date.now()) !== expected) return false
    this.#map.set(name, { value, expires: expiresAt.getTime() })
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepEvery).unref()
    return true
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#rest()
  }

  #read(name: string, now: number): string | undefined {
    const record = this.#map.get(name)
    return record !== undefined && record.expires > now ? record.value : undefined
  }

  /** Look at the next portion: all of a small Map, a sixtieth of a large one, so that no sweep holds up a request. */
  #sweep(): void {
    const now = Date.now()
    for (let left = Math.max(sweepAtLeast, this.#map.size / sweepRound); left > 0; left--) {
      const next = this.#cursor.next()
      if (next.done) {
        this.#cursor = this.#map.entries()
        break
      }
      const [name, record] = next.value
      if (record.expires <= now) this.#map.delete(name)
    }
    if (this.#map.size === 0) this.#rest()
  }

  #rest(): void {
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}
