import { minuteOf, shownActivity } from './activity.js'
import type { Device } from './record.js'
import { acceptedRecord, type Known, type Owner, type RotationConfig } from './rotation.js'

/**
 * What is shown of sessions to people. No decision about a token is taken from a list: a session that is missing from it
 * is as good, and as revocable, as any other.
 */

/** One login, as the application sees it. */
export interface Session {
  /** Its id, the claim `sid` of its tokens. */
  sid: string
  /** Whose it is. */
  sub: string
  /** The login, rounded down to the minute. */
  createdAt: Date
  /**
   * The login, the last refresh or, with `sessionTracking`, the last guarded request; rounded down to the minute. Activity
   * in a minute that is not over is not shown yet.
   */
  lastActiveAt: Date
  /** The absolute end; the session ends earlier if it is not refreshed. */
  expiresAt: Date
  /** What `login` was given, and with `sessionTracking` user agent and IP address. */
  device: Device
}

/** The live sessions of a subject, the most recently active first; of those of one minute the youngest login first. */
export interface SessionList extends Array<Session> {
  /** True if live sessions may be missing: a list has room for the 500 youngest. Absent if none is missing. */
  incomplete?: true
}

/** A session as it is shown; `undefined` if guards accept no token of it: it has ended, by itself too. */
export function toSession(owner: Owner, known: Known, now: number, config: RotationConfig): Session | undefined {
  const record = acceptedRecord(owner, known, now, config)
  if (!record) return undefined
  const { sub, createdAt, expiresAt, device } = record
  return {
    sid: owner.id,
    sub,
    createdAt: new Date(minuteOf(createdAt)),
    lastActiveAt: new Date(shownActivity(record, now)),
    expiresAt: new Date(expiresAt),
    device,
  }
}
