import { createHash } from 'node:crypto'
import type { Keyv } from 'keyv'
import { millisecondsUntil } from './options.js'

/** A record of the Keyv. */
export interface KeyvRecord {
  /** The expiry and the value, in one string, as the Keyv stores it. */
  readonly sealed: string
  readonly value: string
  /** When the record expires, in milliseconds since 1970. */
  readonly endsAt: number
  /**
   * When the Keyv may delete the record, in milliseconds since 1970; `Infinity` if it keeps the record without limit.
   */
  readonly keptUntil: number
}

/** Milliseconds that are added to each lifetime, because backends may round to seconds, or their clocks may differ. */
const MARGIN_MS = 60_000

/**
 * The longest lifetime that a backend gets, in milliseconds: timers of more than 24.8 days fire at once, and memcached
 * reads more than 30 days as a date in the past.
 */
const LONGEST_LIFE_MS = 24 * 86_400_000

/** Keyv reads 0 as "no expiry", and does not use its default `ttl` then. */
const FOR_EVER = 0

/**
 * Keys that every backend accepts: memcached allows no spaces, and at most 250 bytes including namespaces and prefix.
 */
const PLAIN_KEY = /^[A-Za-z0-9_:.-][A-Za-z0-9_:.~-]{0,99}$/

/** Reads and writes single records of a Keyv. The content of a record decides whether it has expired, not Keyv. */
export class KeyvRecords {
  readonly #keyv: Keyv
  readonly #prefix: string

  constructor(keyv: Keyv, prefix: string) {
    this.#keyv = keyv
    this.#prefix = prefix
  }

  /**
   * Returns the name that a key has in the backend. It always begins with the Keyv's namespace. If this method did not
   * add the namespace, two keys could get the same name: Keyv does not add its namespace to a key that already begins
   * with it.
   */
  nameOf(key: string): string {
    const { namespace, useKeyPrefix } = this.#keyv
    const start = useKeyPrefix && namespace ? `${namespace}:` : ''
    const safe = PLAIN_KEY.test(key) ? key : `~${createHash('sha256').update(key).digest('base64url')}`
    return start + this.#prefix + safe
  }

  /**
   * Reads a record, expired or not. It does not call Keyv's `getRaw`, which deletes expired records by name and could
   * delete a record that was written in the meantime.
   */
  async read(name: string): Promise<KeyvRecord | undefined> {
    const { hooks, store } = this.#keyv
    this.#checkNamespace()
    hooks.trigger('preGetRaw', { key: name })
    const raw: unknown = await store.get(name)
    this.#checkNamespace()
    const data = isNothing(raw) ? undefined : await this.#decode(raw)
    hooks.trigger('postGetRaw', { key: name, value: data })
    return data && recordOf(data)
  }

  /**
   * Writes a value that `seal` has made, and keeps it at least until its expiry.
   * @throws Error if the Keyv does not return true.
   */
  async write(name: string, sealed: string): Promise<void> {
    this.#checkNamespace()
    const written = await this.#keyv.set(name, sealed, lifeFor(endOf(sealed)))
    if (written !== true) throw new Error('KeyvTokenStore: the Keyv did not store the value')
  }

  async remove(name: string): Promise<void> {
    this.#checkNamespace()
    await this.#keyv.delete(name)
  }

  async #decode(raw: unknown): Promise<object> {
    const data: unknown =
      typeof raw === 'string' || this.#keyv.compression ? await this.#keyv.deserializeData(raw as string) : raw
    if (typeof data === 'object' && data !== null) return data
    throw notOurs()
  }

  /**
   * Checks that the adapter still has this Keyv's namespace. A second Keyv over the same adapter replaces the
   * namespace, and then the records of the first Keyv are not found.
   * @throws Error if the namespace differs.
   */
  #checkNamespace(): void {
    const { namespace, store } = this.#keyv
    if (store instanceof Map || (store.namespace ?? undefined) === namespace) return
    throw new Error(
      `KeyvTokenStore: the storage adapter has the namespace ${JSON.stringify(store.namespace)} of another Keyv; give each Keyv an adapter of its own`,
    )
  }
}

/**
 * Returns one string with the expiry and the value. The value needs its own expiry, because a backend may round the
 * expiry that it stores.
 */
export function seal(value: string, expiresAt: Date): string {
  millisecondsUntil(expiresAt)
  return `${expiresAt.getTime()}:${value}`
}

/** Returns the expiry in a string that `seal` has made, in milliseconds since 1970. */
export function endOf(sealed: string): number {
  return Number(sealed.slice(0, sealed.indexOf(':')))
}

export function hasEnded({ endsAt }: KeyvRecord): boolean {
  return endsAt <= Date.now()
}

function lifeFor(endsAt: number): number {
  const life = millisecondsUntil(new Date(endsAt)) + MARGIN_MS
  return life <= LONGEST_LIFE_MS ? life : FOR_EVER
}

/**
 * Whether `raw`, the answer of a storage adapter, means that there is no record. For a missing record, the adapter for
 * memcached returns an object without a value and with `expires: 0`.
 */
function isNothing(raw: unknown): boolean {
  if (raw === undefined || raw === null) return true
  const { value, expires } = raw as { value?: unknown; expires?: unknown }
  return value === undefined && expires === 0
}

function recordOf(data: { value?: unknown; expires?: unknown }): KeyvRecord {
  const { value: sealed, expires } = data
  const [head, end] = (typeof sealed === 'string' && /^(\d+):/.exec(sealed)) || []
  if (head === undefined) throw notOurs()
  return {
    sealed: sealed as string,
    value: (sealed as string).slice(head.length),
    endsAt: Number(end),
    keptUntil: typeof expires === 'number' ? expires : Number.POSITIVE_INFINITY,
  }
}

function notOurs(): Error {
  return new Error('KeyvTokenStore: the backend holds a value that this store did not write')
}
