import { isObject } from '../config/values.js'
import { StoreUnavailableError } from '../errors.js'
import { isTextList } from '../token/payload.js'
import { sha256 } from '../token/sha256.js'

/** What is known about the device of a session: user agent, IP address, fields of the application. */
export type Device = Readonly<Record<string, unknown>>

/** A live session in the store, under `session:<id>`. Members ending in `At`, and `keptUntil`, are milliseconds. */
export interface SessionRecord {
  readonly sub: string
  /** Separates instances that share a store: they do not accept sessions of another login type. */
  readonly loginType?: string
  readonly gen: number
  /** The subject's cut-off, read at login before this record was written. */
  readonly cutoff: number
  readonly createdAt: number
  readonly rotatedAt: number
  readonly lastActiveAt: number
  /**
   * The last activity before the minute of `lastActiveAt`. Lists show it until the minute of `lastActiveAt` has passed.
   */
  readonly activeBefore?: number
  /** The absolute end: after it, all tokens of the session are invalid. */
  readonly expiresAt: number
  /**
   * The latest `exp` of the tokens that login, refresh and `reauthenticate` have issued for the session, milliseconds.
   */
  readonly endsAt: number
  /**
   * The store keeps the live record at least until this time, which is later than the last `exp` of the session's
   * tokens.
   */
  readonly keptUntil: number
  /**
   * `exp` (seconds) of the token without a `sid` whose refresh opened the session. Missing if a login opened it. The
   * record must exist until then, because without it that token could open the session again.
   */
  readonly openerExp?: number
  /** `jti`, `iat` and `exp` are claims of the current refresh token; `iat` and `exp` are seconds. */
  readonly jti: string
  readonly iat: number
  readonly exp: number
  /**
   * The CSRF value of new tokens, if the refresh token has none because it was issued before cookies were configured.
   */
  readonly csrf?: string
  /** When the user last gave credentials: the claim `auth_time`, seconds. */
  readonly authTime?: number
  /** How the user has given credentials since the login: the claim `amr`. */
  readonly amr?: readonly string[]
  /** The exchange that made the current generation. Missing in a record of a version before 0.2.0. */
  readonly lineage?: Lineage
  /**
   * Generations whose tokens a recovery has voided: the response with them was lost, and a later refresh issued other
   * tokens. Each is kept until its access tokens have expired.
   */
  readonly voided?: readonly VoidedGenerations[]
  /**
   * `gen` is the last generation whose tokens a replay has given out again. `inARow`: for how many generations in a row
   * that happened, up to and including `gen`.
   */
  readonly replayed?: Replayed
  /** Whether the session's cookies outlive the browser. Missing: `sessionCookie` and `cookieMaxAge` decide. */
  readonly persistent?: boolean
  readonly device: Device
  /** The `context` of the login. Missing if it had none. */
  readonly context?: Readonly<Record<string, unknown>>
}

/**
 * The exchange that made the current generation, and earlier exchanges that are within their grace period. Times are
 * milliseconds.
 */
export interface Lineage {
  /**
   * The current generation when this was written. If the record's own `gen` is another, a version before 0.2.0 has
   * refreshed the session since, and the lineage is out of date.
   */
  readonly gen: number
  /** The generation of the predecessor, the refresh token that the last rotation exchanged. -1 if there is none. */
  readonly from: number
  /**
   * When the rotation of the predecessor was. A recovery does not change it; the `rotatedAt` of the record is the last
   * rotation or recovery.
   */
  readonly exchangedAt: number
  /**
   * When the last access token of the current generation ends. A replay may give out an access token that ends a little
   * later.
   */
  readonly accessEndsAt: number
  /**
   * When a replay last gave out the tokens of the current generation again. Written at most every half grace period.
   * Missing: not since `rotatedAt`.
   */
  readonly givenAt?: number
  /** True if somebody has used a token of the current generation, so the client has received the response. */
  readonly confirmed?: true
  /** Used-up refresh tokens before the predecessor: the generation, and when its grace period began. */
  readonly older: readonly (readonly [gen: number, at: number])[]
}

/**
 * The voided generations from `first` to `last`. At `until` (milliseconds) all their access tokens have expired, and
 * the entry can be dropped.
 */
export interface VoidedGenerations {
  readonly first: number
  readonly last: number
  readonly until: number
}

export interface Replayed {
  readonly gen: number
  readonly inARow: number
}

/** Replaces the record of a session that was revoked. Also the record of a revoked token that has no session. */
export interface Tombstone {
  readonly revoked: true
}

/**
 * The record of a subject in the store, under `subject:<hash>`. A session is revoked if its login read an earlier
 * cut-off than this one, unless its id is `except`.
 */
export interface SubjectRecord {
  readonly cutoff: number
  /** The `sid` of the session that the cut-off does not revoke. */
  readonly except?: string
}

/**
 * Kept under `replaced:<id>` after a login whose request had a token of the login `id` in a cookie: the login has
 * replaced the cookie. `at`: when, milliseconds. It decides about no token. It only keeps a late response about the old
 * token from clearing the new cookies.
 */
export interface ReplacedMark {
  readonly at: number
}

/**
 * The list of a subject's sessions in the store, under `sessions:<hash>`: `[sid, end in milliseconds]` for each
 * session, the oldest login first. An entry with an empty `sid` stands for all sessions that were left out because the
 * list was full: it has the latest of their ends, and the subject's cut-off at that time. In the entry of a session, a
 * third member means that this session must be ended, because the list exceeded `maxSessions`. The entry stays until
 * the session has been ended.
 */
export type Listing = readonly (readonly [sid: string, end: number, cutoffOrEnding?: number])[]

export const NEVER_CUT: SubjectRecord = { cutoff: 0 }

/**
 * Milliseconds for which records are kept after the `exp` of their tokens. Tokens are accepted for `decodeLeeway` after
 * `exp`, and the record that revokes them must exist longer. The record of a revoked session (its tombstone) may be
 * deleted earlier if a login opened the session: it is kept for this time after the revocation. The session's tokens
 * have a `sid`, and a token with a `sid` is refused if its session has no record.
 */
export const KEPT_AFTER_EXP = 10 * 60_000

/** Ten years, in milliseconds. A cut-off must be kept longer than any token that it revokes. */
export const CUTOFF_KEPT = 10 * 365 * 86_400_000

export const TOMBSTONE = JSON.stringify({ revoked: true } satisfies Tombstone)

const PLAIN_ID = /^[A-Za-z0-9_-]{1,64}$/

/** Ids of other issuers can have any length and any characters, so they are hashed. */
const keyPart = (id: string) => (PLAIN_ID.test(id) ? id : `~${sha256(id)}`)

/** The key of a session's record. */
export const sessionKey = (id: string) => `session:${keyPart(id)}`

/** The key of the mark that a login has replaced the cookies of a session. */
export const replacedKey = (id: string) => `replaced:${keyPart(id)}`

/** The hash of subject and login type. Two login types can use one subject for different people. */
export const subjectHash = (sub: string, loginType = '') => sha256(JSON.stringify([loginType, sub]))

export const subjectKey = (sub: string, loginType: string | undefined) => `subject:${subjectHash(sub, loginType)}`

export const listingKey = (sub: string, loginType: string | undefined) => `sessions:${subjectHash(sub, loginType)}`

/** The member `loginType` of a new record, or nothing if there is no login type. */
export const ofLoginType = (loginType: string | undefined) => (loginType === undefined ? {} : { loginType })

export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

const NUMBERS = [
  'gen',
  'cutoff',
  'createdAt',
  'rotatedAt',
  'lastActiveAt',
  'expiresAt',
  'endsAt',
  'keptUntil',
  'iat',
  'exp',
] as const

const hasNumbers = (value: unknown, ...names: string[]) => isObject(value) && names.every(name => isNumber(value[name]))

const isAbsentOr = (value: unknown, isSound: (value: unknown) => boolean) => value === undefined || isSound(value)

const isFlag = (value: unknown) => typeof value === 'boolean'

const isReplayed = (value: unknown) => hasNumbers(value, 'gen', 'inARow')

const isLineage = (value: unknown) =>
  isObject(value) &&
  hasNumbers(value, 'gen', 'from', 'exchangedAt', 'accessEndsAt') &&
  isAbsentOr(value.givenAt, isNumber) &&
  isAbsentOr(value.confirmed, confirmed => confirmed === true) &&
  Array.isArray(value.older) &&
  value.older.every(each => Array.isArray(each) && each.length === 2 && each.every(isNumber))

const isVoidedList = (value: unknown) =>
  Array.isArray(value) && value.every(each => hasNumbers(each, 'first', 'last', 'until'))

export function notOurs(what: string): StoreUnavailableError {
  return new StoreUnavailableError({ cause: new Error(`the store holds a ${what} that koa-authx did not write`) })
}

/** Parses JSON; `undefined` if it is invalid. The error of JSON.parse is dropped, because it quotes the value. */
export function parse(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

/**
 * Parses and checks a session's record. Returns `undefined` if there is no value.
 * @throws StoreUnavailableError if koa-authx did not write the value, because the token might be revoked.
 */
export function parseSession(value: string | undefined): SessionRecord | Tombstone | undefined {
  if (value === undefined) return undefined
  const record = parse(value)
  if (isObject(record)) {
    if (record.revoked === true) return { revoked: true }
    const sound =
      NUMBERS.every(name => isNumber(record[name])) && typeof record.sub === 'string' && typeof record.jti === 'string'
    const soundToo =
      ['activeBefore', 'openerExp', 'authTime'].every(name => isAbsentOr(record[name], isNumber)) &&
      isAbsentOr(record.amr, isTextList) &&
      isAbsentOr(record.persistent, isFlag) &&
      isAbsentOr(record.replayed, isReplayed) &&
      isAbsentOr(record.lineage, isLineage) &&
      isAbsentOr(record.voided, isVoidedList) &&
      isAbsentOr(record.context, isObject)
    if (sound && soundToo && isObject(record.device)) return record as unknown as SessionRecord
  }
  throw notOurs('session record')
}

/**
 * Parses and checks a subject's record. Returns cut-off 0 if there is no value. @throws StoreUnavailableError if
 * koa-authx did not write the value.
 */
export function parseSubject(value: string | undefined): SubjectRecord {
  if (value === undefined) return NEVER_CUT
  const record = parse(value)
  if (
    isObject(record) &&
    isNumber(record.cutoff) &&
    (record.except === undefined || typeof record.except === 'string')
  ) {
    return record as unknown as SubjectRecord
  }
  throw notOurs('subject record')
}

/**
 * Parses and checks the mark that a login has replaced a session. Returns `undefined` if there is no value.
 * @throws StoreUnavailableError if koa-authx did not write the value.
 */
export function parseReplaced(value: string | undefined): ReplacedMark | undefined {
  if (value === undefined) return undefined
  const mark = parse(value)
  if (isObject(mark) && isNumber(mark.at)) return { at: mark.at }
  throw notOurs('mark of a replaced session')
}

/**
 * Parses and checks a subject's list of sessions. @throws StoreUnavailableError if koa-authx did not write the value.
 */
export function parseListing(value: string | undefined): Listing {
  if (value === undefined) return []
  const pairs = parse(value)
  const isCutoff = (value: unknown) => value === undefined || isNumber(value)
  const isEntry = (entry: unknown) =>
    Array.isArray(entry) && typeof entry[0] === 'string' && isNumber(entry[1]) && isCutoff(entry[2])
  if (Array.isArray(pairs) && pairs.every(isEntry)) return pairs as Listing
  throw notOurs('listing')
}
