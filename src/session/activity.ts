import type { SessionRecord } from './record.js'

/**
 * When a session was last active, as it is shown to people: to the minute, and only when that minute is over. Until then
 * the activity before it is shown. A list that changed at once would tell a thief with a copied refresh token when its
 * owner refreshes, and so when the copy can be replayed.
 */

type Activity = Pick<SessionRecord, 'lastActiveAt' | 'activeBefore'>

const MINUTE = 60_000

/** The beginning of the minute that `time` is in; both milliseconds. */
export const minuteOf = (time: number) => Math.floor(time / MINUTE) * MINUTE

/** What a record says of activity after one at `now`. */
export function activityAt(before: Activity, now: number): Activity {
  const activeBefore = before.lastActiveAt < minuteOf(now) ? before.lastActiveAt : before.activeBefore
  return { lastActiveAt: now, ...(activeBefore !== undefined && { activeBefore }) }
}

/** The last activity (milliseconds) that is shown at `now`. What a clock ahead of this one has written is not. */
export function shownActivity(record: Activity & Pick<SessionRecord, 'createdAt'>, now: number): number {
  const { createdAt, lastActiveAt, activeBefore = createdAt } = record
  return minuteOf(lastActiveAt < minuteOf(now) ? lastActiveAt : activeBefore)
}
