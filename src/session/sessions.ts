import type { Config } from '../config/table.js'
import { StoreUnavailableError } from '../errors.js'
import type { Deadline } from '../time/deadline.js'
import { checkOwn, isOwn } from '../token/own.js'
import type { TokenPayload } from '../token/payload.js'
import { isExpired } from '../token/verify.js'
import { activityAt } from './activity.js'
import { Ending } from './ending.js'
import type { Events } from './events.js'
import { confirmed } from './lineage.js'
import { type Session, type SessionList, toSession } from './listing.js'
import type { StoreOperations } from './operations.js'
import type { SessionRecord } from './record.js'
import { isAnyReplaced, markReplaced, NOTHING_REPLACED, type Replaced } from './replaced.js'
import { reusedBecause, revokedBecause } from './revoked.js'
import { type Exchange, type Mint, type Plan, Rotator } from './rotate.js'
import * as rotation from './rotation.js'
import { SessionLists } from './session-lists.js'
import type { LoadedRecord, SessionRecords } from './session-records.js'
import { storedType } from './stored-type.js'

/**
 * Sessions and revocation. Only this class and `SessionLists` use the store. Every method is one operation with one
 * deadline, except `rotate`: it can be several operations, with a new deadline after the application was asked
 * (`prepare`).
 */
export class Sessions {
  readonly #operations: StoreOperations
  readonly #config: Config
  readonly #events: Events
  readonly #lists: SessionLists
  readonly #ending: Ending
  readonly #rotator: Rotator

  constructor(operations: StoreOperations, config: Config, events: Events) {
    this.#operations = operations
    this.#config = config
    this.#events = events
    this.#lists = new SessionLists(operations.store, config, (records, sid, sub) =>
      this.#ending.session(records, sid, sub),
    )
    this.#ending = new Ending(config, events, (owner, ended) => this.#lists.forget(owner, ended))
    this.#rotator = new Rotator(config, events, this.#ending)
  }

  /**
   * Writes the record of a new session, then adds the session to the subject's list. With `maxSessions` this ends the
   * oldest sessions beyond it, or refuses the new one (`tooManySessions`). The sessions of `replaced` end when the new
   * record is in the store, and before the limit is applied: they do not count. If one cannot be ended, the new session
   * ends too, and the promise rejects.
   * @throws StoreUnavailableError, TooManySessionsError
   */
  async open(sid: string, draft: Omit<SessionRecord, 'cutoff'>, replaced: Replaced = NOTHING_REPLACED): Promise<void> {
    const deadline = this.#operations.deadline()
    const { sub, device, context } = draft
    let isTold = false
    const tell = () => {
      if (!isTold) this.#events.emit('issued', { sid, sub, device, ...(context && { context }) })
      isTold = true
    }
    await this.#operations.run(
      'open',
      async records => {
        await this.#lists.checkRoom(draft, new Set(replaced.ended.map(rotation.idOf)))
        const { cutoff } = await records.subject(draft.sub, draft.loginType)
        if (!(await records.write(sid, undefined, { ...draft, cutoff })))
          throw new StoreUnavailableError({ cause: new Error('the store already contains the new session') })
        await this.#replace(records, replaced).catch(error => {
          this.#discard(sid, sub, isTold)
          throw error
        })
        // `issued` is emitted before a login at the same moment can end the session, so listeners get `revoked` after
        // `issued`.
        await this.#lists.add({ sid, record: draft, isLogin: true, listed: tell }, deadline).catch(error => {
          if (this.#config.maxSessions !== undefined) this.#discard(sid, sub, isTold)
          throw error
        })
      },
      deadline,
    )
    tell()
  }

  /** The marks are written first: who finds that a session has ended also finds its mark. */
  async #replace(records: SessionRecords, { presented, ended }: Replaced): Promise<void> {
    await markReplaced(records, presented.map(rotation.idOf), this.#config.now())
    await Promise.all(ended.map(token => this.#ending.replaced(records, token)))
  }

  /**
   * Whether a login has just replaced the cookies of one of these sessions (or tokens without a session).
   * @throws StoreUnavailableError
   */
  isReplaced(ids: readonly string[]): Promise<boolean> {
    return this.#operations.run('check', records => isAnyReplaced(records, ids, this.#config.now()))
  }

  /**
   * Ends the session of a login that failed, in the background. Nobody has its tokens, but it counts for `maxSessions`
   * until it has ended.
   */
  #discard(sid: string, sub: string, isTold: boolean): void {
    const records = this.#operations.records()
    this.#ending.failedLogin(records, sid, isTold ? this.#ending.revoked(sid, sub) : silent).catch(() => {})
  }

  /**
   * Checks a verified token against its session and its subject's cut-off. The first check of an access token after a
   * refresh also writes that the client has received the new tokens. `'watch'` writes nothing: the server watches a
   * stream, and this does not show that the client has received anything.
   * @returns when the login of the token ends.
   * @throws RevokedTokenError; ReusedTokenError for a used-up refresh token, and for a voided access token, whose session
   * is revoked first (except with `'watch'`); StoreUnavailableError.
   */
  check(token: TokenPayload, name: 'check' | 'watch' = 'check'): Promise<rotation.LoginEnd> {
    return this.#operations.run(name, async records => {
      for (;;) {
        const known = await records.known(token)
        const assessment = rotation.assess(token, known, this.#config.now(), this.#config)
        const { outcome } = assessment
        if (outcome === 'revoked') throw revokedBecause(assessment.reason)
        if (outcome === 'reuse') {
          if (name === 'watch') throw reusedBecause(token)
          await this.#refuseReused(records, token, known)
        } else if (
          outcome === 'good' ||
          name === 'watch' ||
          (await this.#confirm(records, token, known, assessment.record))
        ) {
          if (outcome === 'good' && name === 'check') this.#touch(records, token, known)
          return rotation.endOf(token, known, this.#config)
        }
      }
    })
  }

  /**
   * Refuses a token whose use is reuse: a used-up or voided refresh token, or a voided access token. Only an access
   * token that a configured key has signed ends the session. A guard for refresh tokens changes nothing: `refresh` ends
   * the session.
   */
  #refuseReused(records: SessionRecords, token: TokenPayload, known: LoadedRecord): void | Promise<void> {
    if (token.type === 'refresh' || !isOwn(token)) throw reusedBecause(token)
    return this.#rotator.endReused(records, token, known)
  }

  /**
   * Confirms the current generation: writes that the client has received the tokens of this generation. The guard waits
   * for the write, so that no recovery voids tokens that a guard has accepted. Does nothing for a token that only a key
   * from `getKey` has signed. Resolves to false after a conflict with another write.
   */
  async #confirm(
    records: SessionRecords,
    token: TokenPayload,
    { raw }: LoadedRecord,
    record: SessionRecord,
  ): Promise<boolean> {
    if (!isOwn(token)) return true
    const next = confirmed(record)
    const tracks = this.#config.sessionTracking && this.#config.sessionUpdateLastActive
    const now = this.#config.now()
    return records.write(rotation.idOf(token), raw, tracks ? { ...next, ...activityAt(record, now) } : next)
  }

  /**
   * Whether the session of a token is live, even if the token has expired or is used up. For a token without a session:
   * whether the token is valid.
   * @throws StoreUnavailableError
   */
  isLive(token: TokenPayload): Promise<boolean> {
    return this.#operations.run('check', async records => {
      const known = await records.known(token)
      const now = this.#config.now()
      if (known.record !== undefined || token.sid !== undefined) {
        return rotation.acceptedRecord(rotation.ownerOf(token, this.#config), known, now, this.#config) !== undefined
      }
      return !isExpired(token, this.#config) && rotation.assess(token, known, now, this.#config).outcome === 'good'
    })
  }

  /**
   * Answers a refresh: a rotation, a replay or a recovery. `prepare` and `mint` are called before anything is written:
   * if one of them throws, nothing changes.
   * @throws RevokedTokenError, ReusedTokenError (after revoking the session), StoreUnavailableError.
   */
  async rotate<T>(exchange: Exchange<T>, first: Deadline = this.#operations.deadline()): Promise<T> {
    const { token, prepare } = exchange
    let [plan, arrivedAt, deadline]: [Plan | undefined, number | undefined, Deadline] = [undefined, undefined, first]
    if (prepare) {
      const before = await this.#operations.run('rotate', records => this.#rotator.plan(records, token), deadline)
      await prepare(rotation.isTombstone(before.known.record) ? undefined : before.known.record)
      // The time that the application took must not shorten the `storeTimeout` of the write.
      deadline = this.#operations.deadline()
      arrivedAt = before.now
      plan = this.#rotator.resumed(before)
    }
    const { minted, tell, opened } = await this.#operations.run(
      'rotate',
      async records => {
        for (;;) {
          const exchanged = await this.#rotator.exchange(
            records,
            exchange,
            plan ?? (await this.#rotator.plan(records, token, arrivedAt)),
          )
          if (exchanged) return exchanged
          plan = undefined
        }
      },
      deadline,
    )
    tell()
    const sid = rotation.idOf(token)
    if (opened) await this.#operations.run('rotate', () => this.#lists.add({ sid, record: opened }, deadline), deadline)
    return minted
  }

  /**
   * Stores in the session of an access token that the user has just given credentials again, by the methods `amr`.
   * `mint` makes the new access token from the new record. It is called before anything is written: if it throws,
   * nothing changes.
   * @throws RevokedTokenError, ReusedTokenError (after revoking the session), StoreUnavailableError.
   */
  reauthenticate<T extends object>(token: TokenPayload, amr: readonly string[], mint: Mint<T>): Promise<T> {
    return this.#operations.run('reauthenticate', async records => {
      for (;;) {
        const minted = await this.#rotator.reauthenticate(records, token, amr, mint)
        if (minted) return minted
      }
    })
  }

  /**
   * Revokes the session of a token, or the token if it has no session. Does nothing if the session or the token was
   * revoked before.
   * @throws TokenInvalidSignatureError if a session would end, but only a key from `getKey` has signed the token.
   * @throws StoreUnavailableError
   */
  async revoke(token: TokenPayload): Promise<void> {
    if (token.sid !== undefined) checkOwn(token)
    await this.#operations.run('revoke', records => this.#ending.token(records, token))
  }

  /**
   * Revokes a session by its id; with `sub`, only if it belongs to this subject. Resolves to whether a session was
   * revoked: one that is in the store and was not revoked before, even if it has expired by the clock of this server.
   */
  async revokeSession(sid: string, sub?: string): Promise<boolean> {
    return this.#operations.run('revokeSession', records => this.#ending.session(records, sid, sub))
  }

  /**
   * Moves the subject's cut-off to now: revokes all sessions whose login began earlier, except the session `except`.
   * `except` has no effect if that session was already revoked.
   */
  async revokeAll(sub: string, except?: string): Promise<void> {
    await this.#operations.run('revokeAll', records => this.#ending.all(records, sub, except))
  }

  /** The live sessions of a subject, the most recently active first. */
  async list(sub: string): Promise<SessionList> {
    return this.#operations.run('list', () => this.#lists.of(sub))
  }

  /** The live session with this id; `undefined` if it has ended or does not exist. */
  async find(sid: string): Promise<Session | undefined> {
    const loginType = storedType(this.#config)
    return this.#operations.run('find', async records => {
      const { record } = await records.session(sid)
      if (record === undefined || rotation.isTombstone(record)) return undefined
      const subject = await records.subject(record.sub, loginType)
      return toSession({ id: sid, sub: record.sub, loginType }, { record, subject }, this.#config.now(), this.#config)
    })
  }

  /** Writes `lastActiveAt`, at most once a minute. No request waits for the write, and its errors are ignored. */
  #touch(records: SessionRecords, token: TokenPayload, { record, raw }: LoadedRecord): void {
    const { sessionTracking, sessionUpdateLastActive, now } = this.#config
    if (!sessionTracking || !sessionUpdateLastActive || record === undefined || rotation.isTombstone(record)) return
    if (now() - record.lastActiveAt < 60_000 || !isOwn(token)) return
    void records.write(rotation.idOf(token), raw, { ...record, ...activityAt(record, now()) }).catch(() => {})
  }
}

const silent = () => {}
