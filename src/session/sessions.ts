import { randomUUID } from 'node:crypto'
import type { Duration } from '../config/duration.js'
import type { Config } from '../config/table.js'
import { ReusedTokenError, RevokedTokenError, StoreUnavailableError } from '../errors.js'
import type { TokenStore } from '../store.js'
import { timeOf, usesCookies } from '../token/claims.js'
import type { TokenPayload } from '../token/payload.js'
import { Asker, orUnavailable } from './asker.js'
import { type Deadline, within } from './deadline.js'
import type { Events } from './events.js'
import { list, listed } from './listing.js'
import {
  CUTOFF_KEPT,
  type Device,
  KEPT_AFTER_EXP,
  parseSession,
  parseSubject,
  type SessionRecord,
  type SubjectRecord,
  sessionKey,
  subjectKey,
  TOMBSTONE,
} from './record.js'
import * as rotation from './rotation.js'

/** One login, as the application sees it. */
export interface Session {
  sid: string
  sub: string
  createdAt: Date
  /** The login, the last refresh or, with `sessionTracking`, the last guarded request; exact to a minute. */
  lastActiveAt: Date
  /** The absolute end; the session ends earlier if it is not refreshed. */
  expiresAt: Date
  device: Device
}

/** The access token's times, seconds. */
export interface AccessTimes {
  iat: number
  exp: number
}

/** Makes the tokens that a record describes. */
export type Mint<T> = (sid: string, record: SessionRecord, times: AccessTimes) => T

/** Sessions and revocation: the only caller of the store. Every method is one operation with one deadline. */
export class Sessions {
  readonly #asker: Asker
  readonly #config: Config
  readonly #events: Events

  constructor(store: TokenStore, config: Config, events: Events) {
    this.#asker = new Asker(store, config.now)
    this.#config = config
    this.#events = events
  }

  /** Write the record of a new session, then list it. */
  async open(sid: string, draft: Omit<SessionRecord, 'cutoff'>): Promise<void> {
    const deadline = await this.#operation('open', async deadline => {
      const [value] = await this.#asker.get([subjectKey(draft.sub, this.#config)])
      const { cutoff } = await orUnavailable(() => parseSubject(value))
      if (!(await this.#write(sid, undefined, { ...draft, cutoff }))) {
        throw new StoreUnavailableError({ cause: new Error('the new session is in the store already') })
      }
      return deadline
    })
    await this.#list(sid, draft, deadline)
  }

  /**
   * Judge a verified token by its session and its subject's cut-off.
   * @returns the end (milliseconds) of what the token belongs to.
   * @throws RevokedTokenError, ReusedTokenError (for a refresh token that has been used up), StoreUnavailableError.
   */
  async check(token: TokenPayload): Promise<number> {
    return this.#operation('check', async () => {
      const { state, raw } = await this.#read(token)
      const judgement = rotation.assess(token, state, this.#config.now(), this.#config)
      if (judgement === 'reuse') throw new ReusedTokenError()
      if (judgement === 'revoked') throw new RevokedTokenError()
      this.#touch(token, state.record, raw)
      const { expiresAt, keptUntil } = rotation.recordBefore(token, state, this.#config)
      return Math.min(expiresAt, keptUntil)
    })
  }

  /**
   * Use a refresh token up. `mint` makes the tokens of the record that it is given; it is called before anything is
   * written, and its failure leaves everything as it was.
   * @throws RevokedTokenError, ReusedTokenError (the session has been revoked then), StoreUnavailableError.
   */
  async rotate<T>(token: TokenPayload, accessExpiry: Duration | Date | undefined, mint: Mint<T>): Promise<T> {
    const rotated = await this.#operation('rotate', async deadline => {
      while (!deadline.over()) {
        const attempt = await this.#tryToRotate(token, accessExpiry, mint)
        if (attempt) return { ...attempt, deadline }
      }
      throw new StoreUnavailableError()
    })
    if (rotated.opened) await this.#list(rotation.idOf(token), rotated.opened, rotated.deadline)
    return rotated.minted
  }

  /** One read, one decision, one write; `undefined` if somebody else wrote in between. */
  async #tryToRotate<T>(
    token: TokenPayload,
    accessExpiry: Duration | Date | undefined,
    mint: Mint<T>,
  ): Promise<{ minted: T; opened?: SessionRecord } | undefined> {
    const sid = rotation.idOf(token)
    const now = this.#config.now()
    const { state, raw } = await this.#read(token)
    const decision = rotation.decide(token, state, now, this.#config)
    if (decision.outcome === 'revoked') throw new RevokedTokenError()
    if (decision.outcome === 'reuse') return this.#endReused(sid, raw, decision.record)
    if (decision.outcome === 'replay') {
      return { minted: mint(sid, decision.record, this.#times(decision.record, accessExpiry, now)) }
    }

    const times = this.#times(rotation.recordBefore(token, state, this.#config), accessExpiry, now)
    const change = { gen: decision.gen, jti: randomUUID(), accessExp: times.exp, now }
    const record = this.#withCsrf(token, rotation.successor(token, state, change, this.#config))
    const minted = mint(sid, record, times)
    if (!(await this.#write(sid, raw, record))) return undefined
    if (decision.rollback) this.#events.emit('storeRollback', { sid, sub: token.sub })
    return raw === undefined ? { minted, opened: record } : { minted }
  }

  async #endReused(sid: string, raw: string | undefined, record: SessionRecord): Promise<undefined> {
    if (!(await this.#bury(sid, raw, record.keptUntil))) return undefined
    this.#events.emit('reuse', { sid, sub: record.sub })
    throw new ReusedTokenError()
  }

  /** End what the token belongs to: its session, or the token alone if it names none. Done already is done. */
  async revoke(token: TokenPayload): Promise<void> {
    const sid = rotation.idOf(token)
    await this.#operation('revoke', async deadline => {
      while (!deadline.over()) {
        const { record, raw } = await this.#readSession(sid)
        if (rotation.isTombstone(record)) return
        if (record === undefined && token.sid !== undefined) return
        if (record !== undefined && record.sub !== token.sub) return
        const keptUntil = Math.max(record?.keptUntil ?? 0, this.#ownEnd(token))
        if (keptUntil <= this.#config.now()) return
        if (await this.#bury(sid, raw, keptUntil)) return this.#events.emit('revoked', { sid, sub: token.sub })
      }
      throw new StoreUnavailableError()
    })
  }

  /** End a session by its id; with `sub`, only if it is that subject's. Resolves to whether one was ended. */
  async revokeSession(sid: string, sub?: string): Promise<boolean> {
    return this.#operation('revokeSession', async deadline => {
      while (!deadline.over()) {
        const { record, raw } = await this.#readSession(sid)
        if (record === undefined || rotation.isTombstone(record)) return false
        if (sub !== undefined && record.sub !== sub) return false
        if (!(await this.#bury(sid, raw, record.keptUntil))) continue
        this.#events.emit('revoked', { sid, sub: record.sub })
        return true
      }
      throw new StoreUnavailableError()
    })
  }

  /** Move the subject's cut-off: every session whose login began before is dead, but for `except` if that one is live. */
  async revokeAll(sub: string, except?: string): Promise<void> {
    const key = subjectKey(sub, this.#config)
    await this.#operation('revokeAll', async deadline => {
      while (!deadline.over()) {
        const now = this.#config.now()
        const [raw, spared] = await this.#asker.get(except === undefined ? [key] : [key, sessionKey(except)])
        const known = await orUnavailable(() => ({ subject: parseSubject(raw), record: parseSession(spared) }))
        // A session that an earlier cut-off ended must not come back by being named now.
        const live = except !== undefined && rotation.liveRecord(except, sub, known, now) !== undefined
        const next: SubjectRecord = { cutoff: Math.max(now, known.subject.cutoff + 1), ...(live && { except }) }
        if (!(await this.#asker.compareAndSet(key, raw, JSON.stringify(next), now + CUTOFF_KEPT))) continue
        return this.#events.emit('allRevoked', { sub, ...(live && { except }) })
      }
      throw new StoreUnavailableError()
    })
  }

  /** The live sessions of a subject, the most recently active first. */
  async list(sub: string): Promise<Session[]> {
    return this.#operation('list', async () => {
      const sids = await listed(this.#asker, sub, this.#config)
      const [subjectValue, ...values] = await this.#asker.get([subjectKey(sub, this.#config), ...sids.map(sessionKey)])
      const subject = await orUnavailable(() => parseSubject(subjectValue))
      const records = await orUnavailable(() => values.map(parseSession))
      const now = this.#config.now()
      return sids
        .map((sid, n) => toSession(sid, rotation.liveRecord(sid, sub, { record: records[n], subject }, now)))
        .filter(session => session !== undefined)
        .sort((a, b) => b.lastActiveAt.getTime() - a.lastActiveAt.getTime())
    })
  }

  async find(sid: string): Promise<Session | undefined> {
    return this.#operation('find', async () => {
      const { record } = await this.#readSession(sid)
      if (record === undefined || rotation.isTombstone(record)) return undefined
      const [value] = await this.#asker.get([subjectKey(record.sub, this.#config)])
      const subject = await orUnavailable(() => parseSubject(value))
      return toSession(sid, rotation.liveRecord(sid, record.sub, { record, subject }, this.#config.now()))
    })
  }

  async #operation<T>(operation: string, run: (deadline: Deadline) => Promise<T>): Promise<T> {
    try {
      return await within(this.#config.storeTimeout, run)
    } catch (error) {
      if (error instanceof StoreUnavailableError) this.#events.emit('storeError', { operation, error })
      throw error
    }
  }

  async #read(token: TokenPayload): Promise<{ state: rotation.Known; raw: string | undefined }> {
    const [raw, subject] = await this.#asker.get([
      sessionKey(rotation.idOf(token)),
      subjectKey(token.sub, this.#config),
    ])
    const state = await orUnavailable(() => ({ record: parseSession(raw), subject: parseSubject(subject) }))
    return { state, raw }
  }

  async #readSession(sid: string): Promise<{ record: rotation.Known['record']; raw: string | undefined }> {
    const [raw] = await this.#asker.get([sessionKey(sid)])
    return { record: await orUnavailable(() => parseSession(raw)), raw }
  }

  #write(sid: string, raw: string | undefined, record: SessionRecord): Promise<boolean> {
    return this.#asker.compareAndSet(sessionKey(sid), raw, JSON.stringify(record), record.keptUntil)
  }

  /** Put a tombstone in the place of what was read. */
  #bury(sid: string, raw: string | undefined, keptUntil: number): Promise<boolean> {
    return this.#asker.compareAndSet(
      sessionKey(sid),
      raw,
      TOMBSTONE,
      Math.max(keptUntil, this.#config.now() + KEPT_AFTER_EXP),
    )
  }

  /** Until when a token has to be refused that is revoked by itself: longer if it could open a session or be renewed. */
  #ownEnd({ type, sid, csrf, iat, exp }: TokenPayload): number {
    const livesOn = sid === undefined && (type === 'refresh' || Boolean(csrf))
    return rotation.keptUntilAfter(exp, livesOn ? iat + this.#config.sessionExpires : 0)
  }

  #times(record: SessionRecord, expiry: Duration | Date | undefined, now: number): AccessTimes {
    const exp = timeOf('expiry', expiry === undefined ? this.#config.accessTokenExpires : expiry, now)
    return { iat: Math.floor(now / 1000), exp: Math.min(exp, Math.floor(record.expiresAt / 1000)) }
  }

  #withCsrf(token: TokenPayload, record: SessionRecord): SessionRecord {
    return usesCookies(this.#config) && !token.csrf ? { ...record, csrf: record.csrf ?? randomUUID() } : record
  }

  /** Write `lastActiveAt`, at most once a minute. Nobody waits for it and nobody misses it. */
  #touch(token: TokenPayload, record: rotation.Known['record'], raw: string | undefined): void {
    const { sessionTracking, sessionUpdateLastActive, now } = this.#config
    if (!sessionTracking || !sessionUpdateLastActive || record === undefined || rotation.isTombstone(record)) return
    if (now() - record.lastActiveAt < 60_000) return
    void this.#write(rotation.idOf(token), raw, { ...record, lastActiveAt: now() }).catch(() => {})
  }

  #list(sid: string, record: Pick<SessionRecord, 'sub' | 'expiresAt'>, deadline: Deadline): Promise<void> {
    return list(this.#asker, { sid, sub: record.sub, end: record.expiresAt }, this.#config, deadline)
  }
}

function toSession(sid: string, record: SessionRecord | undefined): Session | undefined {
  if (!record) return undefined
  const { sub, createdAt, lastActiveAt, expiresAt, device } = record
  return {
    sid,
    sub,
    createdAt: new Date(createdAt),
    lastActiveAt: new Date(lastActiveAt),
    expiresAt: new Date(expiresAt),
    device,
  }
}
