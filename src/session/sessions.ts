import { randomUUID } from 'node:crypto'
import type { Duration } from '../config/duration.js'
import type { Config } from '../config/table.js'
import { ReusedTokenError, StoreUnavailableError } from '../errors.js'
import { warnOnce } from '../request/warn.js'
import type { TokenStore } from '../store.js'
import { Deadline, withDeadline } from '../time/deadline.js'
import { timeOf, usesCookies } from '../token/claims.js'
import { checkOwn, isOwn } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { isExpired } from '../token/verify.js'
import { isTraced, traced } from '../tracing.js'
import { activityAt } from './activity.js'
import type { Events } from './events.js'
import { tokenKeptUntil, tombstoneKeptUntil } from './kept.js'
import { type Session, type SessionList, toSession } from './listing.js'
import {
  CUTOFF_KEPT,
  parseSession,
  parseSubject,
  type SessionRecord,
  type SubjectRecord,
  sessionKey,
  subjectKey,
} from './record.js'
import { revokedBecause } from './revoked.js'
import * as rotation from './rotation.js'
import { SessionLists } from './session-lists.js'
import { type LoadedRecord, SessionRecords } from './session-records.js'

/** The access token's times, seconds. */
export interface AccessTimes {
  iat: number
  exp: number
}

/** Makes the tokens that a record describes. */
export type Mint<T> = (sid: string, record: SessionRecord, times: AccessTimes) => T

interface Rotated<T> {
  readonly minted: T
  /** How many generations in a row have been replayed, if it was a replay. */
  readonly replays?: number
  /** The record, if the token named no session and this refresh has to list it. */
  readonly opened?: SessionRecord | undefined
}

/** Errors that came of a store that took its whole time. */
const late = new WeakSet<object>()

/** Whether the store let a deadline pass, as against having refused at once or answered something unreadable. */
export const isLate = (error: unknown) => error instanceof StoreUnavailableError && late.has(error)

/** Sessions and revocation: the only caller of the store. Every method is one operation with one deadline. */
export class Sessions {
  readonly #store: TokenStore
  readonly #config: Config
  readonly #events: Events
  readonly #lists: SessionLists
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(store: TokenStore, config: Config, events: Events) {
    this.#store = store
    this.#config = config
    this.#events = events
    this.#lists = new SessionLists(store, config)
  }

  /** Write the record of a new session, then list it. */
  async open(sid: string, draft: Omit<SessionRecord, 'cutoff'>): Promise<void> {
    const deadline = this.#deadline()
    await this.#operation('open', deadline, async records => {
      const { cutoff } = await records.subject(draft.sub, draft.loginType)
      if (!(await records.write(sid, undefined, { ...draft, cutoff })))
        throw new StoreUnavailableError({ cause: new Error('the new session is in the store already') })
      await this.#lists.add(sid, draft, deadline)
    })
    this.#events.emit('issued', { sid, sub: draft.sub, device: draft.device })
  }

  /**
   * Check a verified token against its session and its subject's cut-off. `'watch'` does not update `lastActiveAt`.
   * @returns the end (milliseconds) of the token's session, or of the token if it has no session.
   * @throws RevokedTokenError, ReusedTokenError (for a refresh token that has been used up), StoreUnavailableError.
   */
  check(token: TokenPayload, name: 'check' | 'watch' = 'check'): Promise<number> {
    return this.#operation(name, this.#deadline(), async records => {
      const known = await records.known(token)
      const assessment = rotation.assess(token, known, this.#config.now(), this.#config)
      if (assessment.outcome === 'reuse') throw new ReusedTokenError()
      if (assessment.outcome === 'revoked') throw revokedBecause(assessment.reason)
      if (name === 'check') this.#touch(records, token, known)
      return rotation.endOf(token, known, this.#config)
    })
  }

  /**
   * Whether what a token belongs to goes on: its session, though the token has expired or been used up, or the token
   * alone if there is none. @throws StoreUnavailableError
   */
  isLive(token: TokenPayload): Promise<boolean> {
    return this.#operation('check', this.#deadline(), async records => {
      const known = await records.known(token)
      const now = this.#config.now()
      if (known.record !== undefined || token.sid !== undefined) {
        return rotation.acceptedRecord(rotation.ownerOf(token), known, now, this.#config) !== undefined
      }
      return !isExpired(token, this.#config) && rotation.assess(token, known, now, this.#config).outcome === 'good'
    })
  }

  /**
   * Use a refresh token up. `mint` makes the tokens of the record that it is given; it is called before anything is
   * written, and its failure leaves everything as it was.
   * @throws RevokedTokenError, ReusedTokenError (the session has been revoked then), StoreUnavailableError.
   */
  async rotate<T>(
    token: TokenPayload,
    accessExpiry: Duration | Date | undefined,
    mint: Mint<T>,
    deadline: Deadline = this.#deadline(),
  ): Promise<T> {
    const sid = rotation.idOf(token)
    const { minted, replays, opened } = await this.#operation('rotate', deadline, async records => {
      for (;;) {
        const rotated = await this.#tryToRotate(records, sid, token, accessExpiry, mint)
        if (rotated) return rotated
      }
    })
    if (replays === undefined) this.#events.emit('refreshed', { sid, sub: token.sub })
    else this.#events.emit('replayed', { sid, sub: token.sub, replays })
    if (opened) await this.#operation('rotate', deadline, () => this.#lists.add(sid, opened, deadline))
    return minted
  }

  /** One read, one decision, one write; `undefined` if somebody else wrote in between. */
  async #tryToRotate<T>(
    records: SessionRecords,
    sid: string,
    token: TokenPayload,
    accessExpiry: Duration | Date | undefined,
    mint: Mint<T>,
  ): Promise<Rotated<T> | undefined> {
    const known = await records.known(token)
    const now = this.#config.now()
    const decision = rotation.decide(token, known, now, this.#config)
    if (decision.outcome === 'revoked') throw revokedBecause(decision.reason)
    if (decision.outcome === 'reuse') return this.#endReused(records, sid, known, decision.record)
    if (decision.outcome === 'replay') {
      const { record, replays, isCounted } = decision
      // A replay adds nothing to the session's life.
      const end = Math.min(record.endsAt, record.expiresAt)
      const minted = mint(sid, record, this.#times(end, accessExpiry, now))
      if (!isCounted && !(await records.write(sid, known.raw, record))) return undefined
      // The refresh that came first may have failed to list the session.
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

  /**
   * End what the token belongs to: its session, or the token alone if it names none. Done already is done.
   * @throws TokenInvalidSignatureError if the token would end a session and no configured key has signed it.
   */
  async revoke(token: TokenPayload): Promise<void> {
    const sid = rotation.idOf(token)
    if (token.sid !== undefined) checkOwn(token)
    await this.#operation('revoke', this.#deadline(), async records => {
      for (;;) {
        const read = await records.session(sid)
        const { record } = read
        if (rotation.isTombstone(record)) return
        if (record === undefined && token.sid !== undefined) return
        if (record !== undefined && !rotation.isOf(record, token)) return
        if (record !== undefined) checkOwn(token)
        const { now } = this.#config
        // Judged is not whether the token has expired: it may be good for others, if this server's clock is ahead.
        const keptUntil = token.sid === undefined ? tokenKeptUntil(token, now(), this.#config) : 0
        if (await this.#bury(records, sid, read, this.#telling(sid, token.sub), keptUntil)) return
      }
    })
  }

  #telling(sid: string, sub: string): (isSure: boolean) => void {
    return isSure => this.#events.emit('revoked', { sid, sub, ...confirmed(isSure) })
  }

  /** Put a tombstone in the place of what was read, and tell of it; take a session out of the list. */
  async #bury(
    records: SessionRecords,
    sid: string,
    { record, raw }: LoadedRecord,
    tell: (isSure: boolean) => void,
    keptUntil = 0,
  ): Promise<boolean> {
    const session = rotation.isTombstone(record) ? undefined : record
    const ofSession = session ? tombstoneKeptUntil(session, this.#config.now()) : 0
    const bury = () => records.bury(sid, raw, Math.max(keptUntil, ofSession))
    const isBuried = await records.telling(tell, bury)
    if (isBuried && session) this.#lists.forget(session, new Set([sid]))
    return isBuried
  }

  /**
   * End a session by its id; with `sub`, only if it is that subject's. Resolves to whether one was ended: one that the
   * store holds and nobody has ended, whatever the clock of this server says.
   */
  async revokeSession(sid: string, sub?: string): Promise<boolean> {
    const { loginType } = this.#config
    return this.#operation('revokeSession', this.#deadline(), async records => {
      for (;;) {
        const read = await records.session(sid)
        const { record } = read
        if (record === undefined || rotation.isTombstone(record)) return false
        const subject = await records.subject(record.sub, loginType)
        const owner = { id: sid, sub: sub ?? record.sub, loginType }
        if (!rotation.heldRecord(owner, { record, subject })) return false
        if (await this.#bury(records, sid, read, this.#telling(sid, record.sub))) return true
      }
    })
  }

  /**
   * Move the subject's cut-off: every session whose login began before is dead, but for `except`, if nobody has ended
   * that one.
   */
  async revokeAll(sub: string, except?: string): Promise<void> {
    const { loginType } = this.#config
    const key = subjectKey(sub, loginType)
    await this.#operation('revokeAll', this.#deadline(), async records => {
      for (;;) {
        const [raw, spared] = await records.get(except === undefined ? [key] : [key, sessionKey(except)])
        const known = { subject: parseSubject(raw), record: parseSession(spared) }
        const now = this.#config.now()
        // A session that an earlier cut-off ended must not come back by being named now.
        const held = except !== undefined && rotation.heldRecord({ id: except, sub, loginType }, known) !== undefined
        const next: SubjectRecord = { cutoff: Math.max(now, known.subject.cutoff + 1), ...(held && { except }) }
        const tell = (isSure: boolean) =>
          this.#events.emit('allRevoked', { sub, ...(held && { except }), ...confirmed(isSure) })
        const write = () => records.compareAndSet(key, raw, JSON.stringify(next), now + CUTOFF_KEPT)
        if (await records.telling(tell, write)) return
      }
    })
  }

  /** The live sessions of a subject, the most recently active first. */
  async list(sub: string): Promise<SessionList> {
    return this.#operation('list', this.#deadline(), () => this.#lists.of(sub))
  }

  /** A live session; `undefined` if it has ended or never was. */
  async find(sid: string): Promise<Session | undefined> {
    const { loginType, now } = this.#config
    return this.#operation('find', this.#deadline(), async records => {
      const { record } = await records.session(sid)
      if (record === undefined || rotation.isTombstone(record)) return undefined
      const subject = await records.subject(record.sub, loginType)
      return toSession({ id: sid, sub: record.sub, loginType }, { record, subject }, now(), this.#config)
    })
  }

  #operation<T>(name: string, deadline: Deadline, run: (records: SessionRecords) => Promise<T>): Promise<T> {
    const operate = () => this.#withinDeadline(name, deadline, run)
    return isTraced('store') ? traced('store', { operation: name }, operate) : operate()
  }

  #withinDeadline<T>(name: string, deadline: Deadline, run: (records: SessionRecords) => Promise<T>): Promise<T> {
    const operate = () => run(new SessionRecords(this.#store, this.#config.now, deadline))
    return withDeadline(deadline, operate).catch((error: unknown) => {
      if (error instanceof StoreUnavailableError) {
        if (deadline.over()) late.add(error)
        if (name !== 'watch' || this.#isNews()) this.#events.emit('storeError', { operation: name, error })
        if (!this.#events.isHeard('storeError')) warnAboutOutage()
      }
      throw error
    })
  }

  /** Of an outage, thousands of sockets that are watched tell once a second, not each by itself. */
  #isNews(): boolean {
    const now = performance.now()
    if (now - this.#toldAt < 1000) return false
    this.#toldAt = now
    return true
  }

  #deadline(): Deadline {
    return new Deadline(this.#config.storeTimeout)
  }

  /** Of a new access token; `end`: milliseconds. */
  #times(end: number, expiry: Duration | Date | undefined, now: number): AccessTimes {
    const exp = timeOf('expiry', expiry === undefined ? this.#config.accessTokenExpires : expiry, now)
    return { iat: Math.floor(now / 1000), exp: Math.min(exp, Math.floor(end / 1000)) }
  }

  #withCsrf(token: TokenPayload, record: SessionRecord): SessionRecord {
    return usesCookies(this.#config) && !token.csrf ? { ...record, csrf: record.csrf ?? randomUUID() } : record
  }

  /** Write `lastActiveAt`, at most once a minute. Nobody waits for it and nobody misses it. */
  #touch(records: SessionRecords, token: TokenPayload, { record, raw }: LoadedRecord): void {
    const { sessionTracking, sessionUpdateLastActive, now } = this.#config
    if (!sessionTracking || !sessionUpdateLastActive || record === undefined || rotation.isTombstone(record)) return
    if (now() - record.lastActiveAt < 60_000 || !isOwn(token)) return
    void records.write(rotation.idOf(token), raw, { ...record, ...activityAt(record, now()) }).catch(() => {})
  }
}

const confirmed = (isSure: boolean): { unconfirmed?: true } => (isSure ? {} : { unconfirmed: true })

/** Koa prints no causes, and the reason may hold what is not for every log. */
function warnAboutOutage(): void {
  warnOnce(
    'AUTHX_STORE_UNAVAILABLE',
    'The store gave no answer; what needs one is answered with 503 until it does. Is it running, is there a folder for ' +
      "its file, has it been closed? Why it was: authx.on('storeError', ({ error }) => console.error(error.cause))",
  )
}
