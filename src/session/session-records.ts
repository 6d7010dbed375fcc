// Not the global one: tests of applications put another in its place, which never comes.
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

/** What was read under a session's key, parsed and as it stands in the store. */
export interface LoadedRecord {
  readonly record: SessionRecord | Tombstone | undefined
  readonly raw: string | undefined
}

/** What judges a token: the record of its session, or of itself if it names none, and its subject's cut-off. */
export interface LoadedState extends LoadedRecord {
  readonly keys: readonly string[]
  readonly rawSubject: string | undefined
  readonly subject: SubjectRecord
}

/** What was last read about a token: the same strings need not be parsed again. */
const lastKnown = new WeakMap<TokenPayload, LoadedState>()

/**
 * One operation on the store: records in, records out, nothing begun after its deadline. Whatever is not an answer is a
 * StoreUnavailableError: a rejected promise, an answer of the wrong shape and a value that is not ours all mean that
 * nothing is known.
 */
export class SessionRecords {
  readonly #store: TokenStore
  readonly #now: () => number
  readonly #deadline: Deadline

  /** `now`: the library's clock. The store's own may be another one, as in tests. */
  constructor(store: TokenStore, now: () => number, deadline: Deadline) {
    this.#store = store
    this.#now = now
    this.#deadline = deadline
  }

  async known(token: TokenPayload): Promise<LoadedState> {
    const before = lastKnown.get(token)
    const keys = before?.keys ?? [sessionKey(idOf(token)), subjectKey(token.sub, token.login_type)]
    const [raw, rawSubject] = await this.get(keys)
    if (before && before.raw === raw && before.rawSubject === rawSubject) return before
    const known = { keys, raw, rawSubject, record: parseSession(raw), subject: parseSubject(rawSubject) }
    // A payload of the library's own is frozen; what a caller has made may be another token's the next time. A refresh
    // token seldom comes again.
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

  /** Write a session's record in the place of what was read. */
  write(sid: string, raw: string | undefined, record: SessionRecord): Promise<boolean> {
    return this.compareAndSet(sessionKey(sid), raw, JSON.stringify(record), recordKeptUntil(record, this.#now()))
  }

  /** Put a tombstone in the place of what was read; for ten minutes at least. */
  bury(sid: string, raw: string | undefined, keptUntil: number): Promise<boolean> {
    return this.compareAndSet(sessionKey(sid), raw, TOMBSTONE, Math.max(keptUntil, this.#now() + KEPT_AFTER_EXP))
  }

  /**
   * A write that has an event. `tell` is called when it has been done, and also when nobody knows, for its answer failed
   * or is late: `isSure` is false then. It is not called if somebody else wrote in between.
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

  // Not through a helper, here and below: that would be two more promises in every guarded request.
  async get(keys: readonly string[]): Promise<readonly (string | undefined)[]> {
    this.#checkTime()
    let values: unknown
    try {
      values = await this.#store.get(keys)
    } catch (cause) {
      throw new StoreUnavailableError({ cause })
    }
    if (Array.isArray(values) && values.length === keys.length && values.every(isValue)) return values
    throw new StoreUnavailableError({ cause: new Error('the answer of the store is not a list of values') })
  }

  /** `keptUntil` is milliseconds on the library's clock. */
  async compareAndSet(key: string, expected: string | undefined, value: string, keptUntil: number): Promise<boolean> {
    this.#checkTime()
    const expiresAt = new Date(Date.now() + keptUntil - this.#now())
    let written: unknown
    try {
      written = await this.#store.compareAndSet(key, expected, value, expiresAt)
    } catch (cause) {
      throw new StoreUnavailableError({ cause })
    }
    // The caller tries again. If the store always returns false at once, timers and deadlines must still run.
    if (written === false) await endOfTurn()
    if (typeof written === 'boolean') return written
    throw new StoreUnavailableError({ cause: new Error('the answer of the store is neither true nor false') })
  }

  /** The caller has been told that this failed: what is not done by now must not be done. */
  #checkTime(): void {
    if (this.#deadline.over()) throw this.#deadline.error()
  }
}

export const endOfTurn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

const isValue = (value: unknown) => value === undefined || typeof value === 'string'
