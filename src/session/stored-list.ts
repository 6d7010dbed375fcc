import type { Listing, SubjectRecord } from './record.js'

/** The stored list of a subject's sessions, as pure functions. */

/** The maximum number of live sessions that a list shows. */
export const MOST_LISTED = 500
/**
 * The maximum number of sessions in a stored list. If there are more, those that have ended are removed. If there are
 * still more, only the newest 500 stay. With the longest ids, 700 entries take just below 64 kB, the limit of a value.
 */
const MOST_KEPT = 700
/**
 * Maximum bytes of a session's id in a list, quotes included. A session with a longer id is not listed. Ids of
 * koa-authx have 38 bytes. Ids of other issuers can have any length.
 */
const LONGEST_ID = 66

/**
 * The id of a special entry. It stands for sessions that were left out of a list that was too long, and that may be
 * live. No session has an empty id.
 */
const UNLISTED = ''

export type Entry = Listing[number]

/** A change of a list. */
export interface Change {
  readonly add?: Entry
  /** Ids of sessions that have ended. An end is final, so it does not matter when they are removed. */
  readonly ended?: ReadonlySet<string>
}

export const hasRoomFor = (sid: string) => sid !== UNLISTED && Buffer.byteLength(JSON.stringify(sid)) <= LONGEST_ID

const isEntry = ([sid]: Entry) => sid !== UNLISTED

/** Returns the entry with a mark: its session must be ended. The mark stays until that is done, even after a crash. */
export const ending = ([sid, end]: Entry): Entry => [sid, end, 1]

export const isEnding = ([sid, , mark]: Entry) => sid !== UNLISTED && mark !== undefined

/** The sessions in a list, the oldest first. */
export const entriesOf = (list: Listing): Listing => list.filter(isEntry)

/** The list after all `changes`. A session that is added again keeps the mark that it must be ended. */
export function changed(list: Listing, changes: readonly Change[]): Listing {
  const added = new Map(changes.flatMap(({ add }) => (add ? [[add[0], add] as const] : [])))
  const gone = changes.flatMap(({ ended }) => ended ?? [])
  for (const entry of list) {
    const again = isEnding(entry) && added.get(entry[0])
    if (again) added.set(entry[0], ending(again))
  }
  const isKept = ([sid]: Entry) => !added.has(sid) && !gone.some(ended => ended.has(sid))
  return [...list.filter(isKept), ...added.values()]
}

export const isTooLong = (list: Listing) => entriesOf(list).length > MOST_KEPT

/**
 * The list unchanged or, if it is too long, its newest sessions and an entry for those that were left out.
 * @param cutoff the subject's cut-off, read after the list. A later cut-off revokes all sessions that were left out.
 */
export function fitted(list: Listing, cutoff: number): Listing {
  if (!isTooLong(list)) return list
  const entries = entriesOf(list)
  const unlisted = [...entries.slice(0, -MOST_LISTED), ...list.filter(entry => !isEntry(entry))]
  return [...entries.slice(-MOST_LISTED), [UNLISTED, lastEnd(unlisted), cutoff]]
}

/**
 * Returns whether live sessions may be missing from a list at `now` (milliseconds). Returns an id if only the session
 * with this id may be missing: the session that the last cut-off did not revoke.
 */
export function mayBeMissing(list: Listing, { cutoff, except }: SubjectRecord, now: number): boolean | string {
  const note = list.find(entry => !isEntry(entry))
  if (!note || note[1] <= now) return false
  if ((note[2] ?? 0) >= cutoff) return true
  return except !== undefined && !list.some(([sid]) => sid === except) && except
}

/** When (milliseconds) the last of the sessions ends. */
export const lastEnd = (list: Listing) => Math.max(...list.map(([, end]) => end))
