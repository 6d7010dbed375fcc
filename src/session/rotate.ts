import { randomUUID } from 'node:crypto'
import type { Duration } from '../config/duration.js'
import type { Config } from '../config/table.js'
import { timeOf, usesCookies } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import type { Ending } from './ending.js'
import type { Events } from './events.js'
import { confirmed, givenAgain } from './lineage.js'
import type { SessionRecord } from './record.js'
import { reusedBecause, revokedBecause } from './revoked.js'
import * as rotation from './rotation.js'
import type { LoadedRecord, LoadedState, SessionRecords } from './session-records.js'

/** `iat` and `exp` of an access token, in seconds. */
export interface AccessTimes {
  iat: number
  exp: number
}

/** Makes the tokens that a session's record describes. */
export type Mint<T> = (sid: string, record: SessionRecord, times: AccessTimes) => T

/** A refresh: the refresh token in the request, and how to make the tokens of the response. */
export interface Exchange<T> {
  readonly token: TokenPayload
  /** When the new access token expires. `undefined`: after `accessTokenExpires`. */
  readonly accessExpiry: Duration | Date | undefined
  /** Asks the application about the user of the session. Called once, before `mint`. */
  readonly prepare?: ((record: SessionRecord | undefined) => Promise<void>) | undefined
  /** Makes the tokens of the response from the new record. Called again after a conflict with another write. */
  readonly mint: Mint<T>
}

/** What the store contains about a refresh token, and what `rotation.decide` decided. */
export interface Plan {
  readonly known: LoadedState
  readonly decision: Exclude<rotation.Decision, { outcome: 'reuse' | 'revoked' }>
  /** The time of the exchange, milliseconds. */
  readonly now: number
}

export interface Exchanged<T> {
  readonly minted: T
  /** Emits `refreshed`, `replayed` or `recovered`. */
  readonly tell: () => void
  /** The record, if the token has no `sid` and this refresh must add the session to its list. */
  readonly opened?: SessionRecord | undefined
}

/** Carries out what `rotation.ts` decides: a refresh, a reuse, and the new access token of `reauthenticate`. */
export class Rotator {
  readonly #config: Config
  readonly #events: Events
  readonly #ending: Ending

  constructor(config: Config, events: Events, ending: Ending) {
    this.#config = config
    this.#events = events
    this.#ending = ending
  }

  /**
   * Reads the record of a refresh token and decides between rotation, replay and recovery.
   * @param arrivedAt when the token arrived, milliseconds, if the application has been asked since. Default: now.
   * @throws RevokedTokenError, ReusedTokenError (after revoking the session), StoreUnavailableError.
   */
  async plan(records: SessionRecords, token: TokenPayload, arrivedAt?: number): Promise<Plan> {
    for (;;) {
      const known = await records.known(token)
      const now = this.#config.now()
      const decision = rotation.decideAfterWaiting(token, known, { arrivedAt: arrivedAt ?? now, now }, this.#config)
      if (decision.outcome === 'revoked') throw revokedBecause(decision.reason)
      if (decision.outcome !== 'reuse') return { known, decision, now }
      await this.endReused(records, token, known)
    }
  }

  /**
   * Returns a plan for now, after the application was asked: the grace period of a refresh token begins when the token
   * is exchanged. Returns `undefined` for a replay, which needs a new plan: it may write nothing, and then it would not
   * notice that the session has changed or ended.
   */
  resumed(plan: Plan): Plan | undefined {
    return plan.decision.outcome === 'replay' ? undefined : { ...plan, now: this.#config.now() }
  }

  /**
   * Makes the tokens of a refresh, then writes at most once. Resolves to `undefined` after a conflict with another
   * write.
   */
  exchange<T>(records: SessionRecords, exchange: Exchange<T>, plan: Plan): Promise<Exchanged<T> | undefined> {
    const { decision } = plan
    return decision.outcome === 'replay'
      ? this.#replay(records, exchange, plan, decision)
      : this.#succeed(records, exchange, plan, decision)
  }

  async #replay<T>(
    records: SessionRecords,
    { token, accessExpiry, mint }: Exchange<T>,
    { known, now }: Plan,
    { record, replays, isCounted }: rotation.Replay,
  ): Promise<Exchanged<T> | undefined> {
    const sid = rotation.idOf(token)
    // A replay does not make the session longer.
    const end = Math.min(record.endsAt, record.expiresAt)
    const times = this.#times(end, accessExpiry, now)
    const minted = mint(sid, record, times)
    const next = givenAgain(record, { now, accessEndsAt: times.exp * 1000 }, this.#config)
    if (!(isCounted && next === record) && !(await records.write(sid, known.raw, next))) return undefined
    const tell = () => this.#events.emit('replayed', { sid, sub: token.sub, replays })
    // The first refresh may have failed to add the session to the list.
    return { minted, tell, opened: token.sid === undefined ? record : undefined }
  }

  async #succeed<T>(
    records: SessionRecords,
    { token, accessExpiry, mint }: Exchange<T>,
    { known, now }: Plan,
    { outcome, gen, rollback }: rotation.Succession,
  ): Promise<Exchanged<T> | undefined> {
    const sid = rotation.idOf(token)
    const { sub } = token
    const before = rotation.recordBefore(token, known, this.#config)
    const times = this.#times(before.expiresAt, accessExpiry, now)
    const change = { outcome, gen, jti: randomUUID(), accessExp: times.exp, now }
    const record = this.#withCsrf(token, rotation.successor(token, before, change, this.#config))
    const minted = mint(sid, record, times)
    const write = () => records.write(sid, known.raw, record)
    const tellOfRollback = () => this.#events.emit('storeRollback', { sid, sub })
    if (!(await (rollback ? records.telling(tellOfRollback, write) : write()))) return undefined
    const tell = () => this.#events.emit(outcome === 'recover' ? 'recovered' : 'refreshed', { sid, sub })
    // An earlier refresh with this token may have failed to add the session to the list.
    return { minted, tell, opened: token.sid === undefined ? record : undefined }
  }

  /**
   * Stores in the session of an access token that the user has just given credentials again, by the methods `amr`.
   * `mint` makes the new access token, before anything is written. Resolves to `undefined` after a conflict with
   * another write.
   * @throws RevokedTokenError, ReusedTokenError (after revoking the session), StoreUnavailableError.
   */
  async reauthenticate<T>(
    records: SessionRecords,
    token: TokenPayload,
    amr: readonly string[],
    mint: Mint<T>,
  ): Promise<T | undefined> {
    const sid = rotation.idOf(token)
    const known = await records.known(token)
    const now = this.#config.now()
    const assessment = rotation.assess(token, known, now, this.#config)
    if (assessment.outcome === 'revoked') throw revokedBecause(assessment.reason)
    if (assessment.outcome === 'reuse') {
      await this.endReused(records, token, known)
      return undefined
    }
    const found = rotation.recordBefore(token, known, this.#config)
    const before = assessment.outcome === 'unconfirmed' ? confirmed(found) : found
    const times = this.#times(before.expiresAt, undefined, now)
    const record = rotation.reauthenticated(before, { amr, accessExp: times.exp, now })
    const minted = mint(sid, record, times)
    return (await records.write(sid, known.raw, record)) ? minted : undefined
  }

  /**
   * Ends the session after a reuse: `token` shows that two clients have tokens of the session. Resolves only after a
   * conflict with another write; then the caller reads and decides again.
   * @throws ReusedTokenError if the session has been ended, StoreUnavailableError.
   */
  async endReused(records: SessionRecords, token: TokenPayload, read: LoadedRecord): Promise<void> {
    const [sid, { sub }] = [rotation.idOf(token), token]
    const tell = () => this.#events.emit('reuse', { sid, sub })
    if (await this.#ending.bury(records, sid, read, tell)) throw reusedBecause(token)
  }

  /** Returns the times of a new access token that expires at `end` (milliseconds) or earlier. */
  #times(end: number, expiry: Duration | Date | undefined, now: number): AccessTimes {
    const exp = timeOf('expiry', expiry === undefined ? this.#config.accessTokenExpires : expiry, now)
    return { iat: Math.floor(now / 1000), exp: Math.min(exp, Math.floor(end / 1000)) }
  }

  #withCsrf(token: TokenPayload, record: SessionRecord): SessionRecord {
    return usesCookies(this.#config) && !token.csrf ? { ...record, csrf: record.csrf ?? randomUUID() } : record
  }
}
