import type { Config } from '../config/table.js'
import type { TokenPayload } from '../token/payload.js'
import { isExpired } from '../token/verify.js'
import type { Events, IssuerRevoked } from './events.js'
import * as record from './issuer-record.js'
import { tokenKeptUntil } from './kept.js'
import type { StoreOperations } from './operations.js'
import { CUTOFF_KEPT, KEPT_AFTER_EXP, TOMBSTONE } from './record.js'
import { revokedBecause } from './revoked.js'
import type { LoginEnd } from './rotation.js'
import type { SessionRecords } from './session-records.js'

/**
 * How long the end of an issuer's session is kept, milliseconds: 90 days. Nobody tells how long the access tokens of an
 * issuer live, but they live shorter.
 */
const SESSION_END_KEPT = 90 * 86_400_000

/** What a logout token of an issuer says, after it was verified. `iat` and `exp` are seconds. */
export interface IssuerLogout {
  readonly jti: string
  readonly iat: number
  readonly exp: number
  readonly sub?: string | undefined
  readonly sid?: string | undefined
}

type EndedSession = IssuerRevoked & { readonly sid: string }

/** Ends tokens, sessions and subjects of issuers in the store, and checks whether tokens of issuers have ended. */
export class IssuerSessions {
  readonly #operations: StoreOperations
  readonly #config: Config
  readonly #events: Events
  /** The keys of a token, because three hashes take longer than the rest of the check. */
  readonly #keys = new WeakMap<TokenPayload, readonly string[]>()

  constructor(operations: StoreOperations, config: Config, events: Events) {
    this.#operations = operations
    this.#config = config
    this.#events = events
  }

  /**
   * Checks that a token has not ended: neither itself, nor its session, nor all tokens of its subject.
   * @returns when the token ends.
   * @throws RevokedTokenError, StoreUnavailableError.
   */
  check(issuer: string, token: TokenPayload, name: 'check' | 'watch' = 'check'): Promise<LoginEnd> {
    return this.#operations.run(name, async records => {
      const [subject, ...ends] = await records.get(this.#keysOf(issuer, token))
      if (ends.some(record.isEnded) || record.isCutOffByIssuer(token, record.parseIssuerSubject(subject))) {
        throw revokedBecause('issuerLoginEnded')
      }
      return { endsAt: token.exp * 1000 }
    })
  }

  /** Whether a token has neither expired nor ended. @throws StoreUnavailableError, RevokedTokenError. */
  async isLive(issuer: string, token: TokenPayload): Promise<boolean> {
    await this.check(issuer, token)
    return !isExpired(token, this.#config)
  }

  /** Ends one token. Does nothing if it has ended before. @throws StoreUnavailableError */
  async revoke(issuer: string, token: TokenPayload): Promise<void> {
    const { sub, jti } = token
    const now = this.#config.now()
    // A token without `iat` has `iat` 0.
    const times = { iat: token.iat === 0 ? now / 1000 : token.iat, exp: token.exp }
    const keptUntil = tokenKeptUntil(times, now, this.#config)
    await this.#operations.run('revoke', records =>
      this.#end(records, record.issuerKey('token', issuer, jti), keptUntil, { issuer, sub, jti }),
    )
  }

  /** Ends one session of the issuer. Resolves to false if it has ended before. @throws StoreUnavailableError */
  revokeSession(issuer: string, sid: string): Promise<boolean> {
    return this.#operations.run('revokeSession', records => this.#endSession(records, { issuer, sid }))
  }

  /** Ends all tokens of a subject that the issuer has issued until now. @throws StoreUnavailableError */
  async revokeAll(issuer: string, sub: string): Promise<void> {
    await this.#operations.run('revokeAll', records =>
      this.#cutOff(records, issuer, sub, { cutoff: this.#config.now() }),
    )
  }

  /**
   * Whether a logout token was used before.
   * @throws StoreUnavailableError
   */
  isUsed(issuer: string, { jti }: IssuerLogout): Promise<boolean> {
    return this.#operations.run('logout', async records => {
      const [used] = await records.get([record.issuerKey('logout', issuer, jti)])
      return record.isEnded(used)
    })
  }

  /**
   * Ends what a logout token names: its session; without a `sid`, all tokens of its subject that the issuer has issued
   * until then. With both it also ends the subject's tokens that name no session. Cut-offs are times of the issuer's
   * clock, because it has written the `iat` of the tokens too.
   * @throws StoreUnavailableError
   */
  async logout(issuer: string, { iat, sub, sid }: IssuerLogout): Promise<void> {
    const until = iat * 1000
    await this.#operations.run('logout', async records => {
      if (sid === undefined) await this.#cutOff(records, issuer, String(sub), { cutoff: until })
      else if (sub === undefined) await this.#endSession(records, { issuer, sid })
      else await this.#endSessionOf(records, { issuer, sid, sub }, until)
    })
  }

  /**
   * Ends a session, and its subject's tokens without a session that were issued until a time (milliseconds). One event
   * is emitted, after both writes: it makes every stream that depends on such a token ask the store.
   */
  async #endSessionOf(
    records: SessionRecords,
    ended: EndedSession & { readonly sub: string },
    until: number,
  ): Promise<void> {
    const change = { cutoffWithoutSid: until }
    const hasMoved = await this.#cutOff(records, ended.issuer, ended.sub, change, isSure => {
      if (!isSure) this.#tell(ended, false)
    })
    const hasEnded = await this.#endSession(records, ended)
    if (hasMoved && !hasEnded) this.#tell(ended, true)
  }

  /** Remembers that a logout token was used. It is written last: until then, the issuer may send the token again. */
  async markUsed(issuer: string, { jti, exp }: IssuerLogout): Promise<void> {
    const key = record.issuerKey('logout', issuer, jti)
    const now = this.#config.now()
    const keptUntil = Math.max(exp * 1000, now) + KEPT_AFTER_EXP
    await this.#operations.run('logout', records => records.compareAndSet(key, undefined, TOMBSTONE, keptUntil))
  }

  #endSession(records: SessionRecords, ended: EndedSession): Promise<boolean> {
    const key = record.issuerKey('session', ended.issuer, ended.sid)
    return this.#end(records, key, this.#config.now() + SESSION_END_KEPT, ended)
  }

  /** Writes that a token or a session has ended. Resolves to false if it has ended before. */
  async #end(records: SessionRecords, key: string, keptUntil: number, event: IssuerRevoked): Promise<boolean> {
    for (;;) {
      const [before] = await records.get([key])
      if (record.isEnded(before)) return false
      const write = () => records.compareAndSet(key, undefined, TOMBSTONE, keptUntil)
      if (await records.telling(isSure => this.#tell(event, isSure), write)) return true
    }
  }

  /** Moves the cut-off of a subject. Resolves to false if it was there before. */
  async #cutOff(
    records: SessionRecords,
    issuer: string,
    sub: string,
    change: Partial<record.IssuerSubject>,
    tell = (isSure: boolean) => this.#tell({ issuer, sub }, isSure),
  ): Promise<boolean> {
    const key = record.issuerKey('subject', issuer, sub)
    for (;;) {
      const [raw] = await records.get([key])
      const next = JSON.stringify(record.cutLater(record.parseIssuerSubject(raw), change))
      if (next === raw) return false
      const write = () => records.compareAndSet(key, raw, next, this.#config.now() + CUTOFF_KEPT)
      if (await records.telling(tell, write)) return true
    }
  }

  #tell(event: IssuerRevoked, isSure: boolean): void {
    this.#events.emit('issuerRevoked', { ...event, ...(isSure ? {} : { unconfirmed: true }) })
  }

  #keysOf(issuer: string, token: TokenPayload): readonly string[] {
    const known = this.#keys.get(token)
    if (known) return known
    const { sub, jti, sid } = token
    const keys = [record.issuerKey('subject', issuer, sub), record.issuerKey('token', issuer, jti)]
    if (sid !== undefined) keys.push(record.issuerKey('session', issuer, sid))
    // The application can change its own payloads. Payloads of koa-authx are frozen.
    if (Object.isFrozen(token)) this.#keys.set(token, keys)
    return keys
  }
}
