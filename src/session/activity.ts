import type { SessionRecord } from './record.js'

/**
 * When a session was last active, as lists show it: rounded down to the minute, and only after this minute has passed.
 * Until then, lists show the previous activity. If lists showed new activity at once, a thief with a copied refresh
 * token could see when the user's client refreshes, and so when the copy can be replayed.
 */

type Activity = Pick<SessionRecord, 'lastActiveAt' | 'activeBefore'>

const MINUTE = 60_000

/** The beginning of the minute that `time` is in; both milliseconds. */
export const minuteOf = (time: number) => Math.floor(time / MINUTE) * MINUTE

/** The activity members of a record after an activity at `now` (milliseconds). */
export function activityAt(before: Activity, now: number): Activity {
  const activeBefore = before.lastActiveAt < minuteOf(now) ? before.lastActiveAt : before.activeBefore
  return { lastActiveAt: now, ...(activeBefore !== undefined && { activeBefore }) }
}

/**
 * The last activity that lists show at `now`; both milliseconds. A time later than `now`, from a server whose clock is
 * ahead, is not shown.
 */
export function shownActivity(record: Activity & Pick<SessionRecord, 'createdAt'>, now: number): number {
  const { createdAt, lastActiveAt, activeBefore = createdAt } = record
  return minuteOf(lastActiveAt < minuteOf(now) ? lastActiveAt : activeBefore)
}
