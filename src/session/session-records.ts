// Not the global setImmediate: tests of applications replace it with one that never fires.
import { setImmediate } from 'node:timers'
import { StoreUnavailableError } from '../errors.js'
import type { TokenStore } from '../store.js'
import { type Deadline, withDeadline } from '../time/deadline.js'
import type { TokenPayload } from '../token/payload.js'
import { recordKeptUntil } from './kept.js'
import {
  KEPT_AFTER_EXP,
  parseSession,
  parseSubject,
  type SessionRecord,
  type SubjectRecord,
  sessionKey,
  subjectKey,
  TOMBSTONE,
  type Tombstone,
} from './record.js'
import { idOf } from './rotation.js'
import { type StoredTypeConfig, storedTypeOf } from './stored-type.js'

/** `now`: the clock of koa-authx, milliseconds. The store's clock can differ, as in tests. */
interface RecordsConfig extends StoredTypeConfig {
  readonly now: () => number
}

/** A session's record, parsed (`record`) and as the string in the store (`raw`). */
export interface LoadedRecord {
  readonly record: SessionRecord | Tombstone | undefined
  readonly raw: string | undefined
}

/**
 * The stored state of a token: the record of its session, or of the token if it has no session, and its subject's
 * record.
 */
export interface LoadedState extends LoadedRecord {
  /** The login type under which the store keeps the session. */
  readonly loginType: string | undefined
  readonly keys: readonly string[]
  readonly rawSubject: string | undefined
  readonly subject: SubjectRecord
}

/** The last state read for a token. If the strings in the store are unchanged, they are not parsed again. */
const lastKnown = new WeakMap<TokenPayload, LoadedState>()

/**
 * Reads and writes records for one operation. It does not start a call after the operation's deadline. If a call of the
 * store rejects, or returns a value of the wrong type or one that koa-authx did not write, it throws
 * StoreUnavailableError.
 */
export class SessionRecords {
  readonly #store: TokenStore
  readonly #config: RecordsConfig
  readonly #deadline: Deadline

  constructor(store: TokenStore, config: RecordsConfig, deadline: Deadline) {
    this.#store = store
    this.#config = config
    this.#deadline = deadline
  }

  async known(token: TokenPayload): Promise<LoadedState> {
    const loginType = storedTypeOf(token.login_type, this.#config)
    const last = lastKnown.get(token)
    // A payload can come from an instance with another `storedLoginType`.
    const before = last?.loginType === loginType ? last : undefined
    const keys = before?.keys ?? [sessionKey(idOf(token)), subjectKey(token.sub, loginType)]
    const [raw, rawSubject] = await this.get(keys)
    if (before && before.raw === raw && before.rawSubject === rawSubject) return before
    const known = { loginType, keys, raw, rawSubject, record: parseSession(raw), subject: parseSubject(rawSubject) }
    // Payloads of koa-authx are frozen. The application can change its own payloads, so they are not cached. Refresh
    // tokens seldom come twice.
    if (token.type === 'access' && Object.isFrozen(token)) lastKnown.set(token, known)
    return known
  }

  async session(sid: string): Promise<LoadedRecord> {
    const [raw] = await this.get([sessionKey(sid)])
    return { raw, record: parseSession(raw) }
  }

  async subject(sub: string, loginType: string | undefined): Promise<SubjectRecord> {
    const [value] = await this.get([subjectKey(sub, loginType)])
    return parseSubject(value)
  }

  /** Writes a session's record if the store still has `raw`. Resolves to whether it was written. */
  write(sid: string, raw: string | undefined, record: SessionRecord): Promise<boolean> {
    return this.compareAndSet(sessionKey(sid), raw, JSON.stringify(record), recordKeptUntil(record, this.#config.now()))
  }

  /** Writes a tombstone if the store still has `raw`. It is kept for at least ten minutes. */
  bury(sid: string, raw: string | undefined, keptUntil: number): Promise<boolean> {
    return this.compareAndSet(sessionKey(sid), raw, TOMBSTONE, Math.max(keptUntil, this.#config.now() + KEPT_AFTER_EXP))
  }

  /**
   * Calls `write`, and then `tell`, which emits the event of the write. If the store failed or timed out, the value may
   * have been written: `tell` is called with `isSure` false. After a conflict, when `write` resolves to false, `tell`
   * is not called.
   */
  async telling(tell: (isSure: boolean) => void, write: () => Promise<boolean>): Promise<boolean> {
    let written: boolean | undefined
    try {
      written = await withDeadline(this.#deadline, write)
      return written
    } finally {
      if (written !== false) tell(written === true)
    }
  }

  // The try blocks here and in compareAndSet are not one function: it would add two promises to every guarded request.
  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.#checkTime()
    let values: unknown
    try {
      values = await this.#store.get(keys)
    } catch (cause) {
      throw new StoreUnavailableError({ cause })
    }
    if (Array.isArray(values) && values.length === keys.length && values.every(isValue)) return values
    throw new StoreUnavailableError({
      cause: new Error('get of the store did not return a list with one value for each key'),
    })
  }

  /** Writes `value` if the store still has `expected`. `keptUntil`: milliseconds, by the clock of koa-authx. */
  async compareAndSet(key: string, expected: string | undefined, value: string, keptUntil: number): Promise<boolean> {
    this.#checkTime()
    const expiresAt = new Date(Date.now() + keptUntil - this.#config.now())
    let written: unknown
    try {
      written = await this.#store.compareAndSet(key, expected, value, expiresAt)
    } catch (cause) {
      throw new StoreUnavailableError({ cause })
    }
    // The caller tries again. Timers and deadlines must run even if the store always returns false at once.
    if (written === false) await endOfTurn()
    if (typeof written === 'boolean') return written
    throw new StoreUnavailableError({ cause: new Error('compareAndSet of the store did not return true or false') })
  }

  /** Throws after the deadline. The caller then already has an error, so nothing more must be written. */
  #checkTime(): void {
    if (this.#deadline.over()) throw this.#deadline.error()
  }
}

export const endOfTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const isValue = (value: unknown) => value === undefined || typeof value === 'string'
