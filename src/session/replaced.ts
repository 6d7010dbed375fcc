import type { TokenPayload } from '../token/payload.js'
import { KEPT_AFTER_EXP, parseReplaced, type ReplacedMark, replacedKey } from './record.js'
import type { SessionRecords } from './session-records.js'

/**
 * What a login replaces in a browser. Each list has one verified token of each session, or tokens without a session. Our
 * own keys have signed them.
 */
export interface Replaced {
  /** Tokens in cookies of the login's request. The login sets other tokens in the cookies. */
  readonly presented: readonly TokenPayload[]
  /** The tokens of `presented` whose sessions the login ends. */
  readonly ended: readonly TokenPayload[]
}

export const NOTHING_REPLACED: Replaced = { presented: [], ended: [] }

/**
 * For how long a login keeps responses about earlier tokens from clearing cookies, milliseconds. They are responses to
 * requests that the browser sent before the login was answered.
 */
const LATE_RESPONSES = 60_000

/** Writes that a login has replaced the cookies of these sessions. */
export async function markReplaced(records: SessionRecords, ids: readonly string[], now: number): Promise<void> {
  if (ids.length === 0) return
  const keys = ids.map(replacedKey)
  const marks = await records.get(keys)
  const value = JSON.stringify({ at: now } satisfies ReplacedMark)
  // After a conflict, another login at the same moment has written the mark.
  await Promise.all(keys.map((key, n) => records.compareAndSet(key, marks[n], value, now + KEPT_AFTER_EXP)))
}

/** Whether a login has replaced the cookies of one of these sessions, at most a minute before `now` (milliseconds). */
export async function isAnyReplaced(records: SessionRecords, ids: readonly string[], now: number): Promise<boolean> {
  const marks = (await records.get(ids.map(replacedKey))).map(parseReplaced)
  return marks.some(mark => mark !== undefined && Math.abs(now - mark.at) < LATE_RESPONSES)
}
