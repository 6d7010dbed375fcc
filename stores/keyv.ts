/**
 * Sessions in any Keyv, for one process.
 * @module koa-authx/stores/keyv
 */
import type { Keyv } from 'keyv'
import type { StoreFinding, TokenStore } from '../src/store.js'
import { Deadline, withDeadline } from '../src/time/deadline.js'
import { backendOf, isInMemory, type KeyvBackend, placeOf, refuseUnfit } from './keyv-backend.js'
import { endOf, hasEnded, type KeyvRecord, KeyvRecords, seal } from './keyv-records.js'
import type { UnsureWrites } from './keyv-unsure.js'
import { warnInWorker } from './memory-findings.js'
import {
  checkedPrefix,
  checkedTimeout,
  closedError,
  knownOptions,
  type StoreOptions,
  type TimedStoreOptions,
} from './options.js'

export type { StoreOptions, TimedStoreOptions }

/** Options of `KeyvTokenStore`. */
export type KeyvTokenStoreOptions = TimedStoreOptions

/**
 * Sessions in any Keyv, **for one process with one thread**. Keyv has no compare-and-set, so writes of the same key run
 * one after the other in this process. Several stores over one backend coordinate their writes only if their adapters
 * show that the backend is the same: the same adapter or Map, the same connection, or the same server address.
 * Otherwise make only one store for each backend. For several processes, use SqliteTokenStore or RedisTokenStore.
 *
 * The store reads every write back, and checks itself whether a record has expired. The backend gets an expiry one
 * minute later, or none for records that live longer than 24 days: such records stay until they are read after their
 * expiry. A default `ttl` of the Keyv is not used. The store sets `throwOnErrors` of the Keyv and of its storage
 * adapter: otherwise a Keyv that cannot reach its backend would answer "no value", which would mean "not revoked".
 *
 * A call rejects if there is no answer within `timeout`. After a write that timed out, other writes of its key reject
 * for up to ten seconds, because the backend may still apply it. If the backend applies it later and so replaces a
 * newer value, the newer value is written again when this process next reads the key. `close()` does not disconnect the
 * Keyv.
 *
 * @throws TypeError for an invalid option, and for a storage adapter that is known to lose records or to hide errors.
 * Calls reject with the errors of the backend; with Error if a write cannot be read back, a stored value was not
 * written by this store, the adapter has the namespace of another Keyv, or the store is closed; and with RangeError for
 * an `expiresAt` that is not in the future.
 */
export class KeyvTokenStore implements TokenStore {
  readonly #keyv: Keyv
  readonly #records: KeyvRecords
  readonly #timeout: number
  readonly #backend: KeyvBackend
  readonly #unsure: UnsureWrites
  #closed = false

  constructor(keyv: Keyv, options?: KeyvTokenStoreOptions) {
    if (typeof keyv?.getRaw !== 'function')
      throw new TypeError('KeyvTokenStore takes a Keyv of version 5: new KeyvTokenStore(new Keyv(...))')
    const { prefix, timeout } = knownOptions('KeyvTokenStore', options, ['prefix', 'timeout'])
    const checked = checkedPrefix('KeyvTokenStore', prefix)
    this.#timeout = checkedTimeout('KeyvTokenStore', timeout)
    refuseUnfit(keyv.store)
    if (isInMemory(keyv.store)) warnInWorker('KeyvTokenStore')
    this.#keyv = keyv
    this.#records = new KeyvRecords(keyv, checked)
    this.#backend = backendOf(keyv.store)
    this.#unsure = this.#backend.unsureIn(placeOf(keyv))
    keyv.throwOnErrors = true
    if ('throwOnErrors' in keyv.store) keyv.store.throwOnErrors = true
  }

  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    if (this.#closed) throw closedError('KeyvTokenStore')
    return Promise.all(keys.map(key => this.#get(this.#records.nameOf(key))))
  }

  async compareAndSet(key: string, expected: string | undefined, value: string, expiresAt: Date): Promise<boolean> {
    if (this.#closed) throw closedError('KeyvTokenStore')
    const name = this.#records.nameOf(key)
    // The caller may change its Date while this call waits for earlier calls.
    const end = new Date(expiresAt)
    return this.#inTurn(name, this.#deadline(), async deadline => {
      if (liveValue(await this.#readChecked(name, deadline)) !== expected) return false
      this.#unsure.refuseWhilePending(name)
      await this.#write(name, seal(value, end), deadline)
      return true
    })
  }

  /** Reads a record, and says what has to be known about the storage adapter. Rejects as `get` does. */
  async check(): Promise<readonly StoreFinding[]> {
    await this.get(['check'])
    const { keyvFindings } = await import('./keyv-findings.js')
    return keyvFindings(this.#keyv.store)
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #deadline(): Deadline {
    return new Deadline(this.#timeout, noAnswer)
  }

  #inTurn<T>(name: string, deadline: Deadline, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    return this.#backend.inTurn(name, deadline, () => work(deadline))
  }

  // Reads do not wait for other calls, because they change nothing.
  async #get(name: string): Promise<string | undefined> {
    const deadline = this.#deadline()
    // Check before the read too: the read may find a late write, and another call may repair and forget that write
    // before this read ends. The check after the read then finds nothing.
    const mayMislead = this.#unsure.mayMislead(name)
    const record = await this.#read(name, deadline)
    if (mayMislead || this.#unsure.mayMislead(name))
      return liveValue(await this.#inTurn(name, deadline, () => this.#readChecked(name, deadline)))
    if (record && hasEnded(record)) this.#discard(name)
    return liveValue(record)
  }

  #read(name: string, deadline: Deadline): Promise<KeyvRecord | undefined> {
    return withDeadline(deadline, () => this.#records.read(name))
  }

  /** Reads a record, and writes the confirmed value again if a late write has replaced it. Call it inside `#inTurn`. */
  async #readChecked(name: string, deadline: Deadline): Promise<KeyvRecord | undefined> {
    const unsure = this.#unsure
    const made = unsure.made(name)
    let record = await this.#read(name, deadline)
    const acknowledged = unsure.whatToRestore(name, record?.sealed)
    if (acknowledged !== undefined) record = await this.#restore(name, acknowledged, deadline)
    unsure.forget(name, made)
    return record
  }

  async #restore(name: string, sealed: string, deadline: Deadline): Promise<KeyvRecord | undefined> {
    if (endOf(sealed) > Date.now()) return this.#write(name, sealed, deadline)
    await this.#change(name, undefined, deadline, () => this.#records.remove(name))
    return undefined
  }

  /** Writes a value and reads it back. Call it inside `#inTurn`. */
  async #write(name: string, sealed: string, deadline: Deadline): Promise<KeyvRecord> {
    await this.#change(name, sealed, deadline, () => this.#records.write(name, sealed))
    const record = await this.#read(name, deadline)
    if (record?.sealed !== sealed) {
      // The adapter may have answered before the backend did, and the write may still be applied.
      this.#remember(name, sealed, Promise.reject())
      throw new Error('KeyvTokenStore: a written value cannot be read back; the backend or a hook of the Keyv drops it')
    }
    if (record.keptUntil < record.endsAt)
      throw new Error('KeyvTokenStore: a written value expires too early; a hook of the Keyv changes its ttl')
    this.#unsure.acknowledge(name, sealed)
    return record
  }

  /**
   * Runs `act`, which changes a record. If `act` fails or times out, remembers the change, because the backend may
   * still apply it. Call it inside `#inTurn`.
   */
  async #change(name: string, sealed: string | undefined, deadline: Deadline, act: () => Promise<void>): Promise<void> {
    if (deadline.over()) throw deadline.error()
    const running = act()
    try {
      await withDeadline(deadline, () => running)
    } catch (error) {
      this.#remember(name, sealed, running)
      throw error
    }
  }

  #remember(name: string, sealed: string | undefined, running: Promise<unknown>): void {
    this.#unsure.add(name, sealed, running, () => this.#inBackground(name, d => this.#readChecked(name, d)))
  }

  /** Deletes an expired record in the background, after checking again that it has expired. */
  #discard(name: string): void {
    if (this.#backend.isTaken(name)) return
    this.#inBackground(name, async deadline => {
      const record = await this.#readChecked(name, deadline)
      if (record && hasEnded(record)) await this.#change(name, undefined, deadline, () => this.#records.remove(name))
    })
  }

  /**
   * Runs `work` after the earlier calls for `name`, and does not wait for it. Errors are ignored, because the next read
   * tries again.
   */
  #inBackground(name: string, work: (deadline: Deadline) => Promise<unknown>): void {
    this.#inTurn(name, this.#deadline(), work).catch(() => {})
  }
}

function liveValue(record: KeyvRecord | undefined): string | undefined {
  return record && !hasEnded(record) ? record.value : undefined
}

function noAnswer(milliseconds: number): Error {
  return new Error(`KeyvTokenStore: no answer within ${milliseconds} ms`)
}
