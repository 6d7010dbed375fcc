import { isObject } from '../config/values.js'
import { StoreUnavailableError } from '../errors.js'
import { sha256 } from '../token/sha256.js'

/** What the application knows of where a session lives: user agent, IP address, its own fields. */
export type Device = Readonly<Record<string, unknown>>

/** A live session in the store, under `session:<id>`. Members ending in `At`, and `keptUntil`, are milliseconds. */
export interface SessionRecord {
  readonly sub: string
  /** What keeps instances apart that share a store: a session of another login type is none of theirs. */
  readonly loginType?: string
  readonly gen: number
  /** The subject's cut-off as its login read it, before it wrote this record. */
  readonly cutoff: number
  readonly createdAt: number
  readonly rotatedAt: number
  readonly lastActiveAt: number
  /** The last activity in an earlier minute than `lastActiveAt`: what is shown until that minute is over. */
  readonly activeBefore?: number
  /** The absolute end: nothing of the session is good after it. */
  readonly expiresAt: number
  /** When the last of its tokens ends, as things stand. */
  readonly endsAt: number
  /** Until when the store keeps the live record, at least: past the last `exp` of its tokens. */
  readonly keptUntil: number
  /** `exp` (seconds) of the token that opened the session, if that names none: so long it could open it again. */
  readonly openerExp?: number
  /** Of the current refresh token; `iat` and `exp` are seconds. */
  readonly jti: string
  readonly iat: number
  readonly exp: number
  /** Given to successors of a token that had none, when cookies came into use after it was issued. */
  readonly csrf?: string
  /** The generation whose token was replayed last, and how many in a row were up to it. */
  readonly replayed?: Replayed
  readonly device: Device
}

export interface Replayed {
  readonly gen: number
  readonly inARow: number
}

/** What takes the place of a session, or stands for a single token, when it has been revoked. */
export interface Tombstone {
  readonly revoked: true
}

/** What is stored under `subject:<hash>`: sessions whose login read an earlier cut-off are dead, but for one. */
export interface SubjectRecord {
  readonly cutoff: number
  /** The sid of the session that outlived the cut-off. */
  readonly except?: string
}

/**
 * `[sid, end in milliseconds]` of each session, under `sessions:<hash>`, the oldest login first. An empty `sid` stands for
 * sessions that have no room: the last of their ends, and the subject's cut-off when they were left out.
 */
export type Listing = readonly (readonly [sid: string, end: number, cutoff?: number])[]

export const NEVER_CUT: SubjectRecord = { cutoff: 0 }

/**
 * Tokens may be accepted `decodeLeeway` past their `exp`; what revokes them has to outlive that. What takes the place of a
 * session is kept as long, for tokens that name a session are refused where there is no record.
 */
export const KEPT_AFTER_EXP = 10 * 60_000

/** Ten years: a cut-off outlives every token that it has to refuse. */
export const CUTOFF_KEPT = 10 * 365 * 86_400_000

export const TOMBSTONE = JSON.stringify({ revoked: true } satisfies Tombstone)

const PLAIN_ID = /^[A-Za-z0-9_-]{1,64}$/

/** Ids of other issuers may be of any length and hold any characters. */
export const sessionKey = (id: string) => `session:${PLAIN_ID.test(id) ? id : `~${sha256(id)}`}`

/** Two login types may call different people by one name. */
export const subjectHash = (sub: string, loginType = '') => sha256(JSON.stringify([loginType, sub]))

export const subjectKey = (sub: string, loginType: string | undefined) => `subject:${subjectHash(sub, loginType)}`

export const listingKey = (sub: string, loginType: string | undefined) => `sessions:${subjectHash(sub, loginType)}`

/** The member of a new record that says of which login type it is, if there are types. */
export const ofLoginType = (loginType: string | undefined) => (loginType === undefined ? {} : { loginType })

const isNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(value)

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

const isReplayed = (value: unknown) => isObject(value) && isNumber(value.gen) && isNumber(value.inARow)

const isAbsentOr = (value: unknown, isSound: (value: unknown) => boolean) => value === undefined || isSound(value)

function notOurs(what: string): StoreUnavailableError {
  return new StoreUnavailableError({ cause: new Error(`the store holds a ${what} that koa-authx did not write`) })
}

/** `undefined` for what is no JSON: the error of JSON.parse quotes what it was given. */
function parse(value: string): unknown {
  try {
    return JSON.parse(value)
  } catch {
    return undefined
  }
}

/** @throws StoreUnavailableError if the value is not one that this library wrote. Unknown is not the same as not revoked. */
export function parseSession(value: string | undefined): SessionRecord | Tombstone | undefined {
  if (value === undefined) return undefined
  const record = parse(value)
  if (isObject(record)) {
    if (record.revoked === true) return { revoked: true }
    const sound =
      NUMBERS.every(name => isNumber(record[name])) && typeof record.sub === 'string' && typeof record.jti === 'string'
    const soundToo =
      ['activeBefore', 'openerExp'].every(name => isAbsentOr(record[name], isNumber)) &&
      isAbsentOr(record.replayed, isReplayed)
    if (sound && soundToo && isObject(record.device)) return record as unknown as SessionRecord
  }
  throw notOurs('session record')
}

/** @throws StoreUnavailableError if the value is not one that this library wrote. */
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

/** @throws StoreUnavailableError if the value is not one that this library wrote. */
export function parseListing(value: string | undefined): Listing {
  if (value === undefined) return []
  const pairs = parse(value)
  const isCutoff = (value: unknown) => value === undefined || isNumber(value)
  const isEntry = (entry: unknown) =>
    Array.isArray(entry) && typeof entry[0] === 'string' && isNumber(entry[1]) && isCutoff(entry[2])
  if (Array.isArray(pairs) && pairs.every(isEntry)) return pairs as Listing
  throw notOurs('listing')
}
