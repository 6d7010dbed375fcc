import type { Config } from '../config/table.js'
import type { TokenPayload } from '../token/payload.js'
import { activityAt } from './activity.js'
import * as lineage from './lineage.js'
import { KEPT_AFTER_EXP, ofLoginType, type SessionRecord, type SubjectRecord, type Tombstone } from './record.js'
import { type StoredTypeConfig, storedTypeOf } from './stored-type.js'

/**
 * The state machine of a session, as pure functions without store and clock. Times are milliseconds, except the claims
 * `iat` and `exp`, which are seconds.
 */

export type Presented = Pick<
  TokenPayload,
  'sub' | 'jti' | 'iat' | 'exp' | 'type' | 'login_type' | 'sid' | 'gen' | 'auth_time' | 'amr'
>

/** The options that the state machine uses. */
export type RotationConfig = lineage.ExchangeConfig & Pick<Config, 'sessionExpires'> & StoredTypeConfig

/** What the store contains about a token: the record of its session, and its subject's cut-off. */
export interface StoredState {
  readonly record: SessionRecord | Tombstone | undefined
  readonly subject: SubjectRecord
}

export type Decision =
  | Succession
  | Replay
  /** A voided token, or a used-up token that gets neither replay nor recovery, was presented: the session must end. */
  | { readonly outcome: 'reuse' }
  | { readonly outcome: 'revoked'; readonly reason: RevokedReason }

/**
 * The presented refresh token gets new tokens of generation `gen`. `rotate`: it is the current refresh token, and
 * becomes used up. `recover`: it is the predecessor, and the response with the current tokens was lost; the current
 * generation becomes voided.
 */
export interface Succession {
  readonly outcome: 'rotate' | 'recover'
  readonly gen: number
  /** Whether the presented token is one generation ahead of the store, because the store has lost a refresh. */
  readonly rollback: boolean
}

/** A used-up refresh token was presented again within the grace period. It gets the current tokens of the session. */
export interface Replay {
  readonly outcome: 'replay'
  /** The record with this replay counted. */
  readonly record: SessionRecord
  /** For how many generations in a row there was a replay, including the current one. */
  readonly replays: number
  /**
   * Whether the stored record already counts a replay of the current generation. Several replays of one generation
   * count once.
   */
  readonly isCounted: boolean
}

/** Why a token or its session is revoked. Reasons are checked in this order. */
export type RevokedReason =
  | 'unknownSession'
  | 'ended'
  | 'otherSubject'
  | 'otherLoginType'
  | 'cutOff'
  | 'pastEnd'
  | 'lastTokenExpired'
  | 'noGeneration'
  | 'aheadOfStore'

const revoked = (reason: RevokedReason) => ({ outcome: 'revoked', reason }) as const

/** The id of the token's record: its `sid`, or its `jti` if it has no session. */
export const idOf = ({ sid, jti }: Pick<Presented, 'sid' | 'jti'>) => sid ?? jti

export const isTombstone = (record: StoredState['record']): record is Tombstone =>
  record !== undefined && 'revoked' in record

/** The id of a session, and the subject and login type that its record must have. */
export interface Owner {
  readonly id: string
  readonly sub: string
  readonly loginType: string | undefined
}

/** Returns the owner that the record of a token's session must have. */
export const ownerOf = (token: Presented, config: StoredTypeConfig): Owner => ({
  id: idOf(token),
  sub: token.sub,
  loginType: storedTypeOf(token.login_type, config),
})

/** Whether a record has the subject and the login type of a token. */
export const isOf = (record: SessionRecord, token: Presented, config: StoredTypeConfig) =>
  whoseInstead(record, ownerOf(token, config)) === undefined

function whoseInstead(record: SessionRecord, owner: Owner): RevokedReason | undefined {
  if (record.sub !== owner.sub) return 'otherSubject'
  return record.loginType === owner.loginType ? undefined : 'otherLoginType'
}

/** The record of a session that was not revoked; otherwise the reason. */
function heldOrReason(owner: Owner, { record, subject }: StoredState): SessionRecord | RevokedReason {
  if (record === undefined) return 'unknownSession'
  if (isTombstone(record)) return 'ended'
  const stranger = whoseInstead(record, owner)
  if (stranger) return stranger
  return record.cutoff >= subject.cutoff || subject.except === owner.id ? record : 'cutOff'
}

/**
 * The record of a session that was not revoked; `undefined` if there is none. It uses no clock: a session that has
 * expired by the clock of this server can be live for other servers, so it must still be possible to revoke it.
 */
export function heldRecord(owner: Owner, known: StoredState): SessionRecord | undefined {
  const held = heldOrReason(owner, known)
  return typeof held === 'string' ? undefined : held
}

/**
 * Whether there is something to revoke: the session of a token has not been revoked, or the token has no session and is
 * valid.
 */
export function isRevocable(token: Presented, known: StoredState, now: number, config: RotationConfig): boolean {
  if (known.record !== undefined || token.sid !== undefined) {
    return heldRecord(ownerOf(token, config), known) !== undefined
  }
  return !isSpent({ endsAt: token.exp * 1000 }, now, config) && assess(token, known, now, config).outcome === 'good'
}

/**
 * Whether another call of `revokeAllSessions` has already done the work of this call.
 * @param before the subject's record when this call first read it. Every later cut-off revokes all sessions that
 * existed then.
 * @param now the subject's record now.
 * @param begun when this call began, milliseconds. The cut-off must not be earlier, so that it revokes tokens without a
 * session that were issued before the call.
 * @param except the session that this call must not revoke. The record must have the same one.
 */
export const isCutSince = (before: SubjectRecord, now: SubjectRecord, begun: number, except: string | undefined) =>
  now.cutoff > before.cutoff && now.cutoff >= begun && now.except === except

/** The record of a session that was not revoked and is not past its absolute end; otherwise the reason. */
function liveOrReason(owner: Owner, known: StoredState, now: number): SessionRecord | RevokedReason {
  const held = heldOrReason(owner, known)
  return typeof held !== 'string' && now >= held.expiresAt ? 'pastEnd' : held
}

/** Whether the last token that login or refresh issued has expired. The session has then ended by itself. */
const isSpent = ({ endsAt }: Pick<SessionRecord, 'endsAt'>, now: number, { decodeLeeway }: RotationConfig) =>
  now >= endsAt + decodeLeeway * 1000

function acceptedOrReason(owner: Owner, known: StoredState, now: number, config: RotationConfig) {
  const live = liveOrReason(owner, known, now)
  return typeof live !== 'string' && isSpent(live, now, config) ? 'lastTokenExpired' : live
}

/**
 * Returns the record of a session if guards accept the session's access tokens at `now` (milliseconds), otherwise
 * `undefined`. Lists show exactly the sessions that have such a record.
 */
export function acceptedRecord(
  owner: Owner,
  known: StoredState,
  now: number,
  config: RotationConfig,
): SessionRecord | undefined {
  const accepted = acceptedOrReason(owner, known, now, config)
  return typeof accepted === 'string' ? undefined : accepted
}

/**
 * The absolute end (milliseconds) of a session that begins with a token without a `sid`, when this token is first
 * refreshed.
 */
const ownEnd = ({ iat }: Presented, { sessionExpires }: RotationConfig) => (iat + sessionExpires) * 1000

const REUSE = { outcome: 'reuse' } as const

/** Decides the result of a refresh with `token`. */
export function decide(token: Presented, known: StoredState, now: number, config: RotationConfig): Decision {
  if (known.record === undefined && token.sid === undefined) {
    if (isCutOff(token, known.subject)) return revoked('cutOff')
    return now >= ownEnd(token, config) ? revoked('pastEnd') : { outcome: 'rotate', gen: 1, rollback: false }
  }
  const record = liveOrReason(ownerOf(token, config), known, now)
  if (typeof record === 'string') return revoked(record)
  const presented = token.sid === undefined ? 0 : token.gen
  if (presented === undefined) return revoked('noGeneration')
  if (presented > record.gen + 1) return revoked('aheadOfStore')
  if (presented === record.gen + 1) return { outcome: 'rotate', gen: presented + 1, rollback: true }
  if (presented === record.gen && token.jti === record.jti)
    return { outcome: 'rotate', gen: presented + 1, rollback: false }
  const exchangedAt = lineage.exchangedAt(record, presented)
  if (exchangedAt !== undefined && lineage.isInGrace(exchangedAt, now, config)) return replay(record)
  const isPredecessor = presented === lineage.lineageOf(record).from
  if (isPredecessor && lineage.isRecoverable(record, now, config)) {
    return { outcome: 'recover', gen: record.gen + 1, rollback: false }
  }
  return REUSE
}

/**
 * Decides the result of a refresh that has waited since `arrivedAt` (milliseconds) for the application. A used-up token
 * that arrived within its grace period is a replay, however long the application took.
 */
export function decideAfterWaiting(
  token: Presented,
  known: StoredState,
  { arrivedAt, now }: { arrivedAt: number; now: number },
  config: RotationConfig,
): Decision {
  const decision = decide(token, known, now, config)
  if (decision.outcome !== 'reuse' && decision.outcome !== 'recover') return decision
  const atArrival = decide(token, known, arrivedAt, config)
  return atArrival.outcome === 'replay' ? atArrival : decision
}

function replay(record: SessionRecord): Replay {
  const { replayed, gen } = record
  if (replayed?.gen === gen) return { outcome: 'replay', record, replays: replayed.inARow, isCounted: true }
  const replays = replayed?.gen === lineage.lineageOf(record).from ? replayed.inARow + 1 : 1
  return { outcome: 'replay', record: { ...record, replayed: { gen, inARow: replays } }, replays, isCounted: false }
}

/** The result of `assess`. `unconfirmed`: the token is valid, and its generation must now be confirmed in the store. */
export type Assessment =
  | { readonly outcome: 'good' }
  | { readonly outcome: 'unconfirmed'; readonly record: SessionRecord }
  | Extract<Decision, { outcome: 'reuse' | 'revoked' }>

const GOOD: Assessment = { outcome: 'good' }

/** Decides whether a guard accepts an access or refresh token, by what the store contains. */
export function assess(token: Presented, known: StoredState, now: number, config: RotationConfig): Assessment {
  if (token.type === 'refresh') {
    const decision = decide(token, known, now, config)
    return decision.outcome === 'reuse' || decision.outcome === 'revoked' ? decision : GOOD
  }
  if (token.sid === undefined && known.record === undefined) {
    return isCutOff(token, known.subject) ? revoked('cutOff') : GOOD
  }
  const record = acceptedOrReason(ownerOf(token, config), known, now, config)
  return typeof record === 'string' ? revoked(record) : assessGeneration(token, record, config)
}

/**
 * Checks the generation of an access token. A token of a voided generation is reuse: it shows that two clients have
 * tokens of the session.
 */
function assessGeneration({ gen }: Presented, record: SessionRecord, config: RotationConfig): Assessment {
  if (gen === undefined) return GOOD
  if (lineage.isVoided(record, gen)) return REUSE
  return gen === record.gen && lineage.isUnconfirmed(record, config) ? { outcome: 'unconfirmed', record } : GOOD
}

/**
 * Whether a token without a session was issued before the cut-off. `iat` is in whole seconds, so tokens of the
 * cut-off's second count as before.
 */
function isCutOff({ iat }: Presented, { cutoff }: SubjectRecord): boolean {
  // A cut-off of 0 is none. An adopted token without `iat` has the `iat` 0.
  return cutoff > 0 && iat * 1000 <= cutoff
}

/**
 * A rotation or a recovery at `now` (milliseconds): the new generation, the `jti` of the new refresh token, and the
 * `exp` (seconds) of the new access token.
 */
export interface Exchange {
  readonly outcome: 'rotate' | 'recover'
  readonly gen: number
  readonly jti: string
  readonly accessExp: number
  readonly now: number
}

/** Returns the record after a rotation or a recovery. */
export function successor(
  token: Presented,
  before: SessionRecord,
  { outcome, gen, jti, accessExp, now }: Exchange,
  config: RotationConfig,
): SessionRecord {
  const iat = Math.floor(now / 1000)
  // New refresh tokens last as long as the one of the login, at most until the absolute end.
  const exp = Math.min(iat + Math.max(1, Math.ceil(token.exp - token.iat)), Math.floor(before.expiresAt / 1000))
  const endsAt = Math.max(before.endsAt, exp * 1000, accessExp * 1000)
  const keptUntil = Math.max(before.keptUntil, keptUntilAfter(exp, accessExp))
  const accessEndsAt = accessExp * 1000
  const from = token.sid === undefined ? 0 : (token.gen ?? 0)
  const change =
    outcome === 'rotate'
      ? { lineage: lineage.rotated(before, { from, gen, accessEndsAt, now }, config) }
      : {
          lineage: lineage.recovered(before, gen, accessEndsAt),
          voided: lineage.voidedAfter(before, now, config),
        }
  return { ...before, gen, jti, iat, exp, endsAt, keptUntil, rotatedAt: now, ...change, ...activityAt(before, now) }
}

/**
 * A check of the user's credentials at `now` (milliseconds): the methods (claim `amr`), and the `exp` (seconds) of the
 * new access token.
 */
export interface Reauthentication {
  readonly amr: readonly string[]
  readonly accessExp: number
  readonly now: number
}

/** Returns the record after the user gave credentials again. The generation and its refresh token stay the same. */
export function reauthenticated(before: SessionRecord, { amr, accessExp, now }: Reauthentication): SessionRecord {
  const authTime = Math.floor(now / 1000)
  const endsAt = Math.max(before.endsAt, accessExp * 1000)
  const keptUntil = Math.max(before.keptUntil, keptUntilAfter(accessExp))
  const change = { ...authenticationOf(authTime, [...(before.amr ?? []), ...amr]), endsAt, keptUntil }
  return { ...before, ...change, ...activityAt(before, now) }
}

/** Returns the members of a record that say when (`authTime`, seconds) and how (`amr`) the user gave credentials. */
export function authenticationOf(
  authTime: number | undefined,
  amr: readonly string[] = [],
): Pick<SessionRecord, 'authTime' | 'amr'> {
  return { ...(authTime !== undefined && { authTime }), ...(amr.length > 0 && { amr: [...new Set(amr)] }) }
}

/**
 * Returns the record that a refresh or `reauthenticate` changes. If the store has none, the token has no session yet:
 * the result is the first record of the session that is opened for it.
 */
export function recordBefore(
  token: Presented,
  { record, subject }: StoredState,
  config: RotationConfig,
): SessionRecord {
  return record === undefined || isTombstone(record) ? opened(token, subject, config) : record
}

/** When the login of a valid token ends, and whether its cookies end with the browser. */
export interface LoginEnd {
  /**
   * When the session ends if it is not refreshed, milliseconds. For a token without a session: the absolute end of the
   * session that its refresh would open.
   */
  readonly endsAt: number
  /** Whether the session's cookies outlive the browser. `undefined`: `sessionCookie` and `cookieMaxAge` decide. */
  readonly persistent?: boolean | undefined
}

/** Returns when the login of a valid token ends. The token may have no session. */
export function endOf(token: Presented, { record }: StoredState, config: RotationConfig): LoginEnd {
  if (record === undefined || isTombstone(record)) return { endsAt: ownEnd(token, config) }
  return { endsAt: Math.min(record.expiresAt, record.exp * 1000), persistent: record.persistent }
}

/** Until when (milliseconds) to keep the record of tokens with the given `exp` (seconds). */
export const keptUntilAfter = (...exps: number[]) => Math.ceil(Math.max(...exps)) * 1000 + KEPT_AFTER_EXP

/**
 * Returns the first record of a session that begins with a token without a `sid`. The session counts from the time when
 * this token was issued.
 */
function opened(token: Presented, subject: SubjectRecord, config: RotationConfig): SessionRecord {
  const { sub, jti, iat, exp, login_type, auth_time, amr } = token
  const createdAt = iat * 1000
  const expiresAt = ownEnd(token, config)
  return {
    sub,
    ...ofLoginType(storedTypeOf(login_type, config)),
    gen: 0,
    jti,
    iat,
    exp,
    cutoff: subject.cutoff,
    createdAt,
    rotatedAt: createdAt,
    lastActiveAt: createdAt,
    expiresAt,
    endsAt: createdAt,
    keptUntil: expiresAt + KEPT_AFTER_EXP,
    openerExp: exp,
    ...authenticationOf(auth_time, amr),
    device: {},
  }
}
