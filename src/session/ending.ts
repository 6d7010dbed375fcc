import type { Config } from '../config/table.js'
import { checkOwn } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import type { Events } from './events.js'
import { tokenKeptUntil, tombstoneKeptUntil } from './kept.js'
import {
  CUTOFF_KEPT,
  parseSession,
  parseSubject,
  type SessionRecord,
  type SubjectRecord,
  sessionKey,
  subjectKey,
} from './record.js'
import * as rotation from './rotation.js'
import type { LoadedRecord, SessionRecords } from './session-records.js'
import { storedType } from './stored-type.js'

/** Removes ended sessions from the list of their subject, in the background. */
type Forget = (owner: SessionRecord, ended: ReadonlySet<string>) => void

/**
 * Emits an event. `isSure` is false if the store failed or timed out, so that nobody knows whether it has written the
 * value.
 */
type Tell = (isSure: boolean) => void

/**
 * Ends sessions: one session by a tombstone, all sessions of a subject by the subject's cut-off. If another process or
 * request writes the same key at the same time, every method except `bury` reads again, and writes if that is still
 * necessary.
 */
export class Ending {
  readonly #config: Config
  readonly #events: Events
  readonly #forget: Forget

  constructor(config: Config, events: Events, forget: Forget) {
    this.#config = config
    this.#events = events
    this.#forget = forget
  }

  /**
   * Replaces a session's record with a tombstone, calls `tell`, and removes the session from the subject's list.
   * Resolves to false after a conflict with another write.
   * @param keptUntil the store keeps the tombstone at least until this time, milliseconds. Default: only as long as the
   * session's record requires.
   */
  async bury(
    records: SessionRecords,
    sid: string,
    { record, raw }: LoadedRecord,
    tell: Tell,
    keptUntil = 0,
  ): Promise<boolean> {
    const session = rotation.isTombstone(record) ? undefined : record
    const ofSession = session ? tombstoneKeptUntil(session, this.#config.now()) : 0
    const bury = () => records.bury(sid, raw, Math.max(keptUntil, ofSession))
    const isBuried = await records.telling(tell, bury)
    if (isBuried && session) this.#forget(session, new Set([sid]))
    return isBuried
  }

  /**
   * Ends the session of a token, or revokes the token if it has no session. Does nothing if this has been done before,
   * if the store has no record of the `sid`, or if its record has another subject or login type.
   * @throws TokenInvalidSignatureError if a session would end, but only a key from `getKey` has signed the token;
   * StoreUnavailableError.
   */
  async token(records: SessionRecords, token: TokenPayload): Promise<void> {
    const sid = rotation.idOf(token)
    for (;;) {
      const read = await records.session(sid)
      const { record } = read
      if (rotation.isTombstone(record)) return
      if (record === undefined && token.sid !== undefined) return
      if (record !== undefined && !rotation.isOf(record, token, this.#config)) return
      if (record !== undefined) checkOwn(token)
      // An expired token is revoked too: if this server's clock is fast, the token can be valid for other servers.
      const keptUntil = token.sid === undefined ? tokenKeptUntil(token, this.#config.now(), this.#config) : 0
      if (await this.bury(records, sid, read, this.revoked(sid, token.sub), keptUntil)) return
    }
  }

  /**
   * Ends a session by its id; with `sub`, only if it belongs to this subject. Resolves to true if it has ended the
   * session, and to false if the session had already ended, is not in the store, or belongs to another subject.
   */
  async session(records: SessionRecords, sid: string, sub?: string): Promise<boolean> {
    const loginType = storedType(this.#config)
    for (;;) {
      const read = await records.session(sid)
      const { record } = read
      if (record === undefined || rotation.isTombstone(record)) return false
      const subject = await records.subject(record.sub, loginType)
      const owner = { id: sid, sub: sub ?? record.sub, loginType }
      if (!rotation.heldRecord(owner, { record, subject })) return false
      if (await this.bury(records, sid, read, this.revoked(sid, record.sub))) return true
    }
  }

  /**
   * Ends the session of a token because a login has replaced it, or revokes the token if it has no session. Does nothing
   * if it has ended before.
   */
  async replaced(records: SessionRecords, token: TokenPayload): Promise<void> {
    const sid = rotation.idOf(token)
    for (;;) {
      const known = await records.known(token)
      const now = this.#config.now()
      if (!rotation.isRevocable(token, known, now, this.#config)) return
      const keptUntil = token.sid === undefined ? tokenKeptUntil(token, now, this.#config) : 0
      if (await this.bury(records, sid, known, this.revoked(sid, token.sub, { replaced: true }), keptUntil)) return
    }
  }

  /** Ends the session of a login that failed. Calls `tell` if the session had not ended. */
  async failedLogin(records: SessionRecords, sid: string, tell: Tell): Promise<void> {
    for (;;) {
      const read = await records.session(sid)
      if (read.record === undefined || rotation.isTombstone(read.record)) return
      if (await this.bury(records, sid, read, tell)) return
    }
  }

  /**
   * Moves the cut-off of a subject to now: ends all sessions whose login began earlier, except the session `except`.
   */
  async all(records: SessionRecords, sub: string, except?: string): Promise<void> {
    const loginType = storedType(this.#config)
    const key = subjectKey(sub, loginType)
    const begun = this.#config.now()
    let first: SubjectRecord | undefined
    for (;;) {
      const [raw, spared] = await records.get(except === undefined ? [key] : [key, sessionKey(except)])
      const known = { subject: parseSubject(raw), record: parseSession(spared) }
      // `except` must not revive a session that an earlier cut-off revoked.
      const held = except !== undefined && rotation.heldRecord({ id: except, sub, loginType }, known) !== undefined
      const sparing = held ? { except } : {}
      const tell: Tell = isSure => this.#events.emit('allRevoked', { sub, ...sparing, ...unconfirmedUnless(isSure) })
      // If another call has already done the work, this call writes nothing. Otherwise each of many simultaneous calls
      // would write, and each write would make all others read again.
      if (first && rotation.isCutSince(first, known.subject, begun, sparing.except)) return tell(true)
      first ??= known.subject
      const now = this.#config.now()
      const next: SubjectRecord = { cutoff: Math.max(now, known.subject.cutoff + 1), ...sparing }
      const write = () => records.compareAndSet(key, raw, JSON.stringify(next), now + CUTOFF_KEPT)
      if (await records.telling(tell, write)) return
    }
  }

  /** Returns a function that emits the event `revoked`. */
  revoked(sid: string, sub: string, why: { replaced?: true } = {}): Tell {
    return isSure => this.#events.emit('revoked', { sid, sub, ...why, ...unconfirmedUnless(isSure) })
  }
}

const unconfirmedUnless = (isSure: boolean): { unconfirmed?: true } => (isSure ? {} : { unconfirmed: true })
