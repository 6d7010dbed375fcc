import { minuteOf, shownActivity } from './activity.js'
import type { Device } from './record.js'
import { acceptedRecord, type Owner, type RotationConfig, type StoredState } from './rotation.js'

/**
 * The sessions that lists show. Lists do not decide about tokens: a session that is missing from a list is valid, and
 * can be revoked, like any other.
 */

/** A live session: one login of a subject. */
export interface Session {
  /** The session's id: the claim `sid` of its tokens. */
  sid: string
  /** The subject that logged in. */
  sub: string
  /** When the login was, rounded down to the minute. */
  createdAt: Date
  /**
   * When the session was last active, rounded down to the minute: the login, the last refresh or, with
   * `sessionTracking`, the last guarded request. Activity in the current minute is not shown yet.
   */
  lastActiveAt: Date
  /** The absolute end of the session. Without refreshes the session ends earlier. */
  expiresAt: Date
  /** The `device` that was passed to `login`; with `sessionTracking`, also user agent and IP address. */
  device: Device
  /** The `context` that was passed to `login` or `createTokenPair`. Missing if there was none. */
  context?: Readonly<Record<string, unknown>>
}

/** The live sessions of a subject, the most recently active first. Within one minute, the newest login comes first. */
export interface SessionList extends Array<Session> {
  /** True if live sessions may be missing, because a list shows only the 500 newest. Otherwise absent. */
  incomplete?: true
}

/**
 * Returns the session as lists show it at `now` (milliseconds). `undefined` if guards accept no access token of it,
 * because it was revoked or has expired.
 */
export function toSession(owner: Owner, known: StoredState, now: number, config: RotationConfig): Session | undefined {
  const record = acceptedRecord(owner, known, now, config)
  if (!record) return undefined
  const { sub, createdAt, expiresAt, device, context } = record
  return {
    sid: owner.id,
    sub,
    createdAt: new Date(minuteOf(createdAt)),
    lastActiveAt: new Date(shownActivity(record, now)),
    expiresAt: new Date(expiresAt),
    device,
    ...(context && { context }),
  }
}
