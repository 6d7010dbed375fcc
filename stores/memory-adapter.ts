import type { KeyvStoreAdapter, StoredData } from 'keyv'
import { closedError } from './options.js'
import { TickBatch } from './tick-batch.js'

/** A record in the Map. */
export interface MemoryRecord {
  /** The stored string. */
  readonly value: string
  /** When the record expires, in milliseconds since 1970. */
  readonly expires: number
}

const sweepEvery = 1000
const sweepAtLeast = 1000
const sweepRound = 60

/**
 * A Keyv storage adapter over a Map. It adds the compare-and-set that Keyv lacks, and deletes expired records, which a
 * plain Map would keep. A timer deletes each record within about a minute after its expiry, in small portions. The
 * timer does not keep the process alive.
 */
export class MemoryAdapter implements KeyvStoreAdapter {
  /** Keyv offers its iterator only if it knows the `dialect`. */
  readonly opts = { dialect: 'map', url: '' }
  /** The Map. KeyvTokenStore uses it to recognise adapters with the same backend. */
  readonly client: object
  /** Set by the Keyv that uses this adapter. */
  namespace?: string | undefined
  readonly #map: Map<string, MemoryRecord>
  #cursor: IterableIterator<[string, MemoryRecord]>
  #sweeper: NodeJS.Timeout | undefined
  readonly #turn = new TickBatch()
  #closed = false

  constructor(map: Map<string, MemoryRecord> = new Map()) {
    this.#map = map
    this.client = map
    this.#cursor = map.entries()
  }

  /**
   * Writes `value` if the key has the value `expected`. `expires`: milliseconds since 1970. Resolves to true if the
   * value was written, otherwise to false.
   */
  // Nothing is awaited between the comparison and the write, so no other call can come between them.
  async compareAndSet(key: string, expected: string | undefined, value: string, expires: number): Promise<boolean> {
    if (this.#read(key, Date.now()) !== expected) return false
    this.#write(key, { value, expires })
    return true
  }

  /** Returns the values of `keys`, in their order; `undefined` for a missing value. */
  async getMany<Value>(keys: readonly string[]): Promise<StoredData<Value | undefined>[]> {
    this.#checkOpen()
    await this.#turn.over()
    const now = Date.now()
    return keys.map(key => this.#valueAt(key, now)) as StoredData<Value | undefined>[]
  }

  /** Returns the value under `key`; `undefined` if there is none. */
  async get<Value>(key: string): Promise<StoredData<Value> | undefined> {
    return this.#read(key, Date.now()) as StoredData<Value> | undefined
  }

  /** Stores a value. `ttl`: milliseconds; default: no expiry. */
  async set(key: string, value: string, ttl?: number): Promise<boolean> {
    this.#write(key, { value, expires: ttl ? Date.now() + ttl : Number.POSITIVE_INFINITY })
    return true
  }

  /** Deletes the value under `key`. Resolves to true if there was a value, otherwise to false. */
  async delete(key: string): Promise<boolean> {
    const held = this.#read(key, Date.now()) !== undefined
    this.#map.delete(key)
    return held
  }

  /** Deletes all records of the Keyv's namespace, or all records if there is no namespace. */
  async clear(): Promise<void> {
    const start = this.namespace ? `${this.namespace}:` : ''
    for (const key of this.#map.keys()) if (key.startsWith(start)) this.#map.delete(key)
  }

  /** Does nothing. Keyv listens for errors here, but this adapter rejects calls instead. */
  on(): this {
    return this
  }

  /** Stops the timer. Later calls reject. */
  async disconnect(): Promise<void> {
    this.#closed = true
    this.#rest()
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError('The memory store')
  }

  #read(key: string, now: number): string | undefined {
    this.#checkOpen()
    return this.#valueAt(key, now)
  }

  #valueAt(key: string, now: number): string | undefined {
    const record = this.#map.get(key)
    if (record === undefined) return undefined
    // Another kind of store over the same Map has written the value. If this store ignored it, revoked tokens could
    // pass.
    if (typeof record.expires !== 'number')
      throw new Error('The memory store: the Map contains a value that no memory store wrote; use another Map')
    return record.expires > now ? record.value : undefined
  }

  #write(key: string, record: MemoryRecord): void {
    this.#checkOpen()
    this.#map.set(key, record)
    this.#sweeper ??= setInterval(() => this.#sweep(), sweepEvery).unref()
  }

  /** Deletes expired records in the next part of the Map: all of a small Map, a sixtieth of a large one. */
  #sweep(): void {
    const now = Date.now()
    for (let left = Math.max(sweepAtLeast, this.#map.size / sweepRound); left > 0; left--) {
      const next = this.#cursor.next()
      if (next.done) {
        this.#cursor = this.#map.entries()
        break
      }
      const [name, record] = next.value
      if (record?.expires <= now) this.#map.delete(name)
    }
    if (this.#map.size === 0) this.#rest()
  }

  #rest(): void {
    clearInterval(this.#sweeper)
    this.#sweeper = undefined
  }
}
