import { randomUUID } from 'node:crypto'
import type { Duration } from '../config/duration.js'
import type { Config } from '../config/table.js'
import { ReusedTokenError } from '../errors.js'
import { timeOf, usesCookies } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import type { Events } from './events.js'
import type { SessionRecord } from './record.js'
import { revokedBecause } from './revoked.js'
import * as rotation from './rotation.js'
import type { LoadedRecord, SessionRecords } from './session-records.js'

/** `iat` and `exp` of an access token, in seconds. */
export interface AccessTimes {
  iat: number
  exp: number
}

/** Makes the tokens that a record describes. */
export type Mint<T> = (sid: string, record: SessionRecord, times: AccessTimes) => T

/** A refresh token to exchange, and how to make the new tokens. */
export interface Rotation<T> {
  readonly token: TokenPayload
  /** When the new access token ends. `undefined`: after the configured life. */
  readonly accessExpiry: Duration | Date | undefined
  /** Called before anything is written: if it throws, nothing changes. */
  readonly mint: Mint<T>
}

export interface Rotated<T> {
  readonly minted: T
  /** How many generations in a row were replayed. Missing if it was not a replay. */
  readonly replays?: number
  /** The record, if the token has no `sid` and this refresh must add the session to its list. */
  readonly opened?: SessionRecord | undefined
}

/** Replaces a record with a tombstone and emits an event. Resolves to false after a conflict with another write. */
type Bury = (records: SessionRecords, sid: string, read: LoadedRecord, tell: () => void) => Promise<boolean>

/** Exchanges refresh tokens: carries out what `rotation.ts` decides. */
export class Rotator {
  readonly #config: Config
  readonly #events: Events
  readonly #bury: Bury

  constructor(config: Config, events: Events, bury: Bury) {
    this.#config = config
    this.#events = events
    this.#bury = bury
  }

  /**
   * Reads, decides and writes once. Resolves to `undefined` after a conflict with another write.
   * @throws RevokedTokenError, ReusedTokenError (after revoking the session), StoreUnavailableError.
   */
  async attempt<T>(
    records: SessionRecords,
    { token, accessExpiry, mint }: Rotation<T>,
  ): Promise<Rotated<T> | undefined> {
    const sid = rotation.idOf(token)
    const known = await records.known(token)
    const now = this.#config.now()
    const decision = rotation.decide(token, known, now, this.#config)
    if (decision.outcome === 'revoked') throw revokedBecause(decision.reason)
    if (decision.outcome === 'reuse') return this.#endReused(records, sid, known, decision.record)
    if (decision.outcome === 'replay') {
      const { record, replays, isCounted } = decision
      // A replay does not make the session longer.
      const end = Math.min(record.endsAt, record.expiresAt)
      const minted = mint(sid, record, this.#times(end, accessExpiry, now))
      if (!isCounted && !(await records.write(sid, known.raw, record))) return undefined
      // The first refresh may have failed to add the session to the list.
      return { minted, replays, opened: token.sid === undefined ? record : undefined }
    }

    const before = rotation.recordBefore(token, known, this.#config)
    const times = this.#times(before.expiresAt, accessExpiry, now)
    const change = { gen: decision.gen, jti: randomUUID(), accessExp: times.exp, now }
    const record = this.#withCsrf(token, rotation.successor(token, before, change))
    const minted = mint(sid, record, times)
    const tell = () => decision.rollback && this.#events.emit('storeRollback', { sid, sub: token.sub })
    const write = () => records.write(sid, known.raw, record)
    if (!(await (decision.rollback ? records.telling(tell, write) : write()))) return undefined
    return { minted, opened: known.raw === undefined ? record : undefined }
  }

  async #endReused(
    records: SessionRecords,
    sid: string,
    read: LoadedRecord,
    { sub }: SessionRecord,
  ): Promise<undefined> {
    const tell = () => this.#events.emit('reuse', { sid, sub })
    if (!(await this.#bury(records, sid, read, tell))) return undefined
    throw new ReusedTokenError()
  }

  /** The times of a new access token. It expires not later than `end` (milliseconds). */
  #times(end: number, expiry: Duration | Date | undefined, now: number): AccessTimes {
    const exp = timeOf('expiry', expiry === undefined ? this.#config.accessTokenExpires : expiry, now)
    return { iat: Math.floor(now / 1000), exp: Math.min(exp, Math.floor(end / 1000)) }
  }

  #withCsrf(token: TokenPayload, record: SessionRecord): SessionRecord {
    return usesCookies(this.#config) && !token.csrf ? { ...record, csrf: record.csrf ?? randomUUID() } : record
  }
}
